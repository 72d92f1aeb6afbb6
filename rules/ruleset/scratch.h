// The insides of Scratch: for this folder only.
#pragma once
#include <vector>

#include "rules/detect/hyperscan.h"
#include "rules/mask/hash.h"
#include "rules/ruleset/ruleset.h"

namespace sluice::rules {

struct Scratch::Impl {
  HsScratch hyperscan;
  Hasher hasher;
  std::vector<bool> pattern_hits;  ///< By rule index; written by one judge() at a time.
  std::vector<uint32_t> matches;   ///< Statement rules that match, rising; likewise.
};

}  // namespace sluice::rules
