#include "base/text.h"

#include <cstdint>
#include <cstring>

namespace sluice {
namespace {
constexpr char hex_digits[] = "0123456789abcdef";
uint8_t at(std::string_view t, size_t i) { return i < t.size() ? static_cast<uint8_t>(t[i]) : 0; }
bool continues(uint8_t b) { return (b & 0xC0) == 0x80; }
}  // namespace

size_t utf8_sequence_size(std::string_view t) {
  if (t.empty()) return 0;
  const uint8_t a = at(t, 0), b = at(t, 1), c = at(t, 2), d = at(t, 3);
  if (a < 0x80) return 1;
  if (a >= 0xC2 && a <= 0xDF) return continues(b) ? 2 : 0;
  if (a >= 0xE0 && a <= 0xEF) {
    const uint8_t low = a == 0xE0 ? 0xA0 : 0x80;
    const uint8_t high = a == 0xED ? 0x9F : 0xBF;
    return b >= low && b <= high && continues(c) ? 3 : 0;
  }
  if (a >= 0xF0 && a <= 0xF4) {
    const uint8_t low = a == 0xF0 ? 0x90 : 0x80;
    const uint8_t high = a == 0xF4 ? 0x8F : 0xBF;
    return b >= low && b <= high && continues(c) && continues(d) ? 4 : 0;
  }
  return 0;
}

bool utf8_valid(std::string_view text) {
  while (!text.empty()) {
    const size_t n = utf8_sequence_size(text);
    if (n == 0) return false;
    text.remove_prefix(n);
  }
  return true;
}

std::string json_quote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const size_t n = utf8_sequence_size(text);
    if (n == 0) {
      out += "\\ufffd";
      text.remove_prefix(1);
      continue;
    }
    const char c = text[0];
    if (n > 1) {
      out += text.substr(0, n);
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<uint8_t>(c) < 0x20 || c == 0x7F) {
      out += "\\u00";
      out += hex_digits[static_cast<uint8_t>(c) >> 4];
      out += hex_digits[static_cast<uint8_t>(c) & 15];
    } else {
      out += c;
    }
    text.remove_prefix(n);
  }
  out += '"';
  return out;
}

std::string printable(std::string_view text) {
  std::string out;
  const auto escape = [&](uint8_t b) {
    out += "\\x";
    out += hex_digits[b >> 4];
    out += hex_digits[b & 15];
  };
  while (!text.empty()) {
    const size_t n = utf8_sequence_size(text);
    const auto first = static_cast<uint8_t>(text[0]);
    const bool c1 = n == 2 && first == 0xC2 && static_cast<uint8_t>(text[1]) < 0xA0;
    if (n == 0 || first < 0x20 || first == 0x7F) {
      escape(first);
      text.remove_prefix(1);
    } else if (c1) {
      escape(first);
      escape(static_cast<uint8_t>(text[1]));
      text.remove_prefix(2);
    } else {
      out += text.substr(0, n);
      text.remove_prefix(n);
    }
  }
  return out;
}

std::string errno_text(int error) {
  char text[128];
  return ::strerror_r(error, text, sizeof text);
}

}  // namespace sluice
