// The one list of protocols that sluice speaks. A protocol is added by one folder beside this file,
// one session driver in gateway/ and one line here.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace sluice {

struct ProtocolSpec {
  std::string_view name;  ///< What `protocol:` says in the configuration.
  uint16_t default_port;  ///< Of a target that names no port.
};

inline constexpr std::array protocols = {
    ProtocolSpec{"postgres", 5432},
};

/// Null: no such protocol.
[[nodiscard]] constexpr const ProtocolSpec* find_protocol(std::string_view name) {
  for (const ProtocolSpec& spec : protocols) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

}  // namespace sluice
