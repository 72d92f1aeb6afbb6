#include "cli/load_rules.h"

#include <fmt/format.h>

#include <algorithm>

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

Expected<rules::MaskKeys> read_mask_keys(const Settings& settings) {
  constexpr size_t size_min = 32;  // What the hash's own strength needs (RFC 2104 section 3).
  constexpr size_t size_max = 1024;
  rules::MaskKeys keys;
  for (const MaskKeySettings& from : settings.mask_keys) {
    auto text = control::read_private_file(from.file, size_max + 2);
    if (!text) return std::unexpected(text.error());
    if (text->ends_with('\n')) text->pop_back();
    if (text->ends_with('\r')) text->pop_back();
    const size_t size = text->size();
    Secret secret(std::move(*text));
    if (size < size_min || size > size_max) {
      return fail(fmt::format("{}: expected a key of {} to {} bytes, found {}; make one with: openssl rand -base64 32",
                              from.file, size_min, size_max, size));
    }
    keys.push_back(std::make_shared<const rules::MaskKey>(from.name, std::move(secret)));
  }
  return keys;
}

rules::MaskKeys stand_in_mask_keys(const Settings& settings) {
  rules::MaskKeys keys;
  for (const MaskKeySettings& from : settings.mask_keys) keys.push_back(rules::stand_in_mask_key(from.name));
  return keys;
}

bool same_mask_keys(const rules::MaskKeys& a, const rules::MaskKeys& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x->name == y->name && equal_constant_time(as_bytes(x->secret.reveal()), as_bytes(y->secret.reveal()));
  });
}

Expected<std::shared_ptr<const rules::RuleSet>> compile_rules(const std::vector<rules::SourceFile>& sources,
                                                              const Settings& settings, rules::MaskKeys mask_keys,
                                                              uint64_t generation, std::vector<std::string>* warnings) {
  rules::CompileContext context;
  context.mask_keys = std::move(mask_keys);
  for (const TargetSettings& t : settings.targets) context.targets.push_back(t.name);
  context.any_target = settings.targets.empty();
  return rules::compile(sources, context, generation, warnings);
}

Expected<std::shared_ptr<const rules::RuleSet>> load_rules(const Settings& settings, uint64_t generation,
                                                           std::vector<std::string>* warnings) {
  auto sources = read_rules(settings.rule_files);
  if (!sources) return std::unexpected(sources.error());
  return compile_rules(*sources, settings, stand_in_mask_keys(settings), generation, warnings);
}

}  // namespace sluice::cli
