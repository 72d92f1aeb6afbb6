#include "audit/audit_log.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "audit/sessions.h"
#include "tests/unit/audit/audit_testing.h"

namespace sluice::audit {
namespace {

/// Waits for what the drainer tells a lane.
class Wake {
 public:
  std::function<void(unsigned)> callback() {
    return [this](unsigned) {
      const std::lock_guard lock(mutex_);
      calls_ += 1;
      condition_.notify_all();
    };
  }
  template <typename Predicate>
  void until(Predicate predicate) {
    std::unique_lock lock(mutex_);
    while (!predicate()) {
      const int before = calls_;
      condition_.wait(lock, [&] { return calls_ != before || predicate(); });
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  int calls_ = 0;
};

std::unique_ptr<AuditLog> open_with(const AuditDirectories& d, Wake& wake, Environment environment = {}) {
  auto log = AuditLog::open(d.settings, 1, wake.callback(), std::move(environment));
  EXPECT_TRUE(log.has_value()) << (log ? "" : log.error().message);
  return log ? std::move(*log) : nullptr;
}

TEST(audit_log, a_session_is_on_disk_after_close_and_reads_back_in_order) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  {
    const auto log = d.open();
    Recorder& r = log->recorder(0);
    SessionCursor s = session(1);
    ASSERT_TRUE(r.session_start(s, {"postgres", "192.0.2.7:1", "0.0.0.0:6432", true}, some_time));
    ASSERT_TRUE(r.authentication(s, {.success = true, .claimed_user = "ci", .subject = "ci", .target = "orders"}, some_time));
    ASSERT_TRUE(r.intent(s, intent_of(1, "select 1"), some_time));
    EXPECT_EQ(s.seq, 4U) << "start, authentication, text, intent";
    r.outcome(s, {.intent_seq = 4, .success = true, .tag = "SELECT 1", .rows = 1}, some_time);
    ASSERT_TRUE(r.intent(s, intent_of(1, "select 1"), some_time));
    EXPECT_EQ(s.seq, 6U) << "the text is not written twice in a segment";
    r.outcome(s, {.intent_seq = 6, .success = true, .tag = "SELECT 1", .rows = 1}, some_time);
    ASSERT_TRUE(r.cancel(s, {"192.0.2.7:2", true}, some_time));
    r.session_end(s, {"client terminated", 10, 20}, some_time);
    log->close();
  }
  const auto all = read_all(d.settings.directory);
  ASSERT_TRUE(all) << all.error().message;
  std::vector<RecordType> types;
  for (const auto& r : *all) types.push_back(r.record.header.type);
  using enum RecordType;
  EXPECT_EQ(types, (std::vector<RecordType>{Recovery, SessionStart, Authentication, Statement, Intent, Outcome, Intent,
                                            Outcome, Cancel, SessionEnd}));
  for (size_t i = 1; i < all->size(); ++i) EXPECT_EQ((*all)[i].record.header.session_seq, i);
  EXPECT_EQ(std::filesystem::exists(ring_path(d.settings.ring_directory, 0)), false) << "a clean end leaves no ring";
}

TEST(audit_log, promise_11_ring_and_segments_are_for_their_owner_only) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  const auto log = d.open();
  for (const std::string& path : {ring_path(d.settings.ring_directory, 0), d.last_segment()}) {
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U) << path;
  }
}

TEST(audit_log, a_ring_directory_that_is_not_in_memory_is_refused_with_what_to_set) {
  AuditDirectories d;
  std::filesystem::remove_all(d.settings.ring_directory);
  d.settings.ring_directory = d.settings.directory;
  struct statfs status {};
  ASSERT_EQ(::statfs(d.settings.directory.c_str(), &status), 0);
  if (status.f_type == 0x01021994) GTEST_SKIP() << "temporary files are on tmpfs";
  const auto log = AuditLog::open(d.settings, 1, {});
  ASSERT_FALSE(log);
  EXPECT_NE(log.error().message.find("audit.ring_directory must be on tmpfs"), std::string::npos) << log.error().message;
}

TEST(audit_log, settings_that_cannot_hold_their_promises_are_refused) {
  REQUIRE_TMPFS();
  static constexpr struct {
    const char* why;
    uint32_t ring, segment;
    unsigned lanes;
  } cases[] = {
      {"a ring too small for one statement", 1U << 20, 4U << 20, 1},
      {"positions are masked, so a power of two", 3U << 20, 4U << 20, 1},
      {"two cuts within one ring", 4U << 20, 2U << 20, 1},
      {"not a multiple of a page", 2U << 20, (4U << 20) + 8, 1},
      {"no lanes", 2U << 20, 4U << 20, 0},
  };
  for (const auto& c : cases) {
    AuditDirectories d;
    d.settings.ring_size = c.ring;
    d.settings.segment_size = c.segment;
    EXPECT_FALSE(AuditLog::open(d.settings, c.lanes, {})) << c.why;
  }
}

TEST(audit_log, two_processes_never_share_a_log) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  const auto first = d.open();
  const auto second = AuditLog::open(d.settings, 1, {});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("in use by another sluice"), std::string::npos);
}

TEST(audit_log, promise_03_a_full_ring_refuses_the_intent_and_takes_it_after_a_drain) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  Wake wake;
  std::atomic<bool> hold = true;
  std::mutex gate;
  std::unique_lock closed(gate);
  // The drainer stands still in its hook until the gate opens.
  Environment environment;
  environment.result = [&](unsigned, DrainOperation, int result) {
    if (hold.load()) const std::lock_guard pass(gate);
    return result;
  };
  const auto log = open_with(d, wake, std::move(environment));
  Recorder& r = log->recorder(0);
  SessionCursor s = session(1);
  ASSERT_TRUE(r.session_start(s, {}, some_time));
  const std::string text(4000, 'x');
  uint64_t accepted = 0;
  uint64_t id = 0;
  std::vector<uint64_t> open_intents;
  while (r.intent(s, intent_of(++id, text), some_time)) {
    open_intents.push_back(s.seq);
    accepted += 1;
    ASSERT_LT(accepted, 10'000U) << "a ring of 2 MiB never filled";
  }
  EXPECT_GT(r.fill(), 0.5);
  // Every outcome fits although the ring is full, at its largest.
  const std::string tag(64, 't');
  for (const uint64_t seq : open_intents)
    r.outcome(s, {.intent_seq = seq, .success = true, .tag = tag, .bytes_from_client = 1}, some_time);
  hold = false;
  closed.unlock();
  wake.until([&] { return r.intent(s, intent_of(id, text), some_time); });
  r.outcome(s, {.intent_seq = s.seq, .success = true}, some_time);
  r.session_end(s, {"client terminated"}, some_time);
  log->close();
  const auto all = read_all(d.settings.directory);
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(count(*all, RecordType::Intent), accepted + 1);
  EXPECT_EQ(count(*all, RecordType::Outcome), accepted + 1);
}

TEST(audit_log, records_survive_many_laps_of_the_ring_and_cuts_of_the_segment) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  Wake wake;
  const auto log = open_with(d, wake);
  Recorder& r = log->recorder(0);
  SessionCursor s = session(1);
  ASSERT_TRUE(r.session_start(s, {}, some_time));
  constexpr int rounds = 30'000;
  for (int i = 0; i < rounds; ++i) {
    const std::string text = "select " + std::string(static_cast<size_t>(i * 37 % 3000), static_cast<char>('a' + i % 26));
    wake.until([&] { return r.intent(s, intent_of(static_cast<uint64_t>(i % 9000), text), some_time); });
    r.outcome(s, {.intent_seq = s.seq, .success = true, .tag = "SELECT 1"}, some_time);
  }
  r.session_end(s, {"client terminated"}, some_time);
  const uint64_t end = r.committed();
  log->close();
  EXPECT_GT(end, 3 * uint64_t{d.settings.segment_size});
  EXPECT_GT(d.segments().size(), 2U);

  const auto all = read_all(d.settings.directory);
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(count(*all, RecordType::Intent), static_cast<size_t>(rounds));
  EXPECT_EQ(count(*all, RecordType::Outcome), static_cast<size_t>(rounds));
  uint64_t seq = 0;
  uint64_t segment = 0;
  std::set<uint64_t> known;
  for (const auto& [record, payload] : *all) {
    if (record.segment != segment) known.clear();
    segment = record.segment;
    if (record.header.type == RecordType::Recovery) continue;
    EXPECT_EQ(record.header.session_seq, ++seq);
    if (record.header.type == RecordType::Statement) known.insert(decode_statement(payload, 1)->statement_id);
    if (record.header.type != RecordType::Intent) continue;
    ASSERT_TRUE(known.contains(decode_intent(payload, 1)->statement_id)) << "an intent without its text in the segment";
  }
}

TEST(audit_log, a_requested_sync_makes_everything_committed_durable_and_wakes_the_lane) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  Wake wake;
  const auto log = open_with(d, wake);
  Recorder& r = log->recorder(0);
  SessionCursor s = session(1);
  ASSERT_TRUE(r.session_start(s, {}, some_time));
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(r.intent(s, intent_of(1, "insert"), some_time));
    const uint64_t mine = r.committed();
    r.request_sync();
    wake.until([&] { return r.durable() >= mine; });
    r.outcome(s, {.intent_seq = s.seq, .success = true}, some_time);
  }
  r.session_end(s, {"client terminated"}, some_time);
}

TEST(audit_log, promise_03_a_failed_write_or_sync_stops_the_log_for_good) {
  REQUIRE_TMPFS();
  for (const DrainOperation what : {DrainOperation::Write, DrainOperation::Sync}) {
    const AuditDirectories d;
    {
      Wake wake;
      std::atomic<int> attempts = 0;
      Environment environment;
      environment.result = [&](unsigned, DrainOperation operation, int result) {
        if (operation != what) return result;
        attempts += 1;
        return -EIO;
      };
      const auto log = open_with(d, wake, std::move(environment));
      Recorder& r = log->recorder(0);
      SessionCursor s = session(1);
      ASSERT_TRUE(r.session_start(s, {}, some_time));
      ASSERT_TRUE(r.intent(s, intent_of(1, "select 1"), some_time));
      r.request_sync();
      wake.until([&] { return r.failed(); });
      EXPECT_FALSE(r.intent(s, intent_of(1, "select 1"), some_time));
      r.outcome(s, {.intent_seq = 3, .success = true}, some_time);
      r.request_sync();
      EXPECT_NE(log->status().failure.find("Input/output error"), std::string::npos) << log->status().failure;
      log->close();
      EXPECT_EQ(attempts.load(), 1) << "never tried again on the same file";
    }
    // The ring is kept, and the next start carries over what the disk does not have.
    const auto next = d.open();
    EXPECT_TRUE(next->recoveries().at(0).recovery.crashed);
    const auto all = read_all(d.settings.directory);
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_EQ(count(*all, RecordType::Intent), 1U);
    EXPECT_EQ(count(*all, RecordType::Outcome), 1U);
    EXPECT_EQ(count(*all, RecordType::SessionEnd), 1U);
  }
}

TEST(audit_log, a_disk_that_fills_up_stops_new_sessions_first_and_new_intents_then) {
  REQUIRE_TMPFS();
  static constexpr uint64_t gib = 1U << 30;
  static constexpr struct {
    const char* why;
    uint64_t total, available;
    bool session, intent;
  } cases[] = {
      {"room for all", 100 * gib, 50 * gib, true, true},
      {"under a tenth", 100 * gib, 9 * gib, false, true},
      {"under two segments of a small disk", 10U << 20, 6U << 20, false, true},
      {"under a fiftieth", 100 * gib, gib, false, false},
      {"under one segment of a small disk", 10U << 20, 3U << 20, false, false},
  };
  for (const auto& c : cases) {
    const AuditDirectories d;
    std::atomic<uint64_t> total = 100 * gib;
    std::atomic<uint64_t> available = 50 * gib;
    Environment environment;
    environment.disk_space = [&](const std::string&) -> Expected<DiskSpace> { return DiskSpace{total, available}; };
    const auto log = d.open(1, environment);
    Recorder& r = log->recorder(0);
    SessionCursor s = session(1);
    ASSERT_TRUE(r.session_start(s, {}, some_time));
    total = c.total;
    available = c.available;
    while (log->disk_low() == c.session || log->disk_critical() == c.intent) std::this_thread::yield();
    SessionCursor other = session(2);
    EXPECT_EQ(r.session_start(other, {}, some_time), c.session) << c.why;
    EXPECT_EQ(r.intent(s, intent_of(1, "select 1"), some_time), c.intent) << c.why;
    EXPECT_FALSE(r.failed()) << "room can come back";
  }
}

TEST(audit_log, promise_10_a_lane_takes_only_as_many_sessions_as_it_can_end) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  Wake wake;
  const auto log = open_with(d, wake);
  Recorder& r = log->recorder(0);
  std::vector<SessionCursor> open;
  for (uint32_t i = 0; i < 100'000; ++i) {
    SessionCursor s;
    std::memcpy(s.id.bytes.data(), &i, sizeof i);
    s.id.bytes[15] = std::byte{1};
    const double fill = r.fill();
    if (!r.session_start(s, {}, some_time)) {
      if (fill < 0.2) break;
      wake.until([&] { return r.fill() < 0.2; });
      continue;
    }
    open.push_back(s);
  }
  EXPECT_GT(open.size(), 1000U);
  EXPECT_LT(open.size(), 3000U);
  const std::string reason(1000, 'r');
  for (SessionCursor& s : open) r.session_end(s, {reason}, some_time);
}

}  // namespace
}  // namespace sluice::audit
