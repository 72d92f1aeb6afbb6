#include "base/big_stack_thread.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <cstddef>
#include <utility>

namespace sluice {
namespace {

struct Stack {
  std::byte* bottom = nullptr;
  size_t size = 0;
};

Stack own_stack() {
  pthread_attr_t attributes;
  pthread_getattr_np(pthread_self(), &attributes);
  void* bottom = nullptr;
  Stack stack;
  pthread_attr_getstack(&attributes, &bottom, &stack.size);
  pthread_attr_destroy(&attributes);
  stack.bottom = static_cast<std::byte*>(bottom);
  return stack;
}

TEST(big_stack_thread, runs_on_the_stack_it_promises_under_its_name) {
  Stack stack;
  std::array<char, 16> name{};
  auto thread = BigStackThread::start("a-name-that-is-too-long", [&] {
    stack = own_stack();
    pthread_getname_np(pthread_self(), name.data(), name.size());
  });
  ASSERT_TRUE(thread) << thread.error().message;
  EXPECT_TRUE(thread->joinable());
  thread->join();
  EXPECT_FALSE(thread->joinable());
  thread->join();
  EXPECT_GE(stack.size, BigStackThread::stack_size);
  EXPECT_STREQ(name.data(), "a-name-that-is-");
}

TEST(big_stack_thread, joins_when_it_dies_and_when_another_takes_its_place) {
  int runs = 0;
  {
    auto thread = *BigStackThread::start("one", [&runs] { ++runs; });
    thread = *BigStackThread::start("two", [&runs] { ++runs; });
    EXPECT_GE(runs, 1);
    BigStackThread moved = std::move(thread);
    EXPECT_TRUE(moved.joinable());
  }
  EXPECT_EQ(runs, 2);
}

TEST(big_stack_thread, every_byte_of_the_stack_can_be_used_and_none_below) {
  const auto touch_below = [](size_t distance) {
    auto thread = BigStackThread::start("touch", [distance] {
      *const_cast<volatile std::byte*>(own_stack().bottom - distance) = std::byte{1};
    });
    thread->join();
  };
  touch_below(0);
  EXPECT_DEATH(touch_below(1), "");
}

}  // namespace
}  // namespace sluice
