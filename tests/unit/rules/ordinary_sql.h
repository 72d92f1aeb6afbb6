// What ordinary programs send: tests/corpus/ordinary_sql, statements of servers' logs.
#pragma once
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::rules::testing {

struct OrdinaryStatement {
  std::string file;   ///< Its name, which says whose statements they are.
  std::string kinds;  ///< What it is, as a reader of it says.
  std::string text;
};

/// A file is a comment, then statements: each a line with its kinds, then its text.
inline std::vector<OrdinaryStatement> ordinary_sql() {
  constexpr std::string_view mark = "\n--! ";
  std::vector<OrdinaryStatement> out;
  for (const auto& entry : std::filesystem::directory_iterator(SLUICE_CORPUS "/ordinary_sql")) {
    std::ifstream in(entry.path());
    const std::string file{std::istreambuf_iterator<char>(in), {}};
    for (size_t at = file.find(mark); at != std::string::npos;) {
      const size_t kinds = at + mark.size();
      const size_t text = file.find('\n', kinds) + 1;
      at = file.find(mark, text - 1);
      out.push_back({entry.path().filename().string(), file.substr(kinds, text - 1 - kinds), file.substr(text, at - text)});
    }
  }
  return out;
}

}  // namespace sluice::rules::testing
