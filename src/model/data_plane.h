// What the process around the data plane needs of it: start, reload, drain, stop, and numbers to show.
// The gateway implements it; cli/ wires it; control/ sees only these values.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/credentials.h"
#include "model/key_directory.h"
#include "model/metrics.h"
#include "model/settings.h"

namespace sluice::rules {
class RuleSet;
}

namespace sluice {

/// Rule sets that some statement is still judged by, the current one counted. One more is refused.
inline constexpr size_t live_generations_max = 8;
/// Sessions that a message or a status names for each generation; more are counted only.
inline constexpr size_t holders_named_max = 4;

/// A session with a running statement that was judged by an older rule set.
struct RuleHolder {
  std::string session;
  std::string target;
};

struct LiveGeneration {
  uint64_t generation = 0;
  std::vector<RuleHolder> holders;  ///< holders_named_max at most.
  uint64_t holder_count = 0;
};

/// Null members stay as they are. All of it takes effect on a lane between the same two events.
struct PolicyChange {
  std::shared_ptr<const rules::RuleSet> rules;
  SettingsPtr settings;
  CredentialsPtr credentials;
  bool revoke = false;  ///< Running statements that the new rules deny are cancelled.
};

struct PolicyTaken {
  /// From the call until the last lane had taken it; nullopt: some lane has not answered in time, and
  /// takes it at its next event.
  std::optional<double> last_lane_ms;
  uint64_t cancelled = 0;  ///< Statements stopped for `revoke`.
};

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
  std::vector<LiveGeneration> generations;  ///< From status() without holders.
};

/// Calls come from control threads, one at a time; ring_doorbell(), status() and live_generations() from any. The constructor of an
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
  /// Rules, targets and their credentials, together. A statement that runs keeps the rules it was judged
  /// by; the next one takes the new ones. Sessions whose target was withdrawn, or whose subject may no
  /// longer connect to it, end. Listeners, lanes, audit and admin of `settings` are not looked at. An
  /// error changes nothing: live_generations_max rule sets are in use (it names the sessions), or a
  /// target's authorities cannot be read. Waits for the lanes, five seconds at most.
  [[nodiscard]] virtual Expected<PolicyTaken> publish_policy(PolicyChange change) = 0;
  /// Rule sets in use, oldest first, the current one last. Waits for the lanes, a second at most.
  [[nodiscard]] virtual std::vector<LiveGeneration> live_generations() = 0;
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
