#include "rules/detect/sieve.h"

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace sluice::rules {
namespace {

constexpr size_t block_size = 128;
constexpr size_t word_size = 4;
// A token covers so many aligned words of four bytes, wherever it begins.
constexpr size_t token_words = 3;
static_assert(token_words * word_size + word_size - 1 <= token_size_min);

bool is_visible(char c) { return c > ' '; }  // Bytes over 0x7F are negative.
char lower(char c) { return static_cast<char>(c | 0x20); }

// 128 bytes: which of their words are visible throughout, and whether a sign that a mark needs is among them.
struct Look {
  uint32_t words = 0;
  bool signs = false;
};

Look look_sse2(const char* at) {
  const __m128i all = _mm_set1_epi8(-1);
  __m128i signs = _mm_setzero_si128();
  Look look;
  for (size_t part = 0; part < block_size / 64; ++part) {
    __m128i words[4];
    for (size_t i = 0; i < 4; ++i) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 64 * part + 16 * i));
      words[i] = _mm_cmpeq_epi32(_mm_cmpgt_epi8(bytes, _mm_set1_epi8(' ')), all);
      signs = _mm_or_si128(signs, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('@')));
      signs = _mm_or_si128(signs, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(':')));
      signs = _mm_or_si128(signs, _mm_cmpeq_epi16(bytes, _mm_set1_epi8('-')));  // Two in a row, aligned.
    }
    const __m128i packed = _mm_packs_epi16(_mm_packs_epi32(words[0], words[1]), _mm_packs_epi32(words[2], words[3]));
    look.words |= static_cast<uint32_t>(_mm_movemask_epi8(packed)) << (16 * part);
  }
  look.signs = _mm_movemask_epi8(signs) != 0;
  return look;
}

__attribute__((target("avx2"))) Look look_avx2(const char* at) {
  const __m256i all = _mm256_set1_epi8(-1);
  // Each byte is held against the one sign that ends in the same four bits.
  const __m256i sign_by_low_bits = _mm256_setr_epi8('@', 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', 0, 0, 0, 0, 0,  //
                                                    '@', 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', 0, 0, 0, 0, 0);
  __m256i signs = _mm256_setzero_si256();
  __m256i words[4];
  for (size_t i = 0; i < 4; ++i) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 32 * i));
    words[i] = _mm256_cmpeq_epi32(_mm256_cmpgt_epi8(bytes, _mm256_set1_epi8(' ')), all);
    signs = _mm256_or_si256(signs, _mm256_cmpeq_epi8(bytes, _mm256_shuffle_epi8(sign_by_low_bits, bytes)));
    signs = _mm256_or_si256(signs, _mm256_cmpeq_epi16(bytes, _mm256_set1_epi8('-')));  // Two in a row, aligned.
  }
  const __m256i packed =
      _mm256_packs_epi16(_mm256_packs_epi32(words[0], words[1]), _mm256_packs_epi32(words[2], words[3]));
  const __m256i ordered = _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  return {static_cast<uint32_t>(_mm256_movemask_epi8(ordered)), _mm256_testz_si256(signs, signs) == 0};
}

// The same word three times behind one another: bit n of a block is bit n + 2 here, since a token that began in
// the block before counts.
uint64_t tokens_of(uint32_t words, uint64_t carry) {
  const uint64_t row = uint64_t{words} << (token_words - 1) | carry;
  return row & row >> 1 & row >> 2;
}

uint64_t carry_of(uint32_t words) { return words >> (32 - (token_words - 1)); }

struct Found {
  size_t blocks = 0;    // So many hold nothing; the one behind them, if there is one, ...
  uint64_t tokens = 0;  // ... words that may be tokens
  bool signs = false;   // ... or a sign.
  uint64_t carry = 0;
};

// Inlined into a caller for each kind of machine, and `look_at` into that.
template <Look (*look_at)(const char*)>
[[gnu::always_inline]] inline Found skip_blocks(const char* at, size_t count, uint64_t carry) {
  Found found{.carry = carry};
  for (; found.blocks < count; ++found.blocks) {
    const Look look = look_at(at + found.blocks * block_size);
    found.tokens = tokens_of(look.words, found.carry);
    found.carry = carry_of(look.words);
    found.signs = look.signs;
    if (found.signs || found.tokens != 0) break;
  }
  return found;
}

Found skip_sse2(const char* at, size_t count, uint64_t carry) { return skip_blocks<look_sse2>(at, count, carry); }

__attribute__((target("avx2"))) Found skip_avx2(const char* at, size_t count, uint64_t carry) {
  return skip_blocks<look_avx2>(at, count, carry);
}

Found skip(const char* at, size_t count, uint64_t carry) {
  static const bool wide = __builtin_cpu_supports("avx2") != 0;
  return wide ? skip_avx2(at, count, carry) : skip_sse2(at, count, carry);
}

}  // namespace

// Whether the run of visible bytes that the `token_words` words from `word` are part of is a token.
bool Sieve::is_token(size_t word) const {
  size_t begin = word;
  size_t end = word + token_words * word_size;
  while (end < text_.size() && end - begin < token_size_min && is_visible(text_[end])) end += 1;
  while (begin > 0 && end - begin < token_size_min && is_visible(text_[begin - 1])) begin -= 1;
  return end - begin >= token_size_min;
}

MarkSet Sieve::marks_of_signs(const char* block) const {
  const auto is = [](__m128i bytes, char c) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)); };
  MarkSet marks;
  for (size_t part = 0; part < block_size; part += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + part));
    if (_mm_movemask_epi8(is(bytes, '@')) != 0) marks.add(Mark::At);
    if (_mm_movemask_epi8(_mm_cmpeq_epi16(bytes, _mm_set1_epi8('-'))) != 0) marks.add(Mark::Dashes);
    for (auto colons = static_cast<unsigned>(_mm_movemask_epi8(is(bytes, ':'))); colons != 0; colons &= colons - 1) {
      const size_t colon = at_ + part + static_cast<size_t>(std::countr_zero(colons));
      if (text_.substr(colon).starts_with("://")) marks.add(Mark::Scheme);
      if (colon > 0 && lower(text_[colon - 1]) == 'n') marks.add(Mark::Header);
    }
  }
  return marks;
}

// The next block with something in it; the text is at its end where there is none.
std::optional<Stretch> Sieve::next_block() {
  while (at_ < text_.size()) {
    const size_t whole = (text_.size() - at_) / block_size;
    char padded[block_size] = {};
    const char* from = text_.data() + at_;
    if (whole == 0) {
      std::memcpy(padded, from, text_.size() - at_);
      from = padded;
    }
    const size_t count = std::max<size_t>(whole, 1);
    const Found found = skip(from, count, carry_);
    carry_ = found.carry;
    at_ += found.blocks * block_size;
    if (found.blocks == count) continue;
    const size_t begin = at_;
    Stretch stretch{begin, std::min(begin + block_size, text_.size()), {}};
    if (found.signs) stretch.marks |= marks_of_signs(from + found.blocks * block_size);
    at_ += block_size;
    for (uint64_t tokens = found.tokens; tokens != 0; tokens &= tokens - 1) {
      const auto bit = static_cast<size_t>(std::countr_zero(tokens));
      if (!is_token(begin + bit * word_size - (token_words - 1) * word_size)) continue;
      stretch.marks.add(Mark::Token);
      break;
    }
    if (!stretch.marks.empty()) return stretch;
  }
  return std::nullopt;
}

std::optional<Stretch> Sieve::next(MarkSet wanted) {
  // A token may have begun before the block in which it shows, and a mark stand at the end of its trigger.
  while (auto block = next_block()) {
    if (!block->marks.intersects(wanted)) continue;
    block->begin -= std::min(block->begin, trigger_size_max);
    block->end = std::min(block->end + trigger_size_max, text_.size());
    if (!held_) {
      held_ = block;
    } else if (block->begin <= held_->end) {
      held_->end = block->end;
      held_->marks |= block->marks;
    } else {
      return std::exchange(held_, block);
    }
  }
  return std::exchange(held_, std::nullopt);
}

}  // namespace sluice::rules
