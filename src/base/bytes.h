// Views of bytes, and reading and writing integers in network order. No view here owns memory.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"

namespace sluice {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline Bytes as_bytes(std::string_view text) { return {reinterpret_cast<const std::byte*>(text.data()), text.size()}; }
inline std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

inline uint16_t load_u16(const std::byte* at) {
  uint16_t v = 0;
  std::memcpy(&v, at, sizeof v);
  return __builtin_bswap16(v);
}
inline uint32_t load_u32(const std::byte* at) {
  uint32_t v = 0;
  std::memcpy(&v, at, sizeof v);
  return __builtin_bswap32(v);
}
inline void store_u16(std::byte* at, uint16_t v) {
  v = __builtin_bswap16(v);
  std::memcpy(at, &v, sizeof v);
}
inline void store_u32(std::byte* at, uint32_t v) {
  v = __builtin_bswap32(v);
  std::memcpy(at, &v, sizeof v);
}

/// Reads fields off the front of a view. Every read is checked: nullopt (and no movement) when the
/// bytes are not there. Views it returns borrow from the input.
class ByteReader {
 public:
  explicit ByteReader(Bytes input) : input_(input) {}

  std::optional<uint8_t> u8() {
    if (input_.empty()) return std::nullopt;
    const auto v = std::to_integer<uint8_t>(input_[0]);
    input_ = input_.subspan(1);
    return v;
  }
  std::optional<uint16_t> u16() {
    if (input_.size() < 2) return std::nullopt;
    const auto v = load_u16(input_.data());
    input_ = input_.subspan(2);
    return v;
  }
  std::optional<uint32_t> u32() {
    if (input_.size() < 4) return std::nullopt;
    const auto v = load_u32(input_.data());
    input_ = input_.subspan(4);
    return v;
  }
  std::optional<int32_t> i32() {
    const auto v = u32();
    if (!v) return std::nullopt;
    return static_cast<int32_t>(*v);
  }
  std::optional<int16_t> i16() {
    const auto v = u16();
    if (!v) return std::nullopt;
    return static_cast<int16_t>(*v);
  }
  std::optional<Bytes> bytes(size_t size) {
    if (input_.size() < size) return std::nullopt;
    const auto v = input_.first(size);
    input_ = input_.subspan(size);
    return v;
  }
  /// Up to the next NUL, which is consumed and not returned. nullopt: no NUL in what is left.
  std::optional<std::string_view> c_string() {
    const auto text = as_text(input_);
    const auto end = text.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    input_ = input_.subspan(end + 1);
    return text.substr(0, end);
  }
  [[nodiscard]] Bytes rest() const { return input_; }
  [[nodiscard]] bool empty() const { return input_.empty(); }

 private:
  Bytes input_;
};

/// Appends fields to a growing buffer that the caller owns. For messages sluice makes itself.
class ByteWriter {
 public:
  explicit ByteWriter(std::vector<std::byte>& out) : out_(out) {}
  void u8(uint8_t v) { out_.push_back(std::byte{v}); }
  void u16(uint16_t v) {
    const size_t at = grow(2);
    store_u16(out_.data() + at, v);
  }
  void u32(uint32_t v) {
    const size_t at = grow(4);
    store_u32(out_.data() + at, v);
  }
  void bytes(Bytes v) { out_.insert(out_.end(), v.begin(), v.end()); }
  void text(std::string_view v) { bytes(as_bytes(v)); }
  void c_string(std::string_view v) {
    SLUICE_ASSERT(v.find('\0') == std::string_view::npos);
    text(v);
    u8(0);
  }
  [[nodiscard]] size_t size() const { return out_.size(); }
  /// Overwrites four bytes written earlier: lengths that are known only afterwards.
  void patch_u32(size_t at, uint32_t v) {
    SLUICE_ASSERT(at + 4 <= out_.size());
    store_u32(out_.data() + at, v);
  }

 private:
  size_t grow(size_t n) {
    const size_t at = out_.size();
    out_.resize(at + n);
    return at;
  }
  std::vector<std::byte>& out_;
};

}  // namespace sluice
