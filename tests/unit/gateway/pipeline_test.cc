#include <gtest/gtest.h>

#include "gateway/pg_pipeline.h"

namespace sluice::gateway {
namespace {

TEST(pipeline, answers_are_matched_in_the_order_of_the_questions) {
  Pipeline pipeline;
  EXPECT_TRUE(pipeline.empty());
  pipeline.push(EntryKind::Parse).name = "s1";
  pipeline.push(EntryKind::Bind).intent_seq = 7;
  pipeline.push(EntryKind::Sync);
  EXPECT_EQ(pipeline.size(), 3U);
  EXPECT_EQ(pipeline.front().kind, EntryKind::Parse);
  EXPECT_EQ(pipeline.front().name, "s1");
  EXPECT_EQ(pipeline.back().kind, EntryKind::Sync);
  pipeline.pop();
  EXPECT_EQ(pipeline.front().intent_seq, 7U);
}

TEST(pipeline, an_entry_stays_where_it_is_when_others_come_and_go) {
  Pipeline pipeline;
  pipeline.push(EntryKind::Sync);
  Entry& kept = pipeline.push(EntryKind::Execute);
  kept.rows = 42;
  for (int i = 0; i < 1000; ++i) pipeline.push(EntryKind::Sync);
  pipeline.pop();
  EXPECT_EQ(&pipeline.front(), &kept);
  EXPECT_EQ(kept.rows, 42U);
}

TEST(pipeline, has_a_depth_beyond_which_the_client_must_wait) {
  Pipeline pipeline;
  for (size_t i = 0; i < Pipeline::depth_max; ++i) {
    EXPECT_FALSE(pipeline.full());
    pipeline.push(EntryKind::Execute);
  }
  EXPECT_TRUE(pipeline.full());
  pipeline.pop();
  EXPECT_FALSE(pipeline.full());
}

TEST(pipeline, what_nobody_filled_in_admits_nothing) {
  const Statement statement;
  EXPECT_EQ(statement.decision.verdict, Verdict::Deny);
  EXPECT_EQ(statement.decision.reason, Reason::NoDecision);
  EXPECT_EQ(Refusal{}.sqlstate, "42501") << "insufficient_privilege";
  EXPECT_FALSE(Portal{}.described);
  EXPECT_EQ(Portal{}.columns, -1);
  EXPECT_EQ(Entry{}.intent_seq, 0U) << "no outcome is owed";
}

}  // namespace
}  // namespace sluice::gateway
