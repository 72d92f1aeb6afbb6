// Walks a parse tree: every node is visited, whatever field it hangs in, so that no expression site is
// forgotten. Nodes with a meaning of their own have a row in node_specs(); the others are walked through.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/sql/collector.h"
#include "rules/sql/column_scopes.h"
#include "rules/sql/parse_tree.h"

namespace sluice::rules::sql {

class Walker {
 public:
  /// Borrows the collector. One walker per text.
  explicit Walker(Collector& collector) : collect_(collector) {}

  /// Visits one statement: the value of a RawStmt's `stmt`, at [start, end) of the text.
  void statement(JsonValue stmt, uint32_t start, uint32_t end);

  /// A node of the tree that could not be read; empty: none. Facts are then worth nothing.
  [[nodiscard]] const std::string& not_understood() const { return not_understood_; }

  /// The columns that were seen. Call once, last.
  [[nodiscard]] ColumnScopes& columns() { return columns_; }

 private:
  friend struct NodeHandlers;

  void visit(std::string_view type, JsonObject node, Use use);
  void walk_fields(std::string_view type, JsonObject node, Use use);
  /// All fields but one.
  void walk_fields_except(std::string_view type, JsonObject node, std::string_view skipped, Use use);
  void walk_value(std::string_view parent, std::string_view name, JsonValue value, Use use);
  void walk_field(std::string_view parent, JsonObject node, std::string_view name, Use use);

  /// The names of a WITH clause hide tables from here on, until leave().
  [[nodiscard]] size_t enter(JsonObject node);
  void leave(size_t mark);
  void hide(std::string_view name, DerivedPtr query);
  /// The WITH query that this name stands for. Null: none, so it is a relation.
  [[nodiscard]] DerivedPtr hidden(QualifiedName name) const;
  void read_with_query(JsonValue query, DerivedTable& table);

  void judge_top_level(JsonValue stmt);
  void target(JsonObject statement, Use use);
  void type_runs(JsonObject type_name);
  void setting(std::string_view name, std::string_view value, bool value_known);
  void blank_literals(JsonValue value);

  Collector& collect_;
  std::vector<std::pair<std::string, DerivedPtr>> scope_;           // Visible WITH queries, innermost last.
  std::map<std::string, std::vector<size_t>, std::less<>> hidden_;  // Where each name is in scope_.

  ColumnScopes columns_;
  ColumnUses uses_{ColumnUse::Output, ColumnUse::Predicate};  // Of a column that is met now. A definition may do both.
  ColumnUses output_uses_{ColumnUse::Output};                 // Of what the query that comes next hands out.
  bool sees_siblings_ = true;                                 // Likewise: see ColumnScopes::push().
  Sources collected_;                                         // Columns met since the expression began.
  DerivedTable result_;                                       // What the query that was left last hands out.
  std::string_view settings_row_;                        // See setting_of_row() in queries.cc.
  bool column_types_run_ = false;                        // In a column definition list of FROM: types convert values.
  uint32_t start_ = 0;
  uint32_t end_ = 0;
  std::string not_understood_;
};

/// What the facts say of a node type before (or instead of) looking inside.
struct NodeSpec {
  using Handler = void (*)(Walker&, JsonObject, Use);
  std::string_view node;
  StatementKind kind = StatementKind::Count_;  ///< Count_: not a statement.
  Use use = Use::Read;                         ///< What it does with the relations it names.
  std::string_view opaque;                     ///< Why it is opaque; empty: it is not.
  Guard guard = Guard::None;
  Handler handler = nullptr;  ///< Replaces the plain walk through the fields.
};

/// nullptr: a node without a row. Statements without one count as Other.
[[nodiscard]] const NodeSpec* find_node_spec(std::string_view node);

}  // namespace sluice::rules::sql
