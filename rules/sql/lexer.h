// A lexer for PostgreSQL 15, rule for rule what the server's scan.l does with UTF-8 and
// standard_conforming_strings on. Any disagreement with the server would be a way around the rules, so
// a differential test holds it against the server's own scanner.
//
// One known difference is kept apart on purpose: the server lets a `--` comment stand between two
// literals that continue each other ('a' -- c <newline> 'b'), libpg_query's scanner does not. This
// lexer follows libpg_query and reports the case, so that the caller can refuse it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "rules/sql/keywords.h"

namespace sluice::rules::sql {

enum class TokenKind : uint8_t {
  End,                ///< No more tokens: start and end are the size of the text.
  Identifier,         ///< Bare: name.
  QuotedIdentifier,   ///< "Name".
  UnicodeIdentifier,  ///< U&"n\0061me"; a UESCAPE clause is tokens of its own.
  Keyword,            ///< See Token::keyword. N'…' gives the key word nchar, then a String.
  Integer,            ///< Digits that fit 32 bits signed.
  Decimal,            ///< Any other number.
  String,             ///< '…', with its continuations.
  EscapeString,       ///< E'…'.
  DollarString,       ///< $tag$…$tag$.
  UnicodeString,      ///< U&'…'.
  BitString,          ///< B'…'.
  HexString,          ///< X'…'.
  Parameter,          ///< $1.
  Operator,           ///< An operator that has no kind of its own.
  Typecast,           ///< ::
  DotDot,             ///< ..
  ColonEquals,        ///< :=
  EqualsGreater,      ///< =>
  LessEquals,         ///< <=
  GreaterEquals,      ///< >=
  NotEquals,          ///< <> or !=
  Character,          ///< Any other single byte.
  LineComment,        ///< -- …
  BlockComment,       ///< /* … */
};

struct Token {
  TokenKind kind = TokenKind::End;
  uint32_t start = 0;  ///< Byte offsets into the text, [start, end).
  uint32_t end = 0;
  const Keyword* keyword = nullptr;  ///< Set for Keyword only.
};

enum class LexError : uint8_t {
  UnterminatedComment,
  UnterminatedString,
  UnterminatedIdentifier,
  EmptyIdentifier,
  InvalidEscape,    ///< A Unicode escape or surrogate pair that means no character.
  InvalidEncoding,  ///< Escapes of an E'…' literal that make bytes which are not UTF-8, or NUL.
  TrailingJunk,     ///< A letter right after a number or a parameter.
  OperatorTooLong,  ///< 64 bytes or more.
};
[[nodiscard]] std::string_view explain(LexError);

/// Reads tokens off `text`, which must be valid UTF-8 without NUL, no longer than 1 GiB, and must
/// outlive the lexer. No allocation, except for E'…' literals that write bytes by number.
class Lexer {
 public:
  explicit Lexer(std::string_view text);

  /// The next token, comments included; End again and again at the end. After an error the lexer must
  /// not be used any more.
  [[nodiscard]] Result<Token, LexError> next();
  /// Where the last error is: a byte offset.
  [[nodiscard]] uint32_t error_at() const { return start_; }

  /// A plain literal read so far holds a backslash: read differently were standard_conforming_strings off.
  [[nodiscard]] bool backslash_in_plain_literal() const { return backslash_in_plain_literal_; }
  /// A literal read so far would go on after a comment, to the server but not here (see above).
  [[nodiscard]] bool literal_continues_over_comment() const { return literal_continues_over_comment_; }

 private:
  using TokenResult = Result<Token, LexError>;
  TokenResult token(TokenKind kind, size_t end);
  TokenResult prefixed_or_word();
  TokenResult word();
  TokenResult number();
  TokenResult dollar();
  TokenResult operator_run();
  TokenResult block_comment();
  TokenResult line_comment();
  TokenResult quoted_identifier(TokenKind kind, size_t open);
  TokenResult literal(TokenKind kind, size_t open);
  TokenResult escape_literal(size_t open);
  Result<size_t, LexError> escape_sequence(size_t backslash, std::string& value, bool& verify) const;
  Result<size_t, LexError> unicode_escape(size_t backslash, std::string& value) const;
  [[nodiscard]] size_t continuation(size_t after_quote);
  [[nodiscard]] char at(size_t i) const { return i < text_.size() ? text_[i] : '\0'; }

  std::string_view text_;
  size_t position_ = 0;
  uint32_t start_ = 0;
  bool backslash_in_plain_literal_ = false;
  bool literal_continues_over_comment_ = false;
};

}  // namespace sluice::rules::sql
