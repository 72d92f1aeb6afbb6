// Canonical text: what command patterns are matched against, so that case, comments, white space,
// quoting and literals cannot hide a command. It is for matching, not for parsing again.
//
//   SELECT "name",U&"\0069d" FROM/**/Users WHERE id=E'\x31' AND n IN (1, 2.5) AND k = $1
//   select name , id from users where id = ?s and n in ( ?n , ?n ) and k = $1
//
// One space between any two tokens. Key words and bare names in ASCII lower case, names cut to 63 bytes
// as the server cuts them. Literals by type: ?s text of any form, ?n numbers, ?b bit strings; $1 stays.
// (`?` followed by a letter never comes from the text: an operator ? has a space behind it.) `!=` is <>.
// A quoted name loses its quotes where the bare word would be read as the same name: it has the shape of
// a folded name and is no key word, or an unreserved one; "cube" and "rollup" keep theirs, since bare
// they are no function calls. Other names keep quotes, with their escapes decoded.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/facts.h"
#include "rules/sql/lexer.h"

namespace sluice::rules::sql {

struct CanonicalLimits {
  uint32_t token_max;
  uint32_t nesting_max;  ///< Of parentheses, brackets and CASE … END together.
};

struct LexedText {
  std::string canonical;
  std::vector<Token> tokens;  ///< Without comments and End; a UESCAPE clause is in.
  std::string literals;       ///< As in Facts.
  bool literals_cut = false;
  uint32_t nesting = 0;       ///< The deepest.
  bool backslash_in_plain_literal = false;
};

struct LexFailure {
  std::string message;  ///< Quotes nothing of the text.
  uint32_t at = 0;      ///< Byte offset.
  bool over_cap = false;  ///< More tokens or deeper nesting than allowed; else the text is at fault.
};

/// Lexes a whole text. Fails on what the lexer rejects, on text that is not UTF-8 or holds NUL, over a
/// limit, and where the server and libpg_query would disagree (see lexer.h).
[[nodiscard]] Result<LexedText, LexFailure> lex_text(std::string_view text, const CanonicalLimits& limits);

/// The grammar itself looks into some literal: Unicode escapes, the precision of float(n).
[[nodiscard]] bool grammar_reads_literals(std::string_view text, const LexedText& lexed);

/// What is left of a text when the values of its literals are taken away, and nothing else that the
/// grammar sees: two texts of one shape have trees that differ in those values alone. nullopt: the text
/// does not lex, or grammar_reads_literals().
[[nodiscard]] std::optional<std::string> shape_of(std::string_view text, const CanonicalLimits& limits);

}  // namespace sluice::rules::sql
