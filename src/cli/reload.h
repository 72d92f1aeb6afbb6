// Reading again what a running gateway works by: rules and configuration from their files or from a
// push, keys and passwords when their files change. A bad one changes nothing.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cli/load_rules.h"
#include "control/credentials.h"
#include "control/files.h"
#include "control/metrics.h"
#include "model/data_plane.h"
#include "model/log_sink.h"

namespace sluice::cli {

/// A set that runs or ran, with what it was made of: a rollback makes it again.
struct LoadedRules {
  std::vector<rules::SourceFile> sources;
  rules::MaskKeys mask_keys;
  std::shared_ptr<const rules::RuleSet> set;
  std::string origin;
};

/// What the data plane was started with, and what its files looked like before they were read.
struct Started {
  std::string config;
  control::FileStamp config_stamp;
  SettingsPtr settings;
  LoadedRules rules;
  control::FileStamp keys_stamp;
  uint64_t access_subjects = 0;
  std::unique_ptr<control::CredentialWatcher> credentials;
};

struct PushResult {
  uint64_t generation = 0;
  std::string hash;
  uint64_t rules = 0;
  std::vector<std::string> warnings;
  double load_ms = 0;  ///< Compiling or reading what was compiled.
  PolicyTaken taken;
};

/// Rules and configuration are read and compiled on a thread of the Reloader's own, or on that of
/// whoever pushes: the caller of tick() and request() never waits for it.
class Reloader {
 public:
  /// `data_plane` and `log` outlive the Reloader.
  Reloader(Started started, DataPlane& data_plane, LogSink& log);
  ~Reloader();
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  /// SIGHUP: keys, passwords and certificates at once, rules and configuration soon.
  void request();
  /// Each second: keys and passwords whose files changed.
  void tick();

  /// Publishes these rules as a new generation. The error says where they are bad, or who still uses
  /// old ones.
  [[nodiscard]] Expected<PushResult> push(std::vector<rules::SourceFile> sources, bool revoke);
  /// Publishes the rules that ran before the current ones, as a new generation.
  [[nodiscard]] Expected<PushResult> rollback(bool revoke);

  /// The gateway stops: a compiler that is under way ends, and what it was to make is not published.
  void cancel() const;

  [[nodiscard]] control::RulesStatus status() const;
  [[nodiscard]] uint64_t access_subjects() const { return access_subjects_.load(); }

 private:
  void run();
  void reload_configuration();
  [[nodiscard]] Expected<PushResult> publish(LoadedRules next, PolicyChange change, std::vector<std::string> warnings);
  [[nodiscard]] Expected<PushResult> compile_and_publish(std::vector<rules::SourceFile> sources, std::string origin,
                                                         PolicyChange change);
  void note_failure(std::string_view event, const std::string& reason);
  void reload_keys();
  void watch();
  using Look = std::vector<std::pair<std::string, control::FileStamp>>;
  /// What the configuration and all rule files look like now, by path.
  [[nodiscard]] Look look() const;
  [[nodiscard]] SettingsPtr settings() const;

  const std::string config_;
  DataPlane& data_plane_;
  LogSink& log_;
  std::atomic<uint64_t> access_subjects_{0};

  std::mutex one_at_a_time_;  // Held while rules are compiled and published.
  LoadedRules current_;       // Under it.
  std::vector<rules::SourceFile> files_;  // Under it. The rule files as last loaded; a push leaves them alone.
  LoadedRules previous_;      // Under it; set is null: there is none.

  mutable std::mutex publishing_;  // Held while something is handed to the data plane; never for long.
  SettingsPtr settings_;           // Under it.
  std::unique_ptr<control::CredentialWatcher> credentials_;  // Under it.
  control::FileStamp keys_stamp_;                            // Under it.

  mutable std::mutex status_mutex_;
  control::RulesStatus status_;

  // Of the thread.
  Look seen_;
  const int inotify_;  // -1: there is none, and a look each second has to do.
  const int wake_;
  const int cancel_;  // Readable from cancel() on.
  std::atomic<bool> requested_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

/// Keys of the subjects that may log in; empty where the settings name no file.
[[nodiscard]] Expected<KeysPtr> load_directory(const Settings& settings);

}  // namespace sluice::cli
