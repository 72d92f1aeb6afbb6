#include "cli/init_survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "cli/init_names.h"
#include "cli/progress.h"
#include "rules/compile/compile.h"
#include "rules/mask/types.h"

namespace sluice::cli {
namespace {

constexpr uint32_t text_oid = 25;
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

/// Looks for one data type, or for all, with the code that masks rows in a session.
class Finder {
 public:
  static Expected<std::unique_ptr<Finder>> make(const std::string& types) {
    const rules::SourceFile source{"data types",
                                   fmt::format("rules: [{{id: t, result: {{types: [{}]}}, mask: {{operator: redact}}}}]", types)};
    auto set = rules::compile({&source, 1}, {.targets = {}, .any_target = true}, 1, nullptr);
    if (!set) return std::unexpected(set.error());
    return std::make_unique<Finder>(std::move(*set));
  }
  explicit Finder(std::shared_ptr<const rules::RuleSet> set)
      : set_(std::move(set)), bound_(set_->bind("", Verdict::Allow, {.principal = nobody_})) {
    scratch_.prepare(*set_);
  }

  /// How many values of each column hold something. Column `i` of `rows` is named columns[i].
  std::vector<size_t> count(const PGresult* rows, const std::vector<const Column*>& columns) {
    ResultShape shape;
    for (const Column* c : columns) shape.push_back({.name = c->name, .type_oid = text_oid});
    const rules::MaskPlan plan = bound_.plan(shape, false, nullptr);
    rules::ResultMasker masker(scratch_);
    masker.begin(bound_, plan);
    std::vector<rules::Cell> cells(columns.size());
    for (int r = 0; r < PQntuples(rows); ++r) {
      for (size_t c = 0; c < cells.size(); ++c) {
        const int column = static_cast<int>(c);
        cells[c] = {};
        if (PQgetisnull(rows, r, column) != 0) continue;
        cells[c] = {reinterpret_cast<const std::byte*>(PQgetvalue(rows, r, column)), PQgetlength(rows, r, column)};
      }
      masker.add_row(cells);
    }
    masker.finish();
    std::vector<size_t> hits(columns.size(), 0);
    for (int r = 0; r < PQntuples(rows); ++r) {
      for (size_t c = 0; c < hits.size(); ++c) hits[c] += masker.replacement(static_cast<size_t>(r), c) != nullptr ? 1 : 0;
    }
    return hits;
  }

 private:
  Principal nobody_;
  std::shared_ptr<const rules::RuleSet> set_;
  rules::BoundRules bound_;
  rules::Scratch scratch_;
};

struct Finders {
  struct OfType {
    std::string name;
    std::unique_ptr<Finder> finder;
  };
  std::vector<OfType> types;
  std::unique_ptr<Finder> all;
};

Expected<Finders> make_finders() {
  Finders finders;
  std::string all;
  for (size_t i = 0; i < rules::data_type_count; ++i) {
    const std::string name(spec_of(static_cast<rules::DataType>(i)).name);
    auto finder = Finder::make(name);
    if (!finder) return std::unexpected(finder.error());
    finders.types.push_back({name, std::move(*finder)});
    all += (all.empty() ? "" : ", ") + name;
  }
  auto finder = Finder::make(all);
  if (!finder) return std::unexpected(finder.error());
  finders.all = std::move(*finder);
  return finders;
}

std::vector<size_t> count_values(const PGresult* rows, size_t columns) {
  std::vector<size_t> values(columns, 0);
  for (int r = 0; r < PQntuples(rows); ++r) {
    for (size_t c = 0; c < columns; ++c) values[c] += PQgetisnull(rows, r, static_cast<int>(c)) == 0 ? 1 : 0;
  }
  return values;
}

void look_at(const Table& table, const std::vector<const Column*>& columns, const PGresult* rows, Finders& finders,
             std::vector<FoundColumn>& found) {
  const std::vector<size_t> values = count_values(rows, columns.size());
  const std::vector<size_t> any = finders.all->count(rows, columns);
  const auto enough = [&](size_t column, size_t hits) { return hits > 0 && hits * hits_share >= values[column]; };
  std::vector<FoundColumn> best(columns.size());
  const bool look_closer = std::ranges::any_of(any, [](size_t hits) { return hits > 0; });
  for (Finders::OfType& type : finders.types) {
    if (!look_closer) break;
    const std::vector<size_t> hits = type.finder->count(rows, columns);
    for (size_t c = 0; c < columns.size(); ++c) {
      if (!enough(c, hits[c]) || hits[c] <= best[c].hits) continue;
      best[c] = {table.schema, table.name, columns[c]->name, columns[c]->type, type.name, true, values[c], hits[c]};
    }
  }
  for (size_t c = 0; c < columns.size(); ++c) {
    if (best[c].by_value) found.push_back(best[c]);
  }
}

}  // namespace

Expected<Survey> survey_database(PGconn* connection, uint32_t sample) {
  const auto tables = read_tables(connection);
  if (!tables) return std::unexpected(tables.error());
  auto finders = make_finders();
  if (!finders) return std::unexpected(finders.error());
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
        look_at(table, looked_at, rows->get(), *finders, survey.found);
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
