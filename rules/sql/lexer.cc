#include "rules/sql/lexer.h"

#include <algorithm>

#include "base/assert.h"
#include "base/text.h"
#include "rules/sql/characters.h"

namespace sluice::rules::sql {
namespace {

constexpr size_t name_size_max = 64;  // NAMEDATALEN

constexpr bool is_first_surrogate(char32_t c) { return c >= 0xD800 && c <= 0xDBFF; }
constexpr bool is_second_surrogate(char32_t c) { return c >= 0xDC00 && c <= 0xDFFF; }

TokenKind two_byte_operator(std::string_view op) {
  if (op == "=>") return TokenKind::EqualsGreater;
  if (op == ">=") return TokenKind::GreaterEquals;
  if (op == "<=") return TokenKind::LessEquals;
  if (op == "<>" || op == "!=") return TokenKind::NotEquals;
  return TokenKind::Operator;
}

// SQL wants `=-1` read as `=` and `-1`: an operator ends in + or - only when it also has a character
// that no operator of the standard has.
size_t without_trailing_signs(std::string_view run) {
  size_t size = run.size();
  const auto is_sign = [&](size_t i) { return run[i] == '+' || run[i] == '-'; };
  if (size <= 1 || !is_sign(size - 1)) return size;
  if (run.substr(0, size - 1).find_first_of("~!@#^&|`?%") != std::string_view::npos) return size;
  do --size;
  while (size > 1 && is_sign(size - 1));
  return size;
}

bool fits_int32(std::string_view digits) {
  const size_t first = std::min(digits.find_first_not_of('0'), digits.size());
  const std::string_view value = digits.substr(first);
  constexpr std::string_view largest = "2147483647";
  return value.size() < largest.size() || (value.size() == largest.size() && value <= largest);
}

}  // namespace

void append_utf8(std::string& out, char32_t c) {
  const auto byte = [&](char32_t value) { out.push_back(static_cast<char>(static_cast<unsigned char>(value))); };
  if (c < 0x80) return byte(c);
  if (c < 0x800) {
    byte(0xC0 | (c >> 6));
  } else {
    if (c < 0x10000) {
      byte(0xE0 | (c >> 12));
    } else {
      byte(0xF0 | (c >> 18));
      byte(0x80 | ((c >> 12) & 0x3F));
    }
    byte(0x80 | ((c >> 6) & 0x3F));
  }
  byte(0x80 | (c & 0x3F));
}

std::string_view explain(LexError error) {
  switch (error) {
    case LexError::UnterminatedComment: return "unterminated /* comment";
    case LexError::UnterminatedString: return "unterminated quoted string";
    case LexError::UnterminatedIdentifier: return "unterminated quoted identifier";
    case LexError::EmptyIdentifier: return "zero-length delimited identifier";
    case LexError::InvalidEscape: return "invalid Unicode escape";
    case LexError::InvalidEncoding: return "escapes of a literal make bytes that are not UTF-8";
    case LexError::TrailingJunk: return "trailing junk after a number or parameter";
    case LexError::OperatorTooLong: return "operator too long";
  }
  return "";
}

Lexer::Lexer(std::string_view text) : text_(text) { SLUICE_ASSERT(text.size() <= (size_t{1} << 30)); }

Result<Token, LexError> Lexer::token(TokenKind kind, size_t end) {
  SLUICE_ASSERT(end >= start_ && end <= text_.size());
  position_ = end;
  return Token{kind, start_, static_cast<uint32_t>(end), nullptr};
}

Result<Token, LexError> Lexer::next() {
  while (position_ < text_.size() && is_space(text_[position_])) ++position_;
  start_ = static_cast<uint32_t>(position_);
  if (position_ == text_.size()) return token(TokenKind::End, position_);

  const char c = text_[position_];
  const char second = at(position_ + 1);
  if (is_name_start(c)) return prefixed_or_word();
  if (is_digit(c) || (c == '.' && is_digit(second))) return number();
  switch (c) {
    case '\'': return literal(TokenKind::String, position_);
    case '"': return quoted_identifier(TokenKind::QuotedIdentifier, position_);
    case '$': return dollar();
    case ':':
      if (second == ':') return token(TokenKind::Typecast, position_ + 2);
      if (second == '=') return token(TokenKind::ColonEquals, position_ + 2);
      return token(TokenKind::Character, position_ + 1);
    case '.':
      return second == '.' ? token(TokenKind::DotDot, position_ + 2) : token(TokenKind::Character, position_ + 1);
    case '-':
      if (second == '-') return line_comment();
      break;
    case '/':
      if (second == '*') return block_comment();
      break;
    default: break;
  }
  return is_operator(c) ? operator_run() : token(TokenKind::Character, position_ + 1);
}

Result<Token, LexError> Lexer::prefixed_or_word() {
  const char second = at(position_ + 1);
  const char third = at(position_ + 2);
  switch (fold(text_[position_])) {
    case 'b':
      if (second == '\'') return literal(TokenKind::BitString, position_ + 1);
      break;
    case 'x':
      if (second == '\'') return literal(TokenKind::HexString, position_ + 1);
      break;
    case 'e':
      if (second == '\'') return escape_literal(position_ + 1);
      break;
    case 'n':
      if (second == '\'') {
        auto result = token(TokenKind::Keyword, position_ + 1);
        result->keyword = find_keyword("nchar");
        return result;
      }
      break;
    case 'u':
      if (second == '&' && third == '\'') return literal(TokenKind::UnicodeString, position_ + 2);
      if (second == '&' && third == '"') return quoted_identifier(TokenKind::UnicodeIdentifier, position_ + 2);
      break;
    default: break;
  }
  return word();
}

Result<Token, LexError> Lexer::word() {
  size_t end = position_ + 1;
  while (end < text_.size() && is_name(text_[end])) ++end;
  const Keyword* const keyword = find_keyword(text_.substr(start_, end - start_));
  auto result = token(keyword != nullptr ? TokenKind::Keyword : TokenKind::Identifier, end);
  result->keyword = keyword;
  return result;
}

// integer, decimal, real of scan.l, and the ways to write them wrongly. `1..2` is 1 .. 2.
Result<Token, LexError> Lexer::number() {
  const auto digits = [&](size_t i) {
    while (is_digit(at(i))) ++i;
    return i;
  };
  size_t end = digits(position_);
  const bool integer_before_dots = at(end) == '.' && at(end + 1) == '.' && end > position_;
  bool integer = true;
  if (!integer_before_dots && at(end) == '.') {
    end = digits(end + 1);
    integer = false;
  }
  if (!integer_before_dots && fold(at(end)) == 'e') {
    const bool sign = at(end + 1) == '+' || at(end + 1) == '-';
    const size_t exponent = end + (sign ? 2 : 1);
    if (!is_digit(at(exponent))) return std::unexpected(LexError::TrailingJunk);
    end = digits(exponent);
    integer = false;
  }
  if (end < text_.size() && is_name_start(text_[end])) return std::unexpected(LexError::TrailingJunk);
  const bool small = integer && fits_int32(text_.substr(start_, end - start_));
  return token(small ? TokenKind::Integer : TokenKind::Decimal, end);
}

Result<Token, LexError> Lexer::dollar() {
  size_t end = position_ + 1;
  if (is_digit(at(end))) {
    while (is_digit(at(end))) ++end;
    if (end < text_.size() && is_name_start(text_[end])) return std::unexpected(LexError::TrailingJunk);
    return token(TokenKind::Parameter, end);
  }
  if (end < text_.size() && is_name_start(text_[end])) {
    while (end < text_.size() && is_dollar_tag(text_[end])) ++end;
  }
  if (at(end) != '$') return token(TokenKind::Character, position_ + 1);
  const std::string_view delimiter = text_.substr(position_, end + 1 - position_);
  const size_t close = text_.find(delimiter, end + 1);
  if (close == std::string_view::npos) return std::unexpected(LexError::UnterminatedString);
  return token(TokenKind::DollarString, close + delimiter.size());
}

Result<Token, LexError> Lexer::operator_run() {
  size_t end = position_;
  while (end < text_.size() && is_operator(text_[end])) ++end;
  std::string_view run = text_.substr(position_, end - position_);
  // A comment that starts inside ends the operator; one that starts at its first byte is no operator.
  run = run.substr(0, std::min(run.find("/*"), run.find("--")));
  run = run.substr(0, without_trailing_signs(run));

  end = position_ + run.size();
  if (run.size() == 1 && is_self(run[0])) return token(TokenKind::Character, end);
  if (run.size() == 2) return token(two_byte_operator(run), end);
  if (run.size() >= name_size_max) return std::unexpected(LexError::OperatorTooLong);
  return token(TokenKind::Operator, end);
}

Result<Token, LexError> Lexer::line_comment() {
  size_t end = position_;
  while (end < text_.size() && !is_newline(text_[end])) ++end;
  return token(TokenKind::LineComment, end);
}

Result<Token, LexError> Lexer::block_comment() {
  size_t depth = 1;
  size_t i = position_ + 2;
  while (i + 1 < text_.size()) {
    if (text_[i] == '/' && text_[i + 1] == '*') {
      ++depth;
      i += 2;
    } else if (text_[i] == '*' && text_[i + 1] == '/') {
      i += 2;
      if (--depth == 0) return token(TokenKind::BlockComment, i);
    } else {
      ++i;
    }
  }
  return std::unexpected(LexError::UnterminatedComment);
}

Result<Token, LexError> Lexer::quoted_identifier(TokenKind kind, size_t open) {
  size_t i = open + 1;
  for (;;) {
    i = text_.find('"', i);
    if (i == std::string_view::npos) return std::unexpected(LexError::UnterminatedIdentifier);
    if (at(i + 1) != '"') break;
    i += 2;
  }
  if (i == open + 1) return std::unexpected(LexError::EmptyIdentifier);
  return token(kind, i + 1);
}

// Where the literal goes on: the index of the quote that re-opens it, or 0. SQL concatenates literals
// that only white space with a newline in it parts.
size_t Lexer::continuation(size_t after_quote) {
  bool newline = false;
  bool comment = false;
  size_t i = after_quote;
  while (i < text_.size()) {
    if (is_space(text_[i])) {
      newline = newline || is_newline(text_[i]);
      ++i;
    } else if (text_[i] == '-' && at(i + 1) == '-') {
      comment = true;
      while (i < text_.size() && !is_newline(text_[i])) ++i;
    } else {
      break;
    }
  }
  if (!newline || at(i) != '\'') return 0;
  if (comment) literal_continues_over_comment_ = true;
  return comment ? 0 : i;
}

Result<Token, LexError> Lexer::literal(TokenKind kind, size_t open) {
  size_t i = open + 1;
  for (;;) {
    const size_t close = text_.find('\'', i);
    if (close == std::string_view::npos) return std::unexpected(LexError::UnterminatedString);
    if (kind == TokenKind::String && text_.substr(i, close - i).find('\\') != std::string_view::npos) {
      backslash_in_plain_literal_ = true;
    }
    const bool doubled = at(close + 1) == '\'' && kind != TokenKind::BitString && kind != TokenKind::HexString;
    if (doubled) {
      i = close + 2;
      continue;
    }
    const size_t next = continuation(close + 1);
    if (next == 0) return token(kind, close + 1);
    i = next + 1;
  }
}

Result<Token, LexError> Lexer::escape_literal(size_t open) {
  std::string value;
  bool verify = false;  // Bytes written by number may not be UTF-8; what stands in the text is.
  size_t i = open + 1;
  for (;;) {
    const size_t stop = text_.find_first_of("'\\", i);
    if (stop == std::string_view::npos) return std::unexpected(LexError::UnterminatedString);
    value.append(text_, i, stop - i);
    if (text_[stop] == '\\') {
      const auto after = escape_sequence(stop, value, verify);
      if (!after) return std::unexpected(after.error());
      i = *after;
    } else if (at(stop + 1) == '\'') {
      value.push_back('\'');
      i = stop + 2;
    } else {
      const size_t next = continuation(stop + 1);
      if (next == 0) {
        if (verify && (value.find('\0') != std::string::npos || !utf8_valid(value))) {
          return std::unexpected(LexError::InvalidEncoding);
        }
        return token(TokenKind::EscapeString, stop + 1);
      }
      i = next + 1;
    }
  }
}

Result<size_t, LexError> Lexer::escape_sequence(size_t backslash, std::string& value, bool& verify) const {
  const size_t i = backslash + 1;
  if (i >= text_.size()) return std::unexpected(LexError::UnterminatedString);
  const char c = text_[i];
  if (c == 'u' || c == 'U') return unicode_escape(backslash, value);

  unsigned byte = static_cast<unsigned char>(c);
  size_t end = i + 1;
  if (is_octal_digit(c)) {
    byte = 0;
    for (end = i; end < i + 3 && is_octal_digit(at(end)); ++end) byte = byte * 8 + hex_value(text_[end]);
  } else if (c == 'x' && is_hex_digit(at(i + 1))) {
    byte = 0;
    for (end = i + 1; end < i + 3 && is_hex_digit(at(end)); ++end) byte = byte * 16 + hex_value(text_[end]);
  } else if (c == 'b' || c == 'f' || c == 'n' || c == 'r' || c == 't') {
    byte = ' ';  // Which control character it is does not matter to whether the value is UTF-8.
  }
  byte &= 0xFF;
  verify = verify || byte == 0 || byte >= 0x80;
  value.push_back(static_cast<char>(static_cast<unsigned char>(byte)));
  return end;
}

// \uXXXX or \UXXXXXXXX; a surrogate must be followed at once by its other half.
Result<size_t, LexError> Lexer::unicode_escape(size_t backslash, std::string& value) const {
  const auto read = [&](size_t i, char32_t& c) -> size_t {
    const size_t size = at(i) == '\\' && at(i + 1) == 'u' ? 4 : at(i) == '\\' && at(i + 1) == 'U' ? 8 : 0;
    c = 0;
    for (size_t k = 0; k < size; ++k) {
      if (!is_hex_digit(at(i + 2 + k))) return 0;
      c = c * 16 + hex_value(at(i + 2 + k));
    }
    return size == 0 ? 0 : i + 2 + size;
  };
  char32_t first = 0;
  size_t end = read(backslash, first);
  if (end == 0 || is_second_surrogate(first)) return std::unexpected(LexError::InvalidEscape);
  if (is_first_surrogate(first)) {
    char32_t second = 0;
    end = read(end, second);
    if (end == 0 || !is_second_surrogate(second)) return std::unexpected(LexError::InvalidEscape);
    first = 0x10000 + ((first & 0x3FF) << 10) + (second & 0x3FF);
  }
  if (first == 0 || first > 0x10FFFF) return std::unexpected(LexError::InvalidEscape);
  append_utf8(value, first);
  return end;
}

}  // namespace sluice::rules::sql
