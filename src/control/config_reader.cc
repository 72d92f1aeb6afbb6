#include "control/config_reader.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "base/text.h"
#include "control/config_keys.h"

namespace sluice::control {
namespace {

constexpr size_t text_size_max = 4096;
constexpr size_t texts_max = 1024;

std::optional<uint64_t> parse_digits(std::string_view text) {
  uint64_t v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return v;
}

struct Unit {
  std::string_view suffix;
  uint64_t factor;
};

std::optional<uint64_t> parse_with_unit(std::string_view text, std::span<const Unit> units, uint64_t max) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto value = parse_digits(text.substr(0, digits));
  const auto unit = std::ranges::find(units, text.substr(digits), &Unit::suffix);
  if (!value || unit == units.end() || *value > max / unit->factor) return std::nullopt;
  return *value * unit->factor;
}

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.front() == '[') {
    if (host.size() < 4 || host.back() != ']') return std::nullopt;
    host = host.substr(1, host.size() - 2);
    in6_addr v6;
    if (inet_pton(AF_INET6, std::string(host).c_str(), &v6) != 1) return std::nullopt;
  } else if (host.size() > 253 || host.find_first_of(":[]/@ ") != std::string_view::npos) {
    return std::nullopt;
  }
  const auto port = parse_digits(text.substr(colon + 1));
  if (!port || *port == 0 || *port > 65535) return std::nullopt;
  return Address{std::string(host), static_cast<uint16_t>(*port)};
}

bool is_numeric_address(const std::string& host) {
  in_addr v4;
  in6_addr v6;
  return inet_pton(AF_INET, host.c_str(), &v4) == 1 || inet_pton(AF_INET6, host.c_str(), &v6) == 1;
}

bool is_loopback(const std::string& host) {
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

std::optional<uint32_t> parse_size(std::string_view text) {
  static constexpr Unit units[] = {{"", 1}, {"KiB", 1U << 10}, {"MiB", 1U << 20}, {"GiB", 1U << 30}};
  const auto v = parse_with_unit(text, units, UINT32_MAX);
  if (!v) return std::nullopt;
  return static_cast<uint32_t>(*v);
}

std::optional<uint64_t> parse_duration_ms(std::string_view text) {
  static constexpr Unit units[] = {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  constexpr uint64_t century_ms = 36'525ULL * 86'400'000;
  return parse_with_unit(text, units, century_ms);
}

std::string describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::Null: return "nothing";
    case YamlNode::Kind::Sequence: return "a list";
    case YamlNode::Kind::Map: return "a mapping";
    case YamlNode::Kind::Scalar: break;
  }
  const std::string shown = printable(node.scalar.substr(0, 60));
  return node.scalar.size() > 60 ? fmt::format("\"{}…\"", shown) : fmt::format("\"{}\"", shown);
}

MapReader::MapReader(ReadContext& context, const YamlNode& node, std::string_view path)
    : context_(context), node_(node), path_(path) {
  const std::string where = path_.empty() ? "the configuration" : path_;
  if (node.kind != YamlNode::Kind::Map) {
    context_.problems.add(node.at, fmt::format("expected a mapping for {}, found {}", where, describe(node)));
    return;
  }
  const auto known = config_key_names(path_);
  std::vector<std::string_view> seen;
  for (const YamlNode& key : node.keys) {
    if (const auto why = config_key_unavailable(child(key.scalar)); !why.empty()) {
      context_.problems.add(key.at, fmt::format("expected a key of {}, found {} ({})", where, describe(key), why));
    } else if (std::ranges::find(known, key.scalar) == known.end()) {
      const auto near = nearest_name(key.scalar, known);
      const std::string hint = near.empty() ? fmt::format("known: {}", fmt::join(known, ", "))
                                            : fmt::format("did you mean \"{}\"?", near);
      context_.problems.add(key.at, fmt::format("expected a key of {}, found {} ({})", where, describe(key), hint));
    } else if (std::ranges::find(seen, key.scalar) != seen.end()) {
      context_.problems.add(key.at, fmt::format("expected each key once, found {} again", describe(key)));
    }
    seen.push_back(key.scalar);
    if (seen.size() > texts_max) break;  // All of them are unknown by now: enough is said.
  }
}

std::string MapReader::child(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

const YamlNode* MapReader::find(std::string_view name) const {
  const auto known = config_key_names(path_);
  SLUICE_ASSERT(std::ranges::find(known, name) != known.end());
  if (node_.kind != YamlNode::Kind::Map) return nullptr;
  for (size_t i = 0; i < node_.keys.size(); ++i) {
    if (node_.keys[i].scalar == name) return &node_.items[i];
  }
  return nullptr;
}

const YamlNode* MapReader::require(std::string_view name) {
  const YamlNode* at = find(name);
  if (at == nullptr && node_.kind == YamlNode::Kind::Map) {
    context_.problems.add(node_.at, fmt::format("expected \"{}\" in {}, found none", name,
                                                path_.empty() ? "the configuration" : path_));
  }
  return at;
}

void MapReader::expected(const YamlNode& at, std::string_view what) {
  context_.problems.add(at.at, fmt::format("expected {}, found {}", what, describe(at)));
}

const YamlNode* MapReader::scalar(std::string_view name, bool required) {
  return required ? require(name) : find(name);
}

const YamlNode* MapReader::text(std::string_view name, std::string& out, bool required) {
  const YamlNode* at = scalar(name, required);
  if (at == nullptr) return nullptr;
  if (at->kind != YamlNode::Kind::Scalar || at->scalar.empty()) {
    expected(*at, fmt::format("text for {}", child(name)));
  } else if (at->scalar.size() > text_size_max) {
    expected(*at, fmt::format("at most {} bytes for {}", text_size_max, child(name)));
  } else if (has_control_character(at->scalar)) {
    expected(*at, fmt::format("text without control characters for {}", child(name)));
  } else {
    out = at->scalar;
    return at;
  }
  return nullptr;
}

const YamlNode* MapReader::file(std::string_view name, std::string& out, bool required) {
  std::string written;
  const YamlNode* at = text(name, written, required);
  if (at == nullptr) return nullptr;
  out = written.front() == '/' ? written : context_.folder + "/" + written;
  return at;
}

const YamlNode* MapReader::boolean(std::string_view name, bool& out) {
  const YamlNode* at = find(name);
  if (at == nullptr) return nullptr;
  const bool plain = at->kind == YamlNode::Kind::Scalar && !at->quoted;
  if (!plain || (at->scalar != "true" && at->scalar != "false")) {
    expected(*at, fmt::format("true or false for {}", child(name)));
    return nullptr;
  }
  out = at->scalar == "true";
  return at;
}

const YamlNode* MapReader::number(std::string_view name, uint32_t& out, uint32_t min, uint32_t max) {
  const YamlNode* at = find(name);
  if (at == nullptr) return nullptr;
  const bool plain = at->kind == YamlNode::Kind::Scalar && !at->quoted;
  const auto value = plain ? parse_digits(at->scalar) : std::nullopt;
  if (!value || *value < min || *value > max) {
    expected(*at, fmt::format("a number from {} to {} for {}", min, max, child(name)));
    return nullptr;
  }
  out = static_cast<uint32_t>(*value);
  return at;
}

const YamlNode* MapReader::size(std::string_view name, uint32_t& out, uint32_t min, uint32_t max) {
  const YamlNode* at = find(name);
  if (at == nullptr) return nullptr;
  const auto value = at->kind == YamlNode::Kind::Scalar ? parse_size(at->scalar) : std::nullopt;
  if (!value || *value < min || *value > max) {
    expected(*at, fmt::format("a size such as 64KiB or 1MiB, from {} to {} bytes, for {}", min, max, child(name)));
    return nullptr;
  }
  out = *value;
  return at;
}

const YamlNode* MapReader::duration_ms(std::string_view name, uint32_t& out, uint32_t min_ms, uint32_t max_ms) {
  const YamlNode* at = find(name);
  if (at == nullptr) return nullptr;
  const auto value = at->kind == YamlNode::Kind::Scalar ? parse_duration_ms(at->scalar) : std::nullopt;
  if (!value || *value < min_ms || *value > max_ms) {
    expected(*at, fmt::format("a duration such as 500ms, 10s, 15m or 2h, from {} to {} ms, for {}", min_ms, max_ms,
                              child(name)));
    return nullptr;
  }
  out = static_cast<uint32_t>(*value);
  return at;
}

const YamlNode* MapReader::address(std::string_view name, std::string& host, uint16_t& port, bool required) {
  const YamlNode* at = scalar(name, required);
  if (at == nullptr) return nullptr;
  auto value = at->kind == YamlNode::Kind::Scalar ? parse_address(at->scalar) : std::nullopt;
  if (!value || has_control_character(value->host)) {
    expected(*at, fmt::format("host:port or [v6]:port for {}", child(name)));
    return nullptr;
  }
  host = std::move(value->host);
  port = value->port;
  return at;
}

const YamlNode* MapReader::texts(std::string_view name, std::vector<std::string>& out) {
  const YamlNode* at = find(name);
  if (at == nullptr) return nullptr;
  for (const YamlNode& item : list(name, texts_max)) {
    if (item.kind != YamlNode::Kind::Scalar || item.scalar.empty() || item.scalar.size() > text_size_max ||
        has_control_character(item.scalar)) {
      expected(item, fmt::format("text for each item of {}", child(name)));
    } else {
      out.push_back(item.scalar);
    }
  }
  return at;
}

std::span<const YamlNode> MapReader::list(std::string_view name, size_t max, bool required) {
  const YamlNode* at = scalar(name, required);
  if (at == nullptr) return {};
  if (at->kind != YamlNode::Kind::Sequence) {
    expected(*at, fmt::format("a list for {}", child(name)));
    return {};
  }
  if (at->items.size() > max) {
    context_.problems.add(at->at, fmt::format("expected at most {} items for {}, found {}", max, child(name),
                                              at->items.size()));
    return {};
  }
  return at->items;
}

std::optional<size_t> MapReader::choice(std::string_view name, std::span<const std::string_view> words,
                                        bool required) {
  const YamlNode* at = scalar(name, required);
  if (at == nullptr) return std::nullopt;
  if (at->kind == YamlNode::Kind::Scalar) {
    for (size_t i = 0; i < words.size(); ++i) {
      if (at->scalar == words[i]) return i;
    }
  }
  expected(*at, fmt::format("{} for {}", fmt::join(words, " or "), child(name)));
  return std::nullopt;
}

}  // namespace sluice::control
