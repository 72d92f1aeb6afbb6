// Values of a fixed shape, found bit-parallel: 64 bytes become three words (which are digits, which
// letters, which separators); where a group of digits begins, the shapes that have such a group are laid
// over the words. Its cost hardly depends on the data, which is what Hyperscan could not give for digits:
// docs/decisions/0007.
//
// A shape is written with `9` a digit, `A` a letter, `#` either, `_` a space or a dash (the same one all
// through), and anything else for itself. `?` in front: needs context. `!`: case counts.
//   US_SSN  999_99_9999|?999999999     UK_NINO  AA999999A|AA 99 99 99 A
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "rules/detect/context.h"
#include "rules/detect/validators.h"

namespace sluice::rules {

/// What one scan looks for; made once for a result by Detectors::search().
struct Search {
  TypeSet live;                ///< Types to find.
  TypeSet in_context;          ///< Of these, those whose context the column's name already gives.
  uint64_t group_sizes = 0;    ///< Bit n: a shape of a live type begins with a group of n digits.
  uint64_t lettered_sizes = 0; ///< Bit n: letters and then such a group.
  uint64_t token_sizes = 0;    ///< Bit n: a shape of a live type is a token of n bytes.
  uint64_t sure_groups = 0;    ///< The same, of shapes that need no context, or have it from the name.
  uint64_t sure_lettered = 0;
  uint64_t sure_tokens = 0;
  uint32_t size_min = 0;       ///< No value of a live type is shorter.
  bool cards = false;
};

inline constexpr size_t shape_size_max = 63;

class Forms {
 public:
  Forms(const DataTypes& types, TypeSet used);

  /// Fills in the sizes for `search.live`.
  void prepare(Search& search) const;

  /// Appends the values of live types that have shapes, and card numbers. Matches of one type do not
  /// overlap; they may be out of order.
  void find(std::string_view text, const Search& search, const ContextWords& words, std::vector<Match>& out) const;

 private:
  // What is laid over the words; small, since many are tried for one that fits.
  struct Mask {
    uint64_t fixed = 0;    // Bit n: byte n is what the next two say, and nothing else ...
    uint64_t digits = 0;
    uint64_t letters = 0;
    uint64_t any = 0;      // ... or a digit or a letter.
    uint16_t form = 0;     // Index into forms_.
    uint8_t lead = 0;      // Bytes before its first group of digits.
  };
  struct Form {
    Mask mask;
    std::array<char, shape_size_max> text{};
    uint8_t size = 0;
    bool needs_context = false;
    bool keeps_case = false;
    bool separated = false;
    DataType type = DataType::None;
    Check check = nullptr;
  };
  struct Scan;

  void add(const DataTypeSpec& spec, DataType type, std::string_view shape);
  void file(const Mask& mask, size_t size, bool separated);
  static Form parse(std::string_view shape);

  std::vector<Form> forms_;
  // By the size of the first group of digits: where nothing stands before it, something, and letters alone.
  std::array<std::vector<Mask>, 64> by_group_;
  std::array<std::vector<Mask>, 64> by_led_group_;
  std::array<std::vector<Mask>, 64> by_lettered_group_;
  std::array<std::vector<Mask>, 64> by_token_;  // By the size of the token, for shapes that do not begin clearly.
};

/// Fewest and most bytes of a list of shapes.
struct ShapeSizes {
  uint32_t min = 0;
  uint32_t max = 0;
  bool needs_context = false;  ///< All of them do.
};
[[nodiscard]] ShapeSizes sizes_of_shapes(std::string_view shapes);

/// Appends `match`, or widens one of its type that it overlaps. Those before `first` are another text's.
void add_match(const Match& match, size_t first, std::vector<Match>& out);

}  // namespace sluice::rules
