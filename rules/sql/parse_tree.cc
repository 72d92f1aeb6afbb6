#include "rules/sql/parse_tree.h"

#include <pg_query.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "rules/sql/keywords.h"

namespace sluice::rules::sql {
namespace {

struct ResultGuard {
  explicit ResultGuard(const std::string& text) : result(pg_query_parse(text.c_str())) {}
  ~ResultGuard() { pg_query_free_parse_result(result); }
  ResultGuard(const ResultGuard&) = delete;
  ResultGuard& operator=(const ResultGuard&) = delete;
  PgQueryParseResult result;
};

// The grammar counts characters, everybody else bytes.
uint32_t byte_cursor(std::string_view text, int cursor) {
  if (cursor <= 0) return 0;
  size_t at = 0;
  for (int i = 1; i < cursor && at < text.size(); ++i) at += std::max<size_t>(utf8_sequence_size(text.substr(at)), 1);
  return static_cast<uint32_t>(at + 1);
}

// What stands near an error may be a password. Key words and punctuation are not.
std::string without_quotations(std::string_view message) {
  constexpr std::string_view near = " at or near \"";
  const size_t at = message.find(near);
  if (at == std::string_view::npos || !message.ends_with('"')) {
    return std::string(message.substr(0, message.find('"')));
  }
  const std::string_view word = message.substr(at + near.size(), message.size() - at - near.size() - 1);
  const bool punctuation = word.size() <= 2 && std::ranges::none_of(word, [](char c) {
                             return static_cast<unsigned char>(c) >= 0x80 || (c >= '0' && c <= '9') ||
                                    (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '\'' ||
                                    c == '"';
                           });
  return std::string(punctuation || find_keyword(word) != nullptr ? message : message.substr(0, at));
}

}  // namespace

Result<ParseTree, ParseFailure> ParseTree::parse(const std::string& text) {
  const ResultGuard parsed(text);
  if (parsed.result.error != nullptr) {
    const PgQueryError& error = *parsed.result.error;
    return std::unexpected(ParseFailure{without_quotations(error.message != nullptr ? error.message : ""),
                                        byte_cursor(text, error.cursorpos)});
  }
  if (parsed.result.parse_tree == nullptr) return std::unexpected(ParseFailure{"the grammar gave no tree", 0});

  ParseTree tree;
  tree.parser_ = std::make_unique<simdjson::dom::parser>();
  const char* const json = parsed.result.parse_tree;
  const size_t size = std::strlen(json);
  auto root = tree.parser_->parse(json, size, true).get_object();
  if (root.error() == simdjson::DEPTH_ERROR) {
    if (tree.parser_->allocate(size, tree_depth_max) != simdjson::SUCCESS) {
      return std::unexpected(ParseFailure{"out of memory", 0});
    }
    root = tree.parser_->parse(json, size, true).get_object();
  }
  if (root.error() == simdjson::DEPTH_ERROR) return std::unexpected(ParseFailure{"nested too deeply", 0});
  if (std::move(root).get(tree.root_) != simdjson::SUCCESS) {
    return std::unexpected(ParseFailure{"the grammar's tree cannot be read", 0});
  }
  return tree;
}

std::optional<JsonValue> field(JsonObject node, std::string_view name) {
  JsonValue value;
  if (node.at_key(name).get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

std::optional<JsonObject> object_field(JsonObject node, std::string_view name) {
  JsonObject value;
  if (node.at_key(name).get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

std::optional<JsonArray> array_field(JsonObject node, std::string_view name) {
  JsonArray value;
  if (node.at_key(name).get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

std::string_view text_field(JsonObject node, std::string_view name) {
  std::string_view value;
  if (node.at_key(name).get(value) != simdjson::SUCCESS) return {};
  return value;
}

bool flag_field(JsonObject node, std::string_view name) {
  bool value = false;
  return node.at_key(name).get(value) == simdjson::SUCCESS && value;
}

std::optional<uint32_t> location_field(JsonObject node) {
  int64_t value = 0;
  const auto found = field(node, "location");
  if (!found) return 0;  // The tree leaves out zeros.
  if (found->get(value) != simdjson::SUCCESS || value < 0 || value > UINT32_MAX) return std::nullopt;
  return static_cast<uint32_t>(value);
}

std::optional<JsonObject> as_node(JsonValue value, std::string_view type) {
  JsonObject wrapper;
  if (value.get(wrapper) != simdjson::SUCCESS) return std::nullopt;
  return object_field(wrapper, type);
}

std::string_view as_string(JsonValue value) {
  const auto node = as_node(value, "String");
  return node ? text_field(*node, "sval") : std::string_view{};
}

}  // namespace sluice::rules::sql
