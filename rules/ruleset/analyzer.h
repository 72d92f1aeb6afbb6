// SQL text to facts, with the cache in front: what the data path asks.
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "model/facts.h"

namespace sluice::rules {

struct AnalyzerLimits {
  uint32_t text_size_max = 256U << 10;   ///< Over it: the caller refuses before asking.
  uint32_t token_max = 40'000;           ///< From our lexer, before libpg_query is called.
  uint32_t nesting_max = 500;            ///< Parentheses, brackets, CASE; likewise.
  uint32_t inline_size_max = 4096;       ///< Longer misses belong on a worker (see analyze()).
  uint32_t cache_entries_max = 8192;
  size_t cache_bytes_max = 32U << 20;
  uint32_t shape_entries_max = 2048;     ///< Of the cache's second level.
  size_t shape_bytes_max = 8U << 20;
};

using FactsPtr = std::shared_ptr<const Facts>;

/// Pure and thread-safe: parses and classifies. Needs up to 200 MiB of stack for hostile text: call it
/// only on threads made for it (base/big_stack_thread.h). Never throws; text over a cap comes back
/// with understood = false and a parse_error that says which cap. `trusted_functions`: see settings.
[[nodiscard]] FactsPtr analyze(std::string_view text, const AnalyzerLimits& limits,
                               const std::vector<std::string>& trusted_functions);

/// Whether some rule in force looks at what literals say.
enum class Literals : uint8_t { Read, Unread };

/// Texts to facts, per lane and target, in two levels, each bounded in entries and bytes; each evicts the
/// oldest unused (second chance). Not thread-safe.
///
/// The first level knows exact bytes. The second knows the shape of plain queries, everything but the
/// values of their literals (see Facts::literal_independent), and answers only where nobody reads those.
/// Such facts have no literals and say so (`literals_cut`).
class FactsCache {
 public:
  explicit FactsCache(const AnalyzerLimits& limits);
  ~FactsCache();
  FactsCache(const FactsCache&) = delete;
  FactsCache& operator=(const FactsCache&) = delete;
  /// Null: not cached. Compares bytes on a hash hit. A miss of the first level lexes texts of up to
  /// inline_size_max when the second may answer.
  [[nodiscard]] FactsPtr find(std::string_view text, Literals literals);
  void insert(std::string_view text, FactsPtr facts);
  /// Of both levels; and how many of the hits were the second's.
  [[nodiscard]] uint64_t hits() const;
  [[nodiscard]] uint64_t shape_hits() const;
  [[nodiscard]] uint64_t misses() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::rules
