// What both roles of SCRAM read and make: attributes and nonces (RFC 5802 section 7).
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace sluice::pg::scram {

/// Reads "x=value" attributes separated by commas, front to back. Views borrow from the message.
class Attributes {
 public:
  explicit Attributes(std::string_view message) : message_(message) {}

  /// The value of the next attribute, which must be `name`. nullopt, and no movement: it is another.
  std::optional<std::string_view> take(char name);
  /// Attributes nobody has to understand, up to the end. False: something that is no attribute.
  bool skip_extensions();
  /// The same up to the last attribute, which must be `name`. Gives the position of the comma before it.
  std::optional<size_t> skip_extensions_until(char name);
  [[nodiscard]] bool empty() const { return at_ == message_.size() && !comma_; }

 private:
  [[nodiscard]] std::optional<char> peek() const;
  std::string_view message_;
  size_t at_ = 0;
  bool comma_ = false;  // A comma was just passed, so an attribute must follow.
};

/// RFC 5802's "printable": %x21-2B / %x2D-7E, at least one, at most scram_nonce_size_max.
[[nodiscard]] bool is_nonce(std::string_view text);
/// 18 random bytes as base64, as PostgreSQL makes them.
[[nodiscard]] std::string random_nonce();

}  // namespace sluice::pg::scram
