#include "audit/audit_log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <set>

#include "audit/appender.h"
#include "audit/lane_recorder.h"
#include "audit/recovery.h"

namespace sluice::audit {
namespace {

constexpr unsigned lanes_max = 256;

Expected<void> check(const AuditSettings& settings, unsigned lanes) {
  if (lanes == 0 || lanes > lanes_max) return fail(fmt::format("the audit log takes 1 to {} lanes", lanes_max));
  if (!std::has_single_bit(settings.ring_size) || settings.ring_size < ring_size_min ||
      settings.ring_size > ring_size_max)
    return fail(
        fmt::format("audit.ring_size must be a power of two from {} to {} bytes", ring_size_min, ring_size_max));
  if (settings.segment_size < settings.ring_size || settings.segment_size % 4096 != 0)
    return fail("audit.segment_size must be a multiple of 4096 and not smaller than audit.ring_size");
  return {};
}

Uuid random_uuid() {
  Uuid id;
  random_bytes(id);
  return id;
}

}  // namespace

Expected<std::unique_ptr<AuditLog>> AuditLog::open(const AuditSettings& settings, unsigned lanes,
                                                   std::function<void(unsigned)> durable_callback,
                                                   Environment environment) {
  if (auto ok = check(settings, lanes); !ok) return std::unexpected(ok.error());
  std::unique_ptr<AuditLog> log(new AuditLog);
  log->settings_ = settings;
  if (auto ok = log->start(lanes, std::move(durable_callback), std::move(environment)); !ok)
    return std::unexpected(ok.error());
  return log;
}

Expected<std::vector<LaneRecovery>> AuditLog::recover(const AuditSettings& settings) {
  AuditLog log;
  log.settings_ = settings;
  const auto left = log.take();
  if (!left) return std::unexpected(left.error());
  for (const uint32_t lane : *left) {
    if (auto ok = log.retire_lane(lane, {}); !ok) return std::unexpected(ok.error());
  }
  if (auto ok = sync_directory(settings.directory); !ok) return std::unexpected(ok.error());
  return std::move(log.recoveries_);
}

Expected<std::set<uint32_t>> AuditLog::take() {
  for (const std::string& directory : {settings_.directory, settings_.ring_directory})
    if (auto ok = make_directory(directory); !ok) return std::unexpected(ok.error());
  if (auto ok = require_tmpfs(settings_.ring_directory); !ok) return std::unexpected(ok.error());
  // Two processes on one log would take each other's rings for those of a crash.
  auto lock = lock_directory(settings_.directory);
  if (!lock) return std::unexpected(lock.error());
  directory_lock_ = std::move(*lock);
  lock = lock_directory(settings_.ring_directory);
  if (!lock) return std::unexpected(lock.error());
  ring_directory_lock_ = std::move(*lock);

  const auto with_log = list_lanes(settings_.directory);
  if (!with_log) return std::unexpected(with_log.error());
  const auto with_ring = list_rings(settings_.ring_directory);
  if (!with_ring) return std::unexpected(with_ring.error());
  std::set<uint32_t> left(with_log->begin(), with_log->end());
  left.insert(with_ring->begin(), with_ring->end());
  return left;
}

Expected<LaneEnd> AuditLog::recover_one(uint32_t lane, const CrashHook& hook) {
  auto end = recover_lane(settings_, lane, hook);
  if (end) recoveries_.push_back({lane, end->recovery});
  return end;
}

Expected<void> AuditLog::retire_lane(uint32_t lane, const CrashHook& hook) {
  if (const auto end = recover_one(lane, hook); !end) return std::unexpected(end.error());
  ::unlink(ring_path(settings_.ring_directory, lane).c_str());
  return {};
}

Expected<void> AuditLog::start(unsigned lanes, std::function<void(unsigned)> wake_lane, Environment environment) {
  auto all = take();
  if (!all) return std::unexpected(all.error());
  for (uint32_t lane = 0; lane < lanes; ++lane) all->insert(lane);

  Drainer::Parameters parameters;
  for (const uint32_t lane : *all) {
    if (lane >= lanes) {  // Of a run that had more of them.
      if (auto ok = retire_lane(lane, environment.crash); !ok) return ok;
      continue;
    }
    const auto end = recover_one(lane, environment.crash);
    if (!end) return std::unexpected(end.error());
    auto begun = begin_lane(lane, *end, environment.crash);
    if (!begun) return std::unexpected(begun.error());
    parameters.lanes.push_back(std::move(*begun));
  }
  if (auto ok = sync_directory(settings_.directory); !ok) return ok;
  parameters.directory = settings_.directory;
  parameters.link = &link_;
  parameters.wake_lane = wake_lane ? std::move(wake_lane) : [](unsigned) {};
  parameters.environment = std::move(environment);
  auto drainer = Drainer::start(std::move(parameters));
  if (!drainer) return std::unexpected(drainer.error());
  drainer_ = std::move(*drainer);
  return {};
}

Expected<Drainer::Lane> AuditLog::begin_lane(uint32_t lane, const LaneEnd& end, const CrashHook& hook) {
  const uint64_t size = settings_.segment_size;
  const uint64_t after = std::max({end.end_lsn, end.next_lsn_min, end.last_first_lsn + 1});
  const LogPosition position{.lane = lane,
                             .log_epoch = end.log_epoch + 1,
                             .lsn = (after + size - 1) / size * size,
                             .segment_size = size,
                             .ring_uuid = random_uuid()};
  LogAppender appender(settings_.directory, position, std::nullopt, end.end_lsn, 0, {});
  if (auto ok = appender.append(RecordType::Recovery, {}, 0, unix_now_ns(), end.recovery); !ok)
    return std::unexpected(ok.error());
  if (auto ok = appender.finish(); !ok) return std::unexpected(ok.error());

  // The new segment is durable before the old ring goes away: a crash between the two finds a ring of
  // an older run and knows that it was carried over.
  auto ring = Ring::create(settings_.ring_directory, {.lane = lane,
                                                      .ring_size = settings_.ring_size,
                                                      .segment_size = size,
                                                      .log_epoch = position.log_epoch,
                                                      .base_lsn = appender.lsn(),
                                                      .uuid = position.ring_uuid});
  if (!ring) return std::unexpected(ring.error());
  rings_.push_back(std::make_unique<Ring>(std::move(*ring)));
  links_.push_back(std::make_unique<LaneLink>());
  recorders_.push_back(std::make_unique<LaneRecorder>(*rings_.back(), link_, *links_.back(), hook));
  auto segment = appender.take_segment();
  SLUICE_ASSERT(segment.has_value());
  return Drainer::Lane{.ring = rings_.back().get(),
                       .link = links_.back().get(),
                       .segment = std::move(*segment),
                       .position = appender.position()};
}

AuditLog::~AuditLog() { close(); }

Recorder& AuditLog::recorder(unsigned lane) {
  SLUICE_ASSERT(lane < recorders_.size());
  return *recorders_[lane];
}

void AuditLog::close() {
  if (!drainer_) return;
  drainer_.reset();
  if (link_.failed.load()) return;
  for (const auto& ring : rings_) ::unlink(ring_path(settings_.ring_directory, ring->identity().lane).c_str());
}

Status AuditLog::status() const {
  Status s;
  s.failed = link_.failed.load();
  s.disk_low = link_.disk_low.load();
  s.disk_critical = link_.disk_critical.load();
  s.rings_locked = std::ranges::all_of(rings_, [](const auto& ring) { return ring->locked(); });
  for (const auto& ring : rings_) {
    RingHeader& header = ring->header();
    const uint64_t released = std::atomic_ref(header.released).load(std::memory_order_acquire);
    const uint64_t head = std::atomic_ref(header.head).load(std::memory_order_acquire);
    s.ring_fill.push_back(static_cast<double>(head - released) / static_cast<double>(ring->identity().ring_size));
  }
  if (!drainer_) return s;
  s.failure = drainer_->failure();
  const DrainerCounters& c = drainer_->counters();
  s.records = c.records;
  s.bytes = c.bytes;
  s.blocks = c.blocks;
  s.syncs = c.syncs;
  s.segments = c.segments;
  s.disk_available = c.disk_available;
  return s;
}

}  // namespace sluice::audit
