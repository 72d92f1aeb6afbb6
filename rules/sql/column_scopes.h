// Which columns a statement names and where they come from: what FROM makes visible, level by level, and
// what derived tables hand on. Knows names only; without a catalog a bare name may be several relations'.
#pragma once
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "model/facts.h"
#include "rules/sql/names.h"

namespace sluice::rules::sql {

/// Names compared for one text: more, and its columns are unknown, so that hostile text costs no more.
inline constexpr size_t steps_max = size_t{1} << 22;

/// Columns of the facts, by their number in ColumnScopes.
using Sources = std::bitset<columns_max>;

/// What a query hands to whoever reads from it.
struct DerivedTable {
  struct Column {
    std::string name;  ///< Empty: computed, so it may have any name.
    Sources sources;
  };
  std::vector<Column> columns;
  std::vector<size_t> stars;  ///< Relations that are handed on whole.
  Sources rest;               ///< May be under any name.
  bool open = false;          ///< A WITH query whose text has not been read to its end.
  bool started = false;       ///< Being read: a use of it now is its own recursion.
  bool refers_to_itself = false;
  ColumnUses pending;  ///< What was done with its columns while it was open.

  [[nodiscard]] bool positions_known() const { return stars.empty() && rest.none(); }
};
using DerivedPtr = std::shared_ptr<DerivedTable>;

class ColumnScopes {
 public:
  /// A query's own level of names. `sees_siblings`: what stands beside it in FROM (LATERAL, and every
  /// query that does not stand in FROM).
  void push(bool sees_siblings);
  void pop();
  [[nodiscard]] bool empty() const { return levels_.empty(); }
  /// Whether relations that are visited now belong to FROM. Returns what it was. Needs a level.
  bool in_from(bool now);
  [[nodiscard]] bool in_from() const { return !levels_.empty() && levels_.back().in_from; }

  /// Adds a member of FROM, or the relation that is written, to the innermost level. `columns_renamed`:
  /// by a list of names behind the alias, so which column is which is not known.
  void add_relation(QualifiedName name, std::string_view alias, bool columns_renamed);
  void add_derived(std::string_view alias, DerivedPtr table);
  /// Another name for members [first, end) of the innermost level, which count already.
  void add_alias(std::string_view alias, size_t first, bool columns_renamed);
  [[nodiscard]] size_t members() const { return levels_.empty() ? 0 : levels_.back().items.size(); }

  /// A column as written: [[schema.]table.]name. Notes `uses` of what it may be.
  Sources use(std::span<const std::string_view> parts, ColumnUses uses);
  /// `*` (no parts) or `table.*`: notes the uses, and hands the columns on to `into`.
  void use_star(std::span<const std::string_view> parts, ColumnUses uses, DerivedTable& into);
  /// The column in each member from `first` on, as USING names it; all of them, as NATURAL does.
  void use_in_members(size_t first, std::string_view name, ColumnUses uses);
  void use_all_of_members(size_t first, ColumnUses uses);
  /// A column of the first member of the innermost level: the relation that is written. Empty: all.
  void use_of_target(std::string_view name, ColumnUses uses);
  void use_of_relation(QualifiedName relation, std::string_view name, ColumnUses uses);

  void add_uses(const Sources& sources, ColumnUses uses);
  /// Every column of a relation that a star hands on, as one source.
  Sources star_source(size_t relation) { return record(relation, "*", {}); }
  /// Of every column that a table hands on.
  Sources add_uses(const DerivedTable& table, ColumnUses uses);

  [[nodiscard]] bool overflowed() const { return overflowed_; }
  /// The references, sorted; empty when overflowed. Call once, last.
  [[nodiscard]] std::vector<ColumnReference> take();

 private:
  struct Item {
    size_t relation = 0;
    DerivedPtr derived;  // Null: the relation.
    bool renamed = false;
  };
  // Which relation a bare name belongs to, as far as names can tell.
  struct Candidates {
    static constexpr size_t none = SIZE_MAX;
    static constexpr size_t many = SIZE_MAX - 1;
    size_t relation = none;
    void add(size_t other) {
      if (other == none || relation == other) return;
      relation = relation == none ? other : many;
    }
  };
  struct Level {
    std::vector<Item> items;
    std::map<std::string, size_t, std::less<>> by_alias;
    std::vector<size_t> to_search;  // Members whose names must be asked one by one.
    Candidates relations;           // The other members.
    size_t outer = 0;               // One above the level that is visible next; 0: none.
    bool in_from = false;
  };

  size_t relation_number(QualifiedName name);
  void add(std::string_view alias, Item item, bool counts);
  Sources record(size_t relation, std::string_view name, ColumnUses uses);
  Sources record_anywhere(std::string_view name, ColumnUses uses);
  Sources record(std::string_view schema, std::string_view table, std::string_view name, ColumnUses uses);
  Sources use_bare(std::string_view name, ColumnUses uses);
  Sources use_of_item(const Item& item, std::string_view name, ColumnUses uses);
  Sources use_of_derived(const DerivedPtr& table, std::string_view name, ColumnUses uses);
  Sources use_inexactly(const DerivedTable& table, std::string_view name, ColumnUses uses);
  Sources whole_row(const Item& item, ColumnUses uses);
  /// Counts towards steps_max.
  void step(size_t count);
  [[nodiscard]] const Item* find(std::span<const std::string_view> qualifier) const;

  std::vector<Level> levels_;
  std::vector<std::pair<std::string, std::string>> relations_;
  std::map<std::pair<std::string, std::string>, size_t> relation_numbers_;
  std::vector<ColumnReference> references_;
  std::map<std::tuple<std::string, std::string, std::string>, size_t> reference_numbers_;
  size_t steps_ = 0;
  bool overflowed_ = false;
};

/// UNION and the like: column by column where that is known, else everything may be everything.
[[nodiscard]] DerivedTable merge_columns(DerivedTable left, DerivedTable right, ColumnScopes& scopes);
/// `t (a, b)`: gives the columns new names.
void rename_columns(DerivedTable& table, std::span<const std::string_view> names, ColumnScopes& scopes);
/// From now on any column may be made of any source.
void mix_columns(DerivedTable& table, ColumnScopes& scopes);

}  // namespace sluice::rules::sql
