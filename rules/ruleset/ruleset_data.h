// The insides of a compiled rule set: what rules/compile fills in and this folder reads. Immutable
// once a RuleSet owns it.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "model/facts.h"
#include "model/verdict.h"
#include "rules/detect/data_type.h"
#include "rules/detect/detectors.h"
#include "rules/detect/hyperscan.h"
#include "rules/mask/mask_spec.h"

namespace sluice::rules {

/// Names as the server stores them: folded and unquoted.
struct RelationPattern {
  std::string schema;        ///< Empty: in any schema.
  std::string name;
  bool every_name = false;   ///< schema.*
};

struct ColumnName {
  std::string schema;
  std::string table;
  std::string column;
};

struct StatementRule {
  KindSet kinds;                         ///< Empty: any.
  bool where_absent = false;
  std::vector<RelationPattern> relations;  ///< Empty: any. Deny rules only.
  bool has_pattern = false;              ///< The expression with this rule's index in `patterns`.
  Verdict verdict = Verdict::Deny;
  std::string message;
  std::string hint;
};

struct ResultRule {
  TypeSet types;                    ///< Either types ...
  std::vector<ColumnName> columns;  ///< ... or columns.
  MaskSpec mask;
};

struct Rule {
  std::string id;
  std::string target;                      ///< Empty: every target.
  std::vector<std::string> when_groups;    ///< Empty: everybody.
  std::vector<std::string> except_groups;
  bool is_result = false;                  ///< Which of the two below speaks.
  StatementRule statement;
  ResultRule result;
};

struct CompiledRuleSet {
  uint64_t generation = 0;
  Digest hash{};
  std::vector<Rule> rules;     ///< In the order of the sources.
  HsDatabase patterns;         ///< Null: no rule has one. Expression ids are indexes into `rules`.
  std::shared_ptr<const Detectors> detectors;
};

}  // namespace sluice::rules
