// Cost of finding values in gathered cells, over three kinds of data, and the groupings that
// docs/decisions/0007 chose between. Budget: 100 ns for a small row, 1.5 ns a byte for bulk text.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <random>
#include <string>

#include "base/assert.h"
#include "rules/detect/detectors.h"
#include "rules/detect/digit_scan.h"

namespace {
using namespace sluice;
using namespace sluice::rules;

constexpr char separator = '\x1E';

std::string digits(std::mt19937& random, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += static_cast<char>('0' + random() % 10);
  return out;
}

/// A: plain prose. B: rows full of digits, as pgbench and timestamps make them. C: every cell a value.
std::string data_of(int kind, size_t size) {
  std::mt19937 random(7);
  constexpr const char* words[] = {"the", "gateway", "reads", "a", "row", "and", "forwards", "it", "unchanged", "when", "nothing"};
  std::string out;
  while (out.size() < size) {
    if (kind == 0) {
      out += std::string(words[random() % std::size(words)]) + " ";
    } else if (kind == 1) {
      out += digits(random, 5) + separator + digits(random, 3) + separator + "2026-11-21 03:14:" + digits(random, 2) + "." +
             digits(random, 6) + separator + digits(random, 10) + separator;
    } else {
      out += "user" + digits(random, 3) + "@example.com" + separator + digits(random, 3) + "-" + digits(random, 2) + "-" +
             digits(random, 4) + separator + "4111-1111-1111-1111" + separator;
    }
  }
  out.resize(size);
  return out;
}

TypeSet types(int mask) {
  TypeSet live;
  for (size_t i = 0; i < data_type_count; ++i) {
    if ((mask >> i & 1) != 0) live.add(static_cast<DataType>(i));
  }
  return live;
}

void detectors(benchmark::State& state) {
  const auto made = *Detectors::make();
  hs_scratch_t* raw = nullptr;
  SLUICE_ASSERT(hs_alloc_scratch(made->database(), &raw) == HS_SUCCESS);
  const HsScratch scratch(raw);
  const std::string text = data_of(static_cast<int>(state.range(0)), static_cast<size_t>(state.range(1)));
  const TypeSet live = types(static_cast<int>(state.range(2)));
  std::vector<Match> matches;
  made->find(text, live, scratch.get(), matches);
  SLUICE_ASSERT((state.range(0) == 2) == !matches.empty());
  for (auto _ : state) {
    matches.clear();
    made->find(text, live, scratch.get(), matches);
    benchmark::DoNotOptimize(matches.data());
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(text.size()));
}
BENCHMARK(detectors)->ArgNames({"data", "bytes", "types"})->ArgsProduct({{0, 1, 2}, {64, 4096, 262144}, {1, 2, 4, 7}});

/// Patterns in one Hyperscan database, without validators: what the digit scan replaced.
int count_match(unsigned, unsigned long long, unsigned long long, unsigned, void* context) {
  *static_cast<size_t*>(context) += 1;
  return 0;
}

void hyperscan_triggers(benchmark::State& state) {
  constexpr const char* patterns[] = {R"((?:\d[ -]?){12}\d)", R"([A-Za-z0-9_%+\x80-\xff-]@[A-Za-z0-9\x80-\xff-])",
                                      R"(\d{3}[- ]\d{2}[- ]\d{4})"};
  std::vector<const char*> chosen;
  std::vector<unsigned> flags, ids;
  for (unsigned i = 0; i < 3; ++i) {
    if ((state.range(2) >> i & 1) == 0) continue;
    chosen.push_back(patterns[i]);
    flags.push_back(HS_FLAG_DOTALL);
    ids.push_back(i);
  }
  hs_database_t* raw_database = nullptr;
  hs_compile_error_t* error = nullptr;
  SLUICE_ASSERT(hs_compile_multi(chosen.data(), flags.data(), ids.data(), static_cast<unsigned>(chosen.size()), HS_MODE_BLOCK,
                                 nullptr, &raw_database, &error) == HS_SUCCESS);
  const HsDatabase database(raw_database);
  hs_scratch_t* raw = nullptr;
  SLUICE_ASSERT(hs_alloc_scratch(database.get(), &raw) == HS_SUCCESS);
  const HsScratch scratch(raw);
  const std::string text = data_of(static_cast<int>(state.range(0)), static_cast<size_t>(state.range(1)));
  size_t matches = 0;
  for (auto _ : state) {
    hs_scan(database.get(), text.data(), static_cast<unsigned>(text.size()), 0, scratch.get(), count_match, &matches);
  }
  benchmark::DoNotOptimize(matches);
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(text.size()));
}
BENCHMARK(hyperscan_triggers)->ArgNames({"data", "bytes", "types"})->ArgsProduct({{0, 1, 2}, {64, 4096}, {1, 2, 4, 7}});

}  // namespace

BENCHMARK_MAIN();
