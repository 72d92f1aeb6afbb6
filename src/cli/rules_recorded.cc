#include "cli/rules_recorded.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/reader.h"
#include "audit/records.h"

namespace sluice::cli {
namespace {

struct Text {
  std::string text;
  bool whole = false;
};

struct Session {
  Asker asker;
  std::string target;
  std::unordered_map<uint64_t, Text> texts;
};

std::vector<std::string> split_groups(std::string_view text) {
  std::vector<std::string> groups;
  while (!text.empty()) {
    const size_t end = text.find(',');
    groups.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return groups;
}

// What a rule set cannot change, or what was so only at that moment.
bool of_the_moment(Reason reason) {
  return reason == Reason::NotUnderstood || reason == Reason::TooLarge || reason == Reason::CatalogStale ||
         reason == Reason::NoDecision;
}

class Walk {
 public:
  Walk(const RecordedFilter& filter, const std::function<void(const RecordedStatement&)>& visit)
      : filter_(filter), visit_(visit) {}

  /// False: the payload does not decode.
  bool take(const audit::LogRecord& record) {
    const audit::RecordHeader& h = record.header;
    if (h.session == audit::SessionId{} || (filter_.session && h.session != *filter_.session)) return true;
    if (record.lane != lane_ || record.segment != segment_) {
      // Texts are written anew in each segment.
      for (auto& [id, session] : sessions_) session.texts.clear();
      if (record.lane != lane_) sessions_.clear();
      lane_ = record.lane;
      segment_ = record.segment;
    }
    switch (h.type) {
      case audit::RecordType::SessionStart: return take_start(record);
      case audit::RecordType::Authentication: return take_authentication(record);
      case audit::RecordType::Statement: return take_text(record);
      case audit::RecordType::Intent: return take_intent(record);
      case audit::RecordType::SessionEnd: sessions_.erase(h.session); return true;
      case audit::RecordType::RuleSet:
      case audit::RecordType::Outcome:
      case audit::RecordType::Cancel:
      case audit::RecordType::Lost:
      case audit::RecordType::Recovery: return true;
    }
    return false;
  }

 private:
  bool take_start(const audit::LogRecord& record) {
    const auto v = audit::decode_session_start(record.payload, record.header.version);
    if (v) sessions_[record.header.session].asker.client_address = v->client_address.value;
    return v.has_value();
  }

  bool take_authentication(const audit::LogRecord& record) {
    const auto v = audit::decode_authentication(record.payload, record.header.version);
    if (!v) return false;
    Session& session = sessions_[record.header.session];
    session.asker.principal.subject = v->subject.value;
    session.asker.principal.groups = split_groups(v->groups.value);
    session.asker.principal.proof = v->proof;
    const auto kind = filter_.kinds.find(session.asker.principal.subject);
    if (kind != filter_.kinds.end()) session.asker.principal.kind = kind->second;
    session.target = v->target.value;
    return true;
  }

  bool take_text(const audit::LogRecord& record) {
    const auto v = audit::decode_statement(record.payload, record.header.version);
    if (!v) return false;
    sessions_[record.header.session].texts[v->statement_id] = {std::string(v->text), !v->text_is_digest && !v->cut};
    return true;
  }

  bool take_intent(const audit::LogRecord& record) {
    const auto v = audit::decode_intent(record.payload, record.header.version);
    if (!v) return false;
    // What is bound and executed was judged when it was parsed.
    if (v->kind != audit::IntentKind::Query && v->kind != audit::IntentKind::Parse) return true;
    if (record.header.time_unix_ns < filter_.since_unix_ns) return true;
    Session& session = sessions_[record.header.session];
    session.asker.unix_s = record.header.time_unix_ns / 1'000'000'000;
    const auto text = session.texts.find(v->statement_id);
    const bool known = text != session.texts.end();
    visit_({.session = record.header.session, .asker = session.asker, .target = session.target,
            .text = known ? std::string_view(text->second.text) : std::string_view(),
            .replayable = known && text->second.whole && !of_the_moment(v->reason),
            .decision = {.verdict = v->verdict, .reason = v->reason, .rule = v->rule.value}});
    return true;
  }

  const RecordedFilter& filter_;
  const std::function<void(const RecordedStatement&)>& visit_;
  std::unordered_map<audit::SessionId, Session, audit::SessionIdHash> sessions_;
  uint32_t lane_ = 0;
  uint64_t segment_ = 0;
};

}  // namespace

Expected<void> each_recorded(const std::string& directory, const RecordedFilter& filter,
                             const std::function<void(const RecordedStatement&)>& visit) {
  auto log = audit::LogReader::open(directory);
  if (!log) return std::unexpected(log.error());
  Walk walk(filter, visit);
  while (true) {
    const auto record = log->next();
    if (!record) return std::unexpected(record.error());
    if (!*record) return {};
    if (!walk.take(**record)) {
      return fail(fmt::format("lane {}, lsn {:x}: a record of an unknown version or shape", (*record)->lane, (*record)->lsn));
    }
  }
}

RecordedJudge::RecordedJudge(const TriedRules& loaded, Verdict by_default)
    : loaded_(loaded), by_default_(by_default), judge_(loaded.set) {}

Judged RecordedJudge::judge(const RecordedStatement& statement) {
  static const std::vector<std::string> none;
  const auto& targets = loaded_.settings.targets;
  const auto target = std::ranges::find(targets, statement.target, &TargetSettings::name);
  auto at = bound_.find(statement.session);
  if (at == bound_.end() || statement.asker.unix_s >= at->second.valid_until_unix_s()) {
    if (bound_.size() >= sessions_max) bound_.clear();
    const Verdict by_default = target == targets.end() ? by_default_ : target->default_verdict;
    at = bound_.insert_or_assign(statement.session, loaded_.set->bind(statement.target, by_default, statement.asker.caller()))
             .first;
  }
  return judge_.judge(at->second, statement.text, target == targets.end() ? none : target->trusted_functions);
}

}  // namespace sluice::cli
