// The words of the rule language, read off the readers: what the reference page and the schema for editors
// are held against.
#pragma once
#include <string_view>
#include <vector>

namespace sluice::rules {

/// The keys of one mapping, or the words that one key's value may be. `place` says which: a mapping
/// ("statement"), or a mapping and its key ("statement.kinds").
struct WordList {
  std::string_view place;
  std::vector<std::string_view> words;
};
using WordLists = std::vector<WordList>;

/// By the file that reads them. Views are static.
[[nodiscard]] WordLists file_words();
[[nodiscard]] WordLists rule_words();
[[nodiscard]] WordLists who_words();
[[nodiscard]] WordLists statement_words();
[[nodiscard]] WordLists result_words();
[[nodiscard]] WordLists type_words();

}  // namespace sluice::rules
