// The answer to one statement.
#pragma once
#include <cstdint>
#include <string_view>

namespace sluice {

/// Deny is zero: zeroed memory must never admit.
enum class Verdict : uint8_t { Deny, Allow };

[[nodiscard]] constexpr std::string_view name_of(Verdict v) { return v == Verdict::Allow ? "allow" : "deny"; }

/// Why, in one word for metrics, records and the DETAIL of a refusal.
enum class Reason : uint8_t {
  NoDecision,      ///< The zero value: nobody decided, so no.
  Rule,            ///< A rule of the rule set said so.
  Default,         ///< No rule spoke: the target's `default:`.
  Guard,           ///< The always-on guard.
  NotUnderstood,   ///< The grammar rejects the text and the server accepts it.
  TooLarge,        ///< Over a cap on bytes, tokens or nesting.
  Unmaskable,      ///< A live mask cannot be carried by this channel or form.
  CatalogStale,    ///< Column rules are live and the catalog is older than it may be.
};

[[nodiscard]] constexpr std::string_view name_of(Reason r) {
  switch (r) {
    case Reason::NoDecision: return "no-decision";
    case Reason::Rule: return "rule";
    case Reason::Default: return "default";
    case Reason::Guard: return "guard";
    case Reason::NotUnderstood: return "not-understood";
    case Reason::TooLarge: return "too-large";
    case Reason::Unmaskable: return "unmaskable";
    case Reason::CatalogStale: return "catalog-stale";
  }
  return "no-decision";
}

/// A plain value: copied, compared, recorded, never changed in place. Views borrow from the rule set
/// (or static text) and live as long as the generation that decided.
struct Decision {
  Verdict verdict = Verdict::Deny;
  Reason reason = Reason::NoDecision;
  std::string_view rule;     ///< The rule's id; empty unless reason is Rule.
  std::string_view message;  ///< What the rule's author says to the caller; may be empty.
  std::string_view hint;     ///< What would pass; may be empty.
};

}  // namespace sluice
