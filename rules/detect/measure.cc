#include "rules/detect/measure.h"

#include <algorithm>
#include <limits>

namespace sluice::rules {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t measured_sample_size = 16U << 10;
constexpr int measurements = 3;

}  // namespace

Expected<std::vector<TypeCost>> measure(const DataTypes& types, const TypeSet& used, std::chrono::milliseconds budget) {
  const auto end = Clock::now() + budget;
  std::string samples[sample_count];
  for (size_t i = 0; i < sample_count; ++i) samples[i] = make_sample(static_cast<Sample>(i), measured_sample_size);
  std::vector<TypeCost> costs;
  std::optional<Error> failure;
  double sum = 0;
  used.each([&](DataType type) {
    if (failure || Clock::now() >= end) return;
    TypeSet only;
    only.add(type);
    const auto detectors = Detectors::make(types, only);
    HsScratch scratch;
    if (!detectors || !(*detectors)->grow(scratch)) {
      failure = detectors ? Error{"detectors cannot be measured: no memory"} : detectors.error();
      return;
    }
    const Search search = (*detectors)->search(only);
    TypeCost cost{.type = type};
    for (size_t i = 0; i < sample_count; ++i) {
      double best = std::numeric_limits<double>::max();
      std::vector<Match> matches;
      for (int round = 0; round < measurements; ++round) {
        matches.clear();
        const auto start = Clock::now();
        (*detectors)->find(samples[i], search, scratch.get(), matches);
        best = std::min(best, std::chrono::duration<double, std::nano>(Clock::now() - start).count());
      }
      cost.hits[i] = matches.size();
      cost.sample_size[i] = samples[i].size();
      cost.ns_per_kib[i] = best * 1024 / static_cast<double>(samples[i].size());
      cost.share += cost.ns_per_kib[i];
    }
    sum += cost.share;
    costs.push_back(cost);
  });
  if (failure) return std::unexpected(*failure);
  for (TypeCost& cost : costs) cost.share = sum > 0 ? cost.share / sum : 0;
  return costs;
}

}  // namespace sluice::rules
