// Hostile text through every shipped detector. The first byte says whether the column's name gives context;
// the rest is cells, 0x1E between them. Whatever they are: matches lie within a cell, those of a type do not
// overlap, and what is found in a cell does not depend on the cells beside it, nor on where its bytes lie.
#include <algorithm>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/assert.h"
#include "rules/detect/detectors.h"

using namespace sluice;
using namespace sluice::rules;

namespace {

struct World {
  World() : detectors(*Detectors::make(DataTypes::shipped(), DataTypes::shipped().all())) {
    SLUICE_ASSERT(detectors->grow(scratch));
    searches[0] = detectors->search(detectors->used());
    searches[1] = detectors->search(detectors->used(), detectors->used());
  }
  std::shared_ptr<const Detectors> detectors;
  HsScratch scratch;
  Search searches[2];
};

std::vector<Match> find(const World& world, bool in_context, std::string_view text, size_t offset) {
  std::vector<Match> matches;
  world.detectors->find(text, world.searches[in_context ? 1 : 0], world.scratch.get(), matches);
  for (Match& match : matches) {
    SLUICE_ASSERT(match.begin < match.end && match.end <= text.size());
    match.begin += offset;
    match.end += offset;
  }
  return matches;
}

std::tuple<DataType, size_t, size_t> key(const Match& match) { return {match.type, match.begin, match.end}; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const World world;
  if (size < 1) return 0;
  const bool in_context = (data[0] & 1) != 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  auto together = find(world, in_context, text, 0);
  std::ranges::sort(together, {}, key);
  for (size_t i = 0; i < together.size(); ++i) {
    const Match& match = together[i];
    SLUICE_ASSERT(text.substr(match.begin, match.end - match.begin).find(cell_separator) == std::string_view::npos);
    SLUICE_ASSERT(i == 0 || together[i - 1].type != match.type || together[i - 1].end <= match.begin);
  }
  std::vector<Match> alone;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(cell_separator, begin), text.size());
    const auto its = find(world, in_context, text.substr(begin, end - begin), begin);
    alone.insert(alone.end(), its.begin(), its.end());
    begin = end + 1;
  }
  std::ranges::sort(alone, {}, key);
  SLUICE_ASSERT(together == alone);
  return 0;
}
