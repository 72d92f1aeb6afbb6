#include "base/text.h"
#include "rules/compile/compile.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>

#include "rules/compile/language.h"
#include "rules/compile/patterns.h"
#include "rules/compile/rule_reader.h"
#include "rules/compile/type_reader.h"
#include "rules/compile/yaml.h"
#include "rules/packs/packs.h"
#include "rules/ruleset/ruleset_data.h"

namespace sluice::rules {
namespace {

constexpr uint32_t language_version = 1;
constexpr size_t list_items_max = 10'000;

const YamlKeys file_keys{{"version", "mode", "lists", "types", "use", "override", "rules"}, {"include", "tests"}};
const YamlKeys pack_keys{{"description", "rules"}, {}};
const std::vector<std::string_view> modes{"enforce", "alert"};

/// One file of the operator, parsed.
struct Document {
  std::string path;
  YAML::Node node;
};

struct Compilation {
  const CompileContext& outside;
  DataTypes types;
  YamlLists lists;
  std::vector<ReadRule> rules;
  std::map<std::string, std::string, std::less<>> places;  // Of each id.
  std::vector<std::string> warnings;
  [[nodiscard]] RuleContext context() const { return {outside, types}; }
};

// Hears everything and keeps nothing.
class Silence final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

// Counted by hand and no further than two: YAML::LoadAll() never ends on some malformed texts (",x}"),
// since the parser then sees one empty document after the other without moving on.
size_t count_documents(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  Silence silence;
  size_t count = 0;
  while (count < 2 && parser.HandleNextDocument(silence)) count += 1;
  return count;
}

// yaml-cpp reports errors by exception; they end here.
Expected<YAML::Node> parse(const SourceFile& source, const YamlFile& file) {
  if (source.text.size() > source_size_max) {
    return fail(fmt::format("{}:1:1: expected at most {} bytes, found {}", printable(source.path), source_size_max, source.text.size()));
  }
  try {
    const size_t documents = count_documents(source.text);
    if (documents == 1) return YAML::Load(source.text);
    return fail(fmt::format("{}:1:1: expected one YAML document, found {}", printable(source.path), documents == 0 ? "none" : "more"));
  } catch (const YAML::Exception& exception) {
    return fail(file.at(exception.mark, "expected YAML, found an error: " + exception.msg));
  }
}

void add_rule(ReadRule read, YamlFile& file, Compilation& out) {
  if (file.failed()) return;
  const auto [place, is_new] = out.places.emplace(read.rule.id, read.place);
  if (!is_new) {
    return file.fail(read.mark, fmt::format("expected an id of its own, found \"{}\", which {} has", read.rule.id,
                                            place->second));
  }
  if (out.rules.size() == rules_max) {
    return file.fail(read.mark, fmt::format("expected at most {} rules, found more", rules_max));
  }
  if (!read.pattern.empty() && out.outside.stored == nullptr) {
    const std::string problem = check_pattern(read.pattern, *read.rule.statement.pattern);
    if (!problem.empty()) return file.fail(read.pattern_mark, problem);
  }
  out.rules.push_back(std::move(read));
}

void add_rules(const YAML::Node& rules, bool alert, YamlFile& file, Compilation& out) {
  if (!rules.IsSequence() || rules.size() == 0) {
    return file.fail(rules.Mark(), fmt::format("expected a list of rules, found {}", describe(rules)));
  }
  for (const auto& node : rules) {
    ReadRule read = read_rule(node, out.context(), file, out.warnings);
    if (file.failed()) return;
    if (alert && read.rule.kind != RuleKind::Session) read.rule.alert = true;
    if (alert && read.rule.kind == RuleKind::Session) read.enabled = false;
    add_rule(std::move(read), file, out);
    if (file.failed()) return;
  }
}

// The rules of one pack under the name `as`, as `changes` (an item of `use:`, or null) wants them. Complaints
// go to the operator's file: what ships is tried by tests.
void add_pack(const RulePack& pack, const std::string& as, const YamlMap* changes, const YAML::Mark& mark, bool alert,
              YamlFile& file, Compilation& out) {
  YamlFile pack_file("pack " + std::string(pack.name));
  const YamlMap map(YAML::Load(std::string(pack.text)), "a pack", pack_keys, pack_file);
  if (pack_file.failed()) return file.fail(mark, pack_file.first());
  for (const auto& node : map["rules"]) {
    ReadRule read = read_rule(node, out.context(), pack_file, out.warnings);
    if (pack_file.failed()) return file.fail(mark, pack_file.first());
    read.rule.id = as + "/" + read.rule.id;
    read.mark = mark;
    read.place = file.at(mark, "");
    read.place.resize(read.place.size() - 2);
    if (changes != nullptr) change_rule(*changes, read, out.context(), file);
    if (alert && read.rule.kind != RuleKind::Session) read.rule.alert = true;
    if (alert && read.rule.kind == RuleKind::Session) read.enabled = false;
    add_rule(std::move(read), file, out);
    if (file.failed()) return;
  }
}

void use_pack(const YAML::Node& item, bool alert, YamlFile& file, Compilation& out) {
  std::vector<std::string_view> known;
  for (const RulePack& pack : shipped_packs()) known.push_back(pack.name);
  std::optional<YamlMap> changes;
  YAML::Node name = item;
  if (item.IsMap()) {
    changes.emplace(item, "an item of use", change_keys(true), file);
    if (file.failed()) return;
    if (!changes->has("pack")) return file.fail(changes->mark(), "expected pack in an item of use, found none");
    name = (*changes)["pack"];
  }
  const std::string word = read_text(name, "the name of a pack", file);
  const auto at = std::ranges::find(known, word);
  if (at == known.end()) {
    return file.fail(name.Mark(), fmt::format("expected a pack ({}), found {}{}", fmt::join(known, ", "), describe(name),
                                              suggestion(word, known)));
  }
  std::string as = word;
  if (changes && changes->has("as")) {
    as = read_text((*changes)["as"], "a name", file);
    if (!is_id(as)) {
      return file.fail((*changes)["as"].Mark(), fmt::format("expected letters a-z, digits and dashes, found {}",
                                                            describe((*changes)["as"])));
    }
  }
  add_pack(shipped_packs()[static_cast<size_t>(at - known.begin())], as, changes ? &*changes : nullptr, name.Mark(), alert,
           file, out);
}

void override_rules(const YAML::Node& node, YamlFile& file, Compilation& out) {
  if (!node.IsMap()) return file.fail(node.Mark(), fmt::format("expected rule ids with their changes, found {}", describe(node)));
  for (const auto& entry : node) {
    const std::string id = read_text(entry.first, "the id of a rule", file);
    const auto at = std::ranges::find(out.rules, id, [](const ReadRule& read) -> const std::string& { return read.rule.id; });
    if (at == out.rules.end()) {
      std::vector<std::string_view> known;
      known.reserve(out.places.size());
      for (const auto& [other, place] : out.places) known.push_back(other);
      return file.fail(entry.first.Mark(), fmt::format("expected the id of a rule, found \"{}\"{}", id, suggestion(id, known)));
    }
    const YamlMap map(entry.second, "an override", change_keys(false), file);
    if (file.failed()) return;
    change_rule(map, *at, out.context(), file);
    if (file.failed()) return;
  }
}

void add_lists(const YAML::Node& node, YamlFile& file, Compilation& out) {
  if (!node.IsMap()) return file.fail(node.Mark(), fmt::format("expected named lists, found {}", describe(node)));
  for (const auto& entry : node) {
    const std::string name = read_text(entry.first, "the name of a list", file);
    if (file.failed()) return;
    std::vector<std::string> items;
    for (YamlText& item : read_texts(entry.second, "texts", file)) items.push_back(std::move(item.text));
    if (items.size() > list_items_max) {
      return file.fail(entry.second.Mark(), fmt::format("expected at most {} items, found {}", list_items_max, items.size()));
    }
    if (!out.lists.emplace(name, std::move(items)).second) {
      return file.fail(entry.first.Mark(), fmt::format("expected a name of its own, found \"{}\" again", name));
    }
  }
}

void add_file(const YamlMap& map, YamlFile& file, Compilation& out) {
  if (map.has("version") && read_number(map["version"], UINT32_MAX, file) != language_version) {
    return file.fail(map["version"].Mark(), fmt::format("expected version {}, found {}", language_version, describe(map["version"])));
  }
  bool alert = false;
  if (map.has("mode")) {
    const auto mode = read_choice(map["mode"], modes, file);
    alert = mode && modes[*mode] == "alert";
  }
  if (!map.has("rules") && !map.has("use") && !map.has("override") && !map.has("lists") && !map.has("types")) {
    return file.fail(map.mark(), "expected rules, found none");
  }
  if (map.has("use")) {
    const YAML::Node& use = map["use"];
    if (!use.IsSequence() || use.size() == 0) {
      return file.fail(use.Mark(), fmt::format("expected a list of packs, found {}", describe(use)));
    }
    for (const auto& item : use) {
      if (!file.failed()) use_pack(item, alert, file, out);
    }
  }
  if (map.has("rules") && !file.failed()) add_rules(map["rules"], alert, file, out);
}

// In rounds over all files: a list may be named and a rule be overridden in another file than its own.
Expected<void> read_files(const std::vector<Document>& documents, Compilation& out) {
  const auto round = [&](std::string_view key, auto&& read) -> Expected<void> {
    for (const Document& document : documents) {
      YamlFile file(document.path, key == "lists" ? nullptr : &out.lists);
      const YamlMap map(document.node, a_rule_file, file_keys, file);
      if (!file.failed() && (key.empty() || map.has(key))) read(map, file);
      if (file.failed()) return fail(file.first());
    }
    return {};
  };
  auto read = round("lists", [&](const YamlMap& map, YamlFile& file) { add_lists(map["lists"], file, out); });
  const auto read_types = [&](const YamlMap& map, YamlFile& file) {
    add_types(map["types"], out.outside.stored != nullptr, file, out.types);
  };
  if (read) read = round("types", read_types);
  if (read) read = round("", [&](const YamlMap& map, YamlFile& file) { add_file(map, file, out); });
  if (read) read = round("override", [&](const YamlMap& map, YamlFile& file) { override_rules(map["override"], file, out); });
  return read;
}

using Patterns = std::array<std::vector<NumberedPattern>, pattern_text_count>;

Digest expressions_of(const Patterns& patterns, const DataTypes& types, const TypeSet& used) {
  std::vector<std::byte> all;
  ByteWriter writer(all);
  for (const std::vector<NumberedPattern>& group : patterns) {
    writer.u32(static_cast<uint32_t>(group.size()));
    for (const NumberedPattern& pattern : group) {
      writer.u32(pattern.id);
      writer.u32(static_cast<uint32_t>(pattern.text.size()));
      writer.text(pattern.text);
    }
  }
  add_expressions(types, used, writer);
  return sha256(all);
}

Expected<void> make_databases(const Patterns& patterns, const Compilation& compilation, CompiledRuleSet& out) {
  TypeSet used;
  for (const Rule& rule : out.rules) used |= rule.result.types;
  out.expressions = expressions_of(patterns, compilation.types, used);
  const StoredDatabases* stored = compilation.outside.stored;
  if (stored != nullptr && stored->expressions != out.expressions) {
    return fail("the compiled rules hold databases of other expressions than their sources: compile them again, with this sluice");
  }
  for (size_t i = 0; i < patterns.size(); ++i) {
    auto made = stored != nullptr ? load_patterns(patterns[i], stored->patterns[i]) : compile_patterns(patterns[i]);
    if (!made) return std::unexpected(made.error());
    out.patterns[i] = std::move(*made);
  }
  auto detectors = stored != nullptr ? Detectors::load(compilation.types, used, stored->triggers)
                                     : Detectors::make(compilation.types, used, compilation.outside.grouping);
  if (!detectors) return std::unexpected(detectors.error());
  out.detectors = std::move(*detectors);
  return {};
}

}  // namespace

Digest source_hash(std::span<const SourceFile> files) {
  std::vector<std::byte> all;
  ByteWriter writer(all);
  for (const SourceFile& file : files) {
    writer.u32(static_cast<uint32_t>(file.text.size()));
    writer.text(file.text);
  }
  return sha256(all);
}

Expected<StoredDatabases> save_databases(const RuleSet& set) {
  const CompiledRuleSet& data = set.data();
  StoredDatabases out{.expressions = data.expressions};
  for (size_t i = 0; i < data.patterns.size(); ++i) {
    auto bytes = save_patterns(data.patterns[i]);
    if (!bytes) return std::unexpected(bytes.error());
    out.patterns[i] = std::move(*bytes);
  }
  auto triggers = data.detectors->save();
  if (!triggers) return std::unexpected(triggers.error());
  out.triggers = std::move(*triggers);
  return out;
}

WordLists file_words() { return {{"file", file_keys.known}, {"file.mode", modes}}; }

Expected<std::shared_ptr<const RuleSet>> compile(std::span<const SourceFile> files, const CompileContext& context,
                                                 uint64_t generation, std::vector<std::string>* warnings) {
  std::vector<Document> documents;
  for (const SourceFile& source : files) {
    const YamlFile file(source.path);
    const auto node = parse(source, file);
    if (!node) return std::unexpected(node.error());
    documents.push_back({source.path, *node});
  }
  Compilation compilation{.outside = context};
  if (auto read = read_files(documents, compilation); !read) return std::unexpected(read.error());

  auto data = std::make_unique<CompiledRuleSet>();
  Patterns patterns;
  for (ReadRule& read : compilation.rules) {
    if (!read.enabled) continue;
    if (read.rule.statement.pattern) {
      patterns[static_cast<size_t>(*read.rule.statement.pattern)].push_back(
          {static_cast<unsigned>(data->rules.size()), std::move(read.pattern)});
    }
    data->rules.push_back(std::move(read.rule));
  }
  if (auto made = make_databases(patterns, compilation, *data); !made) return std::unexpected(made.error());
  data->generation = generation;
  data->hash = source_hash(files);
  if (warnings != nullptr) warnings->insert(warnings->end(), compilation.warnings.begin(), compilation.warnings.end());
  return std::make_shared<const RuleSet>(std::move(data));
}

}  // namespace sluice::rules
