// The PROXY protocol, version 2 (haproxy.org/download/2.9/doc/proxy-protocol.txt, section 2.2): who a
// load balancer in front of sluice accepted the connection from. Pure.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace sluice {

/// 16 bytes of fixed header, the largest address block we take (TCP over IPv6: 36 bytes), and type-length-value
/// fields. The specification asks receivers to take 536 bytes in all.
inline constexpr size_t proxy_header_size_max = 536;

enum class ProxyError : uint8_t {
  NotProxyV2,       ///< The first bytes are not the signature of version 2.
  BadVersion,       ///< Not version 2, or neither LOCAL nor PROXY.
  BadFamily,        ///< PROXY for something that is not TCP over IPv4 or IPv6.
  LengthTooSmall,   ///< The length does not cover the addresses of its family.
  LengthTooLarge,   ///< More than proxy_header_size_max.
  BadField,         ///< The type-length-value fields do not fill the rest exactly.
};
[[nodiscard]] std::string_view explain(ProxyError);

struct ProxyAddress {
  std::string host;  ///< Numeric, as inet_ntop writes it.
  uint16_t port = 0;
};

struct ProxyHeader {
  size_t size = 0;                     ///< Bytes to take off the input; what follows is the client's.
  std::optional<ProxyAddress> source;  ///< nullopt: LOCAL (the balancer's own health check): use the socket's.
};

/// Takes the header off the front of `input`. nullopt: not all bytes are here yet. The signature is
/// compared as far as bytes are there, the length is judged before its bytes are waited for.
[[nodiscard]] Result<std::optional<ProxyHeader>, ProxyError> parse_proxy_v2(Bytes input);

}  // namespace sluice
