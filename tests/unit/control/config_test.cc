#include "control/config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "control/config_reader.h"
#include "tests/unit/control/scratch.h"

namespace sluice::control {
namespace {

constexpr ConfigOptions no_files{.check_files = false};

/// The smallest configuration that loads; tests put more text after it.
constexpr std::string_view base = R"(listeners: [{protocol: postgres, bind: "127.0.0.1:6432"}]
targets: [{name: orders, protocol: postgres, address: "127.0.0.1:5432", credentials: [{user: app, password: {env: P}}]}]
)";

std::string with(std::string_view more) { return std::string(base) + std::string(more); }

std::string error_of(std::string_view text) {
  const auto got = parse_config(text, "sluice.yaml", "/etc/sluice", no_files);
  return got ? "" : got.error().message;
}

constexpr std::string_view whole = R"(# sluice.yaml
listeners:
  - {protocol: postgres, bind: "0.0.0.0:6432", tls: {certificate: gw.crt, key: /abs/gw.key, client_ca: clients.pem}}
  - {protocol: postgres, bind: "[::1]:6433", target: orders, proxy_protocol: true, auth: password}
  - {protocol: postgres, bind: "10.0.0.1:6434", allow_cleartext: true}
identity:
  access_keys: {file: keys.yaml}
  client_certificates: {ca: clients.pem}
targets:
  - name: orders
    protocol: postgres
    address: db.internal:5433
    database: orders_prod
    databases: [orders_prod, reports]
    tls: {mode: verify-ca, ca: db-ca.pem}
    credentials:
      - {groups: [ci], user: app_rw, password: {file: /run/secrets/orders}}
      - {user: app_ro, password: {env: ORDERS_RO}}
    access: [{groups: [ci, data]}, {groups: [ops]}]
    audit: {durability: group}
    default: allow
    trusted_functions: ["app.*", "app.total"]
    large_parameters: hash
    limits: {sessions: 50, sessions_per_principal: 5, statement_size: 64KiB, bind_size: 2MiB, masked_row_size: 4096,
             connect_timeout: 2500ms, idle_timeout: 15m}
  - {name: plain, protocol: postgres, address: "[2001:db8::1]:5432", credentials: [{user: u, password: {env: P}}]}
rules: [rules/, /srv/more.yaml]
audit: {directory: audit, ring_directory: /run/sluice, ring_size: 32MiB, segment_size: 128MiB}
admin: {bind: "127.0.0.1:8080"}
lanes: 2
logging: {format: json, level: debug}
handshake_timeout: 5s
drain_timeout: 1m
)";

TEST(config, every_key_lands_where_the_settings_say) {
  const auto got = parse_config(whole, "sluice.yaml", "/etc/sluice", no_files);
  ASSERT_TRUE(got) << got.error().message;
  ASSERT_EQ(got->listeners.size(), 3U);
  EXPECT_EQ(got->listeners[0].host, "0.0.0.0");
  EXPECT_EQ(got->listeners[0].port, 6432);
  EXPECT_EQ(got->listeners[0].tls->certificate_file, "/etc/sluice/gw.crt");
  EXPECT_EQ(got->listeners[0].tls->key_file, "/abs/gw.key");
  EXPECT_EQ(got->listeners[0].tls->client_ca_file, "/etc/sluice/clients.pem");
  EXPECT_EQ(got->listeners[1].host, "::1");
  EXPECT_EQ(got->listeners[1].target, "orders");
  EXPECT_TRUE(got->listeners[1].proxy_protocol);
  EXPECT_TRUE(got->listeners[2].allow_cleartext);
  EXPECT_EQ(got->identity.access_keys_file, "/etc/sluice/keys.yaml");
  EXPECT_EQ(got->identity.client_certificate_ca, "/etc/sluice/clients.pem");
  ASSERT_EQ(got->targets.size(), 2U);
  const TargetSettings& t = got->targets[0];
  EXPECT_EQ(t.host, "db.internal");
  EXPECT_EQ(t.port, 5433);
  EXPECT_EQ(t.database, "orders_prod");
  EXPECT_EQ(t.databases, (std::vector<std::string>{"orders_prod", "reports"}));
  EXPECT_EQ(t.tls_mode, UpstreamTlsMode::VerifyCa);
  EXPECT_EQ(t.tls_ca_file, "/etc/sluice/db-ca.pem");
  ASSERT_EQ(t.credentials.size(), 2U);
  EXPECT_EQ(t.credentials[0].groups, std::vector<std::string>{"ci"});
  EXPECT_EQ(t.credentials[0].password_file, "/run/secrets/orders");
  EXPECT_EQ(t.credentials[1].password_environment, "ORDERS_RO");
  EXPECT_EQ(t.access_groups, (std::vector<std::string>{"ci", "data", "ops"}));
  EXPECT_EQ(t.durability, Durability::Group);
  EXPECT_EQ(t.default_verdict, Verdict::Allow);
  EXPECT_EQ(t.trusted_functions, (std::vector<std::string>{"app.*", "app.total"}));
  EXPECT_TRUE(t.large_parameters_hash);
  EXPECT_EQ(t.limits.sessions_max, 50U);
  EXPECT_EQ(t.limits.sessions_per_principal_max, 5U);
  EXPECT_EQ(t.limits.statement_size_max, 64U << 10);
  EXPECT_EQ(t.limits.bind_size_max, 2U << 20);
  EXPECT_EQ(t.limits.masked_row_size_max, 4096U);
  EXPECT_EQ(t.limits.connect_timeout_ms, 2500U);
  EXPECT_EQ(t.limits.idle_timeout_ms, 900'000U);
  EXPECT_EQ(got->rule_files, (std::vector<std::string>{"/etc/sluice/rules/", "/srv/more.yaml"}));
  EXPECT_EQ(got->audit.directory, "/etc/sluice/audit");
  EXPECT_EQ(got->audit.ring_size, 32U << 20);
  EXPECT_EQ(got->audit.segment_size, 128U << 20);
  EXPECT_EQ(got->admin_port, 8080);
  EXPECT_EQ(got->lanes, 2U);
  EXPECT_TRUE(got->log_json);
  EXPECT_EQ(got->log_level, LogLevel::Debug);
  EXPECT_EQ(got->handshake_timeout_ms, 5000U);
  EXPECT_EQ(got->drain_timeout_ms, 60'000U);
}

TEST(config, what_is_left_out_is_the_strict_choice) {
  const auto got = parse_config(base, "sluice.yaml", "/etc/sluice", no_files);
  ASSERT_TRUE(got) << got.error().message;
  const TargetSettings& t = got->targets[0];
  EXPECT_EQ(t.default_verdict, Verdict::Deny);
  EXPECT_EQ(t.tls_mode, UpstreamTlsMode::VerifyFull);
  EXPECT_EQ(t.database, "orders");
  EXPECT_EQ(t.databases, std::vector<std::string>{"orders"});
  EXPECT_TRUE(t.access_groups.empty());
  EXPECT_FALSE(t.large_parameters_hash);
  EXPECT_EQ(got->admin_port, 0);
}

struct ErrorCase {
  std::string_view why;
  std::string text;
  std::string_view want;  ///< The whole first line.
};

class ConfigErrors : public testing::TestWithParam<ErrorCase> {};

TEST_P(ConfigErrors, say_where_what_was_expected_and_what_was_found) {
  const ErrorCase& c = GetParam();
  const std::string got = error_of(c.text);
  EXPECT_EQ(got.substr(0, got.find('\n')), "sluice.yaml:" + std::string(c.want)) << c.why;
}

const ErrorCase error_cases[] = {
    {"an empty file", "", "1:1: expected a mapping for the configuration, found nothing"},
    {"a list at the top", "- a\n", "1:1: expected a mapping for the configuration, found a list"},
    {"not YAML", "listeners: [1, 2\n", "2:1: expected YAML, found: end of sequence flow not found"},
    {"a NUL", std::string("a: \0b", 5), "1:4: expected UTF-8 text, found a byte that is not"},
    {"latin-1", "lanes: 1\n# caf\xe9\n", "2:6: expected UTF-8 text, found a byte that is not"},
    {"an anchor", with("lanes: &n 1\n"), "3:8: expected a value, found an anchor (&name): write the value out where it is used"},
    {"a tag", with("lanes: !!int 1\n"), "3:8: expected a plain value, found the tag \"tag:yaml.org,2002:int\""},
    {"two documents", with("---\nlanes: 1\n"), "4:1: expected one document, found another (---)"},
    {"a typo", with("lane: 1\n"), "3:1: expected a key of the configuration, found \"lane\" (did you mean \"lanes\"?)"},
    {"nothing like it", with("zzz: 1\n"),
     "3:1: expected a key of the configuration, found \"zzz\" (known: listeners, identity, targets, rules, "
     "rules_verify_key, compile, mask_keys, audit, admin, lanes, logging, handshake_timeout, drain_timeout)"},
    {"the same key twice", with("lanes: 1\nlanes: 2\n"), "4:1: expected each key once, found \"lanes\" again"},
    {"oidc is not there yet", with("identity: {oidc: []}\n"),
     "3:12: expected a key of identity, found \"oidc\" (not available in this version: use access_keys or "
     "client_certificates)"},
    {"a number in quotes is text", with("lanes: \"2\"\n"), "3:8: expected a number from 1 to 256 for lanes, found \"2\""},
    {"no lanes", with("lanes: 0\n"), "3:8: expected a number from 1 to 256 for lanes, found \"0\""},
    {"a negative number", with("lanes: -1\n"), "3:8: expected a number from 1 to 256 for lanes, found \"-1\""},
    {"a list for a number", with("lanes: [1]\n"), "3:8: expected a number from 1 to 256 for lanes, found a list"},
    {"a duration needs a unit", with("drain_timeout: 30\n"),
     "3:16: expected a duration such as 500ms, 10s, 15m or 2h, from 1 to 86400000 ms, for drain_timeout, found \"30\""},
    {"a size over 32 bits", with("audit: {ring_size: 9GiB}\n"),
     "3:20: expected a size such as 64KiB or 1MiB, from 2097152 to 1073741824 bytes, for audit.ring_size, found \"9GiB\""},
    {"a ring is a power of two", with("audit: {ring_size: 3MiB}\n"), "3:20: expected a power of two, found \"3MiB\""},
    {"a segment takes what a ring holds", with("audit: {ring_size: 4MiB, segment_size: 2MiB}\n"),
     "3:8: expected audit.segment_size to be at least audit.ring_size, found it smaller"},
    {"yes is not true", "listeners: [{protocol: postgres, bind: \"127.0.0.1:1\", proxy_protocol: yes}]\ntargets: []\n",
     "1:71: expected true or false for listeners[].proxy_protocol, found \"yes\""},
    {"no targets", "listeners: [{protocol: postgres, bind: \"127.0.0.1:1\"}]\n",
     "1:1: expected \"targets\" in the configuration, found none"},
    {"an empty list", with("").replace(0, base.find("\n"), "listeners: []"), "1:12: expected at least one of listeners, found none"},
    {"http comes later", "listeners: [{protocol: http, bind: \"127.0.0.1:1\"}]\ntargets: []\n",
     "1:24: expected postgres for listeners[].protocol, found \"http\""},
    {"oauthbearer comes later", "listeners: [{protocol: postgres, bind: \"127.0.0.1:1\", auth: oauthbearer}]\ntargets: []\n",
     "1:61: expected password for listeners[].auth (oauthbearer is not available in this version), found \"oauthbearer\""},
    {"no port", "listeners: [{protocol: postgres, bind: localhost}]\ntargets: []\n",
     "1:40: expected host:port or [v6]:port for listeners[].bind, found \"localhost\""},
    {"v6 without brackets", "listeners: [{protocol: postgres, bind: \"::1:6432\"}]\ntargets: []\n",
     "1:40: expected host:port or [v6]:port for listeners[].bind, found \"::1:6432\""},
    {"a name to listen on", "listeners: [{protocol: postgres, bind: \"localhost:6432\"}]\ntargets: []\n",
     "1:40: expected a numeric address, found \"localhost:6432\""},
    {"cleartext for all to hear", "listeners: [{protocol: postgres, bind: \"0.0.0.0:6432\"}]\ntargets: []\n",
     "1:40: expected tls, a loopback address or allow_cleartext: true, found \"0.0.0.0:6432\""},
    {"half of TLS", "listeners: [{protocol: postgres, bind: \"0.0.0.0:1\", tls: {certificate: a}}]\ntargets: []\n",
     "1:58: expected \"key\" in listeners[].tls, found none"},
    {"a target nobody defined",
     "listeners:\n  - protocol: postgres\n    bind: 127.0.0.1:1\n    target: ordres\n" + std::string(base.substr(base.find('\n') + 1)),
     "4:13: expected the name of a target, found \"ordres\""},
    {"an open admin listener", with("admin: {bind: \"0.0.0.0:8080\"}\n"),
     "3:15: expected a loopback address or allow_remote: true, found \"0.0.0.0:8080\""},
    {"two on one address", with("admin: {bind: \"127.0.0.1:6432\"}\n"),
     "3:15: expected each address once, found \"127.0.0.1:6432\" again"},
    {"a control character", with("audit: {directory: \"a\\nb\"}\n"),
     "3:20: expected text without control characters for audit.directory, found \"a\\x0ab\""},
    {"a word that is none of the choices", with("logging: {format: xml}\n"),
     "3:19: expected text or json for logging.format, found \"xml\""},
};

void PrintTo(const ErrorCase& c, std::ostream* out) { *out << c.why; }

INSTANTIATE_TEST_SUITE_P(config, ConfigErrors, testing::ValuesIn(error_cases));

std::string target_with(std::string_view fields) {
  return "listeners: [{protocol: postgres, bind: \"127.0.0.1:1\"}]\ntargets:\n  - name: orders\n    protocol: postgres\n"
         "    address: 127.0.0.1:5432\n" + std::string(fields);
}

const ErrorCase target_cases[] = {
    {"no credentials", target_with(""), "3:5: expected \"credentials\" in targets[], found none"},
    {"none in the list", target_with("    credentials: []\n"), "6:18: expected at least one of targets[].credentials, found none"},
    {"both places", target_with("    credentials: [{user: u, password: {file: a, env: B}}]\n"),
     "6:39: expected one of file and env, found both"},
    {"neither", target_with("    credentials: [{user: u, password: {}}]\n"), "6:39: expected one of file and env, found none"},
    {"not a name of a variable", target_with("    credentials: [{user: u, password: {env: a-b}}]\n"),
     "6:45: expected the name of an environment variable, found something else"},
    {"a star is not a group here", target_with("    credentials: [{groups: [\"*\"], user: u, password: {env: P}}]\n"),
     "6:28: expected names of groups, found \"*\" (leave groups out for everybody)"},
    {"an empty list is not everybody", target_with("    credentials: [{groups: [], user: u, password: {env: P}}]\n"),
     "6:28: expected names of groups, found an empty list (leave groups out for everybody)"},
    {"a function without schema", target_with("    credentials: [{user: u, password: {env: P}}]\n    trusted_functions: [charge]\n"),
     "7:24: expected schema.name or schema.*, found \"charge\""},
    {"a slash would split dbname", "listeners: [{protocol: postgres, bind: \"127.0.0.1:1\"}]\ntargets:\n  - {name: a/b, protocol: postgres, address: \"a:1\", credentials: [{user: u, password: {env: P}}]}\n",
     "3:12: expected up to 63 letters, digits, _ - . for targets[].name, found \"a/b\""},
    {"a statement longer than the stack is proven for",
     target_with("    credentials: [{user: u, password: {env: P}}]\n    limits: {statement_size: 2MiB}\n"),
     "7:30: expected a size such as 64KiB or 1MiB, from 1024 to 1048576 bytes, for targets[].limits.statement_size, found "
     "\"2MiB\""},
};

INSTANTIATE_TEST_SUITE_P(targets, ConfigErrors, testing::ValuesIn(target_cases));

TEST(config, all_errors_are_told_at_once_in_the_order_of_the_file) {
  const std::string got = error_of(with("lanes: 0\nlogging: {format: xml, level: loud}\nzap: 1\n"));
  EXPECT_EQ(std::ranges::count(got, '\n'), 3);
  EXPECT_LT(got.find("sluice.yaml:3:"), got.find("sluice.yaml:4:19"));
  EXPECT_LT(got.find("sluice.yaml:4:19"), got.find("sluice.yaml:4:31"));
  EXPECT_LT(got.find("sluice.yaml:4:31"), got.find("sluice.yaml:5:"));
}

TEST(config, a_flood_of_errors_is_cut_at_twenty_and_counted) {
  std::string text(base);
  for (int i = 0; i < 30; ++i) text += "zz" + std::to_string(i) + ": 1\n";
  const std::string got = error_of(text);
  EXPECT_EQ(std::ranges::count(got, '\n'), 20);
  EXPECT_TRUE(got.ends_with("sluice.yaml: and 10 more")) << got;
}

TEST(config, promise_11_a_password_written_in_the_file_is_refused_and_not_repeated) {
  const std::string_view canary = "hunter2-canary";
  for (const std::string_view form : {"password: hunter2-canary", "password: {hunter2-canary}", "password: [hunter2-canary]",
                                      "password: {value: hunter2-canary}", "password: {file: a, hunter2-canary: b}",
                                      "password: {env: hunter2-canary}", "password: \"hunter2-canary\\q\"",
                                      "password: {file: [hunter2-canary]}"}) {
    const std::string got = error_of(target_with("    credentials: [{user: u, " + std::string(form) + "}]\n"));
    EXPECT_FALSE(got.empty()) << form;
    EXPECT_EQ(got.find(canary), std::string::npos) << got;
  }
  EXPECT_EQ(error_of(target_with("    credentials: [{user: u, password: secret}]\n")),
            "sluice.yaml:6:39: expected {file: …} or {env: …} for targets[].credentials[].password, found something else "
            "(passwords are never written in this file)");
}

TEST(config, depth_and_size_are_bounded) {
  EXPECT_NE(error_of("rules: " + std::string(10'000, '[')), "");
  EXPECT_NE(error_of("a: " + std::string(5U << 20, 'x')), "");
  std::string wide = "rules: [";
  for (int i = 0; i < 500'000; ++i) wide += "a,";
  EXPECT_NE(error_of(wide + "a]"), "");
}

TEST(config, sizes_and_durations_are_read_strictly) {
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("64KiB"), 65536U);
  EXPECT_EQ(parse_size("3GiB"), 3U << 30);
  for (const std::string_view bad : {"", "KiB", "1KB", "1 KiB", "-1", "+1", "1.5MiB", "4GiB", "99999999999999999999", "0x10"}) {
    EXPECT_FALSE(parse_size(bad)) << bad;
  }
  EXPECT_EQ(parse_duration_ms("250ms"), 250U);
  EXPECT_EQ(parse_duration_ms("30d"), 30ULL * 86'400'000);
  for (const std::string_view bad : {"", "1", "s", "1 s", "-1s", "1w", "1m30s", "99999999d", "18446744073709551616ms"}) {
    EXPECT_FALSE(parse_duration_ms(bad)) << bad;
  }
}

class ConfigFiles : public ScratchTest {
 protected:
  Expected<Settings> load(std::string_view text, std::vector<std::string>* warnings = nullptr) {
    return load_config(write("sluice.yaml", text), {}, warnings);
  }
  std::string listener(std::string_view certificate, std::string_view key) {
    return "listeners: [{protocol: postgres, bind: \"0.0.0.0:1\", tls: {certificate: " + std::string(certificate) +
           ", key: " + std::string(key) + "}}]\n" + std::string(base.substr(base.find('\n') + 1));
  }
};

TEST_F(ConfigFiles, a_certificate_and_its_key_load) {
  write_certificate("gw");
  const auto got = load(listener("gw.crt", "gw.key"));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->listeners[0].tls->key_file, path("gw.key"));
}

TEST_F(ConfigFiles, a_key_of_another_certificate_is_refused_at_start_and_not_at_the_first_client) {
  write_certificate("gw");
  write_certificate("other");
  const auto got = load(listener("gw.crt", "other.key"));
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().message.find("other.key: expected the private key of"), std::string::npos) << got.error().message;
}

TEST_F(ConfigFiles, files_that_are_missing_or_hold_something_else_are_refused) {
  write_certificate("gw");
  write("empty.crt", "");
  EXPECT_FALSE(load(listener("absent.crt", "gw.key")));
  EXPECT_FALSE(load(listener("gw.crt", "absent.key")));
  EXPECT_FALSE(load(listener("empty.crt", "gw.key")));
  EXPECT_FALSE(load(with("identity: {client_certificates: {ca: empty.crt}}\n")));
  EXPECT_FALSE(load(with("identity: {access_keys: {file: absent.yaml}}\n")));
  EXPECT_FALSE(load(with("rules: [absent/]\n")));
  EXPECT_FALSE(load_config(path("absent.yaml")));
  EXPECT_FALSE(load_config(folder_));
}

TEST_F(ConfigFiles, promise_11_a_secret_that_others_can_read_is_refused) {
  write_certificate("gw", 0640);
  const auto tls = load(listener("gw.crt", "gw.key"));
  ASSERT_FALSE(tls);
  EXPECT_NE(tls.error().message.find("found mode 0640: run chmod 0600"), std::string::npos) << tls.error().message;
  write("keys.yaml", "version: 1\nsubjects: []\n", 0604);
  EXPECT_FALSE(load(with("identity: {access_keys: {file: keys.yaml}}\n")));
  write("password", "x", 0644);
  const std::string target = target_with("    credentials: [{user: u, password: {file: password}}]\n");
  EXPECT_FALSE(load(target));
  write("password", "x", 0400);
  EXPECT_TRUE(load(target));
}

TEST_F(ConfigFiles, a_folder_of_rules_is_read_in_the_order_of_names_and_only_yaml) {
  std::filesystem::create_directory(path("rules"));
  for (const auto* name : {"rules/20.yaml", "rules/10.yaml", "rules/notes.md", "rules/30.yaml~"}) write(name, "rules: []\n");
  write("last.yaml", "rules: []\n");
  const auto got = load(with("rules: [rules, last.yaml]\n"));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->rule_files, (std::vector<std::string>{path("rules/10.yaml"), path("rules/20.yaml"), path("last.yaml")}));
}

TEST_F(ConfigFiles, what_works_and_is_probably_not_meant_is_warned_about) {
  std::vector<std::string> warnings;
  const auto got = load("listeners: [{protocol: postgres, bind: \"10.1.1.1:6432\", allow_cleartext: true}]\n"
                        "targets:\n  - name: a\n    protocol: postgres\n    address: db:5432\n    tls: {mode: require}\n"
                        "    credentials: [{groups: [ci], user: u, password: {env: P}}]\n    access: [{groups: [\"*\", ops]}]\n"
                        "  - name: b\n    protocol: postgres\n    address: 127.0.0.1:1\n    credentials:\n"
                        "      - {user: u, password: {env: P}}\n      - {groups: [ci], user: v, password: {env: P}}\n",
                        &warnings);
  ASSERT_TRUE(got) << got.error().message;
  const auto has = [&](std::string_view text) {
    return std::ranges::any_of(warnings, [&](const std::string& w) { return w.contains(text); });
  };
  EXPECT_TRUE(has(":1:40: sessions here are not encrypted"));
  EXPECT_TRUE(has("lets every proven caller connect to a"));
  EXPECT_TRUE(has("the server of a is not verified"));
  EXPECT_TRUE(has("group \"ops\" may connect to a and no credential is for it"));
  EXPECT_TRUE(has("nobody may connect to b"));
  EXPECT_TRUE(has("after the one for everybody are never used"));
  EXPECT_TRUE(has("nobody can log in"));
}

}  // namespace
}  // namespace sluice::control
