// What the literals of a text say, whatever form they are written in.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace sluice::rules::sql {

/// The value of a token that the lexer has accepted: '…', E'…' and $tag$…$tag$, with the continuations
/// of the first two.
[[nodiscard]] std::string string_value(std::string_view token);
[[nodiscard]] std::string escape_string_value(std::string_view token);
[[nodiscard]] std::string_view dollar_string_value(std::string_view token);

/// The value of what stands between the quotes of U&"…" or U&'…', these undoubled (str_udeescape of the
/// server). nullopt: an escape that means no character.
[[nodiscard]] std::optional<std::string> decode_unicode(std::string_view in, char escape);
/// The character that UESCAPE '…' names. nullopt: not allowed, or written in a form not worth decoding.
[[nodiscard]] std::optional<char> escape_character(std::string_view literal);

}  // namespace sluice::rules::sql
