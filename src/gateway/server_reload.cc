// Replacing what lanes work by while they run: rules, targets, credentials.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>

#include "gateway/catalog_reader.h"
#include "gateway/server.h"

namespace sluice::gateway {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto lanes_patience = std::chrono::seconds(5);
constexpr auto holders_patience = std::chrono::seconds(1);
constexpr size_t target_entries_max = 4096;  // Withdrawn and superseded ones keep their place.

/// What lanes answer to a letter. Outlives the caller's patience: each letter holds a reference.
struct Answers {
  std::mutex mutex;
  std::condition_variable changed;
  int64_t awaited = 0;  // Below zero while the letters are still being sent.
  Clock::time_point last;
  uint64_t cancelled = 0;
  std::map<uint64_t, LiveGeneration> live;

  void one_came() {
    last = Clock::now();
    --awaited;
    changed.notify_all();
  }
};

bool same_server(const TargetSettings& a, const TargetSettings& b) {
  return a.name == b.name && a.host == b.host && a.port == b.port;
}

/// An entry of an old address, as the configuration now has its target.
TargetSettings superseded(const TargetSettings& old, const TargetSettings& now) {
  TargetSettings out = now;
  out.host = old.host;
  out.port = old.port;
  out.tls_mode = old.tls_mode;
  out.tls_ca_file = old.tls_ca_file;
  out.place = TargetPlace::Superseded;
  return out;
}

}  // namespace

Expected<SettingsPtr> Server::placed(const Settings& fresh) const {
  auto out = std::make_shared<Settings>(fresh);
  const Settings& running = *snapshots_.settings;
  out->listeners = running.listeners;
  out->targets = running.targets;
  for (TargetSettings& entry : out->targets) {
    const auto now = std::ranges::find(fresh.targets, entry.name, &TargetSettings::name);
    if (now == fresh.targets.end()) {
      entry.place = TargetPlace::Withdrawn;
    } else if (same_server(entry, *now)) {
      entry = *now;
    } else {
      entry = superseded(entry, *now);
    }
  }
  for (const TargetSettings& target : fresh.targets) {
    if (std::ranges::none_of(out->targets, [&](const TargetSettings& entry) { return same_server(entry, target); }))
      out->targets.push_back(target);
  }
  if (out->targets.size() > target_entries_max)
    return fail("too many targets came and went since the start: restart sluice");
  return SettingsPtr(std::move(out));
}

void Server::on_rules_released(unsigned /*lane*/, uint64_t generation) {
  const std::lock_guard lock(live_mutex_);
  const auto at = live_.find(generation);
  SLUICE_ASSERT(at != live_.end() && at->second.lanes > 0);
  --at->second.lanes;
}

size_t Server::forget_unused_rules() {
  const std::lock_guard lock(live_mutex_);
  std::erase_if(live_, [](const auto& entry) { return entry.second.lanes == 0; });
  return live_.size();
}

Expected<void> Server::make_room_for_rules() {
  if (forget_unused_rules() < live_generations_max) return {};
  std::string who;
  for (const LiveGeneration& live : live_generations()) {
    if (live.holder_count == 0) continue;
    who += fmt::format("{}generation {} by", who.empty() ? "" : "; ", live.generation);
    for (const RuleHolder& holder : live.holders) who += fmt::format(" session {} at {},", holder.session, holder.target);
    if (live.holder_count > live.holders.size()) {
      who += fmt::format(" and {} more", live.holder_count - live.holders.size());
    } else {
      who.pop_back();
    }
  }
  if (forget_unused_rules() < live_generations_max) return {};
  return fail(fmt::format("{} rule sets are in use, and no more can be: running statements hold {}", live_generations_max,
                          who.empty() ? "them" : who));
}

Expected<PolicyTaken> Server::publish_policy(PolicyChange change) {
  const auto began = Clock::now();
  if (change.rules) {
    if (auto room = make_room_for_rules(); !room) return std::unexpected(room.error());
  }
  Snapshots next;
  {
    const std::lock_guard lock(mutex_);
    next = snapshots_;
    if (change.settings) {
      auto settings = placed(*change.settings);
      if (!settings) return std::unexpected(settings.error());
      next.settings = std::move(*settings);
    }
  }
  if (change.settings) {
    if (auto loaded = load_tls(next); !loaded) return std::unexpected(loaded.error());
  }
  if (change.rules) next.rules = change.rules;
  if (change.credentials) next.credentials = change.credentials;
  // Sources for catalogs are made when a lane wants one: the reader knows a target before any lane does.
  if (change.settings) catalog_reader_->set_settings(next.settings);
  if (change.credentials) catalog_reader_->set_credentials(change.credentials);

  const auto answers = std::make_shared<Answers>();
  {
    const std::lock_guard lock(mutex_);
    snapshots_ = next;
  }
  if (change.rules) {
    const std::lock_guard lock(live_mutex_);
    live_[change.rules->generation()] = {change.rules, lanes_.size()};
  }
  const size_t sent = to_all([next, answers, revoke = change.revoke](Lane& lane) {
    const uint64_t cancelled = lane.replace(next, revoke);
    const std::lock_guard lock(answers->mutex);
    answers->cancelled += cancelled;
    answers->one_came();
  });
  std::unique_lock lock(answers->mutex);
  answers->awaited += static_cast<int64_t>(sent);
  const bool all = answers->changed.wait_for(lock, lanes_patience, [&] { return answers->awaited == 0; });
  PolicyTaken taken{.last_lane_ms = std::nullopt, .cancelled = answers->cancelled};
  lock.unlock();
  forget_unused_rules();
  if (all) taken.last_lane_ms = std::chrono::duration<double, std::milli>(answers->last - began).count();
  return taken;
}

std::vector<LiveGeneration> Server::live_generations() {
  const auto answers = std::make_shared<Answers>();
  {
    const std::lock_guard lock(live_mutex_);
    for (const auto& [generation, set] : live_) {
      if (set.lanes > 0) answers->live[generation].generation = generation;
    }
  }
  const size_t sent = to_all([answers](Lane& lane) {
    const std::lock_guard lock(answers->mutex);
    lane.find_holders(answers->live);
    answers->one_came();
  });
  std::unique_lock lock(answers->mutex);
  answers->awaited += static_cast<int64_t>(sent);
  (void)answers->changed.wait_for(lock, holders_patience, [&] { return answers->awaited == 0; });
  std::vector<LiveGeneration> out;
  for (auto& [generation, live] : answers->live) {
    live.generation = generation;
    out.push_back(live);
  }
  return out;
}

}  // namespace sluice::gateway
