// One HTTP/1.1 request of the admin listener, parsed strictly (RFC 9112): bytes in, path out. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace sluice::control {

inline constexpr size_t admin_header_size_max = 8192;

enum class AdminError : uint8_t {
  TooLarge,        ///< 431: the header is over admin_header_size_max.
  Malformed,       ///< 400: not HTTP/1.1 as RFC 9112 writes it.
  Version,         ///< 505: neither HTTP/1.0 nor HTTP/1.1.
  Method,          ///< 405: nothing but GET.
  Body,            ///< 400: a GET with a body.
  Host,            ///< 400: no Host, or two.
};
[[nodiscard]] std::string_view explain(AdminError);
[[nodiscard]] uint16_t http_status(AdminError);

/// Views borrow from the input.
struct AdminRequest {
  std::string_view path;   ///< Origin form, with its query if it has one.
  std::string_view host;   ///< The Host header's value; empty in HTTP/1.0.
};

/// nullopt: the header is not whole yet. Lines end with CRLF only; no folding; no obsolete forms.
[[nodiscard]] Result<std::optional<AdminRequest>, AdminError> parse_admin_request(std::string_view input);

/// "localhost", a loopback address, with or without a port: what a browser that was tricked into
/// resolving a foreign name to 127.0.0.1 does not send.
[[nodiscard]] bool is_local_host_header(std::string_view host);

}  // namespace sluice::control
