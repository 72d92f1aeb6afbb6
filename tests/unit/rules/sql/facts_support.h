// Facts as one line of text, so that a table of statements reads like a specification.
#pragma once
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "rules/ruleset/analyzer.h"

namespace sluice::rules::sql {

inline FactsPtr facts_of(std::string_view text, const std::vector<std::string>& trusted = {}) {
  return analyze(text, AnalyzerLimits{}, trusted);
}

// "select delete | a.t:rw u:r | now upper | opaque"; empty parts are left out.
inline std::string summary(const Facts& facts) {
  if (!facts.understood) return "not understood: " + facts.parse_error;
  std::string out;
  const auto word = [&out](std::string_view text) { (out.empty() || out.back() == ' ' ? out : out += ' ') += text; };
  for (size_t i = 0; i < static_cast<size_t>(StatementKind::Count_); ++i) {
    const auto kind = static_cast<StatementKind>(i);
    if (facts.kinds.has(kind)) word(name_of(kind));
  }
  if (!facts.relations.empty()) word("|");
  for (const RelationUse& use : facts.relations) {
    word((use.schema.empty() ? "" : use.schema + '.') + use.name + ':' + (use.read ? "r" : "") +
         (use.write ? "w" : ""));
  }
  if (!facts.functions.empty()) word("|");
  for (const std::string& name : facts.functions) word(name);
  if (facts.opaque) word("| opaque: " + facts.opaque_because);
  return out;
}

// A row's reason as a name that gtest takes.
inline std::string test_name(std::string_view why) {
  std::string name;
  for (const char c : why) name.push_back(std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_');
  return name;
}

// Names the tests of a table by the reason of each row.
inline constexpr auto named_by_reason = [](const auto& row) { return test_name(row.param.why); };

}  // namespace sluice::rules::sql
