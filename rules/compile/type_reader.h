// `types:`: kinds of sensitive data that a rule set adds to those that ship.
#pragma once
#include "rules/compile/yaml.h"
#include "rules/detect/data_type.h"

namespace sluice::rules {

void add_types(const YAML::Node& node, YamlFile& file, DataTypes& types);

}  // namespace sluice::rules
