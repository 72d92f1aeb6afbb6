// Appends to one lane's log without a ring, one thread, every call durable only at finish(): what
// recovery uses to carry over a ring that survived, and to say what it found.
#pragma once
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "audit/drainer.h"
#include "audit/records.h"
#include "audit/segment.h"

namespace sluice::audit {

/// Sessions without an end, with the session_seq of the last record seen; 0: none seen.
using OpenSessions = std::unordered_map<SessionId, uint64_t, SessionIdHash>;

/// Follows who is open.
void follow(OpenSessions& sessions, const RecordHeader& header);

class LogAppender {
 public:
  /// `segment`: the file to go on with; none: one is made at position.lsn when the first record comes,
  /// naming `previous_end_lsn`. `flags`: of every block. `sessions`: open at position.lsn.
  LogAppender(std::string directory, LogPosition position, std::optional<SegmentFile> segment,
              uint64_t previous_end_lsn, uint16_t flags, OpenSessions sessions);

  /// A whole record as it stands in a ring or segment at lsn().
  [[nodiscard]] Expected<void> append_whole(const RecordHeader& header, Bytes whole);
  /// Makes a record at the next place that has room for it.
  template <typename T>
  [[nodiscard]] Expected<void> append(RecordType type, const SessionId& session, uint64_t seq, int64_t unix_ns,
                                      const T& record) {
    std::vector<std::byte> payload(payload_size(record));
    encode(payload.data(), record);
    return append_payload(type, session, seq, unix_ns, payload);
  }
  [[nodiscard]] Expected<void> append_payload(RecordType type, const SessionId& session, uint64_t seq,
                                              int64_t unix_ns, Bytes payload);
  /// The stream goes on at `lsn`, in another file.
  [[nodiscard]] Expected<void> move_to(uint64_t lsn);
  /// Writes what is pending as one block, makes all durable and trims the file.
  [[nodiscard]] Expected<void> finish();
  /// Ends the current file as a full segment: the stream goes on at the next multiple.
  [[nodiscard]] Expected<void> end_segment();

  [[nodiscard]] uint64_t lsn() const { return position_.lsn + body_.size(); }
  /// Where the last block of the lane ends, after finish().
  [[nodiscard]] uint64_t written_end() const { return segment_ ? position_.lsn : previous_end_lsn_; }
  [[nodiscard]] const LogPosition& position() const { return position_; }
  [[nodiscard]] const OpenSessions& sessions() const { return sessions_; }
  /// After finish(): the file, to go on with; none when nothing was written.
  [[nodiscard]] std::optional<SegmentFile> take_segment() { return std::move(segment_); }

 private:
  [[nodiscard]] Expected<void> flush(uint16_t more_flags);
  [[nodiscard]] Expected<void> need_segment();
  [[nodiscard]] Expected<void> close_segment();
  [[nodiscard]] uint64_t segment_end() const { return segment_end_of(position_.lsn, position_.segment_size); }

  std::string directory_;
  LogPosition position_;
  std::optional<SegmentFile> segment_;
  uint64_t previous_end_lsn_;
  uint16_t flags_;
  OpenSessions sessions_;
  OpenSessions sessions_at_position_;  ///< Before the pending records.
  std::vector<std::byte> body_;
  BlockContent content_;
};

}  // namespace sluice::audit
