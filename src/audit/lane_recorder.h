// The Recorder over one ring. Writes each record straight into its place in the ring, once: no heap, no
// lock, no system call but to wake a drainer that sleeps.
#pragma once
#include <vector>

#include "audit/doorbell.h"
#include "audit/recorder.h"
#include "audit/records.h"
#include "audit/ring.h"

namespace sluice::audit {

/// Which statement texts the current segment already holds. A bounded cache: what it forgot is
/// written once more, which costs room and nothing else.
class StatementTable {
 public:
  StatementTable() : entries_(buckets * ways) {}
  /// `segment` is the lsn where the segment ends.
  [[nodiscard]] bool has(const SessionId& session, uint64_t statement_id, uint64_t segment) const;
  void add(const SessionId& session, uint64_t statement_id, uint64_t segment);

 private:
  static constexpr size_t buckets = 4096;
  static constexpr size_t ways = 4;
  struct Entry {
    SessionId session;
    uint64_t statement_id = 0;
    uint64_t segment = 0;
  };
  [[nodiscard]] static size_t bucket_of(const SessionId& session, uint64_t statement_id);

  std::vector<Entry> entries_;
  size_t victim_ = 0;
};

class LaneRecorder final : public Recorder {
 public:
  /// Borrows all three for its life.
  LaneRecorder(Ring& ring, DrainerLink& drainer, LaneLink& lane, CrashHook hook);

  bool session_start(SessionCursor&, const SessionStart&, int64_t unix_ns) override;
  bool authentication(SessionCursor&, const Authentication&, int64_t unix_ns) override;
  bool intent(SessionCursor&, const Intent&, int64_t unix_ns) override;
  void outcome(SessionCursor&, const Outcome&, int64_t unix_ns) override;
  bool cancel(SessionCursor&, const Cancel&, int64_t unix_ns) override;
  void session_end(SessionCursor&, const SessionEnd&, int64_t unix_ns) override;
  [[nodiscard]] uint64_t committed() const override { return producer_.head(); }
  [[nodiscard]] uint64_t durable() const override;
  void request_sync() override;
  [[nodiscard]] double fill() const override { return producer_.fill(); }
  [[nodiscard]] bool failed() const override { return drainer_.failed.load(std::memory_order_relaxed); }

 private:
  template <typename Fill>
  void append(RecordType type, SessionCursor& cursor, int64_t unix_ns, size_t payload, Fill fill,
              uint16_t version = payload_version);
  /// False, and noted, when `size` bytes do not fit beside what is promised to others.
  [[nodiscard]] bool room_for(uint64_t size, uint64_t promised);
  [[nodiscard]] static uint64_t promised(uint64_t sessions, uint64_t intents);
  void wake_if_needed();
  void wake_slow(DrainerState state);

  Ring& ring_;
  RingProducer producer_;
  DrainerLink& drainer_;
  LaneLink& lane_;
  StatementTable statements_;
  const uint64_t record_payload_max_;
  const uint64_t sessions_max_;
  const uint64_t intents_max_;
  uint64_t open_sessions_ = 0;
  uint64_t open_intents_ = 0;  ///< Intents whose outcome is still to come.
};

}  // namespace sluice::audit
