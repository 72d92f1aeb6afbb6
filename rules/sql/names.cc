#include "rules/sql/names.h"

#include <algorithm>
#include <array>

#include "rules/sql/builtins.h"
#include "rules/sql/characters.h"

namespace sluice::rules::sql {
namespace {

// In pg_catalog, yet what they do cannot be seen from the statement. By prefix: families grow.
constexpr auto opaque_prefixes = std::to_array<std::string_view>({
    "binary_upgrade_",
    "cursor_to_xml",
    "database_to_xml",
    "pg_backup_",
    "pg_ls_",
    "pg_read_",
    "query_to_xml",
    "schema_to_xml",
    "table_to_xml",
});
constexpr auto opaque_names = std::to_array<std::string_view>({
    "be_lo_unlink",
    "be_loread",
    "be_lowrite",
    // Large objects hold data that no relation of the statement names.
    "lo_close",
    "lo_creat",
    "lo_create",
    "lo_export",
    "lo_from_bytea",
    "lo_get",
    "lo_import",
    "lo_lseek",
    "lo_lseek64",
    "lo_open",
    "lo_put",
    "lo_tell",
    "lo_tell64",
    "lo_truncate",
    "lo_truncate64",
    "lo_unlink",
    "loread",
    "lowrite",
    "pg_create_restore_point",
    "pg_current_logfile",
    "pg_extension_config_dump",
    // Other sessions' memory and statement text.
    "pg_get_backend_memory_contexts",
    "pg_hba_file_rules",
    "pg_ident_file_mappings",
    "pg_import_system_collations",
    "pg_log_backend_memory_contexts",
    // Values of columns, as statistics keep them.
    "pg_mcv_list_items",
    "pg_nextoid",
    "pg_promote",
    "pg_reload_conf",
    "pg_rotate_logfile",
    "pg_rotate_logfile_old",
    "pg_show_all_file_settings",
    "pg_stat_file",
    "pg_stat_file_1arg",
    "pg_stat_get_activity",
    "pg_stat_get_backend_activity",
    "pg_switch_wal",
    "pg_wal_replay_pause",
    "pg_wal_replay_resume",
    "ts_rewrite",
    "ts_stat",
});
static_assert(std::ranges::is_sorted(opaque_names));

struct GuardedName {
  std::string_view name;
  Guard guard;
};
constexpr auto guarded_prefixes = std::to_array<GuardedName>({
    {"dblink", Guard::LoopBack},
    {"postgres_fdw_", Guard::LoopBack},
    {"pg_logical_", Guard::Replication},
    {"pg_replication_", Guard::Replication},
});
constexpr auto guarded_functions = std::to_array<GuardedName>({
    {"pg_cancel_backend", Guard::SessionControl},
    {"pg_copy_logical_replication_slot", Guard::Replication},
    {"pg_copy_physical_replication_slot", Guard::Replication},
    {"pg_create_logical_replication_slot", Guard::Replication},
    {"pg_create_physical_replication_slot", Guard::Replication},
    {"pg_drop_replication_slot", Guard::Replication},
    {"pg_terminate_backend", Guard::SessionControl},
});
constexpr auto guarded_writes = std::to_array<GuardedName>({
    {"pg_authid", Guard::OwnRole},
    {"pg_db_role_setting", Guard::OwnRole},
    {"pg_foreign_server", Guard::LoopBack},
    {"pg_settings", Guard::PinnedSetting},  // A rule on this view turns an UPDATE into set_config().
    {"pg_subscription", Guard::Replication},
    {"pg_user_mapping", Guard::LoopBack},
});

template <size_t size>
Guard find_guard(const std::array<GuardedName, size>& table, std::string_view name) {
  const auto at = std::ranges::find(table, name, &GuardedName::name);
  return at == table.end() ? Guard::None : at->guard;
}

bool is_shipped_schema(std::string_view schema) { return schema == "information_schema"; }
bool may_be_catalog(std::string_view schema) { return schema.empty() || schema == "pg_catalog"; }

}  // namespace

std::string QualifiedName::text() const {
  std::string out(schema);
  if (!schema.empty()) out += '.';
  return out += name;
}

QualifiedName read_name(JsonArray parts) {
  QualifiedName name;
  for (const JsonValue part : parts) {
    name.schema = name.name;
    name.name = as_string(part);
  }
  return name;
}

bool TrustedNames::trusts(QualifiedName name) const {
  const std::string text = name.text();
  return std::ranges::any_of(patterns_, [&](const std::string& pattern) {
    if (pattern == text) return true;
    return pattern.ends_with(".*") && !name.schema.empty() &&
           std::string_view(pattern).substr(0, pattern.size() - 2) == name.schema;
  });
}

bool is_transparent_function(QualifiedName name) {
  if (is_shipped_schema(name.schema)) return true;
  if (!may_be_catalog(name.schema) || !is_builtin_function(name.name)) return false;
  const bool opaque_family =
      std::ranges::any_of(opaque_prefixes, [&](std::string_view prefix) { return name.name.starts_with(prefix); });
  return !opaque_family && !std::ranges::binary_search(opaque_names, name.name);
}

bool is_shipped_type(QualifiedName name) {
  return is_shipped_schema(name.schema) || (may_be_catalog(name.schema) && is_builtin_type(name.name));
}

bool is_shipped_operator(QualifiedName name) { return may_be_catalog(name.schema) && is_builtin_operator(name.name); }

Guard guard_of_function(std::string_view name) {
  for (const auto& [prefix, guard] : guarded_prefixes) {
    if (name.starts_with(prefix)) return guard;
  }
  return find_guard(guarded_functions, name);
}

Guard guard_of_write(QualifiedName relation) {
  return may_be_catalog(relation.schema) ? find_guard(guarded_writes, relation.name) : Guard::None;
}

bool names_secret(std::string_view name) {
  const std::string low = folded(name);
  constexpr auto words =
      std::to_array<std::string_view>({"password", "passwd", "passphrase", "secret", "token", "conninfo"});
  return std::ranges::any_of(words, [&](std::string_view word) { return low.find(word) != std::string::npos; });
}

std::string folded(std::string_view text) {
  std::string low(text);
  std::ranges::transform(low, low.begin(), fold);
  return low;
}

}  // namespace sluice::rules::sql
