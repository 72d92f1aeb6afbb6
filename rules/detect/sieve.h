// What stands in front of the Hyperscan databases. Most text holds nothing that could be a secret, a URL or an
// address: no long token, no `@`, no `://`. Only the stretches that do are given to Hyperscan, so that prose
// costs a few instructions for 32 bytes: docs/decisions/0007.
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace sluice::rules {

/// What must stand in a text for a trigger to lead to a value there.
enum class Mark : uint8_t {
  Anywhere,  ///< Nothing is known: Hyperscan reads every byte.
  Token,     ///< token_size_min visible bytes of ASCII in a row, from where the trigger's match begins.
  At,        ///< `@`, in the trigger's match as the others below.
  Scheme,    ///< `://`
  Header,    ///< `n:`, in any case: the end of `Authorization:`.
  Dashes,    ///< `-----`
};

inline constexpr size_t token_size_min = 16;
/// No trigger with a mark matches more bytes: so many around a mark are looked at.
inline constexpr size_t trigger_size_max = 32;

class MarkSet {
 public:
  constexpr MarkSet() = default;
  constexpr MarkSet(std::initializer_list<Mark> marks) {
    for (const Mark mark : marks) add(mark);
  }
  constexpr void add(Mark mark) { bits_ |= static_cast<uint8_t>(1U << static_cast<unsigned>(mark)); }
  constexpr MarkSet& operator|=(MarkSet other) {
    bits_ |= other.bits_;
    return *this;
  }
  [[nodiscard]] constexpr bool has(Mark mark) const { return (bits_ >> static_cast<unsigned>(mark) & 1) != 0; }
  [[nodiscard]] constexpr bool intersects(MarkSet other) const { return (bits_ & other.bits_) != 0; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  bool operator==(const MarkSet&) const = default;

 private:
  uint8_t bits_ = 0;
};

/// Bytes [begin, end) of a text in which triggers with these marks may match.
struct Stretch {
  size_t begin = 0;
  size_t end = 0;
  MarkSet marks;
};

/// Goes through one text once. Every match of a trigger that can lead to a value is whole within a stretch that
/// has the trigger's mark; stretches rise and do not overlap.
class Sieve {
 public:
  /// `text` must outlive it.
  explicit Sieve(std::string_view text) : text_(text) {}

  /// The next stretch with one of the marks in `wanted`; nullopt: there is no more.
  [[nodiscard]] std::optional<Stretch> next(MarkSet wanted);

 private:
  [[nodiscard]] std::optional<Stretch> next_block();
  [[nodiscard]] bool is_token(size_t word) const;
  [[nodiscard]] MarkSet marks_of_signs(const char* block) const;

  std::string_view text_;
  size_t at_ = 0;
  uint64_t carry_ = 0;  // The last two words of the block before, as the first two bits.
  std::optional<Stretch> held_;
};

}  // namespace sluice::rules
