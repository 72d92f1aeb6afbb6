// Cost of recording, with the drainer running: what one transaction pays on its lane, and how much CPU
// the drainer spends for it.
// Sketch before measuring: about 100 bytes a record, copied once, crc32c at 8 bytes in 3 cycles, two
// stores to publish: 50 to 80 ns a record.
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <time.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "audit/audit_log.h"

namespace {

using namespace sluice;
using namespace sluice::audit;

struct Log {
  Log() {
    std::string rings = "/dev/shm/sluice-bench-XXXXXX";
    std::string log = (std::filesystem::temp_directory_path() / "sluice-bench-XXXXXX").string();
    SLUICE_ASSERT(::mkdtemp(rings.data()) != nullptr && ::mkdtemp(log.data()) != nullptr);
    settings.ring_directory = rings;
    settings.directory = log;
    auto opened = AuditLog::open(settings, 1, [this](unsigned) { woken.fetch_add(1); woken.notify_all(); });
    SLUICE_ASSERT(opened.has_value());
    audit = std::move(*opened);
    session.id.bytes.fill(std::byte{1});
    SLUICE_ASSERT(audit->recorder(0).session_start(session, {"postgres", "192.0.2.7:1", "0.0.0.0:6432"}, 1));
  }
  ~Log() {
    audit->recorder(0).session_end(session, {"client terminated"}, 1);
    audit.reset();
    std::filesystem::remove_all(settings.ring_directory);
    std::filesystem::remove_all(settings.directory);
  }
  template <typename Try>
  void until(Try attempt) {
    while (true) {
      const uint64_t before = woken.load();
      if (attempt()) return;
      woken.wait(before);
    }
  }
  AuditSettings settings;
  std::atomic<uint64_t> woken{0};
  std::unique_ptr<AuditLog> audit;
  SessionCursor session;
};

int64_t cpu_ns(int who) {
  rusage usage{};
  ::getrusage(who, &usage);
  const auto ns = [](timeval t) { return int64_t{t.tv_sec} * 1'000'000'000 + int64_t{t.tv_usec} * 1000; };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// One transaction: a Bind's or Query's intent and its outcome.
void transaction(Log& log, const Intent& intent) {
  Recorder& r = log.audit->recorder(0);
  log.until([&] { return r.intent(log.session, intent, 1'770'000'000'000'000'000); });
  r.outcome(log.session, {.intent_seq = log.session.seq, .success = true, .tag = "SELECT 1", .rows = 1,
                          .bytes_to_client = 80, .duration_ns = 100'000},
            1'770'000'000'000'000'000);
}

/// As fast as the lane can: the drainer and the disk set the pace when the ring is full.
void intent_and_outcome(benchmark::State& state) {
  Log log;
  const std::string_view parameters[] = {"4711"};
  const Intent intent{.kind = IntentKind::Bind, .statement_id = 1, .text = "select * from orders where id = $1",
                      .parameters = parameters, .verdict = Verdict::Allow, .reason = Reason::Default};
  for (auto _ : state) transaction(log, intent);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(intent_and_outcome);

/// At a fixed 40,000 transactions a second: CPU of the lane's part and of the drainer's, a transaction.
void paced_drainer_cpu(benchmark::State& state) {
  constexpr int burst = 40;
  constexpr int64_t burst_interval_ns = 1'000'000;
  Log log;
  const std::string_view parameters[] = {"4711"};
  const Intent intent{.kind = IntentKind::Bind, .statement_id = 1, .text = "select * from orders where id = $1",
                      .parameters = parameters, .verdict = Verdict::Allow, .reason = Reason::Default};
  const int64_t process = cpu_ns(RUSAGE_SELF);
  const int64_t lane = cpu_ns(RUSAGE_THREAD);
  int64_t next = now_ns();
  for (auto _ : state) {
    for (int i = 0; i < burst; ++i) transaction(log, intent);
    next += burst_interval_ns;
    const timespec at{next / 1'000'000'000, next % 1'000'000'000};
    // The load arrives at a fixed rate, so that what the drainer costs is not what a full ring costs.
    ::clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, nullptr);
  }
  const auto transactions = static_cast<double>(state.iterations()) * burst;
  const int64_t lane_cpu = cpu_ns(RUSAGE_THREAD) - lane;
  const int64_t drainer_cpu = cpu_ns(RUSAGE_SELF) - process - lane_cpu;
  state.counters["drainer_ns_per_transaction"] = static_cast<double>(drainer_cpu) / transactions;
  state.counters["lane_ns_per_transaction"] = static_cast<double>(lane_cpu) / transactions;
}
BENCHMARK(paced_drainer_cpu)->Iterations(5000)->UseRealTime();

/// `durability: group` with one waiter: intent, fsync, wake-up.
void durable_intent(benchmark::State& state) {
  Log log;
  const Intent intent{.kind = IntentKind::Query, .statement_id = 1, .text = "update orders set paid = true"};
  for (auto _ : state) {
    Recorder& r = log.audit->recorder(0);
    log.until([&] { return r.intent(log.session, intent, 1); });
    const uint64_t mine = r.committed();
    r.request_sync();
    log.until([&] { return r.durable() >= mine; });
    r.outcome(log.session, {.intent_seq = log.session.seq, .success = true}, 1);
  }
}
BENCHMARK(durable_intent)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
