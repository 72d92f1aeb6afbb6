// Prometheus text exposition (format 0.0.4) of what lanes count and what the process knows.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "model/data_plane.h"

namespace sluice::control {

inline constexpr std::string_view metrics_content_type = "text/plain; version=0.0.4; charset=utf-8";

/// The rules that were last published, and how reloading went.
struct RulesStatus {
  uint64_t generation = 0;
  uint64_t count = 0;
  std::string hash;             ///< SHA-256 of the sources, hexadecimal.
  std::string origin;           ///< "configuration", "push" or "rollback to generation N".
  int64_t loaded_unix_s = 0;
  uint64_t previous_generation = 0;  ///< What a rollback goes back to; 0: nothing.
  std::string previous_hash;
  uint64_t reloads_ok = 0;
  uint64_t reloads_failed = 0;
  int64_t last_reload_unix_s = 0;    ///< Of the last attempt, good or bad; 0: none yet.
  std::string last_failure;     ///< Empty: the last attempt was good.
};

/// What is not counted on a lane. Plain values, taken at one moment.
struct ProcessSnapshot {
  int64_t started_unix_s = 0;
  bool draining = false;
  bool audit_failed = false;
  bool disk_low = false;
  bool disk_critical = false;
  bool rings_locked = false;        ///< All audit rings are locked into memory.
  bool secrets_locked = false;      ///< All secrets are in locked memory.
  uint64_t disk_available = 0;      ///< Bytes left for the audit log.
  uint64_t audit_records = 0;       ///< Carried to disk since start.
  RulesStatus rules;
  uint64_t access_subjects = 0;
  uint64_t log_lines_dropped = 0;
};

/// One family after the other, each with HELP and TYPE; one series a lane (label `lane`).
[[nodiscard]] std::string render_metrics(const ProcessSnapshot& process, const DataPlaneStatus& data_plane);

}  // namespace sluice::control
