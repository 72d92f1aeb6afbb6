// Little-endian fields of records. Writing is unchecked, into room whose size was computed before;
// reading is checked at every step, because a log that is read may have been damaged or forged.
#pragma once
#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "base/bytes.h"

namespace sluice::audit {

static_assert(std::endian::native == std::endian::little, "formats are little-endian and are copied as they are");

/// A string as a record holds it.
struct Text {
  std::string_view value;
  bool cut = false;  ///< The original was longer than the record may hold.
  bool operator==(const Text&) const = default;
};

/// The length word of a Text: 15 bits of length, one bit that says it was cut.
inline constexpr uint16_t text_cut_bit = 0x8000;
inline constexpr size_t text_size_max = 0x7FFF;

[[nodiscard]] inline size_t text_size(std::string_view text, size_t size_max) {
  return sizeof(uint16_t) + std::min(text.size(), size_max);
}

class LeWriter {
 public:
  /// Borrows the memory at `at`; the caller has made sure that it is large enough.
  explicit LeWriter(std::byte* at) : at_(at) {}

  template <typename T>
    requires std::is_trivially_copyable_v<T>
  void put(const T& value) {
    std::memcpy(at_, &value, sizeof value);
    at_ += sizeof value;
  }
  void bytes(Bytes value) {
    if (!value.empty()) std::memcpy(at_, value.data(), value.size());
    at_ += value.size();
  }
  void text(std::string_view value, size_t size_max) {
    const size_t size = std::min(value.size(), size_max);
    put(static_cast<uint16_t>(size | (size < value.size() ? text_cut_bit : 0)));
    bytes(as_bytes(value.substr(0, size)));
  }
  [[nodiscard]] std::byte* at() const { return at_; }

 private:
  std::byte* at_;
};

/// After the first read that does not fit, every read gives zeros and ok() is false.
class LeReader {
 public:
  explicit LeReader(Bytes input) : input_(input) {}

  template <typename T>
    requires std::is_trivially_copyable_v<T>
  T get() {
    T value{};
    if (input_.size() < sizeof value) {
      ok_ = false;
      return value;
    }
    std::memcpy(&value, input_.data(), sizeof value);
    input_ = input_.subspan(sizeof value);
    return value;
  }
  Bytes bytes(size_t size) {
    if (input_.size() < size) {
      ok_ = false;
      return {};
    }
    const Bytes value = input_.first(size);
    input_ = input_.subspan(size);
    return value;
  }
  Text text() {
    const auto word = get<uint16_t>();
    return {as_text(bytes(word & ~text_cut_bit & 0xFFFF)), (word & text_cut_bit) != 0};
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] Bytes rest() const { return input_; }

 private:
  Bytes input_;
  bool ok_ = true;
};

}  // namespace sluice::audit
