// The running process: what `sluice serve` starts, reloads, drains and stops.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "audit/audit_log.h"
#include "cli/cli.h"
#include "cli/reload.h"
#include "cli/serve_gateway.h"
#include "control/admin.h"
#include "control/credentials.h"
#include "control/files.h"
#include "control/log.h"
#include "control/metrics.h"

namespace sluice::cli {

/// Lets the audit log's drainer, which starts first and stops last, ring lanes that come and go.
class LaneBells {
 public:
  void connect(DataPlane* data_plane) {
    const std::scoped_lock lock(mutex_);
    data_plane_ = data_plane;
  }
  void ring(unsigned lane) {
    const std::scoped_lock lock(mutex_);
    if (data_plane_ != nullptr) data_plane_->ring_doorbell(lane);
  }

 private:
  std::mutex mutex_;
  DataPlane* data_plane_ = nullptr;
};

class Service {
 public:
  /// `config`: its path, `config_stamp` what it looked like before it was read. `signals`: a signalfd of
  /// the signals serve waits for, borrowed.
  Service(std::string config, control::FileStamp config_stamp, Settings settings, int signals);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// Everything up to accepting sessions. Ok, or the exit code; the reason was printed.
  [[nodiscard]] int start();
  /// Until a signal ends it. The exit code.
  [[nodiscard]] int run();

 private:
  [[nodiscard]] control::ProcessSnapshot snapshot() const;
  [[nodiscard]] int start_admin();
  [[nodiscard]] DataPlaneStatus data_plane_status() const;
  void begin_drain();
  void tick();
  void stop(std::string_view why);

  const std::string config_;
  const control::FileStamp config_stamp_;
  const SettingsPtr settings_;  // As it was started with: what only a restart changes is read from here.
  const int signals_;
  const int64_t started_unix_s_;
  control::Logger log_;
  LaneBells bells_;
  std::unique_ptr<audit::AuditLog> audit_;
  std::unique_ptr<DataPlane> data_plane_;
  std::unique_ptr<Reloader> reloader_;
  std::unique_ptr<control::AdminServer> admin_;
  std::unique_ptr<control::AdminServer> local_;
  std::atomic<bool> draining_{false};
  int64_t drain_until_ms_ = 0;
  bool audit_failure_logged_ = false;
  bool disk_low_logged_ = false;
  bool stopped_ = false;
};

}  // namespace sluice::cli
