// Segment files: writing blocks to their end, and reading them back without trusting a byte.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "audit/file.h"
#include "audit/format.h"

namespace sluice::audit {

/// Where in a lane's log the next block goes.
struct LogPosition {
  uint32_t lane = 0;
  uint64_t log_epoch = 0;
  uint64_t block_no = 0;   ///< Of the next block.
  uint64_t lsn = 0;        ///< First lsn of the next block.
  uint64_t segment_size = 0;
  Uuid ring_uuid{};
};

/// What a block says of its records.
struct BlockContent {
  Bytes body;
  uint64_t end_lsn = 0;
  uint32_t record_count = 0;
  int64_t time_first_unix_ns = 0;
  int64_t time_last_unix_ns = 0;
  uint16_t flags = 0;
};
[[nodiscard]] BlockHeader make_block_header(const LogPosition& position, const BlockContent& content);

/// One segment file being written, front to back. The drainer writes blocks itself, through its ring of
/// system calls, and tells with advance(); recovery uses append().
class SegmentFile {
 public:
  /// Makes `<directory>/<lane>/<position.lsn>.seg`, allocates it and writes its first block, which lists
  /// `open_sessions`. Durable in the directory when it returns. Advances position.block_no.
  [[nodiscard]] static Expected<SegmentFile> create(const std::string& directory, LogPosition& position,
                                                    uint64_t previous_end_lsn,
                                                    std::span<const SessionId> open_sessions);
  /// Opens one to go on after its first `size` bytes, which the caller has checked.
  [[nodiscard]] static Expected<SegmentFile> open(const std::string& path, uint64_t size);

  /// Writes one block and advances `position` to its end.
  [[nodiscard]] Expected<void> append(LogPosition& position, const BlockContent& content);
  /// Makes sure that `size` more bytes are allocated. Only a full disk can fail it.
  [[nodiscard]] Expected<void> allocate(uint64_t size);
  void advance(uint64_t size) { size_ += size; }
  [[nodiscard]] Expected<void> sync() const { return sync_data(fd_, path_); }
  /// Gives back what was allocated beyond the last block. Closes nothing.
  [[nodiscard]] Expected<void> trim() const;

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] uint64_t size() const { return size_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  Fd fd_;
  std::string path_;
  uint64_t size_ = 0;
  uint64_t allocated_ = 0;
};

[[nodiscard]] std::string lane_directory(const std::string& directory, uint32_t lane);

/// Names of a lane's segment files by first lsn, ascending.
[[nodiscard]] Expected<std::vector<uint64_t>> list_segments(const std::string& directory, uint32_t lane);
/// Numbers of the lanes that have a directory, ascending.
[[nodiscard]] Expected<std::vector<uint32_t>> list_lanes(const std::string& directory);

enum class BlockError : uint8_t {
  Torn,            ///< The file ends inside the block, or what is there is not one.
  UnknownVersion,  ///< A block of a format version this program does not know.
  BadHeader,       ///< The header's checksum or its fields do not agree.
  BadBody,         ///< The body's checksum does not agree.
  BadOrder,        ///< A good block that does not follow the one before it.
  BadRecord,       ///< A record inside a good block does not agree with itself.
};
[[nodiscard]] std::string_view explain(BlockError);

/// Bytes of a segment, from a file or from memory.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// As read_at(): fewer bytes only at the end.
  [[nodiscard]] virtual Expected<size_t> read(uint64_t offset, MutableBytes out) = 0;
};
[[nodiscard]] std::unique_ptr<ByteSource> file_source(Fd fd, std::string path);
/// Borrows `data`.
[[nodiscard]] std::unique_ptr<ByteSource> memory_source(Bytes data);

/// One good block. `body` is valid until the next call of the reader that gave it.
struct Block {
  BlockHeader header;
  Bytes body;
  uint64_t offset = 0;  ///< In the file.
};

/// Checks a header by itself. The input must be sizeof(BlockHeader) long.
[[nodiscard]] Result<BlockHeader, BlockError> parse_block_header(Bytes);

/// Walks the blocks of one segment in order.
class BlockReader {
 public:
  BlockReader(std::unique_ptr<ByteSource> source, uint32_t lane, uint64_t first_lsn);

  struct Failure {
    std::optional<BlockError> block;  ///< What is wrong with the bytes; none: they could not be read.
    Error error;
  };
  /// nullopt: the clean end of the written part. After a Failure it stays where it is: offset() is then
  /// where the good part ends.
  [[nodiscard]] Result<std::optional<Block>, Failure> next();
  /// Passes over a block's body without reading it when this says so. For searches by time.
  void skip_body_if(std::function<bool(const BlockHeader&)> skip) { skip_ = std::move(skip); }

  /// After a Failure: whether a later block stands behind it, so that this is no torn end.
  [[nodiscard]] Expected<bool> block_follows();

  [[nodiscard]] uint64_t offset() const { return offset_; }
  /// Of the last good block; the segment's first lsn before.
  [[nodiscard]] uint64_t end_lsn() const { return end_lsn_; }
  [[nodiscard]] bool ended() const { return ended_; }       ///< Saw segment_end.
  [[nodiscard]] uint64_t block_no() const { return block_no_; }  ///< Of the next block.
  /// From the segment's first block; zeros before it was read.
  [[nodiscard]] const SegmentStartBody& start() const { return start_; }
  [[nodiscard]] uint64_t log_epoch() const { return log_epoch_; }
  [[nodiscard]] const std::vector<SessionId>& open_sessions() const { return open_sessions_; }

 private:
  [[nodiscard]] bool follows(const BlockHeader& header) const;
  [[nodiscard]] bool take_start(Bytes body);

  std::unique_ptr<ByteSource> source_;
  uint32_t lane_;
  uint64_t first_lsn_;
  uint64_t end_lsn_;
  uint64_t offset_ = 0;
  uint64_t block_no_ = 0;
  uint64_t log_epoch_ = 0;
  bool ended_ = false;
  SegmentStartBody start_{};
  std::vector<SessionId> open_sessions_;
  std::vector<std::byte> body_;
  std::function<bool(const BlockHeader&)> skip_;
};

struct BadPlace {
  uint64_t offset = 0;                ///< Where a good block should begin.
  uint32_t lane = 0;
  std::optional<uint64_t> log_epoch;  ///< None: any.
  uint64_t block_no = 0;              ///< Of the block that should stand there.
};
/// Whether a good header of a later block stands somewhere behind a bad place. It only tells a torn end
/// from damage before the end. Nothing behind is read by it, since payloads can imitate blocks.
[[nodiscard]] Expected<bool> block_follows(ByteSource& source, const BadPlace& place);

/// Walks the records of one block's body.
class RecordWalker {
 public:
  RecordWalker(Bytes body, uint64_t first_lsn) : body_(body), lsn_(first_lsn) {}
  struct Item {
    RecordHeader header;
    uint64_t lsn = 0;
    Bytes payload;
    Bytes whole;  ///< With header and padding.
  };
  /// nullopt: all are read. The error leaves it where it is.
  [[nodiscard]] Result<std::optional<Item>, BlockError> next();

 private:
  Bytes body_;
  uint64_t lsn_;
};

}  // namespace sluice::audit
