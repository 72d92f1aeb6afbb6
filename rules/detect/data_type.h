// The sensitive data types that this version finds by value.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::rules {

/// Named as presidio names them.
enum class DataType : uint8_t { CreditCard, EmailAddress, UsSsn, Count_ };

inline constexpr size_t data_type_count = static_cast<size_t>(DataType::Count_);

struct DataTypeSpec {
  std::string_view name;
  uint32_t size_min;  ///< No value of the type has fewer bytes.
  /// keep_first + keep_last of a mask may be no more: what is kept must not be a value of the type, nor
  /// nearly all of one.
  uint32_t keep_max;
};

inline constexpr DataTypeSpec data_type_specs[data_type_count] = {
    {"CREDIT_CARD", 13, 10},   // PCI DSS 4.0 requirement 3.4: at most the first six and the last four.
    {"EMAIL_ADDRESS", 6, 5},   // a@b.co
    {"US_SSN", 11, 4},
};

[[nodiscard]] constexpr const DataTypeSpec& spec_of(DataType type) { return data_type_specs[static_cast<size_t>(type)]; }

[[nodiscard]] constexpr std::optional<DataType> data_type(std::string_view name) {
  for (size_t i = 0; i < data_type_count; ++i) {
    if (data_type_specs[i].name == name) return static_cast<DataType>(i);
  }
  return std::nullopt;
}

/// A set of data types. Plain value.
class TypeSet {
 public:
  constexpr void add(DataType t) { bits_ |= bit(t); }
  [[nodiscard]] constexpr bool has(DataType t) const { return (bits_ & bit(t)) != 0; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  bool operator==(const TypeSet&) const = default;

 private:
  static constexpr uint32_t bit(DataType t) { return uint32_t{1} << static_cast<uint8_t>(t); }
  uint32_t bits_ = 0;
};

}  // namespace sluice::rules
