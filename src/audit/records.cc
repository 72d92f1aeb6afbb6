#include "audit/records.h"

#include <openssl/evp.h>

#include <charconv>

namespace sluice::audit {
namespace {

constexpr uint32_t null_word = 0xFFFFFFFF;
constexpr uint32_t cut_bit = 0x80000000;
constexpr size_t cut_parameter_overhead = 4 + 4 + sizeof(Digest);
constexpr size_t rest_size = 4 + 8 + sizeof(Digest);
constexpr size_t intent_fixed_size = 8 + 8 + 4 + 4 + 4;

constexpr uint8_t statement_digest_flag = 1;
constexpr uint8_t statement_cut_flag = 2;
constexpr uint8_t intent_rest_flag = 1;
constexpr uint8_t intent_alerts_flag = 2;  // Since version 2 of its payload.
constexpr uint16_t intent_version_max = 2;
constexpr uint8_t outcome_success_flag = 1;
constexpr uint8_t outcome_from_client_flag = 2;
constexpr uint8_t outcome_alerted_flag = 4;  // Since version 2 of its payload.
constexpr uint16_t outcome_version_max = 2;

size_t stored_size(std::string_view parameter) {
  if (parameter.data() == nullptr) return 4;
  if (parameter.size() <= parameter_prefix_max) return 4 + parameter.size();
  return cut_parameter_overhead + parameter_prefix_max;
}

void encode_parameter(LeWriter& out, std::string_view parameter) {
  if (parameter.data() == nullptr) {
    out.put(null_word);
    return;
  }
  if (parameter.size() <= parameter_prefix_max) {
    out.put(static_cast<uint32_t>(parameter.size()));
    out.bytes(as_bytes(parameter));
    return;
  }
  out.put(static_cast<uint32_t>(parameter_prefix_max) | cut_bit);
  out.put(static_cast<uint32_t>(std::min<size_t>(parameter.size(), UINT32_MAX)));
  out.put(sha256(as_bytes(parameter)));
  out.bytes(as_bytes(parameter.substr(0, parameter_prefix_max)));
}

/// Counts and hashes the parameters that did not fit, so that they can still be proven later.
void encode_rest(LeWriter& out, std::span<const std::string_view> parameters) {
  uint64_t size = 0;
  Digest digest{};
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  SLUICE_ASSERT(context != nullptr && EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1);
  for (const std::string_view p : parameters) {
    const uint32_t word = p.data() == nullptr ? null_word : static_cast<uint32_t>(p.size());
    size += p.size();
    SLUICE_ASSERT(EVP_DigestUpdate(context, &word, sizeof word) == 1);
    SLUICE_ASSERT(EVP_DigestUpdate(context, p.data(), p.size()) == 1);
  }
  SLUICE_ASSERT(EVP_DigestFinal_ex(context, reinterpret_cast<unsigned char*>(digest.data()), nullptr) == 1);
  EVP_MD_CTX_free(context);
  out.put(size);
  out.put(digest);
}

std::optional<RecordError> finish(const LeReader& in) {
  if (!in.ok()) return RecordError::TooShort;
  if (!in.rest().empty()) return RecordError::TrailingBytes;
  return std::nullopt;
}

template <typename T>
Decoded<T> checked(const LeReader& in, T view) {
  if (const auto error = finish(in)) return std::unexpected(*error);
  return view;
}

}  // namespace

std::string to_string(const SessionId& id) {
  std::string text = hex_encode(id.bytes);
  for (const size_t at : {8, 13, 18, 23}) text.insert(at, 1, '-');
  return text;
}

std::string segment_name(uint64_t first_lsn) {
  std::array<std::byte, 8> bytes;
  for (size_t i = 0; i < 8; ++i) bytes[i] = std::byte(first_lsn >> (56 - 8 * i) & 0xFF);
  return hex_encode(bytes) + ".seg";
}

std::optional<uint64_t> segment_first_lsn(std::string_view name) {
  if (name.size() != 20 || !name.ends_with(".seg")) return std::nullopt;
  uint64_t lsn = 0;
  // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): the end is given, only not by size().
  const auto [end, error] = std::from_chars(name.data(), name.data() + 16, lsn, 16);
  if (error != std::errc{} || end != name.data() + 16 || segment_name(lsn) != name) return std::nullopt;
  return lsn;
}

std::string_view explain(RecordError error) {
  switch (error) {
    case RecordError::TooShort: return "the record ends before its fields do";
    case RecordError::TrailingBytes: return "the record is longer than its fields";
    case RecordError::UnknownVersion: return "the record has a version this program does not know";
    case RecordError::BadValue: return "a field of the record holds a value without a meaning";
  }
  return "unknown error";
}

std::string_view name_of(RecordType type) {
  switch (type) {
    case RecordType::SessionStart: return "session_start";
    case RecordType::Authentication: return "authentication";
    case RecordType::Statement: return "statement";
    case RecordType::Intent: return "intent";
    case RecordType::Outcome: return "outcome";
    case RecordType::Cancel: return "cancel";
    case RecordType::SessionEnd: return "session_end";
    case RecordType::RuleSet: return "rule_set";
    case RecordType::Lost: return "lost";
    case RecordType::Recovery: return "recovery";
  }
  return "unknown";
}

std::string_view name_of(IntentKind kind) {
  switch (kind) {
    case IntentKind::Query: return "query";
    case IntentKind::Parse: return "parse";
    case IntentKind::Bind: return "bind";
    case IntentKind::Execute: return "execute";
    case IntentKind::CopyData: return "copy-data";
    case IntentKind::FunctionCall: return "function-call";
  }
  return "unknown";
}

size_t payload_size(const SessionStart& r) {
  return 4 + text_size(r.protocol, peer_text_max) + text_size(r.client_address, peer_text_max) +
         text_size(r.listener, peer_text_max);
}
void encode(std::byte* at, const SessionStart& r) {
  LeWriter out(at);
  out.put(uint32_t{r.client_tls});
  out.text(r.protocol, peer_text_max);
  out.text(r.client_address, peer_text_max);
  out.text(r.listener, peer_text_max);
}
Decoded<SessionStartView> decode_session_start(Bytes payload, uint16_t version) {
  if (version != 1) return std::unexpected(RecordError::UnknownVersion);
  LeReader in(payload);
  SessionStartView v;
  const auto flags = in.get<uint32_t>();
  if (flags > 1) return std::unexpected(RecordError::BadValue);
  v.client_tls = flags == 1;
  v.protocol = in.text();
  v.client_address = in.text();
  v.listener = in.text();
  return checked(in, v);
}

size_t payload_size(const Authentication& r) {
  size_t size = 4 + text_size(r.groups, groups_text_max);
  for (const auto text :
       {r.claimed_user, r.subject, r.target, r.database, r.upstream_user, r.application_name, r.failure})
    size += text_size(text, peer_text_max);
  return size;
}
void encode(std::byte* at, const Authentication& r) {
  LeWriter out(at);
  out.put(uint8_t{r.success});
  out.put(static_cast<uint8_t>(r.proof));
  out.put(uint16_t{0});
  out.text(r.groups, groups_text_max);
  for (const auto text :
       {r.claimed_user, r.subject, r.target, r.database, r.upstream_user, r.application_name, r.failure})
    out.text(text, peer_text_max);
}
Decoded<AuthenticationView> decode_authentication(Bytes payload, uint16_t version) {
  if (version != 1) return std::unexpected(RecordError::UnknownVersion);
  LeReader in(payload);
  AuthenticationView v;
  const auto success = in.get<uint8_t>();
  const auto proof = in.get<uint8_t>();
  const auto zero = in.get<uint16_t>();
  if (success > 1 || proof > static_cast<uint8_t>(Proof::ClientCertificate) || zero != 0)
    return std::unexpected(RecordError::BadValue);
  v.success = success == 1;
  v.proof = static_cast<Proof>(proof);
  v.groups = in.text();
  for (Text* text : {&v.claimed_user, &v.subject, &v.target, &v.database, &v.upstream_user, &v.application_name,
                     &v.failure})
    *text = in.text();
  return checked(in, v);
}

size_t payload_size(const Statement& r, size_t text_max) {
  const bool cut = r.text.size() > text_max;
  return 8 + 4 + 8 + (cut ? sizeof(Digest) : 0) + std::min(r.text.size(), text_max);
}
void encode(std::byte* at, const Statement& r, size_t text_max) {
  const bool cut = r.text.size() > text_max;
  LeWriter out(at);
  out.put(r.statement_id);
  out.put(uint32_t{r.text_is_digest ? statement_digest_flag : uint8_t{0}} | (cut ? statement_cut_flag : 0U));
  out.put(uint64_t{r.text.size()});
  if (cut) out.put(sha256(as_bytes(r.text)));
  out.bytes(as_bytes(r.text.substr(0, text_max)));
}
Decoded<StatementView> decode_statement(Bytes payload, uint16_t version) {
  if (version != 1) return std::unexpected(RecordError::UnknownVersion);
  LeReader in(payload);
  StatementView v;
  v.statement_id = in.get<uint64_t>();
  const auto flags = in.get<uint32_t>();
  if (flags > (statement_digest_flag | statement_cut_flag)) return std::unexpected(RecordError::BadValue);
  v.text_is_digest = (flags & statement_digest_flag) != 0;
  v.cut = (flags & statement_cut_flag) != 0;
  v.full_size = in.get<uint64_t>();
  if (v.cut) v.sha256 = in.get<Digest>();
  if (!in.ok()) return std::unexpected(RecordError::TooShort);
  v.text = as_text(in.rest());
  if (v.cut ? v.full_size <= v.text.size() : v.full_size != v.text.size())
    return std::unexpected(RecordError::BadValue);
  return v;
}

namespace {

std::string text_of(const Alerts& alerts) {
  std::string text;
  const size_t kept = std::min<size_t>(alerts.count, Alerts::kept_max);
  for (size_t i = 0; i < kept; ++i) {
    if (i > 0) text += ',';
    text += alerts.rules[i];
  }
  if (alerts.count > kept) text += ",+" + std::to_string(alerts.count - kept);
  return text;
}

}  // namespace

IntentPlan plan(const Intent& r, size_t payload_max) {
  // Bind and FunctionCall count both in 16 bits, so more cannot have been framed.
  SLUICE_ASSERT(r.parameters.size() <= UINT16_MAX && r.parameter_formats.size() <= UINT16_MAX);
  IntentPlan p;
  p.payload_size =
      intent_fixed_size + text_size(r.name, peer_text_max) + text_size(r.rule, rule_text_max);
  if (r.verdict == Verdict::Hold || r.alerts.count > 0) p.version = intent_version_max;
  if (r.alerts.count > 0) {
    p.alerts = text_of(r.alerts);
    p.payload_size += text_size(p.alerts, alerts_text_max);
  }
  p.payload_size += sizeof(int16_t) * r.parameter_formats.size();
  SLUICE_ASSERT(p.payload_size + rest_size <= payload_max);
  size_t all = p.payload_size;
  for (const auto parameter : r.parameters) all += stored_size(parameter);
  if (all <= payload_max) {
    p.payload_size = all;
    p.parameters_kept = static_cast<uint32_t>(r.parameters.size());
    return p;
  }
  p.payload_size += rest_size;
  for (const auto parameter : r.parameters) {
    const size_t size = stored_size(parameter);
    if (p.payload_size + size > payload_max) break;
    p.payload_size += size;
    p.parameters_kept += 1;
  }
  return p;
}

void encode(std::byte* at, const Intent& r, const IntentPlan& p) {
  const bool rest = p.parameters_kept < r.parameters.size();
  LeWriter out(at);
  out.put(r.statement_id);
  out.put(r.rule_generation);
  out.put(static_cast<uint8_t>(r.kind));
  out.put(static_cast<uint8_t>(r.verdict));
  out.put(static_cast<uint8_t>(r.reason));
  out.put(static_cast<uint8_t>((rest ? intent_rest_flag : 0) | (p.alerts.empty() ? 0 : intent_alerts_flag)));
  out.put(static_cast<uint32_t>(r.parameters.size()));
  out.put(static_cast<uint32_t>(r.parameter_formats.size()));
  out.text(r.name, peer_text_max);
  out.text(r.rule, rule_text_max);
  if (!p.alerts.empty()) out.text(p.alerts, alerts_text_max);
  for (const int16_t format : r.parameter_formats) out.put(format);
  if (rest) {
    out.put(p.parameters_kept);
    encode_rest(out, r.parameters.subspan(p.parameters_kept));
  }
  for (const auto parameter : r.parameters.first(p.parameters_kept)) encode_parameter(out, parameter);
  SLUICE_ASSERT(out.at() == at + p.payload_size);
}

std::optional<ParameterView> next_parameter(Bytes& parameters) {
  LeReader in(parameters);
  ParameterView v;
  const auto word = in.get<uint32_t>();
  if (word == null_word) {
    v.null = true;
  } else if ((word & cut_bit) != 0) {
    v.cut = true;
    v.full_size = in.get<uint32_t>();
    v.sha256 = in.get<Digest>();
    v.value = in.bytes(word & ~cut_bit);
    if (v.full_size <= v.value.size()) return std::nullopt;
  } else {
    v.value = in.bytes(word);
    v.full_size = word;
  }
  if (!in.ok()) return std::nullopt;
  parameters = in.rest();
  return v;
}

Decoded<IntentView> decode_intent(Bytes payload, uint16_t version) {
  if (version == 0 || version > intent_version_max) return std::unexpected(RecordError::UnknownVersion);
  const auto verdict_max = static_cast<uint8_t>(version == 1 ? Verdict::Allow : Verdict::Hold);
  const uint8_t known_flags = version == 1 ? intent_rest_flag : intent_rest_flag | intent_alerts_flag;
  LeReader in(payload);
  IntentView v;
  v.statement_id = in.get<uint64_t>();
  v.rule_generation = in.get<uint64_t>();
  const auto kind = in.get<uint8_t>();
  const auto verdict = in.get<uint8_t>();
  const auto reason = in.get<uint8_t>();
  const auto flags = in.get<uint8_t>();
  v.parameter_count = in.get<uint32_t>();
  const auto format_count = in.get<uint32_t>();
  if (kind > static_cast<uint8_t>(IntentKind::FunctionCall) || verdict > verdict_max ||
      reason >= static_cast<uint8_t>(Reason::Count_) || (flags & ~known_flags) != 0 ||
      v.parameter_count > UINT16_MAX || format_count > UINT16_MAX)
    return std::unexpected(RecordError::BadValue);
  v.kind = static_cast<IntentKind>(kind);
  v.verdict = static_cast<Verdict>(verdict);
  v.reason = static_cast<Reason>(reason);
  v.format_count = static_cast<uint16_t>(format_count);
  v.name = in.text();
  v.rule = in.text();
  if ((flags & intent_alerts_flag) != 0) v.alerts = in.text();
  v.formats = in.bytes(2 * size_t{v.format_count});
  v.parameters_kept = v.parameter_count;
  if ((flags & intent_rest_flag) != 0) {
    v.parameters_kept = in.get<uint32_t>();
    v.rest_size = in.get<uint64_t>();
    v.rest_sha256 = in.get<Digest>();
    if (v.parameters_kept >= v.parameter_count) return std::unexpected(RecordError::BadValue);
  }
  if (!in.ok()) return std::unexpected(RecordError::TooShort);
  v.parameters = in.rest();
  Bytes left = v.parameters;
  for (uint32_t i = 0; i < v.parameters_kept; ++i)
    if (!next_parameter(left)) return std::unexpected(RecordError::TooShort);
  if (!left.empty()) return std::unexpected(RecordError::TrailingBytes);
  return v;
}

int16_t IntentView::format(uint16_t index) const {
  SLUICE_ASSERT(index < format_count);
  int16_t value = 0;
  std::memcpy(&value, formats.data() + 2 * size_t{index}, sizeof value);
  return value;
}

bool IntentView::binary(uint32_t parameter) const {
  if (format_count == 0) return false;
  if (format_count == 1) return format(0) == 1;
  return parameter < format_count && format(static_cast<uint16_t>(parameter)) == 1;
}

std::vector<ParameterView> parameters_of(const IntentView& intent) {
  std::vector<ParameterView> out;
  out.reserve(intent.parameters_kept);
  Bytes left = intent.parameters;
  while (out.size() < intent.parameters_kept) {
    const auto parameter = next_parameter(left);
    if (!parameter) break;
    out.push_back(*parameter);
  }
  return out;
}

size_t payload_size(const Outcome& r) {
  const bool from_client = r.bytes_from_client != 0;
  return 4 + 5 * 8 + text_size(r.tag, tag_text_max) + text_size(r.sqlstate, sqlstate_text_max) +
         (from_client ? 8 + sizeof(Digest) : 0) + (r.alerted_values != 0 ? 8 : 0);
}
uint16_t version_of(const Outcome& r) { return r.alerted_values != 0 ? outcome_version_max : 1; }
void encode(std::byte* at, const Outcome& r) {
  const bool from_client = r.bytes_from_client != 0;
  LeWriter out(at);
  out.put(uint32_t{r.success ? outcome_success_flag : uint8_t{0}} | (from_client ? outcome_from_client_flag : 0U) |
          (r.alerted_values != 0 ? outcome_alerted_flag : 0U));
  for (const uint64_t v : {r.intent_seq, r.rows, r.bytes_to_client, r.masked_cells, r.duration_ns}) out.put(v);
  out.text(r.tag, tag_text_max);
  out.text(r.sqlstate, sqlstate_text_max);
  if (r.alerted_values != 0) out.put(r.alerted_values);
  if (!from_client) return;
  out.put(r.bytes_from_client);
  out.put(r.from_client_sha256);
}
Decoded<OutcomeView> decode_outcome(Bytes payload, uint16_t version) {
  if (version == 0 || version > outcome_version_max) return std::unexpected(RecordError::UnknownVersion);
  LeReader in(payload);
  OutcomeView v;
  const auto flags = in.get<uint32_t>();
  const uint32_t known = outcome_success_flag | outcome_from_client_flag | (version == 1 ? 0U : outcome_alerted_flag);
  if ((flags & ~known) != 0) return std::unexpected(RecordError::BadValue);
  v.value.success = (flags & outcome_success_flag) != 0;
  for (uint64_t* field : {&v.value.intent_seq, &v.value.rows, &v.value.bytes_to_client, &v.value.masked_cells,
                          &v.value.duration_ns})
    *field = in.get<uint64_t>();
  const Text tag = in.text();
  v.value.tag = tag.value;
  v.tag_cut = tag.cut;
  v.value.sqlstate = in.text().value;
  if ((flags & outcome_alerted_flag) != 0) v.value.alerted_values = in.get<uint64_t>();
  if ((flags & outcome_from_client_flag) != 0) {
    v.value.bytes_from_client = in.get<uint64_t>();
    v.value.from_client_sha256 = in.get<Digest>();
  }
  return checked(in, v);
}

size_t payload_size(const Cancel& r) { return 4 + text_size(r.client_address, peer_text_max); }
void encode(std::byte* at, const Cancel& r) {
  LeWriter out(at);
  out.put(uint32_t{r.matched});
  out.text(r.client_address, peer_text_max);
}
Decoded<CancelView> decode_cancel(Bytes payload, uint16_t version) {
  if (version != 1) return std::unexpected(RecordError::UnknownVersion);
  LeReader in(payload);
  CancelView v;
  const auto flags = in.get<uint32_t>();
  if (flags > 1) return std::unexpected(RecordError::BadValue);
  v.matched = flags == 1;
  v.client_address = in.text();
  return checked(in, v);
}

size_t payload_size(const SessionEnd& r) { return 8 + 8 + 4 + text_size(r.reason, end_reason_max); }
void encode(std::byte* at, const SessionEnd& r) {
  LeWriter out(at);
  out.put(r.bytes_from_client);
  out.put(r.bytes_to_client);
  out.put(uint32_t{0});
  out.text(r.reason, end_reason_max);
}
Decoded<SessionEndView> decode_session_end(Bytes payload, uint16_t version) {
  if (version != 1) return std::unexpected(RecordError::UnknownVersion);
  LeReader in(payload);
  SessionEndView v;
  v.bytes_from_client = in.get<uint64_t>();
  v.bytes_to_client = in.get<uint64_t>();
  if (in.get<uint32_t>() != 0) return std::unexpected(RecordError::BadValue);
  v.reason = in.text();
  return checked(in, v);
}

size_t payload_size(const RuleSetRecord&) { return 8 + sizeof(Digest); }
void encode(std::byte* at, const RuleSetRecord& r) {
  LeWriter out(at);
  out.put(r.generation);
  out.put(r.hash);
}
Decoded<RuleSetRecord> decode_rule_set(Bytes payload, uint16_t version) {
  if (version != 1) return std::unexpected(RecordError::UnknownVersion);
  LeReader in(payload);
  RuleSetRecord v;
  v.generation = in.get<uint64_t>();
  v.hash = in.get<Digest>();
  return checked(in, v);
}

size_t payload_size(const Lost& r) { return 8 + 8 + text_size(r.what, peer_text_max); }
void encode(std::byte* at, const Lost& r) {
  LeWriter out(at);
  out.put(r.from_lsn);
  out.put(r.to_lsn);
  out.text(r.what, peer_text_max);
}
Decoded<LostView> decode_lost(Bytes payload, uint16_t version) {
  if (version != 1) return std::unexpected(RecordError::UnknownVersion);
  LeReader in(payload);
  LostView v;
  v.from_lsn = in.get<uint64_t>();
  v.to_lsn = in.get<uint64_t>();
  v.what = in.text();
  return checked(in, v);
}

size_t payload_size(const Recovery&) { return 4 + 4 * 8; }
void encode(std::byte* at, const Recovery& r) {
  LeWriter out(at);
  out.put(uint32_t{r.crashed} | (r.damaged ? 2U : 0U));
  for (const uint64_t v : {r.previous_end_lsn, r.recovered_records, r.torn_bytes, r.closed_sessions}) out.put(v);
}
Decoded<Recovery> decode_recovery(Bytes payload, uint16_t version) {
  if (version != 1) return std::unexpected(RecordError::UnknownVersion);
  LeReader in(payload);
  Recovery v;
  const auto flags = in.get<uint32_t>();
  if (flags > 3) return std::unexpected(RecordError::BadValue);
  v.crashed = (flags & 1) != 0;
  v.damaged = (flags & 2) != 0;
  for (uint64_t* field : {&v.previous_end_lsn, &v.recovered_records, &v.torn_bytes, &v.closed_sessions})
    *field = in.get<uint64_t>();
  return checked(in, v);
}

}  // namespace sluice::audit
