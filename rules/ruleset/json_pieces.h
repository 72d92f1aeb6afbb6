// The keys and values of a JSON cell, each where it stands in the cell's text, with what the keys above it
// say. For ResultMasker only.
#pragma once
#include <memory>
#include <string_view>
#include <vector>

#include "rules/detect/detectors.h"

namespace sluice::rules {

struct JsonPiece {
  size_t begin = 0;   ///< Of a string what stands between its quotes, escapes as they are.
  size_t end = 0;
  TypeSet context;    ///< Types that a key on the path speaks of.
};

class JsonPieces {
 public:
  JsonPieces();
  ~JsonPieces();
  JsonPieces(const JsonPieces&) = delete;
  JsonPieces& operator=(const JsonPieces&) = delete;

  /// Borrowed until the next call. nullptr: not an object or array, not JSON, or nested deeper than 64:
  /// the text must be looked at as a whole.
  [[nodiscard]] const std::vector<JsonPiece>* walk(std::string_view text, const Detectors& detectors);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::rules
