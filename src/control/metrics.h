// Prometheus text exposition (format 0.0.4) of what lanes count and what the process knows.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "model/data_plane.h"

namespace sluice::control {

inline constexpr std::string_view metrics_content_type = "text/plain; version=0.0.4; charset=utf-8";

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
  uint64_t rule_generation = 0;
  uint64_t rule_count = 0;
  uint64_t access_subjects = 0;
  uint64_t log_lines_dropped = 0;
};

/// One family after the other, each with HELP and TYPE; one series a lane (label `lane`).
[[nodiscard]] std::string render_metrics(const ProcessSnapshot& process, const DataPlaneStatus& data_plane);

}  // namespace sluice::control
