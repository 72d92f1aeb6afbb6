#include "rules/ruleset/written_values.h"

#include <algorithm>

namespace sluice::rules {
namespace {

using Words = std::vector<std::string_view>;

// A quoted identifier is one word, spaces and all.
size_t word_size(std::string_view text) {
  if (text[0] != '"') return std::min(text.find(' '), text.size());
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] != '"') continue;
    if (i + 1 < text.size() && text[i + 1] == '"') {
      i += 1;
    } else {
      return i + 1;
    }
  }
  return text.size();
}

Words words_of(std::string_view text) {
  Words words;
  while (!text.empty()) {
    if (text[0] == ' ') {
      text.remove_prefix(1);
      continue;
    }
    const size_t size = word_size(text);
    words.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return words;
}

std::string_view at(const Words& words, size_t index) { return index < words.size() ? words[index] : std::string_view{}; }

std::string_view bare(std::string_view word) {
  return word.size() >= 2 && word.front() == '"' && word.back() == '"' ? word.substr(1, word.size() - 2) : word;
}

bool is_one_of(std::string_view word, const std::vector<std::string_view>& names) {
  return std::ranges::find(names, bare(word)) != names.end();
}

bool is_assigned(const Words& words, size_t index) {
  const bool first = index > 0 && (words[index - 1] == "set" || words[index - 1] == ",");
  return first && at(words, index + 1) == "=";
}

// How the text calls what it writes: `update t e set`, `insert into s . t as e (`, `merge into t e using`.
std::vector<std::string_view> names_of_targets(const Words& words) {
  std::vector<std::string_view> names;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "set" && i > 0) names.push_back(bare(words[i - 1]));
    if (words[i] != "into") continue;
    size_t name = i + 1;
    if (at(words, name + 1) == ".") name += 2;
    names.push_back(bare(at(words, name)));
    if (at(words, name + 1) == "as") names.push_back(bare(at(words, name + 2)));
    if (at(words, name + 2) == "using") names.push_back(bare(at(words, name + 1)));
  }
  // MERGE … THEN UPDATE SET, ON CONFLICT DO UPDATE SET.
  std::erase(names, std::string_view("update"));
  return names;
}

}  // namespace

bool has_word(std::string_view canonical, std::string_view word) {
  if (canonical.find(word) == std::string_view::npos) return false;
  const Words words = words_of(canonical);
  return std::ranges::find(words, word) != words.end();
}

bool reads_masked_into_write(std::string_view canonical, const MaskedNames& masked) {
  const Words words = words_of(canonical);
  const auto begin = std::ranges::find_if(words, [](std::string_view word) { return word == "set" || word == "conflict"; });
  const auto targets = names_of_targets(words);
  for (size_t i = static_cast<size_t>(begin - words.begin()); i < words.size(); ++i) {
    if (is_assigned(words, i)) continue;
    if (is_one_of(words[i], masked.columns)) return true;
    const bool qualifies = at(words, i + 1) == "." && at(words, i + 2) != "*";
    if (qualifies) continue;
    // A table of its own name again is a join with itself under a name not followed here.
    if (is_one_of(words[i], masked.tables)) return true;
    const bool is_part = i > 0 && words[i - 1] == ".";
    if (!is_part && is_one_of(words[i], targets)) return true;
  }
  return false;
}

}  // namespace sluice::rules
