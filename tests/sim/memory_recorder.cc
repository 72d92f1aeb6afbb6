#include "memory_recorder.h"

#include <fmt/format.h>

namespace sluice::sim {

MemoryRecorder::Session* MemoryRecorder::next(audit::SessionCursor& cursor) {
  const auto at = sessions_.find(audit::to_string(cursor.id));
  if (at == sessions_.end() || at->second.ended || at->second.seq != cursor.seq) {
    complaints_.push_back("a record outside its session, or out of sequence");
    return nullptr;
  }
  at->second.seq = ++cursor.seq;
  committed_ += 64;
  return &at->second;
}

bool MemoryRecorder::session_start(audit::SessionCursor& cursor, const audit::SessionStart&, int64_t) {
  if (cursor.seq != 0 || !sessions_.try_emplace(audit::to_string(cursor.id)).second) {
    complaints_.push_back("a session started twice");
  }
  (void)next(cursor);
  return true;
}

bool MemoryRecorder::authentication(audit::SessionCursor& cursor, const audit::Authentication&, int64_t) {
  return next(cursor) != nullptr;
}

bool MemoryRecorder::cancel(audit::SessionCursor& cursor, const audit::Cancel&, int64_t) {
  return next(cursor) != nullptr;
}

bool MemoryRecorder::intent(audit::SessionCursor& cursor, const audit::Intent& intent, int64_t) {
  Session& session = sessions_[audit::to_string(cursor.id)];
  if (!full_ && !session.refused && habits_.full_once_in != 0 && random_.once_in(habits_.full_once_in)) {
    full_ = was_full_ = true;
    later_(random_.below(habits_.full_ns_max), [this] {
      full_ = false;
      progress_();
    });
  }
  if (full_) {
    session.refused = true;
    return false;
  }
  session.refused = false;
  Session* mine = next(cursor);
  if (mine == nullptr) return false;
  mine->owed[cursor.seq] = fmt::format("{} {} {}", static_cast<int>(intent.kind), intent.name, intent.text);
  ++intents_;
  if (intent.verdict == Verdict::Allow) {
    Text& text = texts_[std::string(intent.text)];
    const bool sent = intent.kind == audit::IntentKind::Query || intent.kind == audit::IntentKind::Parse;
    (sent ? text.sent : text.run).push_back(committed_);
  }
  return true;
}

void MemoryRecorder::outcome(audit::SessionCursor& cursor, const audit::Outcome& outcome, int64_t) {
  Session* session = next(cursor);
  if (session != nullptr && session->owed.erase(outcome.intent_seq) != 1) {
    complaints_.push_back(fmt::format("an outcome for intent {}, which waits for none", outcome.intent_seq));
  }
}

void MemoryRecorder::session_end(audit::SessionCursor& cursor, const audit::SessionEnd& end, int64_t) {
  Session* session = next(cursor);
  if (session == nullptr) return;
  if (!session->owed.empty()) {
    complaints_.push_back(fmt::format("the session ended ({}) with {} intents without an outcome; the first is {}: {}",
                                      end.reason, session->owed.size(), session->owed.begin()->first,
                                      session->owed.begin()->second));
  }
  session->ended = true;
}

void MemoryRecorder::request_sync() {
  later_(random_.below(habits_.durable_lag_ns_max), [this, position = committed_] {
    durable_ = std::max(durable_, position);
    progress_();
  });
}

void MemoryRecorder::arrived(const std::vector<uint64_t>& recorded, size_t& seen, std::string_view text, bool group) {
  if (seen >= recorded.size()) {
    complaints_.push_back(fmt::format("promise 3: reached the server without a record before: {}", text));
    return;
  }
  if (group && recorded[seen] > durable_) {
    complaints_.push_back(fmt::format("promise 3: reached the server before its record was durable: {}", text));
  }
  ++seen;
}

void MemoryRecorder::text_arrived(std::string_view text, bool group) {
  Text& known = texts_[std::string(text)];
  arrived(known.sent, known.sent_seen, text, group);
}

void MemoryRecorder::execution_arrived(std::string_view text, bool group) {
  Text& known = texts_[std::string(text)];
  arrived(known.run, known.run_seen, text, group);
}

void MemoryRecorder::check_nothing_is_owed() {
  for (const auto& [id, session] : sessions_) {
    if (!session.ended) complaints_.push_back("a session has no end on record");
  }
}

}  // namespace sluice::sim
