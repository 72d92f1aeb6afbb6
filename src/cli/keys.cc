#include "control/keys.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/write_secret.h"
#include "control/config.h"
#include "control/config_reader.h"

namespace sluice::cli {
namespace {

using nlohmann::ordered_json;

struct KeysOptions {
  std::string config;
  std::string subject;
  std::vector<std::string> groups;
  bool replace_groups = false;
  std::string kind;
  std::string expires;
  std::string id;
  bool json = false;
};

Expected<std::string> keys_file_of(const std::string& config) {
  // What else the configuration names need not be readable for who makes keys.
  const auto settings = control::load_config(config, {.check_files = false});
  if (!settings) return std::unexpected(settings.error());
  if (settings->identity.access_keys_file.empty()) {
    return fail(fmt::format("{}: no keys file: add identity: {{access_keys: {{file: keys.yaml}}}}", config));
  }
  return settings->identity.access_keys_file;
}

std::string date_of(int64_t unix_s) {
  if (unix_s == 0) return "never";
  const time_t t = unix_s;
  tm parts{};
  (void)gmtime_r(&t, &parts);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%MZ", &parts));
}

std::string_view state_of(const AccessKey& key) {
  if (key.revoked) return "revoked";
  return is_live(key, std::time(nullptr)) ? "live" : "expired";
}

int create(const KeysOptions& o) {
  const auto file = keys_file_of(o.config);
  if (!file) return complain(BadConfig, file.error().message);
  control::NewKey wanted{o.subject, o.groups, o.replace_groups, o.kind, 0};
  if (!o.expires.empty()) {
    const auto ms = control::parse_duration_ms(o.expires);
    if (!ms || *ms < 1000) return complain(Usage, "--expires: expected a duration such as 12h or 30d");
    wanted.expires_unix_s = std::time(nullptr) + static_cast<int64_t>(*ms / 1000);
  }
  const auto made = control::create_key(*file, wanted);
  if (!made) return complain(BadConfig, made.error().message);
  const std::string expires = date_of(wanted.expires_unix_s);
  bool written = false;
  if (o.json) {
    const std::string before = fmt::format(R"({{"id":{},"subject":{},"expires_unix_s":{},"key":")", json_quote(made->id),
                                           json_quote(o.subject), wanted.expires_unix_s);
    written = write_secret(before, made->key, "\"}\n");
  } else {
    fmt::print(stderr, "Key {} of {}, expires: {}. It is shown this once; sluice keeps only a verifier.\n"
                       "A running sluice takes it within a second.\n", made->id, printable(o.subject), expires);
    written = write_secret("", made->key, "\n");
  }
  if (!written) {
    return complain(Failed, fmt::format("the key could not be printed: revoke it with sluice keys revoke {}", made->id));
  }
  return Ok;
}

int list(const KeysOptions& o) {
  const auto file = keys_file_of(o.config);
  if (!file) return complain(BadConfig, file.error().message);
  const auto subjects = control::load_keys(*file);
  if (!subjects) return complain(BadConfig, subjects.error().message);
  if (o.json) {
    ordered_json out = ordered_json::array();
    for (const AccessSubject& s : *subjects) {
      for (const AccessKey& k : s.keys) {
        out.push_back(ordered_json{{"id", k.id}, {"subject", s.subject}, {"kind", s.kind}, {"groups", s.groups},
                                   {"expires_unix_s", k.expires_unix_s}, {"state", std::string(state_of(k))}});
      }
    }
    fmt::print("{}\n", out.dump(2));
    return Ok;
  }
  fmt::print("{:<14} {:<8} {:<18} {:<28} {}\n", "ID", "STATE", "EXPIRES", "SUBJECT", "GROUPS");
  for (const AccessSubject& s : *subjects) {
    for (const AccessKey& k : s.keys) {
      fmt::print("{:<14} {:<8} {:<18} {:<28} {}\n", k.id, state_of(k), date_of(k.expires_unix_s), printable(s.subject),
                 printable(fmt::format("{}", fmt::join(s.groups, ","))));
    }
  }
  return Ok;
}

int revoke(const KeysOptions& o) {
  const auto file = keys_file_of(o.config);
  if (!file) return complain(BadConfig, file.error().message);
  const auto done = control::revoke_key(*file, o.id);
  if (!done) return complain(Failed, done.error().message);
  if (o.json) {
    fmt::print("{}\n", ordered_json{{"id", o.id}, {"state", "revoked"}}.dump());
  } else {
    fmt::print("Key {} is revoked. A running sluice knows within a second.\n", printable(o.id));
  }
  return Ok;
}

}  // namespace

bool write_secret(std::string_view before, const Secret& key, std::string_view after) {
  (void)std::fflush(stdout);
  for (std::string_view part : {before, key.reveal(), after}) {
    while (!part.empty()) {
      const ssize_t n = ::write(STDOUT_FILENO, part.data(), part.size());
      if (n <= 0) return false;
      part.remove_prefix(static_cast<size_t>(n));
    }
  }
  return true;
}

void add_keys(CLI::App& app, Invocation& invocation) {
  CLI::App* keys = app.add_subcommand("keys", "Make, list and revoke access keys.");
  keys->require_subcommand(1);
  const auto o = std::make_shared<KeysOptions>();
  const auto common = [o](CLI::App* command) {
    command->add_option("-c,--config", o->config, "Configuration file.")->required();
    command->add_flag("--json", o->json, "Print JSON.");
  };
  CLI::App* c = keys->add_subcommand("create", "Make a key and print it once.");
  common(c);
  c->add_option("--subject", o->subject, "Whose key it is: what the client gives as user.")->required();
  c->add_option("--groups", o->groups, "Groups of the subject, separated by commas.")->delimiter(',')->allow_extra_args(false);
  c->add_flag("--replace-groups", o->replace_groups, "The subject exists: change its groups to these.");
  c->add_option("--kind", o->kind, "human, workload or agent.")->check(CLI::IsMember({"human", "workload", "agent"}));
  c->add_option("--expires", o->expires, "Time to live, such as 12h or 30d; without it the key does not expire.");
  c->callback([&invocation, o] { invocation.run = [o] { return create(*o); }; });

  CLI::App* l = keys->add_subcommand("list", "List keys: ids, subjects, state; never the keys.");
  common(l);
  l->callback([&invocation, o] { invocation.run = [o] { return list(*o); }; });

  CLI::App* r = keys->add_subcommand("revoke", "Revoke a key.");
  common(r);
  r->add_option("id", o->id, "The key's id, as keys list shows it.")->required();
  r->callback([&invocation, o] { invocation.run = [o] { return revoke(*o); }; });
}

}  // namespace sluice::cli
