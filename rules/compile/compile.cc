#include "rules/compile/compile.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>

#include <map>
#include <sstream>

#include "rules/compile/patterns.h"
#include "rules/compile/rule_reader.h"
#include "rules/compile/yaml.h"
#include "rules/ruleset/ruleset_data.h"

namespace sluice::rules {
namespace {

const YamlKeys file_keys{{"rules"}, {"version", "packs", "include", "tests"}};

struct Compilation {
  CompiledRuleSet set;
  std::vector<NumberedPattern> patterns;
  std::map<std::string, std::string, std::less<>> places;  // Of each id.
  std::vector<std::string> warnings;
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
Expected<YAML::Node> parse(const SourceFile& file, YamlErrors& errors) {
  if (file.text.size() > source_size_max) {
    return fail(fmt::format("{}:1:1: expected at most {} bytes, found {}", file.path, source_size_max, file.text.size()));
  }
  try {
    const size_t documents = count_documents(file.text);
    if (documents == 1) return YAML::Load(file.text);
    return fail(fmt::format("{}:1:1: expected one YAML document, found {}", file.path, documents == 0 ? "none" : "more"));
  } catch (const YAML::Exception& exception) {
    return fail(errors.at(exception.mark, "expected YAML, found an error: " + exception.msg));
  }
}

void add_rule(const YAML::Node& node, const CompileContext& context, YamlErrors& errors, Compilation& out) {
  ReadRule read = read_rule(node, context, errors, out.warnings);
  if (errors.failed()) return;
  const auto [place, is_new] = out.places.emplace(read.rule.id, errors.at(read.mark, ""));
  if (!is_new) {
    const auto where = std::string_view(place->second).substr(0, place->second.size() - 2);
    return errors.fail(read.mark, fmt::format("expected an id of its own, found \"{}\", which {} has", read.rule.id, where));
  }
  if (out.set.rules.size() == rules_max) {
    return errors.fail(read.mark, fmt::format("expected at most {} rules, found more", rules_max));
  }
  if (!read.pattern.empty()) {
    const std::string problem = check_pattern(read.pattern);
    if (!problem.empty()) return errors.fail(read.pattern_mark, problem);
    out.patterns.push_back({static_cast<unsigned>(out.set.rules.size()), std::move(read.pattern)});
  }
  out.set.rules.push_back(std::move(read.rule));
}

void add_file(const YAML::Node& document, const CompileContext& context, YamlErrors& errors, Compilation& out) {
  const YamlMap map(document, "a rule file", file_keys, errors);
  if (errors.failed()) return;
  if (!map.has("rules")) return errors.fail(map.mark(), "expected rules, found none");
  const YAML::Node& rules = map["rules"];
  if (!rules.IsSequence() || rules.size() == 0) {
    return errors.fail(rules.Mark(), fmt::format("expected a list of rules, found {}", describe(rules)));
  }
  for (const auto& rule : rules) {
    add_rule(rule, context, errors, out);
    if (errors.failed()) return;
  }
}

Digest hash_of(std::span<const SourceFile> files) {
  std::vector<std::byte> all;
  ByteWriter writer(all);
  for (const SourceFile& file : files) {
    writer.u32(static_cast<uint32_t>(file.text.size()));
    writer.text(file.text);
  }
  return sha256(all);
}

}  // namespace

Expected<std::shared_ptr<const RuleSet>> compile(std::span<const SourceFile> files, const CompileContext& context,
                                                 uint64_t generation, std::vector<std::string>* warnings) {
  Compilation compilation;
  for (const SourceFile& file : files) {
    YamlErrors errors(file.path);
    const auto document = parse(file, errors);
    if (!document) return std::unexpected(document.error());
    add_file(*document, context, errors, compilation);
    if (errors.failed()) return fail(errors.first());
  }
  auto patterns = compile_patterns(compilation.patterns);
  if (!patterns) return std::unexpected(patterns.error());
  TypeSet used;
  for (const Rule& rule : compilation.set.rules) used |= rule.result.types;
  auto detectors = Detectors::make(DataTypes::shipped(), used);
  if (!detectors) return std::unexpected(detectors.error());

  auto data = std::make_unique<CompiledRuleSet>(std::move(compilation.set));
  data->generation = generation;
  data->hash = hash_of(files);
  data->patterns = std::move(*patterns);
  data->detectors = std::move(*detectors);
  if (warnings != nullptr) warnings->insert(warnings->end(), compilation.warnings.begin(), compilation.warnings.end());
  return std::make_shared<const RuleSet>(std::move(data));
}

}  // namespace sluice::rules
