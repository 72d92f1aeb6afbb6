#include "io/slab.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace sluice::io {
namespace {

struct Recycled final : SlabPool::Recycler {
  void recycle(uint32_t slab) override { slabs.push_back(slab); }
  std::vector<uint32_t> slabs;
};

Slice filled(SlabPool& pool, std::string_view text) {
  Slice out;
  EXPECT_TRUE(pool.take(out));
  std::memcpy(out.tail_room().data(), text.data(), text.size());
  out.grow(static_cast<uint32_t>(text.size()));
  return out;
}

TEST(slab_pool, gives_out_its_reserve_and_no_more) {
  SlabPool pool(2, 3);
  std::vector<Slice> held(3);
  for (Slice& slice : held) EXPECT_TRUE(pool.take(slice));
  EXPECT_EQ(pool.reserve_free(), 0U);
  Slice more;
  EXPECT_FALSE(pool.take(more));
  EXPECT_TRUE(more.empty());
  held.pop_back();
  EXPECT_EQ(pool.reserve_free(), 1U);
  EXPECT_TRUE(pool.take(more));
}

TEST(slab_pool, the_slab_freed_last_is_taken_first) {
  SlabPool pool(0, 4);
  Slice first;
  Slice second;
  ASSERT_TRUE(pool.take(first));
  ASSERT_TRUE(pool.take(second));
  const std::byte* at = first.tail_room().data();
  second = Slice();
  first = Slice();
  Slice again;
  ASSERT_TRUE(pool.take(again));
  EXPECT_EQ(again.tail_room().data(), at) << "the one that is still in the cache";
}

TEST(slab_pool, a_received_slab_goes_back_to_the_kernel_when_its_last_view_is_gone) {
  SlabPool pool(4, 0);
  Recycled recycled;
  pool.set_recycler(&recycled);
  Slice whole = pool.received(3, 100);
  EXPECT_EQ(pool.receive_held(), 1U);
  EXPECT_TRUE(whole.sole_owner());
  Slice part = whole.first(10);
  EXPECT_FALSE(whole.sole_owner());
  whole = Slice();
  EXPECT_TRUE(recycled.slabs.empty()) << "a part still needs it";
  EXPECT_TRUE(part.sole_owner());
  Slice moved = std::move(part);
  EXPECT_TRUE(recycled.slabs.empty()) << "moving is not letting go";
  moved = Slice();
  EXPECT_EQ(recycled.slabs, std::vector<uint32_t>{3});
  EXPECT_EQ(pool.receive_held(), 0U);
}

TEST(slab_pool, slabs_are_recycled_in_the_order_they_are_let_go) {
  SlabPool pool(3, 0);
  Recycled recycled;
  pool.set_recycler(&recycled);
  std::vector<Slice> held;
  for (uint32_t slab = 0; slab < 3; ++slab) held.push_back(pool.received(slab, 1));
  held[1] = Slice();
  held[2] = Slice();
  held[0] = Slice();
  EXPECT_EQ(recycled.slabs, (std::vector<uint32_t>{1, 2, 0}));
}

TEST(slab_pool, bytes_behind_every_slab_may_be_read) {
  SlabPool pool(2, 2);
  for (uint32_t slab = 0; slab < 4; ++slab) {
    unsigned sum = 0;
    for (uint32_t i = 0; i < slab_padding; ++i) sum += std::to_integer<unsigned>(pool.data(slab)[slab_size + i]);
    EXPECT_EQ(sum, 0U);
  }
}

TEST(slice, assignment_to_itself_keeps_the_slab) {
  SlabPool pool(0, 1);
  Slice slice = filled(pool, "abc");
  const Slice& same = slice;
  slice = same;
  EXPECT_EQ(as_text(slice.bytes()), "abc");
  EXPECT_TRUE(slice.sole_owner());
  EXPECT_EQ(pool.reserve_free(), 0U);
}

TEST(slice, an_empty_one_has_no_bytes_and_no_room) {
  Slice none;
  EXPECT_TRUE(none.bytes().empty());
  EXPECT_TRUE(none.tail_room().empty());
  EXPECT_FALSE(none.sole_owner());
}

TEST(slice, room_ends_where_the_slab_ends) {
  SlabPool pool(0, 1);
  Slice slice;
  ASSERT_TRUE(pool.take(slice));
  EXPECT_EQ(slice.tail_room().size(), slab_size);
  slice.grow(slab_size - 1);
  EXPECT_EQ(slice.tail_room().size(), 1U);
  slice.remove_prefix(100);
  EXPECT_EQ(slice.tail_room().size(), 1U) << "room in front is not given back";
  slice.grow(1);
  EXPECT_TRUE(slice.tail_room().empty());
}

TEST(slice, only_the_very_continuation_extends_it) {
  SlabPool pool(0, 2);
  const Slice whole = filled(pool, "abcdef");
  const Slice other = filled(pool, "cdef");
  Slice tail = whole;
  tail.remove_prefix(2);
  Slice gap = whole;
  gap.remove_prefix(3);
  Slice head = whole.first(2);
  EXPECT_FALSE(head.try_extend(gap)) << "a byte is missing in between";
  EXPECT_FALSE(head.try_extend(other)) << "another slab";
  EXPECT_FALSE(head.try_extend(whole)) << "begins before its end";
  EXPECT_FALSE(Slice().try_extend(whole));
  EXPECT_TRUE(head.try_extend(tail));
  EXPECT_EQ(as_text(head.bytes()), "abcdef");
}

TEST(slice_queue, neighbours_in_one_slab_become_one_piece) {
  SlabPool pool(0, 2);
  SliceQueue queue;
  {
    const Slice whole = filled(pool, "abcdef");
    queue.push(whole.first(2));
    Slice tail = whole;
    tail.remove_prefix(2);
    queue.push(tail);
  }
  EXPECT_EQ(queue.count(), 1U);
  EXPECT_EQ(queue.bytes(), 6U);
  EXPECT_TRUE(queue.at(0).sole_owner()) << "the extension's own count is given back";
  queue.push(Slice());
  EXPECT_EQ(queue.count(), 1U) << "nothing is not an entry";
  queue.drop(6);
  EXPECT_EQ(pool.reserve_free(), 2U);
}

TEST(slice_queue, a_view_inside_one_slice_is_in_place_and_across_two_is_gathered) {
  SlabPool pool(0, 2);
  SliceQueue queue;
  queue.push(filled(pool, "abc"));
  queue.push(filled(pool, "def"));
  std::vector<std::byte> scratch;
  EXPECT_EQ(queue.view(1, 2, scratch).data(), queue.at(0).bytes().data() + 1);
  EXPECT_TRUE(scratch.empty());
  EXPECT_EQ(queue.view(3, 3, scratch).data(), queue.at(1).bytes().data());
  EXPECT_EQ(as_text(queue.view(2, 2, scratch)), "cd");
  EXPECT_EQ(scratch.size(), 2U);
  EXPECT_TRUE(queue.view(6, 0, scratch).empty()) << "nothing, at the very end";
}

class QueueOracle : public testing::TestWithParam<unsigned> {};

/// Two queues and two strings, driven by the same random operations, are always the same bytes; and when
/// they are emptied every slab is back.
TEST(slice_queue, small_pieces_go_behind_the_last_slice_where_it_is_alone_in_its_slab) {
  SlabPool pool(1, 2);
  SliceQueue queue;
  EXPECT_FALSE(queue.append_in_place(as_bytes("x"))) << "there is no last slice";
  Slice slice;
  ASSERT_TRUE(pool.take(slice));
  std::memcpy(slice.tail_room().data(), "ab", 2);
  slice.grow(2);
  queue.push(std::move(slice));
  EXPECT_TRUE(queue.append_in_place(as_bytes("cd")));
  EXPECT_EQ(queue.bytes(), 4U);
  EXPECT_EQ(as_text(queue.at(0).bytes()), "abcd");
  EXPECT_FALSE(queue.append_in_place(as_bytes(std::string(slab_size - 3, 'x')))) << "no room";
  {
    const Slice view = queue.at(0);
    EXPECT_FALSE(queue.append_in_place(as_bytes("e"))) << "another view of the slab";
    EXPECT_TRUE(queue.take_tail(1).empty());
  }
  EXPECT_TRUE(queue.append_in_place(as_bytes("e")));
  EXPECT_EQ(as_text(queue.at(0).bytes()), "abcde");
}

TEST(slice_queue, its_tail_comes_out_to_be_written_to_further) {
  SlabPool pool(1, 2);
  SliceQueue queue;
  EXPECT_TRUE(queue.take_tail(0).empty());
  Slice slice;
  ASSERT_TRUE(pool.take(slice));
  slice.grow(10);
  queue.push(std::move(slice));
  EXPECT_TRUE(queue.take_tail(slab_size - 9).empty()) << "not that much room";
  EXPECT_EQ(queue.bytes(), 10U);
  Slice tail = queue.take_tail(slab_size - 10);
  EXPECT_EQ(tail.size(), 10U);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.count(), 0U);
  tail.grow(1);
  queue.push(std::move(tail));
  EXPECT_EQ(queue.bytes(), 11U);
  EXPECT_EQ(pool.reserve_free(), 1U);
}

TEST_P(QueueOracle, queues_of_slices_hold_what_plain_strings_hold) {
  constexpr uint32_t slabs = 400;
  SlabPool pool(0, slabs);
  std::mt19937 random(GetParam());
  const auto below = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); };
  SliceQueue queues[2];
  std::string texts[2];
  Slice source;
  std::vector<std::byte> scratch;
  uint8_t next = 0;
  for (int step = 0; step < 6000; ++step) {
    const size_t which = below(2);
    SliceQueue& queue = queues[which];
    std::string& text = texts[which];
    switch (below(6)) {
      case 0:
      case 1: {  // Push: a piece of a shared slab, so that runs of neighbours and gaps both occur.
        if (source.tail_room().size() < 64 && (pool.reserve_free() == 0 || !pool.take(source))) break;
        const size_t size = 1 + below(40);
        std::string piece;
        while (piece.size() < size) piece.push_back(static_cast<char>(next++));
        std::memcpy(source.tail_room().data(), piece.data(), size);
        source.grow(static_cast<uint32_t>(size));
        Slice tail = source;
        tail.remove_prefix(source.size() - static_cast<uint32_t>(size));
        queue.push(std::move(tail));
        text += piece;
        break;
      }
      case 2: {
        const size_t n = below(text.size() + 1) / (1 + below(4));
        queue.drop(n);
        text.erase(0, n);
        break;
      }
      case 3: {
        const size_t n = below(text.size() + 1);
        queue.move_to(queues[1 - which], n);
        texts[1 - which] += text.substr(0, n);
        text.erase(0, n);
        break;
      }
      case 4: {
        const size_t offset = below(text.size() + 1);
        const size_t size = below(text.size() - offset + 1);
        ASSERT_EQ(as_text(queue.view(offset, size, scratch)), std::string_view(text).substr(offset, size));
        break;
      }
      case 5:
        if (below(50) == 0) {
          queue.clear();
          text.clear();
        }
        break;
    }
    for (const size_t i : {0U, 1U}) {
      ASSERT_EQ(queues[i].bytes(), texts[i].size());
      ASSERT_EQ(queues[i].empty(), texts[i].empty());
    }
    if (step % 97 == 0) {
      ASSERT_EQ(as_text(queue.view(0, queue.bytes(), scratch)), text);
    }
  }
  queues[0].clear();
  queues[1].drop(queues[1].bytes());
  source = Slice();
  EXPECT_EQ(pool.reserve_free(), slabs);
}
INSTANTIATE_TEST_SUITE_P(seeds, QueueOracle, testing::Range(1U, 17U));

}  // namespace
}  // namespace sluice::io
