#include "model/catalog.h"

#include <algorithm>

namespace sluice {
namespace {

template <typename Name>
void keep(const std::vector<Name>& former, const Name& latest, const Name& current, std::vector<Name>& into) {
  into = former;
  if (latest != current && std::ranges::find(into, latest) == into.end()) into.push_back(latest);
}

}  // namespace

void keep_former_names(const Catalog& before, Catalog& now) {
  for (auto& [oid, relation] : now.relations) {
    const auto was = before.relations.find(oid);
    if (was == before.relations.end()) continue;
    keep(was->second.former_names, {was->second.schema, was->second.name}, {relation.schema, relation.name},
         relation.former_names);
    for (CatalogColumn& column : relation.columns) {
      const auto old = std::ranges::find(was->second.columns, column.attribute, &CatalogColumn::attribute);
      if (old != was->second.columns.end()) keep(old->former_names, old->name, column.name, column.former_names);
    }
  }
}

}  // namespace sluice
