// What happens before a log is written to again: the end of the last run is found, whatever it was.
//
// The disk is authoritative: the stream ends where the last good block of the last segment ends. What
// the ring holds beyond that is appended, in blocks flagged recovered. Nothing that was written is
// overwritten: torn bytes are copied aside before they are cut off, and a damaged file is kept whole
// beside a copy of its good part.
#pragma once
#include <string>

#include "audit/records.h"
#include "audit/ring.h"
#include "model/settings.h"

namespace sluice::audit {

/// Where a lane's log ended, and what had to be done to know it.
struct LaneEnd {
  uint64_t end_lsn = 0;         ///< Of the last block; 0: the lane has no log yet.
  uint64_t next_lsn_min = 0;    ///< The next run must not begin before.
  uint64_t last_first_lsn = 0;  ///< Of the last segment file; 0: none.
  uint64_t log_epoch = 0;       ///< Of the last run; 0: none.
  Recovery recovery;
};

/// Recovers one lane. Interrupted at any moment, it can be run again. Leaves the ring file in place: it
/// is the caller's to replace or remove once this has returned.
[[nodiscard]] Expected<LaneEnd> recover_lane(const AuditSettings& settings, uint32_t lane, const CrashHook& hook);

/// Lanes that have a ring file, ascending.
[[nodiscard]] Expected<std::vector<uint32_t>> list_rings(const std::string& ring_directory);

}  // namespace sluice::audit
