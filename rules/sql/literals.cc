#include "rules/sql/literals.h"

#include <algorithm>

#include "rules/sql/characters.h"

namespace sluice::rules::sql {
namespace {

// Reads the hex digits at `i`, at most `size` of them; moves `i` behind them.
char32_t read_hex(std::string_view text, size_t& i, size_t size) {
  char32_t value = 0;
  for (const size_t end = std::min(i + size, text.size()); i < end && is_hex_digit(text[i]); ++i) {
    value = value * 16 + hex_value(text[i]);
  }
  return value;
}

// Appends what the escape at `i`, a backslash, stands for; moves `i` behind it. `half`: the first half
// of a surrogate pair that waits for the other, or 0.
void append_escape(std::string_view text, size_t& i, std::string& out, char32_t& half) {
  const char c = text[i + 1];
  i += 2;
  switch (c) {
    case 'b':
      return out.push_back('\b');
    case 'f':
      return out.push_back('\f');
    case 'n':
      return out.push_back('\n');
    case 'r':
      return out.push_back('\r');
    case 't':
      return out.push_back('\t');
    case 'u':
    case 'U': {
      char32_t value = read_hex(text, i, c == 'u' ? 4 : 8);
      if (half != 0) value = 0x10000 + ((half & 0x3FF) << 10) + (value & 0x3FF);
      half = value >= 0xD800 && value <= 0xDBFF ? value : 0;
      return half == 0 ? append_utf8(out, value) : void();
    }
    case 'x':
      if (i < text.size() && is_hex_digit(text[i])) {
        return out.push_back(static_cast<char>(static_cast<unsigned char>(read_hex(text, i, 2))));
      }
      return out.push_back(c);
    default:
      break;
  }
  if (!is_octal_digit(c)) return out.push_back(c);
  unsigned value = hex_value(c);
  for (const size_t end = i + 2; i < end && i < text.size() && is_octal_digit(text[i]); ++i) {
    value = value * 8 + hex_value(text[i]);
  }
  out.push_back(static_cast<char>(static_cast<unsigned char>(value & 0xFF)));
}

// Both forms in quotes: undoubles them, and goes on behind what parts continuations.
std::string quoted_value(std::string_view token, bool escapes) {
  std::string out;
  char32_t half = 0;
  size_t i = token.find('\'') + 1;
  while (i < token.size()) {
    if (escapes && token[i] == '\\' && i + 1 < token.size()) {
      append_escape(token, i, out, half);
    } else if (token[i] != '\'') {
      out.push_back(token[i++]);
    } else if (i + 1 < token.size() && token[i + 1] == '\'') {
      out.push_back('\'');
      i += 2;
    } else {
      i = std::min(token.find('\'', i + 1), token.size() - 1) + 1;
    }
  }
  return out;
}

}  // namespace

std::string string_value(std::string_view token) { return quoted_value(token, false); }
std::string escape_string_value(std::string_view token) { return quoted_value(token, true); }

std::string_view dollar_string_value(std::string_view token) {
  const size_t tag = token.find('$', 1) + 1;
  return token.substr(tag, token.size() - 2 * tag);
}

std::optional<std::string> decode_unicode(std::string_view in, char escape) {
  std::string out;
  char32_t pending = 0;  // The first half of a surrogate pair, or 0.
  size_t i = 0;
  while (i < in.size()) {
    if (in[i] != escape || (i + 1 < in.size() && in[i + 1] == escape)) {
      if (pending != 0) return std::nullopt;
      out.push_back(in[i]);
      i += in[i] == escape ? 2 : 1;
      continue;
    }
    const bool six = i + 1 < in.size() && in[i + 1] == '+';
    const size_t first = i + (six ? 2 : 1);
    const size_t size = six ? 6 : 4;
    char32_t c = 0;
    for (size_t k = first; k < first + size; ++k) {
      if (k >= in.size() || !is_hex_digit(in[k])) return std::nullopt;
      c = c * 16 + hex_value(in[k]);
    }
    i = first + size;
    const bool second_half = c >= 0xDC00 && c <= 0xDFFF;
    if (second_half != (pending != 0)) return std::nullopt;
    if (c >= 0xD800 && c <= 0xDBFF) {
      pending = c;
      continue;
    }
    if (second_half) c = 0x10000 + ((pending & 0x3FF) << 10) + (c & 0x3FF);
    pending = 0;
    if (c == 0 || c > 0x10FFFF) return std::nullopt;
    append_utf8(out, c);
  }
  if (pending != 0) return std::nullopt;
  return out;
}

std::optional<char> escape_character(std::string_view literal) {
  if (literal.size() != 3 || literal.front() != '\'') return std::nullopt;
  const char c = literal[1];
  if (is_hex_digit(c) || c == '+' || c == '\'' || c == '"' || is_space(c) || is_high(c)) return std::nullopt;
  return c;
}

}  // namespace sluice::rules::sql
