// What a name stands for, as far as a name alone can tell.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/facts.h"
#include "rules/sql/parse_tree.h"

namespace sluice::rules::sql {

struct QualifiedName {
  std::string_view schema;  ///< Empty: unqualified. A database in front is dropped: it must be the current one.
  std::string_view name;
  [[nodiscard]] std::string text() const;
};

/// Reads a list of String nodes. Borrows from the tree. Empty name: the list is no name.
[[nodiscard]] QualifiedName read_name(JsonArray parts);

/// Names the operator of a target vouches for: "app.*" a schema, "app.f" one name in it, "f" that name
/// when a statement writes it unqualified (never implied by "app.f": search_path may lead elsewhere).
class TrustedNames {
 public:
  /// Borrows `patterns`.
  explicit TrustedNames(const std::vector<std::string>& patterns) : patterns_(patterns) {}
  [[nodiscard]] bool trusts(QualifiedName name) const;

 private:
  const std::vector<std::string>& patterns_;
};

/// Shipped by PostgreSQL 15, and neither runs SQL text it is given, nor reads files, large objects or
/// what other sessions do.
[[nodiscard]] bool is_transparent_function(QualifiedName name);
/// Shipped, and whatever its arguments say, calling it does nothing that facts or rules would tell apart.
[[nodiscard]] bool ignores_literals(QualifiedName name);
[[nodiscard]] bool is_shipped_type(QualifiedName name);
[[nodiscard]] bool is_shipped_operator(QualifiedName name);

/// What calling this function can reach, by its bare name as the grammar delivers it, in any schema.
/// nullopt: no more than the rows it is given, as far as its name tells.
[[nodiscard]] std::optional<FunctionClass> class_of_function(std::string_view function);

/// A row of the catalogue behind it.
struct ClassifiedName {
  std::string_view name;
  bool family;  ///< Every function whose name starts so.
  FunctionClass function_class;
};
[[nodiscard]] std::vector<ClassifiedName> function_catalogue();

/// The always-on guard that calling this function trips, whatever schema it is in.
[[nodiscard]] Guard guard_of_function(std::string_view name);
/// The guard that writing to this relation trips: catalogs by which roles, settings and loops are made.
[[nodiscard]] Guard guard_of_write(QualifiedName relation);

/// An option, setting or parameter of this name holds a secret.
[[nodiscard]] bool names_secret(std::string_view name);

[[nodiscard]] std::string folded(std::string_view text);

}  // namespace sluice::rules::sql
