#include "audit/lane_recorder.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace sluice::audit {

void DrainerLink::ring() {
  if (state.exchange(DrainerState::Awake) == DrainerState::Awake) return;
  const uint64_t one = 1;
  // Cannot fail but by a full counter, and then the drainer is being woken anyhow.
  [[maybe_unused]] const ssize_t n = ::write(event.get(), &one, sizeof one);
}

size_t StatementTable::bucket_of(const SessionId& session, uint64_t statement_id) {
  uint64_t half = 0;
  std::memcpy(&half, session.bytes.data() + 8, sizeof half);
  uint64_t h = (half ^ statement_id) * 0x9E3779B97F4A7C15ULL;
  h ^= h >> 32;
  return h % buckets * ways;
}

bool StatementTable::has(const SessionId& session, uint64_t statement_id, uint64_t segment) const {
  const Entry* bucket = &entries_[bucket_of(session, statement_id)];
  for (size_t i = 0; i < ways; ++i) {
    const Entry& e = bucket[i];
    if (e.statement_id == statement_id && e.segment == segment && e.session == session) return true;
  }
  return false;
}

void StatementTable::add(const SessionId& session, uint64_t statement_id, uint64_t segment) {
  Entry* bucket = &entries_[bucket_of(session, statement_id)];
  Entry* place = &bucket[victim_++ % ways];
  for (size_t i = 0; i < ways; ++i)
    if (bucket[i].segment != segment) place = &bucket[i];
  *place = {session, statement_id, segment};
}

// One record is at most an eighth of the ring, and promises take at most half of it. So an intent with
// its text, which is a quarter, and the end of a segment it may have to skip, another, always fits into
// a ring that has been drained: waiting for room ends.
LaneRecorder::LaneRecorder(Ring& ring, DrainerLink& drainer, LaneLink& lane, CrashHook hook)
    : ring_(ring),
      producer_(ring, hook),
      drainer_(drainer),
      lane_(lane),
      record_payload_max_(ring.identity().ring_size / 8 - sizeof(RecordHeader) - 64),
      sessions_max_(std::min(open_sessions_max, ring.identity().ring_size / 4 / session_end_record_max - 4)),
      intents_max_(ring.identity().ring_size / 4 / outcome_record_max - 4) {
  SLUICE_ASSERT(record_payload_max_ >= intent_payload_max_min);
}

uint64_t LaneRecorder::promised(uint64_t sessions, uint64_t intents) {
  // One more: a promised record may have to skip the end of a segment shorter than itself. That happens
  // once at most until new promises are made, since a segment is not smaller than the ring.
  return (sessions + 1) * session_end_record_max + intents * outcome_record_max;
}

bool LaneRecorder::room_for(uint64_t size, uint64_t promised) {
  if (producer_.fits(size, promised)) [[likely]]
    return true;
  lane_.waits_for_room.store(true);
  // Released between the look and the note: then nobody would call the doorbell.
  if (producer_.fits(size, promised)) {
    lane_.waits_for_room.store(false);
    return true;
  }
  drainer_.ring();
  return false;
}

void LaneRecorder::wake_if_needed() {
  const DrainerState state = drainer_.state.load(std::memory_order_relaxed);
  if (state == DrainerState::Awake) return;
  if (state == DrainerState::Asleep || producer_.used() > producer_.capacity() / 2) [[unlikely]]
    wake_slow(state);
}

void LaneRecorder::wake_slow(DrainerState state) {
  // used() goes by an old look at the consumer; asking for half the ring makes it look again.
  if (state == DrainerState::Napping && producer_.fits(producer_.capacity() / 2, 0)) return;
  drainer_.ring();
}

template <typename Fill>
void LaneRecorder::append(RecordType type, SessionCursor& cursor, int64_t unix_ns, size_t payload, Fill fill,
                          uint16_t version) {
  const auto size = static_cast<uint32_t>(record_size(payload));
  std::byte* at = producer_.begin(size);
  const uint64_t lsn = producer_.head();
  std::memset(at + size - 8, 0, 8);  // Padding; the payload overwrites what is its own.
  const RecordHeader header{.commit = 0,
                            .crc = 0,
                            .payload_size = static_cast<uint32_t>(payload),
                            .type = type,
                            .version = version,
                            .flags = 0,
                            .time_unix_ns = unix_ns,
                            .session = cursor.id,
                            .session_seq = ++cursor.seq};
  std::memcpy(at + record_crc_offset, reinterpret_cast<const std::byte*>(&header) + record_crc_offset,
              sizeof header - record_crc_offset);
  fill(at + sizeof header);
  const uint32_t crc = record_crc({at, sizeof header + payload}, lsn);
  std::memcpy(at + offsetof(RecordHeader, crc), &crc, sizeof crc);
  producer_.commit(size);
  wake_if_needed();
}

bool LaneRecorder::session_start(SessionCursor& cursor, const SessionStart& r, int64_t unix_ns) {
  if (failed() || drainer_.disk_low.load(std::memory_order_relaxed)) return false;
  if (open_sessions_ >= sessions_max_) return false;
  const size_t payload = payload_size(r);
  if (!room_for(record_size(payload), promised(open_sessions_ + 1, open_intents_))) return false;
  append(RecordType::SessionStart, cursor, unix_ns, payload, [&](std::byte* at) { encode(at, r); });
  open_sessions_ += 1;
  return true;
}

bool LaneRecorder::authentication(SessionCursor& cursor, const Authentication& r, int64_t unix_ns) {
  if (failed()) return false;
  const size_t payload = payload_size(r);
  if (!room_for(record_size(payload), promised(open_sessions_, open_intents_))) return false;
  append(RecordType::Authentication, cursor, unix_ns, payload, [&](std::byte* at) { encode(at, r); });
  return true;
}

bool LaneRecorder::intent(SessionCursor& cursor, const Intent& r, int64_t unix_ns) {
  if (failed() || drainer_.disk_critical.load(std::memory_order_relaxed)) return false;
  if (open_intents_ >= intents_max_) {
    drainer_.ring();
    return false;
  }
  const Statement statement{r.statement_id, r.text, r.text_is_digest};
  const size_t text_max = record_payload_max_ - sizeof(Digest) - 20;
  const IntentPlan intent_plan = plan(r, record_payload_max_);
  const uint64_t intent_size = record_size(intent_plan.payload_size);

  // An intent and its text stand in the same segment. So when the segment has no room for what is to be
  // written, the next one gets both.
  uint64_t segment = producer_.segment_end();
  // Which rules a generation is stands in every segment that names it, as a text does.
  const RuleSetRecord rules{r.rule_generation, r.rule_set_hash != nullptr ? *r.rule_set_hash : Digest{}};
  const uint64_t rules_size = r.rule_set_hash != nullptr ? record_size(payload_size(rules)) : 0;
  bool rules_known = rules_size == 0 || (cursor.rules_told == r.rule_generation && cursor.rules_told_in == segment);
  uint64_t size = intent_size + (rules_known ? 0 : rules_size);
  const bool known = producer_.head() + size <= segment && statements_.has(cursor.id, r.statement_id, segment);
  size_t text_payload = 0;
  if (!known) {
    text_payload = payload_size(statement, text_max);
    size += record_size(text_payload);
    if (producer_.head() + size > segment) {
      segment += ring_.identity().segment_size;
      size += rules_known ? rules_size : 0;
      rules_known = rules_size == 0;
    }
  }
  if (!room_for(size, promised(open_sessions_, open_intents_ + 1))) return false;

  // All at once, so that what begins here does not have to be split later.
  if (!known || !rules_known) (void)producer_.begin(static_cast<uint32_t>(size));
  if (!rules_known) {
    append(RecordType::RuleSet, cursor, unix_ns, payload_size(rules), [&](std::byte* at) { encode(at, rules); });
    cursor.rules_told = r.rule_generation;
    cursor.rules_told_in = segment;
  }
  if (!known) {
    append(RecordType::Statement, cursor, unix_ns, text_payload,
           [&](std::byte* at) { encode(at, statement, text_max); });
    statements_.add(cursor.id, r.statement_id, segment);
  }
  append(RecordType::Intent, cursor, unix_ns, intent_plan.payload_size,
         [&](std::byte* at) { encode(at, r, intent_plan); }, intent_plan.version);
  open_intents_ += 1;
  return true;
}

void LaneRecorder::outcome(SessionCursor& cursor, const Outcome& r, int64_t unix_ns) {
  SLUICE_ASSERT(open_intents_ > 0);
  const size_t payload = payload_size(r);
  SLUICE_ASSERT(producer_.fits(record_size(payload), 0));
  append(RecordType::Outcome, cursor, unix_ns, payload, [&](std::byte* at) { encode(at, r); }, version_of(r));
  open_intents_ -= 1;
}

bool LaneRecorder::cancel(SessionCursor& cursor, const Cancel& r, int64_t unix_ns) {
  if (failed()) return false;
  const size_t payload = payload_size(r);
  if (!room_for(record_size(payload), promised(open_sessions_, open_intents_))) return false;
  append(RecordType::Cancel, cursor, unix_ns, payload, [&](std::byte* at) { encode(at, r); });
  return true;
}

void LaneRecorder::session_end(SessionCursor& cursor, const SessionEnd& r, int64_t unix_ns) {
  SLUICE_ASSERT(open_sessions_ > 0);
  const size_t payload = payload_size(r);
  SLUICE_ASSERT(producer_.fits(record_size(payload), 0));
  append(RecordType::SessionEnd, cursor, unix_ns, payload, [&](std::byte* at) { encode(at, r); });
  open_sessions_ -= 1;
}

uint64_t LaneRecorder::durable() const {
  return std::atomic_ref(ring_.header().durable).load(std::memory_order_acquire);
}

void LaneRecorder::request_sync() {
  lane_.sync_target.store(producer_.head());
  if (drainer_.state.load() != DrainerState::Awake) drainer_.ring();
}

}  // namespace sluice::audit
