#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/init_survey.h"
#include "cli/load_rules.h"
#include "cli/write_secret.h"
#include "control/config.h"
#include "control/keys.h"

namespace sluice::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view first_subject = "first-user";
constexpr std::string_view first_group = "users";
constexpr int64_t first_key_s = int64_t{30} * 24 * 3600;
constexpr size_t target_name_max = 63;

struct InitOptions {
  std::string url;
  std::string output = ".";
  uint32_t sample = 1000;
  bool json = false;
};

/// What the address of the database says, with what libpq fills in.
struct Source {
  std::string host;
  std::string port;
  std::string database;
  std::string user;
  std::string tls_mode;
  std::string tls_ca;
  Secret password;
};

struct ConninfoFree {
  void operator()(PQconninfoOption* o) const { PQconninfoFree(o); }
};

// Of a parsed address only: what the environment and files say is not there.
Expected<void> check_url(const std::string& url) {
  if (!url.starts_with("postgres://") && !url.starts_with("postgresql://")) {
    return fail("expected an address such as postgres://user@host/database");
  }
  char* message = nullptr;
  const std::unique_ptr<PQconninfoOption, ConninfoFree> options(PQconninfoParse(url.c_str(), &message));
  const std::unique_ptr<char, void (*)(void*)> freed(message, PQfreemem);
  // libpq's message quotes the address, which may hold a password.
  if (!options) return fail("the address is not one that libpq understands: expected postgres://user@host:port/database");
  std::map<std::string_view, std::string_view> given;
  for (const PQconninfoOption* o = options.get(); o->keyword != nullptr; ++o) {
    if (o->val != nullptr) given[o->keyword] = o->val;
  }
  if (given.contains("password")) {
    return fail("a password in the address is seen by everybody on this machine: set PGPASSWORD or use ~/.pgpass");
  }
  const std::string_view host = given["host"];
  if (host.empty() || host.starts_with('/') || host.contains(',')) {
    return fail("expected one host in the address: sluice reaches a database by TCP");
  }
  if (given["user"].empty()) return fail("expected a user in the address: the role that sluice logs in as");
  return {};
}

Source source_of(PGconn* connection) {
  const std::unique_ptr<PQconninfoOption, ConninfoFree> options(PQconninfo(connection));
  const auto value = [&](std::string_view name) -> std::string {
    for (const PQconninfoOption* o = options.get(); o != nullptr && o->keyword != nullptr; ++o) {
      if (o->keyword == name && o->val != nullptr) return o->val;
    }
    return {};
  };
  Source source{PQhost(connection), PQport(connection), PQdb(connection), PQuser(connection), value("sslmode"),
                {}, Secret(std::string(PQpass(connection)))};
  const bool named = source.tls_mode == "verify-ca" || source.tls_mode == "verify-full";
  if (named) {
    const std::string ca = value("sslrootcert");
    if (!ca.empty() && ca != "system") source.tls_ca = std::filesystem::absolute(ca).string();
  } else {
    source.tls_mode = PQsslInUse(connection) != 0 ? "require" : "disable";
  }
  return source;
}

std::string target_name(const std::string& database) {
  std::string name = database.substr(0, target_name_max);
  for (char& c : name) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (!fits) c = '-';
  }
  return name;
}

// The rings must be on tmpfs; /run is root's.
std::string ring_directory() {
  return ::geteuid() == 0 ? "/run/sluice" : fmt::format("/dev/shm/sluice-{}", ::geteuid());
}

// JSON strings are YAML.
std::string config_text(const Source& s, const std::string& name) {
  const std::string host = s.host.contains(':') ? "[" + s.host + "]" : s.host;
  const std::string ca = s.tls_ca.empty() ? "" : ", ca: " + json_quote(s.tls_ca);
  return fmt::format(R"(# Made by sluice init. Clients connect to the listener as a subject of keys.yaml.
listeners:
  - {{protocol: postgres, bind: "127.0.0.1:6432"}}
identity:
  access_keys: {{file: keys.yaml}}
targets:
  - name: {}
    protocol: postgres
    address: {}
    database: {}
    tls: {{mode: {}{}}}
    credentials: [{{user: {}, password: {{file: {}}}}}]
    access: [{{groups: [{}]}}]
    default: allow  # With rules in alert mode, sluice first only records.
rules: [rules/]
audit: {{directory: audit, ring_directory: {}}}
)",
                     json_quote(name), json_quote(fmt::format("{}:{}", host, s.port)), json_quote(s.database), s.tls_mode, ca,
                     json_quote(s.user), json_quote(name + ".password"), first_group, json_quote(ring_directory()));
}

std::string name_part(std::string_view name) {
  const bool plain = !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (plain) return std::string(name);
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string rule_id(std::string_view label) {
  std::string id;
  for (const char c : label) id += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c == '_' ? '-' : c;
  return id + "-columns";
}

std::string rules_text(const Survey& survey, const std::string& name) {
  std::map<std::string, std::vector<const FoundColumn*>> by_label;
  for (const FoundColumn& f : survey.found) by_label[rule_id(f.label)].push_back(&f);
  std::string out =
      "# Proposed by sluice init. In alert mode what matches is recorded and nothing else happens: look at what it\n"
      "# records, then take `mode: alert` out.\n"
      "version: 1\nmode: alert\nuse: [bounded-writes, hold-destructive, no-ddl, server-files-and-programs]\n";
  if (by_label.empty()) return out;
  out += "rules:\n";
  for (const auto& [id, columns] : by_label) {
    out += fmt::format("  - id: {}\n    target: {}\n    result:\n      columns:\n", id, json_quote(name));
    for (const FoundColumn* f : columns) {
      out += fmt::format("        - {}\n", json_quote(fmt::format("{}.{}.{}", name_part(f->schema), name_part(f->table),
                                                                 name_part(f->column))));
    }
    out += "    mask: {operator: redact}\n";
  }
  return out;
}

/// A file that was not there. What is written before a failure stays: its name is in the message.
Expected<void> write_new(const std::string& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return fail(fmt::format("{}: cannot be made: {}", path, errno_text(errno)));
  bool good = true;
  while (good && !text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    good = n > 0;
    if (good) text.remove_prefix(static_cast<size_t>(n));
  }
  good = ::fsync(fd) == 0 && good;
  good = ::close(fd) == 0 && good;
  return good ? Expected<void>() : fail(fmt::format("{}: cannot be written: {}", path, errno_text(errno)));
}

struct Paths {
  std::string folder, config, rules_folder, rules, keys, password;
  [[nodiscard]] std::vector<std::string> files() const { return {config, rules, keys, password}; }
};

Paths paths_of(const std::string& folder, const std::string& name) {
  return {folder, folder + "/sluice.yaml", folder + "/rules", folder + "/rules/" + name + ".yaml", folder + "/keys.yaml",
          folder + "/" + name + ".password"};
}

Expected<void> check_free(const Paths& paths) {
  for (const std::string& path : paths.files()) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) == 0) return fail(fmt::format("{}: is there already, and is not overwritten", path));
  }
  return {};
}

Expected<control::CreatedKey> write_all(const Source& source, const Survey& survey, const Paths& paths,
                                        const std::string& name) {
  std::error_code error;
  std::filesystem::create_directories(paths.rules_folder, error);
  if (error) return fail(fmt::format("{}: {}", paths.rules_folder, error.message()));
  auto written = write_new(paths.password, source.password.reveal());
  if (written) written = write_new(paths.rules, rules_text(survey, name));
  if (written) written = write_new(paths.config, config_text(source, name));
  if (!written) return std::unexpected(written.error());
  auto key = control::create_key(paths.keys, {.subject = std::string(first_subject), .groups = {std::string(first_group)},
                                              .kind = "human", .expires_unix_s = std::time(nullptr) + first_key_s});
  if (!key) return std::unexpected(key.error());
  const auto settings = control::load_config(paths.config);
  if (!settings) return std::unexpected(settings.error());
  if (const auto set = load_rules(*settings, Loading::Trial, 1, nullptr); !set) return std::unexpected(set.error());
  return key;
}

std::string reason_of(const FoundColumn& f) {
  return f.by_value ? fmt::format("{} of {} values", f.hits, f.values) : std::string("its name");
}

bool print_found(const InitOptions& o, const Survey& survey, const Paths& paths, const std::string& name,
                 const control::CreatedKey& key) {
  if (o.json) {
    ordered_json found = ordered_json::array();
    for (const FoundColumn& f : survey.found) {
      found.push_back({{"schema", f.schema}, {"table", f.table}, {"column", f.column}, {"type", f.type}, {"holds", f.label},
                       {"because", f.by_value ? "values" : "name"}, {"values", f.values}, {"hits", f.hits}});
    }
    const ordered_json out{{"target", name}, {"files", paths.files()}, {"tables", survey.tables},
                           {"columns", survey.columns}, {"found", found}, {"unreadable", survey.unreadable},
                           {"subject", first_subject}, {"key_id", key.id}};
    std::string text = out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    text.pop_back();
    return write_secret(text + ",\"key\":\"", key.key, "\"}\n");
  }
  fmt::print("{} tables, {} columns\n", survey.tables, survey.columns);
  if (!survey.found.empty()) fmt::print("{:<44} {:<24} {:<20} {}\n", "COLUMN", "TYPE", "HOLDS", "BECAUSE OF");
  for (const FoundColumn& f : survey.found) {
    fmt::print("{:<44} {:<24} {:<20} {}\n", printable(fmt::format("{}.{}.{}", f.schema, f.table, f.column)),
               printable(f.type), f.label, reason_of(f));
  }
  for (const std::string& table : survey.unreadable) fmt::print("not read: {}\n", printable(table));
  for (const std::string& file : paths.files()) fmt::print("written: {}\n", file);
  const std::string before = fmt::format("The key of {}, shown this once, for 30 days:\n", first_subject);
  return write_secret(before, key.key, fmt::format("\nNext: sluice check -c {0}, then sluice serve -c {0}\n", paths.config));
}

int init(const InitOptions& o) {
  if (const auto good = check_url(o.url); !good) return complain(Usage, good.error().message);
  auto connection = pg_connect({{"dbname", o.url}});
  if (!connection) return complain(Failed, connection.error().message);
  const Source source = source_of(connection->get());
  const std::string name = target_name(source.database);
  if (source.password.empty()) {
    return complain(Usage, fmt::format("set PGPASSWORD or use ~/.pgpass: sluice logs in as {} with a password, and none was given",
                                       printable(source.user)));
  }
  const Paths paths = paths_of(o.output, name);
  if (const auto free = check_free(paths); !free) return complain(BadConfig, free.error().message);
  const auto survey = survey_database(connection->get(), o.sample);
  if (!survey) return complain(Failed, survey.error().message);
  const auto key = write_all(source, *survey, paths, name);
  if (!key) return complain(Failed, key.error().message);
  if (!print_found(o, *survey, paths, name, *key)) {
    return complain(Failed, fmt::format("the key could not be printed: revoke it with sluice keys revoke {}", key->id));
  }
  return Ok;
}

}  // namespace

void add_init(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("init", "Look at a database and propose a configuration, masks and rules.");
  const auto o = std::make_shared<InitOptions>();
  command->add_option("--output", o->output, "Folder to write to.")->capture_default_str();
  command->add_option("--sample", o->sample, "Rows of each table that are looked at, at most.")
      ->check(CLI::Range(1U, sample_rows_max))
      ->capture_default_str();
  command->add_flag("--json", o->json, "Print JSON.");
  command->add_option("url", o->url, "postgres://user@host:port/database; the password is PGPASSWORD, or in ~/.pgpass.")->required();
  command->callback([&invocation, o] { invocation.run = [o] { return init(*o); }; });
}

}  // namespace sluice::cli
