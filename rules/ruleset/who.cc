#include "rules/ruleset/who.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <limits>

namespace sluice::rules {
namespace {

constexpr int64_t minute_s = 60;
constexpr int64_t day_minutes = 1440;
constexpr int64_t week_days = 7;
constexpr int64_t epoch_weekday = 3;  // 1970-01-01 was a Thursday; Monday is 0.
constexpr size_t mapped_prefix_bits = 96;

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

std::optional<std::array<uint8_t, 16>> parse_address(const std::string& text) {
  std::array<uint8_t, 16> address{};
  if (inet_pton(AF_INET6, text.c_str(), address.data()) == 1) return address;
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) != 1) return std::nullopt;
  const auto* bytes = reinterpret_cast<const uint8_t*>(&v4);
  address[10] = address[11] = 0xFF;
  std::copy(bytes, bytes + 4, address.begin() + 12);
  return address;
}

bool is_v4(const std::string& text) { return text.find(':') == std::string::npos; }

bool bit_of(const std::array<uint8_t, 16>& address, size_t bit) { return (address[bit / 8] >> (7 - bit % 8) & 1) != 0; }

bool in_range(const AddressRange& range, const std::array<uint8_t, 16>& address) {
  for (size_t bit = 0; bit < range.prefix_bits; ++bit) {
    if (bit_of(range.address, bit) != bit_of(address, bit)) return false;
  }
  return true;
}

// Without the port.
std::string host_of(std::string_view peer) {
  if (peer.starts_with('[')) return std::string(peer.substr(1, peer.find(']') - 1));
  return std::string(peer.substr(0, peer.rfind(':')));
}

bool from_one_of(const std::vector<AddressRange>& ranges, std::string_view peer) {
  const auto address = parse_address(host_of(peer));
  return address && std::ranges::any_of(ranges, [&](const AddressRange& range) { return in_range(range, *address); });
}

bool is_in(const TimeWindow& window, int64_t unix_s) {
  const int64_t minutes = floor_div(unix_s, minute_s) + window.offset_minutes;
  const int64_t day = floor_div(minutes, day_minutes);
  const int64_t minute = minutes - day * day_minutes;
  const auto begins_on = [&](int64_t d) { return (window.days >> (((d + epoch_weekday) % week_days + week_days) % week_days) & 1) != 0; };
  if (window.to_minute > window.from_minute) {
    return minute >= window.from_minute && minute < window.to_minute && begins_on(day);
  }
  return (minute >= window.from_minute && begins_on(day)) || (minute < window.to_minute && begins_on(day - 1));
}

template <typename List, typename Predicate>
bool one_of(const List& list, Predicate predicate) {
  return list.empty() || std::ranges::any_of(list, predicate);
}

}  // namespace

std::optional<AddressRange> parse_address_range(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string host(text.substr(0, slash));
  const auto address = parse_address(host);
  if (!address) return std::nullopt;
  const size_t skipped = is_v4(host) ? mapped_prefix_bits : 0;
  size_t bits = 128 - skipped;
  if (slash != std::string_view::npos) {
    const std::string_view prefix = text.substr(slash + 1);
    size_t given = 0;
    const auto [end, error] = std::from_chars(prefix.data(), prefix.data() + prefix.size(), given);
    if (error != std::errc() || end != prefix.data() + prefix.size() || given > bits) return std::nullopt;
    bits = given;
  }
  const AddressRange range{*address, static_cast<uint8_t>(bits + skipped)};
  for (size_t bit = range.prefix_bits; bit < 128; ++bit) {
    if (bit_of(range.address, bit)) return std::nullopt;
  }
  return range;
}

bool fits(const Who& who, const Caller& caller) {
  const Principal& principal = caller.principal;
  const auto is_member = [&](const std::string& group) {
    return std::ranges::find(principal.groups, group) != principal.groups.end();
  };
  if (!one_of(who.groups, is_member)) return false;
  if (!one_of(who.subjects, [&](const std::string& subject) { return subject == principal.subject; })) return false;
  if (who.kinds != 0 && (who.kinds >> static_cast<uint8_t>(principal.kind) & 1) == 0) return false;
  if (!who.addresses.empty() && !from_one_of(who.addresses, caller.client_address)) return false;
  return one_of(who.times, [&](const TimeWindow& window) { return is_in(window, caller.unix_s); });
}

int64_t next_change(const Who& who, int64_t unix_s) {
  int64_t next = std::numeric_limits<int64_t>::max();
  for (const TimeWindow& window : who.times) {
    // Both ends are minutes of the day, so the next of either is at most a day away.
    const int64_t minutes = floor_div(unix_s, minute_s) + window.offset_minutes;
    const int64_t midnight = floor_div(minutes, day_minutes) * day_minutes;
    for (const int64_t minute : {int64_t{window.from_minute}, int64_t{window.to_minute}}) {
      int64_t at = midnight + minute % day_minutes;
      if (at <= minutes) at += day_minutes;
      next = std::min(next, (at - window.offset_minutes) * minute_s);
    }
  }
  return next;
}

}  // namespace sluice::rules
