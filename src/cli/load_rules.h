// From rule files, or one compiled file, to the set that runs.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/settings.h"
#include "rules/compile/artefact.h"
#include "rules/compile/compile.h"
#include "rules/mask/hash.h"
#include "rules/ruleset/ruleset.h"

namespace sluice::cli {

/// What rules are loaded for.
enum class Loading : uint8_t {
  Serving,   ///< They will run: signed where the settings want that, and compiled in a process of its own under limits.
  Checking,  ///< A command asks whether they could: signed the same way, compiled in the command's own process.
  Trial,     ///< A command looks at them: signed or not, their text compiled in the command's own process.
};

/// The bytes of every file, as they are now. The error names the file.
[[nodiscard]] Expected<std::vector<rules::SourceFile>> read_rules(const std::vector<std::string>& paths);

/// The keys of `hash`, as their files are now. The error names the file, never what is in it.
[[nodiscard]] Expected<rules::MaskKeys> read_mask_keys(const Settings& settings);
/// Keys of the same names, for those who try rules and need not know the secrets.
[[nodiscard]] rules::MaskKeys stand_in_mask_keys(const Settings& settings);
/// The same names and secrets in the same order.
[[nodiscard]] bool same_mask_keys(const rules::MaskKeys& a, const rules::MaskKeys& b);

/// The compiled file that `sources` are, or nothing where they are rule files. An error where they are both.
[[nodiscard]] Expected<std::optional<rules::Artefact>> artefact_of(const std::vector<rules::SourceFile>& sources);

/// What rules of these settings may speak of.
[[nodiscard]] rules::CompileContext context_of(const Settings& settings, rules::MaskKeys mask_keys);

/// `cancel`: see compile_in_child(). Errors and warnings are lines `file:line:column: …`, or `file: …` about a compiled file.
[[nodiscard]] Expected<std::shared_ptr<const rules::RuleSet>> compile_rules(
    const std::vector<rules::SourceFile>& sources, const Settings& settings, Loading loading, rules::MaskKeys mask_keys,
    uint64_t generation, std::vector<std::string>* warnings, int cancel);

/// Reads and compiles the files the settings name; for a trial with stand-ins for keys.
[[nodiscard]] Expected<std::shared_ptr<const rules::RuleSet>> load_rules(const Settings& settings, Loading loading,
                                                                         uint64_t generation,
                                                                         std::vector<std::string>* warnings);

}  // namespace sluice::cli
