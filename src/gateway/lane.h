// One core's worth of the data plane: its event loop, its sessions, its caches, its scratch. All of it
// belongs to one thread; other threads reach it by its mailbox.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "audit/recorder.h"
#include "gateway/cancel_limiter.h"
#include "gateway/held_rules.h"
#include "gateway/ledger.h"
#include "gateway/workers.h"
#include "io/reactor.h"
#include "model/catalog.h"
#include "model/credentials.h"
#include "model/data_plane.h"
#include "model/key_directory.h"
#include "model/log_sink.h"
#include "model/metrics.h"
#include "model/settings.h"
#include "protocols/postgres/copy_rows.h"
#include "protocols/postgres/messages.h"
#include "protocols/postgres/scram.h"
#include "rules/ruleset/analyzer.h"
#include "rules/ruleset/ruleset.h"
#include "rules/ruleset/verdict_cache.h"
#include "tls/tls.h"

namespace sluice::gateway {

class PgSession;
class Lane;

/// Catalog of one (target, database).
using CatalogPtr = std::shared_ptr<const Catalog>;

/// What every lane sees and none changes.
struct Shared {
  LogSink* log = nullptr;
  Workers* workers = nullptr;
  SessionLedger* ledger = nullptr;
  std::vector<Lane*> lanes;
  /// Asks for the catalog of a database to be read and kept; a snapshot arrives by publish_catalog().
  std::function<void(size_t target, const std::string& database)> want_catalog;
  /// On a lane's thread: nothing on that lane uses this rule set any more. May be empty.
  std::function<void(unsigned lane, uint64_t generation)> rules_released;
  uint64_t process_id_hash = 0;  ///< Mixed into session ids.
};

/// Everything that can be replaced while lanes run. Each lane holds its own copy of the pointers.
struct Snapshots {
  SettingsPtr settings;
  std::shared_ptr<const rules::RuleSet> rules;
  KeysPtr keys;
  CredentialsPtr credentials;
  std::vector<std::shared_ptr<const tls::ServerContext>> listener_tls;  ///< By listener; null: cleartext.
  std::vector<std::shared_ptr<const tls::ClientContext>> target_tls;    ///< By target; null: disabled.
};

/// Per target, per lane.
struct TargetState {
  std::unique_ptr<rules::FactsCache> facts;
  rules::AnalyzerLimits limits;
  pg::ScramCache scram;  ///< Of the credential used last; by (password hash) in scram_for.
  Digest scram_for{};
  struct KnownCatalog {
    CatalogPtr catalog;
    int64_t verified_ns = 0;  ///< CLOCK_MONOTONIC: when it was last known to be true.
  };
  std::map<std::string, KnownCatalog, std::less<>> catalogs;  ///< By database.
};

/// Memory that one handler at a time uses while it runs: one of each a lane, not a session.
struct LaneScratch {
  std::vector<std::byte> header;
  std::vector<std::byte> message;
  std::vector<std::byte> out;
  pg::Parse parse;
  pg::BindView bind;
  pg::ErrorFields error;
  ResultShape shape;
  std::vector<std::vector<pg::CellView>> rows;
  std::vector<rules::Cell> cells;
  std::vector<pg::CopyCell> copy_cells;
  std::vector<char> copy_decoded;
};

class Lane {
 public:
  Lane(unsigned number, const Shared& shared, io::Kernel& kernel, audit::Recorder& recorder, LaneMetrics& metrics,
       Snapshots snapshots, const io::ReactorLimits& limits);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// Serves a listening socket; `listener` indexes the settings.
  void listen(int fd, size_t listener);
  /// A connection accepted here or handed over by another lane.
  void adopt(int fd, size_t listener);
  void run() { reactor_.run(); }

  // For sessions.
  [[nodiscard]] unsigned number() const { return number_; }
  [[nodiscard]] const Shared& shared() const { return shared_; }
  /// Lent until the next event: a reload puts another one in its place.
  [[nodiscard]] const Settings& settings() const { return *snapshots_.settings; }
  /// Grows whenever verdicts may differ from before: other rules, or other settings of targets.
  [[nodiscard]] uint64_t policy_epoch() const { return policy_epoch_; }
  /// Sessions bind their rules anew before their next statement.
  void begin_policy_epoch() { ++policy_epoch_; }
  [[nodiscard]] Generations& generations() { return generations_; }
  [[nodiscard]] io::Reactor& reactor() { return reactor_; }
  [[nodiscard]] audit::Recorder& recorder() { return recorder_; }
  [[nodiscard]] LaneMetrics& metrics() { return metrics_; }
  [[nodiscard]] const Snapshots& snapshots() const { return snapshots_; }
  [[nodiscard]] TargetState& target_state(size_t target) { return targets_[target]; }
  [[nodiscard]] rules::Scratch& rule_scratch() { return rule_scratch_; }
  [[nodiscard]] rules::BoundRulesCache& bound_rules() { return bound_rules_; }
  [[nodiscard]] rules::VerdictCache& verdicts() { return verdicts_; }
  [[nodiscard]] rules::ResultMasker& masker() { return masker_; }
  [[nodiscard]] LaneScratch& scratch() { return scratch_; }
  [[nodiscard]] bool draining() const { return draining_; }
  [[nodiscard]] LogSink& log() const { return *shared_.log; }

  /// The session is over: it is destroyed when the running handlers have returned.
  void bury(PgSession& session);
  /// A session whose record or durability is awaited is looked at whenever the drainer made room.
  void wait_for_recorder(PgSession& session);
  /// Null: that session is over, whoever has its slot now.
  [[nodiscard]] PgSession* find(uint32_t slot, const audit::SessionId& id);
  /// A cancel request came in: finds the lane and session its key names and tells it.
  void route_cancel(uint32_t pid, uint32_t secret, const std::string& client_address);

  // Letters: call on the lane's thread.
  /// `revoke`: running statements that the new rules deny are cancelled. How many.
  uint64_t replace(Snapshots snapshots, bool revoke = false);
  /// Adds the sessions that use rule sets older than the current one, by generation.
  void find_holders(std::map<uint64_t, LiveGeneration>& into) const;
  void publish_catalog(size_t target, const std::string& database, CatalogPtr catalog, int64_t verified_ns);
  void on_recorder_progress();
  void begin_drain();
  void stop_all(std::string_view reason);
  [[nodiscard]] size_t session_count() const { return live_sessions_; }
  void update_gauges();

 private:
  bool cancel_here(uint32_t slot, uint32_t secret, const std::string& client_address);
  void on_accept(int fd, size_t listener);
  void apply_settings(const Settings* old);

  const unsigned number_;
  const Shared& shared_;
  Generations generations_;  // Before everything that holds rules.
  io::Reactor reactor_;
  audit::Recorder& recorder_;
  LaneMetrics& metrics_;
  Snapshots snapshots_;
  std::vector<TargetState> targets_;
  rules::Scratch rule_scratch_;
  rules::ResultMasker masker_{rule_scratch_};
  rules::BoundRulesCache bound_rules_;
  rules::VerdictCache verdicts_;
  LaneScratch scratch_;
  std::vector<std::unique_ptr<PgSession>> sessions_;  // By slot; the slot is in the cancel key.
  std::vector<uint32_t> free_slots_;
  std::vector<std::unique_ptr<PgSession>> graveyard_;
  std::vector<uint32_t> waiting_;  // Slots of sessions that wait for the recorder.
  CancelLimiter cancel_limiter_;
  uint64_t gathered_seen_ = 0;  ///< Of the reactor's counter, already in the metrics.
  size_t live_sessions_ = 0;
  unsigned next_lane_ = 0;
  uint64_t policy_epoch_ = 1;
  bool draining_ = false;
};

}  // namespace sluice::gateway
