// Which rule sets a lane still uses. A statement is judged and masked by one set until it is over, so an
// old one lives as long as something holds it. Counted without atomics: all of it belongs to the lane.
#pragma once
#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "rules/ruleset/ruleset.h"

namespace sluice::gateway {

/// The generations in use on one lane.
class Generations {
 public:
  using Released = std::function<void(uint64_t generation)>;
  /// `released` is called when a generation that is not the current one is let go by its last holder.
  explicit Generations(Released released) : released_(std::move(released)) {}

  /// From now on this one is handed out.
  void set_current(uint64_t generation) {
    if (generation == current_) return;
    const uint64_t old = std::exchange(current_, generation);
    if (old != 0 && !holds(old)) released_(old);
  }
  void add(uint64_t generation) {
    for (Count& count : counts_) {
      if (count.generation == generation) {
        ++count.held;
        return;
      }
    }
    counts_.push_back({generation, 1});
  }
  void remove(uint64_t generation) {
    const auto at = std::ranges::find(counts_, generation, &Count::generation);
    SLUICE_ASSERT(at != counts_.end() && at->held > 0);
    if (--at->held > 0) return;
    counts_.erase(at);
    if (generation != current_) released_(generation);
  }
  [[nodiscard]] uint64_t current() const { return current_; }

 private:
  struct Count {
    uint64_t generation = 0;
    uint64_t held = 0;
  };
  [[nodiscard]] bool holds(uint64_t generation) const {
    return std::ranges::find(counts_, generation, &Count::generation) != counts_.end();
  }

  Released released_;
  uint64_t current_ = 0;
  std::vector<Count> counts_;  // As many as sets are alive: live_generations_max at most.
};

/// One session's rules of one set, shared by the statements judged by them. A pointer that counts
/// without atomics: it never leaves the lane's thread. Null: no rules are bound.
class HeldRules {
 public:
  HeldRules() = default;
  /// `epoch`: the lane's when they were bound; see Lane::policy_epoch(). `generations` outlives it.
  HeldRules(std::shared_ptr<const rules::BoundRules> bound, uint64_t epoch, Generations& generations)
      : shared_(new Shared{std::move(bound), epoch, generations, 1}) {
    generations.add(shared_->bound->rule_set().generation());
  }
  HeldRules(const HeldRules& other) : shared_(other.shared_) {
    if (shared_ != nullptr) ++shared_->references;
  }
  HeldRules(HeldRules&& other) noexcept : shared_(std::exchange(other.shared_, nullptr)) {}
  HeldRules& operator=(const HeldRules& other) {
    HeldRules copy(other);
    std::swap(shared_, copy.shared_);
    return *this;
  }
  HeldRules& operator=(HeldRules&& other) noexcept {
    HeldRules taken(std::move(other));
    std::swap(shared_, taken.shared_);
    return *this;
  }
  ~HeldRules() { reset(); }

  void reset() {
    Shared* shared = std::exchange(shared_, nullptr);
    if (shared == nullptr || --shared->references > 0) return;
    const uint64_t generation = shared->bound->rule_set().generation();
    Generations& generations = shared->generations;
    delete shared;
    generations.remove(generation);
  }
  [[nodiscard]] explicit operator bool() const { return shared_ != nullptr; }
  [[nodiscard]] const rules::BoundRules& operator*() const { return *shared_->bound; }
  [[nodiscard]] const rules::BoundRules* operator->() const { return shared_->bound.get(); }
  /// 0: null.
  [[nodiscard]] uint64_t epoch() const { return shared_ != nullptr ? shared_->epoch : 0; }

 private:
  struct Shared {
    std::shared_ptr<const rules::BoundRules> bound;
    uint64_t epoch;
    Generations& generations;
    uint64_t references;
  };
  Shared* shared_ = nullptr;
};

}  // namespace sluice::gateway
