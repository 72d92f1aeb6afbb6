// The producer's side of the audit log: a lane writes records into its own memory-mapped ring, which
// survives the process. One Recorder a lane, used by that lane's thread only.
//
// Audit first (promise 3): intent() must have returned true before the bytes it speaks of go to the
// target. There is no drop mode: false means the ring is full, and traffic waits.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/error.h"
#include "model/principal.h"
#include "model/verdict.h"

namespace sluice::audit {

/// 16 random-looking bytes: unique across lanes, processes and machines. Text form: UUID.
struct SessionId {
  std::array<std::byte, 16> bytes{};
  bool operator==(const SessionId&) const = default;
};
[[nodiscard]] std::string to_string(const SessionId&);

struct SessionStart {
  std::string_view protocol;         ///< "postgres".
  std::string_view client_address;   ///< "192.0.2.7:51514"; the PROXY header's where one was sent.
  std::string_view listener;         ///< "0.0.0.0:6432".
  bool client_tls = false;
};

/// Written for success and failure; a failed login ends with SessionEnd as well.
struct Authentication {
  bool success = false;
  std::string_view claimed_user;     ///< As the client said it; untrusted text.
  std::string_view subject;          ///< Proven; empty on failure.
  std::string_view groups;           ///< Comma-separated.
  Proof proof = Proof::None;
  std::string_view target;
  std::string_view database;
  std::string_view upstream_user;
  std::string_view application_name; ///< Untrusted text.
  std::string_view failure;          ///< Why not; empty on success.
};

enum class IntentKind : uint8_t { Query, Parse, Bind, Execute, CopyData, FunctionCall };

/// One judged message. The text is written once a segment and referred to by `statement_id`.
struct Intent {
  IntentKind kind = IntentKind::Query;
  uint64_t statement_id = 0;         ///< Unique in the session; the same for every use of a prepared text.
  std::string_view text;             ///< Always given; the recorder emits it when this segment lacks it.
  bool text_is_digest = false;       ///< `text` is a description (hash and length) standing for unparsed text.
  std::string_view name;             ///< Statement or portal name.
  std::span<const std::string_view> parameters;  ///< Values; data()==nullptr is NULL. Over 4 KiB: prefix, length, SHA-256.
  std::span<const int16_t> parameter_formats;    ///< As Bind has them: 0, 1 or one each.
  Verdict verdict = Verdict::Deny;
  Reason reason = Reason::NoDecision;
  std::string_view rule;
  uint64_t rule_generation = 0;
  Alerts alerts{};                   ///< Rules that matched and only alert.
  const Digest* rule_set_hash = nullptr;  ///< Of that generation; written once a segment. Null: not known.
};

struct Outcome {
  uint64_t intent_seq = 0;           ///< session_seq of the intent it belongs to.
  bool success = false;
  std::string_view tag;              ///< CommandComplete's, e.g. "SELECT 3"; empty on failure.
  std::string_view sqlstate;         ///< Empty on success.
  uint64_t rows = 0;
  uint64_t bytes_to_client = 0;
  uint64_t masked_cells = 0;
  uint64_t alerted_values = 0;       ///< Found by rules that only alert.
  uint64_t bytes_from_client = 0;    ///< COPY data that followed under this intent.
  Digest from_client_sha256{};       ///< Of those bytes; zero where there were none.
  uint64_t duration_ns = 0;
};

struct Cancel {
  std::string_view client_address;
  bool matched = false;              ///< The key named this session.
};

struct SessionEnd {
  std::string_view reason;           ///< "client terminated", "idle timeout", "protocol violation: …".
  uint64_t bytes_from_client = 0;
  uint64_t bytes_to_client = 0;
};

/// The running sequence number of a session's records: the session owns it, the recorder advances it.
struct SessionCursor {
  SessionId id;
  uint64_t seq = 0;                  ///< Of the last record written; 0 before the first.
  uint64_t rules_told = 0;           ///< The generation whose hash this session's records last said ...
  uint64_t rules_told_in = 0;        ///< ... and where that segment ends. For the recorder alone.
};

class Recorder {
 public:
  virtual ~Recorder() = default;
  [[nodiscard]] virtual bool session_start(SessionCursor&, const SessionStart&, int64_t unix_ns) = 0;
  [[nodiscard]] virtual bool authentication(SessionCursor&, const Authentication&, int64_t unix_ns) = 0;
  /// True: recorded; cursor.seq is the intent's number, and room for its outcome is reserved.
  [[nodiscard]] virtual bool intent(SessionCursor&, const Intent&, int64_t unix_ns) = 0;
  /// Never fails: its room was reserved by the intent (one outcome for each intent).
  virtual void outcome(SessionCursor&, const Outcome&, int64_t unix_ns) = 0;
  [[nodiscard]] virtual bool cancel(SessionCursor&, const Cancel&, int64_t unix_ns) = 0;
  /// Room is reserved by session_start.
  virtual void session_end(SessionCursor&, const SessionEnd&, int64_t unix_ns) = 0;

  /// Position after the last committed record, and how far is safely on disk (for `durability: group`).
  [[nodiscard]] virtual uint64_t committed() const = 0;
  [[nodiscard]] virtual uint64_t durable() const = 0;
  /// Asks the drainer to make everything committed durable; its wake-up calls the lane's doorbell.
  virtual void request_sync() = 0;
  /// 0..1: how full the ring is. For metrics and back-pressure.
  [[nodiscard]] virtual double fill() const = 0;
  /// The drainer met an error it cannot pass: stop traffic (fail modes).
  [[nodiscard]] virtual bool failed() const = 0;
};

}  // namespace sluice::audit
