// The rule language has three accounts of itself: its readers, the reference page, and the schema for editors.
// They agree, and what ships and what the page shows is written in it.
#include <gmock/gmock.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "rules/compile/language.h"
#include "rules/detect/data_type.h"
#include "rules/packs/packs.h"
#include "support.h"

namespace sluice::rules {
namespace {

using nlohmann::json;

std::string read_source(const std::string& path) {
  std::ostringstream out;
  const std::ifstream file(std::string(SLUICE_SOURCE_ROOT) + "/" + path);
  EXPECT_TRUE(file.good()) << path;
  out << file.rdbuf();
  return out.str();
}

json schema() { return json::parse(read_source("docs/reference/rules.schema.json"), nullptr, false); }
std::string reference() { return read_source("docs/reference/rules.md"); }

WordLists all_words() {
  WordLists all;
  for (const auto& lists : {file_words(), rule_words(), who_words(), statement_words(), result_words(), type_words()}) {
    all.insert(all.end(), lists.begin(), lists.end());
  }
  return all;
}

std::set<std::string> texts_of(const std::vector<std::string_view>& words) { return {words.begin(), words.end()}; }

// As the text of a YAML scalar.
std::string scalar_of(const json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

// Of a property: its own words, those of its items, or those of one alternative.
std::set<std::string> words_of(const json& property) {
  std::set<std::string> words;
  if (property.contains("items")) return words_of(property["items"]);
  for (const json& alternative : property.value("anyOf", json::array())) words.merge(words_of(alternative));
  for (const json& word : property.value("enum", json::array())) words.insert(scalar_of(word));
  return words;
}

TEST(Schema, knows_the_keys_and_words_of_the_readers_and_no_others) {
  const json defs = schema()["$defs"];
  std::set<std::string> mappings;
  for (const WordList& list : all_words()) {
    const std::string place(list.place);
    const size_t dot = place.find('.');
    const json& def = defs.at(place.substr(0, dot));
    if (dot == std::string::npos) {
      mappings.insert(place);
      EXPECT_EQ(def.value("additionalProperties", true), false) << place << ": unknown keys are refused";
      std::set<std::string> written;
      for (const auto& [key, property] : def.at("properties").items()) {
        written.insert(key);
        EXPECT_FALSE(property.value("description", "").empty()) << place << "." << key;
      }
      EXPECT_EQ(written, texts_of(list.words)) << place;
      continue;
    }
    std::set<std::string> known;
    for (const std::string_view word : list.words) known.emplace((place == "statement.functions" ? "class:" : "") + std::string(word));
    EXPECT_EQ(words_of(def.at("properties").at(place.substr(dot + 1))), known) << place;
  }
  std::set<std::string> defined;
  for (const auto& [name, def] : defs.items()) defined.insert(name);
  EXPECT_EQ(defined, mappings);
}

TEST(Schema, offers_every_shipped_pack_and_data_type) {
  const json defs = schema()["$defs"];
  std::set<std::string> packs;
  for (const RulePack& pack : shipped_packs()) packs.emplace(pack.name);
  EXPECT_EQ(words_of(defs.at("use").at("properties").at("pack")), packs);
  EXPECT_EQ(words_of(defs.at("file").at("properties").at("use")), packs);

  const DataTypes& types = DataTypes::shipped();
  std::set<std::string> ids;
  types.all().each([&](DataType type) {
    ids.emplace(types.spec(type).id);
    ids.insert("pack:" + std::string(name_of(types.spec(type).pack)));
  });
  EXPECT_EQ(words_of(defs.at("result").at("properties").at("types")), ids);
}

// As far as rules.schema.json needs it; what it does not know is a failure.
class Conformance {
 public:
  Conformance() : schema_(schema()) {}
  // Empty: `node` conforms to the definition.
  std::string problem(const YAML::Node& node, const std::string& definition) { return check(node, schema_["$defs"].at(definition)); }

 private:
  std::string check(const YAML::Node& node, const json& rule) {
    static const std::set<std::string> understood{"description", "$ref", "type", "enum", "anyOf", "oneOf", "required", "properties",
                                                  "additionalProperties", "items", "pattern", "minItems", "minProperties",
                                                  "maxProperties", "dependentRequired",
                                                  // For editors only: sizes and numbers.
                                                  "maxItems", "maxLength", "minimum", "maximum"};
    for (const auto& [keyword, value] : rule.items()) EXPECT_TRUE(understood.contains(keyword)) << keyword;
    if (rule.contains("$ref")) return check(node, schema_["$defs"].at(rule["$ref"].get<std::string>().substr(std::string("#/$defs/").size())));
    for (const std::string_view several : {"anyOf", "oneOf"}) {
      if (!rule.contains(several)) continue;
      const auto fit = std::ranges::count_if(rule[several], [&](const json& one) { return check(node, one).empty(); });
      if (fit == 0 || (several == "oneOf" && fit != 1)) return place(node) + std::to_string(fit) + " of " + std::string(several);
    }
    if (rule.contains("enum") && !words_of(rule).contains(node.IsScalar() ? node.Scalar() : "")) return place(node) + "not in enum";
    const std::string type = rule.value("type", "");
    if (type == "object" || (type.empty() && rule.contains("required"))) return check_object(node, rule);
    if (type == "array") return check_array(node, rule);
    if (!type.empty() && !node.IsScalar()) return place(node) + "expected " + type;
    if (rule.contains("pattern") && !std::regex_search(node.Scalar(), std::regex(rule["pattern"].get<std::string>()))) {
      return place(node) + "not of pattern " + rule["pattern"].get<std::string>();
    }
    return {};
  }

  std::string check_object(const YAML::Node& node, const json& rule) {
    if (!node.IsMap()) return place(node) + "expected a mapping";
    for (const json& key : rule.value("required", json::array())) {
      if (!node[key.get<std::string>()]) return place(node) + "without " + key.get<std::string>();
    }
    if (node.size() < rule.value("minProperties", size_t{0}) || node.size() > rule.value("maxProperties", node.size())) {
      return place(node) + "too few or too many keys";
    }
    const json dependent = rule.value("dependentRequired", json::object());
    for (const auto& [key, needed] : dependent.items()) {
      if (node[key] && !node[needed[0].get<std::string>()]) return place(node) + key + " without " + needed[0].get<std::string>();
    }
    for (const auto& entry : node) {
      const std::string& key = entry.first.Scalar();
      const json others = rule.value("additionalProperties", json(true));
      const bool known = rule.contains("properties") && rule["properties"].contains(key);
      if (!known && others == json(false)) return place(entry.first) + "unknown key " + key;
      if (!known && !others.is_object()) continue;
      if (auto wrong = check(entry.second, known ? rule["properties"][key] : others); !wrong.empty()) return wrong;
    }
    return {};
  }

  std::string check_array(const YAML::Node& node, const json& rule) {
    if (!node.IsSequence() || node.size() < rule.value("minItems", 0U)) return place(node) + "expected a list";
    for (const auto& item : node) {
      if (auto wrong = check(item, rule["items"]); !wrong.empty()) return wrong;
    }
    return {};
  }

  static std::string place(const YAML::Node& node) {
    return std::to_string(node.Mark().line + 1) + ":" + std::to_string(node.Mark().column + 1) + ": ";
  }

  json schema_;
};

std::vector<std::string> examples_of(const std::string& text) {
  std::vector<std::string> blocks;
  constexpr std::string_view open = "```yaml\n";
  for (size_t at = text.find(open); at != std::string::npos; at = text.find(open, at)) {
    at += open.size();
    blocks.push_back(text.substr(at, text.find("```", at) - at));
  }
  return blocks;
}

TEST(Schema, describes_every_shipped_pack) {
  Conformance conformance;
  for (const RulePack& pack : shipped_packs()) {
    const YAML::Node node = YAML::Load(std::string(pack.text));
    for (const auto& rule : node["rules"]) EXPECT_EQ(conformance.problem(rule, "rule"), "") << pack.name;
  }
}

TEST(Schema, refuses_what_the_readers_refuse) {
  Conformance conformance;
  for (const std::string_view wrong :
       {"rulez: []", "rules: [{id: a}]", "rules: [{id: A, session: {read_only: true}}]", "rules: [{id: a, statement: {}}]",
        "rules: [{id: a, statement: {kind: [drop]}, verdict: deny}]", "rules: [{id: a, statement: {kinds: [dorp]}, verdict: deny}]",
        "rules: [{id: a, statement: {kinds: [drop]}, result: {types: [US_SSN]}, verdict: deny, mask: {operator: redact}}]",
        "rules: [{id: a, result: {types: [US_SSN]}, mask: {operator: vanish}}]", "use: [readonly]", "mode: shadow", "version: 2",
        "rules: [{id: a, statement: {kinds: [drop], used: [output]}, verdict: deny}]",
        "rules: [{id: a, statement: {pattern: {raw: x, canonical: y}}, verdict: deny}]"}) {
    const SourceFile file{"r.yaml", std::string(wrong)};
    EXPECT_FALSE(compile({&file, 1}, {{"orders"}}, 1, nullptr)) << wrong;
    EXPECT_NE(conformance.problem(YAML::Load(std::string(wrong)), "file"), "") << wrong;
  }
}

TEST(Reference, of_the_rules_and_the_readme_show_examples_that_load_and_that_the_schema_describes) {
  Conformance conformance;
  auto blocks = examples_of(reference());
  EXPECT_GE(blocks.size(), 8U);
  for (std::string& block : examples_of(read_source("README.md"))) {
    if (block.starts_with("# rules/")) blocks.push_back(std::move(block));
  }
  EXPECT_GE(blocks.size(), 10U);
  for (const std::string& block : blocks) {
    const SourceFile file{"rules.md", block};
    const auto set = compile({&file, 1}, {{"orders", "billing"}, false, {stand_in_mask_key("people")}}, 1, nullptr);
    EXPECT_TRUE(set.has_value()) << set.error().message << "\n" << block;
    EXPECT_EQ(conformance.problem(YAML::Load(block), "file"), "") << block;
  }
}

// Rows of tables whose first column is headed "key".
TEST(Reference, of_the_rules_has_tables_of_keys_that_the_readers_know) {
  std::set<std::string> keys;
  for (const WordList& list : all_words()) {
    if (!list.place.contains('.')) keys.merge(texts_of(list.words));
  }
  static const std::regex quoted("`([^`]+)`");
  std::istringstream text(reference());
  bool of_keys = false;
  size_t rows = 0;
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with('|')) {
      of_keys = false;
    } else if (line.starts_with("| key")) {
      of_keys = true;
    } else if (of_keys) {
      const std::string cell = line.substr(0, line.find('|', 1));
      for (auto at = std::sregex_iterator(cell.begin(), cell.end(), quoted); at != std::sregex_iterator(); ++at) {
        EXPECT_TRUE(keys.contains((*at)[1])) << line;
        rows += 1;
      }
    }
  }
  EXPECT_GT(rows, 50U);
}

TEST(Reference, of_the_rules_names_every_key_word_and_pack) {
  const std::string text = reference();
  for (const WordList& list : all_words()) {
    for (const std::string_view word : list.words) {
      EXPECT_THAT(text, ::testing::HasSubstr("`" + std::string(word) + "`")) << list.place;
    }
  }
  for (const RulePack& pack : shipped_packs()) EXPECT_THAT(text, ::testing::HasSubstr("| `" + std::string(pack.name) + "` |"));
}

}  // namespace
}  // namespace sluice::rules
