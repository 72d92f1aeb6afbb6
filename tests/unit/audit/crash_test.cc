// The gateway dies; nothing that was committed may be missing, and nothing may be there that was not.
// Each child process writes until it is killed, and says in shared memory how far it came.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <thread>

#include "audit/lane_recorder.h"
#include "audit/sessions.h"
#include "tests/unit/audit/audit_testing.h"

namespace sluice::audit {
namespace {

constexpr std::byte forged_mark{0xEE};

struct Progress {
  std::atomic<uint64_t> intents;
  std::atomic<uint64_t> outcomes;
  std::atomic<uint64_t> durable_intents;
};

class SharedProgress {
 public:
  SharedProgress() {
    void* memory = ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(memory, MAP_FAILED);
    progress_ = new (memory) Progress{};
  }
  ~SharedProgress() { ::munmap(progress_, sizeof(Progress)); }
  SharedProgress(const SharedProgress&) = delete;
  SharedProgress& operator=(const SharedProgress&) = delete;
  Progress* operator->() const { return progress_; }

 private:
  Progress* progress_;
};

/// Kills the process at the n-th time it passes a point.
struct Killer {
  CrashPoint point;
  std::atomic<int> left;
  static void call(void* context, CrashPoint at) {
    auto* self = static_cast<Killer*>(context);
    if (at == self->point && self->left.fetch_sub(1) == 1) {
      ::kill(::getpid(), SIGKILL);
      ::pause();  // The signal may take another thread first.
    }
  }
};

/// What a hostile client would send: whole records, checksums right, at every place, for every lsn near.
std::string forged_payload(uint64_t lsn) {
  std::string out;
  for (uint64_t guess = lsn & ~uint64_t{7}; out.size() < 3500; guess += 56) {
    RecordHeader h{};
    h.commit = guess;
    h.type = RecordType::SessionStart;
    h.version = 1;
    h.session.bytes.fill(forged_mark);
    h.session_seq = 1;
    h.crc = record_crc(std::as_bytes(std::span{&h, 1}), guess);
    out.append(reinterpret_cast<const char*>(&h), sizeof h);
  }
  return out;
}

[[noreturn]] void write_until_killed(const AuditSettings& settings, const SharedProgress& progress, Killer* killer,
                                     unsigned seed) {
  Environment environment;
  if (killer != nullptr) environment.crash = {Killer::call, killer};
  std::atomic<uint64_t> woken = 0;
  auto log = AuditLog::open(settings, 1, [&](unsigned) { woken.fetch_add(1); woken.notify_all(); },
                            std::move(environment));
  if (!log) ::_exit(3);
  Recorder& r = (*log)->recorder(0);
  std::mt19937 random(seed);
  const auto until = [&](auto attempt) {
    while (true) {
      const uint64_t before = woken.load();
      if (attempt()) return;
      woken.wait(before);
    }
  };
  SessionCursor s = session(1);
  until([&] { return r.session_start(s, {"postgres", "192.0.2.7:1", "0.0.0.0:6432"}, some_time); });
  for (uint64_t i = 1;; ++i) {
    const std::string text = "select " + std::to_string(i % 100);
    const std::string forged = forged_payload(r.committed() + random() % 4096);
    const std::string_view parameters[] = {forged};
    Intent intent = intent_of(i % 100 + 1, text);
    intent.parameters = parameters;
    until([&] { return r.intent(s, intent, some_time); });
    progress->intents.store(i);
    if (random() % 64 == 0) {
      const uint64_t mine = r.committed();
      r.request_sync();
      until([&] { return r.durable() >= mine; });
      progress->durable_intents.store(i);
    }
    r.outcome(s, {.intent_seq = s.seq, .success = true, .tag = "SELECT 1"}, some_time);
    progress->outcomes.store(i);
  }
}

void expect_nothing_lost(const AuditDirectories& d, const SharedProgress& progress, const std::string& what) {
  const auto log = d.open();
  ASSERT_NE(log, nullptr) << what;
  const auto all = read_all(d.settings.directory);
  ASSERT_TRUE(all) << what << ": " << all.error().message;
  const uint64_t intents = count(*all, RecordType::Intent);
  const uint64_t outcomes = count(*all, RecordType::Outcome);
  // The child may have died between the commit and saying so.
  EXPECT_GE(intents, progress->intents.load()) << what;
  EXPECT_LE(intents, progress->intents.load() + 1) << what;
  EXPECT_GE(outcomes, progress->outcomes.load()) << what;
  EXPECT_LE(outcomes, progress->outcomes.load() + 1) << what;
  EXPECT_EQ(count(*all, RecordType::Lost), 0U) << what;
  EXPECT_LE(count(*all, RecordType::SessionStart), 1U) << what;
  EXPECT_EQ(count(*all, RecordType::SessionEnd), count(*all, RecordType::SessionStart)) << what;
  uint64_t seq = 0;
  for (const auto& [record, payload] : *all) {
    ASSERT_NE(record.header.session.bytes[3], forged_mark) << what << ": a payload was read as a record";
    if (record.header.session == SessionId{}) continue;
    EXPECT_EQ(record.header.session_seq, ++seq) << what;
  }
}

void run_child_to_its_end(const AuditDirectories& d, const SharedProgress& progress, CrashPoint point, int nth,
                          unsigned seed) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    static Killer killer{point, {}};
    killer.left = nth;
    write_until_killed(d.settings, progress, &killer, seed);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
}

TEST(audit_crash, promise_03_no_committed_record_is_lost_at_any_point_of_death) {
  REQUIRE_TMPFS();
  static constexpr struct {
    const char* why;
    CrashPoint point;
    int nth;
  } cases[] = {
      {"before the first record", CrashPoint::RecordReserved, 1},
      {"room found, nothing written", CrashPoint::RecordReserved, 1000},
      {"written but not committed", CrashPoint::RecordWritten, 1},
      {"written but not committed, after laps", CrashPoint::RecordWritten, 3001},
      {"committed, head not moved", CrashPoint::RecordCommitted, 1},
      {"committed, head not moved, after laps", CrashPoint::RecordCommitted, 3002},
      {"the first block is with the kernel", CrashPoint::BlockSubmitted, 1},
      {"a later block is with the kernel", CrashPoint::BlockSubmitted, 7},
      {"written, not released", CrashPoint::BlockWritten, 1},
      {"written, not released, later", CrashPoint::BlockWritten, 7},
      {"between two segments", CrashPoint::SegmentSealed, 1},
      {"between two later segments", CrashPoint::SegmentSealed, 2},
  };
  for (const auto& c : cases) {
    const AuditDirectories d;
    const SharedProgress progress;
    run_child_to_its_end(d, progress, c.point, c.nth, 7);
    expect_nothing_lost(d, progress, c.why);
  }
}

TEST(audit_crash, bug_class_23_no_committed_record_is_lost_when_killed_at_random) {
  REQUIRE_TMPFS();
  std::mt19937 random(20260131);
  for (unsigned round = 0; round < 20; ++round) {
    const AuditDirectories d;
    const SharedProgress progress;
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) write_until_killed(d.settings, progress, nullptr, round);
    const uint64_t until = random() % 4000;
    while (progress->intents.load() < until) std::this_thread::yield();
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    expect_nothing_lost(d, progress, "round " + std::to_string(round));
  }
}

TEST(audit_crash, a_death_during_recovery_is_recovered_from) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  const SharedProgress progress;
  run_child_to_its_end(d, progress, CrashPoint::RecordCommitted, 500, 3);
  // The next two starts die with the records carried over and the ring not yet replaced.
  const uint64_t intents = progress->intents.load();
  const uint64_t outcomes = progress->outcomes.load();
  for (int i = 0; i < 2; ++i) run_child_to_its_end(d, progress, CrashPoint::RecoveryWritten, 1, 3);
  progress->intents = intents;
  progress->outcomes = outcomes;
  expect_nothing_lost(d, progress, "third start");
}

TEST(audit_crash, a_session_left_open_is_closed_and_listed_as_crashed) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  const SharedProgress progress;
  run_child_to_its_end(d, progress, CrashPoint::RecordCommitted, 20, 3);
  {
    const auto before = list_sessions(d.settings.directory, {});
    ASSERT_TRUE(before) << before.error().message;
  }
  const auto log = d.open();
  const Recovery& recovery = log->recoveries().at(0).recovery;
  EXPECT_TRUE(recovery.crashed);
  EXPECT_FALSE(recovery.damaged);
  EXPECT_EQ(recovery.closed_sessions, 1U);
  const auto sessions = list_sessions(d.settings.directory, {});
  ASSERT_TRUE(sessions) << sessions.error().message;
  ASSERT_EQ(sessions->size(), 1U);
  EXPECT_EQ(sessions->at(0).state, SessionState::Crashed);
  EXPECT_EQ(sessions->at(0).end_reason, "gateway crash");
}

TEST(audit_crash, a_session_older_than_the_last_segment_is_closed_too) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  const SharedProgress progress;
  run_child_to_its_end(d, progress, CrashPoint::SegmentSealed, 2, 3);
  // The machine went down: the ring is gone, so only the list in the last segment knows the session.
  std::filesystem::remove(ring_path(d.settings.ring_directory, 0));
  const auto log = d.open();
  EXPECT_EQ(log->recoveries().at(0).recovery.closed_sessions, 1U);
}

TEST(audit_crash, promise_03_what_was_durable_survives_the_loss_of_the_ring) {
  REQUIRE_TMPFS();
  for (unsigned seed = 1; seed <= 5; ++seed) {
    const AuditDirectories d;
    const SharedProgress progress;
    run_child_to_its_end(d, progress, CrashPoint::RecordWritten, 3000, seed);
    std::filesystem::remove(ring_path(d.settings.ring_directory, 0));
    const auto log = d.open();
    const auto all = read_all(d.settings.directory);
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_GE(count(*all, RecordType::Intent), progress->durable_intents.load());
  }
}

TEST(audit_crash, a_ring_of_another_format_is_refused_and_left_alone) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  const SharedProgress progress;
  run_child_to_its_end(d, progress, CrashPoint::RecordCommitted, 20, 3);
  const std::string path = ring_path(d.settings.ring_directory, 0);
  auto bytes = read_file(path);
  bytes[8] = std::byte{2};
  write_file(path, bytes);
  const auto log = AuditLog::open(d.settings, 1, {});
  ASSERT_FALSE(log);
  EXPECT_NE(log.error().message.find("sluice audit recover"), std::string::npos) << log.error().message;
  EXPECT_EQ(read_file(path), bytes);
}

TEST(audit_crash, fewer_lanes_than_before_still_recovers_all_rings) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto log = AuditLog::open(d.settings, 3, {});
    if (!log) ::_exit(3);
    for (unsigned lane = 0; lane < 3; ++lane) {
      SessionCursor s = session(static_cast<uint8_t>(lane + 1));
      if (!(*log)->recorder(lane).session_start(s, {}, some_time)) ::_exit(4);
    }
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto log = d.open(1);
  ASSERT_EQ(log->recoveries().size(), 3U);
  for (const LaneRecovery& lane : log->recoveries()) EXPECT_EQ(lane.recovery.closed_sessions, 1U) << lane.lane;
  EXPECT_EQ(list_rings(d.settings.ring_directory), (std::vector<uint32_t>{0}));
  const auto all = read_all(d.settings.directory);
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(count(*all, RecordType::SessionEnd), 3U);
}

}  // namespace
}  // namespace sluice::audit
