// What a write says of masked columns, read off canonical text until facts carry columns. Errs towards
// "yes": a masked column that is named anywhere but as the target of an assignment counts as read, and
// so does a whole row of a masked table.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace sluice::rules {

struct MaskedNames {
  std::vector<std::string_view> columns;
  std::vector<std::string_view> tables;
};

/// `canonical`: of an UPDATE, a MERGE or an INSERT; tokens with one space between them, as Facts has it.
/// Of an INSERT only what stands behind ON CONFLICT can read the table it writes.
[[nodiscard]] bool reads_masked_into_write(std::string_view canonical, const MaskedNames& masked);

/// `word` is a token of the canonical text.
[[nodiscard]] bool has_word(std::string_view canonical, std::string_view word);

}  // namespace sluice::rules
