#include "rules/compile/who_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "rules/compile/language.h"

namespace sluice::rules {
namespace {

const YamlKeys who_keys{{"groups", "subjects", "kinds", "addresses", "times"}, {"issuers", "proof", "claims"}};
const YamlKeys time_keys{{"days", "from", "to", "zone"}, {}};
const std::vector<std::string_view> principal_kinds{"unknown", "human", "workload", "agent"};  // By PrincipalKind.
const std::vector<std::string_view> day_names{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

constexpr int minutes_of_an_hour = 60;
constexpr uint16_t day_minutes = 1440;
constexpr int offset_max = 14 * minutes_of_an_hour;

// "08:30" to minutes; 24:00 is the end of the day.
std::optional<uint16_t> parse_clock(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  int hour = 0;
  int minute = 0;
  const auto read = [&text](size_t at, int& value) {
    for (const char c : text.substr(at, 2)) {
      if (c < '0' || c > '9') return false;
      value = value * 10 + (c - '0');
    }
    return true;
  };
  if (!read(0, hour) || !read(3, minute) || minute >= minutes_of_an_hour) return std::nullopt;
  const int minutes = hour * minutes_of_an_hour + minute;
  return minutes <= day_minutes ? std::optional(static_cast<uint16_t>(minutes)) : std::nullopt;
}

// "UTC", "+02:00", "-05:30".
std::optional<int16_t> parse_zone(std::string_view text) {
  if (text == "UTC" || text == "Z") return 0;
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const auto minutes = parse_clock(text.substr(1));
  if (!minutes || *minutes > offset_max) return std::nullopt;
  return static_cast<int16_t>(text[0] == '-' ? -*minutes : *minutes);
}

uint16_t read_clock(const YamlMap& map, std::string_view key, uint16_t absent, YamlFile& file) {
  if (!map.has(key)) return absent;
  const auto minutes = parse_clock(read_text(map[key], "a time of day like \"08:30\"", file));
  if (!minutes) {
    file.fail(map[key].Mark(), fmt::format("expected a time of day like \"08:30\", found {}", describe(map[key])));
  }
  return minutes.value_or(0);
}

TimeWindow read_window(const YAML::Node& node, YamlFile& file) {
  TimeWindow window;
  const YamlMap map(node, "a time window", time_keys, file);
  if (file.failed()) return window;
  if (map.has("days")) {
    window.days = 0;
    for (const YamlText& day : read_texts(map["days"], "days", file)) {
      const auto at = std::ranges::find(day_names, day.text);
      if (at == day_names.end()) {
        file.fail(day.mark, fmt::format("expected a day ({}), found \"{}\"", fmt::join(day_names, ", "), day.text));
        return window;
      }
      window.days = static_cast<uint8_t>(window.days | 1U << (at - day_names.begin()));
    }
  }
  window.from_minute = read_clock(map, "from", 0, file);
  window.to_minute = read_clock(map, "to", day_minutes, file);
  if (file.failed()) return window;
  if (window.from_minute == window.to_minute || window.from_minute == day_minutes || window.to_minute == 0) {
    file.fail(map.mark(), "expected a window with some minutes in it, found none, so the rule could never fire; one that "
                          "passes midnight ends before it begins (from: \"22:00\", to: \"06:00\")");
  }
  if (!map.has("zone")) {
    file.fail(map.mark(), "expected zone in a time window (UTC, or an offset like \"+02:00\"), found none");
    return window;
  }
  const auto offset = parse_zone(read_text(map["zone"], "UTC or an offset", file));
  if (!offset) {
    file.fail(map["zone"].Mark(), fmt::format("expected UTC or an offset like \"+02:00\" (names of zones are not known "
                                              "here, since their clocks change), found {}", describe(map["zone"])));
  }
  window.offset_minutes = offset.value_or(0);
  return window;
}

void read_addresses(const YAML::Node& node, std::vector<AddressRange>& ranges, YamlFile& file) {
  for (const YamlText& text : read_texts(node, "addresses", file)) {
    const auto range = parse_address_range(text.text);
    if (!range) {
      return file.fail(text.mark, fmt::format("expected an address or a range with nothing set behind its prefix "
                                              "(192.0.2.0/24, 2001:db8::/32), found \"{}\"", text.text));
    }
    ranges.push_back(*range);
  }
}

void read_principal_kinds(const YAML::Node& node, uint8_t& kinds, YamlFile& file) {
  for (const YamlText& word : read_texts(node, "kinds of principals", file)) {
    const auto at = std::ranges::find(principal_kinds, word.text);
    if (at == principal_kinds.end()) {
      return file.fail(word.mark, fmt::format("expected a kind of principal ({}), found \"{}\"{}",
                                              fmt::join(principal_kinds, ", "), word.text,
                                              suggestion(word.text, principal_kinds)));
    }
    kinds = static_cast<uint8_t>(kinds | 1U << (at - principal_kinds.begin()));
  }
}

}  // namespace

WordLists who_words() {
  return {{"who", who_keys.known}, {"who.kinds", principal_kinds}, {"time", time_keys.known}, {"time.days", day_names}};
}

Who read_who(const YAML::Node& node, std::string_view what, YamlFile& file) {
  Who who;
  const YamlMap map(node, what, who_keys, file);
  if (file.failed()) return who;
  if (map.has("groups")) {
    for (YamlText& group : read_texts(map["groups"], "group names", file)) who.groups.push_back(std::move(group.text));
  }
  if (map.has("subjects")) {
    for (YamlText& name : read_texts(map["subjects"], "subjects", file)) who.subjects.push_back(std::move(name.text));
  }
  if (map.has("kinds")) read_principal_kinds(map["kinds"], who.kinds, file);
  if (map.has("addresses")) read_addresses(map["addresses"], who.addresses, file);
  if (map.has("times")) {
    const YAML::Node& times = map["times"];
    if (!times.IsSequence() || times.size() == 0) {
      file.fail(times.Mark(), fmt::format("expected a list of time windows, found {}", describe(times)));
    } else {
      for (const auto& window : times) who.times.push_back(read_window(window, file));
    }
  }
  if (!file.failed() && who.empty()) {
    file.fail(map.mark(), fmt::format("expected at least one of {} in {}, found none", fmt::join(who_keys.known, ", "), what));
  }
  return who;
}

}  // namespace sluice::rules
