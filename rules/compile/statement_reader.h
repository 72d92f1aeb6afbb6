// The `statement:` of a rule, and what stands beside it.
#pragma once
#include "rules/compile/rule_reader.h"
#include "rules/compile/yaml.h"

namespace sluice::rules {

/// Reads `statement`, `verdict`, `message` and `hint` of the rule `map`.
void read_statement(const YamlMap& map, ReadRule& out, YamlFile& file, std::vector<std::string>& warnings);

/// `verdict:`; `alert` becomes true for the verdict of that name.
void read_verdict(const YAML::Node& node, StatementRule& rule, bool& alert, YamlFile& file);

/// `message:` and `hint:`.
void read_words(const YamlMap& map, StatementRule& rule, YamlFile& file);

}  // namespace sluice::rules
