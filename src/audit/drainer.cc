#include "audit/drainer.h"

#include <fmt/format.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <system_error>

namespace sluice::audit {
namespace {

constexpr int64_t flush_interval_ns = 10'000'000;
constexpr int64_t sync_interval_ns = 1'000'000'000;
constexpr int64_t sleep_after_ns = 500'000'000;
constexpr int64_t sleep_ns = 1'000'000'000;
constexpr int64_t disk_check_interval_ns = 1'000'000'000;
constexpr uint64_t block_raw_max = 1U << 20;  ///< Except for one record that is larger by itself.
constexpr unsigned ring_entries = 256;

int64_t monotonic_ns() {
  timespec now{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

uint64_t tag(unsigned lane, DrainOperation operation) { return uint64_t{lane} << 1 | static_cast<uint64_t>(operation); }

std::string reason_of(int result) { return std::system_category().message(-result); }

}  // namespace

Expected<DiskSpace> disk_space_of(const std::string& directory) {
  struct statvfs status {};
  if (::statvfs(directory.c_str(), &status) != 0) return system_failure("cannot examine", directory, errno);
  return DiskSpace{.total = status.f_blocks * status.f_frsize, .available = status.f_bavail * status.f_frsize};
}

Drainer::Drainer(Parameters parameters) : parameters_(std::move(parameters)), link_(*parameters_.link) {
  for (Lane& lane : parameters_.lanes) {
    LaneState& s = lanes_.emplace_back();
    static_cast<Lane&>(s) = std::move(lane);
    s.drained = s.released = s.durable = s.ring->header().head;
    SLUICE_ASSERT(s.position.lsn == s.drained);
  }
  parameters_.lanes.clear();
}

Expected<std::unique_ptr<Drainer>> Drainer::start(Parameters parameters) {
  std::unique_ptr<Drainer> drainer(new Drainer(std::move(parameters)));
  drainer->link_.event = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!drainer->link_.event.valid()) return fail("the audit log cannot make an eventfd: " + reason_of(-errno));
  // Completions wait until the drainer asks for them: a plain write does not wake it a second time.
  const int result = ::io_uring_queue_init(
      ring_entries, &drainer->ring_, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED);
  if (result < 0)
    return fail(fmt::format("the audit log cannot use io_uring: {}. A container's seccomp profile or the sysctl "
                            "kernel.io_uring_disabled may forbid it",
                            reason_of(result)));
  const int bell = ::io_uring_register_eventfd(&drainer->ring_, drainer->link_.event.get());
  SLUICE_ASSERT(bell == 0);
  drainer->can_sleep_ =
      ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
  drainer->check_disk();
  drainer->thread_ = std::thread([d = drainer.get()] { d->run(); });
  ::pthread_setname_np(drainer->thread_.native_handle(), "sluice-audit");
  return drainer;
}

Drainer::~Drainer() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  link_.ring();
  thread_.join();
  ::io_uring_queue_exit(&ring_);
}

std::string Drainer::failure() const {
  const std::lock_guard lock(failure_mutex_);
  return failure_;
}

void Drainer::fail_with(std::string why) {
  {
    const std::lock_guard lock(failure_mutex_);
    if (failure_.empty()) failure_ = std::move(why);
  }
  if (link_.failed.exchange(true)) return;
  for (unsigned lane = 0; lane < lanes_.size(); ++lane) parameters_.wake_lane(lane);
}

io_uring_sqe* Drainer::sqe() {
  io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
  if (entry != nullptr) return entry;
  ::io_uring_submit(&ring_);
  entry = ::io_uring_get_sqe(&ring_);
  SLUICE_ASSERT(entry != nullptr);
  return entry;
}

void Drainer::run() {
  // By hand: liburing 2.3 as Debian ships it does not export io_uring_enable_rings.
  SLUICE_ASSERT(::syscall(SYS_io_uring_register, ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0) == 0);
  last_traffic_ns_ = monotonic_ns();
  while (!stopping_.load()) {
    const int64_t now = monotonic_ns();
    const bool due = now >= next_tick_ns_;
    if (due) next_tick_ns_ = now + flush_interval_ns;
    if (now >= next_disk_check_ns_) {
      next_disk_check_ns_ = now + disk_check_interval_ns;
      check_disk();
    }
    bool busy = false;
    for (unsigned lane = 0; lane < lanes_.size(); ++lane) busy |= look_at(lane, due);
    if (busy) last_traffic_ns_ = now;
    wait(now);
    reap();
  }
  finish();
}

/// Somebody waits for an operation under way. Without that, its completion is looked at with the next tick.
bool Drainer::completion_is_urgent() {
  return std::ranges::any_of(lanes_, [](LaneState& s) {
    return s.sync_busy || s.seal ||
           (s.write_busy && (s.link->waits_for_room.load() || s.link->sync_target.load() > s.durable));
  });
}

void Drainer::wait(int64_t now_ns) {
  if (::io_uring_sq_ready(&ring_) > 0) ::io_uring_submit(&ring_);
  const bool sleep = can_sleep_ && in_flight_ == 0 && now_ns - last_traffic_ns_ > sleep_after_ns && idle_enough();
  link_.state.store(sleep ? DrainerState::Asleep : DrainerState::Napping);
  // Every lane either sees that we sleep, or we see what it wrote.
  if (sleep) ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  if (!work_waits() && !stopping_.load() && !(sleep && !idle_enough())) {
    const int64_t until = sleep ? now_ns + sleep_ns : next_tick_ns_;
    const int64_t left = std::max<int64_t>(until - monotonic_ns(), 0);
    const timespec timeout{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
    // The ring of system calls rings the same bell, but only when that is wanted. What completed before
    // that was said would not ring, so it is looked for.
    const bool urgent = completion_is_urgent();
    (void)::io_uring_cq_eventfd_toggle(&ring_, urgent);
    if (urgent) ::io_uring_get_events(&ring_);
    if (::io_uring_cq_ready(&ring_) == 0) {
      pollfd bell{link_.event.get(), POLLIN, 0};
      (void)::ppoll(&bell, 1, &timeout, nullptr);
      uint64_t rung = 0;
      if ((bell.revents & POLLIN) != 0) (void)!::read(link_.event.get(), &rung, sizeof rung);
    }
  }
  link_.state.store(DrainerState::Awake);
}

void Drainer::reap() {
  if (in_flight_ == 0) return;
  ::io_uring_get_events(&ring_);
  io_uring_cqe* cqe = nullptr;
  while (::io_uring_peek_cqe(&ring_, &cqe) == 0) {
    const uint64_t user_data = cqe->user_data;
    const int result = cqe->res;
    ::io_uring_cqe_seen(&ring_, cqe);
    on_completion(user_data, result);
  }
}

bool Drainer::idle_enough() {
  return std::ranges::all_of(lanes_, [](LaneState& s) {
    return std::atomic_ref(s.ring->header().head).load(std::memory_order_acquire) == s.drained &&
           s.durable == s.drained && !s.write_busy && !s.sync_busy;
  });
}

/// Something was asked for that does not wait for the next tick.
bool Drainer::work_waits() {
  if (link_.failed.load()) return false;
  return std::ranges::any_of(lanes_, [](LaneState& s) {
    return !s.sync_busy && !s.write_busy && !s.seal && s.link->sync_target.load() > s.durable;
  });
}

bool Drainer::look_at(unsigned lane, bool due) {
  LaneState& s = lanes_[lane];
  if (link_.failed.load() || s.write_busy || s.seal) return s.write_busy;
  const uint64_t head = std::atomic_ref(s.ring->header().head).load(std::memory_order_acquire);
  const bool asked = s.link->sync_target.load() > s.durable && !s.sync_busy;
  if (head > s.drained && (asked || due || s.link->waits_for_room.load() ||
                           head - s.drained > s.ring->identity().ring_size / 2)) {
    submit_block(lane, head, asked);
    return true;
  }
  const bool late = s.durable < s.released && monotonic_ns() - s.last_sync_ns > sync_interval_ns;
  if ((asked || late) && !s.sync_busy && s.durable < s.released) submit_sync(lane);
  return head > s.drained || s.durable < s.released;
}

/// Takes whole records up to `head`, one block's worth, not beyond the segment's end.
BlockContent Drainer::cut_block(LaneState& s, uint64_t head) {
  const RingIdentity& identity = s.ring->identity();
  const uint64_t segment_end = segment_end_of(s.drained, identity.segment_size);
  uint64_t at = s.drained;
  BlockContent content;
  s.seal = false;
  while (at < head && at - s.drained < block_raw_max) {
    uint64_t word = 0;
    std::memcpy(&word, s.ring->at(at), sizeof word);
    if (word == skip_word(at, identity.nonce)) {
      s.seal = true;
      break;
    }
    RecordHeader header;
    std::memcpy(&header, s.ring->at(at), sizeof header);
    SLUICE_ASSERT(header.commit == (at ^ identity.nonce));
    if (content.record_count == 0) content.time_first_unix_ns = header.time_unix_ns;
    content.time_last_unix_ns = std::max(content.time_last_unix_ns, header.time_unix_ns);
    content.record_count += 1;
    if (header.type == RecordType::SessionStart) s.sessions.insert(header.session);
    if (header.type == RecordType::SessionEnd) s.sessions.erase(header.session);
    at += record_size(header.payload_size);
    SLUICE_ASSERT(at <= head && at <= segment_end);
    if (at == segment_end) {
      s.seal = true;
      break;
    }
  }
  content.body = {s.ring->at(s.drained), at - s.drained};
  content.end_lsn = at;
  content.flags = s.seal ? block_flag::segment_end : uint16_t{0};
  return content;
}

void Drainer::submit_block(unsigned lane, uint64_t head, bool with_sync) {
  LaneState& s = lanes_[lane];
  const BlockContent content = cut_block(s, head);
  const uint64_t size = sizeof(BlockHeader) + content.body.size();
  if (auto ok = s.segment.allocate(size); !ok) {
    s.seal = false;
    fail_with(ok.error().message);
    return;
  }
  s.header = make_block_header(s.position, content);
  s.pieces[0] = {&s.header, sizeof s.header};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): an iovec of a write, which only reads.
  s.pieces[1] = {const_cast<std::byte*>(content.body.data()), content.body.size()};
  s.drained = content.end_lsn;
  s.written_size = size;
  s.records = content.record_count;
  s.write_busy = true;
  in_flight_ += 1;

  // Linked entries count only when they are submitted together.
  if (::io_uring_sq_space_left(&ring_) < 2) ::io_uring_submit(&ring_);
  io_uring_sqe* write = sqe();
  ::io_uring_prep_writev(write, s.segment.fd(), s.pieces.data(), static_cast<unsigned>(s.pieces.size()),
                         s.segment.size());
  ::io_uring_sqe_set_data64(write, tag(lane, DrainOperation::Write));
  // A sealed segment is durable before the next one begins. A short write breaks the link.
  if ((with_sync || s.seal) && !s.sync_busy) {
    ::io_uring_sqe_set_flags(write, IOSQE_IO_LINK);
    submit_sync(lane);
    s.synced_to = s.drained;
  }
  parameters_.environment.crash(CrashPoint::BlockSubmitted);
}

void Drainer::submit_sync(unsigned lane) {
  LaneState& s = lanes_[lane];
  io_uring_sqe* entry = sqe();
  ::io_uring_prep_fsync(entry, s.segment.fd(), IORING_FSYNC_DATASYNC);
  ::io_uring_sqe_set_data64(entry, tag(lane, DrainOperation::Sync));
  s.synced_to = s.released;
  s.sync_busy = true;
  s.last_sync_ns = monotonic_ns();
  in_flight_ += 1;
}

void Drainer::on_completion(uint64_t user_data, int result) {
  const auto lane = static_cast<unsigned>(user_data >> 1);
  const auto operation = static_cast<DrainOperation>(user_data & 1);
  in_flight_ -= 1;
  if (parameters_.environment.result) result = parameters_.environment.result(lane, operation, result);
  if (operation == DrainOperation::Write) {
    on_written(lane, result);
  } else {
    on_synced(lane, result);
  }
  LaneState& s = lanes_[lane];
  if (s.seal && !s.write_busy && !s.sync_busy && !link_.failed.load()) {
    if (s.durable < s.drained) {
      submit_sync(lane);
    } else {
      next_segment(lane);
    }
  }
  if (s.wake) {
    s.wake = false;
    parameters_.wake_lane(lane);
  }
}

void Drainer::on_written(unsigned lane, int result) {
  LaneState& s = lanes_[lane];
  s.write_busy = false;
  if (result < 0 || static_cast<uint64_t>(result) != s.written_size) {
    fail_with(fmt::format("cannot write {}: {}", s.segment.path(), result < 0 ? reason_of(result) : "short write"));
    return;
  }
  parameters_.environment.crash(CrashPoint::BlockWritten);
  s.segment.advance(s.written_size);
  s.position.block_no += 1;
  s.position.lsn = s.drained;
  counters_.records.fetch_add(s.records, std::memory_order_relaxed);
  counters_.bytes.fetch_add(s.written_size, std::memory_order_relaxed);
  counters_.blocks.fetch_add(1, std::memory_order_relaxed);
  release(s);
}

void Drainer::release(LaneState& s) {
  s.released = s.drained;
  std::atomic_ref(s.ring->header().released).store(s.released);
  if (s.link->waits_for_room.load() && s.link->waits_for_room.exchange(false)) s.wake = true;
}

void Drainer::on_synced(unsigned lane, int result) {
  LaneState& s = lanes_[lane];
  s.sync_busy = false;
  if (link_.failed.load()) return;
  if (result < 0) {
    fail_with(fmt::format("cannot make {} durable: {}", s.segment.path(), reason_of(result)));
    return;
  }
  counters_.syncs.fetch_add(1, std::memory_order_relaxed);
  const uint64_t asked = s.link->sync_target.load();
  if (asked > s.durable) s.wake = true;
  s.durable = s.synced_to;
  std::atomic_ref(s.ring->header().durable).store(s.durable, std::memory_order_release);
}

/// Everything of the old segment is durable here. Blocks this thread for the time of a few file
/// operations, once for each segment; the rings carry the lanes meanwhile.
void Drainer::next_segment(unsigned lane) {
  LaneState& s = lanes_[lane];
  if (auto ok = s.segment.trim(); !ok) return fail_with(ok.error().message);
  parameters_.environment.crash(CrashPoint::SegmentSealed);
  const uint64_t previous_end = s.drained;
  const uint64_t size = s.ring->identity().segment_size;
  if (s.drained % size != 0) s.drained = segment_end_of(s.drained, size);
  s.position.lsn = s.drained;
  const std::vector<SessionId> open(s.sessions.begin(), s.sessions.end());
  auto next = SegmentFile::create(parameters_.directory, s.position, previous_end, open);
  if (!next) return fail_with(next.error().message);
  s.segment = std::move(*next);
  s.seal = false;
  counters_.segments.fetch_add(1, std::memory_order_relaxed);
  release(s);
  s.durable = s.drained;
  std::atomic_ref(s.ring->header().durable).store(s.durable, std::memory_order_release);
}

void Drainer::check_disk() {
  const auto& probe = parameters_.environment.disk_space;
  const auto space = probe ? probe(parameters_.directory) : disk_space_of(parameters_.directory);
  if (!space) return fail_with(space.error().message);
  counters_.disk_available.store(space->available, std::memory_order_relaxed);
  uint64_t segment = 0;
  for (const LaneState& s : lanes_) segment = std::max(segment, s.ring->identity().segment_size);
  const uint64_t all = segment * lanes_.size();
  const bool low = space->available < space->total / 10 || space->available < 2 * all;
  const bool critical = space->available < space->total / 50 || space->available < all;
  const bool was_low = link_.disk_low.exchange(low);
  const bool was_critical = link_.disk_critical.exchange(critical);
  if ((was_low && !low) || (was_critical && !critical))
    for (unsigned lane = 0; lane < lanes_.size(); ++lane) parameters_.wake_lane(lane);
}

/// The end of the thread: what is committed goes to disk, unless the log has failed.
void Drainer::finish() {
  const auto done = [this] { return link_.failed.load() ? in_flight_ == 0 : idle_enough(); };
  while (!done()) {
    for (unsigned lane = 0; lane < lanes_.size(); ++lane) {
      LaneState& s = lanes_[lane];
      s.link->sync_target.store(std::atomic_ref(s.ring->header().head).load(std::memory_order_acquire));
      (void)look_at(lane, true);
    }
    ::io_uring_submit(&ring_);
    if (in_flight_ > 0) {
      io_uring_cqe* cqe = nullptr;
      (void)::io_uring_wait_cqe(&ring_, &cqe);
    }
    reap();
  }
  for (const LaneState& s : lanes_) {
    if (!link_.failed.load())
      if (auto ok = s.segment.trim(); !ok) fail_with(ok.error().message);
  }
}

}  // namespace sluice::audit
