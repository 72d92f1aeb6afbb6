// The server's own grammar, run over a text: libpg_query's parse tree, as simdjson reads it.
#pragma once
#include <simdjson.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace sluice::rules::sql {

struct ParseFailure {
  std::string message;  ///< The grammar's own, without what it quotes of names and literals.
  uint32_t cursor = 0;  ///< 1-based byte position in the text; 0: unknown.
};

/// Objects nested in the tree's JSON. The token cap keeps the deepest chain well below it.
inline constexpr size_t tree_depth_max = 200'000;

/// Owns the tree; elements borrow from it. Needs a big stack to be made (base/big_stack_thread.h).
/// libpg_query keeps a memory context per thread, given back when the thread ends; it takes a
/// pthread key for each, of which a process has 1,024: make few threads that parse, and keep them.
class ParseTree {
 public:
  /// `text`: valid UTF-8 without NUL.
  [[nodiscard]] static Result<ParseTree, ParseFailure> parse(const std::string& text);
  [[nodiscard]] simdjson::dom::object root() const { return root_; }

 private:
  std::unique_ptr<simdjson::dom::parser> parser_;
  simdjson::dom::object root_;
};

using JsonObject = simdjson::dom::object;
using JsonArray = simdjson::dom::array;
using JsonValue = simdjson::dom::element;

/// Fields of a tree node; absent and of another type are the same. Views live as long as the tree.
[[nodiscard]] std::optional<JsonValue> field(JsonObject node, std::string_view name);
[[nodiscard]] std::optional<JsonObject> object_field(JsonObject node, std::string_view name);
[[nodiscard]] std::optional<JsonArray> array_field(JsonObject node, std::string_view name);
[[nodiscard]] std::string_view text_field(JsonObject node, std::string_view name);
[[nodiscard]] bool flag_field(JsonObject node, std::string_view name);
[[nodiscard]] std::optional<uint32_t> location_field(JsonObject node);
/// The fields of `value` when it is a node of type `type`: {"type": {…}}.
[[nodiscard]] std::optional<JsonObject> as_node(JsonValue value, std::string_view type);
/// The text of a {"String": {"sval": …}} node; empty if it is none.
[[nodiscard]] std::string_view as_string(JsonValue value);

}  // namespace sluice::rules::sql
