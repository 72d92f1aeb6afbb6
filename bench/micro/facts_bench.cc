// Cost of facts: a miss runs the lexer, libpg_query, its JSON and the walk; a hit is a hash and a
// compare; a hit by shape runs the lexer too. Beside them what libpg_query alone takes to parse the same
// text. Sketch before measuring: tens of microseconds for a miss, a hundred times less for a hit.
#include <benchmark/benchmark.h>
#include <pg_query.h>

#include <array>
#include <string>

#include "base/assert.h"
#include "base/big_stack_thread.h"
#include "rules/ruleset/analyzer.h"
#include "rules/sql/canonical.h"

namespace {

using sluice::rules::analyze;
using sluice::rules::AnalyzerLimits;
using sluice::rules::FactsCache;
using sluice::rules::Literals;

constexpr auto statements = std::to_array<std::string_view>({
    "SELECT abalance FROM pgbench_accounts WHERE aid = 1234567",
    "UPDATE pgbench_accounts SET abalance = abalance + 42 WHERE aid = $1 RETURNING abalance",
    "WITH recent AS (SELECT o.id, o.customer_id, sum(l.price * l.quantity) AS total FROM shop.orders o JOIN "
    "shop.order_lines l ON l.order_id = o.id WHERE o.placed_at > now() - interval '7 days' GROUP BY o.id, "
    "o.customer_id HAVING sum(l.price) > 100) SELECT c.name, r.total, row_number() OVER (PARTITION BY c.country "
    "ORDER BY r.total DESC) FROM recent r JOIN shop.customers c ON c.id = r.customer_id LEFT JOIN LATERAL (SELECT "
    "max(t.opened_at) AS opened FROM shop.tickets t WHERE t.customer_id = c.id) x ON true WHERE c.state IN ('a', "
    "'b', 'c') AND coalesce(x.opened, now()) > $1::timestamptz ORDER BY 3, 1 LIMIT 50",
});

std::string_view statement_of(const benchmark::State& state) { return statements[static_cast<size_t>(state.range(0))]; }

void facts_uncached(benchmark::State& state) {
  const std::string_view text = statement_of(state);
  SLUICE_ASSERT(analyze(text, {}, {})->understood);
  for (auto _ : state) benchmark::DoNotOptimize(analyze(text, {}, {}));
  state.counters["bytes"] = static_cast<double>(text.size());
}
BENCHMARK(facts_uncached)->DenseRange(0, statements.size() - 1);

void canonical_text(benchmark::State& state) {
  const std::string_view text = statement_of(state);
  const AnalyzerLimits limits;
  for (auto _ : state) {
    auto lexed = sluice::rules::sql::lex_text(text, {limits.token_max, limits.nesting_max});
    SLUICE_ASSERT(lexed.has_value());
    benchmark::DoNotOptimize(lexed);
  }
}
BENCHMARK(canonical_text)->DenseRange(0, statements.size() - 1);

void facts_cache_hit(benchmark::State& state) {
  FactsCache cache{AnalyzerLimits{}};
  for (const std::string_view text : statements) cache.insert(text, analyze(text, {}, {}));
  const std::string_view text = statement_of(state);
  SLUICE_ASSERT(cache.find(text, Literals::Read) != nullptr && cache.find(text, Literals::Read)->understood);
  for (auto _ : state) benchmark::DoNotOptimize(cache.find(text, Literals::Read));
}
BENCHMARK(facts_cache_hit)->DenseRange(0, statements.size() - 1);

// Another literal than the one that is cached: only the first two are plain enough.
void facts_shape_hit(benchmark::State& state) {
  constexpr auto asked = std::to_array<std::string_view>({
      "SELECT abalance FROM pgbench_accounts WHERE aid = 7654321",
      "UPDATE pgbench_accounts SET abalance = abalance + 43 WHERE aid = $1 RETURNING abalance",
  });
  FactsCache cache{AnalyzerLimits{}};
  for (const std::string_view text : statements) cache.insert(text, analyze(text, {}, {}));
  const std::string_view text = asked[static_cast<size_t>(state.range(0))];
  SLUICE_ASSERT(cache.find(text, Literals::Read) == nullptr && cache.find(text, Literals::Unread) != nullptr);
  for (auto _ : state) benchmark::DoNotOptimize(cache.find(text, Literals::Unread));
}
BENCHMARK(facts_shape_hit)->DenseRange(0, 1);

void libpg_query_parse(benchmark::State& state) {
  const std::string text(statement_of(state));
  for (auto _ : state) {
    const PgQueryParseResult parsed = pg_query_parse(text.c_str());
    SLUICE_ASSERT(parsed.error == nullptr);
    pg_query_free_parse_result(parsed);
  }
}
BENCHMARK(libpg_query_parse)->DenseRange(0, statements.size() - 1);

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const auto thread = sluice::BigStackThread::start("bench", [] { benchmark::RunSpecifiedBenchmarks(); });
  return thread ? 0 : 1;
}
