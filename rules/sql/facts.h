// From SQL text to Facts: the lexer's account and the grammar's, which must both accept the text.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "model/facts.h"
#include "rules/sql/canonical.h"

namespace sluice::rules::sql {

/// Pure, thread-safe, never throws for what the text says. Recursion grows with the text: see
/// rules/ruleset/analyzer.h for the thread it needs. `text_size_max` and `limits` are judged first.
[[nodiscard]] Facts read_facts(std::string_view text, size_t text_size_max, const CanonicalLimits& limits,
                               const std::vector<std::string>& trusted_functions);

}  // namespace sluice::rules::sql
