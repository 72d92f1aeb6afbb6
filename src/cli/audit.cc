#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "audit/audit_log.h"
#include "cli/cli.h"
#include "control/config.h"

namespace sluice::cli {
namespace {

struct AuditOptions {
  std::string config;
  bool json = false;
};

int recover(const AuditOptions& o) {
  const auto settings = control::load_config(o.config, {.check_files = false});
  if (!settings) return complain(BadConfig, settings.error().message);
  const auto recoveries = audit::AuditLog::recover(settings->audit);
  if (!recoveries) return complain(AuditUnavailable, recoveries.error().message);
  bool damaged = false;
  for (const audit::LaneRecovery& r : *recoveries) {
    damaged |= r.recovery.damaged;
    if (o.json) {
      const nlohmann::ordered_json line{{"lane", r.lane},
                                        {"recovered_records", r.recovery.recovered_records},
                                        {"closed_sessions", r.recovery.closed_sessions},
                                        {"torn_bytes", r.recovery.torn_bytes},
                                        {"crashed", r.recovery.crashed},
                                        {"damaged", r.recovery.damaged}};
      fmt::print("{}\n", line.dump());
    } else {
      fmt::print("lane {}: {}{} records carried over, {} sessions ended, {} torn bytes set aside{}\n", r.lane,
                 r.recovery.crashed ? "ended by a crash, " : "", r.recovery.recovered_records,
                 r.recovery.closed_sessions, r.recovery.torn_bytes,
                 r.recovery.damaged ? "; a block before the end is damaged" : "");
    }
  }
  if (recoveries->empty() && !o.json) fmt::print("nothing to recover: no lane has written here\n");
  return damaged ? Failed : Ok;
}

}  // namespace

void add_audit(CLI::App& app, Invocation& invocation) {
  CLI::App* audit = app.add_subcommand("audit", "Look after the audit log.");
  audit->require_subcommand(1);
  CLI::App* command = audit->add_subcommand(
      "recover", "Carry what a crashed gateway left in its rings into the log.");
  const auto o = std::make_shared<AuditOptions>();
  command->add_option("-c,--config", o->config, "Configuration file.")->required();
  command->add_flag("--json", o->json, "Print JSON, one object a line.");
  command->callback([&invocation, o] { invocation.run = [o] { return recover(*o); }; });
}

}  // namespace sluice::cli
