// Cost of a verdict: of a statement that the lane has judged before (facts and decision are found), of one
// judged anew, with 10 and with 10,000 rules; beside them what libpg_query takes to parse the same text.
// To hold: cached at most 1/50 of the parse, and with 10,000 rules at most 1.5 times that with 10.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <pg_query.h>

#include <array>
#include <string>

#include "base/assert.h"
#include "base/big_stack_thread.h"
#include "rules/compile/compile.h"
#include "rules/ruleset/verdict_cache.h"

namespace {
using namespace sluice;
using namespace sluice::rules;

constexpr auto statements = std::to_array<std::string_view>({
    "SELECT abalance FROM pgbench_accounts WHERE aid = $1",
    "UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2 RETURNING abalance",
    "SELECT c.name, r.total FROM recent r JOIN shop.customers c ON c.id = r.customer_id WHERE c.state IN ('a', 'b', 'c') "
    "AND r.total > 100 ORDER BY r.total DESC LIMIT 50",
});

std::string rules_text(int64_t count) {
  std::string text = "rules:\n";
  for (int64_t i = 0; i < count; ++i) {
    const char* const kinds = i % 2 == 0 ? "drop, truncate" : "select, update";
    text += fmt::format("  - {{id: r{}, statement: {{kinds: [{}], relations: [app.t{}]}}, verdict: deny}}\n", i, kinds, i);
  }
  return text;
}

struct World {
  explicit World(int64_t rules) {
    const SourceFile file{"rules.yaml", rules_text(rules)};
    const Principal nobody;
    set = *compile({&file, 1}, {.targets = {}, .any_target = true}, 1, nullptr);
    bound = set->bind("orders", Verdict::Allow, {.principal = nobody});
    scratch.prepare(*set);
    for (const std::string_view text : statements) facts.insert(text, analyze(text, {}, {}));
  }
  std::shared_ptr<const RuleSet> set;
  BoundRules bound;
  Scratch scratch;
  FactsCache facts{AnalyzerLimits{}};
  VerdictCache verdicts;
};

std::string_view text_of(const benchmark::State& state) { return statements[static_cast<size_t>(state.range(0))]; }

void verdict_cached(benchmark::State& state) {
  World world(state.range(1));
  const std::string_view text = text_of(state);
  for (auto _ : state) {
    const FactsPtr facts = world.facts.find(text, Literals::Unread);
    const Decision& decision = world.verdicts.judge(world.bound, facts, text, world.scratch);
    SLUICE_ASSERT(decision.verdict == Verdict::Allow);
    benchmark::DoNotOptimize(decision);
  }
}
BENCHMARK(verdict_cached)->ArgsProduct({{0, 1, 2}, {10, 10'000}})->ArgNames({"statement", "rules"});

void verdict_anew(benchmark::State& state) {
  World world(state.range(1));
  const FactsPtr facts = analyze(text_of(state), {}, {});
  for (auto _ : state) benchmark::DoNotOptimize(world.bound.judge(*facts, text_of(state), world.scratch));
}
BENCHMARK(verdict_anew)->ArgsProduct({{0, 2}, {10, 10'000}})->ArgNames({"statement", "rules"});

void libpg_query_parse(benchmark::State& state) {
  const std::string text(text_of(state));
  for (auto _ : state) {
    const PgQueryParseResult parsed = pg_query_parse(text.c_str());
    SLUICE_ASSERT(parsed.error == nullptr);
    pg_query_free_parse_result(parsed);
  }
}
BENCHMARK(libpg_query_parse)->DenseRange(0, statements.size() - 1)->ArgName("statement");

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  // As on a lane: the parser may need a deep stack.
  auto thread = BigStackThread::start("bench", [] { benchmark::RunSpecifiedBenchmarks(); });
  SLUICE_ASSERT(thread.has_value());
  thread->join();
  return 0;
}
