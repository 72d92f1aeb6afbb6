#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/load_rules.h"
#include "control/config.h"

namespace sluice::cli {
namespace {

struct CheckOptions {
  std::string config;
  bool skip_files = false;
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
  if (o.json) {
    const nlohmann::ordered_json out{{"ok", errors.empty()}, {"errors", errors}, {"warnings", warnings}};
    fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    for (const std::string& e : errors) fmt::print("{}\n", e);
    for (const std::string& w : warnings) fmt::print("warning: {}\n", w);
    if (errors.empty()) fmt::print("ok\n");
  }
  return errors.empty() ? Ok : BadConfig;
}

int check(const CheckOptions& o) {
  std::vector<std::string> warnings;
  const auto settings = control::load_config(o.config, {.check_files = !o.skip_files}, &warnings);
  if (!settings) return report(o, lines_of(settings.error().message), warnings);
  if (o.skip_files) return report(o, {}, warnings);
  std::vector<std::string> rule_warnings;
  const auto rules = load_rules(*settings, 1, &rule_warnings);
  warnings.insert(warnings.end(), rule_warnings.begin(), rule_warnings.end());
  if (!rules) return report(o, lines_of(rules.error().message), warnings);
  return report(o, {}, warnings);
}

}  // namespace

void add_check(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("check", "Check a configuration and its rules.");
  const auto o = std::make_shared<CheckOptions>();
  command->add_option("-c,--config", o->config, "Configuration file.")->required();
  command->add_flag("--skip-files", o->skip_files,
                    "Do not open what it names: certificates, keys, passwords, rules. For a machine without them.");
  command->add_flag("--json", o->json, "Print JSON.");
  command->callback([&invocation, o] { invocation.run = [o] { return check(*o); }; });
}

}  // namespace sluice::cli
