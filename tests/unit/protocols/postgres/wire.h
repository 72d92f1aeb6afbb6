// Bytes for the codec's tests, written by hand and not by the builders they check.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace sluice::pg::test {

using namespace std::string_view_literals;

inline std::string be16(uint16_t v) { return {static_cast<char>(v >> 8), static_cast<char>(v & 0xFF)}; }
inline std::string be32(uint32_t v) { return be16(static_cast<uint16_t>(v >> 16)) + be16(static_cast<uint16_t>(v)); }
/// The text and its NUL.
inline std::string c(std::string_view text) { return std::string(text) + '\0'; }
/// The text with its length in front.
inline std::string sized(std::string_view text) { return be32(static_cast<uint32_t>(text.size())) + std::string(text); }
inline std::string frame(char type, std::string_view body) {
  return std::string(1, type) + be32(static_cast<uint32_t>(body.size()) + 4) + std::string(body);
}
inline std::string header(char type, uint32_t length) { return std::string(1, type) + be32(length); }
inline std::string startup(uint32_t code, std::string_view rest) {
  return be32(static_cast<uint32_t>(rest.size()) + 8) + be32(code) + std::string(rest);
}
inline std::string text_of(const std::vector<std::byte>& bytes) { return std::string(as_text(bytes)); }

/// Calls `good` with every proper prefix and with every one-byte extension of a body: none of them may
/// parse, since a body ends exactly where its fields end.
template <typename Parses>
void for_every_other_length(const std::string& body, Parses parses, auto&& report) {
  for (size_t size = 0; size < body.size(); ++size) {
    // A copy of its own, so that a read past the end is one past the allocation.
    const std::string prefix = body.substr(0, size);
    if (parses(as_bytes(prefix))) report("a prefix parses", size);
  }
  for (const char extra : {'\0', 'x'}) {
    if (parses(as_bytes(body + extra))) report("a longer body parses", body.size() + 1);
  }
}

}  // namespace sluice::pg::test
