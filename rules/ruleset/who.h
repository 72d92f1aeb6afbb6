// Whom a rule speaks of, and when: the `when:` and `except:` of a rule.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/principal.h"

namespace sluice::rules {

/// Minutes of some days, in a fixed offset from UTC.
struct TimeWindow {
  uint8_t days = 0x7F;          ///< Bit 0 is Monday: the days on which the window begins.
  uint16_t from_minute = 0;     ///< Of the day.
  uint16_t to_minute = 1440;    ///< Where it ends, itself outside; not after `from_minute`: on the next day.
  int16_t offset_minutes = 0;   ///< East of UTC.
  bool operator==(const TimeWindow&) const = default;
};

/// IPv4 addresses stand as IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2).
struct AddressRange {
  std::array<uint8_t, 16> address{};
  uint8_t prefix_bits = 0;      ///< 0 to 128.
  bool operator==(const AddressRange&) const = default;
};

/// "192.0.2.0/24", "2001:db8::/32" or one address. nullopt: not one, or bits are set behind the prefix.
[[nodiscard]] std::optional<AddressRange> parse_address_range(std::string_view text);

/// Conditions that hold together; each list is fulfilled by one of its items, and an empty one always.
struct Who {
  std::vector<std::string> groups;
  std::vector<std::string> subjects;
  uint8_t kinds = 0;                   ///< Bits by PrincipalKind; 0: any.
  std::vector<AddressRange> addresses;
  std::vector<TimeWindow> times;
  [[nodiscard]] bool empty() const {
    return groups.empty() && subjects.empty() && kinds == 0 && addresses.empty() && times.empty();
  }
};

/// Who asks, from where and when: what a rule set is bound for.
struct Caller {
  const Principal& principal;
  std::string_view client_address;  ///< "192.0.2.7:51514", "[2001:db8::7]:51514"; unknown matches no range.
  int64_t unix_s = 0;
};

[[nodiscard]] bool fits(const Who& who, const Caller& caller);

/// The next second after `unix_s` at which fits() may answer otherwise for the same caller; INT64_MAX: never.
[[nodiscard]] int64_t next_change(const Who& who, int64_t unix_s);

}  // namespace sluice::rules
