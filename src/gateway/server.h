// The data plane: lane threads over shared, immutable snapshots. What main() starts and stops.
#pragma once
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "audit/recorder.h"
#include "base/big_stack_thread.h"
#include "gateway/lane.h"
#include "model/data_plane.h"
#include "rules/ruleset/ruleset.h"

namespace sluice::gateway {

class CatalogReader;

class Server final : public DataPlane {
 public:
  struct Inputs {
    SettingsPtr settings;
    std::shared_ptr<const rules::RuleSet> rules;
    KeysPtr keys;
    CredentialsPtr credentials;
    std::vector<audit::Recorder*> recorders;  ///< One a lane; outlive the Server.
    LogSink& log;
  };
  explicit Server(Inputs inputs);
  ~Server() override;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// How many lanes these settings mean on this machine.
  [[nodiscard]] static unsigned lane_count(const Settings& settings);

  Expected<void> start() override;
  void publish_keys(KeysPtr keys) override;
  void publish_credentials(CredentialsPtr credentials) override;
  Expected<PolicyTaken> publish_policy(PolicyChange change) override;
  std::vector<LiveGeneration> live_generations() override;
  Expected<void> reload_certificates() override;
  void ring_doorbell(unsigned number) override;
  void begin_drain() override;
  [[nodiscard]] bool drained() const override;
  void stop() override;
  [[nodiscard]] DataPlaneStatus status() const override;

 private:
  struct LaneThread;
  static Expected<void> load_tls(Snapshots& into);
  [[nodiscard]] Expected<SettingsPtr> placed(const Settings& fresh) const;
  [[nodiscard]] Expected<void> make_room_for_rules();
  void on_rules_released(unsigned lane, uint64_t generation);
  Expected<void> open_listeners();
  Expected<void> run_lane(unsigned number);
  /// How many lanes get it.
  size_t to_all(const std::function<void(Lane&)>& letter);
  /// Lets go of the rule sets that no lane uses any more. How many are left.
  size_t forget_unused_rules();
  void publish();
  void check_masks(size_t target, const std::string& database, const Catalog& catalog);
  [[nodiscard]] std::vector<std::string> unresolved_masks(size_t target) const;

  Inputs inputs_;
  Shared shared_;
  std::unique_ptr<Workers> workers_;
  SessionLedger ledger_;
  mutable std::mutex mutex_;  // Guards snapshots_, masks_checked_ and the lanes' pointers.
  Snapshots snapshots_;
  struct MasksChecked {
    uint64_t catalog_version = 0;
    uint64_t generation = 0;
    std::vector<std::string> missing;
  };
  std::map<std::pair<size_t, std::string>, MasksChecked> masks_checked_;  // By (target, database).
  struct LiveSet {
    std::shared_ptr<const rules::RuleSet> rules;  // So that the last reference never goes on a lane.
    size_t lanes = 0;                             // That still use it.
  };
  mutable std::mutex live_mutex_;           // Guards live_; taken by lanes when one lets go of a set.
  std::map<uint64_t, LiveSet> live_;        // By generation; the current one is the last.
  std::vector<std::unique_ptr<LaneThread>> lanes_;
  std::unique_ptr<CatalogReader> catalog_reader_;
  std::promise<void> all_finished_;  // No lane runs any more.
  std::shared_future<void> wait_for_all_ = all_finished_.get_future().share();
  bool started_ = false;
  bool stopped_ = false;
};

}  // namespace sluice::gateway
