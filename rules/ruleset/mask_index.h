// Which relations of a catalog are under a column mask, and how: made from (rule set, catalog).
#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/catalog.h"
#include "rules/ruleset/ruleset.h"

namespace sluice::rules {

/// One rule's hold on one relation.
struct RelationMask {
  uint32_t rule = 0;
  uint16_t attribute = 0;
  bool whole = false;   ///< Every column, and as NULL: a view, or a table whose masked column is gone.
  bool computed = false;  ///< The column is computed from the masked one: NULL, since no mask fits what it may hold.
  bool operator==(const RelationMask&) const = default;
};

struct MaskIndex {
  struct Named {
    std::string schema;
    uint32_t oid = 0;
  };
  std::unordered_map<uint32_t, std::vector<RelationMask>> by_oid;  ///< Only relations that are reached.
  std::unordered_map<std::string, std::vector<Named>> by_name;     ///< Every relation of the catalog.
};

[[nodiscard]] MaskIndex make_mask_index(const RuleSet& rules, const Catalog& catalog);

/// The same, from a small cache of the calling thread (a lane), keyed by the rule set's generation and
/// hash and the catalog's lineage and version. The reference lives until the thread's next call.
[[nodiscard]] const MaskIndex& cached_mask_index(const RuleSet& rules, const Catalog& catalog);

}  // namespace sluice::rules
