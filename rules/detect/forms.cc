#include "rules/detect/forms.h"

#include <emmintrin.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/assert.h"

namespace sluice::rules {
namespace {

constexpr size_t block_size = 64;
// 19 digits with a separator between each two would be 37; 13, the least a card has, fit in 25.
constexpr uint32_t card_window = 25;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
bool is_alnum(char c) { return is_digit(c) || is_letter(c); }
char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c & ~0x20) : c; }

struct Block {
  uint64_t digits = 0;
  uint64_t letters = 0;
  uint64_t dashes = 0;  // Spaces too: what joins the digits of a card.
  uint64_t dots = 0;    // Slashes too.
};

template <typename Test>
uint64_t mask_of(const char* at, Test test) {
  uint64_t mask = 0;
  for (size_t part = 0; part < block_size / 16; ++part) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 16 * part));
    mask |= uint64_t{static_cast<uint32_t>(_mm_movemask_epi8(test(bytes)))} << (16 * part);
  }
  return mask;
}

__m128i in_range(__m128i bytes, char first, char count) {
  const __m128i offset = _mm_sub_epi8(bytes, _mm_set1_epi8(first));
  return _mm_cmpeq_epi8(_mm_min_epu8(offset, _mm_set1_epi8(static_cast<char>(count - 1))), offset);
}

__m128i either(__m128i bytes, char a, char b) {
  return _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(a)), _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b)));
}

// Of 128 bytes. Most text is prose, which this passes over.
bool has_digit(const char* at) {
  __m128i any = _mm_setzero_si128();
  for (size_t part = 0; part < 2 * block_size / 16; ++part) {
    any = _mm_or_si128(any, in_range(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 16 * part)), '0', 10));
  }
  return _mm_movemask_epi8(any) != 0;
}

uint64_t shifted(uint64_t low, uint64_t high, unsigned shift) {
  return shift == 0 ? low : low >> shift | high << (block_size - shift);
}

// Where `low` and the bits behind it are all set for eight positions: no shape of digits and separators alone is
// shorter.
uint64_t stretches_of_eight(uint64_t low, uint64_t high) {
  const uint64_t low2 = low & shifted(low, high, 1);
  const uint64_t high2 = high & high >> 1;
  const uint64_t low4 = low2 & shifted(low2, high2, 2);
  const uint64_t high4 = high2 & high2 >> 2;
  return low4 & shifted(low4, high4, 4);
}

}  // namespace

void add_match(const Match& match, size_t first, std::vector<Match>& out) {
  // Far enough back: no value found here is longer, and they come nearly in order.
  constexpr size_t look_back = 2 * block_size;
  for (size_t i = out.size(); i > first && out[i - 1].end + look_back > match.begin; --i) {
    Match& other = out[i - 1];
    if (other.type != match.type || other.end <= match.begin || match.end <= other.begin) continue;
    other.begin = std::min(other.begin, match.begin);
    other.end = std::max(other.end, match.end);
    return;
  }
  out.push_back(match);
}

ShapeSizes sizes_of_shapes(std::string_view shapes) {
  ShapeSizes sizes{UINT32_MAX, 0, true};
  for (std::string_view shape : parts_of(shapes)) {
    bool needs_context = false;
    while (shape.starts_with('?') || shape.starts_with('!')) {
      needs_context |= shape[0] == '?';
      shape.remove_prefix(1);
    }
    sizes.min = std::min(sizes.min, static_cast<uint32_t>(shape.size()));
    sizes.max = std::max(sizes.max, static_cast<uint32_t>(shape.size()));
    sizes.needs_context &= needs_context;
  }
  return sizes;
}

Forms::Form Forms::parse(std::string_view shape) {
  Form form;
  while (shape.starts_with('?') || shape.starts_with('!')) {
    (shape[0] == '?' ? form.needs_context : form.keeps_case) = true;
    shape.remove_prefix(1);
  }
  SLUICE_ASSERT(!shape.empty() && shape.size() <= shape_size_max);
  form.size = static_cast<uint8_t>(shape.size());
  Mask& mask = form.mask;
  for (size_t i = 0; i < shape.size(); ++i) {
    const uint64_t bit = uint64_t{1} << i;
    switch (shape[i]) {
      case '9': mask.digits |= bit; break;
      case 'A': mask.letters |= bit; break;
      case '#': mask.any |= bit; break;
      default: form.separated = true; break;
    }
    form.text[i] = shape[i];
  }
  mask.fixed = ((uint64_t{1} << form.size) - 1) & ~mask.any;
  return form;
}

Forms::Forms(const DataTypes& types, TypeSet used) {
  used.each([&](DataType type) {
    const DataTypeSpec& spec = types.spec(type);
    if (spec.engine != Engine::Forms) return;
    for (const std::string_view shape : parts_of(spec.shape)) add(spec, type, shape);
  });
  for (auto& masks : by_lettered_group_) std::ranges::sort(masks, {}, &Mask::lead);
}

void Forms::add(const DataTypeSpec& spec, DataType type, std::string_view shape) {
  Form form = parse(shape);
  form.type = type;
  form.check = spec.check;
  form.mask.form = static_cast<uint16_t>(forms_.size());
  const uint64_t first = form.mask.digits & -form.mask.digits;
  form.mask.lead = static_cast<uint8_t>(first == 0 ? 0 : std::countr_zero(first));
  forms_.push_back(form);
  file(form.mask, form.size, form.separated);
}

void Forms::file(const Mask& mask, size_t size, bool separated) {
  const uint64_t before = (uint64_t{1} << mask.lead) - 1;
  // Where a byte that may be a digit stands before the first that is one, the first group is anywhere.
  if (mask.digits == 0 || (mask.any & before) != 0) {
    SLUICE_ASSERT(!separated);
    by_token_[size].push_back(mask);
    return;
  }
  const auto sure = static_cast<unsigned>(std::countr_one(mask.digits >> mask.lead));
  const auto may_be = static_cast<unsigned>(std::countr_one((mask.digits | mask.any) >> mask.lead));
  auto& table = mask.lead == 0 ? by_group_ : (mask.letters & before) == before ? by_lettered_group_ : by_led_group_;
  for (unsigned group = sure; group <= may_be; ++group) table[group].push_back(mask);
}

void Forms::prepare(Search& search) const {
  search.group_sizes = search.lettered_sizes = search.token_sizes = 0;
  search.sure_groups = search.sure_lettered = search.sure_tokens = 0;
  for (size_t size = 0; size < by_group_.size(); ++size) {
    const uint64_t bit = uint64_t{1} << size;
    const auto note = [&](const std::vector<Mask>& masks, uint64_t& sizes, uint64_t& sure) {
      for (const Mask& mask : masks) {
        const Form& form = forms_[mask.form];
        if (!search.live.has(form.type)) continue;
        sizes |= bit;
        if (!form.needs_context || search.in_context.has(form.type)) sure |= bit;
      }
    };
    note(by_group_[size], search.group_sizes, search.sure_groups);
    note(by_led_group_[size], search.group_sizes, search.sure_groups);
    note(by_lettered_group_[size], search.lettered_sizes, search.sure_lettered);
    note(by_token_[size], search.token_sizes, search.sure_tokens);
  }
}

// One text. Three blocks are in view: 64 positions, what lies before them, and behind.
struct Forms::Scan {
  Scan(const Forms& its, std::string_view its_text, const Search& its_search, const ContextWords& its_words,
       std::vector<Match>& its_out)
      : forms(its), text(its_text), search(its_search), words(its_words), out(its_out), first(its_out.size()) {}

  void run();

 private:
  [[nodiscard]] const char* block_at(size_t offset);
  void classify(size_t offset, Block& block);
  void skip_digitless();
  void find_cards();
  void find_shapes();
  void try_group(unsigned bit, bool stretches);
  void try_lettered(size_t group, size_t digits);
  void try_token(unsigned bit, size_t digits);
  void try_masks(std::span<const Mask> masks, size_t begin, bool near);
  void judge(const Form& form, size_t begin);
  [[nodiscard]] bool context_possible(size_t begin) const;
  [[nodiscard]] bool stands_alone(const Form& form, size_t begin) const;
  [[nodiscard]] bool joined_before(size_t begin, std::string_view separators) const;
  [[nodiscard]] bool joined_behind(size_t end, std::string_view separators) const;
  [[nodiscard]] bool separators_fit(const Form& form, size_t begin) const;
  [[nodiscard]] bool lacks_context(const Form& form) const {
    return form.needs_context && !search.in_context.has(form.type);
  }
  [[nodiscard]] uint64_t window(uint64_t Block::*mask, std::ptrdiff_t offset) const {
    if (offset >= 0) return shifted(now.*mask, next.*mask, static_cast<unsigned>(offset));
    return shifted(before.*mask, now.*mask, static_cast<unsigned>(block_size + offset));
  }

  const Forms& forms;
  std::string_view text;
  const Search& search;
  const ContextWords& words;
  std::vector<Match>& out;
  size_t first;
  size_t at = 0;
  size_t card_run_end = 0;  // Every run of digits that begins before it has been looked at.
  Block before;
  Block now;
  Block next;
  char padded[block_size];
};

// Bytes at and behind the end of the text are zero.
const char* Forms::Scan::block_at(size_t offset) {
  if (text.size() - offset >= block_size) return text.data() + offset;
  std::memset(padded, 0, sizeof padded);
  std::memcpy(padded, text.data() + offset, text.size() - offset);
  return padded;
}

void Forms::Scan::classify(size_t offset, Block& block) {
  if (offset >= text.size()) {
    block = {};
    return;
  }
  const char* bytes = block_at(offset);
  block.letters = mask_of(bytes, [](__m128i b) { return in_range(_mm_or_si128(b, _mm_set1_epi8(0x20)), 'a', 26); });
  block.dashes = mask_of(bytes, [](__m128i b) { return either(b, ' ', '-'); });
  block.dots = mask_of(bytes, [](__m128i b) { return either(b, '.', '/'); });
}

void Forms::Scan::run() {
  const auto digits_at = [&](size_t offset) {
    if (offset >= text.size()) return uint64_t{0};
    return mask_of(block_at(offset), [](__m128i b) { return in_range(b, '0', 10); });
  };
  const bool shapes = (search.group_sizes | search.lettered_sizes | search.token_sizes) != 0;
  next.digits = digits_at(0);
  size_t classified = 0;  // Blocks before this offset have their other masks; most text has no digits.
  for (at = 0; at < text.size(); at += block_size) {
    before = now;
    now = next;
    next = {};
    next.digits = digits_at(at + block_size);
    if (now.digits == 0) {
      if (next.digits == 0) skip_digitless();
      continue;
    }
    if (classified <= at) {
      if (at > 0) classify(at - block_size, before);
      classify(at, now);
    }
    classify(at + block_size, next);
    classified = at + 2 * block_size;
    if (search.cards) find_cards();
    if (shapes) find_shapes();
  }
}

// Neither the block at hand nor the next has a digit: on to the last of which both are true.
void Forms::Scan::skip_digitless() {
  while (text.size() - at >= 4 * block_size && !has_digit(text.data() + at + 2 * block_size)) at += 2 * block_size;
}

void Forms::Scan::find_cards() {
  // Where a digit begins a stretch of 13 or more digits and separators whose 13th byte is one of them.
  const uint64_t low = now.digits | now.dashes;
  const uint64_t high = next.digits | next.dashes;
  const uint64_t low8 = stretches_of_eight(low, high);
  const uint64_t high8 = stretches_of_eight(high, 0);
  uint64_t starts = now.digits & low8 & shifted(low8, high8, card_digits_min - 8);
  while (starts != 0) {
    const auto bit = static_cast<unsigned>(std::countr_zero(starts));
    starts &= starts - 1;
    if (at + bit < card_run_end) continue;
    const uint64_t ahead = window(&Block::digits, bit);
    const auto run = static_cast<uint32_t>(std::countr_one(ahead | window(&Block::dashes, bit)));
    const uint64_t card = ahead & ((uint64_t{1} << std::min(run, card_window)) - 1);
    if (static_cast<size_t>(std::popcount(card)) < card_digits_min) continue;
    card_run_end = find_cards_in_run(text, at + bit, out);
  }
}

void Forms::Scan::find_shapes() {
  const uint64_t behind_digit = now.digits << 1 | before.digits >> (block_size - 1);
  const uint64_t before_digit = now.digits >> 1 | next.digits << (block_size - 1);
  const uint64_t starts = now.digits & ~behind_digit;
  const uint64_t runs = now.digits | ((now.dashes | now.dots) & behind_digit & before_digit);
  const uint64_t next_runs = next.digits | next.dashes | next.dots;
  const uint64_t stretches = stretches_of_eight(runs, next_runs);
  const uint64_t behind_letter = now.letters << 1 | before.letters >> (block_size - 1);
  // A letter right behind a group of digits, here or where the last group goes on.
  const bool letters_behind = (now.letters & behind_digit) != 0 || now.digits >> (block_size - 1) != 0;
  uint64_t candidates = letters_behind ? starts : starts & (stretches | behind_letter);
  for (; candidates != 0; candidates &= candidates - 1) {
    const auto bit = static_cast<unsigned>(std::countr_zero(candidates));
    try_group(bit, (stretches >> bit & 1) != 0);
  }
}

void Forms::Scan::try_group(unsigned bit, bool stretches) {
  const auto digits = static_cast<size_t>(std::countr_one(window(&Block::digits, bit)));
  if (digits >= block_size) return;
  const bool begins = ((search.group_sizes | search.lettered_sizes) >> digits & 1) != 0;
  if (!begins && search.token_sizes == 0) return;
  const size_t begin = at + bit;
  const bool letter_behind = begin + digits < text.size() && is_letter(text[begin + digits]);
  const bool letter_before = begin > 0 && is_letter(text[begin - 1]);
  if (!stretches && !letter_behind && !letter_before) return;
  if ((search.group_sizes >> digits & 1) != 0) {
    const bool near = (search.group_sizes & ~search.sure_groups) != 0 && context_possible(begin);
    if (near || (search.sure_groups >> digits & 1) != 0) {
      try_masks(forms.by_group_[digits], begin, near);
      for (const Mask& mask : forms.by_led_group_[digits]) {
        if (begin >= mask.lead) try_masks({&mask, 1}, begin - mask.lead, near);
      }
    }
  }
  if (letter_before && (search.lettered_sizes >> digits & 1) != 0) try_lettered(begin, digits);
  if (search.token_sizes != 0 && (letter_behind || letter_before)) try_token(bit, digits);
}

void Forms::Scan::try_lettered(size_t group, size_t digits) {
  size_t letters = 1;
  while (letters < std::min(group, shape_size_max) && is_letter(text[group - letters - 1])) letters += 1;
  const bool near = context_possible(group - letters);
  if (!near && (search.sure_lettered >> digits & 1) == 0) return;
  const auto& masks = forms.by_lettered_group_[digits];
  const auto led = std::ranges::equal_range(masks, letters, {}, &Mask::lead);
  try_masks({led.begin(), led.end()}, group - letters, near);
}

// Only where a letter stands before it in its cell, near enough.
bool Forms::Scan::context_possible(size_t begin) const {
  const size_t earliest = begin > context_window_max ? begin - context_window_max : 0;
  for (size_t i = begin; i > earliest && text[i - 1] != cell_separator; --i) {
    if (is_letter(text[i - 1]) || static_cast<uint8_t>(text[i - 1]) >= 0x80) return true;
  }
  return false;
}

void Forms::Scan::try_token(unsigned bit, size_t digits) {
  const size_t group = at + bit;
  size_t begin = group;
  while (begin > 0 && group - begin < shape_size_max && is_letter(text[begin - 1])) begin -= 1;
  if (begin > 0 && is_alnum(text[begin - 1])) return;  // Looked at from its first group of digits.
  const uint64_t ahead = window(&Block::digits, bit) | window(&Block::letters, bit);
  const size_t size = group - begin + std::max(digits, static_cast<size_t>(std::countr_one(ahead)));
  if (size > shape_size_max || (search.token_sizes >> size & 1) == 0) return;
  const bool near = context_possible(begin);
  if (near || (search.sure_tokens >> size & 1) != 0) try_masks(forms.by_token_[size], begin, near);
}

bool Forms::Scan::joined_before(size_t begin, std::string_view separators) const {
  return begin > 1 && separators.find(text[begin - 1]) != std::string_view::npos && is_alnum(text[begin - 2]);
}

bool Forms::Scan::joined_behind(size_t end, std::string_view separators) const {
  return end + 1 < text.size() && separators.find(text[end]) != std::string_view::npos && is_alnum(text[end + 1]);
}

// What stands beside a value must not make it part of a longer number or word.
bool Forms::Scan::stands_alone(const Form& form, size_t begin) const {
  const size_t end = begin + form.size;
  const bool only_digits = (form.mask.letters | form.mask.any) == 0;
  const auto continues = [&](size_t i) { return only_digits && form.separated ? is_digit(text[i]) : is_alnum(text[i]); };
  if (begin > 0 && continues(begin - 1)) return false;
  if (end < text.size() && continues(end)) return false;
  if (only_digits && form.separated) {
    // Letters and a dash before it are a name for it; digits would be of its number.
    const bool dash_before = joined_before(begin, "-") && is_digit(text[begin - 2]);
    const bool dash_behind = joined_behind(end, "-") && is_digit(text[end + 1]);
    return !dash_before && !dash_behind;
  }
  return !joined_before(begin, only_digits ? "-./" : "-") && !joined_behind(end, only_digits ? "-./" : "-");
}

bool Forms::Scan::separators_fit(const Form& form, size_t begin) const {
  if (!form.separated) return true;
  char chosen = 0;
  for (size_t i = 0; i < form.size; ++i) {
    const char wanted = form.text[i];
    if (wanted == '9' || wanted == 'A' || wanted == '#') continue;
    const char found = text[begin + i];
    if (wanted != '_') {
      if (found != wanted) return false;
      continue;
    }
    if ((found != ' ' && found != '-') || (chosen != 0 && found != chosen)) return false;
    chosen = found;
  }
  return true;
}

void Forms::Scan::try_masks(std::span<const Mask> masks, size_t begin, bool near) {
  if (begin + block_size < at) return;
  const auto offset = static_cast<std::ptrdiff_t>(begin) - static_cast<std::ptrdiff_t>(at);
  const uint64_t digits = window(&Block::digits, offset);
  const uint64_t letters = window(&Block::letters, offset);
  for (const Mask& mask : masks) {
    if ((digits & mask.fixed) != mask.digits || (letters & mask.fixed) != mask.letters) continue;
    if (((digits | letters) & mask.any) != mask.any) continue;
    const Form& form = forms.forms_[mask.form];
    if (search.live.has(form.type) && (near || !lacks_context(form))) judge(form, begin);
  }
}

void Forms::Scan::judge(const Form& form, size_t begin) {
  if (begin + form.size > text.size() || !separators_fit(form, begin) || !stands_alone(form, begin)) return;
  std::array<char, shape_size_max> value;
  size_t size = 0;
  for (size_t i = 0; i < form.size; ++i) {
    const char wanted = form.text[i];
    if (wanted != '9' && wanted != 'A' && wanted != '#') continue;
    value[size++] = form.keeps_case ? text[begin + i] : upper(text[begin + i]);
  }
  if (!form.check({value.data(), size})) return;
  if (lacks_context(form) && !words.types_before(text, begin).has(form.type)) return;
  add_match({begin, begin + form.size, form.type}, first, out);
}

void Forms::find(std::string_view text, const Search& search, const ContextWords& words, std::vector<Match>& out) const {
  if (!search.cards && (search.group_sizes | search.lettered_sizes | search.token_sizes) == 0) return;
  Scan(*this, text, search, words, out).run();
}

}  // namespace sluice::rules
