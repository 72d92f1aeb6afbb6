#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/rules_tools.h"
#include "rules/detect/measure.h"
#include "rules/ruleset/ruleset_data.h"

namespace sluice::cli {
namespace {

constexpr std::chrono::seconds budget_a_type{2};  // Far beyond what one takes: a bound, not a measure.
constexpr double expensive_share = 0.5;
constexpr size_t bar_width = 20;

struct BenchOptions {
  std::string config;
  std::vector<std::string> rules;
  bool all = false;
  bool json = false;
};

struct Measured {
  const rules::DataTypes* types = nullptr;
  std::vector<rules::TypeCost> costs;  ///< Dearest first.
};

double nanoseconds_of(const rules::TypeCost& cost) {
  double sum = 0;
  for (const double ns : cost.ns_per_kib) sum += ns;
  return sum;
}

// One type at a time, so that the bar moves; shares are then of all of them.
Expected<Measured> measure_types(const rules::DataTypes& types, const rules::TypeSet& used) {
  Measured measured{.types = &types, .costs = {}};
  std::vector<rules::DataType> each;
  used.each([&](rules::DataType type) { each.push_back(type); });
  Progress progress("measuring types", each.size());
  double sum = 0;
  for (const rules::DataType type : each) {
    rules::TypeSet one;
    one.add(type);
    auto cost = rules::measure(types, one, budget_a_type);
    if (!cost) return std::unexpected(cost.error());
    for (const rules::TypeCost& c : *cost) {
      measured.costs.push_back(c);
      sum += nanoseconds_of(c);
    }
    progress.advance();
  }
  for (rules::TypeCost& cost : measured.costs) cost.share = sum > 0 ? nanoseconds_of(cost) / sum : 0;
  std::ranges::sort(measured.costs, std::greater{}, &rules::TypeCost::share);
  return measured;
}

std::vector<std::string> rules_with(const rules::RuleSet& set, rules::DataType type) {
  std::vector<std::string> ids;
  for (const rules::Rule& rule : set.data().rules) {
    if (rule.kind == rules::RuleKind::Result && rule.result.types.has(type)) ids.push_back(rule.id);
  }
  return ids;
}

void print_json(const Measured& measured, const rules::RuleSet* set) {
  for (const rules::TypeCost& cost : measured.costs) {
    nlohmann::ordered_json line{{"type", measured.types->spec(cost.type).id}, {"share", cost.share}};
    for (size_t i = 0; i < rules::sample_count; ++i) {
      const auto sample = static_cast<rules::Sample>(i);
      line["samples"][std::string(name_of(sample))] = {
          {"ns_per_kib", cost.ns_per_kib[i]}, {"hits", cost.hits[i]}, {"bytes", cost.sample_size[i]}};
    }
    if (set != nullptr) line["rules"] = rules_with(*set, cost.type);
    fmt::print("{}\n", line.dump());
  }
}

void print_table(const Measured& measured, const rules::RuleSet* set) {
  fmt::print("{:<32}", "type");
  for (size_t i = 0; i < rules::sample_count; ++i) {
    fmt::print(" {:>10} {:>6}", name_of(static_cast<rules::Sample>(i)), "hits");
  }
  fmt::print(" {:>6}  of all\n", "share");
  for (const rules::TypeCost& cost : measured.costs) {
    fmt::print("{:<32}", measured.types->spec(cost.type).id);
    for (size_t i = 0; i < rules::sample_count; ++i) fmt::print(" {:>10.1f} {:>6}", cost.ns_per_kib[i], cost.hits[i]);
    const auto bar = static_cast<size_t>(std::lround(cost.share * bar_width));
    fmt::print(" {:>5.1f}%  {:<{}}", cost.share * 100, std::string(bar, '#'), set != nullptr ? bar_width : 0);
    if (set != nullptr) fmt::print("  {}", fmt::join(rules_with(*set, cost.type), ", "));
    fmt::print("\n");
  }
  fmt::print("\nns per KiB of each kind of data, one type alone; together they share scans and cost less\n");
  for (const rules::TypeCost& cost : measured.costs) {
    if (cost.share <= expensive_share || measured.costs.size() == 1) continue;
    fmt::print("warning: {} costs more than all others together\n", measured.types->spec(cost.type).id);
  }
}

int bench(const BenchOptions& o) {
  if (o.all) {
    const rules::DataTypes& types = rules::DataTypes::shipped();
    const auto measured = measure_types(types, types.all());
    if (!measured) return complain(Failed, measured.error().message);
    o.json ? print_json(*measured, nullptr) : print_table(*measured, nullptr);
    return Ok;
  }
  const auto loaded = load_rules_from(o.config, o.rules, 1);
  if (!loaded) return complain(BadConfig, loaded.error().message);
  const rules::Detectors& detectors = *loaded->set->data().detectors;
  if (detectors.used().empty()) return complain(Usage, "no rule of this set looks for data types; --all measures those that ship");
  const auto measured = measure_types(detectors.types(), detectors.used());
  if (!measured) return complain(Failed, measured.error().message);
  o.json ? print_json(*measured, loaded->set.get()) : print_table(*measured, loaded->set.get());
  return Ok;
}

}  // namespace

void add_rules_bench(CLI::App& rules, Invocation& invocation) {
  CLI::App* command = rules.add_subcommand("bench", "Measure what each data type of the rules costs.");
  const auto o = std::make_shared<BenchOptions>();
  command->add_option("-c,--config", o->config, "Configuration file: its rules.");
  command->add_option("--rules", o->rules, "A rule file or a folder of them, instead of those of the configuration; repeatable.")
      ->allow_extra_args(false);
  command->add_flag("--all", o->all, "Every data type that ships, whatever the rules use.");
  command->add_flag("--json", o->json, "Print JSON, one type a line.");
  command->callback([&invocation, o] {
    if (o->config.empty() && o->rules.empty() && !o->all) throw CLI::RequiredError("-c, --rules or --all");
    invocation.run = [o] { return bench(*o); };
  });
}

}  // namespace sluice::cli
