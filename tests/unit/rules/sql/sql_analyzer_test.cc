// What hostile text costs in stack and memory.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <functional>
#include <vector>

#include "base/big_stack_thread.h"
#include "rules/ruleset/analyzer.h"
#include "tests/unit/rules/sql/facts_support.h"
#include "tests/unit/rules/sql/samples.h"

namespace sluice::rules::sql {
namespace {

void on_big_stack(std::move_only_function<void()> run) {
  auto thread = BigStackThread::start("test", std::move(run));
  ASSERT_TRUE(thread) << thread.error().message;
  thread->join();
}

// Bytes of the calling thread's stack that were ever touched.
size_t stack_bytes_touched() {
  pthread_attr_t attributes;
  pthread_getattr_np(pthread_self(), &attributes);
  void* bottom = nullptr;
  size_t size = 0;
  pthread_attr_getstack(&attributes, &bottom, &size);
  pthread_attr_destroy(&attributes);
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> resident(size / page);
  if (mincore(bottom, size, resident.data()) != 0) return SIZE_MAX;
  size_t touched = 0;
  for (const unsigned char state : resident) touched += (state & 1) != 0 ? page : 0;
  return touched;
}

// `head`, then `part` as often as the caps allow, then `tail`.
std::string repeat(std::string_view head, std::string_view part, size_t tokens, std::string_view tail,
                   size_t times_max = SIZE_MAX) {
  const AnalyzerLimits limits;
  const size_t room = limits.text_size_max - head.size() - tail.size();
  const size_t times = std::min({room / part.size(), (limits.token_max - 20) / tokens, times_max});
  std::string text(head);
  for (size_t i = 0; i < times; ++i) text += part;
  return text += tail;
}

std::string nest(std::string_view head, std::string_view open, std::string_view inner, std::string_view close) {
  const size_t depth = AnalyzerLimits{}.nesting_max - 1;
  std::string text(head);
  for (size_t i = 0; i < depth; ++i) text += open;
  text += inner;
  for (size_t i = 0; i < depth; ++i) text += close;
  return text;
}

struct HostileText {
  std::string_view why;
  std::string text;
  bool understood = true;
};

// The deepest and largest trees that fit the caps, one per way the grammar has to nest.
std::vector<HostileText> hostile_texts() {
  return {
      {"operator chain", repeat("select 1", "+1", 2, "")},
      {"long operator chain", repeat("select a", " operator(pg_catalog.+) a", 7, "")},
      {"cast chain", repeat("select 1", "::int", 2, "")},
      {"array cast chain", repeat("select 1", "::int[]", 4, "")},
      {"collation chain", repeat("select a", " collate b", 2, "")},
      {"time zone chain", repeat("select a", " at time zone b", 4, "")},
      {"subscripts", repeat("select a", "[1]", 3, "")},
      {"field chain", repeat("select (a)", ".b", 2, "")},
      {"and chain", repeat("select a", " and a", 2, "")},
      {"and or chain", repeat("select a", " and b or a", 4, "")},
      {"not chain", repeat("select ", "not ", 1, "a", 9000)},
      {"not chain beyond the grammar's own stack", repeat("select ", "not ", 1, "a"), false},
      {"sign chain", repeat("select ", "- ", 1, "a", 9000)},
      {"prefix operator chain", repeat("select ", "@ ", 1, "a", 9000)},
      {"union chain", repeat("select 1", " union select 1", 3, "")},
      {"short union chain", repeat("table a", " union table a", 3, "")},
      {"join chain", repeat("select 1 from a", " cross join a", 3, "")},
      {"natural join chain", repeat("select 1 from a", " natural join a", 3, "")},
      {"column list", repeat("select 1", ",1", 2, "")},
      {"relation list", repeat("select 1 from a", ",a", 2, "")},
      {"in list", repeat("select a in (1", ",1", 2, ")")},
      {"case branches", repeat("select case", " when a then b", 4, " end")},
      {"many statements", repeat("", "table a;", 3, "")},
      {"many common table expressions", repeat("with a as (table b)", ",a as (table a)", 7, " table a")},
      {"many rows", repeat("insert into t values (1)", ",(1)", 4, "")},
      {"parentheses", nest("select ", "(", "1", ")")},
      {"nested calls", nest("select ", "f(", "1", ")")},
      {"nested calls with secrets", nest("select ", "dblink('x'||", "'y'", ")")},
      {"nested cases", nest("select ", "case when a then ", "1", " end")},
      {"nested arrays", nest("select ", "array[", "1", "]")},
      {"nested rows", nest("select ", "row(", "1", ")")},
      {"nested subselects", nest("", "select (", "table a", ")")},
      {"nested derived tables", nest("", "select * from (", "table a", ") a")},
      {"nested exists", nest("select 1 where ", "exists (select 1 where ", "true", ")")},
      {"nested with", nest("", "with a as (", "table a", ") table a")},
      {"nested unions", nest("", "table a union (", "table a", ")")},
      {"nested joins", nest("select 1 from ", "(a cross join ", "a", ")")},
      {"nested chains", nest("select ", "(1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+", "1", ")")},
      {"one long literal", repeat("select '", "x", 1, "'", SIZE_MAX)},
      {"nested comments", nest("select 1 ", "/*", "", "*/")},
  };
}

TEST(sql_analyzer, promise_10_the_worst_texts_under_the_caps_fit_the_stack_by_far) {
  // A quarter for an ordinary build; sanitizers make frames several times larger.
#if defined(__SANITIZE_ADDRESS__)
  constexpr size_t bound = BigStackThread::stack_size;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer)
  constexpr size_t bound = BigStackThread::stack_size;
#else
  constexpr size_t bound = BigStackThread::stack_size / 4;
#endif
#else
  constexpr size_t bound = BigStackThread::stack_size / 4;
#endif
  size_t worst = 0;
  for (const HostileText& hostile : hostile_texts()) {
    size_t touched = 0;
    on_big_stack([&] {
      const auto facts = analyze(hostile.text, {}, {});
      EXPECT_EQ(facts->understood, hostile.understood) << hostile.why << ": " << facts->parse_error;
      touched = stack_bytes_touched();
    });
    EXPECT_LT(touched, bound) << hostile.why;
    if (touched > worst) {
      worst = touched;
      RecordProperty("worst_stack_text", std::string(hostile.why));
    }
  }
  RecordProperty("worst_stack_bytes", static_cast<int>(worst));
  std::printf("deepest stack: %zu KiB of %zu KiB\n", worst >> 10, BigStackThread::stack_size >> 10);
}

TEST(sql_analyzer, evasion_53_a_text_over_a_cap_never_reaches_the_grammar) {
  const AnalyzerLimits limits;
  const auto nested = [&](size_t depth) {
    return analyze("select " + std::string(depth, '(') + '1' + std::string(depth, ')'), limits, {});
  };
  EXPECT_TRUE(nested(limits.nesting_max)->understood);
  EXPECT_EQ(nested(limits.nesting_max + 1)->parse_error, "nested deeper than 500");
  EXPECT_FALSE(analyze(std::string(limits.text_size_max + 1, ' '), limits, {})->understood);
  EXPECT_TRUE(analyze(std::string(limits.text_size_max, ' '), limits, {})->understood);
}

TEST(sql_analyzer, samples_can_be_analyzed_again_and_again_on_many_threads) {
  std::vector<std::string> expected;
  for (const std::string_view text : samples) expected.push_back(summary(*facts_of(text)));
  std::vector<BigStackThread> threads;
  for (int i = 0; i < 4; ++i) {
    auto thread = BigStackThread::start("parse", [&expected] {
      for (int round = 0; round < 20; ++round) {
        for (size_t k = 0; k < samples.size(); ++k) EXPECT_EQ(summary(*facts_of(samples[k])), expected[k]);
      }
    });
    ASSERT_TRUE(thread);
    threads.push_back(*std::move(thread));
  }
}

}  // namespace
}  // namespace sluice::rules::sql
