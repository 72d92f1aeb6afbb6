// One rule: YAML to the compiled form, with every check that needs no other rule.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "rules/compile/compile.h"
#include "rules/compile/yaml.h"
#include "rules/ruleset/ruleset_data.h"

namespace sluice::rules {

/// What a rule may speak of.
struct RuleContext {
  const CompileContext& outside;
  const DataTypes& types;
};

/// A rule and what is needed to go on with it.
struct ReadRule {
  Rule rule;
  std::string pattern;     ///< Empty: none.
  std::string place;       ///< Of the id: "path:line:column".
  YAML::Mark mark;         ///< The same, for the file it is in.
  YAML::Mark pattern_mark;
  bool enabled = true;
};

[[nodiscard]] ReadRule read_rule(const YAML::Node& node, const RuleContext& context, YamlFile& file,
                                 std::vector<std::string>& warnings);

/// Changes a rule of a pack as an operator's file asks: `use:` for all of a pack's rules, `override:` for
/// one. `keys_apart` are keys of `map` that are not changes.
[[nodiscard]] const YamlKeys& change_keys(bool of_pack);
void change_rule(const YamlMap& map, ReadRule& out, const RuleContext& context, YamlFile& file);

/// True for an id as operators write one: a-z, 0-9 and dashes, at most 64.
[[nodiscard]] bool is_id(std::string_view text);

}  // namespace sluice::rules
