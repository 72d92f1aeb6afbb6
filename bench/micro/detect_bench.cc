// All shipped data types together over three kinds of data, on one core, beside the same types as textbook
// expressions in one Hyperscan database and as an RE2::Set. Budget: 100 ns for a small row, 1.5 ns a byte for
// bulk text of prose and digits. The counter `values_per_kib` states the density of what is found.
#include <benchmark/benchmark.h>
#include <re2/set.h>

#include <map>
#include <string>

#include "base/assert.h"
#include "rules/detect/detectors.h"
#include "rules/detect/samples.h"
#include "rules/detect/secrets.h"

namespace {
using namespace sluice;
using namespace sluice::rules;

const DataTypes& types() { return DataTypes::shipped(); }

std::string_view class_of(char shape) {
  switch (shape) {
    case '9': return R"(\d)";
    case 'A': return "[A-Za-z]";
    case '#': return "[A-Za-z0-9]";
    case '_': return "[ -]";
    case '.': return R"(\.)";
    case '(': return R"(\()";
    case ')': return R"(\))";
    default: return {};
  }
}

/// `999-99` as \d{3}-\d{2}.
std::string expression_of_shape(std::string_view shape) {
  while (shape.starts_with('?') || shape.starts_with('!')) shape.remove_prefix(1);
  std::string out;
  for (size_t i = 0; i < shape.size();) {
    size_t end = i;
    while (end < shape.size() && shape[end] == shape[i]) end += 1;
    const auto known = class_of(shape[i]);
    out += known.empty() ? std::string(1, shape[i]) : std::string(known);
    if (end - i > 1) out += "{" + std::to_string(end - i) + "}";
    i = end;
  }
  return out;
}

std::string_view tail_of(Charset charset) {
  switch (charset) {
    case Charset::Hex: return "[0-9a-fA-F]";
    case Charset::Base62: return "[A-Za-z0-9]";
    case Charset::Word: return R"([A-Za-z0-9_-])";
    case Charset::Base64: return R"([A-Za-z0-9+/=_-])";
    case Charset::Dotted: return R"([A-Za-z0-9._-])";
  }
  return {};
}

/// The expression that one would write for the type, as presidio, gitleaks and their like do.
std::string textbook(const DataTypeSpec& spec) {
  static const std::map<std::string_view, std::string> by_hand = {
      {"CREDIT_CARD", R"(\b(?:\d[ -]?){12,18}\d\b)"},
      {"EMAIL_ADDRESS", R"(\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}\b)"},
      {"IBAN_CODE", R"(\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b)"},
      {"CRYPTO", R"(\b(?:bc1[a-z0-9]{39,59}|[13][a-km-zA-HJ-NP-Z1-9]{25,34})\b)"},
      {"jwt", R"(\bey[A-Za-z0-9]{17,200}\.ey[A-Za-z0-9/_-]{17,200}\.[A-Za-z0-9/_-]{10,200})"},
      {"private-key", R"(-----BEGIN[ A-Z0-9_-]{0,50}PRIVATE KEY(?: BLOCK)?-----[\s\S]{64,200})"},
      {"http_basic_authentication_header", R"([Aa]uthorization: ?[Bb]asic [A-Za-z0-9+/=]{8,200})"},
      {"http_bearer_authentication_header", R"([Aa]uthorization: ?[Bb]earer [A-Za-z0-9._~+/=-]{16,200})"},
      {"openai-api-key", R"(\bsk-[A-Za-z0-9_-]{20,74}T3BlbkFJ[A-Za-z0-9_-]{20,74})"},
      {"hashicorp-tf-api-token", R"(\b[a-z0-9A-Z]{14}\.atlasv1\.[a-zA-Z0-9_=-]{60,70})"},
      {"password-hash", R"((?:\$(?:2[abxy]|argon2(?:id|i|d)|[56y])\$|SCRAM-SHA-256\$)[A-Za-z0-9$./+=:,-]{40,200})"}};
  if (const auto found = by_hand.find(spec.id); found != by_hand.end()) return found->second;
  if (spec.engine == Engine::Forms) {
    std::string out;
    for (const std::string_view shape : parts_of(spec.shape)) out += (out.empty() ? "" : "|") + expression_of_shape(shape);
    return R"(\b(?:)" + out + ")";  // No boundary behind: some end in a parenthesis.
  }
  const Trigger& trigger = *spec.trigger;
  std::string out = R"(\b)" + std::string(trigger.expression);
  if (trigger.tail_max == 0) return out + R"([^\s:@/]{1,64}:[^\s:@/]{1,64}@[^\s]{1,100})";  // A URL with a password.
  return out + std::string(tail_of(trigger.charset)) + "{" + std::to_string(trigger.tail_min) + "," +
         std::to_string(std::max<int>(trigger.tail_min, std::min<int>(trigger.tail_max, 200))) + "}";
}

std::string data_of(const benchmark::State& state) {
  std::string text = make_sample(static_cast<Sample>(state.range(0)), static_cast<size_t>(state.range(1)));
  text.resize(static_cast<size_t>(state.range(1)));
  return text;
}

void report(benchmark::State& state, size_t size, size_t found) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(size));
  state.counters["values_per_kib"] = static_cast<double>(found) * 1024 / static_cast<double>(size);
  state.SetLabel(std::string(name_of(static_cast<Sample>(state.range(0)))));
}

constexpr int64_t by_cost = 1;

/// `types`: the three that version 0.1 knew, or all.
void detectors(benchmark::State& state) {
  TypeSet live = types().all();
  if (state.range(2) == 3) {
    live = {};
    for (const auto type : {DataType::CreditCard, DataType::EmailAddress, DataType::UsSsn}) live.add(type);
  }
  const GroupingOptions options{std::chrono::milliseconds(state.range(3) == by_cost ? 400 : 0)};
  const auto made = *Detectors::make(types(), live, options);
  HsScratch scratch;
  SLUICE_ASSERT(made->grow(scratch));
  const std::string text = data_of(state);
  const Search search = made->search(live);
  std::vector<Match> matches;
  for (auto _ : state) {
    matches.clear();
    made->find(text, search, scratch.get(), matches);
    benchmark::DoNotOptimize(matches.data());
  }
  state.counters["databases"] = static_cast<double>(made->databases().size());
  report(state, text.size(), matches.size());
}
BENCHMARK(detectors)->ArgNames({"data", "bytes", "types", "grouped"})->ArgsProduct({{0, 1, 2}, {64, 4096, 262144}, {3}, {0}});
BENCHMARK(detectors)->ArgNames({"data", "bytes", "types", "grouped"})->ArgsProduct({{0, 1, 2}, {64, 4096, 262144}, {0}, {0, by_cost}});

int count_match(unsigned, unsigned long long, unsigned long long, unsigned, void* context) {
  *static_cast<size_t*>(context) += 1;
  return 0;
}

/// What suits RE2 best: bytes, no captures, and memory enough for its automaton.
RE2::Options re2_options() {
  RE2::Options options(RE2::Latin1);
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(64 << 20);
  return options;
}

struct Textbook {
  Textbook() : set(re2_options(), RE2::UNANCHORED) {
    types().all().each([&](DataType type) { texts.push_back(textbook(types().spec(type))); });
    std::vector<const char*> expressions;
    std::vector<unsigned> flags(texts.size(), HS_FLAG_DOTALL), ids;
    for (const std::string& text : texts) {
      ids.push_back(static_cast<unsigned>(ids.size()));
      expressions.push_back(text.c_str());
      std::string error;
      if (set.Add(text, &error) < 0) std::fprintf(stderr, "RE2 refuses %s: %s\n", text.c_str(), error.c_str());
    }
    hs_database_t* raw = nullptr;
    hs_compile_error_t* error = nullptr;
    const auto result = hs_compile_multi(expressions.data(), flags.data(), ids.data(), static_cast<unsigned>(texts.size()),
                                         HS_MODE_BLOCK, nullptr, &raw, &error);
    if (result != HS_SUCCESS) std::fprintf(stderr, "Hyperscan refuses %s: %s\n", expressions[static_cast<size_t>(error->expression)], error->message);
    SLUICE_ASSERT(result == HS_SUCCESS);
    database.reset(raw);
    hs_scratch_t* raw_scratch = nullptr;
    SLUICE_ASSERT(hs_alloc_scratch(raw, &raw_scratch) == HS_SUCCESS);
    scratch.reset(raw_scratch);
    SLUICE_ASSERT(set.Compile());
  }
  std::vector<std::string> texts;
  HsDatabase database;
  HsScratch scratch;
  RE2::Set set;
};

const Textbook& all_textbook() {
  static const Textbook made;
  return made;
}

void textbook_hyperscan(benchmark::State& state) {
  const Textbook& book = all_textbook();
  const std::string text = data_of(state);
  size_t found = 0;
  for (auto _ : state) {
    found = 0;
    hs_scan(book.database.get(), text.data(), static_cast<unsigned>(text.size()), 0, book.scratch.get(), count_match, &found);
  }
  report(state, text.size(), found);
}
BENCHMARK(textbook_hyperscan)->ArgNames({"data", "bytes"})->ArgsProduct({{0, 1, 2}, {64, 4096, 262144}});

/// Says only which of the expressions match somewhere, which is less than the others say.
void textbook_re2(benchmark::State& state) {
  const Textbook& book = all_textbook();
  const std::string text = data_of(state);
  std::vector<int> which;
  for (auto _ : state) {
    which.clear();
    book.set.Match(text, &which);
  }
  report(state, text.size(), which.size());
}
BENCHMARK(textbook_re2)->ArgNames({"data", "bytes"})->ArgsProduct({{0, 1, 2}, {4096, 262144}});

}  // namespace

BENCHMARK_MAIN();
