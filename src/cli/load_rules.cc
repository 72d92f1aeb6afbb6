#include "cli/load_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/compile_child.h"
#include "control/files.h"

namespace sluice::cli {
namespace {

using rules::Artefact;
using rules::RuleSet;
using rules::SourceFile;

constexpr std::string_view how_to_sign = "run sluice rules compile --sign, and load what that writes";

Expected<void> check_signature(const std::vector<SourceFile>& sources, const std::optional<Artefact>& artefact,
                               const std::string& verify_key_file) {
  const auto keys = control::read_public_keys(verify_key_file);
  if (!keys) return std::unexpected(keys.error());
  const std::string_view path = sources.empty() ? std::string_view("rules") : std::string_view(sources.front().path);
  if (!artefact) {
    return fail(fmt::format("{}: expected signed compiled rules, which rules_verify_key asks for, found sources: {}",
                            printable(path), how_to_sign));
  }
  if (!artefact->signed_by) {
    return fail(fmt::format("{}: expected compiled rules with a signature, which rules_verify_key asks for, found none: {}",
                            printable(path), how_to_sign));
  }
  if (std::ranges::find(*keys, *artefact->signed_by) != keys->end()) return {};
  return fail(fmt::format("{}: expected a signature of a key in {}, found one of key {}: sign with another key, or add this one",
                          printable(path), verify_key_file, key_id(*artefact->signed_by)));
}

std::string foreign_warning(const std::string& path, const rules::ArtefactStamp& stamp) {
  const rules::ArtefactStamp here = rules::stamp_here();
  return fmt::format("{}: compiled by sluice {} with Hyperscan {} for processor features {:#x}, and here are sluice {}, Hyperscan "
                     "{} and {:#x}: compiled again from the sources in it, which takes longer",
                     printable(path), printable(stamp.sluice), printable(stamp.hyperscan), stamp.cpu_features, here.sluice, here.hyperscan,
                     here.cpu_features);
}

}  // namespace

Expected<std::vector<SourceFile>> read_rules(const std::vector<std::string>& paths) {
  std::vector<SourceFile> sources;
  size_t sum = 0;
  for (const std::string& path : paths) {
    const bool compiled = rules::is_artefact(control::read_beginning(path, rules::artefact_magic.size()));
    const size_t size_max = compiled ? rules::artefact_size_max : rules::source_size_max;
    auto text = control::read_file(path, size_max);
    if (!text) return std::unexpected(text.error());
    sum += text->size();
    if (sum > rules::artefact_size_max) {
      return fail(fmt::format("{}: expected rule files of at most {} MiB together, found more", printable(path),
                              rules::artefact_size_max >> 20));
    }
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

Expected<std::optional<Artefact>> artefact_of(const std::vector<SourceFile>& sources) {
  const auto compiled = [](const SourceFile& s) { return rules::is_artefact(s.text); };
  const auto at = std::ranges::find_if(sources, compiled);
  if (at == sources.end()) return std::nullopt;
  if (sources.size() > 1) {
    return fail(fmt::format("{}: expected compiled rules alone, found {} other files beside them: compile all of them into one",
                            printable(at->path), sources.size() - 1));
  }
  auto artefact = rules::read_artefact(as_bytes(at->text));
  if (!artefact) return fail(fmt::format("{}: {}", printable(at->path), artefact.error().message));
  return std::move(*artefact);
}

rules::CompileContext context_of(const Settings& settings, rules::MaskKeys mask_keys) {
  rules::CompileContext context;
  context.mask_keys = std::move(mask_keys);
  for (const TargetSettings& t : settings.targets) context.targets.push_back(t.name);
  context.any_target = settings.targets.empty();
  return context;
}

Expected<std::shared_ptr<const RuleSet>> compile_rules(const std::vector<SourceFile>& sources, const Settings& settings,
                                                       Loading loading, rules::MaskKeys mask_keys, uint64_t generation,
                                                       std::vector<std::string>* warnings, int cancel) {
  const auto artefact = artefact_of(sources);
  if (!artefact) return std::unexpected(artefact.error());
  if (loading != Loading::Trial && !settings.rules_verify_key_file.empty()) {
    const auto good = check_signature(sources, *artefact, settings.rules_verify_key_file);
    if (!good) return std::unexpected(good.error());
  }
  rules::CompileContext context = context_of(settings, std::move(mask_keys));
  // Hyperscan believes databases: those of a file that is only looked at, whoever made it, are not run.
  if (*artefact && loading != Loading::Trial) {
    auto set = rules::load_artefact(**artefact, context, generation, warnings);
    if (!set || *set != nullptr) return set;
    if (warnings != nullptr) warnings->push_back(foreign_warning(sources.front().path, (*artefact)->stamp));
  }
  const std::vector<SourceFile>& texts = *artefact ? (*artefact)->sources : sources;
  if (loading != Loading::Serving) return rules::compile(texts, context, generation, warnings);
  const auto made = compile_in_child(texts, context, settings.compile_limits, cancel);
  if (!made) return std::unexpected(made.error());
  context.stored = &*made;
  return rules::compile(texts, context, generation, warnings);
}

Expected<std::shared_ptr<const RuleSet>> load_rules(const Settings& settings, Loading loading, uint64_t generation,
                                                    std::vector<std::string>* warnings) {
  auto sources = read_rules(settings.rule_files);
  if (!sources) return std::unexpected(sources.error());
  Expected<rules::MaskKeys> mask_keys = loading == Loading::Trial ? stand_in_mask_keys(settings) : read_mask_keys(settings);
  if (!mask_keys) return std::unexpected(mask_keys.error());
  return compile_rules(*sources, settings, loading, std::move(*mask_keys), generation, warnings, -1);
}

}  // namespace sluice::cli
