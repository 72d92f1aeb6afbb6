#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/cli.h"

namespace sluice::cli {

void add_version(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("version", "Print the version.");
  command->callback([&invocation] {
    invocation.run = [] {
      fmt::print("sluice {}\n", SLUICE_VERSION);
      return Ok;
    };
  });
}

}  // namespace sluice::cli
