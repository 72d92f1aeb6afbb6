#include "control/admin_request.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "control/config_reader.h"

namespace sluice::control {
namespace {

/// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").contains(c);
  };
  return !text.empty() && std::ranges::all_of(text, good);
}

bool is_visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F; });
}

bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c == '\t' || (c >= 0x20 && c < 0x7F); });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool same_name(std::string_view a, std::string_view lower) {
  const auto fold = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, lower, {}, fold);
}

/// Cuts the first line off `rest`; its CRLF goes too. The caller knows there is one.
std::string_view next_line(std::string_view& rest) {
  const size_t end = rest.find("\r\n");
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end + 2);
  return line;
}

}  // namespace

std::string_view explain(AdminError e) {
  switch (e) {
    case AdminError::TooLarge: return "the header is too large";
    case AdminError::Malformed: return "not an HTTP/1.1 request";
    case AdminError::Version: return "only HTTP/1.0 and HTTP/1.1 are spoken here";
    case AdminError::Method: return "no such method here";
    case AdminError::Body: return "a GET has no body here, and a POST has one with a Content-Length";
    case AdminError::BodyTooLarge: return "the body is too large";
    case AdminError::Host: return "one Host header is needed";
  }
  return "not an HTTP/1.1 request";
}

uint16_t http_status(AdminError e) {
  switch (e) {
    case AdminError::TooLarge: return 431;
    case AdminError::Version: return 505;
    case AdminError::Method: return 405;
    case AdminError::BodyTooLarge: return 413;
    case AdminError::Malformed:
    case AdminError::Body:
    case AdminError::Host: return 400;
  }
  return 400;
}

Result<std::optional<AdminRequest>, AdminError> parse_admin_request(std::string_view input,
                                                                    size_t body_size_max) {
  const size_t end = input.substr(0, admin_header_size_max).find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (input.size() >= admin_header_size_max) return std::unexpected(AdminError::TooLarge);
    return std::optional<AdminRequest>{};
  }
  std::string_view rest = input.substr(0, end + 2);

  const std::string_view line = next_line(rest);
  const size_t first = line.find(' ');
  const size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return std::unexpected(AdminError::Malformed);
  const auto method = line.substr(0, first);
  const auto version = line.substr(second + 1);
  AdminRequest request;
  request.path = line.substr(first + 1, second - first - 1);
  if (!is_token(method) || !is_visible(request.path) || !version.starts_with("HTTP/") || version.size() != 8) {
    return std::unexpected(AdminError::Malformed);
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return std::unexpected(AdminError::Version);
  request.post = method == "POST" && body_size_max > 0;
  if (method != "GET" && !request.post) return std::unexpected(AdminError::Method);
  if (!request.path.starts_with('/')) return std::unexpected(AdminError::Malformed);

  bool has_host = false;
  std::optional<size_t> length;
  while (!rest.empty()) {
    const auto field = next_line(rest);
    const size_t colon = field.find(':');
    if (colon == std::string_view::npos || !is_token(field.substr(0, colon))) return std::unexpected(AdminError::Malformed);
    const auto name = field.substr(0, colon);
    const auto value = trim(field.substr(colon + 1));
    if (!is_field_value(value)) return std::unexpected(AdminError::Malformed);
    if (same_name(name, "transfer-encoding")) return std::unexpected(AdminError::Body);
    if (same_name(name, "content-length")) {
      size_t said = 0;
      const auto [stop, bad] = std::from_chars(value.data(), value.data() + value.size(), said);
      if (length || value.empty() || bad != std::errc{} || stop != value.data() + value.size())
        return std::unexpected(AdminError::Body);
      if (said > body_size_max) return std::unexpected(request.post ? AdminError::BodyTooLarge : AdminError::Body);
      length = said;
    }
    if (same_name(name, "host")) {
      if (has_host) return std::unexpected(AdminError::Host);
      has_host = true;
      request.host = value;
    }
  }
  if (!has_host && version == "HTTP/1.1") return std::unexpected(AdminError::Host);
  if (request.post ? !length : length.value_or(0) != 0) return std::unexpected(AdminError::Body);
  // What follows is the body; a second request is not taken.
  request.body = input.substr(end + 4);
  if (request.body.size() > length.value_or(0)) return std::unexpected(AdminError::Body);
  if (request.body.size() < length.value_or(0)) return std::optional<AdminRequest>{};
  return std::optional{request};
}

bool is_local_host_header(std::string_view host) {
  if (host == "localhost" || host.starts_with("localhost:")) return true;
  if (host.starts_with('[')) {
    const size_t close = host.find(']');
    return close != std::string_view::npos && is_loopback(std::string(host.substr(1, close - 1)));
  }
  return is_loopback(std::string(host.substr(0, host.find(':'))));
}

}  // namespace sluice::control
