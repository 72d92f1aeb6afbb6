// The nodes that mean more than their fields: one function each, for the table in node_specs.cc.
#pragma once
#include "rules/sql/column_scopes.h"
#include "rules/sql/walker.h"

namespace sluice::rules::sql {

/// A struct, since Walker lets only this name see its inside. Handlers are handed the node's fields and
/// what its statement does with relations.
struct NodeHandlers {
  // queries.cc
  static void select(Walker&, JsonObject, Use);
  static void insert(Walker&, JsonObject, Use);
  static void update(Walker&, JsonObject, Use);
  static void delete_rows(Walker&, JsonObject, Use);
  static void merge(Walker&, JsonObject, Use);
  static void relation(Walker&, JsonObject, Use);
  static void locking(Walker&, JsonObject, Use);
  static void leaf(Walker&, JsonObject, Use);

  [[nodiscard]] static bool is_column(JsonValue value, std::string_view name);

  // columns.cc
  static void column(Walker&, JsonObject, Use);
  static void join(Walker&, JsonObject, Use);
  static void range_subselect(Walker&, JsonObject, Use);
  static void range_table_function(Walker&, JsonObject, Use);
  static void window(Walker&, JsonObject, Use);
  static void case_branch(Walker&, JsonObject, Use);
  static void subscript(Walker&, JsonObject, Use);
  static void on_conflict(Walker&, JsonObject, Use);
  static void merge_branch(Walker&, JsonObject, Use);

  // expressions.cc
  static void function_call(Walker&, JsonObject, Use);
  static void sample(Walker&, JsonObject, Use);
  static void cast(Walker&, JsonObject, Use);
  static void typed_column(Walker&, JsonObject, Use);
  static void xml_serialize(Walker&, JsonObject, Use);
  static void range_function(Walker&, JsonObject, Use);
  static void column_definition(Walker&, JsonObject, Use);
  static void operator_expression(Walker&, JsonObject, Use);
  static void sub_link(Walker&, JsonObject, Use);
  static void sort(Walker&, JsonObject, Use);
  static void indirection(Walker&, JsonObject, Use);

  // utilities.cc
  static void copy(Walker&, JsonObject, Use);
  static void call(Walker&, JsonObject, Use);
  static void prepare(Walker&, JsonObject, Use);
  static void drop(Walker&, JsonObject, Use);
  static void comment(Walker&, JsonObject, Use);
  static void grant(Walker&, JsonObject, Use);
  static void vacuum(Walker&, JsonObject, Use);
  static void define(Walker&, JsonObject, Use);
  static void create_domain(Walker&, JsonObject, Use);
  static void alter_domain(Walker&, JsonObject, Use);
  static void alter_table_command(Walker&, JsonObject, Use);
  static void index_element(Walker&, JsonObject, Use);
  static void create_table(Walker&, JsonObject, Use);
  static void constraint(Walker&, JsonObject, Use);
  static void table_like(Walker&, JsonObject, Use);
  static void published_table(Walker&, JsonObject, Use);

  // administration.cc
  static void set(Walker&, JsonObject, Use);
  static void alter_system(Walker&, JsonObject, Use);
  static void alter_role(Walker&, JsonObject, Use);
  static void alter_role_settings(Walker&, JsonObject, Use);
  static void rename(Walker&, JsonObject, Use);
  static void extension(Walker&, JsonObject, Use);
  static void subscription(Walker&, JsonObject, Use);
  static void option(Walker&, JsonObject, Use);
  static void set_config(Walker&, JsonObject call);

 private:
  static void qualified_operator(Walker&, JsonObject, std::string_view list_field);
  [[nodiscard]] static bool names_key(JsonObject expression);
  static void object_relation(Walker&, JsonArray parts, std::string_view object_type);

  // columns.cc. Fields that use columns in a way of their own.
  static void walk_using(Walker&, std::string_view parent, JsonObject node, std::string_view name, ColumnUses);
  static void walk_from(Walker&, std::string_view parent, JsonObject node, std::string_view name);
  static Sources collect(Walker&, std::string_view parent, std::string_view name, JsonValue value);
  static void outputs(Walker&, JsonArray targets, ColumnUses, DerivedTable& into);
  static void rows(Walker&, JsonArray lists, ColumnUses, DerivedTable& into);
  static void assign(Walker&, JsonArray targets);
  static void set_operation(Walker&, JsonObject select, ColumnUses uses, bool sees_siblings);
  static void name_outputs(Walker&, JsonObject select, const DerivedTable& outputs);
  static void name_output(Walker&, JsonValue expression, const DerivedTable& outputs, ColumnUses);
  static void written_fields(Walker&, std::string_view type, JsonObject node);
};

}  // namespace sluice::rules::sql
