#include "cli/cli.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <span>
#include <string_view>

#include "cli/compile_child.h"

namespace sluice::cli {

int complain(ExitCode code, std::string_view message) {
  fmt::print(stderr, "sluice: {}\n", message);
  return code;
}

void build(CLI::App& app, Invocation& invocation) {
  app.description("Identity-aware gateway on the data path of databases.");
  app.name("sluice");
  app.require_subcommand(1);
  add_serve(app, invocation);
  add_init(app, invocation);
  add_check(app, invocation);
  add_keys(app, invocation);
  add_sessions(app, invocation);
  add_audit(app, invocation);
  add_rules(app, invocation);
  add_status(app, invocation);
  add_version(app, invocation);
  add_completion(app, invocation);
  // Last, or every subcommand would inherit it.
  app.footer("Exit codes: 0 done, 1 failed while running, 2 command line, 3 configuration, rules or keys,\n"
             "4 no io_uring, 5 no audit log.");
}

int run(int argc, char** argv) {
  const std::span arguments(argv, static_cast<size_t>(argc));
  if (argc > 0 && std::string_view(arguments[0]) == compile_child_name) return run_compile_child(arguments.subspan(1));
  CLI::App app;
  Invocation invocation;
  build(app, invocation);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& bad) {
    return complain(Usage, fmt::format("{}\nRun with --help for what there is.", bad.what()));
  }
  const int code = invocation.run();
  // A full disk or a closed pipe must not look like a complete answer.
  if (std::fflush(stdout) != 0 && code == Ok) return complain(Failed, "standard output cannot be written");
  return code;
}

}  // namespace sluice::cli
