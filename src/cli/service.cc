#include "cli/service.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <thread>

#include "cli/load_rules.h"
#include "cli/rules_api.h"
#include "control/status.h"

namespace sluice::cli {
namespace {

constexpr int64_t tick_ms = 1000;
constexpr int64_t drain_tick_ms = 50;

int64_t monotonic_ms() {
  timespec t{};
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000;
}

/// Readable while a signal to stop waits to be read: they are blocked. It takes none of them.
int stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int s : {SIGTERM, SIGINT}) sigaddset(&set, s);
  return ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

}  // namespace

Service::Service(std::string config, control::FileStamp config_stamp, Settings settings, int signals)
    : config_(std::move(config)),
      config_stamp_(config_stamp),
      settings_(std::make_shared<const Settings>(std::move(settings))),
      signals_(signals),
      started_unix_s_(std::time(nullptr)),
      log_(STDERR_FILENO, settings_->log_json, settings_->log_level) {}

Service::~Service() { stop("stopped"); }

int Service::start() {
  Started with{.config = config_, .config_stamp = config_stamp_, .settings = settings_};
  std::vector<std::string> warnings;
  auto sources = read_rules(settings_->rule_files);
  if (!sources) return complain(BadConfig, sources.error().message);
  auto mask_keys = read_mask_keys(*settings_);
  if (!mask_keys) return complain(BadConfig, mask_keys.error().message);
  const int stop_asked = stop_signals();
  auto rules = compile_rules(*sources, *settings_, Loading::Serving, *mask_keys, 1, &warnings, stop_asked);
  if (stop_asked >= 0) ::close(stop_asked);
  if (!rules) return complain(BadConfig, rules.error().message);
  with.rules = {std::move(*sources), std::move(*mask_keys), *rules, "configuration"};
  for (const std::string& w : warnings) log_.log(LogLevel::Warn, "rules", {{"message", w}});

  // What files look like is noted before they are read, so that no change falls in between.
  with.keys_stamp = control::stamp_of(settings_->identity.access_keys_file);
  auto keys = load_directory(*settings_);
  if (!keys) return complain(BadConfig, keys.error().message);
  with.access_subjects = (*keys)->size();
  with.credentials = std::make_unique<control::CredentialWatcher>(
      settings_->targets, [this](CredentialsPtr set) { data_plane_->publish_credentials(std::move(set)); }, log_);
  auto credentials = control::load_credentials(settings_->targets);
  if (!credentials) return complain(BadConfig, credentials.error().message);

  const unsigned lanes = lane_count(*settings_);
  if (auto ring = probe_io_uring(); !ring) return complain(NoIoUring, ring.error().message);
  auto audit = audit::AuditLog::open(settings_->audit, lanes, [this](unsigned lane) { bells_.ring(lane); });
  if (!audit) return complain(AuditUnavailable, audit.error().message);
  audit_ = std::move(*audit);

  auto started = start_gateway({settings_, lanes, *rules, std::move(*keys), std::move(*credentials), *audit_, log_});
  if (!started) return complain(started.error().code, started.error().message);
  data_plane_ = std::move(*started);
  bells_.connect(data_plane_.get());
  reloader_ = std::make_unique<Reloader>(std::move(with), *data_plane_, log_);
  if (const int code = start_admin(); code != Ok) return code;

  for (const ListenerSettings& l : settings_->listeners) {
    log_.log(LogLevel::Info, "listening", {{"protocol", l.protocol}, {"address", l.host}, {"port", l.port}, {"tls", l.tls.has_value()}});
  }
  log_.log(LogLevel::Info, "started", {{"version", SLUICE_VERSION}, {"lanes", lanes}, {"rules", (*rules)->rule_count()},
                                       {"subjects", reloader_->access_subjects()}, {"pid", ::getpid()}});
  return Ok;
}

int Service::start_admin() {
  auto local = control::AdminServer::start_local(settings_->admin_socket, rules_answers(*reloader_, *data_plane_), log_);
  if (!local) return complain(Failed, local.error().message);
  local_ = std::move(*local);
  if (settings_->admin_port == 0) return Ok;
  control::AdminHooks hooks;
  hooks.metrics = [this] { return control::render_metrics(snapshot(), data_plane_->status()); };
  hooks.status = [this] { return control::render_status(snapshot(), data_plane_status()); };
  hooks.not_ready = [this] { return control::not_ready_reason(snapshot(), data_plane_->status()); };
  auto admin = control::AdminServer::start(settings_->admin_host, settings_->admin_port, std::move(hooks));
  if (!admin) return complain(Failed, admin.error().message);
  admin_ = std::move(*admin);
  return Ok;
}

DataPlaneStatus Service::data_plane_status() const {
  DataPlaneStatus out = data_plane_->status();
  out.generations = data_plane_->live_generations();
  return out;
}

control::ProcessSnapshot Service::snapshot() const {
  control::ProcessSnapshot out;
  out.started_unix_s = started_unix_s_;
  out.draining = draining_.load();
  const audit::Status audit = audit_->status();
  out.audit_failed = audit.failed;
  out.disk_low = audit.disk_low;
  out.disk_critical = audit.disk_critical;
  out.disk_available = audit.disk_available;
  out.audit_records = audit.records;
  out.rings_locked = audit.rings_locked;
  out.secrets_locked = secrets_locked();
  out.rules = reloader_->status();
  out.access_subjects = reloader_->access_subjects();
  out.log_lines_dropped = log_.dropped();
  return out;
}

void Service::begin_drain() {
  draining_ = true;
  drain_until_ms_ = monotonic_ms() + settings_->drain_timeout_ms;
  log_.log(LogLevel::Info, "draining", {{"at_most_ms", settings_->drain_timeout_ms}});
  data_plane_->begin_drain();
}

void Service::tick() {
  reloader_->tick();
  const audit::Status audit = audit_->status();
  if (audit.failed && !audit_failure_logged_) {
    audit_failure_logged_ = true;
    log_.log(LogLevel::Error, "audit-failed", {{"effect", "traffic has stopped"}, {"reason", audit.failure}});
  }
  if (audit.disk_low != disk_low_logged_) {
    disk_low_logged_ = audit.disk_low;
    log_.log(audit.disk_low ? LogLevel::Error : LogLevel::Info, audit.disk_low ? "audit-disk-low" : "audit-disk-recovered",
             {{"available", audit.disk_available}});
  }
}

int Service::run() {
  int64_t next_tick = monotonic_ms() + tick_ms;
  for (;;) {
    const int64_t now = monotonic_ms();
    if (draining_ && (data_plane_->drained() || now >= drain_until_ms_)) {
      stop(data_plane_->drained() ? "drained" : "drain timeout");
      return Ok;
    }
    if (now >= next_tick) {
      tick();
      next_tick = now + tick_ms;
    }
    pollfd p{signals_, POLLIN, 0};
    const int64_t wait = draining_ ? std::min(next_tick - now, drain_tick_ms) : next_tick - now;
    if (::poll(&p, 1, static_cast<int>(std::max<int64_t>(wait, 0))) <= 0) continue;
    signalfd_siginfo signal{};
    if (::read(signals_, &signal, sizeof signal) != sizeof signal) continue;
    if (signal.ssi_signo == SIGHUP) {
      reloader_->request();
    } else if (draining_) {
      stop("second signal");
      return Ok;
    } else {
      begin_drain();
    }
  }
}

void Service::stop(std::string_view why) {
  if (stopped_) return;
  stopped_ = true;
  if (reloader_ != nullptr) reloader_->cancel();
  local_.reset();
  admin_.reset();
  reloader_.reset();
  if (data_plane_ != nullptr) {
    data_plane_->stop();
    log_.log(LogLevel::Info, "stopped", {{"because", why}});
  }
  // The drainer writes the last records with the lanes stopped; then nobody rings any more.
  if (audit_ != nullptr) audit_->close();
  bells_.connect(nullptr);
  data_plane_.reset();
  audit_.reset();
}

}  // namespace sluice::cli
