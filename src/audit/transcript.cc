#include "audit/transcript.h"

#include <fmt/format.h>

#include <ctime>

#include "base/text.h"

namespace sluice::audit {
namespace {

constexpr std::string_view cut_mark = "…";

std::string shown(const Text& text) { return printable(text.value) + (text.cut ? std::string(cut_mark) : ""); }

/// `,"key":"value"`, and `,"key_cut":true` where the record holds only the front.
std::string field(std::string_view key, const Text& text) {
  std::string out = fmt::format(",\"{}\":{}", key, json_quote(text.value));
  if (text.cut) out += fmt::format(",\"{}_cut\":true", key);
  return out;
}
std::string field(std::string_view key, uint64_t value) { return fmt::format(",\"{}\":{}", key, value); }
std::string field(std::string_view key, bool value) { return fmt::format(",\"{}\":{}", key, value); }

std::string parameter_text(const ParameterView& p, bool binary) {
  if (p.null) return "NULL";
  std::string out = binary ? "\\x" + hex_encode(p.value) : "'" + printable(as_text(p.value)) + "'";
  if (p.cut) out += fmt::format("{} ({} bytes, SHA-256 {})", cut_mark, p.full_size, hex_encode(p.sha256));
  return out;
}

std::string parameter_json(const ParameterView& p, bool binary) {
  if (p.null) return "null";
  const std::string value = binary ? json_quote(hex_encode(p.value)) : json_quote(as_text(p.value));
  std::string out = fmt::format("{{\"{}\":{}", binary ? "hex" : "text", value);
  if (p.cut) out += fmt::format(",\"cut\":true,\"size\":{},\"sha256\":\"{}\"", p.full_size, hex_encode(p.sha256));
  return out + "}";
}

std::string render(const SessionStartView& v, Format format) {
  if (format == Format::JsonLines)
    return field("protocol", v.protocol) + field("client", v.client_address) + field("listener", v.listener) +
           field("tls", v.client_tls);
  return fmt::format("{} from {} on {}{}", shown(v.protocol), shown(v.client_address), shown(v.listener),
                     v.client_tls ? ", TLS" : ", cleartext");
}

std::string render(const AuthenticationView& v, Format format) {
  if (format == Format::JsonLines)
    return field("success", v.success) + field("claimed_user", v.claimed_user) + field("subject", v.subject) +
           field("groups", v.groups) + field("proof", Text{name_of(v.proof)}) + field("target", v.target) +
           field("database", v.database) + field("upstream_user", v.upstream_user) +
           field("application_name", v.application_name) + field("failure", v.failure);
  if (!v.success)
    return fmt::format("refused for user {}: {}", shown(v.claimed_user), shown(v.failure));
  return fmt::format("{} (groups {}; {}) to {}/{} as {}, application {}", shown(v.subject), shown(v.groups),
                     name_of(v.proof), shown(v.target), shown(v.database), shown(v.upstream_user),
                     shown(v.application_name));
}

std::string render(const OutcomeView& v, Format format) {
  const Outcome& o = v.value;
  if (format == Format::JsonLines) {
    std::string out = field("intent_seq", o.intent_seq) + field("success", o.success) +
                      field("tag", Text{o.tag, v.tag_cut}) + field("sqlstate", Text{o.sqlstate}) +
                      field("rows", o.rows) + field("bytes_to_client", o.bytes_to_client) +
                      field("masked_cells", o.masked_cells) + field("duration_ns", o.duration_ns);
    if (o.alerted_values != 0) out += field("alerted_values", o.alerted_values);
    if (o.bytes_from_client != 0)
      out += field("bytes_from_client", o.bytes_from_client) +
             field("from_client_sha256", Text{hex_encode(o.from_client_sha256)});
    return out;
  }
  std::string out = fmt::format("#{} {} rows={} masked={} bytes={} {:.3f} ms", o.intent_seq,
                                o.success ? printable(o.tag) : "failed " + printable(o.sqlstate), o.rows,
                                o.masked_cells, o.bytes_to_client, static_cast<double>(o.duration_ns) / 1e6);
  if (o.alerted_values != 0) out += fmt::format(" alerted={}", o.alerted_values);
  if (o.bytes_from_client != 0)
    out += fmt::format(" received={} SHA-256 {}", o.bytes_from_client, hex_encode(o.from_client_sha256));
  return out;
}

std::string render(const CancelView& v, Format format) {
  if (format == Format::JsonLines) return field("client", v.client_address) + field("matched", v.matched);
  return fmt::format("from {}{}", shown(v.client_address), v.matched ? "" : ", key unknown");
}

std::string render(const SessionEndView& v, Format format) {
  if (format == Format::JsonLines)
    return field("reason", v.reason) + field("bytes_from_client", v.bytes_from_client) +
           field("bytes_to_client", v.bytes_to_client);
  return fmt::format("{} (received {} bytes, sent {})", shown(v.reason), v.bytes_from_client, v.bytes_to_client);
}

std::string render(const RuleSetRecord& v, Format format) {
  if (format == Format::JsonLines) return field("generation", v.generation) + field("hash", Text{hex_encode(v.hash)});
  return fmt::format("generation {} is {}", v.generation, hex_encode(v.hash));
}

std::string render(const LostView& v, Format format) {
  if (format == Format::JsonLines)
    return field("from_lsn", v.from_lsn) + field("to_lsn", v.to_lsn) + field("what", v.what);
  return fmt::format("lsn {:x} to {:x}: {}", v.from_lsn, v.to_lsn, shown(v.what));
}

std::string render(const Recovery& v, Format format) {
  if (format == Format::JsonLines)
    return field("previous_end_lsn", v.previous_end_lsn) + field("recovered_records", v.recovered_records) +
           field("torn_bytes", v.torn_bytes) + field("closed_sessions", v.closed_sessions) +
           field("crashed", v.crashed) + field("damaged", v.damaged);
  return fmt::format("last run {}{}: recovered {} records, set aside {} torn bytes, closed {} sessions",
                     v.crashed ? "crashed" : "ended cleanly", v.damaged ? ", log damaged" : "", v.recovered_records,
                     v.torn_bytes, v.closed_sessions);
}

template <typename View>
Decoded<std::string> rendered(const Decoded<View>& view, Format format) {
  if (!view) return std::unexpected(view.error());
  return render(*view, format);
}

}  // namespace

std::string utc_time(int64_t unix_ns) {
  int64_t seconds = unix_ns / 1'000'000'000;
  int64_t rest = unix_ns % 1'000'000'000;
  if (rest < 0) {
    rest += 1'000'000'000;
    seconds -= 1;
  }
  const time_t at = seconds;
  std::tm parts{};
  (void)::gmtime_r(&at, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, rest);
}

std::string Transcript::intent_text(const IntentView& v, uint64_t seq) const {
  std::string out = fmt::format("#{} {}", seq, v.verdict == Verdict::Allow ? "allow" : v.verdict == Verdict::Hold ? "HOLD" : "DENY");
  out += v.reason == Reason::Rule ? fmt::format(" (rule {}, set {})", shown(v.rule), v.rule_generation)
                                  : fmt::format(" ({})", name_of(v.reason));
  if (!v.alerts.value.empty()) out += fmt::format(" (alerts: {})", shown(v.alerts));
  if (!v.name.value.empty()) out += fmt::format(" [{}]", shown(v.name));
  const auto found = statements_.find(v.statement_id);
  if (found == statements_.end()) {
    out += fmt::format(": statement {}, text not in this part of the log", v.statement_id);
  } else {
    const StatementText& s = found->second;
    out += ": " + printable(s.text);
    if (s.cut) out += fmt::format("{} ({} bytes, SHA-256 {})", cut_mark, s.full_size, hex_encode(s.sha256));
  }
  uint32_t i = 0;
  for (const ParameterView& p : parameters_of(v)) {
    out += fmt::format(" ${}={}", i + 1, parameter_text(p, v.binary(i)));
    ++i;
  }
  if (v.parameters_kept < v.parameter_count)
    out += fmt::format(" and {} more ({} bytes, SHA-256 {})", v.parameter_count - v.parameters_kept, v.rest_size,
                       hex_encode(v.rest_sha256));
  return out;
}

std::string Transcript::intent_json(const IntentView& v) const {
  std::string out = field("kind", Text{name_of(v.kind)}) + field("verdict", Text{name_of(v.verdict)}) +
                    field("reason", Text{name_of(v.reason)}) + field("rule", v.rule) +
                    field("rule_generation", v.rule_generation) + field("name", v.name) +
                    field("statement_id", v.statement_id);
  if (!v.alerts.value.empty()) out += field("alerts", v.alerts);
  if (const auto found = statements_.find(v.statement_id); found != statements_.end()) {
    const StatementText& s = found->second;
    out += field("statement", Text{s.text});
    if (s.digest) out += field("statement_is_digest", true);
    if (s.cut)
      out += field("statement_cut", true) + field("statement_size", s.full_size) +
             field("statement_sha256", Text{hex_encode(s.sha256)});
  }
  if (v.parameter_count == 0) return out;
  out += ",\"parameters\":[";
  uint32_t i = 0;
  for (const ParameterView& p : parameters_of(v)) {
    if (i > 0) out += ",";
    out += parameter_json(p, v.binary(i));
    ++i;
  }
  out += "]";
  if (v.parameters_kept < v.parameter_count)
    out += field("parameter_count", uint64_t{v.parameter_count}) + field("rest_size", v.rest_size) +
           field("rest_sha256", Text{hex_encode(v.rest_sha256)});
  return out;
}

Decoded<std::string> Transcript::details(const LogRecord& record) {
  const Bytes payload = record.payload;
  const uint16_t version = record.header.version;
  switch (record.header.type) {
    case RecordType::SessionStart: return rendered(decode_session_start(payload, version), format_);
    case RecordType::Authentication: return rendered(decode_authentication(payload, version), format_);
    case RecordType::Outcome: return rendered(decode_outcome(payload, version), format_);
    case RecordType::Cancel: return rendered(decode_cancel(payload, version), format_);
    case RecordType::SessionEnd: return rendered(decode_session_end(payload, version), format_);
    case RecordType::RuleSet: return rendered(decode_rule_set(payload, version), format_);
    case RecordType::Lost: return rendered(decode_lost(payload, version), format_);
    case RecordType::Recovery: return rendered(decode_recovery(payload, version), format_);
    case RecordType::Intent: {
      const auto v = decode_intent(payload, version);
      if (!v) return std::unexpected(v.error());
      return format_ == Format::JsonLines ? intent_json(*v) : intent_text(*v, record.header.session_seq);
    }
    case RecordType::Statement: {
      const auto v = decode_statement(payload, version);
      if (!v) return std::unexpected(v.error());
      statements_[v->statement_id] = {std::string(v->text), v->text_is_digest, v->cut, v->full_size, v->sha256};
      return std::string();
    }
  }
  return std::unexpected(RecordError::UnknownVersion);
}

Expected<std::optional<std::string>> Transcript::line(const LogRecord& record) {
  // Texts are written anew in each segment: what an older one said is not needed and not kept.
  if (record.segment != segment_) statements_.clear();
  segment_ = record.segment;
  const RecordHeader& h = record.header;
  const auto body = details(record);
  if (!body)
    return fail(
        fmt::format("lane {}, lsn {:x}, {}: {}", record.lane, record.lsn, name_of(h.type), explain(body.error())));
  if (h.type == RecordType::Statement) return std::optional<std::string>{};
  if (format_ == Format::JsonLines)
    return std::optional{
        fmt::format(R"({{"lane":{},"lsn":{},"session":"{}","seq":{},"time":"{}","recovered":{},"type":"{}"{}}})",
                    record.lane, record.lsn, to_string(h.session), h.session_seq, utc_time(h.time_unix_ns),
                    record.recovered, name_of(h.type), *body)};
  std::string_view word = name_of(h.type);
  if (h.type == RecordType::Intent) {
    const auto v = decode_intent(record.payload, h.version);
    word = v ? name_of(v->kind) : word;
  }
  return std::optional{
      fmt::format("{}  {:<14}  {}{}", utc_time(h.time_unix_ns), word, *body, record.recovered ? "  [recovered]" : "")};
}

}  // namespace sluice::audit
