#include "cli/rules_cases.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <filesystem>

#include "base/text.h"
#include "control/config_reader.h"
#include "control/files.h"

namespace sluice::cli {
namespace {

using control::Position;
using control::YamlNode;
using Kind = YamlNode::Kind;

constexpr size_t cases_file_max = 4U << 20;

struct TypeName {
  std::string_view name;
  uint32_t oid;
};

// Those of pg_type.dat that columns usually have.
constexpr TypeName type_names[] = {
    {"bool", 16},       {"bytea", 17},     {"name", 19},         {"int8", 20},           {"int2", 21},
    {"int4", 23},       {"text", 25},      {"json", 114},        {"xml", 142},           {"float4", 700},
    {"float8", 701},    {"inet", 869},     {"text[]", 1009},     {"varchar[]", 1015},    {"bpchar", 1042},
    {"varchar", 1043},  {"date", 1082},    {"time", 1083},       {"timestamp", 1114},    {"timestamptz", 1184},
    {"numeric", 1700},  {"uuid", 2950},    {"jsonb", 3802},      {"integer", 23},        {"bigint", 20},
    {"smallint", 21},   {"boolean", 16},   {"char", 1042}};

// Stops at the first complaint; what is read after it means nothing.
class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {
    folder_ = std::filesystem::path(file_).parent_path().string();
  }

  Expected<std::vector<RuleCase>> read(const YamlNode& top) {
    check_keys(top, "a file of tests", {"rules", "packs", "target", "default", "principal", "at", "tests"});
    RuleCase common;
    common.file = file_;
    common.asker.unix_s = std::time(nullptr);
    if (ok()) read_common(top, common);
    std::vector<RuleCase> cases;
    const YamlNode* tests = find(top, "tests");
    if (tests == nullptr || tests->kind != Kind::Sequence || tests->items.empty()) {
      expected(tests == nullptr ? top : *tests, "a list of tests under tests");
    } else if (tests->items.size() > cases_max) {
      complain_at(tests->at, fmt::format("expected at most {} tests, found more", cases_max));
    } else {
      for (const YamlNode& node : tests->items) {
        if (!ok()) break;
        cases.push_back(common);
        read_case(node, cases.back());
      }
    }
    if (!ok()) return fail(problem_);
    return cases;
  }

 private:
  [[nodiscard]] bool ok() const { return problem_.empty(); }

  void complain_at(Position at, const std::string& sentence) {
    if (ok()) problem_ = fmt::format("{}:{}:{}: {}", file_, at.line, at.column, sentence);
  }
  void expected(const YamlNode& node, std::string_view what) {
    complain_at(node.at, fmt::format("expected {}, found {}", what, control::describe(node)));
  }

  static const YamlNode* find(const YamlNode& map, std::string_view key) {
    for (size_t i = 0; i < map.keys.size(); ++i) {
      if (map.keys[i].scalar == key) return &map.items[i];
    }
    return nullptr;
  }

  void check_keys(const YamlNode& map, std::string_view what, std::initializer_list<std::string_view> known) {
    if (map.kind != Kind::Map) return expected(map, fmt::format("{} as a mapping", what));
    for (size_t i = 0; i < map.keys.size(); ++i) {
      const YamlNode& key = map.keys[i];
      if (std::ranges::find(known, key.scalar) == known.end()) {
        return expected(key, fmt::format("a key of {} ({})", what, fmt::join(known, ", ")));
      }
      for (size_t k = 0; k < i; ++k) {
        if (map.keys[k].scalar == key.scalar) return expected(key, "each key once");
      }
    }
  }

  bool text(const YamlNode& map, std::string_view key, std::string& out, bool required = false) {
    const YamlNode* node = find(map, key);
    if (node == nullptr) {
      if (required) complain_at(map.at, fmt::format("expected {}, found none", key));
      return false;
    }
    if (node->kind != Kind::Scalar || node->scalar.empty()) {
      expected(*node, "a text");
      return false;
    }
    out = node->scalar;
    return true;
  }

  bool texts(const YamlNode& map, std::string_view key, std::vector<std::string>& out) {
    const YamlNode* node = find(map, key);
    if (node == nullptr) return false;
    out.clear();
    if (node->kind != Kind::Sequence) expected(*node, "a list of texts");
    for (const YamlNode& item : node->items) {
      if (item.kind != Kind::Scalar) expected(item, "a text");
      out.push_back(item.scalar);
    }
    return ok();
  }

  /// `words` by their index.
  std::optional<size_t> choice(const YamlNode& map, std::string_view key, std::initializer_list<std::string_view> words) {
    std::string word;
    if (!text(map, key, word)) return std::nullopt;
    const auto at = std::ranges::find(words, word);
    if (at == words.end()) {
      expected(*find(map, key), fmt::format("one of {}", fmt::join(words, ", ")));
      return std::nullopt;
    }
    return static_cast<size_t>(at - words.begin());
  }

  void read_common(const YamlNode& map, RuleCase& out) {
    if (texts(map, "rules", out.rules)) {
      for (std::string& path : out.rules) {
        if (!path.starts_with('/') && !folder_.empty()) path.insert(0, folder_ + "/");
      }
    }
    texts(map, "packs", out.packs);
    text(map, "target", out.target);
    if (const auto verdict = choice(map, "default", {"deny", "allow"})) {
      out.by_default = *verdict == 1 ? Verdict::Allow : Verdict::Deny;
    }
    if (const YamlNode* node = find(map, "principal")) read_principal(*node, out.asker);
    std::string at;
    if (text(map, "at", at)) {
      const auto time = parse_utc(at);
      if (!time) return complain_at(find(map, "at")->at, time.error().message);
      out.asker.unix_s = *time;
    }
  }

  void read_principal(const YamlNode& map, Asker& out) {
    check_keys(map, "principal", {"subject", "groups", "kind", "address"});
    if (!ok()) return;
    text(map, "subject", out.principal.subject);
    texts(map, "groups", out.principal.groups);
    if (const auto kind = choice(map, "kind", {"unknown", "human", "workload", "agent"})) {
      out.principal.kind = static_cast<PrincipalKind>(*kind);
    }
    std::string address;
    if (!text(map, "address", address)) return;
    auto known = client_address_of(address);
    if (!known) return complain_at(find(map, "address")->at, known.error().message);
    out.client_address = std::move(*known);
  }

  void read_case(const YamlNode& map, RuleCase& out) {
    check_keys(map, "a test", {"name", "rules", "packs", "target", "default", "principal", "at", "statement", "result", "expect"});
    if (!ok()) return;
    out.at = map.at;
    text(map, "name", out.name, true);
    read_common(map, out);
    if (out.rules.empty() && out.packs.empty()) complain_at(map.at, "expected rules or packs, here or at the top, found none");
    const bool has_statement = text(map, "statement", out.statement);
    if (const YamlNode* result = find(map, "result")) read_result(*result, out);
    if (ok() && !has_statement && !out.result) complain_at(map.at, "expected statement or result, found neither");
    const YamlNode* expect = find(map, "expect");
    if (expect == nullptr) return complain_at(map.at, "expected expect, found none");
    read_expect(*expect, out);
  }

  void read_result(const YamlNode& map, RuleCase& out) {
    check_keys(map, "result", {"columns", "rows"});
    if (!ok()) return;
    CaseResult& result = out.result.emplace();
    const YamlNode* columns = find(map, "columns");
    if (columns == nullptr || columns->kind != Kind::Sequence || columns->items.empty()) {
      return expected(columns == nullptr ? map : *columns, "a list of columns");
    }
    if (columns->items.size() > case_columns_max) {
      return complain_at(columns->at, fmt::format("expected at most {} columns, found more", case_columns_max));
    }
    for (const YamlNode& node : columns->items) {
      if (ok()) read_column(node, result.columns.emplace_back());
    }
    const YamlNode* rows = find(map, "rows");
    if (rows == nullptr) return complain_at(map.at, "expected rows, found none");
    read_rows(*rows, result.columns.size(), result.rows);
  }

  void read_column(const YamlNode& map, CaseColumn& out) {
    check_keys(map, "a column", {"name", "type", "table", "column"});
    if (!ok()) return;
    text(map, "name", out.name, true);
    std::string word;
    if (text(map, "type", word)) {
      const auto oid = type_oid_of(word);
      if (!oid) return expected(*find(map, "type"), "a type such as text, int8 or jsonb, or its OID");
      out.type_oid = *oid;
    }
    if (text(map, "table", word)) {
      const size_t dot = word.find('.');
      if (dot == std::string::npos || dot == 0 || dot + 1 == word.size()) return expected(*find(map, "table"), "schema.table");
      out.schema = word.substr(0, dot);
      out.table = word.substr(dot + 1);
    }
    out.column = out.name;
    if (text(map, "column", out.column) && out.table.empty()) expected(*find(map, "column"), "table beside column");
  }

  void read_rows(const YamlNode& node, size_t width, std::vector<CaseRow>& out) {
    if (node.kind != Kind::Sequence) return expected(node, "a list of rows");
    for (const YamlNode& row : node.items) {
      if (row.kind != Kind::Sequence || row.items.size() != width) {
        return expected(row, fmt::format("a row as a list of {} values", width));
      }
      CaseRow& values = out.emplace_back();
      for (const YamlNode& value : row.items) {
        if (value.kind != Kind::Scalar && value.kind != Kind::Null) return expected(value, "a value or null");
        values.push_back(value.kind == Kind::Null ? std::nullopt : std::optional(value.scalar));
      }
    }
  }

  void read_expect(const YamlNode& map, RuleCase& out) {
    check_keys(map, "expect", {"verdict", "rule", "alerts", "read_only_session", "rows"});
    if (!ok()) return;
    Expectation& expect = out.expect;
    expect.at = map.at;
    if (map.keys.empty()) return expected(map, "something to expect");
    if (const auto word = choice(map, "verdict", {"deny", "allow", "hold"})) expect.verdict = static_cast<Verdict>(*word);
    std::string rule;
    if (text(map, "rule", rule)) expect.rule = rule;
    std::vector<std::string> alerts;
    if (texts(map, "alerts", alerts)) expect.alerts = alerts;
    if (const auto word = choice(map, "read_only_session", {"false", "true"})) expect.read_only_session = *word == 1;
    if (const YamlNode* rows = find(map, "rows")) {
      if (!out.result) return expected(*rows, "result beside rows");
      read_rows(*rows, out.result->columns.size(), expect.rows.emplace());
    }
    const bool of_statement = expect.verdict || expect.rule || expect.alerts;
    if (of_statement && out.statement.empty()) complain_at(map.at, "expected statement beside a verdict, found none");
  }

  std::string file_;
  std::string folder_;
  std::string problem_;
};

}  // namespace

std::optional<uint32_t> type_oid_of(std::string_view name) {
  const auto known = std::ranges::find(type_names, name, &TypeName::name);
  if (known != std::end(type_names)) return known->oid;
  uint32_t oid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), oid);
  if (error != std::errc() || end != name.data() + name.size() || oid == 0) return std::nullopt;
  return oid;
}

Expected<std::vector<RuleCase>> read_cases(const std::string& path) {
  const auto text = control::read_file(path, cases_file_max);
  if (!text) return std::unexpected(text.error());
  const auto tree = control::parse_yaml(*text);
  if (!tree) return fail(fmt::format("{}:{}:{}: {}", path, tree.error().at.line, tree.error().at.column, tree.error().message));
  return Reader(path).read(*tree);
}

}  // namespace sluice::cli
