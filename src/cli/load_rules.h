// From rule files to the compiled set.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/settings.h"
#include "rules/compile/compile.h"
#include "rules/ruleset/ruleset.h"

namespace sluice::cli {

/// The text of every file, as it is now. The error names the file.
[[nodiscard]] Expected<std::vector<rules::SourceFile>> read_rules(const std::vector<std::string>& paths);

/// Errors and warnings are lines `file:line:column: …`.
[[nodiscard]] Expected<std::shared_ptr<const rules::RuleSet>> compile_rules(
    const std::vector<rules::SourceFile>& sources, const Settings& settings, uint64_t generation,
    std::vector<std::string>* warnings);

/// Both, for the files the settings name.
[[nodiscard]] Expected<std::shared_ptr<const rules::RuleSet>> load_rules(const Settings& settings, uint64_t generation,
                                                                         std::vector<std::string>* warnings);

}  // namespace sluice::cli
