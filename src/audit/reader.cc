#include "audit/reader.h"

#include <fcntl.h>
#include <fmt/format.h>

namespace sluice::audit {

Expected<LogReader> LogReader::open(const std::string& directory, const ReadOptions& options) {
  LogReader log;
  log.directory_ = directory;
  log.options_ = options;
  const auto lanes = list_lanes(directory);
  if (!lanes) return std::unexpected(lanes.error());
  for (const uint32_t lane : *lanes) {
    const auto segments = list_segments(directory, lane);
    if (!segments) return std::unexpected(segments.error());
    for (const uint64_t lsn : *segments) log.files_.push_back({lane, lsn, lsn == segments->back()});
  }
  return log;
}

Expected<void> LogReader::open_file_at(size_t index) {
  const File& f = files_[index];
  path_ = fmt::format("{}/{}", lane_directory(directory_, f.lane), segment_name(f.first_lsn));
  auto fd = open_file(path_, O_RDONLY);
  if (!fd) return std::unexpected(fd.error());
  reader_ = std::make_unique<BlockReader>(file_source(std::move(*fd), path_), f.lane, f.first_lsn);
  if (const int64_t since = options_.since_unix_ns)
    reader_->skip_body_if([since](const BlockHeader& h) { return h.time_last_unix_ns < since; });
  joined_ = false;
  return {};
}

/// A file begins where the one before ended, or says itself where that was.
Expected<void> LogReader::check_join() {
  joined_ = true;
  const File& f = files_[index_];
  if (!before_.known || before_.lane != f.lane) return {};
  const bool follows = f.first_lsn == before_.end_lsn ||
                       (before_.ended && f.first_lsn == segment_end_of(before_.end_lsn, before_.segment_size));
  if (follows || reader_->start().previous_end_lsn == before_.end_lsn) return {};
  return fail(fmt::format("{}: the file before it ends at lsn {:x}, this one should follow lsn {:x}: a file or the end "
                          "of one is missing",
                          path_, before_.end_lsn, reader_->start().previous_end_lsn));
}

/// False: no block is left anywhere.
Expected<bool> LogReader::next_block() {
  while (index_ < files_.size()) {
    const File& f = files_[index_];
    if (!reader_)
      if (auto ok = open_file_at(index_); !ok) return std::unexpected(ok.error());
    auto block = reader_->next();
    again_ = again_ && !block;
    if (!joined_ && reader_->offset() > 0)
      if (auto ok = check_join(); !ok) return std::unexpected(ok.error());
    if (!block) {
      const auto& failure = block.error();
      const bool torn = f.last && (failure.block == BlockError::Torn || failure.block == BlockError::BadHeader ||
                                   failure.block == BlockError::BadBody);
      const auto follows = torn ? reader_->block_follows() : Expected<bool>(true);
      if (!follows) return std::unexpected(follows.error());
      // A block that was being written at the first look may be whole now, and others behind it.
      if (torn && *follows && !again_) {
        again_ = true;
        continue;
      }
      if (*follows) return fail(fmt::format("{}: {}", path_, failure.error.message));
    } else if (*block) {
      block_ = (*block)->header;
      walker_ = RecordWalker((*block)->body, block_.first_lsn);
      return true;
    }
    before_ = {true, f.lane, reader_->end_lsn(), reader_->ended(), reader_->start().segment_size};
    reader_.reset();
    ++index_;
  }
  return false;
}

Expected<std::optional<LogRecord>> LogReader::next() {
  while (true) {
    auto item = walker_.next();
    if (!item) return fail(fmt::format("{}: {}", path_, explain(item.error())));
    if (*item) {
      const RecordHeader& header = (*item)->header;
      return std::optional{LogRecord{.lane = block_.lane,
                                     .lsn = (*item)->lsn,
                                     .segment = (*item)->lsn / reader_->start().segment_size,
                                     .recovered = (block_.flags & block_flag::recovered) != 0,
                                     .header = header,
                                     .payload = (*item)->payload}};
    }
    const auto more = next_block();
    if (!more) return std::unexpected(more.error());
    if (!*more) return std::optional<LogRecord>{};
  }
}

}  // namespace sluice::audit
