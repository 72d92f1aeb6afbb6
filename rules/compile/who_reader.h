// `when:` and `except:` of a rule.
#pragma once
#include <string_view>

#include "rules/compile/yaml.h"
#include "rules/ruleset/who.h"

namespace sluice::rules {

/// `what` is the key it stands under, for messages. At least one condition is asked for.
[[nodiscard]] Who read_who(const YAML::Node& node, std::string_view what, YamlFile& file);

}  // namespace sluice::rules
