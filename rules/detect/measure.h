// What each type costs, for who writes rules.
#pragma once
#include <chrono>
#include <vector>

#include "rules/detect/detectors.h"
#include "rules/detect/samples.h"

namespace sluice::rules {

struct TypeCost {
  DataType type = DataType::None;
  double ns_per_kib[sample_count] = {};  ///< Alone, on each Sample.
  size_t hits[sample_count] = {};
  size_t sample_size[sample_count] = {};
  double share = 0;                      ///< Of the sum over all types, 0 to 1. Over 0.5: more than all others.
};

/// Measures each type of `used` alone, on every sample. About a millisecond a type; types behind the
/// budget are left out.
[[nodiscard]] Expected<std::vector<TypeCost>> measure(const DataTypes& types, const TypeSet& used,
                                                      std::chrono::milliseconds budget);

}  // namespace sluice::rules
