// What sluice knows of one database's objects: enough to bind column rules to (table OID, attribute
// number). An immutable snapshot, made by the control plane, shared by the lanes.
#pragma once
#include <atomic>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace sluice {

struct CatalogColumn {
  std::string name;
  uint16_t attribute = 0;
  uint32_t type_oid = 0;
  std::vector<std::string> former_names;  ///< See keep_former_names().
  bool generated = false;                 ///< Computed from others: COPY leaves it out unless it is named.
  std::vector<uint16_t> computed_from;    ///< Attributes of the same relation; empty where generated: not known.
  int32_t type_modifier = -1;             ///< pg_attribute.atttypmod.
};

struct QualifiedName {
  std::string schema;
  std::string name;
  bool operator==(const QualifiedName&) const = default;
};

struct CatalogRelation {
  uint32_t oid = 0;
  std::string schema;
  std::string name;
  char kind = 'r';  ///< pg_class.relkind.
  std::vector<CatalogColumn> columns;  ///< By rising attribute.
  /// OIDs of relations this one takes rows from: what a view or materialised view reads (pg_depend by
  /// way of pg_rewrite), the parents of a partition or child. Transitive closure is the reader's work.
  std::vector<uint32_t> reads_from;
  std::vector<QualifiedName> former_names;  ///< See keep_former_names().
};

[[nodiscard]] inline uint64_t next_catalog_lineage() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

struct Catalog {
  /// Tells the catalogs of different databases apart; a copy keeps it. What is derived from a catalog
  /// may be cached by (lineage, version), so a copy with other relations must have another version.
  uint64_t lineage = next_catalog_lineage();
  uint64_t version = 0;            ///< Changes when any relation does.
  std::unordered_map<uint32_t, CatalogRelation> relations;  ///< By OID; system schemas included only as OIDs need.
};

/// Notes in `now` the names under which `before`, an earlier state of the same database, knew its relations
/// and columns (by OID and attribute number), and those it had noted itself: a rule bound to a table or
/// column holds on when it, or its schema, is renamed. Known for as long as the process reads the database.
void keep_former_names(const Catalog& before, Catalog& now);

}  // namespace sluice
