#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/load_rules.h"
#include "cli/pg_connect.h"
#include "control/config.h"
#include "control/credentials.h"
#include "control/keys.h"
#include "rules/ruleset/ruleset_data.h"

namespace sluice::cli {
namespace {

struct CheckOptions {
  std::string config;
  bool skip_files = false;
  bool connect = false;
  bool strict = false;
  bool json = false;
};

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

int report(const CheckOptions& o, const std::vector<std::string>& errors, const std::vector<std::string>& warnings) {
  const bool ok = errors.empty() && !(o.strict && !warnings.empty());
  if (o.json) {
    const nlohmann::ordered_json out{{"ok", ok}, {"errors", errors}, {"warnings", warnings}};
    fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    for (const std::string& e : errors) fmt::print("{}\n", e);
    for (const std::string& w : warnings) fmt::print("warning: {}\n", w);
    if (ok) fmt::print("ok\n");
  }
  return ok ? Ok : BadConfig;
}

void warn_of_defaults(const CheckOptions& o, const Settings& settings, std::vector<std::string>& warnings) {
  for (const TargetSettings& t : settings.targets) {
    if (t.default_verdict != Verdict::Allow) continue;
    warnings.push_back(fmt::format("{}: target {}: default: allow lets every statement pass that no rule speaks of",
                                   o.config, t.name));
  }
}

void warn_of_alerts(const CheckOptions& o, const Settings& settings, const rules::RuleSet& set,
                    std::vector<std::string>& warnings) {
  for (const TargetSettings& t : settings.targets) {
    size_t count = 0;
    bool enforced = false;
    for (const rules::Rule& rule : set.data().rules) {
      if (!rule.target.empty() && rule.target != t.name) continue;
      count += 1;
      enforced |= !rule.only_alerts();
    }
    if (count == 0 || enforced) continue;
    warnings.push_back(fmt::format("{}: target {}: every rule ({}) only alerts: nothing is refused or masked", o.config,
                                   t.name, count));
  }
}

void warn_of_keys(const Settings& settings, std::vector<std::string>& warnings) {
  const std::string& file = settings.identity.access_keys_file;
  if (file.empty()) return;
  const auto subjects = control::load_keys(file);
  if (!subjects) return;  // Said by load_config().
  for (const AccessSubject& s : *subjects) {
    for (const AccessKey& k : s.keys) {
      if (k.revoked || k.expires_unix_s != 0) continue;
      warnings.push_back(fmt::format("{}: key {} of {} does not expire: make one with --expires in its place", file, k.id,
                                     printable(s.subject)));
    }
  }
}

void ask_targets(const CheckOptions& o, const Settings& settings, std::vector<std::string>& errors,
                 std::vector<std::string>& warnings) {
  const auto credentials = control::load_credentials(settings.targets);
  if (!credentials) return errors.push_back(credentials.error().message);
  for (const TargetCredentials& of_target : (*credentials)->targets) {
    const auto target = std::ranges::find(settings.targets, of_target.target, &TargetSettings::name);
    if (target == settings.targets.end()) continue;
    for (const Credential& credential : of_target.credentials) {
      const std::string who = fmt::format("{}: target {}: {}", o.config, target->name, printable(credential.user));
      const auto connection = pg_connect(*target, credential.user, credential.password);
      const auto rows = connection ? pg_ask(connection->get(), "SELECT rolsuper FROM pg_catalog.pg_roles "
                                                               "WHERE rolname = current_user")
                                   : Expected<PgRows>(std::unexpected(connection.error()));
      if (!rows) {
        errors.push_back(fmt::format("{} could not be tried: {}", who, rows.error().message));
      } else if (PQntuples(rows->get()) == 1 && *PQgetvalue(rows->get(), 0, 0) == 't') {
        warnings.push_back(fmt::format("{} is a superuser: whoever gets a statement past the rules has the whole server",
                                       who));
      }
    }
  }
}

int check(const CheckOptions& o) {
  std::vector<std::string> errors, warnings;
  const auto settings = control::load_config(o.config, {.check_files = !o.skip_files}, &warnings);
  if (!settings) return report(o, lines_of(settings.error().message), warnings);
  warn_of_defaults(o, *settings, warnings);
  if (o.skip_files) return report(o, {}, warnings);
  warn_of_keys(*settings, warnings);
  std::vector<std::string> rule_warnings;
  const auto rules = load_rules(*settings, Loading::Checking, 1, &rule_warnings);
  warnings.insert(warnings.end(), rule_warnings.begin(), rule_warnings.end());
  if (!rules) return report(o, lines_of(rules.error().message), warnings);
  warn_of_alerts(o, *settings, **rules, warnings);
  if (o.connect) ask_targets(o, *settings, errors, warnings);
  return report(o, errors, warnings);
}

}  // namespace

void add_check(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("check", "Check a configuration and its rules.");
  const auto o = std::make_shared<CheckOptions>();
  command->add_option("-c,--config", o->config, "Configuration file.")->required();
  auto* skip = command->add_flag("--skip-files", o->skip_files,
                    "Do not open what it names: certificates, keys, passwords, rules. For a machine without them.");
  auto* connect = command->add_flag("--connect", o->connect,
                                    "Log in to each target with each credential, and ask whether it is a superuser.");
  connect->excludes(skip);
  command->add_flag("--strict", o->strict, "A warning is an error.");
  command->add_flag("--json", o->json, "Print JSON.");
  command->callback([&invocation, o] { invocation.run = [o] { return check(*o); }; });
}

}  // namespace sluice::cli
