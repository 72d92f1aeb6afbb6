#include "audit/appender.h"

namespace sluice::audit {
namespace {
constexpr size_t block_size = 1U << 20;
}

void follow(OpenSessions& sessions, const RecordHeader& header) {
  if (header.type == RecordType::SessionEnd) {
    sessions.erase(header.session);
    return;
  }
  // Control records are nobody's, and a cancel request may name a session that is over.
  const bool own = header.type < RecordType::Lost && header.type != RecordType::Cancel;
  if (header.session == SessionId{} || (!own && !sessions.contains(header.session))) return;
  // Any other record opens: the start may stand in a file that is no longer here.
  sessions[header.session] = header.session_seq;
}

LogAppender::LogAppender(std::string directory, LogPosition position, std::optional<SegmentFile> segment,
                         uint64_t previous_end_lsn, uint16_t flags, OpenSessions sessions)
    : directory_(std::move(directory)),
      position_(position),
      segment_(std::move(segment)),
      previous_end_lsn_(previous_end_lsn),
      flags_(flags),
      sessions_(sessions),
      sessions_at_position_(std::move(sessions)) {}

Expected<void> LogAppender::need_segment() {
  if (segment_) return {};
  std::vector<SessionId> open;
  for (const auto& [id, seq] : sessions_at_position_) open.push_back(id);
  auto file = SegmentFile::create(directory_, position_, previous_end_lsn_, open);
  if (!file) return std::unexpected(file.error());
  segment_ = std::move(*file);
  return {};
}

Expected<void> LogAppender::flush(uint16_t more_flags) {
  if (body_.empty() && more_flags == 0) return {};
  if (auto ok = need_segment(); !ok) return ok;
  content_.body = body_;
  content_.end_lsn = position_.lsn + body_.size();
  content_.flags = flags_ | more_flags;
  if (auto ok = segment_->append(position_, content_); !ok) return ok;
  body_.clear();
  content_ = {};
  sessions_at_position_ = sessions_;
  return {};
}

Expected<void> LogAppender::close_segment() {
  if (!segment_) return {};
  if (auto ok = segment_->trim(); !ok) return ok;
  if (auto ok = segment_->sync(); !ok) return ok;
  segment_.reset();
  return {};
}

Expected<void> LogAppender::end_segment() {
  const uint64_t next = segment_end();
  if (auto ok = flush(block_flag::segment_end); !ok) return ok;
  previous_end_lsn_ = position_.lsn;
  // A block that ends on the cut itself has already moved the position there.
  position_.lsn = next;
  return close_segment();
}

Expected<void> LogAppender::move_to(uint64_t lsn) {
  SLUICE_ASSERT(lsn >= this->lsn());
  if (auto ok = flush(0); !ok) return ok;
  if (lsn == position_.lsn) return {};
  previous_end_lsn_ = position_.lsn;
  position_.lsn = lsn;
  return close_segment();
}

Expected<void> LogAppender::append_whole(const RecordHeader& header, Bytes whole) {
  SLUICE_ASSERT(lsn() + whole.size() <= segment_end());
  body_.insert(body_.end(), whole.begin(), whole.end());
  if (content_.record_count == 0) content_.time_first_unix_ns = header.time_unix_ns;
  content_.time_last_unix_ns = std::max(content_.time_last_unix_ns, header.time_unix_ns);
  content_.record_count += 1;
  follow(sessions_, header);
  if (lsn() == segment_end()) return end_segment();
  return body_.size() >= block_size ? flush(0) : Expected<void>{};
}

Expected<void> LogAppender::append_payload(RecordType type, const SessionId& session, uint64_t seq, int64_t unix_ns,
                                           Bytes payload) {
  std::vector<std::byte> whole(record_size(payload.size()));
  if (lsn() + whole.size() > segment_end())
    if (auto ok = end_segment(); !ok) return ok;
  RecordHeader header{.commit = lsn(),
                      .crc = 0,
                      .payload_size = static_cast<uint32_t>(payload.size()),
                      .type = type,
                      .version = payload_version,
                      .flags = 0,
                      .time_unix_ns = unix_ns,
                      .session = session,
                      .session_seq = seq};
  std::memcpy(whole.data(), &header, sizeof header);
  if (!payload.empty()) std::memcpy(whole.data() + sizeof header, payload.data(), payload.size());
  header.crc = record_crc(Bytes(whole).first(sizeof header + payload.size()), lsn());
  std::memcpy(whole.data(), &header, sizeof header);
  return append_whole(header, whole);
}

Expected<void> LogAppender::finish() {
  if (auto ok = flush(0); !ok) return ok;
  if (!segment_) return {};
  if (auto ok = segment_->trim(); !ok) return ok;
  return segment_->sync();
}

}  // namespace sluice::audit
