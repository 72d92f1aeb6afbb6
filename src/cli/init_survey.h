// What a database holds: its tables, and which columns have values that should be masked.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/pg_connect.h"

namespace sluice::cli {

inline constexpr size_t survey_columns_max = 100'000;
inline constexpr uint32_t sample_rows_max = 100'000;

struct FoundColumn {
  std::string schema;
  std::string table;
  std::string column;
  std::string type;       ///< As the server writes it.
  std::string label;      ///< What it holds: a data type's name, or the word of sensitive_name().
  bool by_value = false;  ///< Values of the sample are of the type; else the name says so.
  size_t values = 0;      ///< Looked at.
  size_t hits = 0;        ///< Of them, those in which something was found.
};

struct Survey {
  size_t tables = 0;
  size_t columns = 0;
  std::vector<FoundColumn> found;
  std::vector<std::string> unreadable;  ///< Tables that the role may not read, "schema.table: why".
};

/// Reads at most `sample` rows of each table. No value is kept.
[[nodiscard]] Expected<Survey> survey_database(PGconn* connection, uint32_t sample);

}  // namespace sluice::cli
