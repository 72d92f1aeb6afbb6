// Reads the log back: for sessions, replay and verification. Opens files for reading only, so it may run
// beside a gateway that writes; what that has not yet flushed (10 ms) is not seen.
//
// Strict: a block or record that does not check, a gap between files, an unknown version is an Error that
// names the file. Tolerant of one thing: the last file of a lane may end inside a block, since it may be
// being written, or its gateway may have died.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/records.h"
#include "audit/segment.h"

namespace sluice::audit {

struct LogRecord {
  uint32_t lane = 0;
  uint64_t lsn = 0;
  uint64_t segment = 0;    ///< Number of the lsn range whose statement texts this record may refer to.
  bool recovered = false;  ///< Written by the recovery after a crash.
  RecordHeader header{};
  Bytes payload;           ///< Valid until the next call.
};

struct ReadOptions {
  /// Blocks whose last record is older are passed over unread. 0: read all.
  int64_t since_unix_ns = 0;
};

/// Iterates all lanes one after another, each in the order of its records.
class LogReader {
 public:
  [[nodiscard]] static Expected<LogReader> open(const std::string& directory, const ReadOptions& options = {});
  /// nullopt: everything is read. After an Error, next() must not be called again.
  [[nodiscard]] Expected<std::optional<LogRecord>> next();

 private:
  struct File {
    uint32_t lane = 0;
    uint64_t first_lsn = 0;
    bool last = false;  ///< Of its lane.
  };
  [[nodiscard]] Expected<void> open_file_at(size_t index);
  [[nodiscard]] Expected<bool> next_block();
  [[nodiscard]] Expected<void> check_join();

  std::string directory_;
  ReadOptions options_;
  std::vector<File> files_;
  size_t index_ = 0;
  std::string path_;
  std::unique_ptr<BlockReader> reader_;
  bool again_ = false;   ///< The block at this place was bad at the first look.
  bool joined_ = false;  ///< This file was seen to follow the one before.
  struct {
    bool known = false;
    uint32_t lane = 0;
    uint64_t end_lsn = 0;
    bool ended = false;
    uint64_t segment_size = 0;
  } before_;
  RecordWalker walker_{{}, 0};
  BlockHeader block_{};
};

}  // namespace sluice::audit
