#include "rules/sql/collector.h"

#include <algorithm>

namespace sluice::rules::sql {
namespace {

bool is_text_literal(const Token& token) {
  return token.kind == TokenKind::String || token.kind == TokenKind::EscapeString ||
         token.kind == TokenKind::DollarString || token.kind == TokenKind::UnicodeString;
}

}  // namespace

void Collector::relation(QualifiedName name, Use use) {
  RelationUse& found = relations_[{std::string(name.schema), std::string(name.name)}];
  found.read = found.read || use != Use::Write;
  found.write = found.write || use != Use::Read;
  if (use == Use::Read) return;
  if (const Guard tripped = guard_of_write(name); tripped != Guard::None) guard(tripped, name.text());
}

void Collector::function(QualifiedName name) {
  functions_.insert(name.text());
  if (const auto found = class_of_function(name.name)) facts_.function_classes.add(*found);
}

void Collector::unknown_code(std::string_view what, QualifiedName name) {
  if (!trusted_.trusts(name)) opaque(std::string(what) + ' ' + name.text());
}

void Collector::opaque(std::string because) {
  if (facts_.opaque) return;
  facts_.opaque = true;
  facts_.opaque_because = std::move(because);
}

void Collector::guard(Guard guard, std::string_view detail) {
  if (facts_.guard != Guard::None) return;
  facts_.guard = guard;
  facts_.guard_detail = detail;
}

size_t Collector::token_at(uint32_t location) const {
  const auto at = std::ranges::lower_bound(lexed_.tokens, location, {}, &Token::start);
  return at == lexed_.tokens.end() || at->start != location ? lexed_.tokens.size()
                                                            : static_cast<size_t>(at - lexed_.tokens.begin());
}

void Collector::blank(const Token& token) { secrets_.emplace(token.start, token.end); }

void Collector::secret_at(uint32_t location) {
  const size_t at = token_at(location);
  if (at < lexed_.tokens.size() && is_text_literal(lexed_.tokens[at])) return blank(lexed_.tokens[at]);
  withhold_all_ = true;
}

void Collector::secret_after(uint32_t location) {
  constexpr size_t distance_max = 3;  // ENCRYPTED PASSWORD '…', and room for one more word.
  const size_t at = token_at(location);
  for (size_t i = at; i < lexed_.tokens.size() && i - at <= distance_max; ++i) {
    if (is_text_literal(lexed_.tokens[i])) return blank(lexed_.tokens[i]);
  }
  // A secret that cannot be found must not be recorded with the rest.
  withhold_all_ = true;
}

void Collector::secrets_after_word(std::string_view word, uint32_t start, uint32_t end) {
  const auto& tokens = lexed_.tokens;
  bool found = false;
  for (size_t i = 0; i + 1 < tokens.size(); ++i) {
    if (tokens[i].start < start || tokens[i].start >= end) continue;
    if (tokens[i].kind != TokenKind::Keyword || tokens[i].keyword->word != word) continue;
    if (!is_text_literal(tokens[i + 1])) continue;
    blank(tokens[i + 1]);
    found = true;
  }
  if (!found) withhold_all_ = true;
}

void Collector::finish() {
  for (auto& [name, use] : relations_) {
    use.schema = name.first;
    use.name = name.second;
    facts_.relations.push_back(std::move(use));
  }
  facts_.functions.assign(functions_.begin(), functions_.end());

  constexpr std::string_view blanked = "'***'";
  facts_.has_secret = withhold_all_ || !secrets_.empty();
  if (withhold_all_) {
    facts_.text_to_record = blanked;
    return;
  }
  if (secrets_.empty()) return;
  size_t from = 0;
  for (const auto& [start, end] : secrets_) {
    facts_.text_to_record.append(text_, from, start - from).append(blanked);
    from = end;
  }
  facts_.text_to_record.append(text_, from);
}

}  // namespace sluice::rules::sql
