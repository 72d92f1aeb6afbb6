#include "protocols/proxy_protocol.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace sluice {
namespace {

constexpr std::array<uint8_t, 12> signature = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};
constexpr size_t fixed_size = 16;
constexpr uint8_t version_2 = 0x20;
constexpr uint8_t command_local = 0x0;
constexpr uint8_t command_proxy = 0x1;
constexpr uint8_t tcp_over_ipv4 = 0x11;
constexpr uint8_t tcp_over_ipv6 = 0x21;

/// Type-length-value fields: one byte, two bytes, the value. Their meaning is ignored, their framing is not.
bool fields_fill(ByteReader reader) {
  while (!reader.empty()) {
    const auto type = reader.u8();
    const auto size = reader.u16();
    if (!type || !size || !reader.bytes(*size)) return false;
  }
  return true;
}

/// Reads source address, destination address, source port, destination port.
Result<ProxyAddress, ProxyError> read_addresses(ByteReader& reader, int family, size_t address_size) {
  const auto source = reader.bytes(address_size);
  const auto destination = reader.bytes(address_size);
  const auto source_port = reader.u16();
  const auto destination_port = reader.u16();
  if (!source || !destination || !source_port || !destination_port) {
    return std::unexpected(ProxyError::LengthTooSmall);
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  SLUICE_ASSERT(inet_ntop(family, source->data(), text.data(), text.size()) != nullptr);
  return ProxyAddress{text.data(), *source_port};
}

}  // namespace

std::string_view explain(ProxyError error) {
  switch (error) {
    case ProxyError::NotProxyV2: return "the connection does not start with a PROXY protocol version 2 header";
    case ProxyError::BadVersion: return "the PROXY header has another version or command";
    case ProxyError::BadFamily: return "the PROXY header is not for TCP over IPv4 or IPv6";
    case ProxyError::LengthTooSmall: return "the PROXY header does not cover its addresses";
    case ProxyError::LengthTooLarge: return "the PROXY header is larger than 536 bytes";
    case ProxyError::BadField: return "the PROXY header's extra fields do not fill it";
  }
  return "unknown PROXY header error";
}

Result<std::optional<ProxyHeader>, ProxyError> parse_proxy_v2(Bytes input) {
  for (size_t i = 0; i < std::min(input.size(), signature.size()); ++i) {
    if (std::to_integer<uint8_t>(input[i]) != signature[i]) return std::unexpected(ProxyError::NotProxyV2);
  }
  if (input.size() < fixed_size) return std::optional<ProxyHeader>{};

  const auto version_command = std::to_integer<uint8_t>(input[12]);
  const uint8_t command = version_command & 0x0F;
  if ((version_command & 0xF0) != version_2) return std::unexpected(ProxyError::BadVersion);
  if (command != command_local && command != command_proxy) return std::unexpected(ProxyError::BadVersion);

  const size_t size = fixed_size + load_u16(input.data() + 14);
  if (size > proxy_header_size_max) return std::unexpected(ProxyError::LengthTooLarge);
  if (input.size() < size) return std::optional<ProxyHeader>{};

  // "The receiver must accept this connection as valid and must use the real connection endpoints and
  // discard the protocol block including the family which is ignored" (LOCAL).
  if (command == command_local) return std::optional{ProxyHeader{size, std::nullopt}};

  ByteReader reader(input.subspan(fixed_size, size - fixed_size));
  const auto family = std::to_integer<uint8_t>(input[13]);
  if (family != tcp_over_ipv4 && family != tcp_over_ipv6) return std::unexpected(ProxyError::BadFamily);
  const bool four = family == tcp_over_ipv4;
  auto source = read_addresses(reader, four ? AF_INET : AF_INET6, four ? 4 : 16);
  if (!source) return std::unexpected(source.error());
  if (!fields_fill(reader)) return std::unexpected(ProxyError::BadField);
  return std::optional{ProxyHeader{size, std::move(*source)}};
}

}  // namespace sluice
