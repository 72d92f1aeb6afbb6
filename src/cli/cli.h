// The one binary's subcommands. Each file here adds one to the parser; what it runs is called after the
// whole command line was read.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace CLI {
class App;
}

namespace sluice::cli {

/// What the process ends with. Scripts and service managers read these: they do not change.
enum ExitCode : int {
  Ok = 0,
  Failed = 1,          ///< Something went wrong while it ran.
  Usage = 2,           ///< The command line.
  BadConfig = 3,       ///< The configuration, rules or keys.
  NoIoUring = 4,       ///< The kernel, or a container's seccomp profile, has no io_uring for us.
  AuditUnavailable = 5,  ///< The audit log cannot be opened: without it nothing runs.
};

struct Invocation {
  std::function<int()> run;
};

void add_serve(CLI::App& app, Invocation& invocation);
void add_init(CLI::App& app, Invocation& invocation);
void add_check(CLI::App& app, Invocation& invocation);
void add_keys(CLI::App& app, Invocation& invocation);
void add_sessions(CLI::App& app, Invocation& invocation);
void add_audit(CLI::App& app, Invocation& invocation);
void add_rules(CLI::App& app, Invocation& invocation);
void add_status(CLI::App& app, Invocation& invocation);
void add_version(CLI::App& app, Invocation& invocation);
void add_completion(CLI::App& app, Invocation& invocation);

/// All of the above. The names and flags of `app` are what the manual page and completions list.
void build(CLI::App& app, Invocation& invocation);

/// Reads the command line and runs it.
[[nodiscard]] int run(int argc, char** argv);

/// Prints `sluice: message` on standard error and returns `code`. Lines after the first stand as they are.
int complain(ExitCode code, std::string_view message);

}  // namespace sluice::cli
