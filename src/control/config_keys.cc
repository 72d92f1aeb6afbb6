#include "control/config_keys.h"

#include <algorithm>

namespace sluice::control {
namespace {

constexpr ConfigKey keys[] = {
    {"listeners", "list", "Where clients connect."},
    {"listeners[].protocol", "postgres", "The protocol spoken there."},
    {"listeners[].bind", "address:port", "A numeric address and port; [address]:port for IPv6."},
    {"listeners[].tls", "mapping", "TLS towards clients."},
    {"listeners[].tls.certificate", "file", "Certificate chain, PEM."},
    {"listeners[].tls.key", "file", "Its private key, PEM, mode 0600."},
    {"listeners[].tls.client_ca", "file", "Authorities of client certificates, PEM; asks clients for one."},
    {"listeners[].target", "name", "The target clients get that name none."},
    {"listeners[].proxy_protocol", "boolean", "Every connection starts with a PROXY protocol v2 header."},
    {"listeners[].allow_cleartext", "boolean", "Accept sessions without TLS on an address that is not loopback."},
    {"listeners[].auth", "password", "How a caller without certificate or access key proves who it is."},
    {"identity", "mapping", "How callers prove who they are."},
    {"identity.access_keys", "mapping", "Keys made by `sluice keys create`."},
    {"identity.access_keys.file", "file", "Where their verifiers are, mode 0600."},
    {"identity.client_certificates", "mapping", "Client certificates."},
    {"identity.client_certificates.ca", "file", "Authorities whose certificates prove a subject, PEM."},
    {"targets", "list", "Databases behind sluice."},
    {"targets[].name", "name", "What clients give as dbname."},
    {"targets[].protocol", "postgres", "The protocol spoken there."},
    {"targets[].address", "host:port", "Where it is."},
    {"targets[].database", "name", "Its default database; the target's name when absent."},
    {"targets[].databases", "list of names", "Databases reachable as target/database; \"*\" is any."},
    {"targets[].tls", "mapping", "TLS towards the target."},
    {"targets[].tls.mode", "disable|require|verify-ca|verify-full", "What is checked; verify-full when absent."},
    {"targets[].tls.ca", "file", "Authorities of the target's certificate, PEM; the system's when absent."},
    {"targets[].credentials", "list", "Roles at the target; the first whose groups match is used."},
    {"targets[].credentials[].groups", "list of names", "Who gets this role; everybody when absent."},
    {"targets[].credentials[].user", "name", "The role at the target."},
    {"targets[].credentials[].password", "mapping", "Where its password is: exactly one of file and env."},
    {"targets[].credentials[].password.file", "file", "A file that holds it, mode 0600; read again when it changes."},
    {"targets[].credentials[].password.env", "name", "An environment variable that holds it."},
    {"targets[].access", "list", "Who may connect; nobody when absent."},
    {"targets[].access[].groups", "list of names", "One group in common is enough; \"*\" is everybody."},
    {"targets[].audit", "mapping", "How this target is recorded."},
    {"targets[].audit.durability", "async|group", "Before a statement goes out: in memory that survives the process, or on disk."},
    {"targets[].default", "allow|deny", "For statements no rule speaks of; deny when absent."},
    {"targets[].trusted_functions", "list of names", "Functions whose bodies need not be seen: schema.name or schema.*."},
    {"targets[].large_parameters", "hash", "Let parameters over limits.bind_size pass, counted and hashed."},
    {"targets[].limits", "mapping", "Caps."},
    {"targets[].limits.sessions", "number", "Sessions at once; 10000 when absent."},
    {"targets[].limits.sessions_per_principal", "number", "Sessions of one principal at once; 1000 when absent."},
    {"targets[].limits.statement_size", "size", "Longest statement text; 256KiB when absent."},
    {"targets[].limits.bind_size", "size", "Longest Bind message; 1MiB when absent."},
    {"targets[].limits.masked_row_size", "size", "Longest row that is held for masking; 1MiB when absent."},
    {"targets[].limits.connect_timeout", "duration", "For reaching the target; 10s when absent."},
    {"targets[].limits.idle_timeout", "duration", "A session without traffic ends after it; never when absent."},
    {"rules", "list of files", "Rule files, folders whose *.yaml are read in the order of their names, or one compiled file."},
    {"rules_verify_key", "file", "Public keys, PEM: only compiled rules that one of them has signed are loaded."},
    {"compile", "mapping", "What compiling rules may take."},
    {"compile.memory", "size", "Memory; 1GiB when absent."},
    {"compile.time", "duration", "Time of the processor; 20s when absent."},
    {"mask_keys", "list", "Keys of the mask operator hash."},
    {"mask_keys[].name", "name", "What a rule's mask says in key."},
    {"mask_keys[].file", "file", "32 to 1024 bytes, mode 0600; one newline at the end is not part of it. Read again when it changes."},
    {"audit", "mapping", "The audit log."},
    {"audit.directory", "folder", "Where segments are kept; /var/lib/sluice/audit when absent."},
    {"audit.ring_directory", "folder", "Where the lanes' rings are, on tmpfs; /run/sluice when absent."},
    {"audit.ring_size", "size", "One lane's ring, a power of two from 2MiB; 16MiB when absent."},
    {"audit.segment_size", "size", "One segment file; 64MiB when absent."},
    {"admin", "mapping", "How the running gateway is asked and told."},
    {"admin.bind", "address:port", "The admin listener: health, metrics, status. None when absent."},
    {"admin.allow_remote", "boolean", "Accept an address that is not loopback: the listener asks nobody who they are."},
    {"admin.socket", "file", "Local socket of `sluice rules`; control.sock in audit.ring_directory when absent."},
    {"lanes", "number", "Lanes; one a core when absent."},
    {"logging", "mapping", "Log lines on standard error."},
    {"logging.format", "text|json", "text when absent."},
    {"logging.level", "debug|info|warn|error", "Lines below it are not written; info when absent."},
    {"handshake_timeout", "duration", "From accept to the end of the login; 10s when absent."},
    {"drain_timeout", "duration", "How long open sessions may go on after SIGTERM; 30s when absent."},
};

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above + 1, row[j - 1] + 1, replaced});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::span<const ConfigKey> config_keys() { return keys; }

std::vector<std::string_view> config_key_names(std::string_view path) {
  std::vector<std::string_view> out;
  for (const ConfigKey& k : keys) {
    std::string_view rest = k.path;
    if (!path.empty()) {
      if (!rest.starts_with(path) || rest.size() <= path.size() || rest[path.size()] != '.') continue;
      rest.remove_prefix(path.size() + 1);
    }
    if (rest.find('.') == std::string_view::npos) out.push_back(rest);
  }
  return out;
}

std::string_view config_key_unavailable(std::string_view path) {
  if (path == "identity.oidc") return "not available in this version: use access_keys or client_certificates";
  return {};
}

std::string_view nearest_name(std::string_view name, std::span<const std::string_view> candidates) {
  if (name.size() > 64) return {};  // No key is that long, and the table below grows with it.
  std::string_view best;
  size_t best_distance = std::max<size_t>(1, name.size() / 3) + 1;
  for (const std::string_view c : candidates) {
    const size_t d = edit_distance(name, c);
    if (d < best_distance) {
      best_distance = d;
      best = c;
    }
  }
  return best;
}

}  // namespace sluice::control
