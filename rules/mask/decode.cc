#include "rules/mask/decode.h"

#include <algorithm>
#include <charconv>

namespace sluice::rules {
namespace {

constexpr uint16_t numeric_negative = 0x4000;
constexpr uint16_t numeric_special = 0xC000;  // NaN, and infinities since PostgreSQL 14.
constexpr uint16_t numeric_digit_max = 9999;

void append_group(uint16_t group, std::vector<char>& out) {
  for (const unsigned unit : {1000U, 100U, 10U, 1U}) out.push_back(static_cast<char>('0' + group / unit % 10));
}

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

bool append_int8(Bytes value, std::vector<char>& out) {
  if (value.size() != 8) return false;
  const uint64_t bits = uint64_t{load_u32(value.data())} << 32 | load_u32(value.data() + 4);
  char text[24];
  const auto end = std::to_chars(text, text + sizeof text, static_cast<int64_t>(bits)).ptr;
  out.insert(out.end(), text, end);
  return true;
}

bool append_numeric(Bytes value, std::vector<char>& out) {
  ByteReader reader(value);
  const auto count = reader.u16();
  const auto weight = reader.i16();
  const auto sign = reader.u16();
  const auto scale = reader.u16();
  if (!scale || reader.rest().size() != size_t{*count} * 2) return false;
  if ((*sign & numeric_special) == numeric_special) return true;
  const Bytes groups = reader.rest();
  for (size_t i = 0; i < *count; ++i) {
    if (load_u16(groups.data() + 2 * i) > numeric_digit_max) return false;
  }
  const auto group = [&](int64_t index) -> uint16_t {
    return index >= 0 && index < *count ? load_u16(groups.data() + 2 * index) : uint16_t{0};
  };
  if (*sign == numeric_negative) out.push_back('-');

  // Integer part: groups 0..weight. Leading zeros are not written, as the server's text has none.
  const size_t integer_start = out.size();
  const int64_t integer_groups = int64_t{*weight} + 1;
  const int64_t written = std::min<int64_t>(integer_groups, *count + int64_t{numeric_padding_max} / 4);
  for (int64_t i = 0; i < written; ++i) append_group(group(i), out);
  const auto first = std::find_if(out.begin() + integer_start, out.end(), [](char c) { return c != '0'; });
  out.erase(out.begin() + integer_start, first);
  if (out.size() == integer_start) out.push_back('0');
  if (*scale == 0) return true;

  out.push_back('.');
  const size_t fraction_start = out.size();
  int64_t index = std::max(integer_groups, -int64_t{numeric_padding_max} / 4);
  for (; index < *count && out.size() - fraction_start < *scale; ++index) append_group(group(index), out);
  const size_t padded = out.size() - fraction_start + numeric_padding_max;
  out.resize(fraction_start + std::min<size_t>(*scale, padded), '0');
  return true;
}

bool append_unhexed(std::string_view text, std::vector<char>& out) {
  if (text.size() < 2 || text.size() % 2 != 0 || text[0] != '\\' || text[1] != 'x') return false;
  const size_t before = out.size();
  for (size_t i = 2; i < text.size(); i += 2) {
    const int high = nibble(text[i]);
    const int low = nibble(text[i + 1]);
    if (high < 0 || low < 0) {
      out.resize(before);
      return false;
    }
    out.push_back(static_cast<char>(high << 4 | low));
  }
  return true;
}

void append_hexed(std::string_view bytes, std::vector<char>& out) {
  constexpr std::string_view digits = "0123456789abcdef";
  out.push_back('\\');
  out.push_back('x');
  for (const char c : bytes) {
    out.push_back(digits[static_cast<uint8_t>(c) >> 4]);
    out.push_back(digits[static_cast<uint8_t>(c) & 15]);
  }
}

void append_without_framing(std::string_view bytes, std::vector<char>& out) {
  constexpr size_t word_size = 4;
  for (size_t i = 0; i < bytes.size();) {
    if (bytes[i] != '\0') {
      out.push_back(bytes[i]);
      i += 1;
      continue;
    }
    const size_t blanked = std::min(word_size, bytes.size() - i);
    out.resize(out.size() + blanked, '\x1E');
    i += blanked;
  }
}

}  // namespace sluice::rules
