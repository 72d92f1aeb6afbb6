// No pack of statement rules refuses what ordinary programs send, where the pack is not about it. What a
// statement is about is told here by its words alone, by another reading than that of the rules.
#include <fmt/format.h>

#include <cstdio>
#include <regex>

#include "rules/ruleset/analyzer.h"
#include "support.h"
#include "tests/unit/rules/ordinary_sql.h"

namespace sluice::rules {
namespace {

using testing::Bound;

/// Without literals, quoted names and comments, in lower case.
std::string words_of(const std::string& text) {
  static const std::regex quoted(R"((--[^\n]*)|('([^']|'')*')|("([^"]|"")*"))");
  std::string out = std::regex_replace(text, quoted, " x ");
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

struct PackCase {
  std::string_view pack;
  /// A statement without one of these is none of the pack's business.
  const char* business;
  /// Nor is one with one of these; null: none.
  const char* harmless;
  size_t at_least;
};

TEST(OrdinarySql, no_pack_refuses_what_it_is_not_about) {
  constexpr const char* any_write =
      R"(\b(insert|update|delete|merge|truncate|create|drop|alter|grant|revoke|comment|into|nextval|setval|vacuum|)"
      R"(analyze|reindex|cluster|refresh|call|do|copy|write|notify|import|reassign|security|load|checkpoint)\b)";
  const PackCase cases[] = {
      {"server-files-and-programs", R"(\b(pg_read|pg_ls|pg_stat_file|lo_import|lo_export|program|load|language)\w*)", nullptr, 800},
      {"read-only", any_write, nullptr, 500},
      {"no-ddl", R"(\b(create|drop|alter|comment|grant|revoke|reassign|reindex|cluster|refresh|vacuum|analyze|checkpoint|load|into|security|import)\b)",
       R"(^\s*insert into )", 600},
      {"hold-destructive", R"(\b(drop|truncate|reassign|update|delete)\b)", R"(^\s*(update|delete)\b[^;]*\bwhere\b|\bfor update\b)", 700},
      {"bounded-writes", R"(\b(truncate|update|delete|merge)\b)", R"(^\s*(update|delete)\b[^;]*\bwhere\b|\bfor update\b)", 700},
  };
  const auto statements = testing::ordinary_sql();
  for (const PackCase& c : cases) {
    Bound bound(fmt::format("use:\n  - {}\n", c.pack));
    const std::regex business(c.business);
    size_t passed = 0;
    for (const auto& [file, kinds, text] : statements) {
      const std::string words = words_of(text);
      const bool harmless = c.harmless != nullptr && std::regex_search(words, std::regex(c.harmless));
      if (!harmless && std::regex_search(words, business)) continue;
      const auto facts = analyze(text, {}, {});
      const Decision decision = bound.rules.judge(*facts, text, bound.scratch);
      EXPECT_EQ(decision.verdict, Verdict::Allow) << c.pack << ", " << decision.rule << ", " << file << '\n' << text;
      passed += 1;
    }
    std::printf("%s: %zu of %zu ordinary statements are none of its business, and pass\n", std::string(c.pack).c_str(),
                passed, statements.size());
    EXPECT_GE(passed, c.at_least) << c.pack;
  }
}

}  // namespace
}  // namespace sluice::rules
