// `types:`: kinds of sensitive data that a rule set adds to those that ship.
#pragma once
#include "rules/compile/yaml.h"
#include "rules/detect/data_type.h"

namespace sluice::rules {

/// `tried`: their expressions and examples were, in an earlier compile of the same text.
void add_types(const YAML::Node& node, bool tried, YamlFile& file, DataTypes& types);

}  // namespace sluice::rules
