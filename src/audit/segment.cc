#include "audit/segment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "audit/ring.h"

namespace sluice::audit {
namespace {

template <typename T>
Bytes object_bytes(const T& value) {
  return std::as_bytes(std::span{&value, 1});
}

uint32_t header_crc(const BlockHeader& header) {
  return crc32c(object_bytes(header).first(offsetof(BlockHeader, header_crc)));
}

bool all_zero(Bytes bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

BlockHeader make_block_header(const LogPosition& position, const BlockContent& content) {
  SLUICE_ASSERT(content.body.size() <= block_body_size_max && content.end_lsn >= position.lsn);
  BlockHeader h{};
  h.magic = block_magic;
  h.version = format_version;
  h.flags = content.flags | block_flag::unchained;
  h.lane = position.lane;
  h.log_epoch = position.log_epoch;
  h.block_no = position.block_no;
  h.first_lsn = position.lsn;
  h.end_lsn = content.end_lsn;
  h.record_count = content.record_count;
  h.body_size = h.raw_size = static_cast<uint32_t>(content.body.size());
  h.body_crc = crc32c(content.body);
  h.time_first_unix_ns = content.time_first_unix_ns;
  h.time_last_unix_ns = content.time_last_unix_ns;
  h.header_crc = header_crc(h);
  return h;
}

std::string lane_directory(const std::string& directory, uint32_t lane) {
  return fmt::format("{}/{}", directory, lane);
}

Expected<std::vector<uint64_t>> list_segments(const std::string& directory, uint32_t lane) {
  const auto names = list_directory(lane_directory(directory, lane));
  if (!names) return std::unexpected(names.error());
  std::vector<uint64_t> segments;
  for (const std::string& name : *names)
    if (const auto lsn = segment_first_lsn(name)) segments.push_back(*lsn);
  std::ranges::sort(segments);
  return segments;
}

Expected<std::vector<uint32_t>> list_lanes(const std::string& directory) {
  const auto names = list_directory(directory);
  if (!names) return std::unexpected(names.error());
  std::vector<uint32_t> lanes;
  for (const std::string& name : *names) {
    uint32_t lane = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), lane);
    if (error == std::errc{} && end == name.data() + name.size() && fmt::format("{}", lane) == name)
      lanes.push_back(lane);
  }
  std::ranges::sort(lanes);
  return lanes;
}

Expected<SegmentFile> SegmentFile::create(const std::string& directory, LogPosition& position,
                                          uint64_t previous_end_lsn, std::span<const SessionId> open_sessions) {
  SLUICE_ASSERT(open_sessions.size() <= open_sessions_max);
  const std::string home = lane_directory(directory, position.lane);
  SegmentFile file;
  file.path_ = fmt::format("{}/{}", home, segment_name(position.lsn));
  auto fd = open_file(file.path_, O_RDWR | O_CREAT | O_EXCL);
  if (!fd) return std::unexpected(fd.error());
  file.fd_ = std::move(*fd);
  // A quarter more than the records: headers of small blocks. More is allocated when that is not enough.
  if (auto ok = file.allocate(segment_end_of(position.lsn, position.segment_size) - position.lsn); !ok)
    return std::unexpected(ok.error());

  const SegmentStartBody start{.segment_size = position.segment_size,
                               .previous_end_lsn = previous_end_lsn,
                               .ring_uuid = position.ring_uuid,
                               .boot_id = current_boot_id(),
                               .created_unix_ns = unix_now_ns(),
                               .session_count = open_sessions.size()};
  std::vector<std::byte> body(sizeof start + open_sessions.size_bytes());
  std::memcpy(body.data(), &start, sizeof start);
  if (!open_sessions.empty())
    std::memcpy(body.data() + sizeof start, open_sessions.data(), open_sessions.size_bytes());
  const BlockContent content{.body = body,
                             .end_lsn = position.lsn,
                             .time_first_unix_ns = start.created_unix_ns,
                             .time_last_unix_ns = start.created_unix_ns,
                             .flags = block_flag::segment_start};
  if (auto ok = file.append(position, content); !ok) return std::unexpected(ok.error());
  if (auto ok = file.sync(); !ok) return std::unexpected(ok.error());
  if (auto ok = sync_directory(home); !ok) return std::unexpected(ok.error());
  return file;
}

Expected<SegmentFile> SegmentFile::open(const std::string& path, uint64_t size) {
  auto fd = open_file(path, O_RDWR);
  if (!fd) return std::unexpected(fd.error());
  SegmentFile file;
  file.fd_ = std::move(*fd);
  file.path_ = path;
  file.size_ = size;
  file.allocated_ = size;
  return file;
}

Expected<void> SegmentFile::allocate(uint64_t size) {
  if (size_ + size <= allocated_) return {};
  const uint64_t until = size_ + size + size / 4 + (64U << 10);
  const int error =
      ::posix_fallocate(fd_.get(), static_cast<off_t>(allocated_), static_cast<off_t>(until - allocated_));
  if (error != 0) return system_failure("cannot allocate room for", path_, error);
  allocated_ = until;
  return {};
}

Expected<void> SegmentFile::append(LogPosition& position, const BlockContent& content) {
  const BlockHeader header = make_block_header(position, content);
  if (auto ok = allocate(sizeof header + content.body.size()); !ok) return ok;
  // The body first: a header is then never true of bytes that are not there yet.
  if (auto ok = write_at(fd_, path_, size_ + sizeof header, content.body); !ok) return ok;
  if (auto ok = write_at(fd_, path_, size_, object_bytes(header)); !ok) return ok;
  size_ += sizeof header + content.body.size();
  position.block_no += 1;
  position.lsn = content.end_lsn;
  return {};
}

Expected<void> SegmentFile::trim() const {
  if (::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0) return system_failure("cannot trim", path_, errno);
  return {};
}

std::string_view explain(BlockError error) {
  switch (error) {
    case BlockError::Torn: return "the file ends inside a block, or holds something that is not one";
    case BlockError::UnknownVersion: return "a block has a format version that this program does not know";
    case BlockError::BadHeader: return "the header of a block was changed or damaged";
    case BlockError::BadBody: return "the body of a block was changed or damaged";
    case BlockError::BadOrder: return "a block does not follow the one before it";
    case BlockError::BadRecord: return "a record inside a block does not agree with itself";
  }
  return "unknown error";
}

namespace {

class FileSource final : public ByteSource {
 public:
  FileSource(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  Expected<size_t> read(uint64_t offset, MutableBytes out) override { return read_at(fd_, path_, offset, out); }

 private:
  Fd fd_;
  std::string path_;
};

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(Bytes data) : data_(data) {}
  Expected<size_t> read(uint64_t offset, MutableBytes out) override {
    if (offset >= data_.size()) return size_t{0};
    const size_t size = std::min<size_t>(out.size(), data_.size() - offset);
    std::memcpy(out.data(), data_.data() + offset, size);
    return size;
  }

 private:
  Bytes data_;
};

std::unexpected<BlockReader::Failure> bad(BlockError error, uint64_t offset) {
  return std::unexpected(BlockReader::Failure{error, {fmt::format("{} (at byte {})", explain(error), offset)}});
}

}  // namespace

std::unique_ptr<ByteSource> file_source(Fd fd, std::string path) {
  return std::make_unique<FileSource>(std::move(fd), std::move(path));
}
std::unique_ptr<ByteSource> memory_source(Bytes data) { return std::make_unique<MemorySource>(data); }

Result<BlockHeader, BlockError> parse_block_header(Bytes bytes) {
  SLUICE_ASSERT(bytes.size() == sizeof(BlockHeader));
  BlockHeader h;
  std::memcpy(&h, bytes.data(), sizeof h);
  if (h.magic != block_magic) return std::unexpected(BlockError::Torn);
  // Version before checksum: another version may keep its checksum elsewhere.
  if (h.version != format_version) return std::unexpected(BlockError::UnknownVersion);
  if (h.header_crc != header_crc(h)) return std::unexpected(BlockError::BadHeader);
  if ((h.flags & ~block_flag::known) != 0) return std::unexpected(BlockError::UnknownVersion);
  const bool start = (h.flags & block_flag::segment_start) != 0;
  if (h.body_size > block_body_size_max || h.raw_size != h.body_size || h.first_lsn == 0 || h.first_lsn % 8 != 0 ||
      h.end_lsn < h.first_lsn || h.end_lsn - h.first_lsn != (start ? 0 : h.body_size) || h.key_id != 0)
    return std::unexpected(BlockError::BadHeader);
  return h;
}

BlockReader::BlockReader(std::unique_ptr<ByteSource> source, uint32_t lane, uint64_t first_lsn)
    : source_(std::move(source)), lane_(lane), first_lsn_(first_lsn), end_lsn_(first_lsn) {}

bool BlockReader::follows(const BlockHeader& h) const {
  const bool start = (h.flags & block_flag::segment_start) != 0;
  if (h.lane != lane_ || h.first_lsn != end_lsn_ || ended_) return false;
  if (offset_ == 0) return start && h.first_lsn == first_lsn_;
  return !start && h.log_epoch == log_epoch_ && h.block_no == block_no_ &&
         h.end_lsn <= segment_end_of(first_lsn_, start_.segment_size);
}

bool BlockReader::take_start(Bytes body) {
  if (body.size() < sizeof start_) return false;
  std::memcpy(&start_, body.data(), sizeof start_);
  const Bytes ids = body.subspan(sizeof start_);
  if (start_.segment_size == 0 || start_.segment_size > UINT32_MAX || start_.session_count > open_sessions_max ||
      ids.size() != start_.session_count * sizeof(SessionId))
    return false;
  open_sessions_.resize(start_.session_count);
  if (!ids.empty()) std::memcpy(open_sessions_.data(), ids.data(), ids.size());
  return true;
}

Result<std::optional<Block>, BlockReader::Failure> BlockReader::next() {
  while (true) {
    std::array<std::byte, sizeof(BlockHeader)> raw{};
    const auto got = source_->read(offset_, raw);
    if (!got) return std::unexpected(Failure{std::nullopt, got.error()});
    // Allocated and not yet written reads as zeros: the end, like the end of the file.
    if (all_zero(Bytes(raw).first(*got)) && offset_ != 0) return std::optional<Block>{};
    if (*got < raw.size()) return bad(BlockError::Torn, offset_);
    const auto header = parse_block_header(raw);
    if (!header) return bad(header.error(), offset_);
    if (!follows(*header)) return bad(BlockError::BadOrder, offset_);

    const bool start = (header->flags & block_flag::segment_start) != 0;
    const bool skip = !start && skip_ && skip_(*header);
    if (!skip) {
      // Read in steps: memory grows with what the file holds, not with what a header promises.
      constexpr size_t step = 1U << 20;
      body_.clear();
      while (body_.size() < header->body_size) {
        const size_t at = body_.size();
        const size_t size = std::min<size_t>(step, header->body_size - at);
        body_.resize(at + size);
        const auto body = source_->read(offset_ + raw.size() + at, MutableBytes(body_).subspan(at));
        if (!body) return std::unexpected(Failure{std::nullopt, body.error()});
        if (*body < size) return bad(BlockError::Torn, offset_);
      }
      if (crc32c(body_) != header->body_crc) return bad(BlockError::BadBody, offset_);
      if (start && !take_start(body_)) return bad(BlockError::BadHeader, offset_);
    }
    const Block block{*header, body_, offset_};
    offset_ += raw.size() + header->body_size;
    block_no_ = header->block_no + 1;
    log_epoch_ = header->log_epoch;
    end_lsn_ = header->end_lsn;
    ended_ = (header->flags & block_flag::segment_end) != 0;
    if (skip || start) continue;
    return std::optional{block};
  }
}

Expected<bool> BlockReader::block_follows() {
  const bool known = offset_ > 0;
  return audit::block_follows(*source_, {.offset = offset_,
                                         .lane = lane_,
                                         .log_epoch = known ? std::optional(log_epoch_) : std::nullopt,
                                         .block_no = block_no_});
}

Expected<bool> block_follows(ByteSource& source, const BadPlace& place) {
  constexpr size_t window = 64U << 10;
  std::vector<std::byte> buffer(window + sizeof(BlockHeader));
  for (uint64_t at = place.offset + 8;; at += window) {
    const auto got = source.read(at, buffer);
    if (!got) return std::unexpected(got.error());
    for (size_t i = 0; i < window && i + sizeof(BlockHeader) <= *got; i += 8) {
      if (std::memcmp(buffer.data() + i, block_magic.data(), block_magic.size()) != 0) continue;
      const auto header = parse_block_header(Bytes(buffer).subspan(i, sizeof(BlockHeader)));
      if (header && header->lane == place.lane && header->block_no >= place.block_no &&
          header->log_epoch == place.log_epoch.value_or(header->log_epoch))
        return true;
    }
    if (*got < buffer.size()) return false;
  }
}

Result<std::optional<RecordWalker::Item>, BlockError> RecordWalker::next() {
  if (body_.empty()) return std::optional<Item>{};
  if (body_.size() < sizeof(RecordHeader)) return std::unexpected(BlockError::BadRecord);
  Item item;
  std::memcpy(&item.header, body_.data(), sizeof item.header);
  if (item.header.payload_size > body_.size() - sizeof(RecordHeader)) return std::unexpected(BlockError::BadRecord);
  const size_t exact = sizeof(RecordHeader) + item.header.payload_size;
  const size_t size = record_size(item.header.payload_size);
  if (size > body_.size() || item.header.flags != 0) return std::unexpected(BlockError::BadRecord);
  item.lsn = lsn_;
  item.whole = body_.first(size);
  item.payload = body_.subspan(sizeof(RecordHeader), item.header.payload_size);
  if (record_crc(body_.first(exact), lsn_) != item.header.crc || !all_zero(item.whole.subspan(exact)))
    return std::unexpected(BlockError::BadRecord);
  body_ = body_.subspan(size);
  lsn_ += size;
  return std::optional{item};
}

}  // namespace sluice::audit
