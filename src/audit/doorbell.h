// What lanes and the drainer share beside the rings: who sleeps, who asked for what, what went wrong.
#pragma once
#include <atomic>
#include <cstdint>

#include "audit/file.h"

namespace sluice::audit {

enum class DrainerState : uint32_t {
  Awake,    ///< Will look at all rings before it waits again.
  Napping,  ///< Wakes by itself within the flush interval: ring only for a sync or a ring half full.
  Asleep,   ///< Nothing happened for a while: ring for anything.
};

/// One for a log. Lanes read it with every record, so it changes rarely.
struct alignas(64) DrainerLink {
  std::atomic<DrainerState> state{DrainerState::Awake};
  std::atomic<bool> failed{false};         ///< Sticky: a write or fsync failed.
  std::atomic<bool> disk_low{false};       ///< No new sessions.
  std::atomic<bool> disk_critical{false};  ///< No new intents.
  Fd event;                                ///< An eventfd.

  /// Wakes the drainer unless somebody has already done it.
  void ring();
};

/// One for a lane.
struct alignas(64) LaneLink {
  std::atomic<uint64_t> sync_target{0};     ///< Lane: wants everything below this durable.
  std::atomic<bool> waits_for_room{false};  ///< Lane: was refused; call its doorbell when room is released.
};

}  // namespace sluice::audit
