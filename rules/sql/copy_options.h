// The options of COPY TO STDOUT: what its rows look like on the wire.
#pragma once
#include "model/facts.h"
#include "rules/sql/parse_tree.h"

namespace sluice::rules::sql {

/// `node`: the fields of a CopyStmt that is no COPY FROM. Both syntaxes, the present one and that of before 9.0,
/// give the same tree. What is not understood leaves the format Unknown.
[[nodiscard]] CopyOut read_copy_out(JsonObject node);

}  // namespace sluice::rules::sql
