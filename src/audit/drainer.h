// The thread that carries records from all lanes' rings into segment files, through its own io_uring.
//
// A lane has at most one write and one fsync under way. Ring space is released when the write is done:
// from then on the page cache keeps the records through a SIGKILL, and the fsync that follows within a
// second through a power loss. `durable` moves only with an fsync. A write or fsync that fails is never
// tried again on that file: the kernel marks the pages clean, and a second fsync would succeed and lie.
// Then the log has failed for good, and traffic stops until a restart recovers.
#pragma once
#include <liburing.h>

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "audit/doorbell.h"
#include "audit/ring.h"
#include "audit/segment.h"

namespace sluice::audit {

struct DiskSpace {
  uint64_t total = 0;      ///< Bytes.
  uint64_t available = 0;  ///< To this process.
};

enum class DrainOperation : uint8_t { Write, Sync };

/// What tests replace. The defaults are the real thing.
struct Environment {
  CrashHook crash;
  /// Free space where the log is.
  std::function<Expected<DiskSpace>(const std::string& directory)> disk_space;
  /// Sees every result (bytes or -errno) before the drainer does and may change it.
  std::function<int(unsigned lane, DrainOperation, int result)> result;
};
[[nodiscard]] Expected<DiskSpace> disk_space_of(const std::string& directory);

/// SessionIds are random already: eight of their bytes are the hash.
struct SessionIdHash {
  size_t operator()(const SessionId& id) const {
    size_t h = 0;
    std::memcpy(&h, id.bytes.data(), sizeof h);
    return h;
  }
};
using SessionSet = std::unordered_set<SessionId, SessionIdHash>;

/// Totals since start; read from any thread.
struct DrainerCounters {
  std::atomic<uint64_t> records{0};
  std::atomic<uint64_t> bytes{0};
  std::atomic<uint64_t> blocks{0};
  std::atomic<uint64_t> syncs{0};
  std::atomic<uint64_t> segments{0};
  std::atomic<uint64_t> disk_available{0};
};

class Drainer {
 public:
  /// A lane as recovery left it: its ring is new and its segment has its first blocks.
  struct Lane {
    Ring* ring = nullptr;      ///< Borrowed for the drainer's life.
    LaneLink* link = nullptr;  ///< Likewise.
    SegmentFile segment;
    LogPosition position;
  };
  struct Parameters {
    std::string directory;
    std::vector<Lane> lanes;
    DrainerLink* link = nullptr;
    /// Called on the drainer's thread with a lane's index: what it waited for has happened (durable as
    /// asked, room after a refusal), or the log has failed.
    std::function<void(unsigned)> wake_lane;
    Environment environment;
  };
  /// Starts the thread. An Error names what is missing when io_uring cannot be used.
  [[nodiscard]] static Expected<std::unique_ptr<Drainer>> start(Parameters);
  /// Drains what is committed, makes it durable and ends the thread. Lanes must have stopped writing.
  ~Drainer();
  Drainer(const Drainer&) = delete;
  Drainer& operator=(const Drainer&) = delete;

  [[nodiscard]] const DrainerCounters& counters() const { return counters_; }
  /// Why the log has failed; empty while it has not.
  [[nodiscard]] std::string failure() const;

 private:
  struct LaneState : Lane {
    uint64_t drained = 0;      ///< Records below are written or being written.
    uint64_t released = 0;
    uint64_t durable = 0;
    uint64_t written_size = 0;  ///< Of the block under way.
    uint64_t synced_to = 0;     ///< What the fsync under way will make durable.
    bool write_busy = false;
    bool sync_busy = false;
    bool seal = false;          ///< The block under way, or the last one, ends the segment.
    bool wake = false;
    int64_t last_sync_ns = 0;
    uint32_t records = 0;
    BlockHeader header{};
    std::array<iovec, 2> pieces{};
    SessionSet sessions;
  };

  explicit Drainer(Parameters);
  void run();
  [[nodiscard]] bool look_at(unsigned lane, bool due);
  void submit_block(unsigned lane, uint64_t head, bool with_sync);
  [[nodiscard]] static BlockContent cut_block(LaneState& s, uint64_t head);
  void submit_sync(unsigned lane);
  void on_completion(uint64_t user_data, int result);
  void on_written(unsigned lane, int result);
  void on_synced(unsigned lane, int result);
  void next_segment(unsigned lane);
  static void release(LaneState& s);
  void check_disk();
  void fail_with(std::string why);
  [[nodiscard]] bool idle_enough();
  [[nodiscard]] bool work_waits();
  [[nodiscard]] bool completion_is_urgent();
  void reap();
  void wait(int64_t now_ns);
  void finish();
  [[nodiscard]] io_uring_sqe* sqe();

  Parameters parameters_;
  std::vector<LaneState> lanes_;
  io_uring ring_{};
  DrainerLink& link_;
  DrainerCounters counters_;
  std::atomic<bool> stopping_{false};
  bool can_sleep_ = false;   ///< membarrier works, so lanes need no fence to see us fall asleep.
  unsigned in_flight_ = 0;   ///< Writes and fsyncs.
  int64_t next_tick_ns_ = 0;
  int64_t next_disk_check_ns_ = 0;
  int64_t last_traffic_ns_ = 0;
  mutable std::mutex failure_mutex_;
  std::string failure_;
  std::thread thread_;
};

}  // namespace sluice::audit
