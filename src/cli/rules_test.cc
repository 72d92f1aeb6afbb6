#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/load_rules.h"
#include "cli/progress.h"
#include "cli/rules_cases.h"
#include "cli/rules_judge.h"
#include "cli/rules_tools.h"
#include "control/files.h"
#include "rules/compile/compile.h"

namespace sluice::cli {
namespace {

using nlohmann::ordered_json;

struct TestOptions {
  std::vector<std::string> paths;
  bool json = false;
};

struct Failure {
  const RuleCase* test = nullptr;
  std::string expected;
  std::string found;
};

Expected<std::vector<std::string>> test_files(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    const size_t before = files.size();
    for (auto it = std::filesystem::recursive_directory_iterator(path, error);
         !error && it != std::filesystem::recursive_directory_iterator(); it.increment(error)) {
      if (it->path().string().ends_with(control::rule_tests_ending)) files.push_back(it->path().string());
    }
    if (error) return fail(fmt::format("{}: {}", path, error.message()));
    if (files.size() == before) return fail(fmt::format("{}: no *{} is in this folder", path, control::rule_tests_ending));
    std::sort(files.begin() + static_cast<std::ptrdiff_t>(before), files.end());
  }
  return files;
}

/// Rule sets by their paths and packs: most tests of a file share theirs.
class RuleSets {
 public:
  Expected<Judge*> find(const RuleCase& test) {
    const std::string key = fmt::format("{}\n\n{}", fmt::join(test.rules, "\n"), fmt::join(test.packs, "\n"));
    if (const auto at = made_.find(key); at != made_.end()) return at->second.get();
    std::vector<rules::SourceFile> sources;
    for (const std::string& path : test.rules) {
      auto text = control::read_file(path, rules::source_size_max);
      if (!text) return std::unexpected(text.error());
      sources.push_back({path, std::move(*text)});
    }
    if (!test.packs.empty()) {
      const std::string place = fmt::format("{}:{}:{}: packs", test.file, test.at.line, test.at.column);
      sources.push_back({place, fmt::format("use: [{}]\n", fmt::join(test.packs, ", "))});
    }
    // Each set its own generation: indexes of masks are kept by it.
    auto set = rules::compile(sources, {.targets = {}, .any_target = true}, made_.size() + 1, nullptr);
    if (!set) return std::unexpected(set.error());
    return made_.emplace(key, std::make_unique<Judge>(std::move(*set))).first->second.get();
  }

 private:
  std::map<std::string, std::unique_ptr<Judge>> made_;
};

std::string words_of(std::string_view verdict, std::string_view rule) {
  return rule.empty() ? std::string(verdict) : fmt::format("{} by rule {}", verdict, rule);
}

void try_statement(const RuleCase& test, Judge& judge, const rules::BoundRules& bound, std::vector<Failure>& failures) {
  const Expectation& expect = test.expect;
  const Judged judged = judge.judge(bound, test.statement, {});
  const Decision& decision = judged.why.decision;
  const bool verdict_differs = expect.verdict && *expect.verdict != decision.verdict;
  if (verdict_differs || (expect.rule && *expect.rule != decision.rule)) {
    const std::string_view verdict = expect.verdict ? name_of(*expect.verdict) : name_of(decision.verdict);
    std::string found = in_words(decision);
    if (!judged.facts->understood) found += fmt::format(" ({})", judged.facts->parse_error);
    failures.push_back({&test, words_of(verdict, expect.rule.value_or("")), found});
  }
  if (!expect.alerts) return;
  std::vector<std::string> alerts;
  for (uint32_t i = 0; i < decision.alerts.count && i < Alerts::kept_max; ++i) alerts.emplace_back(decision.alerts.rules[i]);
  if (alerts != *expect.alerts) {
    failures.push_back({&test, fmt::format("alerts [{}]", fmt::join(*expect.alerts, ", ")),
                        fmt::format("alerts [{}]", fmt::join(alerts, ", "))});
  }
}

std::string shown(const CaseRow& row) {
  std::vector<std::string> cells;
  for (const auto& cell : row) cells.push_back(cell ? json_quote(*cell) : "null");
  return fmt::format("[{}]", fmt::join(cells, ", "));
}

std::vector<CaseRow> masked_rows(const RuleCase& test, Judge& judge, const rules::BoundRules& bound) {
  const CaseResult& result = *test.result;
  AssumedCatalog assumed(*judge.set());
  ResultShape shape;
  Facts facts;
  facts.understood = true;
  for (const CaseColumn& c : result.columns) {
    ResultColumn column{.name = c.name, .type_oid = c.type_oid};
    if (!c.table.empty()) {
      column.table_oid = assumed.relation(c.schema, c.table);
      column.attribute = assumed.column(column.table_oid, c.column, c.type_oid);
      facts.relations.push_back({c.schema, c.table, true, false});
    }
    shape.push_back(std::move(column));
  }
  const rules::MaskPlan plan = bound.plan(shape, bound.reads_masked(facts, &assumed.catalog()), &assumed.catalog());
  rules::ResultMasker masker(judge.scratch());
  masker.begin(bound, plan);
  for (const CaseRow& row : result.rows) {
    std::vector<rules::Cell> cells;
    for (const auto& value : row) {
      cells.push_back(value ? rules::Cell{as_bytes(*value).data(), static_cast<int32_t>(value->size())} : rules::Cell{});
    }
    masker.add_row(cells);
  }
  masker.finish();
  std::vector<CaseRow> rows = result.rows;
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t c = 0; c < rows[r].size(); ++c) {
      const rules::Replacement* now = masker.replacement(r, c);
      if (now == nullptr) continue;
      rows[r][c] = now->null ? std::nullopt : std::optional(std::string(as_text(now->value)));
    }
  }
  return rows;
}

void try_rows(const RuleCase& test, Judge& judge, const rules::BoundRules& bound, std::vector<Failure>& failures) {
  const std::vector<CaseRow> rows = masked_rows(test, judge, bound);
  const std::vector<CaseRow>& wanted = *test.expect.rows;
  if (rows.size() != wanted.size()) {
    failures.push_back({&test, fmt::format("{} rows", wanted.size()), fmt::format("{} rows", rows.size())});
    return;
  }
  for (size_t r = 0; r < rows.size(); ++r) {
    if (rows[r] == wanted[r]) continue;
    failures.push_back({&test, fmt::format("row {} {}", r + 1, shown(wanted[r])), shown(rows[r])});
  }
}

void try_case(const RuleCase& test, Judge& judge, std::vector<Failure>& failures) {
  const auto bound = judge.set()->bind(test.target, test.by_default, test.asker.caller());
  if (!test.statement.empty()) try_statement(test, judge, bound, failures);
  if (test.expect.rows) try_rows(test, judge, bound, failures);
  const auto& read_only = test.expect.read_only_session;
  if (read_only && *read_only != bound.read_only_session()) {
    const auto word = [](bool b) { return b ? "a read-only session" : "a session that may write"; };
    failures.push_back({&test, word(*read_only), word(bound.read_only_session())});
  }
}

void report(const TestOptions& o, size_t count, const std::vector<Failure>& failures) {
  std::vector<const RuleCase*> failed;
  for (const Failure& f : failures) {
    if (failed.empty() || failed.back() != f.test) failed.push_back(f.test);
  }
  const size_t passed = count - failed.size();
  if (o.json) {
    ordered_json list = ordered_json::array();
    for (const Failure& f : failures) {
      list.push_back({{"file", f.test->file}, {"line", f.test->at.line}, {"column", f.test->at.column},
                      {"name", f.test->name}, {"expected", f.expected}, {"found", f.found}});
    }
    const ordered_json out{{"passed", passed}, {"failed", failed.size()}, {"failures", list}};
    fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return;
  }
  for (const Failure& f : failures) {
    fmt::print("{}:{}:{}: {}: expected {}, found {}\n", f.test->file, f.test->at.line, f.test->at.column,
               printable(f.test->name), printable(f.expected), printable(f.found));
  }
  fmt::print("{} passed, {} failed\n", passed, failed.size());
}

int test_rules(const TestOptions& o) {
  const auto files = test_files(o.paths);
  if (!files) return complain(BadConfig, files.error().message);
  std::vector<RuleCase> cases;
  for (const std::string& file : *files) {
    auto read = read_cases(file);
    if (!read) return complain(BadConfig, read.error().message);
    cases.insert(cases.end(), std::make_move_iterator(read->begin()), std::make_move_iterator(read->end()));
  }
  std::vector<Failure> failures;
  {
    RuleSets sets;
    Progress progress("testing", cases.size());
    for (const RuleCase& test : cases) {
      const auto judge = sets.find(test);
      if (!judge) return complain(BadConfig, judge.error().message);
      try_case(test, **judge, failures);
      progress.advance();
    }
  }
  report(o, cases.size(), failures);
  return failures.empty() ? Ok : Failed;
}

}  // namespace

void add_rules_test(CLI::App& rules, Invocation& invocation) {
  CLI::App* command = rules.add_subcommand("test", "Run the tests that stand beside rules.");
  const auto o = std::make_shared<TestOptions>();
  command->add_flag("--json", o->json, "Print JSON.");
  command->add_option("path", o->paths, "Files of tests, or folders with *.test.yaml in them.")->required();
  command->callback([&invocation, o] { invocation.run = [o] { return on_big_stack([o] { return test_rules(*o); }); }; });
}

}  // namespace sluice::cli
