#include "control/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <filesystem>

#include "base/text.h"
#include "control/config_reader.h"
#include "control/files.h"

namespace sluice::control {
namespace {

constexpr size_t listeners_max = 64;
constexpr size_t targets_max = 1024;
constexpr size_t credentials_max = 256;
constexpr size_t mask_keys_max = 64;
constexpr size_t socket_path_max = 100;  // Of 107; a name of its own is tried first, which is longer.
constexpr uint32_t day_ms = 86'400'000;
constexpr std::string_view protocols[] = {"postgres"};

/// Names travel in dbname=target/database and in paths of metrics: a small alphabet keeps them plain.
bool is_name(std::string_view text) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  return text.size() <= 63 && std::ranges::all_of(text, good);
}

bool is_environment_name(std::string_view text) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !(text.front() >= '0' && text.front() <= '9') && std::ranges::all_of(text, good);
}

class Loader {
 public:
  Loader(const std::string& file, const std::string& folder, const ConfigOptions& options)
      : problems_(file), warnings_(file), context_{problems_, folder}, options_(options) {}

  Settings load(const YamlNode& root);
  [[nodiscard]] const Problems& problems() const { return problems_; }
  [[nodiscard]] const Problems& warnings() const { return warnings_; }

 private:
  void read_listener(const YamlNode& node);
  void read_listener_tls(const YamlNode& node, ListenerSettings& listener);
  void read_identity(const YamlNode& node);
  void read_target(const YamlNode& node);
  void read_target_tls(const YamlNode& node, TargetSettings& target);
  void read_credential(const YamlNode& node, TargetSettings& target);
  void read_password(const YamlNode& node, CredentialSettings& credential);
  void read_access(MapReader& map, TargetSettings& target);
  void read_limits(const YamlNode& node, TargetLimits& limits);
  void read_audit(const YamlNode& node);
  void read_admin(const YamlNode& node);
  void read_logging(const YamlNode& node);
  void read_rules(MapReader& top);
  void read_mask_key(const YamlNode& node);
  void read_compile(const YamlNode& node);
  void add_rules(const YamlNode& node, const std::string& path);
  void check_references();
  void check_credentials(const YamlNode& node, const TargetSettings& target);
  void check_file(const YamlNode& at, std::optional<std::string> bad) {
    if (bad) problems_.add(at.at, fmt::format("expected a file that can be used, found {}", printable(*bad)));
  }

  Problems problems_;
  Problems warnings_;
  ReadContext context_;
  const ConfigOptions& options_;
  Settings out_;
  std::vector<const YamlNode*> listener_targets_;
  std::vector<const YamlNode*> binds_;
  std::vector<const YamlNode*> target_names_;
  std::vector<const YamlNode*> mask_key_names_;
};

void Loader::read_listener_tls(const YamlNode& node, ListenerSettings& listener) {
  MapReader map(context_, node, "listeners[].tls");
  ListenerTls tls;
  const YamlNode* certificate = map.file("certificate", tls.certificate_file, true);
  const YamlNode* key = map.file("key", tls.key_file, true);
  const YamlNode* ca = map.file("client_ca", tls.client_ca_file);
  if (options_.check_files) {
    if (certificate != nullptr && key != nullptr) {
      check_file(*certificate, check_certificate_and_key(tls.certificate_file, tls.key_file));
    }
    if (ca != nullptr) check_file(*ca, check_authorities(tls.client_ca_file));
  }
  listener.tls = std::move(tls);
}

void Loader::read_listener(const YamlNode& node) {
  MapReader map(context_, node, "listeners[]");
  ListenerSettings listener;
  if (const auto protocol = map.choice("protocol", protocols, true)) listener.protocol = protocols[*protocol];
  const YamlNode* bind = map.address("bind", listener.host, listener.port, true);
  if (bind != nullptr && !is_numeric_address(listener.host)) map.expected(*bind, "a numeric address");
  if (const YamlNode* tls = map.find("tls")) read_listener_tls(*tls, listener);
  if (const YamlNode* target = map.text("target", listener.target)) listener_targets_.push_back(target);
  map.boolean("proxy_protocol", listener.proxy_protocol);
  map.boolean("allow_cleartext", listener.allow_cleartext);
  static constexpr std::string_view methods[] = {"password"};
  if (const YamlNode* auth = map.find("auth"); auth != nullptr && auth->scalar == "oauthbearer") {
    map.expected(*auth, "password for listeners[].auth (oauthbearer is not available in this version)");
  } else {
    map.choice("auth", methods);
  }
  if (bind != nullptr) {
    if (!listener.tls && !listener.allow_cleartext && !is_loopback(listener.host)) {
      map.expected(*bind, "tls, a loopback address or allow_cleartext: true");
    }
    if (!listener.tls && listener.allow_cleartext && !is_loopback(listener.host)) {
      warnings_.add(bind->at, "sessions here are not encrypted: whoever is on the way reads statements and rows");
    }
    binds_.push_back(bind);
  }
  out_.listeners.push_back(std::move(listener));
}

void Loader::read_identity(const YamlNode& node) {
  const MapReader map(context_, node, "identity");
  if (const YamlNode* keys = map.find("access_keys")) {
    MapReader inner(context_, *keys, "identity.access_keys");
    const YamlNode* file = inner.file("file", out_.identity.access_keys_file, true);
    if (file != nullptr && options_.check_files) check_file(*file, check_private_file(out_.identity.access_keys_file));
  }
  if (const YamlNode* certificates = map.find("client_certificates")) {
    MapReader inner(context_, *certificates, "identity.client_certificates");
    const YamlNode* ca = inner.file("ca", out_.identity.client_certificate_ca, true);
    if (ca != nullptr && options_.check_files) check_file(*ca, check_authorities(out_.identity.client_certificate_ca));
  }
}

void Loader::read_target_tls(const YamlNode& node, TargetSettings& target) {
  MapReader map(context_, node, "targets[].tls");
  static constexpr std::string_view words[] = {"disable", "require", "verify-ca", "verify-full"};
  static constexpr UpstreamTlsMode modes[] = {UpstreamTlsMode::Disable, UpstreamTlsMode::Require,
                                              UpstreamTlsMode::VerifyCa, UpstreamTlsMode::VerifyFull};
  if (const auto mode = map.choice("mode", words)) target.tls_mode = modes[*mode];
  const YamlNode* ca = map.file("ca", target.tls_ca_file);
  if (ca != nullptr && options_.check_files) check_file(*ca, check_authorities(target.tls_ca_file));
}

void Loader::read_password(const YamlNode& node, CredentialSettings& credential) {
  // Whatever stands here may be a password in the wrong place: no value and no key is quoted.
  const auto known = [](const YamlNode& key) { return key.scalar == "file" || key.scalar == "env"; };
  if (node.kind != YamlNode::Kind::Map || !std::ranges::all_of(node.keys, known)) {
    problems_.add(node.at, "expected {file: …} or {env: …} for targets[].credentials[].password, found something else "
                           "(passwords are never written in this file)");
    return;
  }
  MapReader map(context_, node, "targets[].credentials[].password");
  const YamlNode* file = map.file("file", credential.password_file);
  const YamlNode* environment = map.text("env", credential.password_environment);
  if (map.find("file") != nullptr && map.find("env") != nullptr) {
    problems_.add(node.at, "expected one of file and env, found both");
  } else if (node.keys.empty()) {
    problems_.add(node.at, "expected one of file and env, found none");
  }
  if (file != nullptr && options_.check_files) check_file(*file, check_private_file(credential.password_file));
  if (environment != nullptr && !is_environment_name(credential.password_environment)) {
    problems_.add(environment->at, "expected the name of an environment variable, found something else");
  }
}

void Loader::read_credential(const YamlNode& node, TargetSettings& target) {
  MapReader map(context_, node, "targets[].credentials[]");
  CredentialSettings credential;
  const YamlNode* groups = map.texts("groups", credential.groups);
  if (groups != nullptr && std::ranges::find(credential.groups, "*") != credential.groups.end()) {
    problems_.add(groups->at, "expected names of groups, found \"*\" (leave groups out for everybody)");
  } else if (groups != nullptr && groups->kind == YamlNode::Kind::Sequence && groups->items.empty()) {
    problems_.add(groups->at, "expected names of groups, found an empty list (leave groups out for everybody)");
  }
  map.text("user", credential.user, true);
  if (const YamlNode* password = map.require("password")) read_password(*password, credential);
  target.credentials.push_back(std::move(credential));
}

void Loader::read_access(MapReader& map, TargetSettings& target) {
  const YamlNode* at = map.find("access");
  for (const YamlNode& item : map.list("access", credentials_max)) {
    MapReader inner(context_, item, "targets[].access[]");
    if (inner.require("groups") == nullptr) continue;
    const YamlNode* groups = inner.texts("groups", target.access_groups);
    if (groups != nullptr && std::ranges::find(target.access_groups, "*") != target.access_groups.end()) {
      warnings_.add(groups->at, fmt::format("\"*\" lets every proven caller connect to {}", target.name));
    }
  }
  if (at == nullptr) {
    warnings_.add(map.position(), fmt::format("nobody may connect to {}: it has no access", target.name));
  }
}

void Loader::read_limits(const YamlNode& node, TargetLimits& limits) {
  MapReader map(context_, node, "targets[].limits");
  constexpr uint32_t mib = 1U << 20;
  map.number("sessions", limits.sessions_max, 1, 1'000'000);
  map.number("sessions_per_principal", limits.sessions_per_principal_max, 1, 1'000'000);
  map.size("statement_size", limits.statement_size_max, 1024, mib);
  map.size("bind_size", limits.bind_size_max, 1024, 64 * mib);
  map.size("masked_row_size", limits.masked_row_size_max, 1024, 64 * mib);
  map.duration_ms("connect_timeout", limits.connect_timeout_ms, 10, 600'000);
  map.duration_ms("idle_timeout", limits.idle_timeout_ms, 1000, 30 * day_ms);
}

void Loader::read_target(const YamlNode& node) {
  MapReader map(context_, node, "targets[]");
  TargetSettings target;
  if (const YamlNode* name = map.text("name", target.name, true)) {
    if (!is_name(target.name)) map.expected(*name, "up to 63 letters, digits, _ - . for targets[].name");
    target_names_.push_back(name);
  }
  map.choice("protocol", protocols, true);
  map.address("address", target.host, target.port, true);
  target.database = target.name;
  map.text("database", target.database);
  map.texts("databases", target.databases);
  if (map.find("databases") == nullptr) target.databases = {target.database};
  if (const YamlNode* tls = map.find("tls")) read_target_tls(*tls, target);
  if (target.tls_mode < UpstreamTlsMode::VerifyCa && !is_loopback(target.host)) {
    warnings_.add(map.position(), fmt::format("the server of {} is not verified: use tls mode verify-full", target.name));
  }
  const auto credentials = map.list("credentials", credentials_max, true);
  for (const YamlNode& item : credentials) read_credential(item, target);
  const YamlNode* written = map.find("credentials");
  if (written != nullptr && written->kind == YamlNode::Kind::Sequence && credentials.empty()) {
    problems_.add(written->at, "expected at least one of targets[].credentials, found none");
  }
  read_access(map, target);
  if (written != nullptr) check_credentials(*written, target);
  if (const YamlNode* audit = map.find("audit")) {
    MapReader inner(context_, *audit, "targets[].audit");
    static constexpr std::string_view words[] = {"async", "group"};
    if (const auto d = inner.choice("durability", words)) target.durability = *d == 0 ? Durability::Async : Durability::Group;
  }
  static constexpr std::string_view verdicts[] = {"deny", "allow"};
  if (const auto v = map.choice("default", verdicts)) target.default_verdict = *v == 1 ? Verdict::Allow : Verdict::Deny;
  map.texts("trusted_functions", target.trusted_functions);
  if (const YamlNode* trusted = map.find("trusted_functions")) {
    for (const std::string& f : target.trusted_functions) {
      const size_t dot = f.find('.');
      if (dot == std::string::npos || dot == 0 || dot + 1 == f.size()) {
        problems_.add(trusted->at, fmt::format("expected schema.name or schema.*, found \"{}\"", printable(f)));
      }
    }
  }
  static constexpr std::string_view large[] = {"hash"};
  target.large_parameters_hash = map.choice("large_parameters", large).has_value();
  if (const YamlNode* limits = map.find("limits")) read_limits(*limits, target.limits);
  out_.targets.push_back(std::move(target));
}

void Loader::check_credentials(const YamlNode& node, const TargetSettings& target) {
  const auto& all = target.credentials;
  const auto open = std::ranges::find_if(all, [](const CredentialSettings& c) { return c.groups.empty(); });
  if (open != all.end()) {
    if (std::next(open) != all.end()) {
      warnings_.add(node.at, fmt::format("credentials of {} after the one for everybody are never used", target.name));
    }
    return;
  }
  for (const std::string& group : target.access_groups) {
    const auto has = [&](const CredentialSettings& c) { return std::ranges::find(c.groups, group) != c.groups.end(); };
    if (!std::ranges::any_of(all, has)) {
      warnings_.add(node.at, fmt::format("group \"{}\" may connect to {} and no credential is for it", printable(group),
                                         target.name));
    }
  }
}

void Loader::read_audit(const YamlNode& node) {
  MapReader map(context_, node, "audit");
  map.file("directory", out_.audit.directory);
  map.file("ring_directory", out_.audit.ring_directory);
  // Positions in a ring are masked, and an intent of the largest size must fit with its outcome.
  const YamlNode* ring = map.size("ring_size", out_.audit.ring_size, 2U << 20, 1U << 30);
  if (ring != nullptr && !std::has_single_bit(out_.audit.ring_size)) map.expected(*ring, "a power of two");
  const YamlNode* segment = map.size("segment_size", out_.audit.segment_size, 1U << 20, 1U << 30);
  if (segment != nullptr && out_.audit.segment_size % 4096 != 0) map.expected(*segment, "a multiple of 4KiB");
  if (out_.audit.segment_size < out_.audit.ring_size) {
    problems_.add(node.at, "expected audit.segment_size to be at least audit.ring_size, found it smaller");
  }
}

void Loader::read_admin(const YamlNode& node) {
  MapReader map(context_, node, "admin");
  bool allow_remote = false;
  map.boolean("allow_remote", allow_remote);
  const YamlNode* socket = map.file("socket", out_.admin_socket);
  if (socket != nullptr && out_.admin_socket.size() > socket_path_max)
    map.expected(*socket, fmt::format("a path of at most {} bytes", socket_path_max));
  const YamlNode* bind = map.address("bind", out_.admin_host, out_.admin_port, false);
  if (bind == nullptr) return;
  if (!is_numeric_address(out_.admin_host)) {
    map.expected(*bind, "a numeric address");
  } else if (!is_loopback(out_.admin_host) && !allow_remote) {
    map.expected(*bind, "a loopback address or allow_remote: true");
  }
  binds_.push_back(bind);
}

void Loader::read_logging(const YamlNode& node) {
  MapReader map(context_, node, "logging");
  static constexpr std::string_view formats[] = {"text", "json"};
  static constexpr std::string_view levels[] = {"debug", "info", "warn", "error"};
  if (const auto f = map.choice("format", formats)) out_.log_json = *f == 1;
  if (const auto l = map.choice("level", levels)) out_.log_level = static_cast<LogLevel>(*l);
}

void Loader::add_rules(const YamlNode& node, const std::string& path) {
  if (!options_.check_files) {
    out_.rule_files.push_back(path);
    return;
  }
  auto found = rule_files(path);
  if (!found) {
    check_file(node, found.error().message);
    return;
  }
  if (found->empty()) warnings_.add(node.at, fmt::format("{} has no *.yaml", path));
  if (found->size() != 1 || found->front() != path) out_.rule_folders.push_back(path);
  out_.rule_files.insert(out_.rule_files.end(), found->begin(), found->end());
}

void Loader::read_rules(MapReader& top) {
  for (const YamlNode& item : top.list("rules", rule_files_max)) {
    if (item.kind != YamlNode::Kind::Scalar || item.scalar.empty() || item.scalar.find('\0') != std::string::npos) {
      top.expected(item, "a file or folder for each item of rules");
      continue;
    }
    add_rules(item, item.scalar.front() == '/' ? item.scalar : context_.folder + "/" + item.scalar);
    if (out_.rule_files.size() > rule_files_max) {
      problems_.add(item.at, fmt::format("expected at most {} rule files, found more", rule_files_max));
      return;
    }
  }
}

void Loader::read_mask_key(const YamlNode& node) {
  MapReader map(context_, node, "mask_keys[]");
  MaskKeySettings key;
  if (const YamlNode* name = map.text("name", key.name, true)) {
    if (!is_name(key.name)) map.expected(*name, "up to 63 letters, digits, _ - . for mask_keys[].name");
    mask_key_names_.push_back(name);
  }
  const YamlNode* file = map.file("file", key.file, true);
  if (file != nullptr && options_.check_files) check_file(*file, check_private_file(key.file));
  out_.mask_keys.push_back(std::move(key));
}

void Loader::read_compile(const YamlNode& node) {
  MapReader map(context_, node, "compile");
  map.size("memory", out_.compile_limits.memory, 128U << 20, 3U << 30);
  map.duration_ms("time", out_.compile_limits.time_ms, 1000, 30'000);
}

void Loader::check_references() {
  const auto repeated = [&](const std::vector<const YamlNode*>& nodes, std::string_view what) {
    std::vector<std::string_view> seen;
    for (const YamlNode* n : nodes) {
      if (std::ranges::find(seen, n->scalar) != seen.end()) {
        problems_.add(n->at, fmt::format("expected each {} once, found {} again", what, describe(*n)));
      }
      seen.push_back(n->scalar);
    }
  };
  repeated(target_names_, "target name");
  repeated(mask_key_names_, "name of a key");
  repeated(binds_, "address");
  std::vector<std::string_view> names;
  names.reserve(target_names_.size());
  for (const YamlNode* n : target_names_) names.push_back(n->scalar);
  for (const YamlNode* n : listener_targets_) {
    if (std::ranges::find(names, n->scalar) == names.end()) {
      problems_.add(n->at, fmt::format("expected the name of a target, found {}", describe(*n)));
    }
  }
}

Settings Loader::load(const YamlNode& root) {
  MapReader top(context_, root, "");
  if (root.kind != YamlNode::Kind::Map) return {};
  const auto listeners = top.list("listeners", listeners_max, true);
  for (const YamlNode& item : listeners) read_listener(item);
  const auto targets = top.list("targets", targets_max, true);
  for (const YamlNode& item : targets) read_target(item);
  for (const std::string_view name : {"listeners", "targets"}) {
    const YamlNode* at = top.find(name);
    if (at != nullptr && at->kind == YamlNode::Kind::Sequence && at->items.empty()) {
      problems_.add(at->at, fmt::format("expected at least one of {}, found none", name));
    }
  }
  if (const YamlNode* identity = top.find("identity")) read_identity(*identity);
  if (out_.identity.access_keys_file.empty() && out_.identity.client_certificate_ca.empty()) {
    warnings_.add(top.position(), "nobody can log in: identity names neither access_keys nor client_certificates");
  }
  read_rules(top);
  for (const YamlNode& item : top.list("mask_keys", mask_keys_max)) read_mask_key(item);
  const YamlNode* verify_key = top.file("rules_verify_key", out_.rules_verify_key_file);
  if (verify_key != nullptr && options_.check_files) {
    const auto keys = read_public_keys(out_.rules_verify_key_file);
    if (!keys) check_file(*verify_key, keys.error().message);
  }
  if (const YamlNode* compile = top.find("compile")) read_compile(*compile);
  if (const YamlNode* audit = top.find("audit")) read_audit(*audit);
  if (const YamlNode* admin = top.find("admin")) read_admin(*admin);
  if (const YamlNode* logging = top.find("logging")) read_logging(*logging);
  if (out_.admin_socket.empty()) out_.admin_socket = out_.audit.ring_directory + "/control.sock";
  top.number("lanes", out_.lanes, 1, 256);
  top.duration_ms("handshake_timeout", out_.handshake_timeout_ms, 100, 600'000);
  top.duration_ms("drain_timeout", out_.drain_timeout_ms, 1, day_ms);
  check_references();
  return std::move(out_);
}

}  // namespace

Expected<Settings> parse_config(std::string_view text, const std::string& file, const std::string& folder,
                                const ConfigOptions& options, std::vector<std::string>* warnings) {
  const auto root = parse_yaml(text);
  if (!root) {
    Problems problems(file);
    problems.add(root.error().at, root.error().message);
    return fail(problems.text());
  }
  Loader loader(file, folder, options);
  Settings settings = loader.load(*root);
  if (warnings != nullptr) *warnings = loader.warnings().lines();
  if (!loader.problems().empty()) return fail(loader.problems().text());
  return settings;
}

Expected<Settings> load_config(const std::string& path, const ConfigOptions& options,
                               std::vector<std::string>* warnings) {
  const auto text = read_file(path, config_size_max);
  if (!text) return std::unexpected(text.error());
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  if (error) return fail(fmt::format("{}: {}", path, error.message()));
  return parse_config(*text, path, absolute.parent_path().string(), options, warnings);
}

}  // namespace sluice::control
