// Tests of rules as files hold them: *.test.yaml beside the rules.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/rules_tools.h"
#include "control/yaml_tree.h"
#include "model/verdict.h"

namespace sluice::cli {

inline constexpr size_t cases_max = 100'000;
inline constexpr size_t case_columns_max = 1664;  ///< As many as a result of PostgreSQL can have.

using CaseRow = std::vector<std::optional<std::string>>;  ///< nullopt: NULL.

struct CaseColumn {
  std::string name;
  uint32_t type_oid = 25;
  std::string schema;  ///< Empty: the column has no origin.
  std::string table;
  std::string column;
};

struct CaseResult {
  std::vector<CaseColumn> columns;
  std::vector<CaseRow> rows;
};

struct Expectation {
  control::Position at;
  std::optional<Verdict> verdict;
  std::optional<std::string> rule;
  std::optional<std::vector<std::string>> alerts;
  std::optional<bool> read_only_session;
  std::optional<std::vector<CaseRow>> rows;
};

struct RuleCase {
  std::string file;
  control::Position at;
  std::string name;
  std::vector<std::string> rules;  ///< Paths.
  std::vector<std::string> packs;  ///< Shipped packs that are used as they are.
  std::string target;
  Verdict by_default = Verdict::Deny;
  Asker asker;
  std::string statement;
  std::optional<CaseResult> result;
  Expectation expect;
};

/// The cases of one file. Paths in it start at its folder. Errors: file:line:column: expected …, found ….
[[nodiscard]] Expected<std::vector<RuleCase>> read_cases(const std::string& path);

/// The OID of a type of PostgreSQL by its name ("text", "int4", "jsonb") or number.
[[nodiscard]] std::optional<uint32_t> type_oid_of(std::string_view name);

}  // namespace sluice::cli
