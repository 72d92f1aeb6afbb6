// One rule: YAML to the compiled form, with every check that needs no other rule.
#pragma once
#include <string>
#include <vector>

#include "rules/compile/compile.h"
#include "rules/compile/yaml.h"
#include "rules/ruleset/ruleset_data.h"

namespace sluice::rules {

/// A rule and what is needed to go on with it.
struct ReadRule {
  Rule rule;
  std::string pattern;     ///< Empty: none.
  YAML::Mark mark;         ///< Of the id.
  YAML::Mark pattern_mark;
};

[[nodiscard]] ReadRule read_rule(const YAML::Node& node, const CompileContext& context, YamlErrors& errors,
                                 std::vector<std::string>& warnings);

}  // namespace sluice::rules
