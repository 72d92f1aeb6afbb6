// COPY TO STDOUT under masks. Its rows carry no origin and no type, so what SELECT learns from the server is
// taken from the statement and the catalog here; what they do not tell is masked or refused.
#include <algorithm>

#include "base/assert.h"
#include "rules/ruleset/mask_index.h"
#include "rules/ruleset/ruleset.h"
#include "rules/ruleset/ruleset_data.h"

namespace sluice::rules {
namespace {

constexpr std::string_view format_message = "its format cannot be read, so no mask could be laid on its rows";
constexpr std::string_view format_hint = "Use FORMAT text or csv in UTF-8, and a NULL text of at most 64 bytes without a backslash.";
constexpr std::string_view query_message = "a COPY of a query does not tell which of its outputs are masked";
constexpr std::string_view query_hint = "Use SELECT, or COPY schema.table (columns).";
constexpr std::string_view name_message = "it is not sure which relation this COPY reads, and so what is masked";
constexpr std::string_view name_hint = "Write the table with its schema; if it is new, try again in a moment.";

Decision unmaskable(std::string_view message, std::string_view hint) {
  return {Verdict::Deny, Reason::Unmaskable, {}, message, hint};
}

// Texts with more of them are refused: each is planned for itself, and reads the whole text for that.
constexpr size_t copies_max = 16;
constexpr std::string_view many_message = "one text has more COPY than can be masked";
constexpr std::string_view many_hint = "Send them one after the other.";

// True: some output may have a name that is neither in the text nor that of a column of what it reads. So have the
// fields of a composite value, whose type is no relation of the text.
bool names_fields(std::string_view canonical) {
  const auto is_name = [](char c) {
    return c == '_' || c == '"' || c == '$' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || static_cast<uint8_t>(c) >= 0x80;
  };
  for (size_t at = canonical.find('*'); at != std::string_view::npos; at = canonical.find('*', at + 1)) {
    const auto before = canonical.substr(0, at).find_last_not_of(' ');
    if (before == std::string_view::npos || canonical[before] != '.') continue;
    // Only `name.*` is surely the columns of something in FROM.
    size_t owner = canonical.substr(0, before).find_last_not_of(' ');
    if (owner == std::string_view::npos || !is_name(canonical[owner])) return true;
    while (owner > 0 && is_name(canonical[owner])) owner -= 1;
    const auto left = canonical.substr(0, owner + 1).find_last_not_of(' ');
    if (left != std::string_view::npos && canonical[left] == '.') return true;
  }
  return false;
}

}  // namespace

const CatalogRelation* BoundRules::copied_relation(const CopyOut& copy, const Catalog& catalog) const {
  if (copy.relation.empty()) return nullptr;
  const MaskIndex& index = cached_mask_index(*set_, catalog);
  const auto named = index.by_name.find(copy.relation);
  if (named == index.by_name.end()) return nullptr;
  const CatalogRelation* found = nullptr;
  for (const auto& [schema, oid] : named->second) {
    if (!copy.schema.empty() && copy.schema != schema) continue;
    if (found != nullptr) return nullptr;  // Which one, search_path says.
    found = &catalog.relations.at(oid);
  }
  return found;
}

Decision BoundRules::judge_copies(const Facts& facts, bool masked, const Catalog* catalog) const {
  constexpr Decision nothing_against{Verdict::Allow, Reason::Default, {}, {}, {}};
  if (facts.copies_out.empty()) return unmaskable(format_message, format_hint);
  if (facts.copies_out.size() > copies_max) return unmaskable(many_message, many_hint);
  for (const CopyOut& copy : facts.copies_out) {
    if (copy.format == CopyOut::Format::Unknown) return unmaskable(format_message, format_hint);
    // Without a catalog the statement is refused anyway, and may be tried again.
    if (!masked || catalog == nullptr) continue;
    if (copy.relation.empty()) return unmaskable(query_message, query_hint);
    if (copied_relation(copy, *catalog) == nullptr) return unmaskable(name_message, name_hint);
  }
  return nothing_against;
}

// Names of outputs are not on the wire, so every word of the text counts for all of them, and so do all columns of
// what is read: `*` and an alias with a list of columns stand for them.
TypeSet BoundRules::context_of_copy(const Facts& facts, const CopyOut& copy, const Catalog* catalog) const {
  const Detectors& detectors = *set_->data().detectors;
  const TypeSet all = value_types_ & detectors.contextual();
  if (all.empty()) return {};
  // A name is looked at up to a length, so a longer text is cut, each part with half of the one before.
  constexpr size_t part_size = 256;
  TypeSet types;
  for (size_t at = 0; at < facts.canonical.size(); at += part_size / 2) {
    types |= detectors.context_of(std::string_view(facts.canonical).substr(at, part_size));
  }
  if (!copy.relation.empty() && !copy.columns.empty()) return types & value_types_;
  if (names_fields(facts.canonical) || catalog == nullptr || !facts.functions.empty()) return all;
  const MaskIndex& index = cached_mask_index(*set_, *catalog);
  for (const RelationUse& use : facts.relations) {
    const auto named = index.by_name.find(use.name);
    if (named == index.by_name.end()) return all;
    for (const auto& [schema, oid] : named->second) {
      if (!use.schema.empty() && use.schema != schema) continue;
      const CatalogRelation& relation = catalog->relations.at(oid);
      if (relation.columns.empty()) return all;  // One of the system's: its columns are not kept.
      for (const CatalogColumn& column : relation.columns) types |= detectors.context_of(column.name);
    }
  }
  return types & value_types_;
}

// The table may be another by now, or one of the caller's own that hides it: what the catalog says of a column does not
// make it safe to pass. Where something is found in a column that is said to hold none, it becomes NULL, which fits any type.
void BoundRules::look_at_all(const ResultShape& shape, const Catalog* catalog, MaskPlan& plan) const {
  constexpr uint32_t int8_array_oid = 1016;  // Its values are looked at as text, and NULL where something is found.
  if (value_types_.empty()) return;
  for (size_t i = 0; i < shape.size(); ++i) {
    ColumnPlan& column = plan.columns[i];
    if (column.action != CellAction::Pass) continue;
    column.action = CellAction::Scan;
    column.type_oid = int8_array_oid;
    column.search = search_for(context_of(shape[i], catalog), plan);
  }
  plan.passes_all = false;
}

CopyPlan BoundRules::plan_copy(const Facts& facts, const CopyOut& copy, size_t columns, const Catalog* catalog) const {
  const bool tainted = reads_masked(facts, catalog);
  CopyPlan made;
  TypeSet context = value_types_ & set_->data().detectors->contextual();
  if (const CatalogRelation* relation = catalog == nullptr ? nullptr : copied_relation(copy, *catalog)) {
    ResultShape shape;
    const auto add = [&](const CatalogColumn& column) {
      shape.push_back({column.name, relation->oid, column.attribute, column.type_oid, false, column.type_modifier});
    };
    if (copy.columns.empty()) {
      for (const CatalogColumn& column : relation->columns) {
        if (!column.generated) add(column);
      }
    } else {
      for (const std::string& name : copy.columns) {
        const auto named = std::ranges::find(relation->columns, name, &CatalogColumn::name);
        if (named != relation->columns.end()) add(*named);
      }
    }
    // Else the catalog is a moment behind the server, and any name could be there.
    if (shape.size() == columns) {
      made.plan = plan(shape, tainted, catalog);
      look_at_all(shape, catalog, made.plan);
      for (ResultColumn& column : shape) made.names.push_back(std::move(column.name));
      return made;
    }
  } else {
    context = context_of_copy(facts, copy, catalog);
  }
  const ColumnPlan null;
  ColumnPlan scanned;
  scanned.action = value_types_.empty() ? CellAction::Pass : CellAction::Scan;
  scanned.search = search_for(context, made.plan);
  made.plan.columns.assign(columns, tainted ? null : scanned);
  made.plan.passes_all = columns == 0 || (!tainted && value_types_.empty());
  return made;
}

}  // namespace sluice::rules
