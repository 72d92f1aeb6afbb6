// Judging one text as a session does, without a database: relations are taken to be there.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/catalog.h"
#include "model/settings.h"
#include "rules/ruleset/analyzer.h"
#include "rules/ruleset/ruleset.h"

namespace sluice::cli {

/// Runs `work` on a thread whose stack can hold what the grammar does with hostile text; its result, or
/// Failed after a complaint.
[[nodiscard]] int on_big_stack(const std::function<int()>& work);

/// A catalog for tools that have no database: what is asked for is there. Besides what is asked for, a
/// relation has the columns that the rules name in it, so that none counts as gone.
class AssumedCatalog {
 public:
  explicit AssumedCatalog(const rules::RuleSet& rules) : rules_(rules) {}
  /// The OID of the relation, which is added if it is new.
  uint32_t relation(const std::string& schema, const std::string& name);
  /// Likewise the number of a column.
  uint16_t column(uint32_t relation, const std::string& name, uint32_t type_oid);
  [[nodiscard]] const Catalog& catalog() const { return catalog_; }

 private:
  const rules::RuleSet& rules_;
  Catalog catalog_;
};

/// What would happen to the values of a column that the text shows.
struct MaskedColumn {
  std::string column;  ///< schema.table.column
  std::string rule;
  std::string mask;    ///< In words: "mask keep_last=4".
  bool operator==(const MaskedColumn&) const = default;
};

struct Judged {
  rules::FactsPtr facts;
  rules::Explanation why;  ///< `decision` with what result rules say; borrows from the rule set.
  std::vector<MaskedColumn> masks;
};

/// A rule set with the memory to judge by it. Not thread-safe.
class Judge {
 public:
  explicit Judge(std::shared_ptr<const rules::RuleSet> set);
  /// Only on a thread of on_big_stack().
  [[nodiscard]] Judged judge(const rules::BoundRules& bound, std::string_view text,
                             const std::vector<std::string>& trusted_functions);
  [[nodiscard]] const std::shared_ptr<const rules::RuleSet>& set() const { return set_; }
  [[nodiscard]] rules::Scratch& scratch() { return scratch_; }

 private:
  void judge_results(const rules::BoundRules& bound, Judged& judged) const;

  std::shared_ptr<const rules::RuleSet> set_;
  rules::Scratch scratch_;
  rules::AnalyzerLimits limits_;
  rules::FactsCache cache_{limits_};
};

/// "deny by rule no-ddl/schema", "allow by default".
[[nodiscard]] std::string in_words(const Decision& decision);
/// "mask keep_last=4", "null".
[[nodiscard]] std::string in_words(const rules::MaskSpec& mask);
/// "public.customers (read)".
[[nodiscard]] std::string in_words(const RelationUse& use);

}  // namespace sluice::cli
