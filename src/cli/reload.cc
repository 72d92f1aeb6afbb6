#include "cli/reload.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <ctime>
#include <filesystem>

#include "base/text.h"
#include "control/config.h"
#include "control/keys.h"

namespace sluice::cli {
namespace {

constexpr int look_again_ms = 1000;
constexpr int quiet_ms = 50;
constexpr int quiet_rounds_max = 40;

/// What a reload cannot change, by the keys that say it.
std::vector<std::string_view> needs_restart(const Settings& running, const Settings& fresh) {
  std::vector<std::string_view> keys;
  if (running.listeners != fresh.listeners) keys.emplace_back("listeners");
  if (running.lanes != fresh.lanes) keys.emplace_back("lanes");
  if (running.audit != fresh.audit) keys.emplace_back("audit");
  if (running.admin_host != fresh.admin_host || running.admin_port != fresh.admin_port ||
      running.admin_socket != fresh.admin_socket)
    keys.emplace_back("admin");
  if (running.log_json != fresh.log_json || running.log_level != fresh.log_level) keys.emplace_back("logging");
  return keys;
}

/// The fresh settings, but for what only a restart changes.
Settings applicable(const Settings& running, Settings fresh) {
  fresh.listeners = running.listeners;
  fresh.lanes = running.lanes;
  fresh.audit = running.audit;
  fresh.admin_host = running.admin_host;
  fresh.admin_port = running.admin_port;
  fresh.admin_socket = running.admin_socket;
  fresh.log_json = running.log_json;
  fresh.log_level = running.log_level;
  return fresh;
}

bool same_sources(const std::vector<rules::SourceFile>& a, const std::vector<rules::SourceFile>& b) {
  return std::ranges::equal(a, b, [](const rules::SourceFile& x, const rules::SourceFile& y) {
    return x.path == y.path && x.text == y.text;
  });
}

bool same_names(const std::vector<TargetSettings>& a, const std::vector<TargetSettings>& b) {
  return std::ranges::equal(a, b, {}, &TargetSettings::name, &TargetSettings::name);
}

/// Takes all events that wait. False: there were none.
bool drain_events(int inotify) {
  alignas(inotify_event) char buffer[16 * (sizeof(inotify_event) + NAME_MAX + 1)];
  bool any = false;
  while (::read(inotify, buffer, sizeof buffer) > 0) any = true;
  return any;
}

}  // namespace

Expected<KeysPtr> load_directory(const Settings& settings) {
  if (settings.identity.access_keys_file.empty()) return std::make_shared<const KeyDirectory>();
  auto subjects = control::load_keys(settings.identity.access_keys_file);
  if (!subjects) return std::unexpected(subjects.error());
  return std::make_shared<const KeyDirectory>(std::move(*subjects));
}

Reloader::Reloader(Started started, DataPlane& data_plane, LogSink& log)
    : config_(std::move(started.config)),
      data_plane_(data_plane),
      log_(log),
      access_subjects_(started.access_subjects),
      current_(std::move(started.rules)),
      files_(current_.sources),
      settings_(std::move(started.settings)),
      credentials_(std::move(started.credentials)),
      keys_stamp_(started.keys_stamp),
      inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      cancel_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  status_.generation = current_.set->generation();
  status_.count = current_.set->rule_count();
  status_.hash = hex_encode(current_.set->hash());
  status_.origin = current_.origin;
  status_.loaded_unix_s = std::time(nullptr);
  watch();
  seen_ = look();
  for (auto& [path, stamp] : seen_) {
    if (path == config_) stamp = started.config_stamp;
  }
  // What changed between the first reading and this moment is a change like any other.
  const auto sources = read_rules(settings_->rule_files);
  requested_ = !sources || !same_sources(*sources, files_);
  thread_ = std::thread([this] { run(); });
}

void Reloader::cancel() const {
  const uint64_t one = 1;
  (void)!::write(cancel_, &one, sizeof one);
}

Reloader::~Reloader() {
  stop_ = true;
  cancel();
  const uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
  thread_.join();
  if (inotify_ >= 0) ::close(inotify_);
  if (wake_ >= 0) ::close(wake_);
  if (cancel_ >= 0) ::close(cancel_);
}

SettingsPtr Reloader::settings() const {
  const std::lock_guard lock(publishing_);
  return settings_;
}

control::RulesStatus Reloader::status() const {
  const std::lock_guard lock(status_mutex_);
  return status_;
}

void Reloader::request() {
  {
    const std::lock_guard lock(publishing_);
    reload_keys();
    credentials_->reload();
    if (const auto done = data_plane_.reload_certificates(); done) {
      log_.log(LogLevel::Info, "certificates-reloaded", {});
    } else {
      log_.log(LogLevel::Error, "certificates-not-reloaded", {{"reason", done.error().message}});
    }
  }
  requested_ = true;
  const uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
}

void Reloader::tick() {
  const std::lock_guard lock(publishing_);
  credentials_->check();
  // A revoked key bites without anybody sending a signal.
  const auto stamp = control::stamp_of(settings_->identity.access_keys_file);
  if (stamp == keys_stamp_) return;
  keys_stamp_ = stamp;
  reload_keys();
}

void Reloader::reload_keys() {
  auto keys = load_directory(*settings_);
  if (!keys) {
    log_.log(LogLevel::Error, "keys-not-reloaded", {{"reason", keys.error().message}});
    return;
  }
  access_subjects_ = (*keys)->size();
  data_plane_.publish_keys(std::move(*keys));
  log_.log(LogLevel::Info, "keys-reloaded", {{"subjects", access_subjects_.load()}});
}

Expected<PushResult> Reloader::push(std::vector<rules::SourceFile> sources, bool revoke) {
  const std::lock_guard lock(one_at_a_time_);
  auto done = compile_and_publish(std::move(sources), "push", {.revoke = revoke});
  if (!done) note_failure("rules-not-loaded", done.error().message);
  return done;
}

Expected<PushResult> Reloader::rollback(bool revoke) {
  const std::lock_guard lock(one_at_a_time_);
  if (!previous_.set) return fail("there are no earlier rules to go back to");
  const std::string origin = fmt::format("rollback to generation {}", previous_.set->generation());
  auto done = compile_and_publish(previous_.sources, origin, {.revoke = revoke});
  if (!done) note_failure("rules-not-loaded", done.error().message);
  return done;
}

Expected<PushResult> Reloader::compile_and_publish(std::vector<rules::SourceFile> sources, std::string origin,
                                                   PolicyChange change) {
  std::vector<std::string> warnings;
  const SettingsPtr context = change.settings ? change.settings : settings();
  auto keys = read_mask_keys(*context);
  if (!keys) return std::unexpected(keys.error());
  const auto began = std::chrono::steady_clock::now();
  auto set = compile_rules(sources, *context, Loading::Serving, *keys, current_.set->generation() + 1, &warnings, cancel_);
  if (!set) return std::unexpected(set.error());
  change.rules = *set;
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
  auto done = publish({std::move(sources), std::move(*keys), std::move(*set), std::move(origin)}, std::move(change),
                      std::move(warnings));
  if (done) done->load_ms = took.count();
  return done;
}

Expected<PushResult> Reloader::publish(LoadedRules next, PolicyChange change, std::vector<std::string> warnings) {
  PushResult result{.generation = next.set->generation(),
                    .hash = hex_encode(next.set->hash()),
                    .rules = next.set->rule_count(),
                    .warnings = std::move(warnings),
                    .load_ms = 0,
                    .taken = {}};
  {
    const std::lock_guard lock(publishing_);
    const SettingsPtr fresh = change.settings;
    std::unique_ptr<control::CredentialWatcher> watcher;
    if (fresh) {
      watcher = std::make_unique<control::CredentialWatcher>(
          fresh->targets, [this](CredentialsPtr set) { data_plane_.publish_credentials(std::move(set)); }, log_);
      auto credentials = control::load_credentials(fresh->targets);
      if (!credentials) return std::unexpected(credentials.error());
      change.credentials = std::move(*credentials);
    }
    auto taken = data_plane_.publish_policy(std::move(change));
    if (!taken) return std::unexpected(taken.error());
    result.taken = *taken;
    if (fresh) {
      if (fresh->identity.access_keys_file != settings_->identity.access_keys_file) keys_stamp_ = {};
      settings_ = fresh;
      credentials_ = std::move(watcher);
    }
  }
  const bool other_rules = next.set != current_.set;
  if (other_rules) {
    previous_ = std::move(current_);
    current_ = std::move(next);
  }
  const std::lock_guard lock(status_mutex_);
  status_.generation = result.generation;
  status_.count = result.rules;
  status_.hash = result.hash;
  ++status_.reloads_ok;
  status_.last_reload_unix_s = std::time(nullptr);
  status_.last_failure.clear();
  if (other_rules) {
    status_.origin = current_.origin;
    status_.loaded_unix_s = status_.last_reload_unix_s;
    status_.previous_generation = previous_.set->generation();
    status_.previous_hash = hex_encode(previous_.set->hash());
  }
  for (const std::string& w : result.warnings) log_.log(LogLevel::Warn, "rules", {{"message", w}});
  log_.log(LogLevel::Info, other_rules ? "rules-loaded" : "configuration-loaded",
           {{"generation", result.generation},
            {"hash", result.hash},
            {"rules", result.rules},
            {"origin", status_.origin},
            {"last_lane_us", static_cast<int64_t>(result.taken.last_lane_ms.value_or(-1) * 1000)},
            {"cancelled", result.taken.cancelled}});
  return result;
}

void Reloader::note_failure(std::string_view event, const std::string& reason) {
  log_.log(LogLevel::Error, event, {{"reason", reason}});
  const std::lock_guard lock(status_mutex_);
  ++status_.reloads_failed;
  status_.last_reload_unix_s = std::time(nullptr);
  status_.last_failure = reason;
}

void Reloader::reload_configuration() {
  const std::lock_guard lock(one_at_a_time_);
  std::vector<std::string> warnings;
  auto fresh = control::load_config(config_, {}, &warnings);
  if (!fresh) {
    note_failure("configuration-not-loaded", fresh.error().message);
    return;
  }
  for (const std::string& w : warnings) log_.log(LogLevel::Warn, "configuration", {{"message", w}});
  const SettingsPtr running = settings();
  if (const auto keys = needs_restart(*running, *fresh); !keys.empty()) {
    log_.log(LogLevel::Warn, "restart-needed",
             {{"keys", fmt::format("{}", fmt::join(keys, ", "))},
              {"reason", "a reload does not change these; everything else of the file is applied"}});
  }
  const auto next = std::make_shared<const Settings>(applicable(*running, std::move(*fresh)));
  auto sources = read_rules(next->rule_files);
  if (!sources) {
    note_failure("configuration-not-loaded", sources.error().message);
    return;
  }
  const auto mask_keys = read_mask_keys(*next);
  if (!mask_keys) {
    note_failure("configuration-not-loaded", mask_keys.error().message);
    return;
  }
  PolicyChange change;
  if (!(*next == *running)) change.settings = next;
  const bool other_files = !same_sources(*sources, files_);
  const bool other_names =
      !same_names(next->targets, running->targets) || !same_mask_keys(*mask_keys, current_.mask_keys);
  if (!other_files && !other_names && !change.settings) return;
  Expected<PushResult> done;
  if (other_files) {
    done = compile_and_publish(*sources, "configuration", std::move(change));
  } else if (other_names || next->rules_verify_key_file != running->rules_verify_key_file) {
    // The same rules, held against the targets and keys there are now.
    done = compile_and_publish(current_.sources, current_.origin, std::move(change));
  } else {
    done = publish(current_, std::move(change), {});
  }
  if (!done) {
    note_failure("configuration-not-loaded", done.error().message);
    return;
  }
  files_ = std::move(*sources);
}

Reloader::Look Reloader::look() const {
  const SettingsPtr now = settings();
  std::vector<std::string> paths{config_};
  paths.insert(paths.end(), now->rule_files.begin(), now->rule_files.end());
  for (const std::string& folder : now->rule_folders) {
    const auto found = control::rule_files(folder);
    if (found) paths.insert(paths.end(), found->begin(), found->end());
  }
  for (const MaskKeySettings& key : now->mask_keys) paths.push_back(key.file);
  if (!now->rules_verify_key_file.empty()) paths.push_back(now->rules_verify_key_file);
  std::ranges::sort(paths);
  paths.erase(std::ranges::unique(paths).begin(), paths.end());
  Look out;
  out.reserve(paths.size());
  for (std::string& path : paths) {
    const auto stamp = control::stamp_of(path);
    out.emplace_back(std::move(path), stamp);
  }
  return out;
}

void Reloader::watch() {
  // Folders rather than files: what is replaced by rename, which is how files are written well, would
  // leave a watch on the old one. Without inotify the look once a second is what there is.
  const SettingsPtr now = settings();
  std::vector<std::string> folders{std::filesystem::path(config_).parent_path().string()};
  if (folders.front().empty()) folders.front() = ".";
  for (const std::string& file : now->rule_files) folders.push_back(std::filesystem::path(file).parent_path().string());
  for (const MaskKeySettings& key : now->mask_keys) folders.push_back(std::filesystem::path(key.file).parent_path().string());
  if (!now->rules_verify_key_file.empty()) {
    folders.push_back(std::filesystem::path(now->rules_verify_key_file).parent_path().string());
  }
  folders.insert(folders.end(), now->rule_folders.begin(), now->rule_folders.end());
  std::ranges::sort(folders);
  folders.erase(std::ranges::unique(folders).begin(), folders.end());
  for (const std::string& folder : folders) {
    (void)::inotify_add_watch(inotify_, folder.c_str(),
                              IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR);
  }
}

void Reloader::run() {
  auto unsettled = seen_;
  while (!stop_) {
    pollfd polled[] = {{wake_, POLLIN, 0}, {inotify_, POLLIN, 0}};
    (void)::poll(polled, 2, look_again_ms);
    uint64_t ignored = 0;
    (void)!::read(wake_, &ignored, sizeof ignored);
    bool settled = drain_events(inotify_);
    // Many files may be written one after the other: read until it is quiet.
    for (int i = 0; settled && i < quiet_rounds_max && ::poll(&polled[1], 1, quiet_ms) > 0; ++i) {
      (void)drain_events(inotify_);
    }
    if (stop_) return;
    auto now = look();
    const bool changed = now != seen_;
    // A change that nobody announced may still be going on: it counts when a second later it is the same.
    settled = settled || now == unsettled;
    unsettled = now;
    if (!requested_.exchange(false) && !(changed && settled)) continue;
    const Look before = std::move(now);
    reload_configuration();
    watch();
    // What changed while it was read is news; what the new configuration looks at for the first time is not.
    seen_ = unsettled = look();
    for (auto& [path, stamp] : seen_) {
      const auto known = std::ranges::find(before, path, &Look::value_type::first);
      if (known != before.end()) stamp = known->second;
    }
  }
}

}  // namespace sluice::cli
