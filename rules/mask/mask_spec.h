// What a rule's `mask:` says, as a plain value.
#pragma once
#include <cstdint>
#include <string_view>

#include "rules/mask/hash.h"

namespace sluice::rules {

enum class MaskOperator : uint8_t { Redact, Replace, Mask, Hash, Null, Keep };

struct MaskSpec {
  MaskOperator op = MaskOperator::Redact;
  uint32_t keep_first = 0;  ///< Characters (not bytes) left readable by Mask. A value no longer than
  uint32_t keep_last = 0;   ///< keep_first + keep_last is masked whole.
  char masking_char = '*';
  std::string_view text;    ///< What Replace puts in the value's place; borrowed from the rule set.
  const MaskKey* key = nullptr;  ///< What Hash hashes under; borrowed from the rule set.
  bool operator==(const MaskSpec&) const = default;
};

/// The operator that leaves less to read; for two rules that speak of the same value, so that their
/// order cannot open a hole. Commutative.
[[nodiscard]] inline MaskSpec stricter(const MaskSpec& a, const MaskSpec& b) {
  const auto rank = [](const MaskSpec& s) {
    switch (s.op) {
      case MaskOperator::Null: return 0;
      case MaskOperator::Redact: return 1;
      case MaskOperator::Replace: return 2;
      case MaskOperator::Hash: return 3;
      case MaskOperator::Mask: return 4;
      case MaskOperator::Keep: return 5;
    }
    return 0;
  };
  if (rank(a) != rank(b)) return rank(a) < rank(b) ? a : b;
  if (a.op == MaskOperator::Replace) return a.text < b.text ? a : b;
  if (a.op == MaskOperator::Hash) return a.key->name < b.key->name ? a : b;
  if (a.op != MaskOperator::Mask) return a;
  // What both keep is what neither hides.
  return {MaskOperator::Mask, a.keep_first < b.keep_first ? a.keep_first : b.keep_first,
          a.keep_last < b.keep_last ? a.keep_last : b.keep_last,
          a.masking_char < b.masking_char ? a.masking_char : b.masking_char, {}, nullptr};
}

}  // namespace sluice::rules
