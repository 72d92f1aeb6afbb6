// What the tools around rules share: which rules, whose statement, at which target and time.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/principal.h"
#include "model/settings.h"
#include "rules/compile/compile.h"
#include "rules/ruleset/ruleset.h"

namespace CLI {
class App;
}

namespace sluice::cli {

struct Invocation;

void add_rules_explain(CLI::App& rules, Invocation& invocation);
void add_rules_test(CLI::App& rules, Invocation& invocation);
void add_rules_diff(CLI::App& rules, Invocation& invocation);
void add_rules_replay(CLI::App& rules, Invocation& invocation);
void add_rules_bench(CLI::App& rules, Invocation& invocation);
void add_rules_push(CLI::App& rules, Invocation& invocation);
void add_rules_compile(CLI::App& rules, Invocation& invocation);
void add_rules_show(CLI::App& rules, Invocation& invocation);

/// A rule set, and the targets it was compiled for.
struct TriedRules {
  Settings settings;  ///< Without a configuration: no targets, so rules may name any.
  std::shared_ptr<const rules::RuleSet> set;
};

/// The files of a rule set, read.
struct FoundRules {
  Settings settings;  ///< Without a configuration: no targets, so rules may name any.
  std::vector<rules::SourceFile> sources;
};
/// Of load_rules_from(), before compiling.
[[nodiscard]] Expected<FoundRules> find_rules(const std::string& config, const std::vector<std::string>& paths);

/// The rules of `paths` (files, and folders of them) or, where that is empty, those that the configuration
/// names. Either may be empty, not both. `generation` tells two sets of one command apart.
[[nodiscard]] Expected<TriedRules> load_rules_from(const std::string& config, const std::vector<std::string>& paths,
                                                    uint64_t generation);

/// The options of whom a statement is judged for.
struct CallerOptions {
  std::string target;
  std::string by_default;  ///< "allow", "deny"; empty: what the target says, else deny.
  std::string subject;
  std::vector<std::string> groups;
  std::string kind;
  std::string address;
  std::string at;
};
void add_caller_options(CLI::App& command, CallerOptions& options);

/// Who asks, owning what rules::Caller borrows.
struct Asker {
  Principal principal;
  std::string client_address;  ///< With a port, as sessions have it; empty: not known.
  int64_t unix_s = 0;
  [[nodiscard]] rules::Caller caller() const { return {principal, client_address, unix_s}; }
};

/// Errors say which value is not one.
[[nodiscard]] Expected<Asker> asker_of(const CallerOptions& options);
/// The target of the options: one of the configuration's, the only one it has, or one made of the name.
[[nodiscard]] Expected<TargetSettings> target_of(const TriedRules& loaded, const CallerOptions& options);

/// "2026-01-31T12:00:00Z" or "2026-01-31T12:00Z".
[[nodiscard]] Expected<int64_t> parse_utc(std::string_view text);
/// A numeric address without a port, as a client address with port 0.
[[nodiscard]] Expected<std::string> client_address_of(std::string_view address);
[[nodiscard]] Expected<PrincipalKind> principal_kind(std::string_view word);

}  // namespace sluice::cli
