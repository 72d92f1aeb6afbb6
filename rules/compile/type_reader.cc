#include "rules/compile/type_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/compile/language.h"

namespace sluice::rules {
namespace {

constexpr uint32_t value_size_max = 1024;
constexpr size_t id_size_max = 64;
const YamlKeys type_keys{{"id", "pattern", "validator", "context", "needs_context", "max_length", "keep_max", "examples",
                          "negatives"},
                         {"entropy", "confidence"}};

bool is_type_id(std::string_view id) {
  const auto fits = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return id.size() <= id_size_max && std::ranges::all_of(id, fits);
}

std::vector<std::string> read_list(const YamlMap& map, std::string_view key, std::string_view what, YamlFile& file) {
  std::vector<std::string> texts;
  if (!map.has(key)) return texts;
  for (YamlText& text : read_texts(map[key], what, file)) texts.push_back(std::move(text.text));
  return texts;
}

void add_type(const YAML::Node& node, bool tried, YamlFile& file, DataTypes& types) {
  const YamlMap map(node, "a type", type_keys, file);
  if (file.failed()) return;
  for (const std::string_view key : {"id", "pattern", "examples"}) {
    if (!map.has(key)) return file.fail(map.mark(), fmt::format("expected {} in a type, found none", key));
  }
  UserType type;
  type.id = read_text(map["id"], "an id", file);
  if (!is_type_id(type.id)) {
    return file.fail(map["id"].Mark(), fmt::format("expected an id of at most {} letters, digits, _ and -, found {}", id_size_max,
                                                   describe(map["id"])));
  }
  type.pattern = read_text(map["pattern"], "a regular expression", file);
  if (map.has("validator")) type.validator = read_text(map["validator"], "a validator", file);
  if (map.has("max_length")) type.size_max = read_number(map["max_length"], value_size_max, file);
  if (map.has("keep_max")) type.keep_max = read_number(map["keep_max"], value_size_max, file);
  type.context = read_list(map, "context", "words", file);
  type.examples = read_list(map, "examples", "values", file);
  type.negatives = read_list(map, "negatives", "values", file);
  if (map.has("needs_context")) {
    const auto choice = read_choice(map["needs_context"], {"false", "true"}, file);
    type.needs_context = choice && *choice == 1;
    if (type.needs_context && type.context.empty()) {
      return file.fail(map.key_mark("needs_context"), "expected context beside needs_context: true, found none, so the "
                                                      "type could never be found");
    }
  }
  if (file.failed()) return;
  if (const auto added = types.add(type, tried); !added) file.fail(map.mark(), added.error().message);
}

}  // namespace

WordLists type_words() { return {{"type", type_keys.known}, {"type.validator", validator_names()}}; }

void add_types(const YAML::Node& node, bool tried, YamlFile& file, DataTypes& types) {
  if (!node.IsSequence() || node.size() == 0) {
    return file.fail(node.Mark(), fmt::format("expected a list of types, found {}", describe(node)));
  }
  for (const auto& type : node) {
    add_type(type, tried, file, types);
    if (file.failed()) return;
  }
}

}  // namespace sluice::rules
