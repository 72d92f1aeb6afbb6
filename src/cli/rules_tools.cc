#include "cli/rules_tools.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ctime>
#include <set>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/load_rules.h"
#include "control/config.h"
#include "control/files.h"
#include "rules/ruleset/ruleset_data.h"

namespace sluice::cli {
namespace {

Expected<std::vector<std::string>> expand(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    const auto found = control::rule_files(path);
    if (!found) return std::unexpected(found.error());
    if (found->empty()) return fail(fmt::format("{}: no rule file is in this folder", path));
    files.insert(files.end(), found->begin(), found->end());
  }
  if (files.size() > control::rule_files_max) {
    return fail(fmt::format("expected at most {} rule files, found more", control::rule_files_max));
  }
  return files;
}

}  // namespace

Expected<FoundRules> find_rules(const std::string& config, const std::vector<std::string>& paths) {
  FoundRules loaded;
  if (!config.empty()) {
    // What else the configuration names need not be readable for who tries rules.
    auto settings = control::load_config(config, {.check_files = false});
    if (!settings) return std::unexpected(settings.error());
    loaded.settings = std::move(*settings);
  }
  auto files = expand(paths.empty() ? loaded.settings.rule_files : paths);
  if (!files) return std::unexpected(files.error());
  loaded.settings.rule_files = std::move(*files);
  auto sources = read_rules(loaded.settings.rule_files);
  if (!sources) return std::unexpected(sources.error());
  loaded.sources = std::move(*sources);
  return loaded;
}

Expected<TriedRules> load_rules_from(const std::string& config, const std::vector<std::string>& paths,
                                      uint64_t generation) {
  auto found = find_rules(config, paths);
  if (!found) return std::unexpected(found.error());
  auto set = compile_rules(found->sources, found->settings, Loading::Trial, stand_in_mask_keys(found->settings), generation, nullptr, -1);
  if (!set) return std::unexpected(set.error());
  return TriedRules{std::move(found->settings), std::move(*set)};
}

void add_caller_options(CLI::App& command, CallerOptions& options) {
  command.add_option("--target", options.target, "The target; needed where the configuration has several.");
  command.add_option("--default", options.by_default, "What holds where no rule speaks, instead of what the target says.")
      ->check(CLI::IsMember({"allow", "deny"}));
  command.add_option("--subject", options.subject, "Whose statement it is.");
  command.add_option("--groups", options.groups, "Groups of the subject, separated by commas.")
      ->delimiter(',')
      ->allow_extra_args(false);
  command.add_option("--kind", options.kind, "human, workload or agent.")
      ->check(CLI::IsMember({"human", "workload", "agent"}));
  command.add_option("--address", options.address, "The client's address.");
  command.add_option("--at", options.at, "The time, such as 2026-01-31T12:00:00Z; without it, now.");
}

Expected<int64_t> parse_utc(std::string_view text) {
  const std::string copy(text);
  for (const char* format : {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ"}) {
    tm parts{};
    const char* end = ::strptime(copy.c_str(), format, &parts);
    if (end != nullptr && *end == '\0') return ::timegm(&parts);
  }
  return fail(fmt::format("expected a time such as 2026-01-31T12:00:00Z, found \"{}\"", printable(text)));
}

Expected<std::string> client_address_of(std::string_view address) {
  if (!rules::parse_address_range(address) || address.contains('/')) {
    return fail(fmt::format("expected a numeric address such as 192.0.2.7, found \"{}\"", printable(address)));
  }
  return address.contains(':') ? fmt::format("[{}]:0", address) : fmt::format("{}:0", address);
}

Expected<PrincipalKind> principal_kind(std::string_view word) {
  if (word == "human") return PrincipalKind::Human;
  if (word == "workload") return PrincipalKind::Workload;
  if (word == "agent") return PrincipalKind::Agent;
  if (word.empty() || word == "unknown") return PrincipalKind::Unknown;
  return fail(fmt::format("expected human, workload, agent or unknown, found \"{}\"", printable(word)));
}

Expected<Asker> asker_of(const CallerOptions& options) {
  Asker asker;
  asker.principal.subject = options.subject;
  asker.principal.groups = options.groups;
  asker.unix_s = std::time(nullptr);
  const auto kind = principal_kind(options.kind);
  if (!kind) return std::unexpected(kind.error());
  asker.principal.kind = *kind;
  if (!options.address.empty()) {
    auto address = client_address_of(options.address);
    if (!address) return fail("--address: " + address.error().message);
    asker.client_address = std::move(*address);
  }
  if (options.at.empty()) return asker;
  const auto at = parse_utc(options.at);
  if (!at) return fail("--at: " + at.error().message);
  asker.unix_s = *at;
  return asker;
}

Expected<TargetSettings> target_of(const TriedRules& loaded, const CallerOptions& options) {
  TargetSettings target;
  target.name = options.target;
  const auto& known = loaded.settings.targets;
  if (!known.empty()) {
    std::vector<std::string_view> names;
    names.reserve(known.size());
    for (const TargetSettings& t : known) names.emplace_back(t.name);
    if (options.target.empty() && known.size() > 1) {
      return fail(fmt::format("--target: needed, there are {}", fmt::join(names, ", ")));
    }
    const auto at = options.target.empty() ? known.begin() : std::ranges::find(known, options.target, &TargetSettings::name);
    if (at == known.end()) {
      return fail(fmt::format("--target: expected one of {}, found \"{}\"", fmt::join(names, ", "),
                              printable(options.target)));
    }
    target = *at;
  } else if (options.target.empty()) {
    std::set<std::string_view> named;
    for (const rules::Rule& rule : loaded.set->data().rules) {
      if (!rule.target.empty()) named.insert(rule.target);
    }
    if (!named.empty()) return fail(fmt::format("--target: needed, rules speak of {}", fmt::join(named, ", ")));
  }
  if (!options.by_default.empty()) target.default_verdict = options.by_default == "allow" ? Verdict::Allow : Verdict::Deny;
  return target;
}

}  // namespace sluice::cli
