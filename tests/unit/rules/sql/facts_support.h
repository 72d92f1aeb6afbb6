// Facts as one line of text, so that a table of statements reads like a specification.
#pragma once
#include <cctype>
#include <string>
#include <string_view>
#include <utility>
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

// "s.t.a:op any.b:g": columns with the first letters of their uses (s: ordering); "any": of any relation.
inline std::string columns_summary(const Facts& facts) {
  if (!facts.understood) return "not understood: " + facts.parse_error;
  if (facts.columns_unknown) return "unknown";
  std::string out;
  for (const ColumnReference& column : facts.columns) {
    if (!out.empty()) out += ' ';
    if (!column.schema.empty()) out += column.schema + '.';
    out += (column.table.empty() ? "any" : column.table) + '.' + column.name + ':';
    for (const auto& [use, letter] :
         {std::pair{ColumnUse::Output, 'o'}, std::pair{ColumnUse::Predicate, 'p'}, std::pair{ColumnUse::Grouping, 'g'},
          std::pair{ColumnUse::Ordering, 's'}, std::pair{ColumnUse::Assigned, 'a'}}) {
      if (column.uses.has(use)) out += letter;
    }
  }
  return out;
}

// Everything that facts say, apart from what the literals say.
inline std::string all_but_literals(const Facts& facts) {
  std::string out = summary(facts) + " # " + columns_summary(facts) + " # " + facts.canonical;
  out += " # " + facts.parse_error + ' ' + std::to_string(facts.parse_error_cursor);
  out += " # " + facts.guard_detail + ' ' + facts.text_to_record + ' ' + std::to_string(facts.statement_count) + ' ' +
         std::to_string(static_cast<int>(facts.guard));
  for (const bool flag : {facts.over_cap, facts.where_absent, facts.limit_absent, facts.transaction_end_only,
                          facts.has_secret, facts.backslash_in_plain_literal, facts.literal_independent}) {
    out += flag ? " 1" : " 0";
  }
  for (size_t i = 0; i < static_cast<size_t>(FunctionClass::Count_); ++i) {
    if (facts.function_classes.has(static_cast<FunctionClass>(i))) out += ' ' + std::string(name_of(FunctionClass(i)));
  }
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
