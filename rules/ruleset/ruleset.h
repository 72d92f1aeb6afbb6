// The compiled rule set as the data path sees it: judge a statement, plan the masks of a result.
// A RuleSet is immutable; lanes share it by pointer. Compile-time parts are in rules/compile.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/crypto.h"
#include "model/catalog.h"
#include "model/facts.h"
#include "model/principal.h"
#include "model/result_shape.h"
#include "model/verdict.h"
#include "rules/detect/forms.h"
#include "rules/mask/mask_spec.h"
#include "rules/ruleset/who.h"

namespace sluice::rules {

class RuleSet;          // The snapshot.
struct CompiledRuleSet; // Its insides (ruleset_data.h): for rules/compile and this folder only.

/// Memory for one lane's pattern and detector scans. Never shared between threads.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  /// Grows the scratch for a rule set before it is used. Call off the data path.
  void prepare(const RuleSet&);

 private:
  friend class RuleSet;
  friend class BoundRules;
  friend class ResultMasker;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

enum class CellAction : uint8_t {
  Pass,   ///< Not looked at: no live detector can match this type.
  Scan,   ///< Detectors look at the value; a hit is masked where it stands.
  Mask,   ///< A column rule: the whole value goes through `spec`.
  Null,   ///< Sent as NULL: nothing else fits the type, or no origin is known.
};

struct ColumnPlan {
  CellAction action = CellAction::Null;  ///< Zero-initialised memory must never pass a value.
  MaskSpec spec;                         ///< For Mask.
  uint32_t type_oid = 0;
  bool binary = false;
  std::string_view rule;                 ///< Why; borrowed from the rule set.
  uint16_t search = 0;                   ///< For Scan: an index into the plan's searches.
  uint32_t characters_max = 0;           ///< What is longer after masking is sent as NULL; 0: no limit.
};

/// Searches of one result, and with them batches of cells: columns beyond share the last.
inline constexpr size_t searches_max = 8;

/// One result's masks, bound before its first row leaves. Belongs to the portal.
struct MaskPlan {
  std::vector<ColumnPlan> columns;
  /// What detectors look for, by the context that columns' names give; the first has none. Empty: no name
  /// gives any.
  std::vector<Search> searches;
  bool passes_all = false;  ///< Every column is Pass: rows may be forwarded unseen.
};

/// One COPY's masks, bound before its first row leaves.
struct CopyPlan {
  MaskPlan plan;
  std::vector<std::string> names;  ///< Of the columns, as its header has to have them; empty: not known.
};

/// A rule on statements that matches. `rule` borrows from the rule set.
struct RuleMatch {
  std::string_view rule;
  Verdict verdict = Verdict::Deny;
  bool alert = false;    ///< Only says so.
  bool decides = false;  ///< The decision is this rule's.
};

/// Why a text is judged as it is.
struct Explanation {
  Decision decision;               ///< What judge() says.
  std::vector<RuleMatch> matches;  ///< In the order of the rules, those that others overrule as well.
};

/// The rules that speak of one (target, caller). Resolved at login, at a new generation and when a time
/// window opens or closes; holds a reference to its RuleSet. Const and thread-compatible.
class BoundRules {
 public:
  /// Judges one text; `raw` is what patterns on raw text see. Deny beats hold beats allow whatever the
  /// order of rules; then the target's default. Rules that only alert are in `alerts` and change nothing.
  /// The always-on guard is included. `facts.understood` must hold.
  [[nodiscard]] Decision judge(const Facts& facts, std::string_view raw, Scratch& scratch) const;

  /// As judge(), with every rule that matches, even where the guard decides. For tools, not for a lane.
  [[nodiscard]] Explanation explain(const Facts& facts, std::string_view raw, Scratch& scratch) const;

  /// From this second on bind again: a time window of some rule opens or closes. INT64_MAX: never.
  [[nodiscard]] int64_t valid_until_unix_s() const { return valid_until_unix_s_; }
  /// Unlike that of any other BoundRules of this process; never 0.
  [[nodiscard]] uint64_t id() const { return id_; }
  /// Some rule wants the session at the target to be in read-only transactions.
  [[nodiscard]] bool read_only_session() const { return read_only_rule_ != no_rule; }
  /// Some rule reads literals or raw text, so texts that differ in them alone may be judged otherwise.
  [[nodiscard]] bool reads_literals() const { return patterns_[1] || patterns_[2] || column_masks_; }

  /// Some value or column mask may apply to this principal's results.
  /// Or be counted by a rule that only alerts.
  [[nodiscard]] bool masks_live() const { return !value_types_.empty() || column_masks_; }
  /// Some value or column mask changes results; else what is live only alerts.
  [[nodiscard]] bool changes_results() const { return value_masks_ || column_masks_; }
  /// Planning knows more with a catalog: some rule binds to columns, or to values by their column's name.
  [[nodiscard]] bool wants_catalog() const;
  [[nodiscard]] bool column_masks_live() const { return column_masks_; }

  /// May this text read a relation under a column mask (by name, through the catalog's views and
  /// partitions, or because it is opaque)? FETCH and EXECUTE name no relation: what they read was said
  /// by the text that declared or prepared it, so the session remembers (see plan()).
  [[nodiscard]] bool reads_masked(const Facts& facts, const Catalog* catalog) const;

  /// A statement whose masks cannot be carried at all: COPY TO STDOUT of a query that reads a masked relation or in a format
  /// that is not read, EXPLAIN of a masked relation, pg_stats, a write that takes masked rows elsewhere, ALTER of a masked
  /// relation, code of the caller's own ...; one that would tell the values of a masked column by comparing it, unless
  /// its rule says `inference: allow`; one that writes a mask's text back. Allow: nothing against it.
  [[nodiscard]] Decision judge_masks(const Facts& facts, const Catalog* catalog) const;

  /// Some rule by column only alerts: add_alerts() may add some.
  [[nodiscard]] bool alerts_of_columns() const { return !alert_columns_.empty(); }
  /// Adds the rules by column that would mask what this text shows.
  void add_alerts(const Facts& facts, const Catalog* catalog, Alerts& alerts) const;

  /// Do `values` (parameters of a Bind, in any format) write the text of a mask into a masked column?
  [[nodiscard]] Decision judge_written(const Facts& facts, std::span<const std::string_view> values,
                                       const Catalog* catalog) const;
  /// The same for values that are not looked at: refused where they go into a masked column.
  [[nodiscard]] Decision judge_unseen(const Facts& facts, const Catalog* catalog) const;

  /// Plans one result. `tainted`: reads_masked() of the statement, or of the session for FETCH and
  /// EXECUTE. Without a catalog every column under live column rules is planned Null when tainted.
  [[nodiscard]] MaskPlan plan(const ResultShape& shape, bool tainted, const Catalog* catalog) const;

  /// Plans one COPY TO STDOUT of `facts`, in the text or CSV format. Its rows come without origins: the columns are
  /// those of the relation that its name stands for in the catalog. Where that is not known, all are Null when the text
  /// reads something under a column mask, else they are scanned in the context of whatever the text names.
  [[nodiscard]] CopyPlan plan_copy(const Facts& facts, const CopyOut& copy, size_t columns, const Catalog* catalog) const;

  /// The data types that are looked for in this principal's results.
  [[nodiscard]] TypeSet value_types() const { return value_types_; }

  [[nodiscard]] const RuleSet& rule_set() const { return *set_; }

 private:
  friend class RuleSet;
  friend class ResultMasker;
  friend std::string mask_text(const BoundRules&, Scratch&, std::string_view);
  [[nodiscard]] bool bound(uint32_t rule) const;
  /// Leaves the indexes of the statement rules that match in `scratch`.
  void find_matches(const Facts& facts, std::string_view raw, Scratch& scratch) const;
  [[nodiscard]] bool under_mask(const RelationUse& use, const Catalog* catalog) const;
  [[nodiscard]] bool reads_masked_columns(const Facts& facts, const Catalog& catalog) const;
  [[nodiscard]] bool compares_masked(const Facts& facts, const Catalog& catalog) const;
  /// visit(ColumnReference, Rule) for each column of the text that may be under a mask of `rules`, until
  /// it says true.
  template <typename Visit>
  [[nodiscard]] bool any_masked_column(const Facts& facts, const Catalog& catalog, const std::vector<uint32_t>& rules,
                                       Visit visit) const;
  [[nodiscard]] ColumnPlan plan_column(const ResultColumn& column, bool tainted, const Catalog* catalog) const;
  [[nodiscard]] TypeSet context_of(const ResultColumn& column, const Catalog* catalog) const;
  [[nodiscard]] uint16_t search_for(const TypeSet& context, MaskPlan& plan) const;
  /// What the name of a COPY's relation stands for; null where that is not sure.
  [[nodiscard]] const CatalogRelation* copied_relation(const CopyOut& copy, const Catalog& catalog) const;
  /// Against a text that holds COPY TO STDOUT. `masked`: it reads something under a column mask.
  [[nodiscard]] Decision judge_copies(const Facts& facts, bool masked, const Catalog* catalog) const;
  /// For the columns of a COPY that are not known.
  [[nodiscard]] TypeSet context_of_copy(const Facts& facts, const CopyOut& copy, const Catalog* catalog) const;
  void look_at_all(const ResultShape& shape, const Catalog* catalog, MaskPlan& plan) const;

  static constexpr uint32_t no_rule = UINT32_MAX;

  std::shared_ptr<const RuleSet> set_;
  uint64_t id_ = 0;
  int64_t valid_until_unix_s_ = 0;
  uint32_t read_only_rule_ = no_rule;
  std::vector<uint32_t> statement_rules_;  ///< Indexes of rules for this target and principal, rising.
  std::vector<uint32_t> result_rules_;
  std::vector<uint32_t> alert_columns_;    ///< Result rules by column that only alert.
  TypeSet value_types_;                    ///< Types that some result rule speaks of, and how it masks them.
  std::vector<MaskSpec> value_specs_;      ///< By data type.
  Search search_;                          ///< For value_types_, without context.
  std::array<bool, 3> patterns_{};         ///< By PatternText: some statement rule has such a pattern.
  Verdict default_verdict_ = Verdict::Deny;
  bool value_masks_ = false;               ///< Some of value_types_ is masked, not only counted.
  bool column_masks_ = false;
};

class RuleSet : public std::enable_shared_from_this<RuleSet> {
 public:
  explicit RuleSet(std::unique_ptr<CompiledRuleSet> data);
  ~RuleSet();
  RuleSet(const RuleSet&) = delete;
  RuleSet& operator=(const RuleSet&) = delete;

  [[nodiscard]] uint64_t generation() const;      ///< Grows with every published set.
  [[nodiscard]] const Digest& hash() const;       ///< SHA-256 of the sources; what records carry.
  [[nodiscard]] size_t rule_count() const;
  [[nodiscard]] BoundRules bind(std::string_view target, Verdict target_default, const Caller& caller) const;
  /// Some rule asks for the client's address.
  [[nodiscard]] bool asks_for_address() const { return asks_for_address_; }
  [[nodiscard]] const CompiledRuleSet& data() const { return *data_; }

 private:
  std::unique_ptr<CompiledRuleSet> data_;
  bool asks_for_address_ = false;
};

/// One value of a row. `size` -1: NULL.
struct Cell {
  const std::byte* data = nullptr;
  int32_t size = -1;
};

/// What a cell becomes. `null`: sent as NULL; else `value`, borrowed until the next begin().
struct Replacement {
  bool null = false;
  Bytes value;
};

/// Masks rows in batches: cells of many rows are gathered and scanned in one call. One per lane;
/// rows are numbered from 0 since begin(). Cells are borrowed until finish() returns.
class ResultMasker {
 public:
  explicit ResultMasker(Scratch& scratch);
  ~ResultMasker();
  ResultMasker(const ResultMasker&) = delete;
  ResultMasker& operator=(const ResultMasker&) = delete;
  /// Both are borrowed until finish() returns.
  void begin(const BoundRules& rules, const MaskPlan& plan);
  /// `cells.size()` must equal the plan's column count (the caller has checked the server's row).
  void add_row(std::span<const Cell> cells);
  void finish();
  [[nodiscard]] bool row_changed(size_t row) const;
  /// nullptr: this cell stays as it is.
  [[nodiscard]] const Replacement* replacement(size_t row, size_t column) const;
  [[nodiscard]] uint64_t masked_cells() const;  ///< Since begin().
  [[nodiscard]] uint64_t alerted_values() const;  ///< Found by rules that only alert, since begin().
  [[nodiscard]] uint64_t gathered_bytes() const;  ///< Copied into the detectors' scratch since begin().

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Masks free text (a server's error or notice, a statement about to be recorded) by the value
/// detectors; returns it unchanged where nothing hits.
[[nodiscard]] std::string mask_text(const BoundRules& rules, Scratch& scratch, std::string_view text);

/// The `columns:` of result rules, "rule: schema.table.column" each, that name nothing in this catalog:
/// for an alarm, since a rename may be behind it. A column missing from a table that exists masks the
/// whole table until then; a missing table has nothing to mask.
[[nodiscard]] std::vector<std::string> unresolved_columns(const RuleSet& rules, const Catalog& catalog,
                                                          std::string_view target);

}  // namespace sluice::rules
