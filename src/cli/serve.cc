#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/service.h"
#include "control/config.h"
#include "control/files.h"

namespace sluice::cli {
namespace {

/// Before any secret is read: no core dump and no debugger of the same user sees our memory.
int harden_process() {
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return complain(Failed, "core dumps cannot be switched off");
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &files);  // With fewer descriptors fewer sessions fit; that is all.
  }
  (void)std::signal(SIGPIPE, SIG_IGN);
  (void)std::signal(SIGCHLD, SIG_DFL);  // Who starts us may have it ignored, and then nobody learns how a child ended.
  return Ok;
}

/// Blocked before the first thread is made, since threads inherit the mask.
int open_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, s);
  if (::pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) return -1;
  return ::signalfd(-1, &set, SFD_CLOEXEC);
}

int serve(const std::string& config) {
  if (const int code = harden_process(); code != Ok) return code;
  std::vector<std::string> warnings;
  const auto stamp = control::stamp_of(config);
  auto settings = control::load_config(config, {}, &warnings);
  if (!settings) return complain(BadConfig, settings.error().message);
  const int signals = open_signals();
  if (signals < 0) return complain(Failed, fmt::format("signals cannot be waited for: {}", errno_text(errno)));
  for (const std::string& w : warnings) complain(Ok, "warning: " + w);
  Service service(config, stamp, std::move(*settings), signals);
  if (const int code = service.start(); code != Ok) return code;
  return service.run();
}

}  // namespace

void add_serve(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("serve", "Run the gateway.");
  const auto config = std::make_shared<std::string>();
  command->add_option("-c,--config", *config, "Configuration file.")->required();
  command->footer("SIGTERM or SIGINT: no new sessions, and stop when the open ones are done or drain_timeout is over;\n"
                  "a second one stops at once. SIGHUP: read configuration, rules, keys, passwords and certificates again.");
  command->callback([&invocation, config] { invocation.run = [config] { return serve(*config); }; });
}

}  // namespace sluice::cli
