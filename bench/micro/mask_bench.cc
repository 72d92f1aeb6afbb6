// Cost of a row through the masker, from cells to replacements. Budget: 100 ns for a small row.
#include <benchmark/benchmark.h>

#include <string>

#include "base/assert.h"
#include "rules/compile/compile.h"

namespace {
using namespace sluice;
using namespace sluice::rules;

constexpr std::string_view rules_text =
    "rules:\n"
    "  - {id: values, result: {types: [CREDIT_CARD, EMAIL_ADDRESS, US_SSN]}, mask: {operator: mask, keep_last: 4}}\n"
    "  - {id: writes, statement: {kinds: [update, delete], where: absent}, verdict: deny}\n"
    "  - {id: shapes, statement: {pattern: 'drop table [a-z]+'}, verdict: deny}\n";

struct World {
  World() {
    const SourceFile file{"rules.yaml", std::string(rules_text)};
    set = *compile({&file, 1}, {}, 1, nullptr);
    const Principal nobody;
    bound = set->bind("orders", Verdict::Allow, {.principal = nobody});
    scratch.prepare(*set);
  }
  std::shared_ptr<const RuleSet> set;
  BoundRules bound;
  Scratch scratch;
};

Cell cell_of(std::string_view value) { return {as_bytes(value).data(), static_cast<int32_t>(value.size())}; }

/// `rows` rows a batch: an id, a name, a mail address or plain text, a card or plain text, a timestamp.
void rows(benchmark::State& state) {
  World world;
  const auto count = static_cast<size_t>(state.range(0));
  const bool hits = state.range(1) != 0;
  const MaskPlan plan = world.bound.plan({{"id", 0, 0, 23, false}, {"name", 0, 0, 25, false}, {"mail", 0, 0, 25, false},
                                          {"card", 0, 0, 1043, false}, {"at", 0, 0, 1184, false}},
                                         false, nullptr);
  const Cell cells[] = {cell_of("12345"), cell_of("Alice Archer"),
                        cell_of(hits ? "alice.archer@example.com" : "Long Street 12, Bradford"),
                        cell_of(hits ? "4111111111111111" : "pending delivery"), cell_of("2026-11-21 03:14:15.926535+00")};
  ResultMasker masker(world.scratch);
  for (auto _ : state) {
    masker.begin(world.bound, plan);
    for (size_t i = 0; i < count; ++i) masker.add_row(cells);
    masker.finish();
    benchmark::DoNotOptimize(masker.masked_cells());
  }
  SLUICE_ASSERT(masker.masked_cells() == (hits ? 2 * count : 0));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(count));
}
BENCHMARK(rows)->ArgNames({"rows", "hits"})->ArgsProduct({{1, 10, 100, 1000}, {0, 1}});

void special_bytes(benchmark::State& state) {
  World world;
  const MaskPlan plan = world.bound.plan({{"doc", 0, 0, static_cast<uint32_t>(state.range(0)), false}}, false, nullptr);
  const Cell cell = cell_of("{\"name\": \"J\xC3\xBCrgen\", \"path\": \"C:\\\\temp\", \"note\": \"nothing to see here, move along\"}");
  ResultMasker masker(world.scratch);
  constexpr size_t count = 100;
  for (auto _ : state) {
    masker.begin(world.bound, plan);
    for (size_t i = 0; i < count; ++i) masker.add_row({&cell, 1});
    masker.finish();
  }
  SLUICE_ASSERT(masker.masked_cells() == 0);
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(count));
}
BENCHMARK(special_bytes)->ArgName("type")->Arg(25)->Arg(114);

}  // namespace

BENCHMARK_MAIN();
