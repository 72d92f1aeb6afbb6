// Rule files to a rule set. For the control plane and the command line, never for a lane: takes
// milliseconds to seconds, allocates freely.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "rules/mask/hash.h"
#include "rules/detect/triggers.h"
#include "rules/ruleset/ruleset.h"
#include "rules/ruleset/ruleset_data.h"

namespace sluice::rules {

struct SourceFile {
  std::string path;  ///< For messages only.
  std::string text;
};

/// What is slow to make of a rule set, kept from an earlier compile of the same sources by the same program.
struct StoredDatabases {
  Digest expressions{};  ///< Of what they were compiled from: CompiledRuleSet::expressions.
  std::array<std::vector<std::byte>, pattern_text_count> patterns;  ///< By PatternText, serialized; empty: none.
  std::vector<TriggerBlob> triggers;
};

struct CompileContext {
  std::vector<std::string> targets;  ///< Names that `target:` may use.
  bool any_target = false;           ///< It may use any: there is no configuration to know them from.
  MaskKeys mask_keys;                ///< What `key:` of a mask may name; with any_target anything, for a stand-in.
  GroupingOptions grouping{};
  /// Borrowed. Where it is given no expression is compiled or tried: databases of other expressions are refused. Its
  /// bytes must be known to be whole: Hyperscan trusts them.
  const StoredDatabases* stored = nullptr;
};

inline constexpr size_t source_size_max = 1U << 20;
inline constexpr size_t source_files_max = 4096;
inline constexpr size_t rules_max = 16'384;
inline constexpr size_t pattern_size_max = 1000;

/// All files together make one set; ids are unique across them. An error is one sentence that begins
/// with path:line:column (from 1) and says what was expected and what was found. A rule that can never
/// fire, or not on some channel of its target, is an error. `warnings`, which may be null, takes
/// sentences of the same form that do not stop the set from loading.
[[nodiscard]] Expected<std::shared_ptr<const RuleSet>> compile(std::span<const SourceFile> files,
                                                               const CompileContext& context, uint64_t generation,
                                                               std::vector<std::string>* warnings);

/// What names a set in records: of the texts, in their order.
[[nodiscard]] Digest source_hash(std::span<const SourceFile> files);

/// For CompileContext::stored of a later compile.
[[nodiscard]] Expected<StoredDatabases> save_databases(const RuleSet& set);

}  // namespace sluice::rules
