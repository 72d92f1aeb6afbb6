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
  Method,          ///< 405: nothing but GET, or GET and POST.
  Body,            ///< 400: a body that is not asked for, or none where one is.
  BodyTooLarge,    ///< 413.
  Host,            ///< 400: no Host, or two.
};
[[nodiscard]] std::string_view explain(AdminError);
[[nodiscard]] uint16_t http_status(AdminError);

/// Views borrow from the input.
struct AdminRequest {
  bool post = false;
  std::string_view path;   ///< Origin form, with its query if it has one.
  std::string_view host;   ///< The Host header's value; empty in HTTP/1.0.
  std::string_view body;
};

/// nullopt: it is not whole yet. Lines end with CRLF only; no folding; no obsolete forms; a body has a
/// Content-Length. `body_size_max` 0: no POST.
[[nodiscard]] Result<std::optional<AdminRequest>, AdminError> parse_admin_request(std::string_view input,
                                                                                  size_t body_size_max = 0);

/// "localhost", a loopback address, with or without a port: what a browser that was tricked into
/// resolving a foreign name to 127.0.0.1 does not send.
[[nodiscard]] bool is_local_host_header(std::string_view host);

}  // namespace sluice::control
