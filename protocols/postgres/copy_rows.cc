#include "protocols/postgres/copy_rows.h"

#include <emmintrin.h>

#include <algorithm>
#include <array>
#include <bit>

#include "base/assert.h"

namespace sluice::pg {
namespace {

constexpr std::string_view default_null = "\\N";

int octal(char c) { return c >= '0' && c <= '7' ? c - '0' : -1; }

int hexadecimal(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char low = static_cast<char>(c | 0x20);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

// Up to `digits_max` digits at `at`, which moves behind them.
char number_escape(std::string_view raw, size_t& at, size_t digits_max, int base, int (*digit)(char)) {
  int value = 0;
  for (size_t n = 0; n < digits_max && at < raw.size() && digit(raw[at]) >= 0; ++n, ++at)
    value = value * base + digit(raw[at]);
  return static_cast<char>(value & 0xFF);
}

char letter_escape(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    default:
      return c;
  }
}

// Reads what COPY FROM reads, which is more than the server writes.
std::string_view unescape(std::string_view raw, std::vector<char>& decoded) {
  const size_t begin = decoded.size();
  for (size_t i = 0; i < raw.size();) {
    const char c = raw[i++];
    if (c != '\\') {
      decoded.push_back(c);
    } else if (octal(raw[i]) >= 0) {
      decoded.push_back(number_escape(raw, i, 3, 8, octal));
    } else if (raw[i] == 'x' && i + 1 < raw.size() && hexadecimal(raw[i + 1]) >= 0) {
      i += 1;
      decoded.push_back(number_escape(raw, i, 2, 16, hexadecimal));
    } else {
      decoded.push_back(letter_escape(raw[i++]));
    }
  }
  return {decoded.data() + begin, decoded.size() - begin};
}

// Most rows: nothing in them is escaped, quoted or a line end, so only delimiters count. False: one of `special`
// is there, and `cells` are worth nothing.
bool split_plain(std::string_view row, char delimiter, std::array<char, 2> special, std::vector<CopyCell>& cells) {
  constexpr size_t block_size = 16;
  const __m128i ends = _mm_set1_epi8(delimiter);
  const __m128i first_special = _mm_set1_epi8(special[0]);
  const __m128i second_special = _mm_set1_epi8(special[1]);
  __m128i found = _mm_setzero_si128();
  size_t begin = 0;
  const auto add = [&](size_t end) {
    const std::string_view raw = row.substr(begin, end - begin);
    cells.push_back({raw, raw, false});
    begin = end + 1;
  };
  size_t at = 0;
  for (; row.size() - at >= block_size; at += block_size) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row.data() + at));
    found =
        _mm_or_si128(found, _mm_or_si128(_mm_cmpeq_epi8(bytes, first_special), _mm_cmpeq_epi8(bytes, second_special)));
    auto here = static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, ends)));
    for (; here != 0; here &= here - 1) add(at + static_cast<size_t>(std::countr_zero(here)));
  }
  bool is_special = _mm_movemask_epi8(found) != 0;
  for (; at < row.size(); ++at) {
    is_special |= row[at] == special[0] || row[at] == special[1];
    if (row[at] == delimiter) add(at);
  }
  add(row.size());
  return !is_special;
}

void set_nulls(std::string_view null_text, std::vector<CopyCell>& cells) {
  for (CopyCell& cell : cells) {
    if (cell.raw != null_text) continue;
    cell.value = {};
    cell.null = true;
  }
}

void add_text(std::string_view raw, bool escaped, const CopyOut& format, std::vector<CopyCell>& cells,
              std::vector<char>& decoded) {
  const bool sure_null = format.null_text.empty() || format.null_text == default_null;
  if (sure_null && raw == format.null_text) {
    cells.push_back({raw, {}, true});
  } else {
    cells.push_back({raw, escaped ? unescape(raw, decoded) : raw, false});
  }
}

bool split_text(std::string_view row, const CopyOut& format, std::vector<CopyCell>& cells, std::vector<char>& decoded) {
  if (split_plain(row, format.delimiter, {'\\', '\n'}, cells)) {
    // What stands for NULL otherwise is escaped, or taken for a value.
    if (format.null_text.empty()) set_nulls({}, cells);
    return true;
  }
  if (row.contains('\n')) return false;
  cells.clear();
  while (true) {
    size_t end = 0;
    bool escaped = false;
    for (; end < row.size() && row[end] != format.delimiter; ++end) {
      if (row[end] != '\\') continue;
      escaped = true;
      if (++end == row.size()) return false;
    }
    add_text(row.substr(0, end), escaped, format, cells, decoded);
    if (end == row.size()) return true;
    row.remove_prefix(end + 1);
  }
}

// `row` begins behind the opening quote. Leaves it at what follows the closing one. False: there is none.
bool take_quoted(std::string_view& row, const CopyOut& format, std::vector<CopyCell>& cells,
                 std::vector<char>& decoded) {
  const char* const opening = row.data() - 1;
  const auto special = [&](char c) { return c == format.quote || c == format.escape; };
  const auto is_escape = [&](size_t at) {
    return row[at] == format.escape && at + 1 < row.size() && special(row[at + 1]);
  };
  const size_t begin = decoded.size();
  size_t copied = 0;
  bool escaped = false;
  const auto next_special = [&](size_t from) {
    if (format.quote == format.escape) return row.find(format.quote, from);
    while (from < row.size() && !special(row[from])) ++from;
    return from;
  };
  for (size_t i = next_special(0); i < row.size(); i = next_special(i + 1)) {
    if (is_escape(i)) {
      decoded.insert(decoded.end(), row.begin() + static_cast<ptrdiff_t>(copied),
                     row.begin() + static_cast<ptrdiff_t>(i));
      copied = ++i;  // What is escaped goes with what follows it.
      escaped = true;
    } else if (row[i] == format.quote) {
      if (escaped) {
        decoded.insert(decoded.end(), row.begin() + static_cast<ptrdiff_t>(copied),
                       row.begin() + static_cast<ptrdiff_t>(i));
      }
      const std::string_view raw(opening, i + 2);
      const std::string_view value =
          escaped ? std::string_view(decoded.data() + begin, decoded.size() - begin) : row.substr(0, i);
      cells.push_back({raw, value, false});
      row.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

bool split_csv(std::string_view row, const CopyOut& format, std::vector<CopyCell>& cells, std::vector<char>& decoded) {
  if (split_plain(row, format.delimiter, {format.quote, '\n'}, cells)) {
    set_nulls(format.null_text, cells);
    return true;
  }
  cells.clear();
  const bool lines = row.contains('\n');
  while (true) {
    if (row.starts_with(format.quote)) {
      row.remove_prefix(1);
      if (!take_quoted(row, format, cells, decoded)) return false;
    } else {
      const auto raw = row.substr(0, row.find(format.delimiter));
      // Both would have been quoted.
      if (raw.contains(format.quote) || (lines && raw.contains('\n'))) return false;
      const bool null = raw == format.null_text;
      cells.push_back({raw, null ? std::string_view{} : raw, null});
      row.remove_prefix(raw.size());
    }
    if (row.empty()) return true;
    if (row.front() != format.delimiter) return false;
    row.remove_prefix(1);
  }
}

char escape_letter(char c) {
  switch (c) {
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '\v':
      return 'v';
    default:
      return '\0';
  }
}

void append_text_value(std::string_view value, const CopyOut& format, std::vector<std::byte>& out) {
  for (const char c : value) {
    const char letter = escape_letter(c);
    const bool escaped = letter != '\0' || c == '\\' || c == format.delimiter;
    if (escaped) out.push_back(static_cast<std::byte>('\\'));
    out.push_back(static_cast<std::byte>(letter != '\0' ? letter : c));
  }
}

void append_csv_value(std::string_view value, const CopyOut& format, std::vector<std::byte>& out) {
  out.push_back(static_cast<std::byte>(format.quote));
  for (const char c : value) {
    if (c == format.quote || c == format.escape) out.push_back(static_cast<std::byte>(format.escape));
    out.push_back(static_cast<std::byte>(c));
  }
  out.push_back(static_cast<std::byte>(format.quote));
}

}  // namespace

bool split_copy_row(std::string_view message, const CopyOut& format, std::vector<CopyCell>& cells,
                    std::vector<char>& decoded) {
  SLUICE_ASSERT(format.format != CopyOut::Format::Unknown);
  SLUICE_ASSERT(decoded.capacity() - decoded.size() >= message.size());
  cells.clear();
  if (!message.ends_with('\n')) return false;
  message.remove_suffix(1);
  return format.format == CopyOut::Format::Csv ? split_csv(message, format, cells, decoded)
                                               : split_text(message, format, cells, decoded);
}

void append_copy_value(std::string_view value, const CopyOut& format, std::vector<std::byte>& out) {
  if (format.format == CopyOut::Format::Csv) {
    append_csv_value(value, format, out);
  } else {
    append_text_value(value, format, out);
  }
}

}  // namespace sluice::pg
