#include "rules/sql/facts.h"

#include <utility>

#include "rules/sql/collector.h"
#include "rules/sql/parse_tree.h"
#include "rules/sql/walker.h"

namespace sluice::rules::sql {
namespace {

Facts not_understood(std::string message, uint32_t cursor) {
  Facts facts;
  facts.parse_error = std::move(message);
  facts.parse_error_cursor = cursor;
  return facts;
}

// COMMIT, ROLLBACK and ROLLBACK TO, with their synonyms: the grammar has folded those.
bool ends_transaction(JsonValue stmt) {
  const auto node = as_node(stmt, "TransactionStmt");
  if (!node) return false;
  const std::string_view kind = text_field(*node, "kind");
  return kind == "TRANS_STMT_COMMIT" || kind == "TRANS_STMT_ROLLBACK" || kind == "TRANS_STMT_ROLLBACK_TO";
}

uint32_t number_field(JsonObject node, std::string_view name) {
  int64_t value = 0;
  const auto found = field(node, name);
  return found && found->get(value) == simdjson::SUCCESS && value > 0 ? static_cast<uint32_t>(value) : 0;
}

}  // namespace

Facts read_facts(std::string_view text, size_t text_size_max, const CanonicalLimits& limits,
                 const std::vector<std::string>& trusted_functions) {
  if (text.size() > text_size_max) {
    return not_understood("the statement is longer than " + std::to_string(text_size_max) + " bytes", 0);
  }
  auto lexed = lex_text(text, limits);
  if (!lexed) return not_understood(lexed.error().message, lexed.error().at + 1);
  const auto tree = ParseTree::parse(std::string(text));
  if (!tree) return not_understood(tree.error().message, tree.error().cursor);
  const auto statements = array_field(tree->root(), "stmts");
  if (!statements) return not_understood("the grammar's tree cannot be read", 0);

  Facts facts;
  Collector collector(text, *lexed, trusted_functions, facts);
  Walker walker(collector);
  bool ends_only = true;
  for (const JsonValue entry : *statements) {
    JsonObject raw;
    if (entry.get(raw) != simdjson::SUCCESS) return not_understood("the grammar's tree cannot be read", 0);
    const auto stmt = field(raw, "stmt");
    if (!stmt) return not_understood("the grammar's tree cannot be read", 0);
    const uint32_t start = number_field(raw, "stmt_location");
    const uint32_t size = number_field(raw, "stmt_len");  // 0: up to the end of the text.
    walker.statement(*stmt, start, size == 0 ? static_cast<uint32_t>(text.size()) : start + size);
    if (!walker.not_understood().empty()) {
      return not_understood("a part of the statement is unknown here: " + walker.not_understood(), 0);
    }
    ends_only = ends_only && ends_transaction(*stmt);
    ++facts.statement_count;
  }
  collector.finish();
  facts.transaction_end_only = facts.statement_count > 0 && ends_only;
  facts.backslash_in_plain_literal = lexed->backslash_in_plain_literal;
  facts.canonical = std::move(lexed->canonical);
  facts.understood = true;
  return facts;
}

}  // namespace sluice::rules::sql
