// All detectors over one text. Immutable once made; shared by lanes; each scan uses its lane's scratch.
#pragma once
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "rules/detect/hyperscan.h"
#include "rules/detect/validators.h"

namespace sluice::rules {

class Detectors {
 public:
  /// Compiles the triggers: about a millisecond. Fails when this machine cannot run Hyperscan (it needs
  /// SSSE3) or memory is short.
  static Expected<std::shared_ptr<const Detectors>> make();

  /// Appends the values in `text` of the types in `live`. Matches of one type come in rising order and
  /// do not overlap; types may overlap one another. `scratch` must have been grown for database().
  void find(std::string_view text, TypeSet live, hs_scratch_t* scratch, std::vector<Match>& out) const;

  [[nodiscard]] const hs_database_t* database() const { return email_.get(); }

 private:
  explicit Detectors(HsDatabase email) : email_(std::move(email)) {}
  HsDatabase email_;
};

}  // namespace sluice::rules
