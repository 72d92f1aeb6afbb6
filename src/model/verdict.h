// The answer to one statement.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace sluice {

/// Deny is zero: zeroed memory must never admit. The numbers are in records: only ever added to.
/// Hold: waits for a person's approval; until approvals exist it is refused like Deny, and says so.
enum class Verdict : uint8_t { Deny, Allow, Hold, Count_ };

[[nodiscard]] constexpr std::string_view name_of(Verdict v) {
  return v == Verdict::Allow ? "allow" : v == Verdict::Hold ? "hold" : "deny";
}

/// Why, in one word for metrics, records and the DETAIL of a refusal.
enum class Reason : uint8_t {
  NoDecision,      ///< The zero value: nobody decided, so no.
  Rule,            ///< A rule of the rule set said so; with verdict Hold: it wants an approval.
  Default,         ///< No rule spoke: the target's `default:`.
  Guard,           ///< The always-on guard.
  NotUnderstood,   ///< The grammar rejects the text and the server accepts it.
  TooLarge,        ///< Over a cap on bytes, tokens or nesting.
  Unmaskable,      ///< A live mask cannot be carried by this channel or form.
  CatalogStale,    ///< Column rules are live and the catalog is older than it may be.
  Count_
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
    case Reason::Count_: break;
  }
  return "no-decision";
}

/// Rules that match and only say so. Views borrow as those of Decision.
struct Alerts {
  static constexpr size_t kept_max = 4;
  std::array<std::string_view, kept_max> rules{};  ///< Ids of the first ones, in the order of the rules.
  uint32_t count = 0;                              ///< Of all; those beyond kept_max are counted only.
  void add(std::string_view rule) {
    if (count < kept_max) rules[count] = rule;
    count += 1;
  }
  void add_all(const Alerts& others) {
    for (uint32_t i = 0; i < others.count && i < kept_max; ++i) add(others.rules[i]);
    if (others.count > kept_max) count += others.count - static_cast<uint32_t>(kept_max);
  }
};

/// A plain value: copied, compared, recorded, never changed in place. Views borrow from the rule set
/// (or static text) and live as long as the generation that decided.
struct Decision {
  Verdict verdict = Verdict::Deny;
  Reason reason = Reason::NoDecision;
  std::string_view rule;     ///< The rule's id; empty unless reason is Rule.
  std::string_view message;  ///< What the rule's author says to the caller; may be empty.
  std::string_view hint;     ///< What would pass; may be empty.
  Alerts alerts{};
};

}  // namespace sluice
