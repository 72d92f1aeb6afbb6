// From rule files to the compiled set.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/settings.h"
#include "rules/compile/compile.h"
#include "rules/mask/hash.h"
#include "rules/ruleset/ruleset.h"

namespace sluice::cli {

/// The text of every file, as it is now. The error names the file.
[[nodiscard]] Expected<std::vector<rules::SourceFile>> read_rules(const std::vector<std::string>& paths);

/// The keys of `hash`, as their files are now. The error names the file, never what is in it.
[[nodiscard]] Expected<rules::MaskKeys> read_mask_keys(const Settings& settings);
/// Keys of the same names, for those who try rules and need not know the secrets.
[[nodiscard]] rules::MaskKeys stand_in_mask_keys(const Settings& settings);
/// The same names and secrets in the same order.
[[nodiscard]] bool same_mask_keys(const rules::MaskKeys& a, const rules::MaskKeys& b);

/// Errors and warnings are lines `file:line:column: …`.
[[nodiscard]] Expected<std::shared_ptr<const rules::RuleSet>> compile_rules(
    const std::vector<rules::SourceFile>& sources, const Settings& settings, rules::MaskKeys mask_keys,
    uint64_t generation, std::vector<std::string>* warnings);

/// For trying: the files the settings name, and stand-ins for keys.
[[nodiscard]] Expected<std::shared_ptr<const rules::RuleSet>> load_rules(const Settings& settings, uint64_t generation,
                                                                         std::vector<std::string>* warnings);

}  // namespace sluice::cli
