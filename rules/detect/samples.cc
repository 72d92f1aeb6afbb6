#include "rules/detect/samples.h"

#include <cstdint>
#include <iterator>

#include "rules/detect/context.h"
#include "rules/detect/data_type.h"

namespace sluice::rules {
namespace {

// Marsaglia's xorshift: enough for text nobody reads, and the same everywhere.
class Numbers {
 public:
  uint64_t below(uint64_t limit) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ % limit;
  }
  std::string digits(size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += static_cast<char>('0' + below(10));
    return text;
  }

 private:
  uint64_t state_ = 88172645463325252ULL;
};

constexpr std::string_view words[] = {"the", "gateway", "reads", "a", "row", "and", "forwards", "it", "unchanged",
                                      "when", "nothing", "has", "to", "be", "hidden", "from", "who", "asks", "for"};

void append_prose(Numbers& numbers, std::string& out) {
  out += words[numbers.below(std::size(words))];
  out += numbers.below(12) == 0 ? ". " : " ";
}

void append_digits(Numbers& numbers, std::string& out) {
  out += numbers.digits(5) + cell_separator + numbers.digits(3) + cell_separator + "2026-11-21 03:14:" + numbers.digits(2) +
         "." + numbers.digits(6) + cell_separator + numbers.digits(10) + cell_separator;
}

void append_dense(Numbers& numbers, std::string& out) {
  const DataTypes& types = DataTypes::shipped();
  const auto type = static_cast<DataType>(numbers.below(types.size()));
  const auto examples = parts_of(types.spec(type).examples);
  out += "user" + numbers.digits(3) + "@example.com" + cell_separator;
  out += std::string(examples[numbers.below(examples.size())]) + cell_separator;
  out += std::string(words[numbers.below(std::size(words))]) + " " + numbers.digits(4) + cell_separator;
}

}  // namespace

std::string_view name_of(Sample sample) {
  constexpr std::string_view names[sample_count] = {"prose", "digits", "dense"};
  return names[static_cast<size_t>(sample)];
}

std::string make_sample(Sample sample, size_t size) {
  Numbers numbers;
  std::string out;
  while (out.size() < size) {
    switch (sample) {
      case Sample::Prose: append_prose(numbers, out); break;
      case Sample::Digits: append_digits(numbers, out); break;
      case Sample::Dense: append_dense(numbers, out); break;
    }
  }
  return out;
}

}  // namespace sluice::rules
