#include "rules/sql/canonical.h"

#include <algorithm>
#include <optional>

#include "base/assert.h"
#include "base/text.h"
#include "rules/sql/characters.h"

namespace sluice::rules::sql {
namespace {

constexpr size_t name_size_max = 63;  // NAMEDATALEN - 1

// Cuts at a character, as pg_mbcliplen does.
void truncate_name(std::string& name) {
  if (name.size() <= name_size_max) return;
  size_t size = name_size_max;
  while (size > 0 && (static_cast<unsigned char>(name[size]) & 0xC0) == 0x80) --size;
  name.resize(size);
}

bool may_stand_bare(std::string_view name) {
  if (name.empty() || !is_name_start(name[0]) || !std::ranges::all_of(name, is_name)) return false;
  if (std::ranges::any_of(name, [](char c) { return c >= 'A' && c <= 'Z'; })) return false;
  if (name == "cube" || name == "rollup") return false;
  const Keyword* const keyword = find_keyword(name);
  return keyword == nullptr || keyword->category == KeywordCategory::Unreserved;
}

std::string undouble(std::string_view quoted) {
  std::string out;
  for (size_t i = 0; i < quoted.size(); ++i) {
    out.push_back(quoted[i]);
    if (quoted[i] == '"') ++i;
  }
  return out;
}

// The value of U&"…" (str_udeescape of the server). nullopt: an escape that means no character.
std::optional<std::string> decode_unicode(std::string_view in, char escape) {
  std::string out;
  char32_t pending = 0;  // The first half of a surrogate pair, or 0.
  size_t i = 0;
  while (i < in.size()) {
    if (in[i] != escape || (i + 1 < in.size() && in[i + 1] == escape)) {
      if (pending != 0) return std::nullopt;
      out.push_back(in[i]);
      i += in[i] == escape ? 2 : 1;
      continue;
    }
    const bool six = i + 1 < in.size() && in[i + 1] == '+';
    const size_t first = i + (six ? 2 : 1);
    const size_t size = six ? 6 : 4;
    char32_t c = 0;
    for (size_t k = first; k < first + size; ++k) {
      if (k >= in.size() || !is_hex_digit(in[k])) return std::nullopt;
      c = c * 16 + hex_value(in[k]);
    }
    i = first + size;
    const bool second_half = c >= 0xDC00 && c <= 0xDFFF;
    if (second_half != (pending != 0)) return std::nullopt;
    if (c >= 0xD800 && c <= 0xDBFF) {
      pending = c;
      continue;
    }
    if (second_half) c = 0x10000 + ((pending & 0x3FF) << 10) + (c & 0x3FF);
    pending = 0;
    if (c == 0 || c > 0x10FFFF) return std::nullopt;
    append_utf8(out, c);
  }
  if (pending != 0) return std::nullopt;
  return out;
}

// The character that UESCAPE '…' names. nullopt: not allowed, or written in a form not worth decoding.
std::optional<char> escape_character(std::string_view literal) {
  if (literal.size() != 3 || literal.front() != '\'') return std::nullopt;
  const char c = literal[1];
  if (is_hex_digit(c) || c == '+' || c == '\'' || c == '"' || is_space(c) || is_high(c)) return std::nullopt;
  return c;
}

class Writer {
 public:
  Writer(std::string_view text, const CanonicalLimits& limits) : text_(text), limits_(limits), lexer_(text) {
    out_.canonical.reserve(text.size() + text.size() / 4);
  }

  Result<LexedText, LexFailure> run() {
    for (;;) {
      const auto token = lexer_.next();
      if (!token) return failure(std::string(explain(token.error())), lexer_.error_at());
      if (lexer_.literal_continues_over_comment()) {
        return failure("a literal goes on after a comment, which servers and tools read differently", token->start);
      }
      if (token->kind == TokenKind::LineComment || token->kind == TokenKind::BlockComment) continue;
      if (token->kind == TokenKind::End) break;
      if (out_.tokens.size() == limits_.token_max) {
        return failure("more than " + std::to_string(limits_.token_max) + " tokens", token->start, true);
      }
      out_.tokens.push_back(*token);
      if (!count_nesting(*token)) {
        return failure("nested deeper than " + std::to_string(limits_.nesting_max), token->start, true);
      }
    }
    for (size_t i = 0; i < out_.tokens.size();) {
      const size_t used = write(i);
      if (used == 0) return failure(std::string(explain(LexError::InvalidEscape)), out_.tokens[i].start);
      i += used;
    }
    out_.backslash_in_plain_literal = lexer_.backslash_in_plain_literal();
    return std::move(out_);
  }

 private:
  static std::unexpected<LexFailure> failure(std::string message, uint32_t at, bool over_cap = false) {
    return std::unexpected(LexFailure{std::move(message), at, over_cap});
  }
  [[nodiscard]] std::string_view bytes(const Token& token) const {
    return text_.substr(token.start, token.end - token.start);
  }
  [[nodiscard]] bool is_word(size_t i, std::string_view word) const {
    return i < out_.tokens.size() && out_.tokens[i].kind == TokenKind::Keyword && out_.tokens[i].keyword->word == word;
  }

  // Closing what was never opened must not make room for more, so every kind has its own count.
  bool count_nesting(const Token& token) {
    if (token.kind == TokenKind::Character) {
      const char c = text_[token.start];
      if (c == '(' || c == '[') ++brackets_;
      if ((c == ')' || c == ']') && brackets_ > 0) --brackets_;
    } else if (token.kind == TokenKind::Keyword) {
      if (token.keyword->word == "case") ++cases_;
      if (token.keyword->word == "end" && cases_ > 0) --cases_;
    }
    out_.nesting = std::max(out_.nesting, brackets_ + cases_);
    return out_.nesting <= limits_.nesting_max;
  }

  void put(std::string_view word) {
    if (!out_.canonical.empty()) out_.canonical.push_back(' ');
    out_.canonical.append(word);
  }

  void put_name(std::string name) {
    truncate_name(name);
    if (may_stand_bare(name)) return put(name);
    std::string quoted = "\"";
    for (const char c : name) quoted.append(c == '"' ? 2 : 1, c);
    put(quoted + '"');
  }

  // Writes the token at `i` and returns how many tokens that took; 0: it cannot be decoded.
  size_t write(size_t i) {
    const Token& token = out_.tokens[i];
    const std::string_view raw = bytes(token);
    switch (token.kind) {
      case TokenKind::Identifier: {
        std::string name(raw);
        std::ranges::transform(name, name.begin(), fold);
        truncate_name(name);
        put(name);
        return 1;
      }
      case TokenKind::QuotedIdentifier: put_name(undouble(raw.substr(1, raw.size() - 2))); return 1;
      case TokenKind::UnicodeIdentifier: return write_unicode_name(i);
      case TokenKind::Keyword: put(token.keyword->word); return 1;
      case TokenKind::Integer:
      case TokenKind::Decimal: put("?n"); return 1;
      case TokenKind::String:
      case TokenKind::EscapeString:
      case TokenKind::DollarString: put("?s"); return 1;
      case TokenKind::UnicodeString: put("?s"); return is_word(i + 1, "uescape") ? 3 : 1;
      case TokenKind::BitString:
      case TokenKind::HexString: put("?b"); return 1;
      case TokenKind::NotEquals: put("<>"); return 1;
      case TokenKind::Parameter:
      case TokenKind::Operator:
      case TokenKind::Typecast:
      case TokenKind::DotDot:
      case TokenKind::ColonEquals:
      case TokenKind::EqualsGreater:
      case TokenKind::LessEquals:
      case TokenKind::GreaterEquals:
      case TokenKind::Character: put(raw); return 1;
      case TokenKind::LineComment:
      case TokenKind::BlockComment:
      case TokenKind::End: break;
    }
    SLUICE_ASSERT(false);
    return 0;
  }

  size_t write_unicode_name(size_t i) {
    const std::string_view raw = bytes(out_.tokens[i]);
    char escape = '\\';
    const bool clause = is_word(i + 1, "uescape");
    if (clause) {
      if (i + 2 >= out_.tokens.size()) return 0;
      const auto named = escape_character(bytes(out_.tokens[i + 2]));
      if (!named) return 0;
      escape = *named;
    }
    auto name = decode_unicode(undouble(raw.substr(3, raw.size() - 4)), escape);
    if (!name) return 0;
    put_name(*std::move(name));
    return clause ? 3 : 1;
  }

  std::string_view text_;
  CanonicalLimits limits_;
  Lexer lexer_;
  LexedText out_;
  uint32_t brackets_ = 0;
  uint32_t cases_ = 0;
};

}  // namespace

Result<LexedText, LexFailure> lex_text(std::string_view text, const CanonicalLimits& limits) {
  for (size_t i = 0; i < text.size();) {
    const size_t size = utf8_sequence_size(text.substr(i));
    if (size == 0 || text[i] == '\0') {
      return std::unexpected(LexFailure{size == 0 ? "the text is not valid UTF-8" : "the text holds a NUL byte",
                                        static_cast<uint32_t>(i)});
    }
    i += size;
  }
  return Writer(text, limits).run();
}

}  // namespace sluice::rules::sql
