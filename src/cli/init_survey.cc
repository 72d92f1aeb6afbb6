#include "cli/init_survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <set>

#include "cli/init_names.h"
#include "cli/progress.h"
#include "rules/detect/detectors.h"
#include "rules/mask/types.h"

namespace sluice::cli {
namespace {

constexpr size_t hits_share = 10;      // One value in so many must be of a type: one in a text column is chance.
constexpr size_t value_size_max = 4096;
constexpr double sampled_apart = 20.0;  // A table with so many times the sample is not read from its beginning.

// Partitions are read through their parents.
constexpr const char* columns_query =
    "SELECT n.nspname, c.relname, a.attname, a.atttypid, pg_catalog.format_type(a.atttypid, a.atttypmod), c.reltuples, c.relkind "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid "
    "WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped "
    "AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%' "
    "ORDER BY n.nspname, c.relname, a.attnum";

struct Column {
  std::string name;
  std::string type;
  uint32_t type_oid = 0;
};

struct Table {
  std::string schema;
  std::string name;
  double rows = -1;  ///< As the server estimates; -1: not known.
  char kind = 'r';
  std::vector<Column> columns;
};

template <typename T>
T number(const PGresult* rows, int row, int column) {
  T value = 0;
  const char* text = PQgetvalue(rows, row, column);
  (void)std::from_chars(text, text + PQgetlength(rows, row, column), value);
  return value;
}

Expected<std::vector<Table>> read_tables(PGconn* connection) {
  const auto rows = pg_ask(connection, columns_query);
  if (!rows) return std::unexpected(rows.error());
  const PGresult* r = rows->get();
  if (static_cast<size_t>(PQntuples(r)) > survey_columns_max) {
    return fail(fmt::format("expected at most {} columns, found {}", survey_columns_max, PQntuples(r)));
  }
  std::vector<Table> tables;
  for (int i = 0; i < PQntuples(r); ++i) {
    const std::string schema = PQgetvalue(r, i, 0), name = PQgetvalue(r, i, 1);
    if (tables.empty() || tables.back().schema != schema || tables.back().name != name) {
      tables.push_back({schema, name, number<double>(r, i, 5), *PQgetvalue(r, i, 6), {}});
    }
    tables.back().columns.push_back({PQgetvalue(r, i, 2), PQgetvalue(r, i, 4), number<uint32_t>(r, i, 3)});
  }
  return tables;
}

std::string quoted(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string sample_query(const Table& table, const std::vector<const Column*>& columns, uint32_t sample) {
  std::string list;
  for (const Column* c : columns) {
    list += fmt::format("{}pg_catalog.left({}::pg_catalog.text, {})", list.empty() ? "" : ", ", quoted(c->name), value_size_max);
  }
  std::string from = fmt::format("{}.{}", quoted(table.schema), quoted(table.name));
  if (table.rows > sample * sampled_apart) {
    // Twice of what is wanted, since pages are not equally full.
    from += fmt::format(" TABLESAMPLE SYSTEM ({:.6f})", 200.0 * sample / table.rows);
  }
  return fmt::format("SELECT {} FROM {} LIMIT {}", list, from, sample);
}

/// Every data type that ships, found as in a session.
class Finder {
 public:
  static Expected<std::unique_ptr<Finder>> make() {
    const rules::DataTypes& types = rules::DataTypes::shipped();
    auto detectors = rules::Detectors::make(types, types.all());
    if (!detectors) return std::unexpected(detectors.error());
    auto finder = std::make_unique<Finder>(std::move(*detectors));
    if (!finder->detectors_->grow(finder->scratch_)) return fail("no memory for the detectors");
    return finder;
  }
  explicit Finder(std::shared_ptr<const rules::Detectors> detectors) : detectors_(std::move(detectors)) {}

  /// How many values of a column hold something of each type.
  std::map<rules::DataType, size_t> count(const PGresult* rows, int column, std::string_view name) {
    const rules::Search search = detectors_->search(detectors_->used(), detectors_->context_of(name));
    std::map<rules::DataType, size_t> hits;
    for (int r = 0; r < PQntuples(rows); ++r) {
      if (PQgetisnull(rows, r, column) != 0) continue;
      matches_.clear();
      const std::string_view value(PQgetvalue(rows, r, column), static_cast<size_t>(PQgetlength(rows, r, column)));
      detectors_->find(value, search, scratch_.get(), matches_);
      std::set<rules::DataType> found;
      for (const rules::Match& match : matches_) found.insert(match.type);
      for (const rules::DataType type : found) hits[type] += 1;
    }
    return hits;
  }

 private:
  std::shared_ptr<const rules::Detectors> detectors_;
  rules::HsScratch scratch_;
  std::vector<rules::Match> matches_;
};

std::vector<size_t> count_values(const PGresult* rows, size_t columns) {
  std::vector<size_t> values(columns, 0);
  for (int r = 0; r < PQntuples(rows); ++r) {
    for (size_t c = 0; c < columns; ++c) values[c] += PQgetisnull(rows, r, static_cast<int>(c)) == 0 ? 1 : 0;
  }
  return values;
}

void look_at(const Table& table, const std::vector<const Column*>& columns, const PGresult* rows, Finder& finder,
             std::vector<FoundColumn>& found) {
  const std::vector<size_t> values = count_values(rows, columns.size());
  for (size_t c = 0; c < columns.size(); ++c) {
    FoundColumn best;
    for (const auto& [type, hits] : finder.count(rows, static_cast<int>(c), columns[c]->name)) {
      if (hits * hits_share < values[c] || hits <= best.hits) continue;
      const std::string id(rules::DataTypes::shipped().spec(type).id);
      best = {table.schema, table.name, columns[c]->name, columns[c]->type, id, true, values[c], hits};
    }
    if (best.by_value) found.push_back(best);
  }
}

}  // namespace

Expected<Survey> survey_database(PGconn* connection, uint32_t sample) {
  const auto tables = read_tables(connection);
  if (!tables) return std::unexpected(tables.error());
  auto finder = Finder::make();
  if (!finder) return std::unexpected(finder.error());
  Survey survey;
  survey.tables = tables->size();
  Progress progress("sampling tables", tables->size());
  for (const Table& table : *tables) {
    survey.columns += table.columns.size();
    std::vector<const Column*> looked_at;
    for (const Column& c : table.columns) {
      if (rules::type_class(c.type_oid) != rules::TypeClass::Skip) looked_at.push_back(&c);
    }
    const size_t before = survey.found.size();
    if (!looked_at.empty()) {
      const auto rows = pg_ask(connection, sample_query(table, looked_at, sample));
      if (rows) {
        look_at(table, looked_at, rows->get(), **finder, survey.found);
      } else {
        survey.unreadable.push_back(fmt::format("{}.{}: {}", table.schema, table.name, rows.error().message));
      }
    }
    for (const Column& c : table.columns) {
      const std::string_view label = sensitive_name(c.name);
      const auto seen = std::ranges::find(survey.found.begin() + static_cast<std::ptrdiff_t>(before), survey.found.end(),
                                          c.name, &FoundColumn::column);
      if (label.empty() || seen != survey.found.end()) continue;
      survey.found.push_back({table.schema, table.name, c.name, c.type, std::string(label), false, 0, 0});
    }
    progress.advance();
  }
  return survey;
}

}  // namespace sluice::cli
