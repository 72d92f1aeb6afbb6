#include "gateway/lane.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <unistd.h>

#include "gateway/pg_session.h"

namespace sluice::gateway {
namespace {

constexpr uint32_t slots_max = 1U << 24;  // The slot has 24 bits of a cancel key.

std::string peer_name(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "unknown";
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return fmt::format("[{}]:{}", text, ntohs(v6.sin6_port));
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
  return fmt::format("{}:{}", text, ntohs(v4.sin_port));
}

}  // namespace

Lane::Lane(unsigned number, const Shared& shared, io::Kernel& kernel, audit::Recorder& recorder, LaneMetrics& metrics,
           Snapshots snapshots, const io::ReactorLimits& limits)
    : number_(number),
      shared_(shared),
      generations_([this](uint64_t generation) {
        if (shared_.rules_released) shared_.rules_released(number_, generation);
      }),
      reactor_(kernel, limits),
      recorder_(recorder),
      metrics_(metrics),
      snapshots_(std::move(snapshots)),
      next_lane_(number) {
  rule_scratch_.prepare(*snapshots_.rules);
  apply_settings(nullptr);
  generations_.set_current(snapshots_.rules->generation());
  metrics_.buffers_total.set(limits.receive_slabs);
  metrics_.rule_generation.set(snapshots_.rules->generation());
}

Lane::~Lane() {
  // Sessions use the reactor when they die.
  graveyard_.clear();
  sessions_.clear();
}

void Lane::listen(int fd, size_t listener) {
  reactor_.listen(fd, [this, listener](int accepted) { on_accept(accepted, listener); });
}

void Lane::on_accept(int fd, size_t listener) {
  // The kernel spreads connections over the lanes' listeners by hash, and a handful can all land on
  // one: so every lane deals what it accepts round. A connection never moves again.
  const size_t count = shared_.lanes.size();
  if (count > 1) {
    next_lane_ = static_cast<unsigned>((next_lane_ + 1) % count);
    if (next_lane_ != number_) {
      Lane* other = shared_.lanes[next_lane_];
      other->reactor().mailbox().post([other, fd, listener] { other->adopt(fd, listener); });
      return;
    }
  }
  adopt(fd, listener);
}

void Lane::adopt(int fd, size_t listener) {
  if (free_slots_.empty()) {
    if (sessions_.size() >= slots_max) {
      ::close(fd);
      return;
    }
    free_slots_.push_back(static_cast<uint32_t>(sessions_.size()));
    sessions_.emplace_back();
  }
  const uint32_t slot = free_slots_.back();
  auto session = std::make_unique<PgSession>(*this, slot, listener);
  std::string address = peer_name(fd);
  if (!session->begin(fd, address)) {
    log().log(LogLevel::Error, "session-refused",
              {{"client", address}, {"reason", "it could not be recorded, or the connection table is full"}});
    return;
  }
  free_slots_.pop_back();
  sessions_[slot] = std::move(session);
  ++live_sessions_;
}

void Lane::bury(PgSession& session) {
  const uint32_t slot = session.slot();
  SLUICE_ASSERT(sessions_[slot].get() == &session);
  // Handlers of this very session are still on the stack.
  graveyard_.push_back(std::move(sessions_[slot]));
  free_slots_.push_back(slot);
  --live_sessions_;
  if (graveyard_.size() == 1) reactor_.mailbox().post([this] { graveyard_.clear(); });
}

PgSession* Lane::find(uint32_t slot, const audit::SessionId& id) {
  if (slot >= sessions_.size() || !sessions_[slot] || !(sessions_[slot]->id() == id)) return nullptr;
  return sessions_[slot].get();
}

void Lane::wait_for_recorder(PgSession& session) {
  if (session.enter_waiting()) waiting_.push_back(session.slot());
}

void Lane::on_recorder_progress() {
  std::vector<uint32_t> now;
  now.swap(waiting_);
  for (const uint32_t slot : now) {
    if (sessions_[slot]) sessions_[slot]->on_recorder_progress();
  }
}

void Lane::route_cancel(uint32_t pid, uint32_t secret, const std::string& client_address) {
  const uint32_t lane = pid >> 24;
  const uint32_t slot = pid & (slots_max - 1);
  if (lane >= shared_.lanes.size()) return;
  if (!cancel_limiter_.admit(client_address, reactor_.now_ns())) {
    log().log(LogLevel::Warn, "cancel-refused",
              {{"client", client_address}, {"reason", "too many requests from this address"}});
    return;
  }
  if (lane == number_) {
    (void)cancel_here(slot, secret, client_address);
    return;
  }
  Lane* other = shared_.lanes[lane];
  other->reactor().mailbox().post(
      [other, slot, secret, client_address] { (void)other->cancel_here(slot, secret, client_address); });
}

bool Lane::cancel_here(uint32_t slot, uint32_t secret, const std::string& client_address) {
  if (slot >= sessions_.size() || !sessions_[slot] || !sessions_[slot]->can_be_cancelled()) return false;
  const uint32_t known = sessions_[slot]->cancel_secret();
  if (!equal_constant_time(std::as_bytes(std::span{&known, 1}), std::as_bytes(std::span{&secret, 1}))) {
    log().log(LogLevel::Warn, "cancel-refused", {{"client", client_address}, {"reason", "wrong key"}});
    return false;
  }
  sessions_[slot]->cancel_upstream(client_address);
  return true;
}

void Lane::apply_settings(const Settings* old) {
  const std::vector<TargetSettings>& targets = snapshots_.settings->targets;
  for (size_t i = 0; i < targets.size(); ++i) {
    if (i >= targets_.size()) targets_.emplace_back();
    TargetState& state = targets_[i];
    state.limits.text_size_max = targets[i].limits.statement_size_max;
    // Facts say what is opaque, which depends on the functions that are trusted, and what is too long.
    const bool known = old != nullptr && i < old->targets.size();
    if (!known || old->targets[i].trusted_functions != targets[i].trusted_functions ||
        old->targets[i].limits.statement_size_max != targets[i].limits.statement_size_max)
      state.facts = std::make_unique<rules::FactsCache>(state.limits);
  }
}

uint64_t Lane::replace(Snapshots snapshots, bool revoke) {
  const bool keys_changed = snapshots.keys != snapshots_.keys;
  const bool rules_changed = snapshots.rules != snapshots_.rules;
  const bool settings_changed = snapshots.settings != snapshots_.settings;
  if (rules_changed) rule_scratch_.prepare(*snapshots.rules);
  const Snapshots old = std::exchange(snapshots_, std::move(snapshots));
  if (settings_changed) apply_settings(old.settings.get());
  if (rules_changed || settings_changed) ++policy_epoch_;
  generations_.set_current(snapshots_.rules->generation());
  metrics_.rule_generation.set(snapshots_.rules->generation());
  uint64_t cancelled = 0;
  for (size_t i = 0; i < sessions_.size(); ++i) {
    // Each may end the session.
    if (sessions_[i] && keys_changed) sessions_[i]->on_keys_changed();
    if (sessions_[i] && settings_changed) sessions_[i]->on_settings_changed(*old.settings);
    if (sessions_[i] && (rules_changed || settings_changed)) sessions_[i]->on_policy_changed();
    if (sessions_[i] && revoke && sessions_[i]->revoke_denied()) ++cancelled;
  }
  return cancelled;
}

void Lane::find_holders(std::map<uint64_t, LiveGeneration>& into) const {
  for (const auto& session : sessions_) {
    if (!session) continue;
    const uint64_t generation = session->oldest_generation();
    if (generation == 0 || generation == generations_.current()) continue;
    LiveGeneration& live = into[generation];
    ++live.holder_count;
    if (live.holders.size() < holders_named_max)
      live.holders.push_back({audit::to_string(session->id()), settings().targets[session->target()].name});
  }
}

void Lane::publish_catalog(size_t target, const std::string& database, CatalogPtr catalog, int64_t verified_ns) {
  targets_[target].catalogs[database] = {std::move(catalog), verified_ns};
  for (size_t i = 0; i < sessions_.size(); ++i) {
    if (sessions_[i]) sessions_[i]->on_catalog();
  }
}

void Lane::begin_drain() {
  draining_ = true;
  reactor_.stop_listening();
  for (size_t i = 0; i < sessions_.size(); ++i) {
    if (sessions_[i] && (sessions_[i]->idle() || !sessions_[i]->can_be_cancelled())) {
      sessions_[i]->terminate("57P01", "the gateway is shutting down");
    }
  }
}

void Lane::stop_all(std::string_view reason) {
  reactor_.stop_listening();
  for (size_t i = 0; i < sessions_.size(); ++i) {
    if (sessions_[i]) sessions_[i]->terminate("57P01", reason);
  }
}

void Lane::update_gauges() {
  const io::ReactorCounters& c = reactor_.counters();
  metrics_.buffers_free.set(reactor_.slabs().receive_count() - reactor_.slabs().receive_held());
  metrics_.copied_bytes.add(c.gathered_bytes - std::exchange(gathered_seen_, c.gathered_bytes));
  metrics_.ring_fill_permille.set(static_cast<uint64_t>(recorder_.fill() * 1000));
  metrics_.sacrificed.add(c.sacrificed - metrics_.sacrificed.get());
  metrics_.recv_enobufs.add(c.no_buffers - metrics_.recv_enobufs.get());
}

}  // namespace sluice::gateway
