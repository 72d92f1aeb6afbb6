// What PostgreSQL 15 ships in pg_catalog, by name. Whatever is not here is somebody's own code.
#pragma once
#include <string_view>

namespace sluice::rules::sql {

/// Names as the grammar delivers them: folded, unquoted, exact.
[[nodiscard]] bool is_builtin_function(std::string_view name);
[[nodiscard]] bool is_builtin_type(std::string_view name);
[[nodiscard]] bool is_builtin_operator(std::string_view name);

}  // namespace sluice::rules::sql
