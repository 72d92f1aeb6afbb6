// The character classes of the server's scanner. Bytes, not characters: everything outside ASCII may be
// part of a name.
#pragma once
#include <string>
#include <string_view>

namespace sluice::rules::sql {

constexpr bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
constexpr bool is_newline(char c) { return c == '\n' || c == '\r'; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_octal_digit(char c) { return c >= '0' && c <= '7'; }
constexpr bool is_hex_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
constexpr bool is_high(char c) { return (static_cast<unsigned char>(c) & 0x80) != 0; }
constexpr bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_high(c);
}
constexpr bool is_dollar_tag(char c) { return is_name_start(c) || is_digit(c); }
constexpr bool is_name(char c) { return is_dollar_tag(c) || c == '$'; }
constexpr bool is_operator(char c) {
  return std::string_view("~!@#^&|`?+-*/%<>=").find(c) != std::string_view::npos && c != '\0';
}
/// Operator characters that are tokens of their own when they stand alone.
constexpr bool is_self(char c) { return std::string_view("+-*/%^<>=").find(c) != std::string_view::npos && c != '\0'; }
constexpr char fold(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr unsigned hex_value(char c) { return static_cast<unsigned>(is_digit(c) ? c - '0' : fold(c) - 'a' + 10); }

/// Appends the UTF-8 of a code point. Requires: 0 < code point <= U+10FFFF, not a surrogate.
void append_utf8(std::string& out, char32_t code_point);

}  // namespace sluice::rules::sql
