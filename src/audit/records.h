// What each record holds and how it is read back. Payloads carry a version per type; a reader refuses
// one it does not know.
#pragma once
#include <optional>
#include <vector>

#include "audit/encoding.h"
#include "audit/format.h"
#include "audit/recorder.h"

namespace sluice::audit {

// Caps on what one record keeps. Text that a peer chose is cut at peer_text_max and marked as cut.
inline constexpr size_t peer_text_max = 1024;
inline constexpr size_t groups_text_max = 4096;
inline constexpr size_t rule_text_max = 256;
inline constexpr size_t alerts_text_max = 1024;
inline constexpr size_t tag_text_max = 64;
inline constexpr size_t sqlstate_text_max = 8;
inline constexpr size_t end_reason_max = 160;
inline constexpr size_t parameter_prefix_max = 4096;

inline constexpr size_t intent_payload_max_min = 160U << 10;

inline constexpr uint16_t payload_version = 1;

// Sizes that are reserved ahead.
inline constexpr size_t outcome_payload_max = 4 + 5 * 8 + 2 + tag_text_max + 2 + sqlstate_text_max + 8 + 8 + 32;
inline constexpr size_t session_end_payload_max = 8 + 8 + 4 + 2 + end_reason_max;
inline constexpr size_t outcome_record_max = record_size(outcome_payload_max);
inline constexpr size_t session_end_record_max = record_size(session_end_payload_max);

/// The text that Intents refer to.
struct Statement {
  uint64_t statement_id = 0;
  std::string_view text;
  bool text_is_digest = false;
};

/// A generation counts from 1 in each run of the gateway; the hash says which rules it was.
struct RuleSetRecord {
  uint64_t generation = 0;
  Digest hash{};
};

struct Lost {
  uint64_t from_lsn = 0;
  uint64_t to_lsn = 0;
  std::string_view what;
};

/// How the lane's last run ended, as the next start found it.
struct Recovery {
  uint64_t previous_end_lsn = 0;   ///< 0: the lane's first run.
  uint64_t recovered_records = 0;  ///< Taken over from the ring that survived.
  uint64_t torn_bytes = 0;         ///< Set aside from the end of the last segment file.
  uint64_t closed_sessions = 0;    ///< Sessions that got a session_end because nobody else wrote one.
  bool crashed = false;
  bool damaged = false;            ///< A block before the end was bad; see the Lost record.
};

// Encoding: payload_size(x) bytes are written at `at`, which the caller provides.

[[nodiscard]] size_t payload_size(const SessionStart&);
[[nodiscard]] size_t payload_size(const Authentication&);
[[nodiscard]] size_t payload_size(const Outcome&);
[[nodiscard]] size_t payload_size(const Cancel&);
[[nodiscard]] size_t payload_size(const SessionEnd&);
[[nodiscard]] size_t payload_size(const RuleSetRecord&);
[[nodiscard]] size_t payload_size(const Lost&);
[[nodiscard]] size_t payload_size(const Recovery&);
void encode(std::byte* at, const SessionStart&);
void encode(std::byte* at, const Authentication&);
void encode(std::byte* at, const Outcome&);
/// The least version that can say it.
[[nodiscard]] uint16_t version_of(const Outcome&);
void encode(std::byte* at, const Cancel&);
void encode(std::byte* at, const SessionEnd&);
void encode(std::byte* at, const RuleSetRecord&);
void encode(std::byte* at, const Lost&);
void encode(std::byte* at, const Recovery&);

/// A text longer than `text_max` is cut: the record then has its full length and SHA-256.
[[nodiscard]] size_t payload_size(const Statement&, size_t text_max);
void encode(std::byte* at, const Statement&, size_t text_max);

/// How much of an Intent's parameters is kept whole or as prefix + length + SHA-256, so that the
/// payload is at most `payload_max`; what comes after is counted and hashed together.
struct IntentPlan {
  size_t payload_size = 0;
  uint32_t parameters_kept = 0;
  std::string alerts;       ///< Their ids, comma-separated, and "+n" for those not kept.
  uint16_t version = 1;     ///< 2 where there are alerts or the verdict is Hold, which version 1 cannot say.
};
/// `payload_max` must be at least intent_payload_max_min: 65,535 formats and the fixed parts always fit.
[[nodiscard]] IntentPlan plan(const Intent&, size_t payload_max);
void encode(std::byte* at, const Intent&, const IntentPlan&);

enum class RecordError : uint8_t {
  TooShort,        ///< The payload ends before its fields do.
  TrailingBytes,   ///< Bytes are left after the last field.
  UnknownVersion,  ///< This payload version is not known here.
  BadValue,        ///< A field holds a value that means nothing.
};
[[nodiscard]] std::string_view explain(RecordError);

// Decoding. All views borrow from the payload.

struct SessionStartView {
  Text protocol, client_address, listener;
  bool client_tls = false;
};
struct AuthenticationView {
  bool success = false;
  Proof proof = Proof::None;
  Text claimed_user, subject, groups, target, database, upstream_user, application_name, failure;
};
struct StatementView {
  uint64_t statement_id = 0;
  bool text_is_digest = false;
  bool cut = false;
  std::string_view text;
  uint64_t full_size = 0;
  Digest sha256{};  ///< Of the whole text, only when cut.
};
struct ParameterView {
  bool null = false;
  bool cut = false;
  Bytes value;             ///< The whole, or its first bytes when cut.
  uint32_t full_size = 0;
  Digest sha256{};         ///< Of the whole value, only when cut.
};
struct IntentView {
  uint64_t statement_id = 0;
  uint64_t rule_generation = 0;
  IntentKind kind = IntentKind::Query;
  Verdict verdict = Verdict::Deny;
  Reason reason = Reason::NoDecision;
  Text name, rule;
  Text alerts;                    ///< Rules that only alert; comma-separated.
  uint32_t parameter_count = 0;   ///< As sent.
  uint32_t parameters_kept = 0;   ///< In `parameters`; fewer than sent only when they were too large together.
  uint64_t rest_size = 0;         ///< Bytes of the values that were not kept.
  Digest rest_sha256{};           ///< Over each such value's length (u32, little-endian; ~0 is NULL) and bytes.
  uint16_t format_count = 0;
  Bytes formats;
  Bytes parameters;
  /// `index` < format_count. 0 text, 1 binary, as Bind has it.
  [[nodiscard]] int16_t format(uint16_t index) const;
  /// Format of one parameter by Bind's rule: none means text, one means all.
  [[nodiscard]] bool binary(uint32_t parameter) const;
};
struct OutcomeView {
  Outcome value;  ///< Its views borrow from the payload.
  bool tag_cut = false;
};
struct CancelView {
  Text client_address;
  bool matched = false;
};
struct SessionEndView {
  Text reason;
  uint64_t bytes_from_client = 0;
  uint64_t bytes_to_client = 0;
};
struct LostView {
  uint64_t from_lsn = 0;
  uint64_t to_lsn = 0;
  Text what;
};

template <typename T>
using Decoded = Result<T, RecordError>;

[[nodiscard]] Decoded<SessionStartView> decode_session_start(Bytes payload, uint16_t version);
[[nodiscard]] Decoded<AuthenticationView> decode_authentication(Bytes payload, uint16_t version);
[[nodiscard]] Decoded<StatementView> decode_statement(Bytes payload, uint16_t version);
[[nodiscard]] Decoded<IntentView> decode_intent(Bytes payload, uint16_t version);
[[nodiscard]] Decoded<OutcomeView> decode_outcome(Bytes payload, uint16_t version);
[[nodiscard]] Decoded<CancelView> decode_cancel(Bytes payload, uint16_t version);
[[nodiscard]] Decoded<SessionEndView> decode_session_end(Bytes payload, uint16_t version);
[[nodiscard]] Decoded<RuleSetRecord> decode_rule_set(Bytes payload, uint16_t version);
[[nodiscard]] Decoded<LostView> decode_lost(Bytes payload, uint16_t version);
[[nodiscard]] Decoded<Recovery> decode_recovery(Bytes payload, uint16_t version);

/// Takes the next parameter off the front of `parameters`. nullopt: none is left. A view that
/// decode_intent() accepted never fails here.
[[nodiscard]] std::optional<ParameterView> next_parameter(Bytes& parameters);

/// The parameters of an intent, decoded; at most parameters_kept.
[[nodiscard]] std::vector<ParameterView> parameters_of(const IntentView&);

[[nodiscard]] std::string_view name_of(RecordType);
[[nodiscard]] std::string_view name_of(IntentKind);

}  // namespace sluice::audit
