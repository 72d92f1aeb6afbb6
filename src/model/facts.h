// What analysis says of one piece of SQL text. Syntactic: names as written (folded and unquoted),
// resolved against no catalog. Shared and immutable once made.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// What a statement, or any part nested in it, does. Names are what rules write in `kinds:`.
enum class StatementKind : uint8_t {
  Other,  ///< A statement our grammar knows and this list does not name; rules match it as `other`.
  Select, Insert, Update, Delete, Merge, Truncate,
  Drop, Alter, Create, Grant, Revoke, Comment,
  CopyIn, CopyOut, CopyFile, CopyProgram,
  Call, Do, Execute, Prepare, Deallocate, Declare, Fetch, Close,
  Explain, Show, Set, SetRole, Transaction, Listen, Notify, Unlisten,
  Vacuum, Analyze, Cluster, Reindex, Lock, Refresh, Checkpoint, Discard, Load, Reassign,
  Count_
};

/// The word for a kind in rules, logs and records ("copy-in"); and back.
[[nodiscard]] std::string_view name_of(StatementKind);
[[nodiscard]] std::optional<StatementKind> statement_kind(std::string_view name);

/// A set of kinds. Plain value.
class KindSet {
 public:
  constexpr void add(StatementKind k) { bits_ |= bit(k); }
  [[nodiscard]] constexpr bool has(StatementKind k) const { return (bits_ & bit(k)) != 0; }
  [[nodiscard]] constexpr bool intersects(KindSet other) const { return (bits_ & other.bits_) != 0; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  constexpr void add_all(KindSet other) { bits_ |= other.bits_; }
  [[nodiscard]] constexpr uint64_t bits() const { return bits_; }
  bool operator==(const KindSet&) const = default;

 private:
  static constexpr uint64_t bit(StatementKind k) { return uint64_t{1} << static_cast<uint8_t>(k); }
  static_assert(static_cast<uint8_t>(StatementKind::Count_) <= 64);
  uint64_t bits_ = 0;
};

/// A table, view or sequence named by a statement. Empty schema: written unqualified, so rules match
/// it in any schema. CTE names are resolved away and do not appear.
struct RelationUse {
  std::string schema;
  std::string name;
  bool read = false;
  bool write = false;
  bool operator==(const RelationUse&) const = default;
};

/// What the always-on guard refuses without any rule (everybody shares the target's role).
enum class Guard : uint8_t {
  None,
  OwnRole,               ///< PASSWORD, RENAME or SET on a role that may be the credential's own.
  SessionAuthorization,  ///< SET SESSION AUTHORIZATION (RESET of it is harmless and allowed).
  Replication,           ///< CREATE/ALTER/DROP SUBSCRIPTION, replication commands.
  LoopBack,              ///< dblink, postgres_fdw servers and mappings: a way back under another name.
  SessionControl,        ///< pg_terminate_backend, pg_cancel_backend: other people's sessions.
  SluiceSetting,         ///< SET sluice.*, set_config('sluice.…').
  PinnedSetting,         ///< client_encoding, standard_conforming_strings, and what would unpin them.
  StatisticsOfMasked,    ///< pg_stats, pg_statistic. Refused only where column masks are live.
};
[[nodiscard]] std::string_view explain(Guard);

struct Facts {
  /// False: the text did not parse. Then `parse_error` says why and nothing below is filled in.
  bool understood = false;
  std::string parse_error;          ///< The grammar's own message; for the client and the log.
  bool over_cap = false;            ///< A cap of ours stopped the reading, not the grammar.
  uint32_t parse_error_cursor = 0;  ///< 1-based byte position in the text; 0: unknown.

  uint32_t statement_count = 0;     ///< Statements in the text; 0 for an empty query.
  KindSet kinds;                    ///< Union over all statements and everything nested in them.
  bool where_absent = false;        ///< Some UPDATE or DELETE, at any depth, has no WHERE.
  bool limit_absent = false;        ///< Some top-level SELECT has no LIMIT/FETCH FIRST.
  bool opaque = false;              ///< Runs code whose text is not here (DECISIONS: DO, CALL, …).
  std::string opaque_because;       ///< E.g. "function app.charge"; empty unless opaque.
  Guard guard = Guard::None;
  std::string guard_detail;         ///< The name that tripped the guard; empty unless guarded.
  bool transaction_end_only = false;  ///< Every statement is COMMIT, ROLLBACK or ROLLBACK TO: never refused.
  bool leaves_read_only = false;      ///< Asks for transactions that may write, by SET, BEGIN or set_config().
  bool has_secret = false;          ///< Holds a password literal or option: see `text_to_record`.
  bool backslash_in_plain_literal = false;  ///< Read differently if standard_conforming_strings were off.

  std::vector<RelationUse> relations;
  std::vector<std::string> functions;  ///< Called functions, "schema.name" or "name", folded, unique.

  std::string canonical;            ///< Comments gone, case folded, literals as $n placeholders, one space.
  /// The text with password literals blanked, when has_secret; else empty (record the original).
  std::string text_to_record;
};

}  // namespace sluice
