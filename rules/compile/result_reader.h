// The `result:` of a rule, and the mask beside it.
#pragma once
#include "rules/compile/rule_reader.h"
#include "rules/compile/yaml.h"

namespace sluice::rules {

/// Reads `result` and `mask` of the rule `map`.
void read_result(const YamlMap& map, ReadRule& out, const RuleContext& context, YamlFile& file);

/// A list of schema.table.column.
[[nodiscard]] std::vector<ColumnPattern> read_columns(const YAML::Node& node, YamlFile& file);

/// `mask:`. What it keeps is judged against the types that `result` speaks of.
void read_mask(const YAML::Node& node, ResultRule& result, const RuleContext& context, YamlFile& file);

}  // namespace sluice::rules
