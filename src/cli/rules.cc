// `sluice rules`: the commands on rule sets, each in a file of its own.
#include <CLI/CLI.hpp>

#include "cli/cli.h"
#include "cli/rules_tools.h"

namespace sluice::cli {

void add_rules(CLI::App& app, Invocation& invocation) {
  CLI::App* rules = app.add_subcommand("rules", "Try rule sets, and change those of a running sluice.");
  rules->require_subcommand(1);
  add_rules_explain(*rules, invocation);
  add_rules_test(*rules, invocation);
  add_rules_diff(*rules, invocation);
  add_rules_replay(*rules, invocation);
  add_rules_bench(*rules, invocation);
  add_rules_compile(*rules, invocation);
  add_rules_show(*rules, invocation);
  add_rules_push(*rules, invocation);
}

}  // namespace sluice::cli
