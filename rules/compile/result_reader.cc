#include "rules/compile/result_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/compile/language.h"
#include "rules/compile/names.h"

namespace sluice::rules {
namespace {

constexpr uint32_t keep_max = 64;

const YamlKeys result_keys{{"types", "columns", "inference"}, {"context", "patterns", "confidence", "rows"}};
const YamlKeys mask_keys{{"operator", "new_value", "keep_first", "keep_last", "masking_char", "key"}, {"salt", "hash_type"}};

const std::vector<std::string_view> operators{  // By MaskOperator.
    "redact", "replace", "mask", "hash", "null", "keep"};
const std::vector<std::string_view> later_operators{"tokenize", "fpe", "encrypt", "noise", "date_shift", "generalize"};
const std::vector<std::string_view> later_types{
    "PHONE_NUMBER", "IP_ADDRESS", "MAC_ADDRESS", "URL",            "PERSON",           "DATE_TIME",
    "LOCATION",     "NRP",        "US_PASSPORT", "US_BANK_NUMBER", "US_DRIVER_LICENSE"};

constexpr size_t new_value_size_max = 64;

// A masking character must not be part of any value, nor mean something in JSON, XML or array text.
constexpr std::string_view masking_chars = "*#xX~!?=^";

bool has(const std::vector<std::string_view>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

std::string one_of(const std::vector<std::string_view>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

void read_types(const YAML::Node& node, const DataTypes& table, TypeSet& types, YamlFile& file) {
  constexpr std::string_view pack_prefix = "pack:";
  std::vector<std::string_view> known;
  table.all().each([&](DataType type) { known.push_back(table.spec(type).id); });
  for (const YamlText& word : read_texts(node, "data types", file)) {
    if (word.text.starts_with(pack_prefix)) {
      const auto pack = table.pack(std::string_view(word.text).substr(pack_prefix.size()));
      if (!pack) {
        return file.fail(word.mark, fmt::format("expected pack:pii, pack:financial, pack:health or pack:secrets, found \"{}\"", word.text));
      }
      types |= *pack;
    } else if (const auto type = table.find(word.text)) {
      types.add(*type);
    } else if (has(later_types, word.text)) {
      file.fail(word.mark, fmt::format("data type \"{}\" is not available in this version", word.text));
    } else {
      file.fail(word.mark, fmt::format("expected a data type, found \"{}\"{}", word.text,
                                       suggestion(word.text, known)));
    }
  }
}

// In JSON, XML and array text it must not mean anything.
void read_new_value(const YAML::Node& node, ResultRule& result, YamlFile& file) {
  const std::string text = read_text(node, "a text", file);
  const auto is_special = [](char c) {
    return static_cast<uint8_t>(c) < 0x20 || std::string_view("\"\\{}<>&,'").find(c) != std::string_view::npos;
  };
  if (file.failed()) return;
  if (text.size() > new_value_size_max || std::ranges::any_of(text, is_special)) {
    return file.fail(node.Mark(), fmt::format("expected at most {} bytes without control characters and \" \\ {{ }} < > & , ', "
                                              "found {}", new_value_size_max, describe(node)));
  }
  result.mask_text = std::make_shared<const std::string>(text);
  result.mask.text = *result.mask_text;
}

// Keys are the configuration's: rules only name them, so that who writes rules need not know any.
void read_key(const YAML::Node& node, ResultRule& result, const CompileContext& outside, YamlFile& file) {
  const std::string name = read_text(node, "the name of a key", file);
  if (file.failed()) return;
  const MaskKeys& keys = outside.mask_keys;
  const auto key = std::ranges::find(keys, name, [](const auto& k) -> const std::string& { return k->name; });
  if (key == keys.end() && outside.any_target) {
    result.mask_key = stand_in_mask_key(name);
  } else if (key == keys.end()) {
    std::vector<std::string_view> names;
    for (const auto& k : keys) names.push_back(k->name);
    return file.fail(node.Mark(), fmt::format("expected a name of mask_keys in the configuration, found {}{}",
                                              describe(node), suggestion(name, names)));
  } else {
    result.mask_key = *key;
  }
  result.mask.key = result.mask_key.get();
}

}  // namespace

WordLists result_words() {
  return {{"result", result_keys.known}, {"mask", mask_keys.known}, {"mask.operator", operators}};
}

void read_mask(const YAML::Node& node, ResultRule& result, const RuleContext& context, YamlFile& file) {
  const YamlMap map(node, "mask", mask_keys, file);
  if (file.failed()) return;
  MaskSpec& mask = result.mask;
  mask = {};
  result.mask_text.reset();
  result.mask_key.reset();
  if (!map.has("operator")) return file.fail(map.mark(), "expected operator in mask, found none");
  const YAML::Node& op = map["operator"];
  if (op.IsNull()) {
    return file.fail(op.Mark(), "expected an operator, found nothing; YAML reads null without quotes as "
                                  "nothing: write \"null\"");
  }
  const std::string word = read_text(op, "an operator", file);
  if (has(later_operators, word)) {
    return file.fail(op.Mark(), fmt::format("operator \"{}\" is not available in this version", word));
  }
  if (!has(operators, word)) {
    return file.fail(op.Mark(), fmt::format("expected an operator ({}), found {}{}", one_of(operators), describe(op),
                                            suggestion(word, operators)));
  }
  mask.op = static_cast<MaskOperator>(std::ranges::find(operators, word) - operators.begin());
  if (map.has("new_value") != (mask.op == MaskOperator::Replace)) {
    return file.fail(map.mark(), fmt::format("expected new_value beside operator replace, and only there, found {}", word));
  }
  if (mask.op == MaskOperator::Replace) read_new_value(map["new_value"], result, file);
  if (map.has("key") != (mask.op == MaskOperator::Hash)) {
    return file.fail(map.mark(), fmt::format("expected key beside operator hash, and only there, found {}", word));
  }
  if (mask.op == MaskOperator::Hash) read_key(map["key"], result, context.outside, file);
  for (const std::string_view key : {"keep_first", "keep_last", "masking_char"}) {
    if (!map.has(key) || mask.op == MaskOperator::Mask) continue;
    return file.fail(map.key_mark(key), fmt::format("expected operator mask beside {}, found {}, which keeps nothing",
                                                      key, word));
  }
  if (map.has("keep_first")) mask.keep_first = read_number(map["keep_first"], keep_max, file);
  if (map.has("keep_last")) mask.keep_last = read_number(map["keep_last"], keep_max, file);
  if (map.has("masking_char")) {
    const std::string text = read_text(map["masking_char"], "one character", file);
    if (text.size() != 1 || masking_chars.find(text) == std::string_view::npos) {
      return file.fail(map["masking_char"].Mark(), fmt::format("expected one of {} , found {}", masking_chars,
                                                                 describe(map["masking_char"])));
    }
    mask.masking_char = text[0];
  }
  result.types.each([&](DataType type) {
    const DataTypeSpec& spec = context.types.spec(type);
    if (mask.keep_first + mask.keep_last <= spec.keep_max) return;
    file.fail(map.mark(), fmt::format("expected keep_first + keep_last of at most {} for {}, found {}: what is kept "
                                      "would tell the value", spec.keep_max, spec.id, mask.keep_first + mask.keep_last));
  });
}

std::vector<ColumnPattern> read_columns(const YAML::Node& node, YamlFile& file) {
  std::vector<ColumnPattern> columns;
  for (const YamlText& text : read_texts(node, "columns", file)) {
    auto parts = parse_pattern(text.text);
    if (!parts || parts->size() != 3) {
      file.fail(text.mark, fmt::format("expected schema.table.column, where * stands for any characters, found \"{}\"", text.text));
      return columns;
    }
    columns.push_back({std::move((*parts)[0]), std::move((*parts)[1]), std::move((*parts)[2])});
  }
  return columns;
}

void read_result(const YamlMap& rule_map, ReadRule& out, const RuleContext& context, YamlFile& file) {
  const YamlMap map(rule_map["result"], "result", result_keys, file);
  if (file.failed()) return;
  out.rule.kind = RuleKind::Result;
  ResultRule& rule = out.rule.result;
  if (map.has("types") == map.has("columns")) {
    return file.fail(map.mark(), fmt::format("expected exactly one of types and columns, found {}",
                                               map.has("types") ? "both" : "neither"));
  }
  if (map.has("types")) read_types(map["types"], context.types, rule.types, file);
  if (map.has("columns")) rule.columns = read_columns(map["columns"], file);
  if (map.has("inference")) {
    if (!map.has("columns")) {
      return file.fail(map.key_mark("inference"), "expected inference beside columns, found it beside types");
    }
    if (read_text(map["inference"], "allow", file) != "allow") {
      return file.fail(map["inference"].Mark(), fmt::format("expected allow, found {}", describe(map["inference"])));
    }
    rule.inference = true;
  }
  for (const std::string_view key : {"verdict", "message", "hint"}) {
    if (!rule_map.has(key)) continue;
    return file.fail(rule_map.key_mark(key), fmt::format("expected {} beside statement, found it beside result", key));
  }
  if (!rule_map.has("mask")) {
    return file.fail(rule_map.key_mark("result"), "expected mask beside result, found none");
  }
  read_mask(rule_map["mask"], rule, context, file);
}

}  // namespace sluice::rules
