// The insides of a compiled rule set: what rules/compile fills in and this folder reads. Immutable
// once a RuleSet owns it.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "model/facts.h"
#include "model/verdict.h"
#include "rules/detect/data_type.h"
#include "rules/detect/detectors.h"
#include "rules/detect/hyperscan.h"
#include "rules/mask/mask_spec.h"
#include "rules/ruleset/name_pattern.h"
#include "rules/ruleset/who.h"

namespace sluice::rules {

/// Names as the server stores them: folded and unquoted.
struct RelationPattern {
  enum class Access : uint8_t { Any, Read, Write };
  std::string schema;        ///< Empty: in any schema.
  std::string name;
  bool every_name = false;   ///< schema.*
  Access access = Access::Any;
};

struct FunctionPattern {
  std::string schema;        ///< Empty: in any schema.
  std::string name;
  bool every_name = false;   ///< schema.*
};

struct ColumnPattern {
  NamePattern schema;
  NamePattern table;
  NamePattern column;
};

/// Which text of a statement a pattern is matched against.
enum class PatternText : uint8_t {
  Canonical,  ///< Comments gone, case folded, literals as placeholders.
  Raw,        ///< As the client sent it; where it holds a password, with that blanked.
  Literals,   ///< The values of its text literals, one after the other with 0x1E between.
  Count_
};
inline constexpr size_t pattern_text_count = static_cast<size_t>(PatternText::Count_);

struct StatementRule {
  KindSet kinds;                         ///< Some part is one of them; empty: any.
  bool where_absent = false;
  bool limit_absent = false;
  bool opaque = false;                   ///< Runs code whose text is not in the statement.
  std::vector<RelationPattern> relations;  ///< One of them is used so; empty: any.
  std::vector<FunctionPattern> functions;  ///< One of them is called, or of ...
  FunctionClassSet function_classes;       ///< ... these; both empty: any.
  std::vector<ColumnPattern> columns;    ///< One of them is used, ...
  ColumnUses column_uses;                ///< ... in one of these ways; empty: in any.
  std::optional<PatternText> pattern;    ///< The expression with this rule's index in `patterns`.
  Verdict verdict = Verdict::Deny;
  std::string message;
  std::string hint;
};

struct ResultRule {
  TypeSet types;                    ///< Either types ...
  std::vector<ColumnPattern> columns;  ///< ... or columns.
  bool inference = false;           ///< Statements may compare, group and order by these columns.
  MaskSpec mask;
  std::shared_ptr<const std::string> mask_text;  ///< Holds mask.text; null where it is empty.
  std::shared_ptr<const MaskKey> mask_key;       ///< Holds mask.key; null where there is none.
};

struct SessionRule {
  bool read_only = false;  ///< The session at the target begins, and stays, in read-only transactions.
};

enum class RuleKind : uint8_t { Statement, Result, Session };

struct Rule {
  std::string id;                          ///< Of a pack's rule: "pack/id".
  std::string target;                      ///< Empty: every target.
  Who when;
  std::optional<Who> except;
  bool alert = false;                      ///< Matches are recorded, nothing else happens.
  RuleKind kind = RuleKind::Statement;     ///< Which of these speaks.
  StatementRule statement;
  ResultRule result;
  SessionRule session;
  /// Says that it matched, and changes nothing.
  [[nodiscard]] bool only_alerts() const {
    return alert || (kind == RuleKind::Result && result.mask.op == MaskOperator::Keep);
  }
};

struct CompiledRuleSet {
  uint64_t generation = 0;
  Digest hash{};
  Digest expressions{};        ///< Of all that its Hyperscan databases are compiled from.
  std::vector<Rule> rules;     ///< In the order of the sources.
  /// By PatternText; null: no rule has one. Expression ids are indexes into `rules`.
  std::array<HsDatabase, pattern_text_count> patterns;
  std::shared_ptr<const Detectors> detectors;
};

}  // namespace sluice::rules
