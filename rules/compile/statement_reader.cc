#include "rules/compile/statement_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/compile/language.h"
#include "rules/compile/names.h"
#include "rules/compile/result_reader.h"

namespace sluice::rules {
namespace {

constexpr size_t message_size_max = 1000;

const YamlKeys statement_keys{{"kinds", "other_kinds_than", "where", "limit", "opaque", "relations", "reads", "writes",
                               "functions", "columns", "used", "pattern"},
                              {"parameters", "rows", "copy_data"}};
const YamlKeys pattern_keys{{"canonical", "raw", "literals"}, {}};  // By PatternText.
const std::vector<std::string_view> verdicts{"deny", "hold", "allow", "alert"};
const std::vector<std::string_view> absent{"absent"};

// Stands for all the kinds of COPY.
constexpr std::string_view every_copy = "copy";

template <typename Enum>
std::vector<std::string_view> names_of() {
  std::vector<std::string_view> names;
  names.reserve(static_cast<size_t>(Enum::Count_));
  for (size_t i = 0; i < static_cast<size_t>(Enum::Count_); ++i) names.push_back(name_of(static_cast<Enum>(i)));
  return names;
}

std::vector<std::string_view> kind_words() {
  auto words = names_of<StatementKind>();
  words.push_back(every_copy);
  return words;
}

KindSet read_kinds(const YAML::Node& node, YamlFile& file) {
  KindSet kinds;
  const auto known = kind_words();
  for (const YamlText& word : read_texts(node, "statement kinds", file)) {
    const auto kind = statement_kind(word.text);
    if (kind) {
      kinds.add(*kind);
    } else if (word.text == every_copy) {
      using enum StatementKind;
      for (const StatementKind copy : {CopyIn, CopyOut, CopyFile, CopyProgram}) kinds.add(copy);
    } else {
      file.fail(word.mark, fmt::format("expected a statement kind ({}), found \"{}\"{}", fmt::join(known, ", "),
                                       word.text, suggestion(word.text, known)));
    }
  }
  return kinds;
}

KindSet all_but(KindSet kinds) {
  KindSet others;
  for (size_t i = 0; i < static_cast<size_t>(StatementKind::Count_); ++i) {
    const auto kind = static_cast<StatementKind>(i);
    if (!kinds.has(kind)) others.add(kind);
  }
  return others;
}

void read_relations(const YAML::Node& node, RelationPattern::Access access, std::vector<RelationPattern>& relations,
                    YamlFile& file) {
  constexpr std::string_view expected = "schema.table, table or schema.*";
  for (const YamlText& text : read_texts(node, "relations", file)) {
    const auto parts = parse_name(text.text);
    const bool fits = parts && parts->size() <= 2 && !(*parts)[0].every;
    if (!fits) return file.fail(text.mark, fmt::format("expected {}, found \"{}\"", expected, text.text));
    RelationPattern pattern;
    if (parts->size() == 2) pattern.schema = (*parts)[0].text;
    pattern.name = parts->back().text;
    pattern.every_name = parts->back().every;
    pattern.access = access;
    relations.push_back(std::move(pattern));
  }
}

void read_functions(const YAML::Node& node, StatementRule& rule, YamlFile& file) {
  constexpr std::string_view class_prefix = "class:";
  const auto classes = names_of<FunctionClass>();
  for (const YamlText& text : read_texts(node, "functions", file)) {
    if (text.text.starts_with(class_prefix)) {
      const std::string_view name = std::string_view(text.text).substr(class_prefix.size());
      const auto found = function_class(name);
      if (!found) {
        return file.fail(text.mark, fmt::format("expected a class of functions ({}), found \"{}\"{}",
                                                fmt::join(classes, ", "), text.text, suggestion(name, classes)));
      }
      rule.function_classes.add(*found);
      continue;
    }
    const auto parts = parse_name(text.text);
    const bool fits = parts && parts->size() <= 2 && !(*parts)[0].every;
    if (!fits) {
      return file.fail(text.mark, fmt::format("expected schema.function, function, schema.* or class:NAME, found \"{}\"", text.text));
    }
    FunctionPattern pattern;
    if (parts->size() == 2) pattern.schema = (*parts)[0].text;
    pattern.name = parts->back().text;
    pattern.every_name = parts->back().every;
    rule.functions.push_back(std::move(pattern));
  }
}

void read_uses(const YamlMap& map, StatementRule& rule, YamlFile& file) {
  if (!map.has("columns")) return file.fail(map.key_mark("used"), "expected columns beside used, found none");
  const auto known = names_of<ColumnUse>();
  for (const YamlText& word : read_texts(map["used"], "uses of columns", file)) {
    const auto use = column_use(word.text);
    if (!use) {
      return file.fail(word.mark, fmt::format("expected a use of a column ({}), found \"{}\"{}", fmt::join(known, ", "),
                                              word.text, suggestion(word.text, known)));
    }
    rule.column_uses.add_all({*use});
  }
}

// `carriers`: the kinds that can have the clause at all.
void check_clause(const YamlMap& map, std::string_view key, KindSet carriers, const StatementRule& rule, YamlFile& file) {
  if (!map.has(key) || !read_choice(map[key], absent, file)) return;
  std::string names;
  for (size_t i = 0; i < static_cast<size_t>(StatementKind::Count_); ++i) {
    const auto kind = static_cast<StatementKind>(i);
    if (carriers.has(kind)) names += fmt::format("{}{}", names.empty() ? "" : ", ", name_of(kind));
  }
  for (size_t i = 0; i < static_cast<size_t>(StatementKind::Count_); ++i) {
    const auto kind = static_cast<StatementKind>(i);
    if (!rule.kinds.has(kind) || carriers.has(kind)) continue;
    return file.fail(map[key].Mark(), fmt::format("expected kinds that have a {} ({}) beside {}: absent, found {}, for "
                                                  "which the rule could never fire", key, names, key, name_of(kind)));
  }
}

void read_pattern(const YamlMap& map, ReadRule& out, YamlFile& file) {
  const YAML::Node& node = map["pattern"];
  out.rule.statement.pattern = PatternText::Canonical;
  if (!node.IsMap()) {
    out.pattern = read_text(node, "a regular expression", file);
    out.pattern_mark = node.Mark();
    return;
  }
  const YamlMap texts(node, "pattern", pattern_keys, file);
  if (file.failed()) return;
  size_t given = 0;
  for (size_t i = 0; i < pattern_keys.known.size(); ++i) {
    const std::string_view key = pattern_keys.known[i];
    if (!texts.has(key)) continue;
    given += 1;
    out.rule.statement.pattern = static_cast<PatternText>(i);
    out.pattern = read_text(texts[key], "a regular expression", file);
    out.pattern_mark = texts[key].Mark();
  }
  if (given == 1) return;
  file.fail(texts.mark(), fmt::format("expected exactly one of {} in pattern, found {}", fmt::join(pattern_keys.known, ", "),
                                      given == 0 ? "none" : "more"));
}

// Promise: what cannot be enforced does not load.
void check_allow(const YamlMap& map, const StatementRule& rule, YamlFile& file) {
  if (rule.verdict != Verdict::Allow) return;
  for (const std::string_view key : {"opaque", "functions", "columns", "pattern"}) {
    const bool canonical = key == "pattern" && rule.pattern == PatternText::Canonical;
    if (!map.has(key) || canonical) continue;
    return file.fail(map.key_mark(key), fmt::format("expected a rule that refuses beside {}, found an allow rule: it admits "
                                                    "only what it covers whole, by kinds and relations", key));
  }
  for (const RelationPattern& relation : rule.relations) {
    if (!relation.schema.empty()) continue;
    const std::string_view key = map.has("relations") ? "relations" : map.has("reads") ? "reads" : "writes";
    return file.fail(map.key_mark(key), "expected schema.table or schema.* in an allow rule, found a name without its "
                                        "schema, which may be a table of any; statements that name a table without its "
                                        "schema are not admitted by such a rule either");
  }
  if (rule.kinds.empty()) {
    file.fail(map.mark(), "expected kinds in an allow rule, found none: a pattern or relation alone would also admit "
                          "what stands beside it");
  }
}

void read_matchers(const YamlMap& map, ReadRule& out, YamlFile& file) {
  using enum RelationPattern::Access;
  StatementRule& rule = out.rule.statement;
  if (map.has("kinds") && map.has("other_kinds_than")) {
    return file.fail(map.key_mark("other_kinds_than"), "expected one of kinds and other_kinds_than, found both");
  }
  if (map.has("kinds")) rule.kinds = read_kinds(map["kinds"], file);
  if (map.has("other_kinds_than")) rule.kinds = all_but(read_kinds(map["other_kinds_than"], file));
  KindSet with_where;
  with_where.add(StatementKind::Update);
  with_where.add(StatementKind::Delete);
  KindSet with_limit;
  with_limit.add(StatementKind::Select);
  check_clause(map, "where", with_where, rule, file);
  check_clause(map, "limit", with_limit, rule, file);
  rule.where_absent = map.has("where");
  rule.limit_absent = map.has("limit");
  if (map.has("opaque")) {
    if (read_text(map["opaque"], "true", file) != "true") {
      return file.fail(map["opaque"].Mark(), fmt::format("expected true, found {}", describe(map["opaque"])));
    }
    rule.opaque = true;
  }
  if (map.has("relations")) read_relations(map["relations"], Any, rule.relations, file);
  if (map.has("reads")) read_relations(map["reads"], Read, rule.relations, file);
  if (map.has("writes")) read_relations(map["writes"], Write, rule.relations, file);
  if (map.has("functions")) read_functions(map["functions"], rule, file);
  if (map.has("columns")) rule.columns = read_columns(map["columns"], file);
  if (map.has("used")) read_uses(map, rule, file);
  if (map.has("pattern")) read_pattern(map, out, file);
}

}  // namespace

WordLists statement_words() {
  return {{"statement", statement_keys.known},
          {"statement.kinds", kind_words()},
          {"statement.where", absent},
          {"statement.limit", absent},
          {"statement.functions", names_of<FunctionClass>()},
          {"statement.used", names_of<ColumnUse>()},
          {"pattern", pattern_keys.known},
          {"rule.verdict", verdicts}};
}

void read_verdict(const YAML::Node& node, StatementRule& rule, bool& alert, YamlFile& file) {
  const auto choice = read_choice(node, verdicts, file);
  if (!choice) return;
  rule.verdict = *choice == 1 ? Verdict::Hold : *choice == 2 ? Verdict::Allow : Verdict::Deny;
  alert = alert || verdicts[*choice] == "alert";
}

void read_words(const YamlMap& map, StatementRule& rule, YamlFile& file) {
  for (const auto& [key, text] : {std::pair{"message", &rule.message}, std::pair{"hint", &rule.hint}}) {
    if (!map.has(key)) continue;
    *text = read_text(map[key], "a sentence", file);
    if (text->size() > message_size_max) {
      file.fail(map[key].Mark(), fmt::format("expected at most {} bytes, found {}", message_size_max, text->size()));
    }
  }
}

void read_statement(const YamlMap& map, ReadRule& out, YamlFile& file, std::vector<std::string>& warnings) {
  const YamlMap statement(map["statement"], "statement", statement_keys, file);
  if (file.failed()) return;
  out.rule.kind = RuleKind::Statement;
  StatementRule& rule = out.rule.statement;
  read_matchers(statement, out, file);
  if (file.failed()) return;
  const auto says = [&](std::string_view key) { return statement.has(key); };
  if (std::ranges::none_of(statement_keys.known, says)) {
    return file.fail(statement.mark(), fmt::format("expected at least one of {}, found none",
                                                   fmt::join(statement_keys.known, ", ")));
  }
  if (!map.has("verdict")) {
    return file.fail(map.key_mark("statement"), "expected verdict beside statement, found none");
  }
  read_verdict(map["verdict"], rule, out.rule.alert, file);
  if (file.failed()) return;
  check_allow(statement, rule, file);
  read_words(map, rule, file);
  if (map.has("mask")) file.fail(map.key_mark("mask"), "expected mask beside result, found it beside statement");
  const bool whole_schema = std::ranges::any_of(rule.relations, &RelationPattern::every_name);
  if (whole_schema && rule.verdict != Verdict::Allow) {
    const std::string_view key = statement.has("relations") ? "relations" : statement.has("reads") ? "reads" : "writes";
    warnings.push_back(file.at(statement.key_mark(key),
                               "schema.* also matches every unqualified name, which may be a table of that schema"));
  }
}

}  // namespace sluice::rules
