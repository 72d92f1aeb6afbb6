#include "audit/recovery.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "audit/appender.h"

namespace sluice::audit {
namespace {

/// The last segment file as a scan found it.
struct Tail {
  std::string path;
  uint64_t first_lsn = 0;
  uint64_t good_size = 0;
  uint64_t file_size = 0;
  uint64_t end_lsn = 0;
  uint64_t block_no = 0;
  uint64_t log_epoch = 0;
  bool ended = false;
  bool has_start = false;
  SegmentStartBody start{};
  OpenSessions sessions;
  int64_t last_time_unix_ns = 0;
  std::optional<BlockError> failure;
};

/// False: a record does not agree with itself.
bool scan_records(Tail& tail, const Block& block) {
  RecordWalker check(block.body, block.header.first_lsn);
  while (true) {
    const auto item = check.next();
    if (!item) return false;
    if (!*item) break;
  }
  RecordWalker walker(block.body, block.header.first_lsn);
  while (const auto item = *walker.next()) {
    follow(tail.sessions, item->header);
    tail.last_time_unix_ns = std::max(tail.last_time_unix_ns, item->header.time_unix_ns);
  }
  return true;
}

Expected<Tail> scan(const std::string& directory, uint32_t lane, uint64_t first_lsn) {
  Tail tail;
  tail.path = fmt::format("{}/{}", lane_directory(directory, lane), segment_name(first_lsn));
  tail.first_lsn = first_lsn;
  auto fd = open_file(tail.path, O_RDONLY);
  if (!fd) return std::unexpected(fd.error());
  const auto size = file_size(*fd, tail.path);
  if (!size) return std::unexpected(size.error());
  tail.file_size = *size;

  BlockReader reader(file_source(std::move(*fd), tail.path), lane, first_lsn);
  const auto take_position = [&] {
    if (!tail.has_start && reader.offset() > 0) {
      for (const SessionId& id : reader.open_sessions()) tail.sessions.emplace(id, 0);
      tail.last_time_unix_ns = reader.start().created_unix_ns;
    }
    tail.good_size = reader.offset();
    tail.end_lsn = reader.end_lsn();
    tail.block_no = reader.block_no();
    tail.log_epoch = reader.log_epoch();
    tail.ended = reader.ended();
    tail.has_start = reader.offset() > 0;
    tail.start = reader.start();
  };
  while (true) {
    auto block = reader.next();
    if (!block && !block.error().block) return std::unexpected(block.error().error);
    if (!block) tail.failure = block.error().block;
    if (block && *block && !scan_records(tail, **block)) {
      tail.failure = BlockError::BadRecord;
      break;  // The position stays before this block.
    }
    take_position();
    if (!block || !*block) return tail;
  }
  return tail;
}

Expected<bool> damaged_before_end(const Tail& tail, uint32_t lane) {
  auto fd = open_file(tail.path, O_RDONLY);
  if (!fd) return std::unexpected(fd.error());
  const auto source = file_source(std::move(*fd), tail.path);
  return block_follows(*source, {.offset = tail.good_size,
                                 .lane = lane,
                                 .log_epoch = tail.has_start ? std::optional(tail.log_epoch) : std::nullopt,
                                 .block_no = tail.block_no});
}

/// A name that nothing has yet.
std::string free_name(const std::string& wanted) {
  std::string name = wanted;
  struct stat status {};
  for (int i = 1; ::lstat(name.c_str(), &status) == 0; ++i) name = fmt::format("{}.{}", wanted, i);
  return name;
}

/// Copies [from, to) of one file into a new one, durably; zeros at the end are left out. Returns how
/// many bytes were copied; no file is made of none.
Expected<uint64_t> copy_range(const std::string& source, uint64_t from, uint64_t to, const std::string& target) {
  auto in = open_file(source, O_RDONLY);
  if (!in) return std::unexpected(in.error());
  std::optional<Fd> out;
  uint64_t last_byte = 0;
  std::vector<std::byte> buffer(1U << 20);
  for (uint64_t at = from; at < to; at += buffer.size()) {
    const auto got = read_at(*in, source, at, MutableBytes(buffer).first(std::min<uint64_t>(buffer.size(), to - at)));
    if (!got) return std::unexpected(got.error());
    const auto used = std::find_if(buffer.rend() - static_cast<ptrdiff_t>(*got), buffer.rend(),
                                   [](std::byte b) { return b != std::byte{0}; });
    const auto size = static_cast<size_t>(buffer.rend() - used);
    if (size == 0) continue;
    if (!out) {
      auto made = open_file(target, O_WRONLY | O_CREAT | O_EXCL);
      if (!made) return std::unexpected(made.error());
      out = std::move(*made);
    }
    last_byte = at - from + size;
    if (auto ok = write_at(*out, target, at - from, Bytes(buffer).first(size)); !ok) return std::unexpected(ok.error());
  }
  if (out)
    if (auto ok = sync_data(*out, target); !ok) return std::unexpected(ok.error());
  return last_byte;
}

Expected<void> cut_off(const Tail& tail) {
  auto file = SegmentFile::open(tail.path, tail.good_size);
  if (!file) return std::unexpected(file.error());
  if (auto ok = file->trim(); !ok) return ok;
  return file->sync();
}

Expected<void> rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return system_failure("cannot rename", from, errno);
  return {};
}

/// Makes the last file end with its last good block, keeping what stood behind.
Expected<void> set_aside(const std::string& home, const Tail& tail, bool damaged, Recovery& report) {
  const std::string mark = fmt::format("{:016x}", tail.end_lsn);
  if (!damaged) {
    const auto copied =
        copy_range(tail.path, tail.good_size, tail.file_size, free_name(fmt::format("{}.torn-{}", tail.path, mark)));
    if (!copied) return std::unexpected(copied.error());
    report.torn_bytes += *copied;
    if (auto ok = sync_directory(home); !ok) return ok;
    return cut_off(tail);
  }
  report.damaged = true;
  const std::string copy = tail.path + ".copy";
  ::unlink(copy.c_str());  // Of a recovery that was interrupted here.
  if (const auto copied = copy_range(tail.path, 0, tail.good_size, copy); !copied)
    return std::unexpected(copied.error());
  // The last block's body may end in zeros, which are not copied but belong to it.
  if (::truncate(copy.c_str(), static_cast<off_t>(tail.good_size)) != 0)
    return system_failure("cannot extend", copy, errno);
  const std::string kept = free_name(fmt::format("{}.damaged-{}", tail.path, mark));
  if (::link(tail.path.c_str(), kept.c_str()) != 0) return system_failure("cannot keep", tail.path, errno);
  if (auto ok = rename_file(copy, tail.path); !ok) return ok;
  return sync_directory(home);
}

/// Finds the last segment file that has a good first block and makes its end clean.
Expected<std::optional<Tail>> find_tail(const std::string& directory, uint32_t lane, const std::optional<Ring>& ring,
                                        Recovery& report, uint64_t& next_lsn_min) {
  const std::string home = lane_directory(directory, lane);
  auto segments = list_segments(directory, lane);
  if (!segments) return std::unexpected(segments.error());
  for (; !segments->empty(); segments->pop_back()) {
    auto tail = scan(directory, lane, segments->back());
    if (!tail) return std::unexpected(tail.error());
    if (tail->failure == BlockError::UnknownVersion)
      return fail(fmt::format("{}: {}: use the version of sluice that wrote it, or another audit.directory",
                              tail->path, explain(*tail->failure)));
    if (!tail->has_start) {
      // Mostly the making of a segment was cut short. Were there records in it, their lsns are not used again.
      const auto follows = damaged_before_end(*tail, lane);
      if (!follows) return std::unexpected(follows.error());
      if (*follows) {
        report.damaged = true;
        next_lsn_min = std::max(next_lsn_min, tail->first_lsn + tail->file_size);
      }
      report.torn_bytes += tail->file_size;
      report.crashed = true;
      const std::string aside = free_name(fmt::format("{}.torn-{:016x}", tail->path, tail->first_lsn));
      if (auto ok = rename_file(tail->path, aside); !ok) return std::unexpected(ok.error());
      if (auto ok = sync_directory(home); !ok) return std::unexpected(ok.error());
      continue;
    }
    if (tail->failure) {
      report.crashed = true;
      const bool below_durable = ring && ring->identity().log_epoch == tail->log_epoch &&
                                 tail->end_lsn < ring->header().durable;
      const auto follows = damaged_before_end(*tail, lane);
      if (!follows) return std::unexpected(follows.error());
      const bool damaged = below_durable || *follows || tail->failure == BlockError::BadRecord;
      if (auto ok = set_aside(home, *tail, damaged, report); !ok)
        return std::unexpected(ok.error());
    } else if (auto ok = cut_off(*tail); !ok) {
      return std::unexpected(ok.error());
    }
    return std::optional{std::move(*tail)};
  }
  return std::optional<Tail>{};
}

/// Appends what the ring holds from `appender.lsn()` on.
Expected<void> carry_over(const Ring& ring, LogAppender& appender, Recovery& report, int64_t& last_time) {
  const uint64_t end = appender.lsn() + ring.identity().ring_size;
  for (uint64_t lsn = appender.lsn(); lsn < end;) {
    const RingSlot slot = slot_after_crash(ring, lsn, end);
    if (slot.kind == RingSlot::Kind::End) break;
    if (slot.kind == RingSlot::Kind::Skip) {
      if (auto ok = appender.end_segment(); !ok) return ok;
      lsn = appender.lsn();
      continue;
    }
    if (auto ok = appender.append_whole(*slot.header, {ring.at(lsn), slot.size}); !ok) return ok;
    report.recovered_records += 1;
    last_time = std::max(last_time, slot.header->time_unix_ns);
    lsn += slot.size;
  }
  return {};
}

Expected<void> close_sessions(LogAppender& appender, Recovery& report, int64_t unix_ns) {
  const OpenSessions open = appender.sessions();
  for (const auto& [id, seq] : open) {
    const SessionEnd end{.reason = "gateway crash"};
    if (auto ok = appender.append(RecordType::SessionEnd, id, seq == 0 ? 0 : seq + 1, unix_ns, end); !ok) return ok;
    report.closed_sessions += 1;
  }
  return {};
}

/// Where the ring and the disk meet.
struct Junction {
  bool use_ring = false;
  uint64_t from = 0;  ///< First lsn to take from the ring.
};

Expected<Junction> join(const std::optional<Ring>& ring, const std::optional<Tail>& tail) {
  if (!ring) return Junction{};
  const RingIdentity& identity = ring->identity();
  const uint64_t released = ring->header().released;
  if (!tail) return Junction{true, std::max(released, identity.base_lsn)};
  // A later run has its first segment on disk, so this ring was carried over before that was made.
  if (identity.log_epoch < tail->log_epoch) return Junction{};
  if (identity.log_epoch == tail->log_epoch && identity.uuid != tail->start.ring_uuid)
    return fail(fmt::format("the ring of lane {} does not belong to this audit.directory: set the directory it was "
                            "written with, or move the ring file aside",
                            identity.lane));
  if (released % 8 != 0) return fail(fmt::format("the ring of lane {} is damaged: move it aside", identity.lane));
  const bool same_run = identity.log_epoch == tail->log_epoch;
  const RingSlot next = slot_after_crash(*ring, tail->end_lsn, tail->end_lsn + identity.ring_size);
  const bool disk_joins = same_run && (tail->end_lsn >= released || next.kind != RingSlot::Kind::End);
  return Junction{true, disk_joins ? tail->end_lsn : std::max(released, tail->end_lsn)};
}

/// The log of the last run, open at its end. With a ring of a run that has nothing on disk, a new file.
Expected<LogAppender> continue_log(const std::string& directory, uint32_t lane, std::optional<Tail>& tail,
                                   const std::optional<Ring>& ring, const Junction& junction) {
  LogPosition position{.lane = lane};
  std::optional<SegmentFile> segment;
  OpenSessions sessions;
  uint64_t disk_end = 0;
  if (tail) {
    const SegmentStartBody& start = tail->start;
    position = {.lane = lane, .log_epoch = tail->log_epoch, .block_no = tail->block_no, .lsn = tail->end_lsn,
                .segment_size = start.segment_size, .ring_uuid = start.ring_uuid};
    sessions = std::move(tail->sessions);
    disk_end = tail->end_lsn;
    if (tail->ended && tail->end_lsn % start.segment_size != 0)
      position.lsn = segment_end_of(tail->end_lsn, start.segment_size);
  }
  if (junction.use_ring && (!tail || ring->identity().log_epoch != tail->log_epoch)) {
    const RingIdentity& identity = ring->identity();
    position = {.lane = lane, .log_epoch = identity.log_epoch, .block_no = 0,
                .lsn = std::max(position.lsn, identity.base_lsn), .segment_size = identity.segment_size,
                .ring_uuid = identity.uuid};
  } else if (!tail->ended) {
    auto opened = SegmentFile::open(tail->path, tail->good_size);
    if (!opened) return std::unexpected(opened.error());
    segment = std::move(*opened);
  }
  return LogAppender(directory, position, std::move(segment), disk_end, block_flag::recovered, std::move(sessions));
}

}  // namespace

Expected<std::vector<uint32_t>> list_rings(const std::string& ring_directory) {
  const auto names = list_directory(ring_directory);
  if (!names) return std::unexpected(names.error());
  std::vector<uint32_t> lanes;
  for (const std::string_view name : *names) {
    if (!name.ends_with(".ring")) continue;
    uint32_t lane = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size() - 5, lane);
    if (error == std::errc{} && end == name.data() + name.size() - 5) lanes.push_back(lane);
  }
  std::ranges::sort(lanes);
  return lanes;
}

Expected<LaneEnd> recover_lane(const AuditSettings& settings, uint32_t lane, const CrashHook& hook) {
  LaneEnd result;
  Recovery& report = result.recovery;
  const std::string home = lane_directory(settings.directory, lane);
  if (auto ok = make_directory(home); !ok) return std::unexpected(ok.error());

  std::optional<Ring> ring;
  const std::string path = ring_path(settings.ring_directory, lane);
  if (::access(path.c_str(), F_OK) == 0) {
    auto opened = Ring::open_read_only(path);
    if (!opened) return std::unexpected(opened.error());
    ring.emplace(std::move(*opened));
  }
  auto tail = find_tail(settings.directory, lane, ring, report, result.next_lsn_min);
  if (!tail) return std::unexpected(tail.error());
  const auto junction = join(ring, *tail);
  if (!junction) return std::unexpected(junction.error());
  if (!*tail && !junction->use_ring) return result;

  int64_t last_time = *tail ? (*tail)->last_time_unix_ns : 0;
  auto made = continue_log(settings.directory, lane, *tail, ring, *junction);
  if (!made) return std::unexpected(made.error());
  LogAppender& appender = *made;
  const uint64_t disk_end = appender.written_end();
  uint64_t lost_to = disk_end;
  if (junction->use_ring) {
    report.crashed = true;
    if (junction->from > appender.lsn()) {
      report.damaged = true;
      lost_to = junction->from;
      if (auto ok = appender.move_to(junction->from); !ok) return std::unexpected(ok.error());
    }
    if (auto ok = carry_over(*ring, appender, report, last_time); !ok) return std::unexpected(ok.error());
  }
  if (report.damaged) {
    const Lost lost{disk_end, lost_to,
                    "records are missing here or a block was damaged; what was damaged is kept aside"};
    if (auto ok = appender.append(RecordType::Lost, {}, 0, unix_now_ns(), lost); !ok)
      return std::unexpected(ok.error());
  }
  if (!appender.sessions().empty()) report.crashed = true;
  if (auto ok = close_sessions(appender, report, last_time); !ok) return std::unexpected(ok.error());
  if (auto ok = appender.finish(); !ok) return std::unexpected(ok.error());
  hook(CrashPoint::RecoveryWritten);

  const auto segments = list_segments(settings.directory, lane);
  if (!segments) return std::unexpected(segments.error());
  result.end_lsn = appender.written_end();
  result.last_first_lsn = segments->empty() ? 0 : segments->back();
  result.log_epoch = std::max(appender.position().log_epoch, ring ? ring->identity().log_epoch : 0);
  report.previous_end_lsn = result.end_lsn;
  return result;
}

}  // namespace sluice::audit
