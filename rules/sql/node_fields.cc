#include "rules/sql/node_fields.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace sluice::rules::sql {
namespace {

struct Row {
  std::string_view parent;
  std::string_view field;
  std::string_view type;
};

// Sorted by parent, then field: looked up by binary search.
constexpr auto rows = std::to_array<Row>({
    {"AlterDatabaseSetStmt", "setstmt", "VariableSetStmt"},
    {"AlterDefaultPrivilegesStmt", "action", "GrantStmt"},
    {"AlterFunctionStmt", "func", "ObjectWithArgs"},
    {"AlterObjectDependsStmt", "extname", "String"},
    {"AlterObjectDependsStmt", "relation", "RangeVar"},
    {"AlterObjectSchemaStmt", "relation", "RangeVar"},
    {"AlterOperatorStmt", "opername", "ObjectWithArgs"},
    {"AlterOwnerStmt", "newowner", "RoleSpec"},
    {"AlterOwnerStmt", "relation", "RangeVar"},
    {"AlterPolicyStmt", "table", "RangeVar"},
    {"AlterRoleSetStmt", "role", "RoleSpec"},
    {"AlterRoleSetStmt", "setstmt", "VariableSetStmt"},
    {"AlterRoleStmt", "role", "RoleSpec"},
    {"AlterSeqStmt", "sequence", "RangeVar"},
    {"AlterSystemStmt", "setstmt", "VariableSetStmt"},
    {"AlterTableCmd", "newowner", "RoleSpec"},
    {"AlterTableStmt", "relation", "RangeVar"},
    {"AlterUserMappingStmt", "user", "RoleSpec"},
    {"CallStmt", "funccall", "FuncCall"},
    {"ClusterStmt", "relation", "RangeVar"},
    {"ColumnDef", "collClause", "CollateClause"},
    {"ColumnDef", "identitySequence", "RangeVar"},
    {"ColumnDef", "typeName", "TypeName"},
    {"CommonTableExpr", "cycle_clause", "CTECycleClause"},
    {"CommonTableExpr", "search_clause", "CTESearchClause"},
    {"CompositeTypeStmt", "typevar", "RangeVar"},
    {"Constraint", "pktable", "RangeVar"},
    {"CopyStmt", "relation", "RangeVar"},
    {"CreateCastStmt", "func", "ObjectWithArgs"},
    {"CreateCastStmt", "sourcetype", "TypeName"},
    {"CreateCastStmt", "targettype", "TypeName"},
    {"CreateDomainStmt", "collClause", "CollateClause"},
    {"CreateDomainStmt", "typeName", "TypeName"},
    {"CreateForeignTableStmt", "base", "CreateStmt"},
    {"CreateFunctionStmt", "returnType", "TypeName"},
    {"CreateOpClassItem", "name", "ObjectWithArgs"},
    {"CreateOpClassItem", "storedtype", "TypeName"},
    {"CreateOpClassStmt", "datatype", "TypeName"},
    {"CreatePolicyStmt", "table", "RangeVar"},
    {"CreateSchemaStmt", "authrole", "RoleSpec"},
    {"CreateSeqStmt", "sequence", "RangeVar"},
    {"CreateStmt", "ofTypename", "TypeName"},
    {"CreateStmt", "partbound", "PartitionBoundSpec"},
    {"CreateStmt", "partspec", "PartitionSpec"},
    {"CreateStmt", "relation", "RangeVar"},
    {"CreateTableAsStmt", "into", "IntoClause"},
    {"CreateTableSpaceStmt", "owner", "RoleSpec"},
    {"CreateTransformStmt", "fromsql", "ObjectWithArgs"},
    {"CreateTransformStmt", "tosql", "ObjectWithArgs"},
    {"CreateTransformStmt", "type_name", "TypeName"},
    {"CreateTrigStmt", "constrrel", "RangeVar"},
    {"CreateTrigStmt", "relation", "RangeVar"},
    {"CreateUserMappingStmt", "user", "RoleSpec"},
    {"DeleteStmt", "relation", "RangeVar"},
    {"DeleteStmt", "withClause", "WithClause"},
    {"DropUserMappingStmt", "user", "RoleSpec"},
    {"FuncCall", "over", "WindowDef"},
    {"FunctionParameter", "argType", "TypeName"},
    {"GrantRoleStmt", "grantor", "RoleSpec"},
    {"GrantStmt", "grantor", "RoleSpec"},
    {"IndexStmt", "relation", "RangeVar"},
    {"InsertStmt", "onConflictClause", "OnConflictClause"},
    {"InsertStmt", "relation", "RangeVar"},
    {"InsertStmt", "withClause", "WithClause"},
    {"IntoClause", "rel", "RangeVar"},
    {"JoinExpr", "alias", "Alias"},
    {"JoinExpr", "join_using_alias", "Alias"},
    {"MergeStmt", "relation", "RangeVar"},
    {"MergeStmt", "withClause", "WithClause"},
    {"OnConflictClause", "infer", "InferClause"},
    {"PartitionCmd", "bound", "PartitionBoundSpec"},
    {"PartitionCmd", "name", "RangeVar"},
    {"PublicationObjSpec", "pubtable", "PublicationTable"},
    {"PublicationTable", "relation", "RangeVar"},
    {"RangeFunction", "alias", "Alias"},
    {"RangeSubselect", "alias", "Alias"},
    {"RangeTableFunc", "alias", "Alias"},
    {"RangeTableFuncCol", "typeName", "TypeName"},
    {"RangeVar", "alias", "Alias"},
    {"ReassignOwnedStmt", "newrole", "RoleSpec"},
    {"RefreshMatViewStmt", "relation", "RangeVar"},
    {"ReindexStmt", "relation", "RangeVar"},
    {"RenameStmt", "relation", "RangeVar"},
    {"RuleStmt", "relation", "RangeVar"},
    {"SelectStmt", "intoClause", "IntoClause"},
    {"SelectStmt", "larg", "SelectStmt"},
    {"SelectStmt", "rarg", "SelectStmt"},
    {"SelectStmt", "withClause", "WithClause"},
    {"TableLikeClause", "relation", "RangeVar"},
    {"TypeCast", "typeName", "TypeName"},
    {"UpdateStmt", "relation", "RangeVar"},
    {"UpdateStmt", "withClause", "WithClause"},
    {"VacuumRelation", "relation", "RangeVar"},
    {"ViewStmt", "view", "RangeVar"},
    {"XmlSerialize", "typeName", "TypeName"},
});

constexpr auto key = [](const Row& row) { return std::tuple(row.parent, row.field); };
static_assert(std::ranges::is_sorted(rows, {}, key));

}  // namespace

std::string_view type_of_field(std::string_view parent, std::string_view field) {
  const auto at = std::ranges::lower_bound(rows, std::tuple(parent, field), {}, key);
  return at != rows.end() && at->parent == parent && at->field == field ? at->type : std::string_view{};
}

}  // namespace sluice::rules::sql
