#include "gateway/server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <optional>

#include "base/text.h"
#include "gateway/catalog_reader.h"
#include "io/uring_kernel.h"

namespace sluice::gateway {
namespace {

constexpr int accept_backlog = 4096;
constexpr unsigned lanes_max = 255;  // A lane has 8 bits of a cancel key.

/// A listening socket of its own for every lane: the kernel spreads connections over them.
Expected<int> listen_on(const ListenerSettings& listener, bool first) {
  sockaddr_storage address{};
  socklen_t size = 0;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address);
  if (inet_pton(AF_INET, listener.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(listener.port);
    size = sizeof *v4;
  } else if (inet_pton(AF_INET6, listener.host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(listener.port);
    size = sizeof *v6;
  } else {
    return fail(fmt::format("listener {}:{}: not a numeric address", listener.host, listener.port));
  }
  const int on = 1;
  if (first) {
    // With SO_REUSEPORT another process of this user could share the port and take half our clients:
    // so the first lane's socket asks without it whether the port is free.
    const int probe = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe >= 0) setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const int refused =
        probe < 0 || bind(probe, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(probe, 1) != 0 ? errno
                                                                                                              : 0;
    if (probe >= 0) ::close(probe);
    if (refused != 0)
      return fail(fmt::format("listener {}:{}: {}", listener.host, listener.port, errno_text(refused)));
  }
  const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
      bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd, accept_backlog) != 0) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    return fail(fmt::format("listener {}:{}: {}", listener.host, listener.port, errno_text(error)));
  }
  return fd;
}

}  // namespace

struct Server::LaneThread {
  unsigned number = 0;
  LaneMetrics metrics;
  std::vector<int> listeners;
  Lane* lane = nullptr;       // Valid while its thread runs; see mutex_.
  std::promise<void> finish;  // The lane runs no more; it still exists.
  std::future<void> finished = finish.get_future();
  BigStackThread thread;
  LaneThread() = default;
  LaneThread(const LaneThread&) = delete;
  LaneThread& operator=(const LaneThread&) = delete;
  ~LaneThread() {
    thread.join();
    for (const int fd : listeners) ::close(fd);
  }
};

unsigned Server::lane_count(const Settings& settings) {
  if (settings.lanes != 0) return std::min(settings.lanes, lanes_max);
  return std::clamp(std::thread::hardware_concurrency(), 1U, lanes_max);
}

Server::Server(Inputs inputs) : inputs_(std::move(inputs)) {
  shared_.rules_released = [this](unsigned lane, uint64_t generation) { on_rules_released(lane, generation); };
  shared_.log = &inputs_.log;
  shared_.ledger = &ledger_;
  snapshots_.settings = inputs_.settings;
  snapshots_.rules = inputs_.rules;
  snapshots_.keys = inputs_.keys;
  snapshots_.credentials = inputs_.credentials;
  const unsigned lanes = lane_count(*inputs_.settings);
  SLUICE_ASSERT(inputs_.recorders.size() == lanes);
  live_[inputs_.rules->generation()] = {inputs_.rules, lanes};
}

Server::~Server() { stop(); }

Expected<void> Server::load_tls(Snapshots& into) {
  into.listener_tls.clear();
  into.target_tls.clear();
  for (const ListenerSettings& listener : into.settings->listeners) {
    if (!listener.tls) {
      into.listener_tls.emplace_back();
      continue;
    }
    std::string client_ca = listener.tls->client_ca_file;
    if (client_ca.empty()) client_ca = into.settings->identity.client_certificate_ca;
    auto context = tls::ServerContext::load({.certificate_file = listener.tls->certificate_file,
                                             .key_file = listener.tls->key_file,
                                             .client_ca_file = client_ca,
                                             .alpn = {"postgresql"}});
    if (!context) return std::unexpected(context.error());
    into.listener_tls.push_back(std::move(*context));
  }
  for (const TargetSettings& target : into.settings->targets) {
    // Nobody logs in at an entry that is not live, and its files may be gone.
    if (target.tls_mode == UpstreamTlsMode::Disable || target.place != TargetPlace::Live) {
      into.target_tls.emplace_back();
      continue;
    }
    const auto verify = target.tls_mode == UpstreamTlsMode::VerifyFull ? tls::Verify::ChainAndName
                        : target.tls_mode == UpstreamTlsMode::VerifyCa ? tls::Verify::Chain
                                                                       : tls::Verify::None;
    auto context = tls::ClientContext::load({.verify = verify, .ca_file = target.tls_ca_file});
    if (!context) return std::unexpected(context.error());
    into.target_tls.push_back(std::move(*context));
  }
  return {};
}

Expected<void> Server::open_listeners() {
  for (auto& thread : lanes_) {
    for (const ListenerSettings& listener : inputs_.settings->listeners) {
      auto fd = listen_on(listener, thread->number == 0);
      if (!fd) return std::unexpected(fd.error());
      thread->listeners.push_back(*fd);
    }
  }
  return {};
}

Expected<void> Server::start() {
  SLUICE_ASSERT(!started_);
  if (auto loaded = load_tls(snapshots_); !loaded) return loaded;
  const unsigned count = lane_count(*inputs_.settings);
  for (unsigned i = 0; i < count; ++i) {
    lanes_.push_back(std::make_unique<LaneThread>());
    lanes_.back()->number = i;
  }
  if (auto opened = open_listeners(); !opened) {
    lanes_.clear();
    return opened;
  }
  workers_ = std::make_unique<Workers>();
  if (auto working = workers_->start(std::clamp(count, 1U, 4U)); !working) return working;
  shared_.workers = workers_.get();
  shared_.lanes.resize(count);
  catalog_reader_ = std::make_unique<CatalogReader>(
      snapshots_.settings, inputs_.log,
      [this](size_t target, const std::string& database, const CatalogPtr& catalog, int64_t verified_ns) {
        check_masks(target, database, *catalog);
        to_all([target, database, catalog, verified_ns](Lane& lane) {
          lane.publish_catalog(target, database, catalog, verified_ns);
        });
      });
  catalog_reader_->set_credentials(snapshots_.credentials);
  shared_.want_catalog = [this](size_t target, const std::string& database) {
    catalog_reader_->want(target, database);
  };
  started_ = true;
  for (unsigned i = 0; i < count; ++i) {
    if (auto running = run_lane(i); !running) {
      stop();
      return running;
    }
  }
  // Only now does every lane know the others: accepting starts.
  to_all([this](Lane& lane) {
    LaneThread& thread = *lanes_[lane.number()];
    for (size_t l = 0; l < thread.listeners.size(); ++l) lane.listen(thread.listeners[l], l);
  });
  return {};
}

Expected<void> Server::run_lane(unsigned number) {
  LaneThread& thread = *lanes_[number];
  std::promise<Expected<void>> ready;
  auto answer = ready.get_future();
  auto started = BigStackThread::start(
      fmt::format("lane-{}", number), [this, &thread, number, &ready, all_finished = wait_for_all_] {
        const unsigned cores = std::max(std::thread::hardware_concurrency(), 1U);
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(number % cores, &set);
        // Best effort: a container may allow other cores than it shows.
        pthread_setaffinity_np(pthread_self(), sizeof set, &set);
        const io::ReactorLimits limits;
        auto kernel = io::UringKernel::create(limits.receive_slabs);
        if (!kernel) {
          thread.finish.set_value();
          ready.set_value(std::unexpected(kernel.error()));
          return;
        }
        Lane lane(number, shared_, **kernel, *inputs_.recorders[number], thread.metrics, snapshots_, limits);
        {
          const std::lock_guard lock(mutex_);
          thread.lane = &lane;
          shared_.lanes[number] = &lane;
        }
        ready.set_value({});
        lane.run();
        {
          const std::lock_guard lock(mutex_);
          thread.lane = nullptr;
        }
        thread.finish.set_value();
        all_finished.wait();
      });
  if (!started) return std::unexpected(started.error());
  thread.thread = std::move(*started);
  return answer.get();
}

size_t Server::to_all(const std::function<void(Lane&)>& letter) {
  const std::lock_guard lock(mutex_);
  size_t sent = 0;
  for (auto& thread : lanes_) {
    Lane* lane = thread->lane;
    if (lane == nullptr) continue;
    lane->reactor().mailbox().post([lane, letter] { letter(*lane); });
    ++sent;
  }
  return sent;
}

void Server::publish() {
  Snapshots copy;
  {
    const std::lock_guard lock(mutex_);
    copy = snapshots_;
  }
  to_all([copy](Lane& lane) { lane.replace(copy); });
}

void Server::publish_keys(KeysPtr keys) {
  {
    const std::lock_guard lock(mutex_);
    snapshots_.keys = std::move(keys);
  }
  publish();
}

void Server::publish_credentials(CredentialsPtr credentials) {
  {
    const std::lock_guard lock(mutex_);
    snapshots_.credentials = credentials;
  }
  if (catalog_reader_) catalog_reader_->set_credentials(std::move(credentials));
  publish();
}

Expected<void> Server::reload_certificates() {
  Snapshots fresh;
  {
    const std::lock_guard lock(mutex_);
    fresh.settings = snapshots_.settings;
  }
  if (auto loaded = load_tls(fresh); !loaded) return loaded;
  {
    const std::lock_guard lock(mutex_);
    snapshots_.listener_tls = std::move(fresh.listener_tls);
    snapshots_.target_tls = std::move(fresh.target_tls);
  }
  publish();
  return {};
}

void Server::ring_doorbell(unsigned number) {
  const std::lock_guard lock(mutex_);
  if (number >= lanes_.size()) return;
  if (Lane* lane = lanes_[number]->lane) lane->reactor().mailbox().post([lane] { lane->on_recorder_progress(); });
}

void Server::begin_drain() {
  to_all([](Lane& lane) { lane.begin_drain(); });
}

bool Server::drained() const {
  for (const auto& thread : lanes_) {
    if (thread->metrics.sessions_open.get() != 0) return false;
  }
  return true;
}

void Server::stop() {
  if (stopped_ || !started_) return;
  stopped_ = true;
  to_all([](Lane& lane) { lane.stop_all("the gateway is shutting down"); });
  // Workers and the catalog reader write to lanes, and lanes to each other: whoever writes ends before
  // any lane is destroyed.
  if (workers_) workers_->stop();
  catalog_reader_->stop();
  to_all([](Lane& lane) {
    // One more round lets the farewells out.
    lane.reactor().mailbox().post([&lane] { lane.reactor().stop(); });
  });
  for (auto& thread : lanes_) {
    if (thread->thread.joinable()) thread->finished.wait();
  }
  all_finished_.set_value();
  for (auto& thread : lanes_) thread->thread.join();
}

void Server::check_masks(size_t target, const std::string& database, const Catalog& catalog) {
  std::string name;
  std::vector<std::string> missing;
  {
    const std::lock_guard lock(mutex_);
    name = snapshots_.settings->targets[target].name;
    MasksChecked& checked = masks_checked_[{target, database}];
    if (checked.catalog_version == catalog.version && checked.generation == snapshots_.rules->generation()) return;
    checked = {catalog.version, snapshots_.rules->generation(),
               rules::unresolved_columns(*snapshots_.rules, catalog, name)};
    missing = checked.missing;
  }
  for (const std::string& column : missing) {
    inputs_.log.log(LogLevel::Warn, "mask-unresolved",
                    {{"target", name},
                     {"database", database},
                     {"column", column},
                     {"reason", "no such column: renamed, dropped or misspelt; what it names is not masked by name"}});
  }
}

std::vector<std::string> Server::unresolved_masks(size_t target) const {
  const std::lock_guard lock(mutex_);
  std::optional<std::vector<std::string>> everywhere;
  for (const auto& [key, checked] : masks_checked_) {
    if (key.first != target) continue;
    if (!everywhere) everywhere = checked.missing;
    const std::vector<std::string>& missing = checked.missing;
    std::erase_if(*everywhere, [&missing](const std::string& column) {
      return std::ranges::find(missing, column) == missing.end();
    });
  }
  return everywhere.value_or(std::vector<std::string>{});
}

DataPlaneStatus Server::status() const {
  DataPlaneStatus status;
  SettingsPtr settings;
  {
    const std::lock_guard lock(live_mutex_);
    for (const auto& [generation, set] : live_) {
      if (set.lanes > 0) status.generations.push_back({.generation = generation});
    }
  }
  {
    const std::lock_guard lock(mutex_);
    settings = snapshots_.settings;
    for (const auto& thread : lanes_) {
      status.lanes.push_back({.lane = thread->number, .running = thread->lane != nullptr, .metrics = &thread->metrics});
      if (Lane* lane = thread->lane) lane->reactor().mailbox().post([lane] { lane->update_gauges(); });
    }
  }
  for (size_t i = 0; i < settings->targets.size(); ++i) {
    const TargetSettings& target = settings->targets[i];
    if (target.place != TargetPlace::Live) continue;
    status.targets.push_back({.name = target.name,
                              .column_rules = catalog_reader_ && catalog_reader_->wanted(i),
                              .catalog_age_ms = catalog_reader_ ? catalog_reader_->age_ms(i) : -1,
                              .unresolved_masks = unresolved_masks(i)});
  }
  return status;
}

}  // namespace sluice::gateway
