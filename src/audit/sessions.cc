#include "audit/sessions.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "audit/drainer.h"
#include "base/text.h"

namespace sluice::audit {
namespace {

constexpr size_t list_sessions_max = 1'000'000;
constexpr size_t show_lines_max = 1'000'000;
constexpr size_t prefix_digits_min = 4;
constexpr std::string_view crash_reason = "gateway crash";

using Summaries = std::unordered_map<SessionId, SessionSummary, SessionIdHash>;

bool take_intent(SessionSummary& s, const LogRecord& record) {
  const auto v = decode_intent(record.payload, record.header.version);
  if (!v) return false;
  const bool runs =
      v->kind == IntentKind::Query || v->kind == IntentKind::Execute || v->kind == IntentKind::FunctionCall;
  s.statements += runs ? 1 : 0;
  s.denied += v->verdict != Verdict::Allow ? 1 : 0;
  return true;
}

bool take_authentication(SessionSummary& s, const LogRecord& record) {
  const auto v = decode_authentication(record.payload, record.header.version);
  if (!v) return false;
  s.subject = v->subject.value;
  s.claimed_user = v->claimed_user.value;
  s.target = v->target.value;
  s.database = v->database.value;
  if (!v->success) s.state = SessionState::Refused;
  return true;
}

bool take_end(SessionSummary& s, const LogRecord& record) {
  const auto v = decode_session_end(record.payload, record.header.version);
  if (!v) return false;
  s.end_unix_ns = record.header.time_unix_ns;
  s.end_reason = v->reason.value;
  if (record.recovered && v->reason.value == crash_reason) {
    s.state = SessionState::Crashed;
  } else if (s.state == SessionState::Open) {
    s.state = SessionState::Ended;
  }
  return true;
}

/// False: the payload does not decode.
bool take(SessionSummary& s, const LogRecord& record) {
  switch (record.header.type) {
    case RecordType::SessionStart: {
      const auto v = decode_session_start(record.payload, record.header.version);
      if (!v) return false;
      s.client = v->client_address.value;
      return true;
    }
    case RecordType::Authentication: return take_authentication(s, record);
    case RecordType::Intent: return take_intent(s, record);
    case RecordType::SessionEnd: return take_end(s, record);
    case RecordType::Outcome: {
      const auto v = decode_outcome(record.payload, record.header.version);
      if (!v) return false;
      s.masked += v->value.masked_cells;
      return true;
    }
    case RecordType::Statement:
    case RecordType::Cancel:
    case RecordType::RuleSet:
    case RecordType::Lost:
    case RecordType::Recovery: return true;
  }
  return false;
}

bool passes(const SessionSummary& s, const SessionFilter& filter) {
  return s.start_unix_ns >= filter.since_unix_ns &&
         (filter.until_unix_ns == 0 || s.start_unix_ns < filter.until_unix_ns) &&
         (filter.subject.empty() || s.subject == filter.subject) &&
         (filter.target.empty() || s.target == filter.target);
}

Expected<Summaries> summaries(const std::string& directory, const SessionFilter& filter,
                              const std::optional<SessionId>& only) {
  auto log = LogReader::open(directory, {.since_unix_ns = filter.since_unix_ns});
  if (!log) return std::unexpected(log.error());
  Summaries found;
  while (true) {
    const auto record = log->next();
    if (!record) return std::unexpected(record.error());
    if (!*record) return found;
    const LogRecord& r = **record;
    if (r.header.session == SessionId{} || (only && r.header.session != *only)) continue;
    auto at = found.find(r.header.session);
    if (at == found.end()) {
      // With a start time asked for, older sessions are known by their start being passed over.
      if (filter.since_unix_ns != 0 && r.header.type != RecordType::SessionStart) continue;
      if (found.size() >= list_sessions_max)
        return fail(fmt::format("the log holds more than {} sessions: narrow it down by time", list_sessions_max));
      at = found.emplace(r.header.session, SessionSummary{}).first;
      at->second.id = r.header.session;
      at->second.lane = r.lane;
      at->second.start_unix_ns = r.header.time_unix_ns;
    }
    if (!take(at->second, r))
      return fail(fmt::format("lane {}, lsn {:x}: a record of an unknown version or shape", r.lane, r.lsn));
  }
}

Expected<void> each_record(const std::string& directory, const SessionId& id,
                           const std::function<Expected<bool>(const LogRecord&)>& visit) {
  auto log = LogReader::open(directory);
  if (!log) return std::unexpected(log.error());
  while (true) {
    const auto record = log->next();
    if (!record) return std::unexpected(record.error());
    if (!*record) return {};
    if ((*record)->header.session != id) continue;
    const auto more = visit(**record);
    if (!more) return std::unexpected(more.error());
    if (!*more) return {};
  }
}

}  // namespace

std::string_view name_of(SessionState state) {
  switch (state) {
    case SessionState::Open: return "open";
    case SessionState::Ended: return "ended";
    case SessionState::Refused: return "refused";
    case SessionState::Crashed: return "crashed";
  }
  return "unknown";
}

Expected<std::vector<SessionSummary>> list_sessions(const std::string& directory, const SessionFilter& filter) {
  auto found = summaries(directory, filter, std::nullopt);
  if (!found) return std::unexpected(found.error());
  std::vector<SessionSummary> list;
  for (auto& [id, s] : *found)
    if (passes(s, filter)) list.push_back(std::move(s));
  std::ranges::sort(list, std::greater{},
                    [](const SessionSummary& s) { return std::pair(s.start_unix_ns, s.id.bytes); });
  if (list.size() > filter.limit) list.resize(filter.limit);
  return list;
}

std::string summary_title() {
  return fmt::format("{:<36}  {:<20}  {:<7}  {:>10}  {:>6}  {:>8}  {:<20}  {:<20}  {}", "session", "started", "state",
                     "statements", "denied", "masked", "subject", "target", "client");
}

std::string summary_text(const SessionSummary& s) {
  const std::string target = s.target.empty() ? "-" : printable(s.target) + "/" + printable(s.database);
  const std::string subject = s.subject.empty() ? "(" + printable(s.claimed_user) + ")" : printable(s.subject);
  return fmt::format("{}  {:<20}  {:<7}  {:>10}  {:>6}  {:>8}  {:<20}  {:<20}  {}", to_string(s.id),
                     utc_time(s.start_unix_ns).substr(0, 19) + "Z", name_of(s.state), s.statements, s.denied, s.masked,
                     subject, target, printable(s.client));
}

std::string summary_json(const SessionSummary& s) {
  const std::string end = s.end_unix_ns == 0 ? "null" : json_quote(utc_time(s.end_unix_ns));
  return fmt::format(R"({{"id":"{}","lane":{},"start":"{}","end":{},"subject":{},"claimed_user":{},"target":{},)"
                     R"("database":{},"client":{},"statements":{},"denied":{},"masked":{},"state":"{}",)"
                     R"("end_reason":{}}})",
                     to_string(s.id), s.lane, utc_time(s.start_unix_ns), end, json_quote(s.subject),
                     json_quote(s.claimed_user), json_quote(s.target), json_quote(s.database), json_quote(s.client),
                     s.statements, s.denied, s.masked, name_of(s.state), json_quote(s.end_reason));
}

Expected<SessionId> find_session(const std::string& directory, std::string_view prefix) {
  std::string digits;
  for (const char c : prefix) {
    if (c == '-') continue;
    const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    if (!((lower >= '0' && lower <= '9') || (lower >= 'a' && lower <= 'f')))
      return fail(fmt::format("'{}' is not a session id: hexadecimal digits and dashes", printable(prefix)));
    digits.push_back(lower);
  }
  if (digits.size() < prefix_digits_min || digits.size() > 32)
    return fail(fmt::format("a session id, or its first {} or more digits, is needed", prefix_digits_min));
  auto log = LogReader::open(directory);
  if (!log) return std::unexpected(log.error());
  std::optional<SessionId> found;
  while (true) {
    const auto record = log->next();
    if (!record) return std::unexpected(record.error());
    if (!*record) break;
    const SessionId& id = (*record)->header.session;
    if (found == id || id == SessionId{} || !hex_encode(id.bytes).starts_with(digits)) continue;
    if (found) return fail(fmt::format("more than one session begins with {}: give more digits", digits));
    found = id;
  }
  if (!found) return fail(fmt::format("no session in {} begins with {}", directory, digits));
  return *found;
}

Expected<std::vector<std::string>> show_session(const std::string& directory, std::string_view id, Format format) {
  const auto session = find_session(directory, id);
  if (!session) return std::unexpected(session.error());
  auto found = summaries(directory, {}, *session);
  if (!found) return std::unexpected(found.error());
  const SessionSummary& summary = found->at(*session);
  std::vector<std::string> lines;
  if (format == Format::Text) lines.push_back(summary_title());
  lines.push_back(format == Format::Text ? summary_text(summary) : summary_json(summary));
  Transcript transcript(format);
  const auto done = each_record(directory, *session, [&](const LogRecord& record) -> Expected<bool> {
    auto line = transcript.line(record);
    if (!line) return std::unexpected(line.error());
    if (record.header.type == RecordType::Intent && *line) lines.push_back(std::move(**line));
    if (lines.size() >= show_lines_max)
      return fail(fmt::format("the session has more than {} statements: use replay", show_lines_max));
    return true;
  });
  if (!done) return std::unexpected(done.error());
  return lines;
}

Expected<void> replay_session(const std::string& directory, std::string_view id, Format format,
                              const std::function<void(std::string_view)>& sink) {
  const auto session = find_session(directory, id);
  if (!session) return std::unexpected(session.error());
  Transcript transcript(format);
  return each_record(directory, *session, [&](const LogRecord& record) -> Expected<bool> {
    const auto line = transcript.line(record);
    if (!line) return std::unexpected(line.error());
    if (*line) sink(**line);
    return record.header.type != RecordType::SessionEnd;
  });
}

}  // namespace sluice::audit
