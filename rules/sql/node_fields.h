// Which fields of libpg_query's tree hold a node without saying its type, and which type that is (the
// message-typed fields of pg_query.proto 15-4.0.0).
#pragma once
#include <string_view>

namespace sluice::rules::sql {

/// The node type of such a field; empty: the field is none of them.
[[nodiscard]] std::string_view type_of_field(std::string_view parent, std::string_view field);

}  // namespace sluice::rules::sql
