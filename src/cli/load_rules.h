// From the rule files a configuration names to the compiled set.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/settings.h"
#include "rules/ruleset/ruleset.h"

namespace sluice::cli {

/// Errors and warnings are lines `file:line:column: …`.
[[nodiscard]] Expected<std::shared_ptr<const rules::RuleSet>> load_rules(const Settings& settings, uint64_t generation,
                                                                         std::vector<std::string>* warnings);

}  // namespace sluice::cli
