#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/http_get.h"
#include "control/config.h"
#include "control/config_reader.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

struct StatusOptions {
  std::string config;
  std::string admin;
  bool as_json = false;
};

Expected<control::Address> admin_address(const StatusOptions& o) {
  if (!o.admin.empty()) {
    const auto address = control::parse_address(o.admin);
    if (!address) return fail("--admin: expected address:port");
    return *address;
  }
  const auto settings = control::load_config(o.config, {.check_files = false});
  if (!settings) return std::unexpected(settings.error());
  if (settings->admin_port == 0) return fail(fmt::format("{}: no admin listener: add admin: {{bind: \"127.0.0.1:8080\"}}", o.config));
  // An address for all interfaces is one to listen on, not to ask.
  if (settings->admin_host == "0.0.0.0") return control::Address{"127.0.0.1", settings->admin_port};
  if (settings->admin_host == "::") return control::Address{"::1", settings->admin_port};
  return control::Address{settings->admin_host, settings->admin_port};
}

/// The document is our own, and still read as if it were not: no field is taken for granted.
std::string text_of(const json& from, const char* key) {
  const auto at = from.find(key);
  if (at == from.end()) return "?";
  return printable(at->is_string() ? at->get<std::string>() : at->dump());
}

std::string utc_text(int64_t unix_s) {
  const std::time_t at = unix_s;
  std::tm parts{};
  (void)::gmtime_r(&at, &parts);
  char out[32];
  return {out, std::strftime(out, sizeof out, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

void print_rules(const json& rules) {
  fmt::print("rules: {}, generation {}, SHA-256 {}\n", text_of(rules, "count"), text_of(rules, "generation"),
             text_of(rules, "hash"));
  fmt::print("  loaded {} from {}; reloads since the start: {} good, {} bad\n",
             utc_text(rules.value("loaded_unix_s", int64_t{0})), text_of(rules, "origin"), text_of(rules, "reloads_ok"),
             text_of(rules, "reloads_failed"));
  if (const json before = rules.value("previous", json()); before.is_object())
    fmt::print("  before: generation {}, SHA-256 {}\n", text_of(before, "generation"), text_of(before, "hash"));
  if (rules.contains("last_failure"))
    fmt::print("  the last reload failed and changed nothing: {}\n", text_of(rules, "last_failure"));
  for (const json& live : rules.value("live", json::array())) {
    if (live.value("held_by", uint64_t{0}) == 0) continue;
    fmt::print("  generation {} is still used by {} sessions:", text_of(live, "generation"), text_of(live, "held_by"));
    for (const json& holder : live.value("holders", json::array()))
      fmt::print(" {} at {};", text_of(holder, "session"), text_of(holder, "target"));
    fmt::print("\n");
  }
  fmt::print("\n");
}

void print_status(const json& s) {
  fmt::print("sluice {}: {}\n", text_of(s, "version"),
             s.value("ready", false) ? "ready" : "not ready: " + text_of(s, "not_ready_because"));
  const json rules = s.value("rules", json::object());
  fmt::print("subjects with keys: {}; log lines dropped: {}\n", text_of(s, "access_subjects"),
             text_of(s, "log_lines_dropped"));
  print_rules(rules);
  fmt::print("{:>4} {:>7} {:>8} {:>10} {:>10} {:>9} {:>10} {:>12} {:>9} {:>10}\n", "LANE", "RUNNING", "SESSIONS", "TOTAL",
             "ALLOWED", "DENIED", "MASKED", "BUFFERS", "RING", "RULES");
  for (const json& lane : s.value("lanes", json::array())) {
    fmt::print("{:>4} {:>7} {:>8} {:>10} {:>10} {:>9} {:>10} {:>12} {:>9} {:>10}\n", text_of(lane, "lane"),
               text_of(lane, "running"), text_of(lane, "sessions_open"), text_of(lane, "sessions_total"),
               text_of(lane, "allowed"), text_of(lane, "denied"), text_of(lane, "masked_cells"),
               text_of(lane, "buffers_free") + "/" + text_of(lane, "buffers_total"), text_of(lane, "ring_fill"),
               text_of(lane, "rule_generation"));
  }
  fmt::print("\n{:<18} {:<9} {}\n", "IF THIS IS AWAY", "STATE", "THIS HAPPENS");
  for (const json& mode : s.value("fail_modes", json::array())) {
    fmt::print("{:<18} {:<9} {}\n", text_of(mode, "away"), text_of(mode, "state"), text_of(mode, "effect"));
  }
}

int status(const StatusOptions& o) {
  const auto address = admin_address(o);
  if (!address) return complain(BadConfig, address.error().message);
  const auto answer = http_get(address->host, address->port, "/status");
  if (!answer) return complain(Failed, answer.error().message);
  const json document = json::parse(answer->body, nullptr, false);
  if (answer->status != 200 || !document.is_object()) {
    return complain(Failed, fmt::format("the admin listener answered {} and no status", answer->status));
  }
  try {
    if (o.as_json) {
      fmt::print("{}\n", document.dump(2));
    } else {
      print_status(document);
    }
  } catch (const json::exception&) {
    return complain(Failed, "the admin listener's status has another form: is it another version of sluice?");
  }
  return Ok;
}

}  // namespace

void add_status(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("status", "Ask a running sluice how it is.");
  const auto o = std::make_shared<StatusOptions>();
  auto* config = command->add_option("-c,--config", o->config, "Configuration file; its admin.bind is asked.");
  auto* admin = command->add_option("--admin", o->admin, "Address and port of the admin listener, instead of -c.");
  config->excludes(admin);
  command->add_flag("--json", o->as_json, "Print JSON.");
  command->callback([&invocation, o] {
    if (o->config.empty() && o->admin.empty()) throw CLI::RequiredError("-c or --admin");
    invocation.run = [o] { return status(*o); };
  });
}

}  // namespace sluice::cli
