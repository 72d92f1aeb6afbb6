// What the tests of detectors share: every shipped type, compiled once.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "rules/detect/detectors.h"

namespace sluice::rules::testing {

inline const Detectors& all_detectors() {
  static const auto made = Detectors::make(DataTypes::shipped(), DataTypes::shipped().all());
  return **made;
}

inline TypeSet only(DataType type) {
  TypeSet types;
  types.add(type);
  return types;
}

inline std::vector<Match> find(const Detectors& detectors, std::string_view text, const Search& search) {
  HsScratch scratch;
  EXPECT_TRUE(detectors.grow(scratch));
  std::vector<Match> matches;
  detectors.find(text, search, scratch.get(), matches);
  return matches;
}

/// The values of one type, `in_context` or not, as text.
inline std::vector<std::string> values(std::string_view text, DataType type, bool in_context) {
  const Search search = all_detectors().search(only(type), in_context ? only(type) : TypeSet{});
  std::vector<std::string> found;
  for (const Match& match : find(all_detectors(), text, search)) {
    found.emplace_back(text.substr(match.begin, match.end - match.begin));
  }
  return found;
}

}  // namespace sluice::rules::testing
