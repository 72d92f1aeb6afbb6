// Who is asking.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

enum class PrincipalKind : uint8_t { Unknown, Human, Workload, Agent };
enum class Proof : uint8_t { None, AccessKey, ClientCertificate };

[[nodiscard]] constexpr const char* name_of(Proof p) {
  switch (p) {
    case Proof::None: return "none";
    case Proof::AccessKey: return "access-key";
    case Proof::ClientCertificate: return "client-certificate";
  }
  return "none";
}

/// A plain value, fixed for the life of a session once proven.
struct Principal {
  std::string subject;              ///< Its name: what the client gave as `user`.
  std::string issuer;               ///< Who vouches for it: "access-keys", or the certificate's issuer.
  std::vector<std::string> groups;
  PrincipalKind kind = PrincipalKind::Unknown;
  Proof proof = Proof::None;
  int64_t valid_until_unix_s = 0;   ///< 0: no expiry.
};

}  // namespace sluice
