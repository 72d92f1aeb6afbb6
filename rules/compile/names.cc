#include "rules/compile/names.h"

#include <algorithm>
#include <numeric>

#include "base/text.h"

namespace sluice::rules {
namespace {

constexpr size_t identifier_size_max = 63;  // NAMEDATALEN - 1.
constexpr size_t slip_max = 2;              // Edits between a word and the one that was meant.

bool is_bare_character(char c, bool first) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<uint8_t>(c) >= 0x80) return true;
  return !first && ((c >= '0' && c <= '9') || c == '$');
}

// Takes a quoted identifier off the front; false: not closed.
bool take_quoted(std::string_view& text, std::string& part) {
  text.remove_prefix(1);
  while (!text.empty()) {
    if (text[0] != '"') {
      part += text[0];
      text.remove_prefix(1);
    } else if (text.starts_with("\"\"")) {
      part += '"';
      text.remove_prefix(2);
    } else {
      text.remove_prefix(1);
      return true;
    }
  }
  return false;
}

void take_bare(std::string_view& text, std::string& part) {
  while (!text.empty() && is_bare_character(text[0], part.empty())) {
    const char c = text[0];
    part += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    text.remove_prefix(1);
  }
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  // NOLINTNEXTLINE(modernize-use-ranges): libstdc++ 12 has no std::ranges::iota.
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<std::vector<NamePart>> parse_name(std::string_view text) {
  std::vector<NamePart> parts;
  for (;;) {
    NamePart part;
    if (text.starts_with('*')) {
      part.every = true;
      text.remove_prefix(1);
    } else if (text.starts_with('"')) {
      if (!take_quoted(text, part.text)) return std::nullopt;
    } else {
      take_bare(text, part.text);
    }
    if (!part.every && (part.text.empty() || part.text.size() > identifier_size_max)) return std::nullopt;
    if (!utf8_valid(part.text) || part.text.find('\0') != std::string::npos) return std::nullopt;
    parts.push_back(std::move(part));
    if (text.empty()) return parts;
    if (text[0] != '.') return std::nullopt;
    text.remove_prefix(1);
  }
}

std::optional<std::vector<NamePattern>> parse_pattern(std::string_view text) {
  constexpr ptrdiff_t stars_max = 16;
  std::vector<NamePattern> parts;
  for (;;) {
    NamePattern part;
    if (text.starts_with('"')) {
      if (!take_quoted(text, part.text)) return std::nullopt;
    } else {
      while (!text.empty() && (text[0] == '*' || is_bare_character(text[0], part.text.empty()))) {
        const char c = text[0];
        part.open |= c == '*';
        part.text += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
        text.remove_prefix(1);
      }
      if (std::ranges::count(part.text, '*') > stars_max) return std::nullopt;
    }
    if (part.text.empty() || part.text.size() > identifier_size_max) return std::nullopt;
    if (!utf8_valid(part.text) || part.text.find('\0') != std::string::npos) return std::nullopt;
    parts.push_back(std::move(part));
    if (text.empty()) return parts;
    if (text[0] != '.') return std::nullopt;
    text.remove_prefix(1);
  }
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known) {
  constexpr size_t word_size_max = 64;
  if (word.size() > word_size_max) return {};
  std::string_view best;
  size_t best_distance = slip_max + 1;
  for (const std::string_view candidate : known) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace sluice::rules
