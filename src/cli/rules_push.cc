#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/http_get.h"
#include "cli/load_rules.h"
#include "cli/rules_tools.h"
#include "control/config.h"
#include "control/files.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

struct PushOptions {
  std::vector<std::string> paths;
  std::string config;
  std::string socket;
  bool revoke = false;
  bool as_json = false;
};

Expected<std::string> socket_path(const PushOptions& o, const Expected<Settings>& settings) {
  if (!o.socket.empty()) return o.socket;
  if (!settings) return std::unexpected(settings.error());
  return settings->admin_socket;
}

/// As written on the command line, or else what the configuration names.
Expected<std::vector<rules::SourceFile>> sources_of(const PushOptions& o, const Expected<Settings>& settings) {
  std::vector<std::string> files;
  if (o.paths.empty() && !settings) return std::unexpected(settings.error());
  for (const std::string& path : o.paths.empty() ? settings->rule_files : o.paths) {
    auto found = control::rule_files(path);
    if (!found) return std::unexpected(found.error());
    files.insert(files.end(), found->begin(), found->end());
  }
  return read_rules(files);
}

int print_answer(const PushOptions& o, const Expected<HttpAnswer>& answer) {
  if (!answer) return complain(Failed, answer.error().message);
  const json document = json::parse(answer->body, nullptr, false);
  if (!document.is_object()) return complain(Failed, fmt::format("sluice answered {} and nothing more", answer->status));
  try {
    if (answer->status != 200) return complain(BadConfig, document.value("error", "sluice refused, and did not say why"));
    if (o.as_json) {
      fmt::print("{}\n", document.dump(2));
      return Ok;
    }
    for (const json& w : document.value("warnings", json::array())) complain(Ok, "warning: " + w.get<std::string>());
    const json ms = document.value("last_lane_ms", json());
    fmt::print("generation {}: {} rules, {}\n", document.at("generation").get<uint64_t>(),
               document.at("rules").get<uint64_t>(), printable(document.at("hash").get<std::string>()));
    fmt::print("loaded in {:.1f} ms; ", document.at("load_ms").get<double>());
    if (ms.is_number()) {
      fmt::print("every lane took it within {:.1f} ms\n", ms.get<double>());
    } else {
      fmt::print("some lane is busy, and takes it with its next event\n");
    }
    if (o.revoke) fmt::print("statements cancelled: {}\n", document.at("cancelled").get<uint64_t>());
  } catch (const json::exception&) {
    return complain(Failed, "the answer has another form: is it another version of sluice?");
  }
  return Ok;
}

Expected<Settings> settings_of(const PushOptions& o) {
  if (o.config.empty()) return fail("no configuration was given");
  return control::load_config(o.config, {.check_files = false});
}

int push(const PushOptions& o) {
  const auto settings = settings_of(o);
  const auto socket = socket_path(o, settings);
  if (!socket) return complain(BadConfig, socket.error().message);
  const auto sources = sources_of(o, settings);
  if (!sources) return complain(BadConfig, sources.error().message);
  json body{{"sources", json::array()}, {"revoke", o.revoke}};
  for (const rules::SourceFile& s : *sources) {
    if (rules::is_artefact(s.text)) {
      body["sources"].push_back({{"path", s.path}, {"base64", base64_encode(as_bytes(s.text))}});
    } else {
      body["sources"].push_back({{"path", s.path}, {"text", s.text}});
    }
  }
  std::string text;
  try {
    text = body.dump();
  } catch (const json::exception&) {
    return complain(BadConfig, "a rule file is not UTF-8");
  }
  return print_answer(o, http_local(*socket, "/v1/rules", text));
}

int rollback(const PushOptions& o) {
  const auto socket = socket_path(o, settings_of(o));
  if (!socket) return complain(BadConfig, socket.error().message);
  return print_answer(o, http_local(*socket, "/v1/rules/rollback", json{{"revoke", o.revoke}}.dump()));
}

void add_common(CLI::App& command, const std::shared_ptr<PushOptions>& o) {
  auto* config = command.add_option("-c,--config", o->config, "Configuration file; its admin.socket is told.");
  auto* socket = command.add_option("--socket", o->socket, "The local socket, instead of -c.");
  config->excludes(socket);
  command.add_flag("--revoke", o->revoke, "Cancel running statements that these rules deny.");
  command.add_flag("--json", o->as_json, "Print JSON.");
}

}  // namespace

void add_rules_push(CLI::App& rules, Invocation& invocation) {
  CLI::App* push_command = rules.add_subcommand("push", "Load rules into a running sluice.");
  const auto o = std::make_shared<PushOptions>();
  push_command->add_option("paths", o->paths, "Rule files or folders, or a compiled file; those of the configuration when absent.");
  add_common(*push_command, o);
  push_command->callback([&invocation, o] {
    if (o->config.empty() && o->socket.empty()) throw CLI::RequiredError("-c or --socket");
    if (o->config.empty() && o->paths.empty()) throw CLI::RequiredError("-c or paths of rules");
    invocation.run = [o] { return push(*o); };
  });

  CLI::App* rollback_command = rules.add_subcommand("rollback", "Go back to the rules that ran before.");
  const auto back = std::make_shared<PushOptions>();
  add_common(*rollback_command, back);
  rollback_command->callback([&invocation, back] {
    if (back->config.empty() && back->socket.empty()) throw CLI::RequiredError("-c or --socket");
    invocation.run = [back] { return rollback(*back); };
  });
}

}  // namespace sluice::cli
