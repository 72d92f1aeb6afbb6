#include "audit/ring.h"

#include <thread>

#include "audit/lane_recorder.h"
#include "tests/unit/audit/audit_testing.h"

namespace sluice::audit {
namespace {

Ring make_ring(const AuditDirectories& d, uint64_t base_lsn = 4U << 20) {
  auto ring = Ring::create(d.settings.ring_directory, {.lane = 0,
                                                       .ring_size = d.settings.ring_size,
                                                       .segment_size = d.settings.segment_size,
                                                       .log_epoch = 1,
                                                       .base_lsn = base_lsn,
                                                       .uuid = {}});
  EXPECT_TRUE(ring.has_value()) << (ring ? "" : ring.error().message);
  return std::move(*ring);
}

TEST(audit_ring, records_that_cross_the_end_of_the_ring_are_contiguous) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  Ring ring = make_ring(d);
  const uint64_t size = ring.identity().ring_size;
  std::memcpy(ring.at(size - 4), "abcdefgh", 8);
  EXPECT_EQ(as_text({ring.at(2 * size - 4), 8}), "abcdefgh");
  EXPECT_EQ(as_text({ring.at(size), 4}), "efgh");
}

TEST(audit_ring, only_a_record_with_its_commit_word_its_place_and_its_checksum_is_read_after_a_crash) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  Ring ring = make_ring(d);
  DrainerLink drainer;
  drainer.event = Fd();
  LaneLink lane;
  LaneRecorder recorder(ring, drainer, lane, {});
  SessionCursor s = session(1);
  const uint64_t lsn = recorder.committed();
  ASSERT_TRUE(recorder.session_start(s, {"postgres", "a", "b"}, some_time));
  const uint64_t end = lsn + ring.identity().ring_size;
  ASSERT_EQ(slot_after_crash(ring, lsn, end).kind, RingSlot::Kind::Record);
  EXPECT_EQ(slot_after_crash(ring, recorder.committed(), end).kind, RingSlot::Kind::End);

  static constexpr struct {
    const char* why;
    size_t at;
  } cases[] = {{"commit word", 0}, {"checksum", 8}, {"size", 12}, {"type", 16}, {"time", 24}, {"payload", 60}};
  for (const auto& c : cases) {
    ring.at(lsn)[c.at] ^= std::byte{4};
    EXPECT_EQ(slot_after_crash(ring, lsn, end).kind, RingSlot::Kind::End) << c.why;
    ring.at(lsn)[c.at] ^= std::byte{4};
  }
  // The same bytes a lap later are an old lap, whatever their checksum says.
  const uint64_t lap = lsn + ring.identity().ring_size;
  EXPECT_EQ(slot_after_crash(ring, lap, lap + ring.identity().ring_size).kind, RingSlot::Kind::End);
  EXPECT_EQ(slot_after_crash(ring, lsn, lsn + 40).kind, RingSlot::Kind::End) << "beyond what may be read";
}

TEST(audit_ring, the_slot_after_the_last_record_never_looks_committed) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  Ring ring = make_ring(d);
  RingProducer producer(ring, {});
  // Worst case: memory full of what would be right at every place.
  for (uint64_t lsn = producer.head(); lsn < producer.head() + ring.identity().ring_size; lsn += 8) {
    const uint64_t word = lsn ^ ring.identity().nonce;
    std::memcpy(ring.at(lsn), &word, sizeof word);
  }
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(producer.fits(64, 0));
    (void)producer.begin(64);
    producer.commit(64);
    uint64_t next;
    std::memcpy(&next, ring.at(producer.head()), sizeof next);
    EXPECT_EQ(next, 0U);
  }
}

TEST(audit_ring, no_record_crosses_a_cut_of_the_stream) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  for (uint32_t gap = 8; gap <= 256; gap += 8) {
    const uint64_t cut = 8U << 20;
    Ring ring = make_ring(d, cut - gap);
    RingProducer producer(ring, {});
    ASSERT_TRUE(producer.fits(128, 0));
    (void)producer.begin(128);
    EXPECT_EQ(producer.head(), gap >= 128 ? cut - gap : cut);
    producer.commit(128);
    const auto slot = slot_after_crash(ring, cut - gap, cut + 4096);
    EXPECT_EQ(slot.kind == RingSlot::Kind::Skip, gap < 128) << gap;
  }
}

TEST(audit_ring, one_producer_and_one_consumer_agree_without_a_lock) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  Ring ring = make_ring(d);
  RingProducer producer(ring, {});
  constexpr uint64_t records = 200'000;
  const uint64_t base = producer.head();
  std::thread consumer([&] {
    uint64_t at = base;
    for (uint64_t n = 0; n < records;) {
      const uint64_t head = std::atomic_ref(ring.header().head).load(std::memory_order_acquire);
      while (at < head) {
        uint64_t word;
        std::memcpy(&word, ring.at(at), sizeof word);
        if (word == skip_word(at, ring.identity().nonce)) {
          at = segment_end_of(at, ring.identity().segment_size);
          continue;
        }
        ASSERT_EQ(word, at ^ ring.identity().nonce);
        uint64_t number;
        std::memcpy(&number, ring.at(at) + 8, sizeof number);
        ASSERT_EQ(number, n);
        n += 1;
        at += 64 + n % 13 * 8;
      }
      std::atomic_ref(ring.header().released).store(at, std::memory_order_release);
      std::this_thread::yield();
    }
  });
  for (uint64_t n = 0; n < records; ++n) {
    const auto size = static_cast<uint32_t>(64 + (n + 1) % 13 * 8);
    while (!producer.fits(size, 0)) std::this_thread::yield();
    std::byte* at = producer.begin(size);
    std::memcpy(at + 8, &n, sizeof n);
    producer.commit(size);
  }
  consumer.join();
}

TEST(audit_ring, a_lane_and_the_drainer_share_nothing_but_what_they_synchronise) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  std::atomic<uint64_t> woken = 0;
  auto log = AuditLog::open(d.settings, 2, [&](unsigned) { woken.fetch_add(1); woken.notify_all(); });
  ASSERT_TRUE(log);
  const auto work = [&](unsigned lane) {
    Recorder& r = (*log)->recorder(lane);
    SessionCursor s = session(static_cast<uint8_t>(lane + 1));
    ASSERT_TRUE(r.session_start(s, {}, some_time));
    for (int i = 0; i < 5000; ++i) {
      while (true) {
        const uint64_t before = woken.load();
        if (r.intent(s, intent_of(static_cast<uint64_t>(i) % 50, "select 1"), some_time)) break;
        woken.wait(before);
      }
      if (i % 500 == 0) r.request_sync();
      r.outcome(s, {.intent_seq = s.seq, .success = true}, some_time);
    }
    r.session_end(s, {"client terminated"}, some_time);
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  (*log)->close();
  const auto all = read_all(d.settings.directory);
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(count(*all, RecordType::Outcome), 10'000U);
}

}  // namespace
}  // namespace sluice::audit
