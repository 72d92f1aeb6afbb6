// All detectors over one text. Immutable once made; shared by lanes; each scan uses its lane's scratch.
#pragma once
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "rules/detect/context.h"
#include "rules/detect/forms.h"
#include "rules/detect/hyperscan.h"
#include "rules/detect/triggers.h"
#include "rules/detect/validators.h"

namespace sluice::rules {

class Detectors {
 public:
  /// Compiles what the types in `used` need: milliseconds, and options.budget on top. Fails when this
  /// machine cannot run Hyperscan (it needs SSSE3) or memory is short.
  static Expected<std::shared_ptr<const Detectors>> make(DataTypes types, const TypeSet& used, const GroupingOptions& options = {});
  /// Of databases made before, by save(). Refuses those that do not cover `used`, or are of another machine.
  static Expected<std::shared_ptr<const Detectors>> load(DataTypes types, const TypeSet& used, std::span<const TriggerBlob> blobs);
  [[nodiscard]] Expected<std::vector<TriggerBlob>> save() const;

  /// Makes `scratch` large enough for find(). False: no memory.
  [[nodiscard]] bool grow(HsScratch& scratch) const;

  /// The types of `used` that the name of a column, an alias or a key speaks of.
  [[nodiscard]] TypeSet context_of(std::string_view name) const { return words_.types_of(name); }
  /// Types that are found, in part or at all, only in context.
  [[nodiscard]] const TypeSet& contextual() const { return words_.types(); }
  /// `in_context`: types whose context is given; for others it must stand before the value.
  [[nodiscard]] Search search(const TypeSet& live, const TypeSet& in_context = {}) const;

  /// Appends the values in `text` of the types in `search.live`. Matches of one type do not overlap;
  /// types may overlap one another; no order is promised. No value reaches over a cell_separator.
  /// `scratch` must have been grown.
  void find(std::string_view text, const Search& search, hs_scratch_t* scratch, std::vector<Match>& out) const;

  [[nodiscard]] const DataTypes& types() const { return types_; }
  [[nodiscard]] const TypeSet& used() const { return used_; }
  /// What grouping measured; empty where it did not.
  [[nodiscard]] const std::vector<TriggerCost>& trigger_costs() const { return costs_; }
  [[nodiscard]] const std::vector<TriggerDatabase>& databases() const { return databases_; }

 private:
  Detectors(DataTypes types, const TypeSet& used);
  struct TriggerScan;
  static int on_trigger(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void* context);
  void add_trigger(TriggerScan& scan, DataType type, size_t to) const;
  void add_pattern(TriggerScan& scan, DataType type, size_t from, size_t to) const;
  static void find_triggers(const TriggerDatabase& database, TriggerScan& scan, const Stretch& stretch, hs_scratch_t* scratch);
  void find_everywhere(const TriggerDatabase& database, std::string_view text, const Search& search,
                       hs_scratch_t* scratch, std::vector<Match>& out) const;
  void find_in_stretches(std::string_view text, MarkSet marks, const Search& search, hs_scratch_t* scratch,
                         std::vector<Match>& out) const;

  DataTypes types_;
  TypeSet used_;
  Forms forms_;
  ContextWords words_;
  std::vector<TriggerDatabase> databases_;
  std::vector<TriggerCost> costs_;
};

/// The last step of DataTypes::add(): compiles the type alone and tries its examples and negatives.
[[nodiscard]] Expected<bool> judge_user_type(const DataTypes& types, DataType added, const UserType& type);

}  // namespace sluice::rules
