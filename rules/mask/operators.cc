#include "rules/mask/operators.h"

#include "base/assert.h"
#include "base/text.h"

namespace sluice::rules {
namespace {

constexpr size_t unicode_escape_size = 6;  // \uXXXX

bool is_surrogate_escape(std::string_view text, std::string_view high_digits) {
  return text.size() >= unicode_escape_size && text[0] == '\\' && text[1] == 'u' &&
         (text[2] == 'd' || text[2] == 'D') && high_digits.find(text[3]) != std::string_view::npos;
}

}  // namespace

size_t character_size(std::string_view text, Characters characters) {
  SLUICE_ASSERT(!text.empty());
  if (static_cast<uint8_t>(text[0]) < 0x80 && text[0] != '\\') return 1;  // Nearly always.
  if (characters == Characters::JsonEscaped && text[0] == '\\' && text.size() >= 2) {
    if (text[1] != 'u') return 2;
    if (text.size() < unicode_escape_size) return text.size();
    const bool pair = is_surrogate_escape(text, "89abAB") &&
                      is_surrogate_escape(text.substr(unicode_escape_size), "cdefCDEF");
    return pair ? 2 * unicode_escape_size : unicode_escape_size;
  }
  const size_t size = utf8_sequence_size(text);
  return size == 0 ? 1 : size;
}

void append_masked(const MaskSpec& spec, std::string_view value, Characters characters, Hasher& hasher,
                   std::vector<char>& out) {
  SLUICE_ASSERT(spec.op != MaskOperator::Null && spec.op != MaskOperator::Keep);
  if (spec.op == MaskOperator::Redact) return;
  if (spec.op == MaskOperator::Replace) {
    out.insert(out.end(), spec.text.begin(), spec.text.end());
    return;
  }
  if (spec.op == MaskOperator::Hash) return hasher.append(*spec.key, value, out);

  size_t count = 0;
  for (size_t at = 0; at < value.size(); at += character_size(value.substr(at), characters)) count += 1;
  const bool keeps = count > size_t{spec.keep_first} + spec.keep_last;

  size_t index = 0;
  for (size_t at = 0; at < value.size(); index += 1) {
    const size_t size = character_size(value.substr(at), characters);
    if (keeps && (index < spec.keep_first || index >= count - spec.keep_last)) {
      out.insert(out.end(), value.begin() + at, value.begin() + at + size);
    } else {
      out.push_back(spec.masking_char);
    }
    at += size;
  }
}

bool is_mask_text(const MaskSpec& spec, std::string_view value) {
  constexpr size_t masked_min = 2;
  if (spec.op == MaskOperator::Replace) return value == spec.text;
  if (spec.op == MaskOperator::Hash) return is_hash_text(value);
  if (spec.op != MaskOperator::Mask) return false;
  const auto skip = [&](uint32_t characters) {
    for (uint32_t i = 0; i < characters && !value.empty() && value[0] != spec.masking_char; ++i) {
      value.remove_prefix(character_size(value, Characters::Utf8));
    }
  };
  skip(spec.keep_first);
  size_t masked = 0;
  while (masked < value.size() && value[masked] == spec.masking_char) masked += 1;
  value.remove_prefix(masked);
  skip(spec.keep_last);
  return value.empty() && masked >= masked_min;
}

}  // namespace sluice::rules
