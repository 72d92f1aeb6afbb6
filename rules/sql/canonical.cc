#include "rules/sql/canonical.h"

#include <algorithm>

#include "base/assert.h"
#include "base/text.h"
#include "rules/sql/characters.h"
#include "rules/sql/literals.h"

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
      case TokenKind::String: return write_literal(string_value(raw));
      case TokenKind::EscapeString: return write_literal(escape_string_value(raw));
      case TokenKind::DollarString: return write_literal(dollar_string_value(raw));
      case TokenKind::UnicodeString: return write_unicode_literal(i);
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

  size_t write_literal(std::string_view value) {
    put("?s");
    if (out_.literals_cut || out_.literals.size() + value.size() + 1 > literals_size_max) {
      out_.literals_cut = true;
      return 1;
    }
    if (literal_before_) out_.literals.push_back(literal_separator);
    literal_before_ = true;
    out_.literals += value;
    return 1;
  }

  // The escape character of the U& token at `i`: from a UESCAPE clause behind it, or the default.
  std::optional<char> escape_of(size_t i) {
    if (!is_word(i + 1, "uescape")) return '\\';
    return i + 2 < out_.tokens.size() ? escape_character(bytes(out_.tokens[i + 2])) : std::nullopt;
  }

  size_t write_unicode_literal(size_t i) {
    const auto escape = escape_of(i);
    const auto value =
        escape ? decode_unicode(string_value(bytes(out_.tokens[i]).substr(2)), *escape) : std::nullopt;
    // The grammar refuses it too; whoever asks before it does must not take the literal for known.
    if (!value) out_.literals_cut = true;
    write_literal(value.value_or(""));
    return is_word(i + 1, "uescape") ? 3 : 1;
  }

  size_t write_unicode_name(size_t i) {
    const std::string_view raw = bytes(out_.tokens[i]);
    const auto escape = escape_of(i);
    auto name = escape ? decode_unicode(undouble(raw.substr(3, raw.size() - 4)), *escape) : std::nullopt;
    if (!name) return 0;
    put_name(*std::move(name));
    return is_word(i + 1, "uescape") ? 3 : 1;
  }

  std::string_view text_;
  CanonicalLimits limits_;
  Lexer lexer_;
  LexedText out_;
  uint32_t brackets_ = 0;
  uint32_t cases_ = 0;
  bool literal_before_ = false;
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

bool grammar_reads_literals(std::string_view text, const LexedText& lexed) {
  if (lexed.backslash_in_plain_literal) return true;
  for (size_t i = 0; i < lexed.tokens.size(); ++i) {
    const Token& token = lexed.tokens[i];
    if (token.kind == TokenKind::UnicodeString || token.kind == TokenKind::BitString ||
        token.kind == TokenKind::HexString) {
      return true;
    }
    // float(54) is refused.
    const bool is_float = token.kind == TokenKind::Keyword && token.keyword->word == "float";
    if (is_float && i + 1 < lexed.tokens.size() && text[lexed.tokens[i + 1].start] == '(') return true;
  }
  return false;
}

// The canonical text alone is not enough: it says the same of "day" and day, which the grammar may read
// differently, so the kind of every token goes with it.
std::optional<std::string> shape_of(std::string_view text, const CanonicalLimits& limits) {
  auto lexed = lex_text(text, limits);
  if (!lexed || grammar_reads_literals(text, *lexed)) return std::nullopt;
  std::string shape = std::move(lexed->canonical);
  shape.push_back('\0');
  for (const Token& token : lexed->tokens) {
    const bool string = token.kind == TokenKind::EscapeString || token.kind == TokenKind::DollarString;
    shape.push_back(static_cast<char>(string ? TokenKind::String : token.kind));
  }
  return shape;
}

}  // namespace sluice::rules::sql
