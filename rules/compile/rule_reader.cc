#include "rules/compile/rule_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/compile/names.h"

namespace sluice::rules {
namespace {

constexpr size_t id_size_max = 64;
constexpr size_t message_size_max = 1000;
constexpr uint32_t keep_max = 64;

const YamlKeys rule_keys{
    {"id", "target", "when", "except", "statement", "result", "verdict", "message", "hint", "mask"},
    {"approval", "http", "limit", "budget", "notify", "mode", "priority", "enabled", "schedule", "expires"}};
const YamlKeys group_keys{{"groups"}, {"subjects", "kinds", "issuers", "time", "network", "proof"}};
const YamlKeys statement_keys{{"kinds", "where", "relations", "pattern"},
                              {"limit", "functions", "columns", "literals", "raw", "parameters", "rows", "copy_data"}};
const YamlKeys result_keys{{"types", "columns", "inference"}, {"context", "patterns", "confidence", "rows"}};
const YamlKeys mask_keys{{"operator", "keep_first", "keep_last", "masking_char"}, {"key", "new_value", "salt"}};

const std::vector<std::string_view> verdicts{"deny", "allow"};
const std::vector<std::string_view> later_verdicts{"hold", "alert", "warn"};
const std::vector<std::string_view> operators{"redact", "mask", "null"};
const std::vector<std::string_view> later_operators{"replace", "hash",  "tokenize",   "fpe", "encrypt",
                                                    "noise",   "keep",  "date_shift", "generalize"};
const std::vector<std::string_view> later_types{
    "PHONE_NUMBER", "IP_ADDRESS", "MAC_ADDRESS", "URL",            "PERSON",           "DATE_TIME",
    "LOCATION",     "NRP",        "US_PASSPORT", "US_BANK_NUMBER", "US_DRIVER_LICENSE"};

// Stands for all the kinds of COPY.
constexpr std::string_view every_copy = "copy";

// A masking character must not be part of any value, nor mean something in JSON, XML or array text.
constexpr std::string_view masking_chars = "*#xX~!?=^";

bool has(const std::vector<std::string_view>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

std::string one_of(const std::vector<std::string_view>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

void read_groups(const YAML::Node& node, std::string_view what, std::vector<std::string>& groups, YamlErrors& errors) {
  const YamlMap map(node, what, group_keys, errors);
  if (errors.failed()) return;
  if (!map.has("groups")) return errors.fail(map.mark(), fmt::format("expected groups in {}, found none", what));
  for (YamlText& group : read_texts(map["groups"], "group names", errors)) groups.push_back(std::move(group.text));
}

void read_kinds(const YAML::Node& node, KindSet& kinds, YamlErrors& errors) {
  std::vector<std::string_view> known;
  known.reserve(static_cast<size_t>(StatementKind::Count_) + 1);
  for (size_t i = 0; i < static_cast<size_t>(StatementKind::Count_); ++i) {
    known.push_back(name_of(static_cast<StatementKind>(i)));
  }
  known.push_back(every_copy);
  for (const YamlText& word : read_texts(node, "statement kinds", errors)) {
    const auto kind = statement_kind(word.text);
    if (kind) {
      kinds.add(*kind);
    } else if (word.text == every_copy) {
      using enum StatementKind;
      for (const StatementKind copy : {CopyIn, CopyOut, CopyFile, CopyProgram}) kinds.add(copy);
    } else {
      errors.fail(word.mark, fmt::format("expected a statement kind ({}), found \"{}\"{}", one_of(known), word.text,
                                         suggestion(word.text, known)));
    }
  }
}

void read_relations(const YAML::Node& node, std::vector<RelationPattern>& relations, YamlErrors& errors) {
  constexpr std::string_view expected = "schema.table, table or schema.*";
  for (const YamlText& text : read_texts(node, "relations", errors)) {
    const auto parts = parse_name(text.text);
    const bool fits = parts && parts->size() <= 2 && !(*parts)[0].every;
    if (!fits) return errors.fail(text.mark, fmt::format("expected {}, found \"{}\"", expected, text.text));
    RelationPattern pattern;
    if (parts->size() == 2) pattern.schema = (*parts)[0].text;
    pattern.name = parts->back().text;
    pattern.every_name = parts->back().every;
    relations.push_back(std::move(pattern));
  }
}

void check_where(const YamlMap& map, StatementRule& rule, YamlErrors& errors) {
  const YAML::Node& node = map["where"];
  if (read_text(node, "\"absent\"", errors) != "absent") {
    return errors.fail(node.Mark(), fmt::format("expected \"absent\", found {}", describe(node)));
  }
  rule.where_absent = true;
  for (size_t i = 0; i < static_cast<size_t>(StatementKind::Count_); ++i) {
    const auto kind = static_cast<StatementKind>(i);
    if (!rule.kinds.has(kind) || kind == StatementKind::Update || kind == StatementKind::Delete) continue;
    errors.fail(node.Mark(), fmt::format("expected kinds with a WHERE (update, delete) beside where: absent, found {}, "
                                         "for which the rule could never fire", name_of(kind)));
  }
}

// Promise: what cannot be enforced does not load.
void check_allow(const YamlMap& statement, const StatementRule& rule, YamlErrors& errors) {
  if (rule.verdict != Verdict::Allow) return;
  if (!rule.relations.empty()) {
    return errors.fail(statement.key_mark("relations"),
                       "expected a deny rule, found an allow rule by relation: an unqualified name may be a table "
                       "of any schema until the target's search_path is pinned, which this version cannot do");
  }
  if (rule.kinds.empty()) {
    errors.fail(statement.mark(), "expected kinds in an allow rule, found none: a pattern alone would also admit "
                                  "what stands beside its match");
  }
}

void read_statement(const YamlMap& rule_map, ReadRule& out, YamlErrors& errors, std::vector<std::string>& warnings) {
  const YamlMap map(rule_map["statement"], "statement", statement_keys, errors);
  if (errors.failed()) return;
  StatementRule& rule = out.rule.statement;
  if (map.has("kinds")) read_kinds(map["kinds"], rule.kinds, errors);
  if (map.has("where")) check_where(map, rule, errors);
  if (map.has("relations")) read_relations(map["relations"], rule.relations, errors);
  if (map.has("pattern")) {
    out.pattern = read_text(map["pattern"], "a regular expression", errors);
    out.pattern_mark = map["pattern"].Mark();
    rule.has_pattern = true;
  }
  const bool says_something = map.has("kinds") || map.has("where") || map.has("relations") || map.has("pattern");
  if (!says_something) {
    return errors.fail(map.mark(), fmt::format("expected at least one of {}, found none", one_of(statement_keys.known)));
  }

  if (!rule_map.has("verdict")) {
    return errors.fail(rule_map.key_mark("statement"), "expected verdict beside statement, found none");
  }
  const YAML::Node& verdict = rule_map["verdict"];
  const std::string word = read_text(verdict, "deny or allow", errors);
  if (has(later_verdicts, word)) {
    return errors.fail(verdict.Mark(), fmt::format("\"{}\" is not available in this version", word));
  }
  if (!has(verdicts, word)) {
    return errors.fail(verdict.Mark(), fmt::format("expected deny or allow, found {}{}", describe(verdict),
                                                   suggestion(word, verdicts)));
  }
  rule.verdict = word == "allow" ? Verdict::Allow : Verdict::Deny;
  check_allow(map, rule, errors);

  for (const auto& [key, text] : {std::pair{"message", &rule.message}, std::pair{"hint", &rule.hint}}) {
    if (!rule_map.has(key)) continue;
    *text = read_text(rule_map[key], "a sentence", errors);
    if (text->size() > message_size_max) {
      errors.fail(rule_map[key].Mark(), fmt::format("expected at most {} bytes, found {}", message_size_max, text->size()));
    }
  }
  if (rule_map.has("mask")) errors.fail(rule_map.key_mark("mask"), "expected mask beside result, found it beside statement");
  const bool whole_schema = std::ranges::any_of(rule.relations, &RelationPattern::every_name);
  if (whole_schema) {
    warnings.push_back(errors.at(map.key_mark("relations"),
                                 "schema.* also matches every unqualified name, which may be a table of that schema"));
  }
}

void read_mask(const YAML::Node& node, const ResultRule& result, MaskSpec& mask, YamlErrors& errors) {
  const YamlMap map(node, "mask", mask_keys, errors);
  if (errors.failed()) return;
  if (!map.has("operator")) return errors.fail(map.mark(), "expected operator in mask, found none");
  const YAML::Node& op = map["operator"];
  if (op.IsNull()) {
    return errors.fail(op.Mark(), "expected redact, mask or \"null\", found nothing; YAML reads null without quotes as "
                                  "nothing: write \"null\"");
  }
  const std::string word = read_text(op, "redact, mask or \"null\"", errors);
  if (has(later_operators, word)) {
    return errors.fail(op.Mark(), fmt::format("operator \"{}\" is not available in this version", word));
  }
  if (!has(operators, word)) {
    return errors.fail(op.Mark(), fmt::format("expected redact, mask or \"null\", found {}{}", describe(op),
                                              suggestion(word, operators)));
  }
  mask.op = word == "mask" ? MaskOperator::Mask : word == "null" ? MaskOperator::Null : MaskOperator::Redact;
  for (const std::string_view key : {"keep_first", "keep_last", "masking_char"}) {
    if (!map.has(key) || mask.op == MaskOperator::Mask) continue;
    return errors.fail(map.key_mark(key), fmt::format("expected operator mask beside {}, found {}, which keeps nothing",
                                                      key, word));
  }
  if (map.has("keep_first")) mask.keep_first = read_number(map["keep_first"], keep_max, errors);
  if (map.has("keep_last")) mask.keep_last = read_number(map["keep_last"], keep_max, errors);
  if (map.has("masking_char")) {
    const std::string text = read_text(map["masking_char"], "one character", errors);
    if (text.size() != 1 || masking_chars.find(text) == std::string_view::npos) {
      return errors.fail(map["masking_char"].Mark(), fmt::format("expected one of {} , found {}", masking_chars,
                                                                 describe(map["masking_char"])));
    }
    mask.masking_char = text[0];
  }
  const DataTypes& types = DataTypes::shipped();
  result.types.each([&](DataType type) {
    const DataTypeSpec& spec = types.spec(type);
    if (mask.keep_first + mask.keep_last <= spec.keep_max) return;
    errors.fail(map.mark(), fmt::format("expected keep_first + keep_last of at most {} for {}, found {}: what is kept "
                                        "would tell the value", spec.keep_max, spec.id,
                                        mask.keep_first + mask.keep_last));
  });
}

void read_types(const YAML::Node& node, TypeSet& types, YamlErrors& errors) {
  const DataTypes& shipped = DataTypes::shipped();
  std::vector<std::string_view> known;
  shipped.all().each([&](DataType type) { known.push_back(shipped.spec(type).id); });
  for (const YamlText& word : read_texts(node, "data types", errors)) {
    const auto type = shipped.find(word.text);
    if (type) {
      types.add(*type);
    } else if (has(later_types, word.text)) {
      errors.fail(word.mark, fmt::format("data type \"{}\" is not available in this version", word.text));
    } else {
      errors.fail(word.mark, fmt::format("expected a data type, found \"{}\"{}", word.text,
                                         suggestion(word.text, known)));
    }
  }
}

void read_columns(const YAML::Node& node, std::vector<ColumnName>& columns, YamlErrors& errors) {
  for (const YamlText& text : read_texts(node, "columns", errors)) {
    const auto parts = parse_name(text.text);
    const bool fits = parts && parts->size() == 3 && std::ranges::none_of(*parts, &NamePart::every);
    if (!fits) return errors.fail(text.mark, fmt::format("expected schema.table.column, found \"{}\"", text.text));
    columns.push_back({(*parts)[0].text, (*parts)[1].text, (*parts)[2].text});
  }
}

void read_result(const YamlMap& rule_map, ReadRule& out, YamlErrors& errors, std::vector<std::string>& warnings) {
  const YamlMap map(rule_map["result"], "result", result_keys, errors);
  if (errors.failed()) return;
  out.rule.is_result = true;
  ResultRule& rule = out.rule.result;
  if (map.has("types") == map.has("columns")) {
    return errors.fail(map.mark(), fmt::format("expected exactly one of types and columns, found {}",
                                               map.has("types") ? "both" : "neither"));
  }
  if (map.has("types")) read_types(map["types"], rule.types, errors);
  if (map.has("columns")) read_columns(map["columns"], rule.columns, errors);
  if (map.has("inference")) {
    if (!map.has("columns")) {
      return errors.fail(map.key_mark("inference"), "expected inference beside columns, found it beside types");
    }
    if (read_text(map["inference"], "allow", errors) != "allow") {
      return errors.fail(map["inference"].Mark(), fmt::format("expected allow, found {}", describe(map["inference"])));
    }
  } else if (map.has("columns")) {
    warnings.push_back(errors.at(map.key_mark("columns"),
                                 "predicates on these columns are not refused in this version, so values can be guessed "
                                 "by comparing; say inference: allow to accept that"));
  }
  for (const std::string_view key : {"verdict", "message", "hint"}) {
    if (!rule_map.has(key)) continue;
    return errors.fail(rule_map.key_mark(key), fmt::format("expected {} beside statement, found it beside result", key));
  }
  if (!rule_map.has("mask")) {
    return errors.fail(rule_map.key_mark("result"), "expected mask beside result, found none");
  }
  read_mask(rule_map["mask"], rule, rule.mask, errors);
}

void read_id(const YamlMap& map, ReadRule& out, YamlErrors& errors) {
  if (!map.has("id")) return errors.fail(map.mark(), "expected id in a rule, found none");
  out.mark = map["id"].Mark();
  out.rule.id = read_text(map["id"], "an id", errors);
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  if (out.rule.id.size() > id_size_max || !std::ranges::all_of(out.rule.id, fits)) {
    errors.fail(out.mark, fmt::format("expected an id of at most {} letters a-z, digits and dashes, found {}", id_size_max,
                                      describe(map["id"])));
  }
}

}  // namespace

ReadRule read_rule(const YAML::Node& node, const CompileContext& context, YamlErrors& errors,
                   std::vector<std::string>& warnings) {
  ReadRule out;
  const YamlMap map(node, "a rule", rule_keys, errors);
  if (errors.failed()) return out;
  read_id(map, out, errors);
  if (map.has("target")) {
    out.rule.target = read_text(map["target"], "a target's name", errors);
    const std::vector<std::string_view> known(context.targets.begin(), context.targets.end());
    if (!has(known, out.rule.target)) {
      errors.fail(map["target"].Mark(), fmt::format("expected the name of a target ({}), found {}{}", one_of(known),
                                                    describe(map["target"]), suggestion(out.rule.target, known)));
    }
  }
  if (map.has("when")) read_groups(map["when"], "when", out.rule.when_groups, errors);
  if (map.has("except")) read_groups(map["except"], "except", out.rule.except_groups, errors);
  const auto excepted = [&](const std::string& group) {
    return std::ranges::find(out.rule.except_groups, group) != out.rule.except_groups.end();
  };
  if (!out.rule.when_groups.empty() && std::ranges::all_of(out.rule.when_groups, excepted)) {
    errors.fail(map.key_mark("except"), "expected a group of when that except leaves, found none, so the rule could "
                                        "never fire");
  }
  if (errors.failed()) return out;
  if (map.has("statement") == map.has("result")) {
    errors.fail(map.mark(), fmt::format("expected exactly one of statement and result, found {}",
                                        map.has("statement") ? "both" : "neither"));
  } else if (map.has("statement")) {
    read_statement(map, out, errors, warnings);
  } else {
    read_result(map, out, errors, warnings);
  }
  return out;
}

}  // namespace sluice::rules
