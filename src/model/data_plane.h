// What the process around the data plane needs of it: start, reload, drain, stop, and numbers to show.
// The gateway implements it; cli/ wires it; control/ sees only these values.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/credentials.h"
#include "model/key_directory.h"
#include "model/metrics.h"

namespace sluice {

struct LaneStatus {
  unsigned lane = 0;
  bool running = false;
  /// Lent by the data plane, valid until it is destroyed. Never null.
  const LaneMetrics* metrics = nullptr;
};

struct TargetStatus {
  std::string name;
  bool column_rules = false;      ///< A live rule needs the catalog.
  int64_t catalog_age_ms = -1;    ///< -1: never read.
  /// Columns that rules name ("rule: schema.table.column") and no database of the target has: renamed,
  /// dropped or misspelt.
  std::vector<std::string> unresolved_masks;
};

struct DataPlaneStatus {
  std::vector<LaneStatus> lanes;
  std::vector<TargetStatus> targets;
};

/// Calls come from the control thread; ring_doorbell() and status() from any. The constructor of an
/// implementation takes settings, rules, keys, credentials, audit and log; start() begins to accept.
class DataPlane {
 public:
  virtual ~DataPlane() = default;

  /// Opens listeners and lane threads. An error leaves nothing running.
  [[nodiscard]] virtual Expected<void> start() = 0;

  /// New snapshots take effect at each lane's next event; sessions already logged in go on, but those
  /// of a subject with no live key left are closed (revocation bites within a second).
  virtual void publish_keys(KeysPtr keys) = 0;
  virtual void publish_credentials(CredentialsPtr credentials) = 0;
  /// Reads the listeners' certificates again. On error the running ones stay.
  [[nodiscard]] virtual Expected<void> reload_certificates() = 0;

  /// Any thread: records of this lane became durable, or the audit log failed.
  virtual void ring_doorbell(unsigned lane) = 0;

  /// No new sessions; open ones may finish.
  virtual void begin_drain() = 0;
  [[nodiscard]] virtual bool drained() const = 0;
  /// Closes what is left, records it, joins the lanes. Idempotent.
  virtual void stop() = 0;

  [[nodiscard]] virtual DataPlaneStatus status() const = 0;
};

}  // namespace sluice
