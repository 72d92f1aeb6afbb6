#include "rules/sql/facts.h"

#include <utility>

#include "rules/sql/collector.h"
#include "rules/sql/parse_tree.h"
#include "rules/sql/walker.h"

namespace sluice::rules::sql {
namespace {

Facts over_cap(std::string message) {
  Facts facts;
  facts.parse_error = std::move(message);
  facts.over_cap = true;
  return facts;
}

// What a DO block or a function's body says is text to us. It is searched for what the guard refuses
// when it stands in the open; a body that puts the words together as it runs is not caught, which is
// why such statements are opaque, and why the credential should be able to do little.
Guard guard_in_body(std::string_view text) {
  std::string words = " ";
  for (const char c : text) {
    const char low = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool word = (low >= 'a' && low <= 'z') || (low >= '0' && low <= '9') || low == '_' || static_cast<unsigned char>(low) >= 0x80;
    if (word) {
      words.push_back(low);
    } else if (words.back() != ' ') {
      words.push_back(' ');
    }
  }
  words.push_back(' ');
  static constexpr std::pair<std::string_view, Guard> phrases[] = {
      {" alter role ", Guard::OwnRole},        {" alter user ", Guard::OwnRole},
      {" session authorization ", Guard::SessionAuthorization}, {" session_authorization ", Guard::SessionAuthorization},
      {" pg_terminate_backend ", Guard::SessionControl},        {" pg_cancel_backend ", Guard::SessionControl},
      {" dblink", Guard::LoopBack},            {" create subscription ", Guard::Replication},
      {" set sluice ", Guard::SluiceSetting},  {" standard_conforming_strings ", Guard::PinnedSetting},
      {" client_encoding ", Guard::PinnedSetting},
  };
  for (const auto& [phrase, guard] : phrases) {
    if (words.find(phrase) != std::string::npos) return guard;
  }
  return Guard::None;
}

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

// Only what is done to rows, nothing that guards or hides.
bool is_plain_query(const Facts& facts) {
  KindSet plain;
  for (const auto kind : {StatementKind::Select, StatementKind::Insert, StatementKind::Update, StatementKind::Delete}) {
    plain.add(kind);
  }
  return !facts.kinds.empty() && (facts.kinds.bits() & ~plain.bits()) == 0 && !facts.opaque &&
         facts.guard == Guard::None && !facts.has_secret;
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
    return over_cap("the statement is longer than " + std::to_string(text_size_max) + " bytes");
  }
  auto lexed = lex_text(text, limits);
  if (!lexed) {
    return lexed.error().over_cap ? over_cap(lexed.error().message) : not_understood(lexed.error().message, lexed.error().at + 1);
  }
  const auto tree = ParseTree::parse(std::string(text));
  if (!tree) {
    // Without a position it is not the text that the grammar objects to: the tree was too deep or too large.
    return tree.error().cursor == 0 ? over_cap(tree.error().message) : not_understood(tree.error().message, tree.error().cursor);
  }
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
  const bool has_body = facts.kinds.has(StatementKind::Do) || (facts.opaque && facts.kinds.has(StatementKind::Create));
  if (has_body) {
    if (const Guard inside = guard_in_body(text); inside != Guard::None) collector.guard(inside, "inside a body");
  }
  collector.finish();
  facts.columns_unknown = walker.columns().overflowed();
  facts.columns = walker.columns().take();
  facts.transaction_end_only = facts.statement_count > 0 && ends_only;
  facts.backslash_in_plain_literal = lexed->backslash_in_plain_literal;
  facts.literals = std::move(lexed->literals);
  facts.literals_cut = lexed->literals_cut;
  facts.canonical = std::move(lexed->canonical);
  facts.understood = true;
  facts.literal_independent = !collector.literals_matter() && is_plain_query(facts) && !grammar_reads_literals(text, *lexed);
  return facts;
}

}  // namespace sluice::rules::sql
