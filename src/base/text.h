// Small text helpers that have no other home.
#pragma once
#include <string>
#include <string_view>

namespace sluice {

/// A JSON string literal (RFC 8259), quotes included. Invalid UTF-8 becomes U+FFFD, so the result is
/// always valid JSON whatever a peer sent.
[[nodiscard]] std::string json_quote(std::string_view text);

/// The same text with every control character (C0, DEL, C1 as UTF-8) shown as \xNN, so that a peer's
/// bytes cannot drive the terminal of who reads a log or a replay.
[[nodiscard]] std::string printable(std::string_view text);

/// Length in bytes (1..4) of the valid UTF-8 sequence at the front of `text`; 0 where it is invalid
/// (overlong, surrogate, beyond U+10FFFF, cut off) or empty. RFC 3629.
[[nodiscard]] size_t utf8_sequence_size(std::string_view text);
[[nodiscard]] bool utf8_valid(std::string_view text);

/// What the system says of an errno. Unlike std::strerror, for any thread.
[[nodiscard]] std::string errno_text(int error);

}  // namespace sluice
