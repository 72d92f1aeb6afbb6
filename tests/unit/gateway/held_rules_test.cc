#include "gateway/held_rules.h"

#include <gtest/gtest.h>

#include "rules/compile/compile.h"

namespace sluice::gateway {
namespace {

std::shared_ptr<const rules::RuleSet> rule_set(uint64_t generation) {
  const rules::SourceFile file{"a.yaml", "rules: [{id: a, statement: {kinds: [drop]}, verdict: deny}]"};
  auto set = rules::compile({&file, 1}, {.targets = {"orders"}}, generation, nullptr);
  EXPECT_TRUE(set) << set.error().message;
  return *set;
}

class HeldRulesTest : public testing::Test {
 protected:
  HeldRules held(uint64_t generation, uint64_t epoch = 1) {
    const Principal nobody;
    auto bound = rule_set(generation)->bind("orders", Verdict::Allow, {.principal = nobody});
    return {std::make_shared<const rules::BoundRules>(std::move(bound)), epoch, generations_};
  }

  std::vector<uint64_t> released_;
  Generations generations_{[this](uint64_t generation) { released_.push_back(generation); }};
};

TEST_F(HeldRulesTest, a_generation_nobody_holds_is_released_when_the_next_one_comes) {
  generations_.set_current(1);
  generations_.set_current(2);
  EXPECT_EQ(released_, std::vector<uint64_t>{1});
  generations_.set_current(2);
  EXPECT_EQ(released_, std::vector<uint64_t>{1}) << "it is still the same";
}

TEST_F(HeldRulesTest, a_generation_that_is_held_is_released_with_its_last_holder) {
  generations_.set_current(1);
  HeldRules first = held(1);
  HeldRules copy = first;
  HeldRules other = held(1);
  generations_.set_current(2);
  first.reset();
  other = HeldRules();
  EXPECT_TRUE(released_.empty());
  EXPECT_EQ(copy->rule_set().generation(), 1U);
  copy.reset();
  EXPECT_EQ(released_, std::vector<uint64_t>{1});
}

TEST_F(HeldRulesTest, the_current_generation_is_never_released) {
  generations_.set_current(1);
  held(1).reset();
  EXPECT_TRUE(released_.empty());
}

TEST_F(HeldRulesTest, generations_are_released_in_whatever_order_their_holders_end) {
  generations_.set_current(1);
  HeldRules one = held(1);
  generations_.set_current(2);
  HeldRules two = held(2);
  generations_.set_current(3);
  two.reset();
  EXPECT_EQ(released_, std::vector<uint64_t>{2});
  one.reset();
  EXPECT_EQ(released_, (std::vector<uint64_t>{2, 1}));
}

TEST_F(HeldRulesTest, moving_and_assigning_count_as_they_should) {
  generations_.set_current(1);
  HeldRules one = held(1, 5);
  HeldRules moved = std::move(one);
  EXPECT_EQ(moved.epoch(), 5U);
  one = moved;
  one = HeldRules(one);
  generations_.set_current(2);
  moved = held(2, 6);
  EXPECT_TRUE(released_.empty()) << "one more holds it";
  one = moved;
  EXPECT_EQ(released_, std::vector<uint64_t>{1});
  EXPECT_EQ(HeldRules().epoch(), 0U);
  EXPECT_FALSE(HeldRules());
}

}  // namespace
}  // namespace sluice::gateway
