// The key words of PostgreSQL 15's grammar.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::rules::sql {

/// PostgreSQL's own four categories (documentation, appendix C): where the bare word may be a name.
enum class KeywordCategory : uint8_t { Unreserved, ColumnName, TypeOrFunction, Reserved };

struct Keyword {
  std::string_view word;  ///< Lower case, ASCII.
  KeywordCategory category;
};

/// The key word `text` is, whatever its ASCII case; nullptr: none. The pointer lives for ever.
[[nodiscard]] const Keyword* find_keyword(std::string_view text);
[[nodiscard]] size_t keyword_count();

}  // namespace sluice::rules::sql
