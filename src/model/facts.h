// What analysis says of one piece of SQL text. Syntactic: names as written (folded and unquoted),
// resolved against no catalog. Shared and immutable once made.
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
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

/// What a statement does with a column. A value may be used in several ways at once.
enum class ColumnUse : uint8_t {
  Output,     ///< Its value, or one made of it, goes to the client or into another column.
  Predicate,  ///< It decides which rows are seen or changed: WHERE, HAVING, ON, USING, LIMIT, WHEN, CASE WHEN.
  Grouping,   ///< GROUP BY, DISTINCT, PARTITION BY, and what UNION compares.
  Ordering,   ///< ORDER BY.
  Assigned,   ///< It is given a value.
  Count_
};
/// The word for a use in rules ("predicate"); and back.
[[nodiscard]] std::string_view name_of(ColumnUse);
[[nodiscard]] std::optional<ColumnUse> column_use(std::string_view name);

/// A set of uses. Plain value.
class ColumnUses {
 public:
  constexpr ColumnUses() = default;
  constexpr ColumnUses(std::initializer_list<ColumnUse> uses) {
    for (const ColumnUse use : uses) bits_ = static_cast<uint8_t>(bits_ | bit(use));
  }
  constexpr void add_all(ColumnUses other) { bits_ = static_cast<uint8_t>(bits_ | other.bits_); }
  [[nodiscard]] constexpr bool has(ColumnUse use) const { return (bits_ & bit(use)) != 0; }
  [[nodiscard]] constexpr bool intersects(ColumnUses other) const { return (bits_ & other.bits_) != 0; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  bool operator==(const ColumnUses&) const = default;

 private:
  static constexpr uint8_t bit(ColumnUse use) { return static_cast<uint8_t>(1U << static_cast<uint8_t>(use)); }
  uint8_t bits_ = 0;
};

/// A column that a statement names, followed through aliases, derived tables and WITH to the relation it
/// comes from. Where several relations could have it and only a catalog could tell, the table is empty:
/// it may be any of the statement's relations. The name `*` stands for every column of the table.
struct ColumnReference {
  std::string schema;  ///< As the relation was written; empty matches any schema.
  std::string table;
  std::string name;
  ColumnUses uses;
  bool operator==(const ColumnReference&) const = default;
};

/// More distinct columns than this in one text: none are listed and `columns_unknown` is set.
inline constexpr size_t columns_max = 512;
/// More bytes of decoded literals than this: the rest is left out and `literals_cut` is set.
inline constexpr size_t literals_size_max = size_t{64} << 10;
/// Stands between two literals in Facts::literals.
inline constexpr char literal_separator = '\x1e';

/// What a called function of PostgreSQL or its shipped extensions can reach beyond the rows it is given.
/// Names are what rules write behind `class:`.
enum class FunctionClass : uint8_t {
  ServerFiles,           ///< Reads, lists or writes files of the server's machine.
  ServerPrograms,        ///< Starts programs there, or loads code into the server.
  RunsSqlText,           ///< Runs a query that it is handed as text.
  Network,               ///< Opens connections from the server.
  SessionControl,        ///< Ends or disturbs other sessions.
  OtherSessions,         ///< Shows what other sessions do.
  LargeObjects,          ///< Data that no relation of the statement names.
  ServerAdministration,  ///< Log files, WAL, backups, restore points, promotion.
  Replication,           ///< Slots, origins, decoding of changes.
  Settings,              ///< Changes settings.
  Sleep,                 ///< Only passes time.
  AdvisoryLocks,         ///< Locks that only the callers give a meaning to.
  Notifications,         ///< Sends messages to other sessions.
  Sequences,             ///< Changes the state of a sequence.
  StoragePages,          ///< Shows or changes stored pages past all permissions on rows.
  CatalogInternals,      ///< For upgrades and initdb: changes the catalog behind its own back.
  Count_
};
[[nodiscard]] std::string_view name_of(FunctionClass);
/// The class that a rule calls by this name ("server-files"). Which class a function is in: rules/sql/names.h.
[[nodiscard]] std::optional<FunctionClass> function_class(std::string_view name);

/// A set of classes. Plain value.
class FunctionClassSet {
 public:
  constexpr void add(FunctionClass c) { bits_ |= bit(c); }
  [[nodiscard]] constexpr bool has(FunctionClass c) const { return (bits_ & bit(c)) != 0; }
  [[nodiscard]] constexpr bool intersects(FunctionClassSet other) const { return (bits_ & other.bits_) != 0; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  bool operator==(const FunctionClassSet&) const = default;

 private:
  static constexpr uint32_t bit(FunctionClass c) { return uint32_t{1} << static_cast<uint8_t>(c); }
  static_assert(static_cast<uint8_t>(FunctionClass::Count_) <= 32);
  uint32_t bits_ = 0;
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

/// How one COPY … TO STDOUT writes its rows, and of what.
struct CopyOut {
  enum class Format : uint8_t {
    Unknown,  ///< Binary, another encoding than UTF-8, an option unknown here, or a value that it cannot have.
    Text,
    Csv,
  };
  Format format = Format::Unknown;
  bool header = false;       ///< The first row has the columns' names.
  char delimiter = '\t';
  char quote = '"';          ///< CSV: a value is quoted by it ...
  char escape = '"';         ///< ... and in it, this stands before a quote or itself.
  std::string null_text;     ///< What stands for NULL.
  std::string schema;        ///< Of the relation; as in RelationUse.
  std::string relation;      ///< Empty: the rows are those of a query.
  std::vector<std::string> columns;  ///< As listed behind the relation; empty: all that are stored.
  bool operator==(const CopyOut&) const = default;
};

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

  FunctionClassSet function_classes;   ///< Of all of them.

  std::vector<CopyOut> copies_out;     ///< One for each COPY TO STDOUT, in the order they run.

  std::vector<ColumnReference> columns;  ///< Sorted by schema, table and name; each once.
  bool columns_unknown = false;          ///< Too many to list: any column may be used in any way.

  /// The values of the text's string literals in order, escapes decoded, each but the first behind a
  /// literal_separator. For matching only: may hold secrets, so it is never logged or recorded.
  std::string literals;
  /// Some or all literals are missing above: a rule that reads them must take the worst for granted.
  bool literals_cut = false;
  /// A text that differs from this one in the values of its literals alone has the same facts, apart
  /// from `literals`. See FactsCache.
  bool literal_independent = false;

  std::string canonical;            ///< Comments gone, case folded, literals as $n placeholders, one space.
  /// The text with password literals blanked, when has_secret; else empty (record the original).
  std::string text_to_record;
};

}  // namespace sluice
