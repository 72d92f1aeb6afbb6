#include "rules/compile/rule_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/compile/language.h"
#include "rules/compile/result_reader.h"
#include "rules/compile/statement_reader.h"
#include "rules/compile/who_reader.h"

namespace sluice::rules {
namespace {

constexpr size_t id_size_max = 64;

const YamlKeys rule_keys{{"id", "target", "when", "except", "mode", "statement", "result", "session", "verdict",
                          "message", "hint", "mask"},
                         {"approval", "http", "budget", "notify", "priority", "schedule", "expires"}};
const YamlKeys session_keys{{"read_only"}, {"settings", "budget"}};
const YamlKeys use_keys{{"pack", "as", "target", "when", "except", "mode", "verdict", "mask"}, {"version"}};
const YamlKeys override_keys{{"enabled", "target", "when", "except", "mode", "verdict", "message", "hint", "mask"}, {}};
const std::vector<std::string_view> modes{"enforce", "alert"};
const std::vector<std::string_view> booleans{"false", "true"};

void read_target(const YAML::Node& node, Rule& rule, const RuleContext& context, YamlFile& file) {
  rule.target = read_text(node, "a target's name", file);
  const std::vector<std::string_view> known(context.outside.targets.begin(), context.outside.targets.end());
  if (context.outside.any_target || std::ranges::find(known, rule.target) != known.end()) return;
  file.fail(node.Mark(), fmt::format("expected the name of a target ({}), found {}{}", fmt::join(known, ", "),
                                     describe(node), suggestion(rule.target, known)));
}

// The keys that say for whom, where and how firmly.
void read_reach(const YamlMap& map, Rule& rule, const RuleContext& context, YamlFile& file) {
  if (map.has("target")) read_target(map["target"], rule, context, file);
  if (map.has("when")) rule.when = read_who(map["when"], "when", file);
  if (map.has("except")) rule.except = read_who(map["except"], "except", file);
  if (map.has("mode")) {
    if (const auto mode = read_choice(map["mode"], modes, file)) rule.alert = modes[*mode] == "alert";
  }
  if (file.failed() || !map.has("except")) return;
  const Who& except = *rule.except;
  const auto excepted = [&](const std::string& group) {
    return std::ranges::find(except.groups, group) != except.groups.end();
  };
  const bool by_groups_alone = except.subjects.empty() && except.kinds == 0 && except.addresses.empty() && except.times.empty();
  if (by_groups_alone && !rule.when.groups.empty() && std::ranges::all_of(rule.when.groups, excepted)) {
    file.fail(map.key_mark("except"), "expected a group of when that except leaves, found none, so the rule could "
                                      "never fire");
  }
}

void read_session(const YamlMap& map, ReadRule& out, YamlFile& file) {
  const YamlMap session(map["session"], "session", session_keys, file);
  if (file.failed()) return;
  out.rule.kind = RuleKind::Session;
  if (!session.has("read_only")) return file.fail(session.mark(), "expected read_only in session, found none");
  if (read_text(session["read_only"], "true", file) != "true") {
    return file.fail(session["read_only"].Mark(), fmt::format("expected true, found {}", describe(session["read_only"])));
  }
  out.rule.session.read_only = true;
  for (const std::string_view key : {"verdict", "message", "hint", "mask"}) {
    if (!map.has(key)) continue;
    return file.fail(map.key_mark(key), fmt::format("expected {} beside statement or result, found it beside session", key));
  }
  if (map.has("mode")) {
    file.fail(map.key_mark("mode"), "expected mode beside statement or result, found it beside session, which has no "
                                    "match to alert of");
  }
}

void read_id(const YamlMap& map, ReadRule& out, YamlFile& file) {
  if (!map.has("id")) return file.fail(map.mark(), "expected id in a rule, found none");
  out.mark = map["id"].Mark();
  out.place = file.at(out.mark, "");
  out.place.resize(out.place.size() - 2);
  out.rule.id = read_text(map["id"], "an id", file);
  if (is_id(out.rule.id)) return;
  file.fail(out.mark, fmt::format("expected an id of at most {} letters a-z, digits and dashes, found {}", id_size_max,
                                  describe(map["id"])));
}

}  // namespace

WordLists rule_words() {
  return {{"rule", rule_keys.known},         {"rule.mode", modes},         {"session", session_keys.known},
          {"use", use_keys.known},           {"use.mode", modes},          {"override", override_keys.known},
          {"override.mode", modes},          {"override.enabled", booleans}};
}

bool is_id(std::string_view text) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() <= id_size_max && std::ranges::all_of(text, fits);
}

ReadRule read_rule(const YAML::Node& node, const RuleContext& context, YamlFile& file,
                   std::vector<std::string>& warnings) {
  ReadRule out;
  const YamlMap map(node, "a rule", rule_keys, file);
  if (file.failed()) return out;
  read_id(map, out, file);
  read_reach(map, out.rule, context, file);
  if (file.failed()) return out;
  const int speaking = (map.has("statement") ? 1 : 0) + (map.has("result") ? 1 : 0) + (map.has("session") ? 1 : 0);
  if (speaking != 1) {
    file.fail(map.mark(), fmt::format("expected exactly one of statement, result and session, found {}",
                                      speaking == 0 ? "none" : "more"));
  } else if (map.has("statement")) {
    read_statement(map, out, file, warnings);
  } else if (map.has("result")) {
    read_result(map, out, context, file);
  } else {
    read_session(map, out, file);
  }
  return out;
}

const YamlKeys& change_keys(bool of_pack) { return of_pack ? use_keys : override_keys; }

void change_rule(const YamlMap& map, ReadRule& out, const RuleContext& context, YamlFile& file) {
  Rule& rule = out.rule;
  const bool of_pack = map.has("pack");
  read_reach(map, rule, context, file);
  if (map.has("mode") && rule.kind == RuleKind::Session) {
    rule.alert = false;
    out.enabled = read_text(map["mode"], "a mode", file) != "alert";  // Alerting, it would do nothing.
  }
  if (map.has("enabled")) {
    if (const auto enabled = read_choice(map["enabled"], booleans, file)) out.enabled = *enabled == 1;
  }
  if (file.failed()) return;
  for (const std::string_view key : {"verdict", "message", "hint"}) {
    if (!map.has(key) || rule.kind == RuleKind::Statement) continue;
    if (of_pack) continue;
    return file.fail(map.key_mark(key), fmt::format("expected {} for a rule on statements, found it for {}", key, rule.id));
  }
  if (map.has("verdict") && rule.kind == RuleKind::Statement) {
    const Verdict before = rule.statement.verdict;
    read_verdict(map["verdict"], rule.statement, rule.alert, file);
    if (!file.failed() && (rule.statement.verdict == Verdict::Allow) != (before == Verdict::Allow)) {
      return file.fail(map["verdict"].Mark(), fmt::format("expected deny, hold or alert for {}, found allow: a rule that refuses what "
                                              "partly matches cannot be made one that admits; disable it (enabled: false)", rule.id));
    }
  }
  if (rule.kind == RuleKind::Statement) read_words(map, rule.statement, file);
  if (!map.has("mask")) return;
  if (rule.kind == RuleKind::Result) return read_mask(map["mask"], rule.result, context, file);
  if (!of_pack) file.fail(map.key_mark("mask"), fmt::format("expected mask for a rule on results, found it for {}", rule.id));
}

}  // namespace sluice::rules
