#include "protocols/postgres/startup.h"

#include <algorithm>

#include "base/text.h"

namespace sluice::pg {
namespace {

constexpr uint16_t request_major = 1234;  // The upper half of the request codes: no real major version.
constexpr std::string_view protocol_option_prefix = "_pq_.";

Result<StartupPacket, StartupError> parse_parameters(ByteReader reader, uint16_t major, uint16_t minor) {
  StartupMessage message{major, minor, {}};
  for (;;) {
    const auto name = reader.c_string();
    if (!name) return std::unexpected(StartupError::BadTerminator);
    // An empty name is the terminator. Bytes after it would be read by a laxer parser than this one.
    if (name->empty()) break;
    const auto value = reader.c_string();
    if (!value) return std::unexpected(StartupError::BadTerminator);
    if (!utf8_valid(*name) || !utf8_valid(*value)) return std::unexpected(StartupError::NotUtf8);
    if (message.parameters.size() == startup_parameter_count_max) {
      return std::unexpected(StartupError::TooManyParameters);
    }
    for (const auto& [earlier, _] : message.parameters) {
      if (same_setting_name(earlier, *name)) return std::unexpected(StartupError::DuplicateParameter);
    }
    message.parameters.emplace_back(*name, *value);
  }
  if (!reader.empty()) return std::unexpected(StartupError::BadTerminator);
  return message;
}

}  // namespace

std::string_view explain(StartupError error) {
  switch (error) {
    case StartupError::LengthTooSmall: return "the startup packet's length does not cover its own header";
    case StartupError::LengthTooLarge: return "the startup packet is larger than 10,000 bytes";
    case StartupError::UnknownRequest: return "the startup packet is no request that exists";
    case StartupError::UnsupportedProtocol: return "only version 3 of the PostgreSQL protocol is spoken here";
    case StartupError::BadTerminator: return "the startup packet's parameters do not end where the packet ends";
    case StartupError::TooManyParameters: return "the startup packet has too many parameters";
    case StartupError::DuplicateParameter: return "a startup parameter is given twice";
    case StartupError::NotUtf8: return "a startup parameter is not UTF-8";
  }
  return "unknown startup error";
}

Result<std::optional<uint32_t>, StartupError> startup_packet_size(Bytes input) {
  if (input.size() < 4) return std::optional<uint32_t>{};
  const uint32_t size = load_u32(input.data());
  if (size < startup_size_min) return std::unexpected(StartupError::LengthTooSmall);
  if (size > startup_size_max) return std::unexpected(StartupError::LengthTooLarge);
  return std::optional{size};
}

Result<StartupPacket, StartupError> parse_startup(Bytes whole) {
  ByteReader reader(whole);
  const auto size = reader.u32();
  const auto code = reader.u32();
  if (!size || !code || *size != whole.size()) return std::unexpected(StartupError::LengthTooSmall);
  if (*size > startup_size_max) return std::unexpected(StartupError::LengthTooLarge);

  const auto major = static_cast<uint16_t>(*code >> 16);
  if (major == request_major) {
    if (*code == ssl_request_code && reader.empty()) return SslRequest{};
    if (*code == gss_enc_request_code && reader.empty()) return GssEncRequest{};
    if (*code == cancel_request_code) {
      const auto pid = reader.u32();
      const auto secret = reader.u32();
      if (pid && secret && reader.empty()) return CancelRequest{*pid, *secret};
    }
    return std::unexpected(StartupError::UnknownRequest);
  }
  if (major != 3) return std::unexpected(StartupError::UnsupportedProtocol);
  return parse_parameters(reader, major, static_cast<uint16_t>(*code & 0xFFFF));
}

bool same_setting_name(std::string_view a, std::string_view b) {
  const auto folded = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, [&](char x, char y) { return folded(x) == folded(y); });
}

std::vector<std::string> protocol_options(const StartupMessage& message) {
  std::vector<std::string> names;
  for (const auto& [name, _] : message.parameters) {
    if (name.starts_with(protocol_option_prefix)) names.push_back(name);
  }
  return names;
}

bool needs_negotiation(const StartupMessage& message) {
  return message.minor > 0 || std::ranges::any_of(message.parameters, [](const auto& parameter) {
           return parameter.first.starts_with(protocol_option_prefix);
         });
}

}  // namespace sluice::pg
