#include "control/problems.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace sluice::control {

std::vector<std::string> Problems::lines() const {
  auto sorted = list_;
  std::ranges::sort(sorted);
  std::vector<std::string> out;
  out.reserve(sorted.size());
  for (const auto& [at, message] : sorted) out.push_back(fmt::format("{}:{}:{}: {}", file_, at.line, at.column, message));
  return out;
}

std::string Problems::text() const {
  const auto all = lines();
  const size_t shown = std::min(all.size(), problems_shown_max);
  std::string out = fmt::format("{}", fmt::join(all.begin(), all.begin() + static_cast<ptrdiff_t>(shown), "\n"));
  if (all.size() > shown) out += fmt::format("\n{}: and {} more", file_, all.size() - shown);
  return out;
}

}  // namespace sluice::control
