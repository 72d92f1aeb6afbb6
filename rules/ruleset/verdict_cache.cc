#include "rules/ruleset/verdict_cache.h"

namespace sluice::rules {
namespace {

// A length before each part, so that no two callers write the same key.
void append_part(std::string& key, std::string_view part) {
  const auto size = static_cast<uint32_t>(part.size());
  key.append(reinterpret_cast<const char*>(&size), sizeof size);
  key.append(part);
}

// Without the port: a client's next connection is the same caller.
std::string_view without_port(std::string_view peer) { return peer.substr(0, peer.rfind(':')); }

}  // namespace

std::shared_ptr<const BoundRules> BoundRulesCache::bind(const std::shared_ptr<const RuleSet>& set, std::string_view target,
                                                        Verdict target_default, const Caller& caller) {
  if (set.get() != set_ || set->generation() != generation_ || entries_.size() >= entries_max) {
    entries_.clear();
    set_ = set.get();
    generation_ = set->generation();
  }
  key_.clear();
  append_part(key_, target);
  key_.push_back(static_cast<char>(target_default));
  key_.push_back(static_cast<char>(caller.principal.kind));
  append_part(key_, caller.principal.subject);
  if (set->asks_for_address()) append_part(key_, without_port(caller.client_address));
  for (const std::string& group : caller.principal.groups) append_part(key_, group);

  std::shared_ptr<const BoundRules>& entry = entries_[key_];
  if (entry == nullptr || caller.unix_s >= entry->valid_until_unix_s()) {
    entry = std::make_shared<const BoundRules>(set->bind(target, target_default, caller));
  }
  return entry;
}

VerdictCache::Entry& VerdictCache::entry_of(const BoundRules& rules, const FactsPtr& facts) {
  constexpr uint64_t spread = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio: neighbours fall far apart.
  const uint64_t hash = (reinterpret_cast<uintptr_t>(facts.get()) + rules.id()) * spread;
  static_assert((entries_max & (entries_max - 1)) == 0);
  return (*entries_)[hash >> 32 & (entries_max - 1)];
}

const Decision& VerdictCache::judge(const BoundRules& rules, const FactsPtr& facts, std::string_view raw, Scratch& scratch) {
  Entry& entry = entry_of(rules, facts);
  if (entry.rules != rules.id() || entry.facts != facts) {
    entry = {.facts = facts, .rules = rules.id(), .decision = rules.judge(*facts, raw, scratch)};
  }
  return entry.decision;
}

MaskVerdict VerdictCache::judge_masks(const BoundRules& rules, const FactsPtr& facts, const Catalog* catalog) {
  Entry& entry = entry_of(rules, facts);
  const bool ours = entry.rules == rules.id() && entry.facts == facts;
  if (ours && catalog != nullptr && entry.catalog_lineage == catalog->lineage && entry.catalog_version == catalog->version) {
    return entry.masks;
  }
  MaskVerdict masks{.tainted = rules.reads_masked(*facts, catalog), .decision = rules.judge_masks(*facts, catalog)};
  rules.add_alerts(*facts, catalog, masks.decision.alerts);
  if (ours && catalog != nullptr) {
    entry.catalog_lineage = catalog->lineage;
    entry.catalog_version = catalog->version;
    entry.masks = masks;
  }
  return masks;
}

}  // namespace sluice::rules
