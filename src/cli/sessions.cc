#include "audit/sessions.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <ctime>
#include <memory>

#include "cli/cli.h"
#include "control/config.h"
#include "control/config_reader.h"

namespace sluice::cli {
namespace {

struct SessionsOptions {
  std::string config;
  std::string directory;
  std::string id;
  std::string since;
  std::string subject;
  std::string target;
  uint32_t limit = 100;
  bool json = false;
};

Expected<std::string> audit_directory(const SessionsOptions& o) {
  if (!o.directory.empty()) return o.directory;
  const auto settings = control::load_config(o.config, {.check_files = false});
  if (!settings) return std::unexpected(settings.error());
  return settings->audit.directory;
}

audit::Format format_of(const SessionsOptions& o) { return o.json ? audit::Format::JsonLines : audit::Format::Text; }

int list(const SessionsOptions& o) {
  const auto directory = audit_directory(o);
  if (!directory) return complain(BadConfig, directory.error().message);
  audit::SessionFilter filter;
  filter.subject = o.subject;
  filter.target = o.target;
  filter.limit = o.limit;
  if (!o.since.empty()) {
    const auto ms = control::parse_duration_ms(o.since);
    if (!ms) return complain(Usage, "--since: expected a duration such as 15m or 2d");
    filter.since_unix_ns = (int64_t{std::time(nullptr)} * 1000 - static_cast<int64_t>(*ms)) * 1'000'000;
  }
  const auto sessions = audit::list_sessions(*directory, filter);
  if (!sessions) return complain(Failed, sessions.error().message);
  if (!o.json) fmt::print("{}\n", audit::summary_title());
  for (const audit::SessionSummary& s : *sessions) {
    fmt::print("{}\n", o.json ? audit::summary_json(s) : audit::summary_text(s));
  }
  return Ok;
}

int show(const SessionsOptions& o) {
  const auto directory = audit_directory(o);
  if (!directory) return complain(BadConfig, directory.error().message);
  const auto lines = audit::show_session(*directory, o.id, format_of(o));
  if (!lines) return complain(Failed, lines.error().message);
  for (const std::string& line : *lines) fmt::print("{}\n", line);
  return Ok;
}

int replay(const SessionsOptions& o) {
  const auto directory = audit_directory(o);
  if (!directory) return complain(BadConfig, directory.error().message);
  const auto done = audit::replay_session(*directory, o.id, format_of(o),
                                          [](std::string_view line) { fmt::print("{}\n", line); });
  return done ? Ok : complain(Failed, done.error().message);
}

}  // namespace

void add_sessions(CLI::App& app, Invocation& invocation) {
  CLI::App* sessions = app.add_subcommand("sessions", "Look at recorded sessions.");
  sessions->require_subcommand(1);
  const auto o = std::make_shared<SessionsOptions>();
  const auto add = [&](const char* name, const char* summary, int (*what)(const SessionsOptions&)) {
    CLI::App* command = sessions->add_subcommand(name, summary);
    auto* config = command->add_option("-c,--config", o->config, "Configuration file; its audit.directory is read.");
    auto* directory = command->add_option("--directory", o->directory, "Folder of the audit log, instead of -c.");
    config->excludes(directory);
    command->add_flag("--json", o->json, "Print JSON, one object a line.");
    command->callback([&invocation, o, what] {
      if (o->config.empty() && o->directory.empty()) throw CLI::RequiredError("-c or --directory");
      invocation.run = [o, what] { return what(*o); };
    });
    return command;
  };
  CLI::App* l = add("list", "List sessions, newest first.", list);
  l->add_option("--since", o->since, "Only those that began in this time, such as 15m or 2d.");
  l->add_option("--subject", o->subject, "Only this principal's.");
  l->add_option("--target", o->target, "Only those to this target.");
  l->add_option("--limit", o->limit, "At most so many.")->check(CLI::Range(1U, 100'000U))->capture_default_str();
  for (CLI::App* c : {add("show", "Show one session's statements and verdicts.", show),
                      add("replay", "Print every record of one session in order.", replay)}) {
    c->add_option("id", o->id, "The session's id, or its first digits.")->required();
  }
}

}  // namespace sluice::cli
