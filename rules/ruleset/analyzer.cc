#include "rules/ruleset/analyzer.h"

#include <list>
#include <unordered_map>

#include "base/crypto.h"
#include "rules/sql/facts.h"

namespace sluice::rules {

FactsPtr analyze(std::string_view text, const AnalyzerLimits& limits,
                 const std::vector<std::string>& trusted_functions) {
  return std::make_shared<const Facts>(
      sql::read_facts(text, limits.text_size_max, {limits.token_max, limits.nesting_max}, trusted_functions));
}

namespace {

// What an entry costs beside its text; facts are bounded by the text they were read from.
size_t cost_of(std::string_view text, const Facts& facts) {
  size_t cost = sizeof(Facts) + 256 + text.size() + facts.canonical.size() + facts.text_to_record.size() + facts.literals.size() +
                facts.parse_error.size() + facts.opaque_because.size() + facts.guard_detail.size();
  for (const RelationUse& use : facts.relations) cost += sizeof use + use.schema.size() + use.name.size();
  for (const ColumnReference& column : facts.columns) {
    cost += sizeof column + column.schema.size() + column.table.size() + column.name.size();
  }
  for (const std::string& name : facts.functions) cost += sizeof(std::string) + name.size();
  return cost;
}

}  // namespace

struct FactsCache::Impl {
  struct Entry {
    uint64_t hash = 0;
    std::string text;
    FactsPtr facts;
    size_t cost = 0;
    bool used = false;
  };

  // Oldest first. An entry that was found since its last turn goes to the back instead of away.
  void evict_one() {
    SLUICE_ASSERT(!entries.empty());
    while (entries.front().used) {
      entries.front().used = false;
      entries.splice(entries.end(), entries, entries.begin());
    }
    by_hash.erase(entries.front().hash);
    bytes -= entries.front().cost;
    entries.pop_front();
  }

  AnalyzerLimits limits;
  std::list<Entry> entries;
  std::unordered_map<uint64_t, std::list<Entry>::iterator> by_hash;
  size_t bytes = 0;
  uint64_t hits = 0;
  uint64_t misses = 0;
};

FactsCache::FactsCache(const AnalyzerLimits& limits) : impl_(std::make_unique<Impl>()) { impl_->limits = limits; }
FactsCache::~FactsCache() = default;

FactsPtr FactsCache::find(std::string_view text) {
  const auto at = impl_->by_hash.find(keyed_hash(as_bytes(text)));
  // Equal hashes prove nothing: a text must never be judged by another's facts.
  if (at == impl_->by_hash.end() || at->second->text != text) {
    ++impl_->misses;
    return nullptr;
  }
  ++impl_->hits;
  at->second->used = true;
  return at->second->facts;
}

void FactsCache::insert(std::string_view text, FactsPtr facts) {
  SLUICE_ASSERT(facts != nullptr);
  const size_t cost = cost_of(text, *facts);
  if (cost > impl_->limits.cache_bytes_max || impl_->limits.cache_entries_max == 0) return;
  const uint64_t hash = keyed_hash(as_bytes(text));
  if (const auto at = impl_->by_hash.find(hash); at != impl_->by_hash.end()) {
    impl_->bytes -= at->second->cost;
    impl_->entries.erase(at->second);
    impl_->by_hash.erase(at);
  }
  while (!impl_->entries.empty() && (impl_->entries.size() >= impl_->limits.cache_entries_max ||
                                     impl_->bytes + cost > impl_->limits.cache_bytes_max)) {
    impl_->evict_one();
  }
  impl_->entries.push_back({hash, std::string(text), std::move(facts), cost, false});
  impl_->by_hash[hash] = std::prev(impl_->entries.end());
  impl_->bytes += cost;
}

uint64_t FactsCache::hits() const { return impl_->hits; }
uint64_t FactsCache::misses() const { return impl_->misses; }

}  // namespace sluice::rules
