// The Hyperscan databases. Which triggers share one is decided by what they cost together: unlike shapes in
// one database cost five to ten times what they cost apart (docs/decisions/0007).
#pragma once
#include <chrono>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "rules/detect/data_type.h"
#include "rules/detect/hyperscan.h"
#include "rules/detect/sieve.h"

namespace sluice::rules {

struct GroupingOptions {
  /// For measuring; what is not measured when it is over goes by kind. 0: all of it.
  std::chrono::milliseconds budget{0};
};

struct TriggerDatabase {
  std::vector<DataType> types;  ///< Expression ids are their indexes in DataTypes.
  TypeSet set;
  MarkSet marks;                ///< Only where one of them stands can a value be.
  bool patterns = false;        ///< Reports where a match begins.
  HsDatabase database;
};

/// A database as a file holds it: of this Hyperscan version and a platform like this one only.
struct TriggerBlob {
  std::vector<DataType> types;
  std::vector<std::byte> bytes;
};

/// What Hyperscan took for one trigger alone.
struct TriggerCost {
  DataType type = DataType::None;
  double ns_per_kib[3] = {};  ///< On prose, on digits, on text dense with values.
};

struct Grouping {
  std::vector<TriggerDatabase> databases;
  std::vector<TriggerCost> costs;  ///< Of the triggers that were measured.
};

/// Groups and compiles the triggers of `used`. Fails with what Hyperscan says.
[[nodiscard]] Expected<Grouping> group_triggers(const DataTypes& types, const TypeSet& used, const GroupingOptions& options);

/// Refuses what Hyperscan refuses, and types that are not in `types`, have no trigger, or stand there twice.
[[nodiscard]] Expected<TriggerDatabase> load_triggers(const DataTypes& types, const TriggerBlob& blob);
[[nodiscard]] Expected<TriggerBlob> save_triggers(const TriggerDatabase& database);

/// Appends what the databases of `used` are compiled from: with equal bytes, a TriggerBlob of one is one of the other.
void add_expressions(const DataTypes& types, const TypeSet& used, ByteWriter& out);

}  // namespace sluice::rules
