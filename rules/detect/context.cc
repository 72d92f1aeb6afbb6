#include "rules/detect/context.h"

#include <algorithm>
#include <array>

namespace sluice::rules {
namespace {

constexpr size_t name_size_max = 256;  // Of a longer name the end counts, which is nearest to the value.

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
// Bytes over 0x7F are letters of other alphabets.
bool is_letter(char c) { return is_upper(c) || is_lower(c) || static_cast<uint8_t>(c) >= 0x80; }

// `fooBar` and `SSNumber`: a word begins at B, and at N.
bool is_seam(std::string_view text, size_t at) {
  if (at == 0 || !is_upper(text[at])) return false;
  if (is_lower(text[at - 1])) return true;
  return is_upper(text[at - 1]) && at + 1 < text.size() && is_lower(text[at + 1]);
}

}  // namespace

ContextWords::ContextWords(const DataTypes& types, TypeSet used) {
  used.each([&](DataType type) {
    // Words of a type that is found without them say nothing new, and would split batches for nothing.
    const DataTypeSpec& spec = types.spec(type);
    const bool asks = spec.needs_context || (spec.engine == Engine::Forms && spec.shape.find('?') != std::string_view::npos);
    if (!asks) return;
    for (const std::string_view word : parts_of(spec.context)) {
      words_[std::string(word)].add(type);
      types_.add(type);
      word_size_max_ = std::max(word_size_max_, word.size());
    }
  });
}

TypeSet ContextWords::types_of(std::string_view name) const {
  TypeSet found;
  if (words_.empty()) return found;
  if (name.size() > name_size_max) name.remove_prefix(name.size() - name_size_max);
  std::array<char, name_size_max> letters;
  std::array<size_t, 3> starts{};  // Of the last three words, in `letters`.
  size_t size = 0;
  const auto end_of_word = [&] {
    for (const size_t start : starts) {
      const std::string_view word(letters.data() + start, size - start);
      if (word.empty() || word.size() > word_size_max_) continue;
      const auto at = words_.find(word);
      if (at != words_.end()) found |= at->second;
    }
    starts = {starts[1], starts[2], size};
  };
  for (size_t i = 0; i < name.size(); ++i) {
    if (is_letter(name[i])) {
      if (is_seam(name, i) && size > starts[2]) end_of_word();
      letters[size++] = is_upper(name[i]) ? static_cast<char>(name[i] | 0x20) : name[i];
    } else if (size > starts[2]) {
      end_of_word();
    }
  }
  if (size > starts[2]) end_of_word();
  return found;
}

TypeSet ContextWords::types_before(std::string_view text, size_t begin) const {
  size_t first = begin;
  bool letters = false;
  while (first > 0 && begin - first < context_window_max && text[first - 1] != cell_separator) {
    first -= 1;
    letters |= is_letter(text[first]);
  }
  if (!letters) return {};
  if (first > 0 && text[first - 1] != cell_separator && is_letter(text[first - 1])) {
    while (first < begin && is_letter(text[first])) first += 1;  // The end of a longer word is none.
  }
  return types_of(text.substr(first, begin - first));
}

}  // namespace sluice::rules
