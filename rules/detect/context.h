// Context: words near a value, or in the name of its column, that say what it is.
#pragma once
#include <string>
#include <string_view>
#include <unordered_map>

#include "rules/detect/data_type.h"

namespace sluice::rules {

inline constexpr char cell_separator = '\x1E';     ///< Between gathered cells. No value and no context goes across.
inline constexpr size_t context_window_max = 40;   ///< Bytes before a value in which a word counts.

class ContextWords {
 public:
  ContextWords(const DataTypes& types, TypeSet used);

  /// The types one of whose words stands in `name`: a column, an alias, a key, a piece of text. Words end
  /// at anything but a letter, and at the seams of camelCase; neighbours also count as one word.
  [[nodiscard]] TypeSet types_of(std::string_view name) const;

  /// The same for the text before `begin`, in its own cell. Nothing at once where no letter stands there.
  [[nodiscard]] TypeSet types_before(std::string_view text, size_t begin) const;

  /// Those with words at all.
  [[nodiscard]] const TypeSet& types() const { return types_; }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view word) const { return std::hash<std::string_view>{}(word); }
  };
  std::unordered_map<std::string, TypeSet, Hash, std::equal_to<>> words_;
  TypeSet types_;
  size_t word_size_max_ = 0;
};

}  // namespace sluice::rules
