// Which functions of PostgreSQL 15 and of the extensions it ships reach beyond the rows they are given.
// By name alone: extensions are installed in any schema, and a function of the same name somewhere else
// is judged the same, which is the safe mistake.
#include <algorithm>
#include <array>

#include "rules/sql/names.h"

namespace sluice::rules::sql {
namespace {

using enum FunctionClass;

struct Row {
  std::string_view name;
  FunctionClass function_class;
};

// Families whose members are all of one class.
constexpr auto families = std::to_array<Row>({
    {"binary_upgrade_", CatalogInternals},
    {"brin_metapage_", StoragePages},
    {"brin_page_", StoragePages},
    {"brin_revmap_", StoragePages},
    {"bt_metap", StoragePages},
    {"bt_page_", StoragePages},
    {"cursor_to_xml", RunsSqlText},
    {"database_to_xml", RunsSqlText},
    {"dblink", Network},
    {"gin_leafpage_", StoragePages},
    {"gin_metapage_", StoragePages},
    {"gin_page_", StoragePages},
    {"gist_page_", StoragePages},
    {"hash_bitmap_info", StoragePages},
    {"hash_metapage_", StoragePages},
    {"hash_page_", StoragePages},
    {"heap_page_", StoragePages},
    {"pg_advisory_", AdvisoryLocks},
    {"pg_backup_", ServerAdministration},
    {"pg_file_", ServerFiles},
    {"pg_get_wal_", ServerAdministration},
    {"pg_logical_", Replication},
    {"pg_ls_", ServerFiles},
    {"pg_read_", ServerFiles},
    {"pg_replication_", Replication},
    {"pg_stat_get_backend_", OtherSessions},
    {"pg_try_advisory_", AdvisoryLocks},
    {"postgres_fdw_", Network},
    {"query_to_xml", RunsSqlText},
    {"schema_to_xml", RunsSqlText},
    {"table_to_xml", RunsSqlText},
});

// Sorted by byte value: looked up by binary search. Wins over the families.
constexpr auto names = std::to_array<Row>({
    {"autoprewarm_dump_now", ServerAdministration},
    {"autoprewarm_start_worker", ServerAdministration},
    {"be_lo_export", ServerFiles},
    {"be_lo_import", ServerFiles},
    {"be_lo_unlink", LargeObjects},
    {"be_loread", LargeObjects},
    {"be_lowrite", LargeObjects},
    {"connectby", RunsSqlText},
    {"crosstab", RunsSqlText},
    {"crosstab2", RunsSqlText},
    {"crosstab3", RunsSqlText},
    {"crosstab4", RunsSqlText},
    {"crosstab_hash", RunsSqlText},
    {"crosstabn", RunsSqlText},
    {"current_query", OtherSessions},
    {"fsm_page_contents", StoragePages},
    {"get_raw_page", StoragePages},
    {"heap_force_freeze", StoragePages},
    {"heap_force_kill", StoragePages},
    {"http", Network},
    {"http_delete", Network},
    {"http_get", Network},
    {"http_head", Network},
    {"http_patch", Network},
    {"http_post", Network},
    {"http_put", Network},
    {"lo_close", LargeObjects},
    {"lo_creat", LargeObjects},
    {"lo_create", LargeObjects},
    {"lo_export", ServerFiles},
    {"lo_from_bytea", LargeObjects},
    {"lo_get", LargeObjects},
    {"lo_import", ServerFiles},
    {"lo_lseek", LargeObjects},
    {"lo_lseek64", LargeObjects},
    {"lo_manage", LargeObjects},
    {"lo_oid", LargeObjects},
    {"lo_open", LargeObjects},
    {"lo_put", LargeObjects},
    {"lo_tell", LargeObjects},
    {"lo_tell64", LargeObjects},
    {"lo_truncate", LargeObjects},
    {"lo_truncate64", LargeObjects},
    {"lo_unlink", LargeObjects},
    {"loread", LargeObjects},
    {"lowrite", LargeObjects},
    {"nextval", Sequences},
    {"page_checksum", StoragePages},
    {"page_header", StoragePages},
    {"pg_blocking_pids", OtherSessions},
    {"pg_buffercache_pages", StoragePages},
    {"pg_cancel_backend", SessionControl},
    {"pg_check_frozen", StoragePages},
    {"pg_check_visible", StoragePages},
    {"pg_config", ServerAdministration},
    {"pg_copy_logical_replication_slot", Replication},
    {"pg_copy_physical_replication_slot", Replication},
    {"pg_create_logical_replication_slot", Replication},
    {"pg_create_physical_replication_slot", Replication},
    {"pg_create_restore_point", ServerAdministration},
    {"pg_current_logfile", ServerFiles},
    {"pg_cursor", OtherSessions},
    {"pg_drop_replication_slot", Replication},
    {"pg_export_snapshot", Replication},
    {"pg_extension_config_dump", CatalogInternals},
    {"pg_get_backend_memory_contexts", OtherSessions},
    {"pg_get_replication_slots", Replication},
    {"pg_get_shmem_allocations", OtherSessions},
    {"pg_hba_file_rules", ServerFiles},
    {"pg_ident_file_mappings", ServerFiles},
    {"pg_import_system_collations", ServerFiles},
    {"pg_isolation_test_session_is_blocked", OtherSessions},
    {"pg_listening_channels", OtherSessions},
    {"pg_lock_status", OtherSessions},
    {"pg_log_backend_memory_contexts", SessionControl},
    {"pg_logdir_ls", ServerFiles},
    {"pg_mcv_list_items", OtherSessions},
    {"pg_nextoid", CatalogInternals},
    {"pg_notify", Notifications},
    {"pg_prepared_statement", OtherSessions},
    {"pg_prepared_xact", OtherSessions},
    {"pg_prewarm", ServerAdministration},
    {"pg_promote", ServerAdministration},
    {"pg_relation_filepath", ServerFiles},
    {"pg_reload_conf", ServerAdministration},
    {"pg_rotate_logfile", ServerAdministration},
    {"pg_rotate_logfile_old", ServerAdministration},
    {"pg_safe_snapshot_blocking_pids", OtherSessions},
    {"pg_show_all_file_settings", ServerFiles},
    {"pg_show_replication_origin_status", Replication},
    {"pg_sleep", Sleep},
    {"pg_sleep_for", Sleep},
    {"pg_sleep_until", Sleep},
    {"pg_start_backup", ServerAdministration},
    {"pg_stat_clear_snapshot", ServerAdministration},
    {"pg_stat_file", ServerFiles},
    {"pg_stat_file_1arg", ServerFiles},
    {"pg_stat_force_next_flush", ServerAdministration},
    {"pg_stat_get_activity", OtherSessions},
    {"pg_stat_get_progress_info", OtherSessions},
    {"pg_stat_get_replication_slot", Replication},
    {"pg_stat_get_subscription", OtherSessions},
    {"pg_stat_get_subscription_stats", OtherSessions},
    {"pg_stat_get_wal_receiver", OtherSessions},
    {"pg_stat_get_wal_senders", OtherSessions},
    {"pg_stat_have_stats", OtherSessions},
    {"pg_stat_reset", ServerAdministration},
    {"pg_stat_reset_replication_slot", Replication},
    {"pg_stat_reset_shared", ServerAdministration},
    {"pg_stat_reset_single_function_counters", ServerAdministration},
    {"pg_stat_reset_single_table_counters", ServerAdministration},
    {"pg_stat_reset_slru", ServerAdministration},
    {"pg_stat_reset_subscription_stats", ServerAdministration},
    {"pg_stat_statements", OtherSessions},
    {"pg_stat_statements_info", OtherSessions},
    {"pg_stat_statements_reset", ServerAdministration},
    {"pg_stop_backup", ServerAdministration},
    {"pg_stop_making_pinned_objects", CatalogInternals},
    {"pg_switch_wal", ServerAdministration},
    {"pg_switch_xlog", ServerAdministration},
    {"pg_sync_replication_slots", Replication},
    {"pg_terminate_backend", SessionControl},
    {"pg_truncate_visibility_map", StoragePages},
    {"pg_visibility", StoragePages},
    {"pg_visibility_map", StoragePages},
    {"pg_wal_replay_pause", ServerAdministration},
    {"pg_wal_replay_resume", ServerAdministration},
    {"pgrowlocks", StoragePages},
    {"pgstatginindex", StoragePages},
    {"pgstathashindex", StoragePages},
    {"pgstatindex", StoragePages},
    {"pgstattuple", StoragePages},
    {"pgstattuple_approx", StoragePages},
    {"plperl_call_handler", ServerPrograms},
    {"plperl_inline_handler", ServerPrograms},
    {"plperlu_call_handler", ServerPrograms},
    {"plperlu_inline_handler", ServerPrograms},
    {"plpgsql_check_function", RunsSqlText},
    {"plpgsql_check_function_tb", RunsSqlText},
    {"plpgsql_inline_handler", RunsSqlText},
    {"plpython3_call_handler", ServerPrograms},
    {"plpython3_inline_handler", ServerPrograms},
    {"plpythonu_call_handler", ServerPrograms},
    {"pltcl_call_handler", ServerPrograms},
    {"pltclu_call_handler", ServerPrograms},
    {"set_config", Settings},
    {"setval", Sequences},
    {"system", ServerPrograms},
    {"ts_rewrite", RunsSqlText},
    {"ts_stat", RunsSqlText},
    {"tuple_data_split", StoragePages},
    {"xpath_table", RunsSqlText},
});
static_assert(std::ranges::is_sorted(names, {}, &Row::name));

// Everyday functions of values, aggregates and windows. A name that is missing here costs time, no more.
constexpr auto ignoring_literals = std::to_array<std::string_view>({
    "abs", "age", "array_agg", "array_append", "array_cat", "array_length", "array_position", "array_remove",
    "array_to_string", "array_upper", "ascii", "avg", "bool_and", "bool_or", "btrim", "cardinality", "ceil",
    "ceiling", "char_length", "character_length", "chr", "clock_timestamp", "concat", "concat_ws", "corr", "count",
    "cume_dist", "date", "date_bin", "date_part", "date_trunc", "dense_rank", "div", "every", "exp", "extract",
    "first_value", "floor", "gen_random_uuid", "generate_series", "generate_subscripts", "initcap", "isfinite",
    "json_agg", "jsonb_agg", "justify_days", "justify_hours", "lag", "last_value", "lead", "left", "length",
    "like_escape", "ln", "log", "lower", "lpad", "ltrim", "make_date", "make_interval", "make_time", "make_timestamp",
    "make_timestamptz", "max", "md5", "min", "mod", "mode", "now", "nth_value", "ntile", "octet_length", "overlay",
    "percent_rank", "percentile_cont", "percentile_disc", "pi", "position", "power", "random", "rank", "regexp_match",
    "regexp_matches", "regexp_replace", "regexp_split_to_array", "regexp_split_to_table", "repeat", "replace",
    "reverse", "right", "round", "row_number", "rpad", "rtrim", "sha256", "sha512", "sign", "similar_to_escape",
    "split_part", "sqrt", "starts_with", "statement_timestamp", "stddev", "stddev_pop", "stddev_samp", "string_agg",
    "string_to_array", "strpos", "substr", "substring", "sum", "timezone", "to_char", "to_date", "to_number",
    "to_timestamp", "transaction_timestamp", "translate", "trunc", "unnest", "upper", "var_pop", "var_samp",
    "variance", "version",
});
static_assert(std::ranges::is_sorted(ignoring_literals));

}  // namespace

bool ignores_literals(QualifiedName name) {
  return is_transparent_function(name) && std::ranges::binary_search(ignoring_literals, name.name);
}

std::optional<FunctionClass> class_of_function(std::string_view function) {
  const auto at = std::ranges::lower_bound(names, function, {}, &Row::name);
  if (at != names.end() && at->name == function) return at->function_class;
  const auto family =
      std::ranges::find_if(families, [&](const Row& row) { return function.starts_with(row.name); });
  return family == families.end() ? std::nullopt : std::optional(family->function_class);
}

std::vector<ClassifiedName> function_catalogue() {
  std::vector<ClassifiedName> rows;
  for (const Row& row : families) rows.push_back({row.name, true, row.function_class});
  for (const Row& row : names) rows.push_back({row.name, false, row.function_class});
  return rows;
}

}  // namespace sluice::rules::sql
