// The audit log as the gateway holds it: recovers what the last run left, then gives every lane its
// Recorder and carries their records to disk until it is closed.
#pragma once
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "audit/drainer.h"
#include "audit/recorder.h"
#include "audit/records.h"
#include "model/settings.h"

namespace sluice::audit {

class LaneRecorder;
struct LaneEnd;

/// For metrics and `sluice status`. Bytes, and counts since start.
struct Status {
  bool failed = false;
  std::string failure;             ///< Why; empty unless failed.
  bool disk_low = false;           ///< Under 10 % or two segments a lane: no new sessions.
  bool disk_critical = false;      ///< Under 2 % or one segment a lane: no new intents.
  bool rings_locked = false;       ///< All rings are locked into memory.
  uint64_t disk_available = 0;
  uint64_t records = 0;
  uint64_t bytes = 0;
  uint64_t blocks = 0;
  uint64_t syncs = 0;
  uint64_t segments = 0;           ///< Begun after the first.
  std::vector<double> ring_fill;   ///< One a lane, 0..1.
};

/// How one lane's last run was found at open().
struct LaneRecovery {
  uint32_t lane = 0;
  Recovery recovery;
};

class AuditLog {
 public:
  /// `durable_callback(lane)` is called on the drainer's thread when what the lane waits for may have
  /// happened: durable as asked, room after a refusal, disk space again, or failure. It must not block.
  [[nodiscard]] static Expected<std::unique_ptr<AuditLog>> open(const AuditSettings& settings, unsigned lanes,
                                                                std::function<void(unsigned)> durable_callback,
                                                                Environment environment = {});
  /// Carries what the rings of a log that is not open still hold into its segments, ends the sessions that
  /// nobody ended, and removes the rings: what open() does first, for `sluice audit recover`. An Error when
  /// a gateway has the log open.
  [[nodiscard]] static Expected<std::vector<LaneRecovery>> recover(const AuditSettings& settings);
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  /// For that lane's thread alone; valid until close().
  [[nodiscard]] Recorder& recorder(unsigned lane);
  /// Lanes must have stopped. Drains, makes durable, closes; removes the rings, unless the log has failed:
  /// then they hold what the next start recovers.
  void close();
  [[nodiscard]] Status status() const;
  [[nodiscard]] bool disk_low() const { return link_.disk_low.load(std::memory_order_relaxed); }
  [[nodiscard]] bool disk_critical() const { return link_.disk_critical.load(std::memory_order_relaxed); }
  [[nodiscard]] const std::vector<LaneRecovery>& recoveries() const { return recoveries_; }

 private:
  AuditLog() = default;
  /// Takes the log for this process; the lanes that left something.
  [[nodiscard]] Expected<std::set<uint32_t>> take();
  [[nodiscard]] Expected<LaneEnd> recover_one(uint32_t lane, const CrashHook& hook);
  /// Recovers a lane that does not go on: its records are in the segments then.
  [[nodiscard]] Expected<void> retire_lane(uint32_t lane, const CrashHook& hook);
  [[nodiscard]] Expected<void> start(unsigned lanes, std::function<void(unsigned)> wake_lane, Environment environment);
  [[nodiscard]] Expected<Drainer::Lane> begin_lane(uint32_t lane, const LaneEnd& end, const CrashHook& hook);

  AuditSettings settings_;
  Fd directory_lock_;
  Fd ring_directory_lock_;
  std::vector<LaneRecovery> recoveries_;
  DrainerLink link_;
  // The drainer and the recorders borrow rings and links, so these are declared before and die after.
  std::vector<std::unique_ptr<Ring>> rings_;
  std::vector<std::unique_ptr<LaneLink>> links_;
  std::vector<std::unique_ptr<LaneRecorder>> recorders_;
  std::unique_ptr<Drainer> drainer_;
};

}  // namespace sluice::audit
