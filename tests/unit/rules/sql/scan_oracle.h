// The server's own scanner as libpg_query offers it, to hold ours against. Its answer is a protobuf of
// two small messages (ScanResult, ScanToken of pg_query.proto), read here by hand.
#pragma once
#include <pg_query.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/sql/lexer.h"

namespace sluice::rules::sql::oracle {

struct ScanToken {
  uint32_t start = 0;
  uint32_t end = 0;
  uint32_t token = 0;  // enum Token
};

struct ProtobufReader {
  std::string_view in;
  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; !in.empty() && shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(in[0]);
      in.remove_prefix(1);
      value |= uint64_t{byte & 0x7FU} << shift;
      if ((byte & 0x80) == 0) break;
    }
    return value;
  }
  std::string_view bytes() {
    const auto size = static_cast<size_t>(varint());
    const std::string_view out = in.substr(0, size);
    in.remove_prefix(out.size());
    return out;
  }
};

// nullopt: the scanner rejects the text.
inline std::optional<std::vector<ScanToken>> scan(const std::string& text) {
  const PgQueryScanResult result = pg_query_scan(text.c_str());
  std::optional<std::vector<ScanToken>> tokens;
  if (result.error == nullptr) {
    tokens.emplace();
    ProtobufReader message{{result.pbuf.data, result.pbuf.len}};
    while (!message.in.empty()) {
      const uint64_t tag = message.varint();
      if (tag >> 3 != 2) {  // The version.
        message.varint();
        continue;
      }
      ProtobufReader inner{message.bytes()};
      ScanToken token;
      while (!inner.in.empty()) {
        const uint64_t number = inner.varint() >> 3;
        const auto value = static_cast<uint32_t>(inner.varint());
        if (number == 1) token.start = value;
        if (number == 2) token.end = value;
        if (number == 4) token.token = value;
      }
      tokens->push_back(token);
    }
  }
  pg_query_free_scan_result(result);
  return tokens;
}

inline constexpr uint32_t unicode_identifier = 259;
inline constexpr uint32_t unicode_string = 262;

// What the scanner calls this token: its enum Token.
inline uint32_t number_of(const Token& token, std::string_view text) {
  switch (token.kind) {
    case TokenKind::Identifier:
    case TokenKind::QuotedIdentifier: return 258;
    case TokenKind::UnicodeIdentifier: return unicode_identifier;
    case TokenKind::Decimal: return 260;
    case TokenKind::String:
    case TokenKind::EscapeString:
    case TokenKind::DollarString: return 261;
    case TokenKind::UnicodeString: return unicode_string;
    case TokenKind::BitString: return 263;
    case TokenKind::HexString: return 264;
    case TokenKind::Operator: return 265;
    case TokenKind::Integer: return 266;
    case TokenKind::Parameter: return 267;
    case TokenKind::Typecast: return 268;
    case TokenKind::DotDot: return 269;
    case TokenKind::ColonEquals: return 270;
    case TokenKind::EqualsGreater: return 271;
    case TokenKind::LessEquals: return 272;
    case TokenKind::GreaterEquals: return 273;
    case TokenKind::NotEquals: return 274;
    case TokenKind::LineComment: return 275;
    case TokenKind::BlockComment: return 276;
    case TokenKind::Character: return static_cast<unsigned char>(text[token.start]);
    case TokenKind::Keyword: {
      // Numbered by the order of the grammar: ask the scanner for each word once.
      thread_local std::map<std::string_view, uint32_t> numbers;
      auto [at, unknown] = numbers.try_emplace(token.keyword->word, 0);
      if (unknown) at->second = scan(std::string(token.keyword->word))->at(0).token;
      return at->second;
    }
    case TokenKind::End: return 0;
  }
  return 0;
}

// Empty: both scanners say the same of `text` (valid UTF-8 without NUL). Else what they differ in.
inline std::string disagreement(const std::string& text) {
  const auto expected = scan(text);
  Lexer lexer(text);
  for (size_t i = 0;; ++i) {
    const auto token = lexer.next();
    if (!token) return expected ? "only ours rejects: " + std::string(explain(token.error())) : "";
    if (token->kind == TokenKind::End) {
      if (!expected) return "only theirs rejects";
      return expected->size() == i ? "" : "ours ends early";
    }
    if (!expected) continue;  // Ours must come to an error too.
    if (i >= expected->size()) return "ours goes on";
    const ScanToken& theirs = (*expected)[i];
    // The ends of U&"…" and U&'…' come wrong from pg_query_scan 15-4.0.0; the next start tells enough.
    const bool end_known = theirs.token != unicode_identifier && theirs.token != unicode_string;
    if (theirs.start != token->start || (end_known && theirs.end != token->end) ||
        theirs.token != number_of(*token, text)) {
      return "token " + std::to_string(i) + ": ours [" + std::to_string(token->start) + ',' +
             std::to_string(token->end) + ") " + std::to_string(number_of(*token, text)) + ", theirs [" +
             std::to_string(theirs.start) + ',' + std::to_string(theirs.end) + ") " + std::to_string(theirs.token);
    }
  }
}

}  // namespace sluice::rules::sql::oracle
