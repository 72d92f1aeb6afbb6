// Settings, roles, extensions and secrets: what the always-on guard and the records care about.
#include "rules/sql/node_handlers.h"

#include <algorithm>
#include <array>

namespace sluice::rules::sql {
namespace {

constexpr std::string_view settings_prefix = "sluice.";
constexpr std::string_view transaction_read_only = "transaction_read_only";

// PostgreSQL compares encoding names by their letters and digits alone.
bool is_utf8(std::string_view encoding) {
  std::string key;
  for (const char c : folded(encoding)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) key.push_back(c);
  }
  return key == "utf8" || key == "unicode";
}

bool is_on(std::string_view value) {
  constexpr auto words = std::to_array<std::string_view>({"on", "true", "yes", "1"});
  return std::ranges::find(words, folded(value)) != words.end();
}

// Leaves a value as it is; varchar(15), name or a domain might cut or refuse it.
bool is_plain_text_type(JsonObject cast) {
  const auto type = object_field(cast, "typeName");
  const auto parts = type ? array_field(*type, "names") : std::nullopt;
  if (!parts || field(*type, "typmods") || field(*type, "arrayBounds")) return false;
  const QualifiedName name = read_name(*parts);
  return name.name == "text" && (name.schema.empty() || name.schema == "pg_catalog");
}

// A text constant, also as 'x'::text. nullopt: only known when it runs.
std::optional<std::string_view> constant_text(JsonValue value) {
  if (const auto cast = as_node(value, "TypeCast")) {
    const auto inner = field(*cast, "arg");
    return inner && is_plain_text_type(*cast) ? constant_text(*inner) : std::nullopt;
  }
  const auto constant = as_node(value, "A_Const");
  const auto text = constant ? object_field(*constant, "sval") : std::nullopt;
  if (!text) return std::nullopt;
  return text_field(*text, "sval");
}

std::string role_text(JsonObject role) {
  const std::string_view name = text_field(role, "rolename");
  if (!name.empty()) return std::string(name);
  constexpr std::string_view prefix = "ROLESPEC_";
  std::string_view type = text_field(role, "roletype");
  if (type.starts_with(prefix)) type.remove_prefix(prefix.size());
  return folded(type);
}

// READ ONLY comes as the constant 1, READ WRITE as 0.
bool is_one(JsonObject option) {
  const auto value = field(option, "arg");
  const auto constant = value ? as_node(*value, "A_Const") : std::nullopt;
  const auto number = constant ? object_field(*constant, "ival") : std::nullopt;
  const auto ival = number ? field(*number, "ival") : std::nullopt;
  int64_t one = 0;
  return ival && ival->get_int64().get(one) == simdjson::SUCCESS && one == 1;
}

}  // namespace

// `value_known` false: the value is computed, so it may be any.
void Walker::setting(std::string_view name, std::string_view value, bool value_known) {
  const std::string low = folded(name);
  if (low.starts_with(settings_prefix)) return collect_.guard(Guard::SluiceSetting, low);
  if (low == "session_authorization") return collect_.guard(Guard::SessionAuthorization, low);
  const bool pinned = (low == "client_encoding" && !(value_known && is_utf8(value))) ||
                      (low == "standard_conforming_strings" && !(value_known && is_on(value)));
  if (pinned) collect_.guard(Guard::PinnedSetting, low);
  const bool read_only = low == transaction_read_only || low == "default_transaction_read_only";
  if (read_only && !(value_known && is_on(value))) collect_.leaves_read_only();
}

// SET name TO DEFAULT and RESET, RESET ALL and DISCARD ALL included, go back to what the session began
// with, which is what is pinned.
void NodeHandlers::set(Walker& walker, JsonObject node, Use) {
  const std::string name = folded(text_field(node, "name"));
  const bool identity = name == "role" || name == "session_authorization";
  walker.collect_.kind(identity ? StatementKind::SetRole : StatementKind::Set);
  if (name.starts_with(settings_prefix)) walker.collect_.guard(Guard::SluiceSetting, name);

  // Its own reset value is off, whatever the session began with.
  if (name == transaction_read_only && text_field(node, "kind") != "VAR_SET_VALUE") walker.collect_.leaves_read_only();

  const auto arguments = array_field(node, "args");
  if (text_field(node, "kind") == "VAR_SET_VALUE" && arguments) {
    std::optional<std::string_view> value;
    if (arguments->size() == 1) value = constant_text(arguments->at(0).value_unsafe());
    walker.setting(name, value.value_or(""), value.has_value());
    if (names_secret(name)) walker.blank_literals(*field(node, "args"));
  }
  walker.walk_fields("VariableSetStmt", node, Use::Read);
}

// set_config(name, value, local): SET as a function. Without a constant name it may set anything.
void NodeHandlers::set_config(Walker& walker, JsonObject call) {
  std::optional<JsonValue> name_argument;
  std::optional<JsonValue> value_argument;
  if (const auto arguments = array_field(call, "args")) {
    size_t position = 0;
    for (const JsonValue argument : *arguments) {
      const auto named = as_node(argument, "NamedArgExpr");
      const std::string_view parameter = named ? text_field(*named, "name") : std::string_view{};
      const auto value = named ? field(*named, "arg") : std::optional(argument);
      if (named ? parameter == "setting_name" : position == 0) name_argument = value;
      if (named ? parameter == "new_value" : position == 1) value_argument = value;
      ++position;
    }
  }
  auto name = name_argument ? constant_text(*name_argument) : std::nullopt;
  if (name_argument && !walker.settings_row_.empty() && is_column(*name_argument, "name")) name = walker.settings_row_;
  if (!name || flag_field(call, "func_variadic")) {
    walker.collect_.kind(StatementKind::Set);
    return walker.collect_.guard(Guard::PinnedSetting, "set_config with a computed name");
  }
  const std::string low = folded(*name);
  walker.collect_.kind(low == "role" || low == "session_authorization" ? StatementKind::SetRole : StatementKind::Set);
  const auto value = value_argument ? constant_text(*value_argument) : std::nullopt;
  walker.setting(low, value.value_or(""), value.has_value());
  if (names_secret(low) && value_argument) walker.blank_literals(*value_argument);
}

void NodeHandlers::alter_system(Walker& walker, JsonObject node, Use use) {
  walker.collect_.kind(StatementKind::Set);
  walker.walk_fields("AlterSystemStmt", node, use);
}

// Which role is the credential's own is not known here, so every role is taken for it; who knows better
// may compare guard_detail.
void NodeHandlers::alter_role(Walker& walker, JsonObject node, Use use) {
  const auto role = object_field(node, "role");
  const std::string name = role ? role_text(*role) : std::string();
  bool guarded = role && text_field(*role, "roletype") != "ROLESPEC_CSTRING";
  if (const auto options = array_field(node, "options")) {
    for (const JsonValue value : *options) {
      const auto option = as_node(value, "DefElem");
      guarded = guarded || (option && text_field(*option, "defname") == "password");
    }
  }
  if (guarded) walker.collect_.guard(Guard::OwnRole, name);
  walker.walk_fields("AlterRoleStmt", node, use);
}

void NodeHandlers::alter_role_settings(Walker& walker, JsonObject node, Use use) {
  const auto role = object_field(node, "role");
  walker.collect_.guard(Guard::OwnRole, role ? role_text(*role) : "all");
  walker.walk_fields("AlterRoleSetStmt", node, use);
}

void NodeHandlers::rename(Walker& walker, JsonObject node, Use use) {
  if (text_field(node, "renameType") == "OBJECT_ROLE")
    walker.collect_.guard(Guard::OwnRole, text_field(node, "subname"));
  walker.walk_fields("RenameStmt", node, use);
}

void NodeHandlers::extension(Walker& walker, JsonObject node, Use use) {
  const std::string_view name = text_field(node, "extname");
  if (name == "dblink" || name == "postgres_fdw") walker.collect_.guard(Guard::LoopBack, name);
  walker.collect_.opaque("extension " + std::string(name));
  walker.walk_fields("CreateExtensionStmt", node, use);
}

void NodeHandlers::subscription(Walker& walker, JsonObject node, Use use) {
  if (field(node, "conninfo")) walker.collect_.secrets_after_word("connection", walker.start_, walker.end_);
  walker.walk_fields("CreateSubscriptionStmt", node, use);
}

// Options of transactions, roles, servers, mappings and the like: name and value.
void NodeHandlers::option(Walker& walker, JsonObject node, Use use) {
  if (text_field(node, "defname") == transaction_read_only && !is_one(node)) walker.collect_.leaves_read_only();
  const auto value = field(node, "arg");
  if (value && names_secret(text_field(node, "defname")) && as_node(*value, "String")) {
    walker.collect_.secret_after(location_field(node).value_or(UINT32_MAX));
  }
  walker.walk_fields("DefElem", node, use);
}

}  // namespace sluice::rules::sql
