#include "rules/detect/digit_scan.h"

#include <emmintrin.h>

#include <bit>
#include <cstring>

namespace sluice::rules {
namespace {

constexpr size_t block_size = 64;
// 19 digits with a separator between each two would be 37; 13, the least a card has, fit in 25.
constexpr uint32_t card_window = 25;

struct Block {
  uint64_t digits = 0;
  uint64_t separators = 0;
};

Block classify(const char* at) {
  const __m128i zero = _mm_set1_epi8('0');
  const __m128i nine = _mm_set1_epi8(9);
  const __m128i space = _mm_set1_epi8(' ');
  const __m128i dash = _mm_set1_epi8('-');
  Block block;
  for (size_t part = 0; part < block_size / 16; ++part) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 16 * part));
    const __m128i offset = _mm_sub_epi8(bytes, zero);
    const auto digits = static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(offset, nine), offset)));
    const auto separators = static_cast<uint32_t>(
        _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(bytes, space), _mm_cmpeq_epi8(bytes, dash))));
    block.digits |= uint64_t{digits} << (16 * part);
    block.separators |= uint64_t{separators} << (16 * part);
  }
  return block;
}

// Bits at and behind the end of the text are clear.
Block classify_at(std::string_view text, size_t at) {
  if (at >= text.size()) return {};
  if (text.size() - at >= block_size) return classify(text.data() + at);
  char padded[block_size] = {};
  std::memcpy(padded, text.data() + at, text.size() - at);
  return classify(padded);
}

// 64 positions of the text, and what lies up to 63 behind them.
class Window {
 public:
  Window(const Block& now, const Block& next) : now_(now), next_(next) {}
  [[nodiscard]] uint64_t digits(unsigned shift) const { return shifted(now_.digits, next_.digits, shift); }
  [[nodiscard]] uint64_t separators(unsigned shift) const { return shifted(now_.separators, next_.separators, shift); }

  // Where a digit begins a stretch of 13 or more digits and separators whose 13th byte is a digit or
  // separator. Counted properly by card_starts() below, for the few that are left.
  [[nodiscard]] uint64_t card_stretches() const {
    const uint64_t low = now_.digits | now_.separators;
    const uint64_t high = next_.digits | next_.separators;
    const uint64_t low2 = low & shifted(low, high, 1);
    const uint64_t high2 = high & high >> 1;
    const uint64_t low4 = low2 & shifted(low2, high2, 2);
    const uint64_t high4 = high2 & high2 >> 2;
    const uint64_t low8 = low4 & shifted(low4, high4, 4);
    const uint64_t high8 = high4 & high4 >> 4;
    return now_.digits & low8 & shifted(low8, high8, card_digits_min - 8);
  }

  // ddd-dd-dddd
  [[nodiscard]] uint64_t ssn_starts() const {
    return now_.digits & digits(1) & digits(2) & separators(3) & digits(4) & digits(5) & separators(6) & digits(7) &
           digits(8) & digits(9) & digits(10);
  }

 private:
  static uint64_t shifted(uint64_t low, uint64_t high, unsigned shift) {
    return shift == 0 ? low : low >> shift | high << (block_size - shift);
  }
  Block now_;
  Block next_;
};

}  // namespace

void find_digit_values(std::string_view text, TypeSet live, std::vector<Match>& out) {
  const bool cards = live.has(DataType::CreditCard);
  const bool ssns = live.has(DataType::UsSsn);
  if (!cards && !ssns) return;
  size_t run_end = 0;  // Every run of digits that begins before it has been looked at.
  Block now = classify_at(text, 0);
  for (size_t at = 0; at < text.size(); at += block_size) {
    const Block next = classify_at(text, at + block_size);
    if (now.digits != 0) {
      const Window window(now, next);
      uint64_t starts = cards ? window.card_stretches() : 0;
      while (starts != 0) {
        const auto bit = static_cast<unsigned>(std::countr_zero(starts));
        starts &= starts - 1;
        if (at + bit < run_end) continue;
        const uint64_t ahead = window.digits(bit) & ((uint64_t{1} << card_window) - 1);
        if (static_cast<size_t>(std::popcount(ahead)) < card_digits_min) continue;
        run_end = find_cards_in_run(text, at + bit, out);
      }
      for (uint64_t found = ssns ? window.ssn_starts() : 0; found != 0; found &= found - 1) {
        const auto match = ssn_at(text, at + static_cast<size_t>(std::countr_zero(found)));
        if (match) out.push_back(*match);
      }
    }
    now = next;
  }
}

}  // namespace sluice::rules
