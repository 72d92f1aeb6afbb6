#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/rules_judge.h"
#include "cli/rules_tools.h"
#include "rules/ruleset/ruleset_data.h"

namespace sluice::cli {
namespace {

using nlohmann::ordered_json;

constexpr size_t statement_size_max = 1U << 20;

struct ExplainOptions {
  std::string config;
  std::vector<std::string> rules;
  CallerOptions caller;
  std::string statement;
  bool json = false;
};

template <typename Set, typename Member>
std::vector<std::string> names_of(const Set& set) {
  std::vector<std::string> names;
  for (unsigned i = 0; i < static_cast<unsigned>(Member::Count_); ++i) {
    if (set.has(static_cast<Member>(i))) names.emplace_back(name_of(static_cast<Member>(i)));
  }
  return names;
}

std::string column_name(const ColumnReference& c) {
  const std::string table = c.table.empty() ? "?" : c.schema.empty() ? c.table : c.schema + "." + c.table;
  return table + "." + c.name;
}

std::vector<std::string> value_types(const rules::BoundRules& bound) {
  std::vector<std::string> names;
  const rules::DataTypes& types = bound.rule_set().data().detectors->types();
  bound.value_types().each([&](rules::DataType type) { names.emplace_back(types.spec(type).id); });
  return names;
}

ordered_json facts_json(const Facts& f) {
  if (!f.understood) return {{"understood", false}, {"parse_error", f.parse_error}};
  ordered_json relations = ordered_json::array();
  for (const RelationUse& use : f.relations) {
    relations.push_back({{"schema", use.schema}, {"name", use.name}, {"read", use.read}, {"write", use.write}});
  }
  ordered_json columns = ordered_json::array();
  for (const ColumnReference& c : f.columns) {
    columns.push_back({{"schema", c.schema}, {"table", c.table}, {"name", c.name},
                       {"uses", names_of<ColumnUses, ColumnUse>(c.uses)}});
  }
  return {{"understood", true}, {"statements", f.statement_count}, {"kinds", names_of<KindSet, StatementKind>(f.kinds)},
          {"relations", relations}, {"functions", f.functions},
          {"function_classes", names_of<FunctionClassSet, FunctionClass>(f.function_classes)}, {"columns", columns},
          {"columns_unknown", f.columns_unknown}, {"opaque", f.opaque}, {"opaque_because", f.opaque_because},
          {"where_absent", f.where_absent}, {"limit_absent", f.limit_absent},
          {"guard", f.guard == Guard::None ? std::string() : std::string(explain(f.guard))},
          {"guard_detail", f.guard_detail}, {"transaction_end_only", f.transaction_end_only},
          {"canonical", f.canonical}};
}

std::vector<std::string> alerts_of(const Decision& decision) {
  std::vector<std::string> out;
  for (uint32_t i = 0; i < decision.alerts.count && i < Alerts::kept_max; ++i) out.emplace_back(decision.alerts.rules[i]);
  return out;
}

ordered_json judged_json(const Judged& judged, const rules::BoundRules& bound, const std::string& target) {
  const Decision& d = judged.why.decision;
  ordered_json matches = ordered_json::array();
  for (const rules::RuleMatch& m : judged.why.matches) {
    matches.push_back({{"rule", m.rule}, {"verdict", name_of(m.verdict)}, {"alert", m.alert}, {"decides", m.decides}});
  }
  ordered_json masks = ordered_json::array();
  for (const MaskedColumn& m : judged.masks) masks.push_back({{"column", m.column}, {"rule", m.rule}, {"mask", m.mask}});
  return {{"target", target}, {"verdict", name_of(d.verdict)}, {"reason", name_of(d.reason)}, {"rule", d.rule},
          {"message", d.message}, {"hint", d.hint}, {"alerts", alerts_of(d)}, {"matches", matches},
          {"masked_columns", masks}, {"value_types", value_types(bound)},
          {"read_only_session", bound.read_only_session()}, {"facts", facts_json(*judged.facts)}};
}

void line(std::string_view name, const std::string& value) {
  if (!value.empty()) fmt::print("  {:<18} {}\n", name, printable(value));
}

void print_facts(const Facts& f) {
  fmt::print("facts\n");
  if (!f.understood) return line("not understood", f.parse_error);
  line("kinds", fmt::format("{}", fmt::join(names_of<KindSet, StatementKind>(f.kinds), ", ")));
  for (const RelationUse& use : f.relations) line("relation", in_words(use));
  for (const std::string& name : f.functions) line("function", name);
  const auto classes = names_of<FunctionClassSet, FunctionClass>(f.function_classes);
  line("function classes", fmt::format("{}", fmt::join(classes, ", ")));
  for (const ColumnReference& c : f.columns) {
    line("column", fmt::format("{} ({})", column_name(c), fmt::join(names_of<ColumnUses, ColumnUse>(c.uses), ", ")));
  }
  if (f.columns_unknown) line("columns", "too many to list: any, in any use");
  if (f.opaque) line("opaque because", f.opaque_because);
  if (f.guard != Guard::None) line("guard", fmt::format("{} ({})", explain(f.guard), f.guard_detail));
  if (f.where_absent) line("where", "absent");
  if (f.limit_absent) line("limit", "absent");
  line("canonical text", f.canonical);
}

void print_judged(const Judged& judged, const rules::BoundRules& bound) {
  const Decision& d = judged.why.decision;
  fmt::print("{}\n", in_words(d));
  line("message", std::string(d.message));
  line("hint", std::string(d.hint));
  if (d.reason == Reason::Guard) line("guard", "holds without any rule");
  fmt::print("rules that match{}\n", judged.why.matches.empty() ? ": none" : "");
  for (const rules::RuleMatch& m : judged.why.matches) {
    const std::string_view role = m.decides ? "decides" : m.alert ? "alerts" : "overruled";
    fmt::print("  {:<10} {:<6} {}\n", role, name_of(m.verdict), m.rule);
  }
  if (d.alerts.count > 0) fmt::print("alerts: {}\n", fmt::join(alerts_of(d), ", "));
  if (!judged.masks.empty()) fmt::print("columns that are masked\n");
  for (const MaskedColumn& m : judged.masks) fmt::print("  {} by {}: {}\n", printable(m.column), m.rule, m.mask);
  const auto types = value_types(bound);
  if (!types.empty()) fmt::print("values that are looked for: {}\n", fmt::join(types, ", "));
  if (bound.read_only_session()) fmt::print("the session at the target is read-only\n");
  print_facts(*judged.facts);
}

/// nullopt: standard input holds more than a statement may.
std::optional<std::string> read_standard_input() {
  std::string text;
  char chunk[65536];
  while (true) {
    const ssize_t n = ::read(STDIN_FILENO, chunk, sizeof chunk);
    if (n <= 0) return text;
    text.append(chunk, static_cast<size_t>(n));
    if (text.size() > statement_size_max) return std::nullopt;
  }
}

int explain_statement(const ExplainOptions& o) {
  auto loaded = load_rules_from(o.config, o.rules, 1);
  if (!loaded) return complain(BadConfig, loaded.error().message);
  const auto target = target_of(*loaded, o.caller);
  if (!target) return complain(Usage, target.error().message);
  const auto asker = asker_of(o.caller);
  if (!asker) return complain(Usage, asker.error().message);
  std::string text = o.statement;
  if (text == "-") {
    auto read = read_standard_input();
    if (!read) return complain(Usage, fmt::format("standard input: expected at most {} bytes, found more", statement_size_max));
    text = std::move(*read);
  }
  const auto bound = loaded->set->bind(target->name, target->default_verdict, asker->caller());
  Judge judge(loaded->set);
  const Judged judged = judge.judge(bound, text, target->trusted_functions);
  if (!o.json) {
    print_judged(judged, bound);
    return Ok;
  }
  const auto out = judged_json(judged, bound, target->name);
  fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  return Ok;
}

}  // namespace

void add_rules_explain(CLI::App& rules, Invocation& invocation) {
  CLI::App* command = rules.add_subcommand("explain", "Say why a statement gets its verdict.");
  const auto o = std::make_shared<ExplainOptions>();
  command->add_option("-c,--config", o->config, "Configuration file: its rules and targets.");
  command->add_option("--rules", o->rules, "A rule file or a folder of them, instead of those of the configuration; repeatable.")
      ->allow_extra_args(false);
  add_caller_options(*command, o->caller);
  command->add_flag("--json", o->json, "Print JSON.");
  command->add_option("statement", o->statement, "The statement; - reads it from standard input.")->required();
  command->callback([&invocation, o] {
    if (o->config.empty() && o->rules.empty()) throw CLI::RequiredError("-c or --rules");
    invocation.run = [o] { return on_big_stack([o] { return explain_statement(*o); }); };
  });
}

}  // namespace sluice::cli
