#include "cli/load_rules.h"

#include "control/files.h"
#include "rules/compile/compile.h"

namespace sluice::cli {

Expected<std::shared_ptr<const rules::RuleSet>> load_rules(const Settings& settings, uint64_t generation,
                                                           std::vector<std::string>* warnings) {
  std::vector<rules::SourceFile> sources;
  for (const std::string& path : settings.rule_files) {
    auto text = control::read_file(path, rules::source_size_max);
    if (!text) return std::unexpected(text.error());
    sources.push_back({path, std::move(*text)});
  }
  rules::CompileContext context;
  for (const TargetSettings& t : settings.targets) context.targets.push_back(t.name);
  context.any_target = settings.targets.empty();
  return rules::compile(sources, context, generation, warnings);
}

}  // namespace sluice::cli
