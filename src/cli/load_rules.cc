#include "cli/load_rules.h"

#include "control/files.h"

namespace sluice::cli {

Expected<std::vector<rules::SourceFile>> read_rules(const std::vector<std::string>& paths) {
  std::vector<rules::SourceFile> sources;
  for (const std::string& path : paths) {
    auto text = control::read_file(path, rules::source_size_max);
    if (!text) return std::unexpected(text.error());
    sources.push_back({path, std::move(*text)});
  }
  return sources;
}

Expected<std::shared_ptr<const rules::RuleSet>> compile_rules(const std::vector<rules::SourceFile>& sources,
                                                              const Settings& settings, uint64_t generation,
                                                              std::vector<std::string>* warnings) {
  rules::CompileContext context;
  for (const TargetSettings& t : settings.targets) context.targets.push_back(t.name);
  context.any_target = settings.targets.empty();
  return rules::compile(sources, context, generation, warnings);
}

Expected<std::shared_ptr<const rules::RuleSet>> load_rules(const Settings& settings, uint64_t generation,
                                                           std::vector<std::string>* warnings) {
  auto sources = read_rules(settings.rule_files);
  if (!sources) return std::unexpected(sources.error());
  return compile_rules(*sources, settings, generation, warnings);
}

}  // namespace sluice::cli
