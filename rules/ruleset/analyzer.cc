#include "rules/ruleset/analyzer.h"

#include <algorithm>
#include <list>
#include <optional>
#include <unordered_map>

#include "base/assert.h"
#include "base/crypto.h"
#include "rules/sql/canonical.h"
#include "rules/sql/facts.h"

namespace sluice::rules {

FactsPtr analyze(std::string_view text, const AnalyzerLimits& limits,
                 const std::vector<std::string>& trusted_functions) {
  return std::make_shared<const Facts>(
      sql::read_facts(text, limits.text_size_max, {limits.token_max, limits.nesting_max}, trusted_functions));
}

namespace {

// What an entry costs beside its text; facts are bounded by the text they were read from.
size_t cost_of(std::string_view key, const Facts& facts) {
  size_t cost = sizeof(Facts) + 256 + key.size() + facts.canonical.size() + facts.text_to_record.size() +
                facts.literals.size() + facts.parse_error.size() + facts.opaque_because.size() +
                facts.guard_detail.size();
  for (const RelationUse& use : facts.relations) cost += sizeof use + use.schema.size() + use.name.size();
  for (const ColumnReference& column : facts.columns) {
    cost += sizeof column + column.schema.size() + column.table.size() + column.name.size();
  }
  for (const CopyOut& copy : facts.copies_out) {
    cost += sizeof copy + copy.null_text.size() + copy.schema.size() + copy.relation.size();
    for (const std::string& column : copy.columns) cost += sizeof(std::string) + column.size();
  }
  for (const std::string& name : facts.functions) cost += sizeof(std::string) + name.size();
  return cost;
}

// One level: keys to facts, the oldest unused go first.
class Level {
 public:
  Level(uint32_t entries_max, size_t bytes_max) : entries_max_(entries_max), bytes_max_(bytes_max) {}

  FactsPtr find(std::string_view key) {
    const auto at = by_hash_.find(keyed_hash(as_bytes(key)));
    // Equal hashes prove nothing: a text must never be judged by another's facts.
    if (at == by_hash_.end() || at->second->key != key) return nullptr;
    at->second->used = true;
    return at->second->facts;
  }

  void insert(std::string_view key, FactsPtr facts) {
    const size_t cost = cost_of(key, *facts);
    if (cost > bytes_max_ || entries_max_ == 0) return;
    const uint64_t hash = keyed_hash(as_bytes(key));
    if (const auto at = by_hash_.find(hash); at != by_hash_.end()) {
      bytes_ -= at->second->cost;
      entries_.erase(at->second);
      by_hash_.erase(at);
    }
    while (!entries_.empty() && (entries_.size() >= entries_max_ || bytes_ + cost > bytes_max_)) evict_one();
    entries_.push_back({hash, std::string(key), std::move(facts), cost, false});
    by_hash_[hash] = std::prev(entries_.end());
    bytes_ += cost;
  }

 private:
  struct Entry {
    uint64_t hash = 0;
    std::string key;
    FactsPtr facts;
    size_t cost = 0;
    bool used = false;
  };

  // Oldest first. An entry that was found since its last turn goes to the back instead of away.
  void evict_one() {
    SLUICE_ASSERT(!entries_.empty());
    while (entries_.front().used) {
      entries_.front().used = false;
      entries_.splice(entries_.end(), entries_, entries_.begin());
    }
    by_hash_.erase(entries_.front().hash);
    bytes_ -= entries_.front().cost;
    entries_.pop_front();
  }

  uint32_t entries_max_;
  size_t bytes_max_;
  std::list<Entry> entries_;
  std::unordered_map<uint64_t, std::list<Entry>::iterator> by_hash_;
  size_t bytes_ = 0;
};

}  // namespace

struct FactsCache::Impl {
  explicit Impl(const AnalyzerLimits& cache_limits)
      : limits(cache_limits),
        texts(cache_limits.cache_entries_max, cache_limits.cache_bytes_max),
        shapes(cache_limits.shape_entries_max, cache_limits.shape_bytes_max) {}

  [[nodiscard]] std::optional<std::string> shape_of(std::string_view text) const {
    if (text.size() > std::min(limits.inline_size_max, limits.text_size_max)) return std::nullopt;
    return sql::shape_of(text, {limits.token_max, limits.nesting_max});
  }

  AnalyzerLimits limits;
  Level texts;
  Level shapes;
  uint64_t hits = 0;
  uint64_t shape_hits = 0;
  uint64_t misses = 0;
};

FactsCache::FactsCache(const AnalyzerLimits& limits) : impl_(std::make_unique<Impl>(limits)) {}
FactsCache::~FactsCache() = default;

FactsPtr FactsCache::find(std::string_view text, Literals literals) {
  FactsPtr found = impl_->texts.find(text);
  if (!found && literals == Literals::Unread) {
    if (const auto shape = impl_->shape_of(text)) found = impl_->shapes.find(*shape);
    if (found) ++impl_->shape_hits;
  }
  ++(found ? impl_->hits : impl_->misses);
  return found;
}

void FactsCache::insert(std::string_view text, FactsPtr facts) {
  SLUICE_ASSERT(facts != nullptr);
  if (facts->literal_independent) {
    if (const auto shape = impl_->shape_of(text)) {
      auto without_literals = std::make_shared<Facts>(*facts);
      without_literals->literals.clear();
      without_literals->literals_cut = true;
      impl_->shapes.insert(*shape, std::move(without_literals));
    }
  }
  impl_->texts.insert(text, std::move(facts));
}

uint64_t FactsCache::hits() const { return impl_->hits; }
uint64_t FactsCache::shape_hits() const { return impl_->shape_hits; }
uint64_t FactsCache::misses() const { return impl_->misses; }

}  // namespace sluice::rules
