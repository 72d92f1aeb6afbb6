// Statements made of others, reproducible from a seed.
#pragma once
#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "base/text.h"
#include "rules/sql/lexer.h"
#include "tests/unit/rules/sql/samples.h"

namespace sluice::rules::sql {

// Statements made by cutting, joining and sprinkling the samples; always valid UTF-8 without NUL.
class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  std::string next() {
    for (;;) {
      std::string text(any(samples));
      const size_t changes = number(1, 6);
      for (size_t i = 0; i < changes; ++i) change(text);
      if (utf8_valid(text) && text.find('\0') == std::string::npos) return text;
    }
  }

  std::string sequence() {
    for (;;) {
      std::string text;
      const size_t parts = number(1, 12);
      for (size_t i = 0; i < parts; ++i) {
        if (number(0, 2) == 0) text += ' ';
        text += any(fragments);
      }
      if (utf8_valid(text) && text.find('\0') == std::string::npos) return text;
    }
  }

  size_t number(size_t low, size_t high) { return std::uniform_int_distribution<size_t>(low, high)(random_); }

 private:
  template <typename List>
  std::string_view any(const List& list) {
    return list[number(0, list.size() - 1)];
  }

  void change(std::string& text) {
    const size_t at = number(0, text.size());
    switch (number(0, 6)) {
      case 0:
        text.insert(at, any(fragments));
        break;
      case 1:
        text.erase(at, number(1, 4));
        break;
      case 2:
        text.erase(at);
        break;
      case 3:
        text.insert(at, any(samples));
        break;
      case 4:
        if (at < text.size()) text[at] = static_cast<char>(number(1, 127));
        break;
      case 5:
        text.replace(at, number(0, 3), any(fragments));
        break;
      default:
        text += any(fragments);
        break;
    }
  }

  std::mt19937_64 random_;
};

// The text with every literal of the everyday kinds changed for another, of its own kind or not.
template <typename Random>
std::string with_other_literals(std::string_view text, Random& random) {
  static constexpr auto numbers = std::to_array<std::string_view>(
      {"0", "1", "2", "3", "17", "99", "2147483647", "2147483648", "1.5", ".5", "1e5", "0.0"});
  static constexpr auto strings = std::to_array<std::string_view>(
      {"''", "'a'", "'name'", "'it''s'", "'client_encoding'", "'pg_class'", "'1'", "'{\"a\": 1}'", "'drop table t'",
       "E'\\x41'", "E'a\\'b'", "$$x$$", "$t$ ' $t$", "'\\'", "'a'\n'b'", "'sluice.x'", "'2020-01-01'", "'?s'"});
  const auto any = [&random](const auto& list) {
    return list[std::uniform_int_distribution<size_t>(0, list.size() - 1)(random)];
  };
  std::string out;
  size_t from = 0;
  Lexer lexer(text);
  for (;;) {
    const auto token = lexer.next();
    if (!token || token->kind == TokenKind::End) return out.append(text.substr(from));
    const bool number = token->kind == TokenKind::Integer || token->kind == TokenKind::Decimal;
    const bool literal = token->kind == TokenKind::String || token->kind == TokenKind::EscapeString ||
                         token->kind == TokenKind::DollarString;
    if (!number && !literal) continue;
    out.append(text.substr(from, token->start - from));
    out.append(number ? any(numbers) : any(strings));
    from = token->end;
  }
}

}  // namespace sluice::rules::sql
