#include "simulation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "gateway/lane.h"
#include "gateway/pg_session.h"
#include "peers.h"
#include "rules/compile/compile.h"

namespace sluice::sim {
namespace {

using gateway::Lane;

constexpr std::string_view deny_drop =
    "rules:\n"
    "  - {id: no-drop, statement: {kinds: [drop]}, verdict: deny, message: not here}\n";
constexpr std::string_view mask_cards =
    "  - {id: cards, result: {types: [CREDIT_CARD]}, mask: {operator: mask, keep_last: 4}}\n";
constexpr uint64_t generations_max = 12;
constexpr uint64_t rounds_max = 400'000;
constexpr uint32_t reserve_slabs = 256;

class NoLog final : public LogSink {
 public:
  void log(LogLevel, std::string_view, std::span<const LogField>) override {}
};

/// The same rules as many generations: swapping them must change nothing that a client sees.
std::shared_ptr<const rules::RuleSet> rule_set(bool masks, uint64_t generation) {
  static const auto sets = [] {
    std::array<std::array<std::shared_ptr<const rules::RuleSet>, generations_max>, 2> made;
    for (const bool with : {false, true}) {
      const rules::SourceFile file{"sim.yaml", std::string(deny_drop) + std::string(with ? mask_cards : "")};
      for (uint64_t i = 0; i < generations_max; ++i) {
        auto set = rules::compile({&file, 1}, {.targets = {"orders"}}, i + 1, nullptr);
        SLUICE_ASSERT(set.has_value());
        made[with ? 1 : 0][i] = *set;
      }
    }
    return made;
  }();
  return sets[masks ? 1 : 0][generation - 1];
}

gateway::Snapshots snapshots(bool masks, const Settings& settings) {
  static const pg::ScramKeys client_keys = keys_of(client_key);
  gateway::Snapshots made;
  made.settings = std::make_shared<const Settings>(settings);
  made.rules = rule_set(masks, 1);
  std::vector<AccessSubject> subjects(1);
  subjects[0] = {.subject = std::string(client_user),
                 .groups = {"agents"},
                 .kind = "agent",
                 .salt = salt(),
                 .iterations = iterations,
                 .keys = {{.id = "k1", .stored_key = client_keys.stored_key, .server_key = client_keys.server_key}}};
  made.keys = std::make_shared<const KeyDirectory>(std::move(subjects));
  auto credentials = std::make_shared<CredentialSet>();
  TargetCredentials target{.target = "orders", .credentials = {}};
  target.credentials.push_back(
      {.groups = {}, .user = std::string(upstream_user), .password = Secret(std::string(upstream_password))});
  credentials->targets.push_back(std::move(target));
  made.credentials = std::move(credentials);
  made.listener_tls.resize(1);
  made.target_tls.resize(1);
  return made;
}

NetworkHabits habits_of(Random& random) {
  constexpr uint64_t latencies[] = {0, 50'000, 1'000'000, 20'000'000};
  constexpr uint32_t rooms[] = {100, 2000, 16U << 10, 256U << 10};
  constexpr uint32_t receives[] = {7, 500, 16U << 10, 16U << 10};
  constexpr uint32_t reads[] = {1U << 10, 8U << 10, 64U << 10};
  const bool narrow = random.once_in(8);
  // A narrow and slow network would be a login that takes too long, rightly.
  return {.latency_ns_max = latencies[random.below(narrow ? 2 : 4)],
          .send_room = narrow ? rooms[random.below(2)] : rooms[random.between(2, 3)],
          .receive_max = random.once_in(8) ? receives[random.below(2)] : receives[2 + random.below(2)],
          .read_max = reads[random.below(3)],
          .accept_fails = random.once_in(8)};
}

class Simulation {
 public:
  explicit Simulation(uint64_t seed)
      : random_(seed),
        masks_(random_.once_in(2)),
        group_(random_.once_in(3)),
        kernel_(Random(random_.next()), habits_of(random_)),
        recorder_(
            Random(random_.next()),
            {.full_once_in = random_.once_in(3) ? random_.between(5, 60) : 0,
             .durable_lag_ns_max = random_.once_in(2) ? uint64_t{30'000'000} : 100'000},
            [this](uint64_t delay_ns, std::function<void()> what) { kernel_.after(delay_ns, std::move(what)); },
            [this] { lane_->reactor().mailbox().post([this] { lane_->on_recorder_progress(); }); }),
        world_{.kernel = kernel_, .recorder = recorder_, .random = Random(random_.next()), .group = group_, .masks = masks_} {
    settings_.listeners.push_back({.protocol = "postgres", .host = "127.0.0.1", .port = 6432, .allow_cleartext = true});
    TargetSettings target;
    target.name = "orders";
    target.host = "127.0.0.1";
    target.database = "orders";
    target.tls_mode = UpstreamTlsMode::Disable;
    target.access_groups = {"*"};
    target.default_verdict = Verdict::Allow;
    target.durability = group_ ? Durability::Group : Durability::Async;
    settings_.targets.push_back(std::move(target));
    shared_.log = &log_;
    shared_.rules_released = [this](unsigned, uint64_t generation) { released_.push_back(generation); };
    shared_.workers = &workers_;
    shared_.ledger = &ledger_;
    const io::ReactorLimits limits{
        .receive_slabs = uint32_t{16} << random_.below(4), .reserve_slabs = reserve_slabs, .connections_max = 64};
    lane_ = std::make_unique<Lane>(0, shared_, kernel_, recorder_, metrics_, snapshots(masks_, settings_), limits);
    shared_.lanes.push_back(lane_.get());
    kernel_.set_upstream([this](SimKernel::Link link) { return accept_upstream(link); });
    if (random_.once_in(10)) refuses_once_in_ = 4;
    if (random_.once_in(8)) world_.dies_once_in = random_.between(3, 30);
    make_clients();
  }

  RunResult run(bool trace) {
    const int listener = kernel_.open_listener();
    lane_->listen(listener, 0);
    for (auto& client : clients_) kernel_.after(random_.below(3'000'000), [&client] { client->start(); });
    if (random_.once_in(12)) {
      kernel_.after(random_.below(60'000'000), [this] {
        lane_->reactor().mailbox().post([this] {
          drained_ = true;
          lane_->begin_drain();
        });
      });
    }
    if (random_.once_in(2)) schedule_reloads();
    uint64_t rounds = 0;
    do {
      lane_->reactor().run_once();
    } while (!kernel_.idle() && ++rounds < rounds_max);
    judge(rounds, listener, trace);
    return std::move(result_);
  }

 private:
  void make_clients() {
    const uint64_t count = random_.between(1, 4);
    for (uint64_t i = 0; i < count; ++i) {
      Client::Plan plan;
      plan.script = make_script(random_, static_cast<unsigned>(i), masks_);
      if (random_.once_in(4)) {
        plan.leaving = static_cast<Client::Leaving>(random_.between(1, 5));
        plan.leaves_after = random_.below(plan.script.steps.size() + 1);
      }
      if (random_.once_in(5)) plan.cancels_after = random_.below(plan.script.steps.size());
      plan.wrong_cancel = random_.once_in(4);
      clients_.push_back(std::make_unique<Client>(kernel_, Random(random_.next()), std::move(plan)));
    }
  }

  void schedule_reloads() {
    const uint64_t count = random_.between(1, generations_max - 1);
    for (uint64_t i = 0; i < count; ++i) {
      const bool settings_too = random_.once_in(2);
      const bool revoke = random_.once_in(4);
      kernel_.after(random_.below(60'000'000), [this, settings_too, revoke] {
        lane_->reactor().mailbox().post([this, settings_too, revoke] {
          gateway::Snapshots next = lane_->snapshots();
          next.rules = rule_set(masks_, ++generation_);
          if (settings_too) next.settings = std::make_shared<const Settings>(*next.settings);
          if (lane_->replace(std::move(next), revoke) != 0) complain("a statement was revoked by the rules it was judged by");
        });
      });
    }
  }

  Peer* accept_upstream(SimKernel::Link link) {
    if (refuses_once_in_ != 0 && random_.once_in(refuses_once_in_)) {
      refused_ = true;
      return nullptr;
    }
    servers_.push_back(std::make_unique<Server>(world_, link));
    return servers_.back().get();
  }

  void complain(std::string what) { result_.complaints.push_back(std::move(what)); }

  void judge(uint64_t rounds, int listener, bool trace) {
    if (rounds >= rounds_max) complain("it never comes to rest");
    for (size_t i = 0; i < clients_.size(); ++i) {
      const Client& client = *clients_[i];
      const bool disturbed = client.plan().leaving != Client::Leaving::Properly || world_.died || refused_ || drained_;
      const std::string verdict = client.verdict(disturbed);
      ++(disturbed ? result_.disturbed : result_.sessions);
      if (!verdict.empty()) {
        complain(fmt::format("client {}: {} (receive slabs held: {})", i, verdict, lane_->reactor().slabs().receive_held()));
      }
      if (!trace) continue;
      for (const std::string& said : client.plan().script.said) result_.trace.push_back(fmt::format("client {}: {}", i, said));
      for (size_t k = 0; k < client.plan().script.answers.size(); ++k) {
        result_.trace.push_back(fmt::format("client {} answer {}: due {} seen {}", i, k, show(client.plan().script.answers[k]),
                                            k < client.seen().size() ? show(client.seen()[k]) : "nothing"));
      }
    }
    if (!result_.complaints.empty()) {
      kernel_.abandon();
      return;
    }
    recorder_.check_nothing_is_owed();
    for (const auto* list : {&recorder_.complaints(), &std::as_const(world_.complaints)}) {
      for (const std::string& complaint : *list) complain(complaint);
    }
    const auto& reactor = lane_->reactor();
    if (lane_->session_count() != 0) complain(fmt::format("{} sessions are left", lane_->session_count()));
    if (reactor.connection_count() != 0) complain(fmt::format("{} connections are left", reactor.connection_count()));
    if (kernel_.open_sockets() != 1) complain(fmt::format("{} sockets are left open", kernel_.open_sockets() - 1));
    io::SlabPool& slabs = lane_->reactor().slabs();
    if (slabs.receive_held() != 0) complain(fmt::format("promise 10: {} receive slabs are held", slabs.receive_held()));
    if (slabs.reserve_free() != reserve_slabs) {
      complain(fmt::format("promise 10: {} reserve slabs are held", reserve_slabs - slabs.reserve_free()));
    }
    for (uint64_t old = 1; old < generation_; ++old) {
      if (std::ranges::count(released_, old) != 1) complain(fmt::format("generation {} was not let go once", old));
    }
    if (metrics_.sessions_open.get() != 0) complain("sessions are still counted as open");
    if (!result_.complaints.empty()) kernel_.abandon();
    if (!drained_) lane_->reactor().stop_listening();
    lane_->reactor().run_once();
    kernel_.close(listener);
    result_.intents = recorder_.intents();
  }

  Random random_;
  const bool masks_;
  const bool group_;
  SimKernel kernel_;
  MemoryRecorder recorder_;
  ServerWorld world_;
  Settings settings_;
  NoLog log_;
  gateway::Workers workers_;
  gateway::SessionLedger ledger_;
  std::vector<uint64_t> released_;
  gateway::Shared shared_;
  LaneMetrics metrics_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<Server>> servers_;
  std::unique_ptr<Lane> lane_;
  uint64_t generation_ = 1;
  uint64_t refuses_once_in_ = 0;
  bool refused_ = false;
  bool drained_ = false;
  RunResult result_;
};

}  // namespace

RunResult run_simulation(uint64_t seed, bool trace) { return Simulation(seed).run(trace); }

}  // namespace sluice::sim
