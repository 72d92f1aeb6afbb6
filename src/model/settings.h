// What the configuration says, as plain values: made by control/, used by gateway/. Immutable once
// published to lanes. Sizes are bytes, times are milliseconds unless the name says otherwise.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "model/log_sink.h"
#include "model/verdict.h"

namespace sluice {

struct ListenerTls {
  std::string certificate_file;
  std::string key_file;
  std::string client_ca_file;  ///< Empty: client certificates are not asked for.
  bool operator==(const ListenerTls&) const = default;
};

struct ListenerSettings {
  std::string protocol;        ///< "postgres".
  std::string host;            ///< Numeric address.
  uint16_t port = 0;
  std::optional<ListenerTls> tls;
  bool allow_cleartext = false;
  bool proxy_protocol = false; ///< Every connection starts with a PROXY protocol v2 header.
  std::string target;          ///< Empty: found by the database name.
  bool operator==(const ListenerSettings&) const = default;
};

enum class UpstreamTlsMode : uint8_t { Disable, Require, VerifyCa, VerifyFull };

struct CredentialSettings {
  std::vector<std::string> groups;  ///< Empty: everybody.
  std::string user;
  std::string password_file;        ///< Either a file (read again when it changes) ...
  std::string password_environment; ///< ... or an environment variable.
  bool operator==(const CredentialSettings&) const = default;
};

struct TargetLimits {
  uint32_t sessions_max = 10'000;
  uint32_t sessions_per_principal_max = 1'000;
  uint32_t statement_size_max = 256U << 10;
  uint32_t bind_size_max = 1U << 20;
  uint32_t masked_row_size_max = 1U << 20;
  uint32_t connect_timeout_ms = 10'000;
  uint32_t idle_timeout_ms = 0;     ///< 0: none.
  bool operator==(const TargetLimits&) const = default;
};

enum class Durability : uint8_t { Async, Group };

/// A target keeps its index for the life of the process, also when the configuration drops it.
enum class TargetPlace : uint8_t {
  Live,
  Superseded,  ///< Its address changed: sessions opened at the old one go on, new ones find another entry.
  Withdrawn,   ///< Not in the configuration any more: nobody may be connected.
};

struct TargetSettings {
  std::string name;
  std::string host;                      ///< Name or numeric address; the name is what verify-full checks.
  uint16_t port = 5432;
  std::string database;                  ///< Default database at the target.
  std::vector<std::string> databases;    ///< Allow-list for target/database; "*" allows any.
  UpstreamTlsMode tls_mode = UpstreamTlsMode::VerifyFull;
  std::string tls_ca_file;               ///< Empty: the system's.
  std::vector<CredentialSettings> credentials;
  std::vector<std::string> access_groups;  ///< Who may connect; one group in common is enough. "*" allows all.
  Verdict default_verdict = Verdict::Deny;
  Durability durability = Durability::Async;
  std::vector<std::string> trusted_functions;  ///< "schema.*" or "schema.name".
  bool large_parameters_hash = false;
  TargetLimits limits;
  TargetPlace place = TargetPlace::Live;  ///< Set by the data plane.
  bool operator==(const TargetSettings&) const = default;
};

struct IdentitySettings {
  std::string access_keys_file;       ///< Empty: no access keys.
  std::string client_certificate_ca;  ///< Empty: certificates prove nothing.
  bool operator==(const IdentitySettings&) const = default;
};

/// A key of the mask operator `hash`: rules call it by its name.
struct MaskKeySettings {
  std::string name;
  std::string file;  ///< Read again when it changes.
  bool operator==(const MaskKeySettings&) const = default;
};

struct AuditSettings {
  std::string directory = "/var/lib/sluice/audit";
  std::string ring_directory = "/run/sluice";
  uint32_t ring_size = 16U << 20;
  uint32_t segment_size = 64U << 20;
  bool operator==(const AuditSettings&) const = default;
};

/// What compiling rules may take: a process of its own is stopped at the first of them.
struct CompileLimits {
  uint32_t memory = 1U << 30;    ///< Address space.
  uint32_t time_ms = 20'000;     ///< Of the processor; rounded up to seconds.
  bool operator==(const CompileLimits&) const = default;
};

struct Settings {
  std::vector<ListenerSettings> listeners;
  IdentitySettings identity;
  std::vector<TargetSettings> targets;
  std::vector<std::string> rule_files;    ///< Files, in the order they are read.
  std::vector<std::string> rule_folders;  ///< Folders that some of them were found in.
  std::vector<MaskKeySettings> mask_keys;
  std::string rules_verify_key_file;      ///< Public keys of who may sign rules; empty: nobody need.
  CompileLimits compile_limits;
  AuditSettings audit;
  std::string admin_host = "127.0.0.1";
  uint16_t admin_port = 0;              ///< 0: no admin listener.
  std::string admin_socket;             ///< Local socket of `sluice rules push`; never empty once loaded.
  uint32_t lanes = 0;                   ///< 0: one a core.
  uint32_t handshake_timeout_ms = 10'000;
  uint32_t drain_timeout_ms = 30'000;
  bool log_json = false;
  LogLevel log_level = LogLevel::Info;  ///< Lines below it are not written.
  bool operator==(const Settings&) const = default;
};

/// One immutable snapshot, shared by lanes by pointer.
using SettingsPtr = std::shared_ptr<const Settings>;

/// SCRAM-SHA-256 verifiers of one subject (RFC 5802): what is stored in place of keys.
struct AccessKey {
  std::string id;
  Digest stored_key{};
  Digest server_key{};
  int64_t expires_unix_s = 0;  ///< 0: never.
  bool revoked = false;
};

/// Every key of a subject shares salt and iterations, so several can live at once (rotation).
struct AccessSubject {
  std::string subject;
  std::vector<std::string> groups;
  std::string kind;            ///< "human", "workload", "agent" or empty.
  std::vector<std::byte> salt;
  uint32_t iterations = 0;
  std::vector<AccessKey> keys;
};

}  // namespace sluice
