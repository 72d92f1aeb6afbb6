#include "rules/mask/shadow.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/text.h"
#include "rules/mask/operators.h"

namespace sluice::rules {
namespace {

constexpr uint32_t removed = 0xFFFFFFFF;

// The zero of each block of ten decimal digits (Unicode category Nd) in the Basic Multilingual Plane.
constexpr std::array<uint32_t, 36> digit_zeros = {
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6,
    0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0,
    0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10};
static_assert(std::ranges::is_sorted(digit_zeros));

uint32_t code_point(std::string_view sequence) {
  const auto byte = [&](size_t i) { return uint32_t{static_cast<uint8_t>(sequence[i])}; };
  switch (sequence.size()) {
    case 2: return (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
    case 3: return (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    case 4: return (byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
    default: return byte(0);
  }
}

// What a reader takes the character for: an ASCII character, `removed`, or itself.
uint32_t read_as(uint32_t c) {
  if (c < 0x80) return c;
  if (c >= 0xFF01 && c <= 0xFF5E) return c - 0xFF01 + '!';
  if (c >= 0x1D7CE && c <= 0x1D7FF) return '0' + (c - 0x1D7CE) % 10;  // Mathematical digits.
  if (c == 0x00A0 || c == 0x202F || c == 0x205F || c == 0x3000 || (c >= 0x2000 && c <= 0x200A)) return ' ';
  if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212 || c == 0xFE58 || c == 0xFE63) return '-';
  if (c == 0x00AD || c == 0x034F || c == 0x061C || c == 0x180E || c == 0xFEFF || (c >= 0x200B && c <= 0x200F) ||
      (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || (c >= 0xFE00 && c <= 0xFE0F)) {
    return removed;
  }
  if (c == 0xFE52 || c == 0x2024) return '.';
  if (c == 0xFE6B) return '@';
  const auto above = std::ranges::upper_bound(digit_zeros, c);
  if (above != digit_zeros.begin() && c - *(above - 1) < 10) return '0' + (c - *(above - 1));
  return c;
}

uint32_t hex_value(std::string_view digits) {
  uint32_t value = 0;
  for (const char d : digits) {
    const char lower = static_cast<char>(d | 0x20);
    if (d >= '0' && d <= '9') {
      value = value << 4 | static_cast<uint32_t>(d - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value << 4 | static_cast<uint32_t>(lower - 'a' + 10);
    } else {
      return 0xFFFD;
    }
  }
  return value;
}

uint32_t unescape(std::string_view escape) {
  if (escape.size() < 2) return '\\';
  switch (escape[1]) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'u': break;
    default: return static_cast<uint8_t>(escape[1]);
  }
  if (escape.size() < 6) return 0xFFFD;
  const uint32_t first = hex_value(escape.substr(2, 4));
  if (escape.size() < 12) return first >= 0xD800 && first <= 0xDFFF ? 0xFFFD : first;
  const uint32_t second = hex_value(escape.substr(8, 4));
  if (first < 0xD800 || first > 0xDBFF || second < 0xDC00 || second > 0xDFFF) return 0xFFFD;
  return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
}

void append_utf8(uint32_t c, std::vector<char>& out) {
  const auto put = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

}  // namespace

bool append_shadow(std::string_view text, Escapes escapes, std::vector<char>& out, std::vector<uint32_t>& map) {
  SLUICE_ASSERT(text.size() < UINT32_MAX);
  const size_t out_before = out.size();
  const size_t map_before = map.size();
  const auto characters = escapes == Escapes::Json ? Characters::JsonEscaped : Characters::Utf8;
  bool differs = false;
  for (size_t at = 0; at < text.size();) {
    const bool escape = escapes == Escapes::Json && text[at] == '\\';
    if (static_cast<uint8_t>(text[at]) < 0x80 && !escape) {
      out.push_back(text[at]);
      map.push_back(static_cast<uint32_t>(at));
      at += 1;
      continue;
    }
    const size_t size = character_size(text.substr(at), characters);
    const auto sequence = text.substr(at, size);
    const size_t start = out.size();
    if (size == 1 && !escape) {
      out.push_back(sequence[0]);  // Invalid UTF-8: as it is.
    } else if (const uint32_t read = read_as(escape ? unescape(sequence) : code_point(sequence)); read != removed) {
      append_utf8(read, out);
    }
    map.resize(map.size() + (out.size() - start), static_cast<uint32_t>(at));
    differs |= std::string_view(out.data() + start, out.size() - start) != sequence;
    at += size;
  }
  if (differs) {
    map.push_back(static_cast<uint32_t>(text.size()));
    return true;
  }
  out.resize(out_before);
  map.resize(map_before);
  return false;
}

}  // namespace sluice::rules
