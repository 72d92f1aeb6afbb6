// Types that Hyperscan leads to: an expression with a literal, as short as it can be, then code that finds
// where the value begins and ends and judges it. Textbook expressions for the same cost a hundred times more:
// docs/decisions/0007.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "rules/detect/sieve.h"
#include "rules/detect/validators.h"

namespace sluice::rules {

/// What the bytes behind a prefix may be.
enum class Charset : uint8_t {
  Hex,     ///< 0-9 a-f A-F
  Base62,  ///< Letters and digits.
  Word,    ///< Letters, digits, `_` and `-`.
  Base64,  ///< Letters, digits, `+/=_-`.
  Dotted,  ///< Word and `.`.
};

struct Trigger {
  std::string_view expression;  ///< For Hyperscan, DOTALL.
  bool any_case = false;
  /// The value around the trigger's match, which ends at `to`.
  std::optional<Match> (*extend)(const Trigger& trigger, std::string_view text, size_t to) = nullptr;
  /// For prefixed(): the bytes of the trigger, then how many of which set behind it, and how much entropy.
  uint16_t prefix_size = 0;
  Charset charset = Charset::Base62;
  uint16_t tail_min = 0;
  uint16_t tail_max = 0;
  double entropy_min = 0;
  bool (*judge)(std::string_view value) = nullptr;  ///< Something of its own, of the whole value.
  Mark mark = Mark::Anywhere;  ///< What stands wherever it leads to a value.
};

/// All return matches whose type is None: the caller knows it. Total for any text; `to` is at most its size.
namespace extend {
std::optional<Match> prefixed(const Trigger& trigger, std::string_view text, size_t to);
std::optional<Match> email(const Trigger& trigger, std::string_view text, size_t to);
std::optional<Match> jwt(const Trigger& trigger, std::string_view text, size_t to);
std::optional<Match> private_key(const Trigger& trigger, std::string_view text, size_t to);
std::optional<Match> url_password(const Trigger& trigger, std::string_view text, size_t to);
std::optional<Match> basic_auth(const Trigger& trigger, std::string_view text, size_t to);
std::optional<Match> bearer_auth(const Trigger& trigger, std::string_view text, size_t to);
std::optional<Match> openai_key(const Trigger& trigger, std::string_view text, size_t to);
std::optional<Match> terraform_token(const Trigger& trigger, std::string_view text, size_t to);
std::optional<Match> password_hash(const Trigger& trigger, std::string_view text, size_t to);
}  // namespace extend

/// GitHub's tokens end in the CRC-32 of what stands between prefix and tail, six digits to base 62.
[[nodiscard]] bool github_checksum(std::string_view token);

inline constexpr uint32_t secret_size_max = 16U << 10;  ///< A private key of 16,384 bits fits.

}  // namespace sluice::rules
