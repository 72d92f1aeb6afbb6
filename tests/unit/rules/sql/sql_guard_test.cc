// What nobody may do through a shared role, and secrets that must not be recorded.
#include <gtest/gtest.h>

#include <ostream>

#include "tests/unit/rules/sql/facts_support.h"

namespace sluice::rules::sql {
namespace {

struct GuardCase {
  std::string_view why;
  std::string_view text;
  Guard want;
  std::string_view detail;
};
void PrintTo(const GuardCase& row, std::ostream* out) { *out << row.text; }

class GuardOf : public testing::TestWithParam<GuardCase> {};

TEST_P(GuardOf, statement) {
  const auto facts = facts_of(GetParam().text);
  ASSERT_TRUE(facts->understood) << facts->parse_error;
  EXPECT_EQ(facts->guard, GetParam().want);
  EXPECT_EQ(facts->guard_detail, GetParam().detail);
}

INSTANTIATE_TEST_SUITE_P(
    promise_13, GuardOf,
    testing::Values(
        GuardCase{"password_of_oneself", "alter role current_user password 'x'", Guard::OwnRole, "current_user"},
        GuardCase{"password_of_a_name", "alter user Bob encrypted password 'x'", Guard::OwnRole, "bob"},
        GuardCase{"password_null", "alter role bob password null", Guard::OwnRole, "bob"},
        GuardCase{"any_option_of_oneself", "alter role session_user nologin", Guard::OwnRole, "session_user"},
        GuardCase{"other_options_of_others", "alter role bob nologin", Guard::None, ""},
        GuardCase{"settings_of_a_role", "alter role bob set work_mem = 1", Guard::OwnRole, "bob"},
        GuardCase{"settings_of_all_roles", "alter role all in database d set work_mem = 1", Guard::OwnRole, "all"},
        GuardCase{"settings_taken_back", "alter role bob reset all", Guard::OwnRole, "bob"},
        GuardCase{"rename", "alter user a rename to b", Guard::OwnRole, "a"},
        GuardCase{"catalog_of_roles", "update pg_catalog.pg_authid set rolpassword = 'x'", Guard::OwnRole,
                  "pg_catalog.pg_authid"},
        GuardCase{"a_password_inside_with", "create role a password 'x'", Guard::None, ""},
        GuardCase{"evasion_43_session_authorization", "set session authorization bob", Guard::SessionAuthorization,
                  "session_authorization"},
        GuardCase{"evasion_43_local", "set local session authorization 'bob'", Guard::SessionAuthorization,
                  "session_authorization"},
        GuardCase{"evasion_43_by_its_setting", "set session_authorization = bob", Guard::SessionAuthorization,
                  "session_authorization"},
        GuardCase{"evasion_43_by_function", "select set_config('Session_Authorization', 'bob', false)",
                  Guard::SessionAuthorization, "session_authorization"},
        GuardCase{"evasion_43_going_back_is_harmless", "set session authorization default; reset session authorization",
                  Guard::None, ""},
        GuardCase{"evasion_43_set_role_is_a_kind", "set role bob", Guard::None, ""},
        GuardCase{"evasion_24_subscriptions", "alter subscription s disable", Guard::Replication, "alter subscription"},
        GuardCase{"evasion_24_drop_subscription", "drop subscription s", Guard::Replication, "drop subscription"},
        GuardCase{"evasion_24_slots", "select pg_create_logical_replication_slot('a', 'b')", Guard::Replication,
                  "pg_create_logical_replication_slot"},
        GuardCase{"evasion_24_changes", "select * from pg_catalog.pg_logical_slot_peek_changes('a', null, null)",
                  Guard::Replication, "pg_catalog.pg_logical_slot_peek_changes"},
        GuardCase{"evasion_24_origins", "select pg_replication_origin_create('a')", Guard::Replication,
                  "pg_replication_origin_create"},
        GuardCase{"loop_by_dblink", "select * from dblink('x', 'y') as t(a int)", Guard::LoopBack, "dblink"},
        GuardCase{"loop_by_dblink_anywhere", "select ext.dblink_exec('x', 'y')", Guard::LoopBack, "ext.dblink_exec"},
        GuardCase{"evasion_09_loop_by_escaped_name", "select U&\"dbl\\0069nk\"('x', 'y')", Guard::LoopBack, "dblink"},
        GuardCase{"loop_by_extension", "create extension if not exists postgres_fdw", Guard::LoopBack, "postgres_fdw"},
        GuardCase{"loop_by_server", "create server s foreign data wrapper f", Guard::LoopBack, "create foreign server"},
        GuardCase{"loop_by_changed_server", "alter server s options (set host 'h')", Guard::LoopBack,
                  "alter foreign server"},
        GuardCase{"loop_by_mapping", "create user mapping for public server s", Guard::LoopBack, "create user mapping"},
        GuardCase{"other_extensions", "create extension pg_trgm", Guard::None, ""},
        GuardCase{"evasion_29_terminate", "select pg_terminate_backend(1)", Guard::SessionControl,
                  "pg_terminate_backend"},
        GuardCase{"evasion_29_cancel_in_where", "delete from t where pg_catalog.pg_cancel_backend(a)",
                  Guard::SessionControl, "pg_catalog.pg_cancel_backend"},
        GuardCase{"our_settings", "set sluice.principal = 'x'", Guard::SluiceSetting, "sluice.principal"},
        GuardCase{"our_settings_local", "set local \"SLUICE.a\" to x", Guard::SluiceSetting, "sluice.a"},
        GuardCase{"our_settings_reset", "reset sluice.principal", Guard::SluiceSetting, "sluice.principal"},
        GuardCase{"our_settings_by_function", "select set_config('sluice.a', 'x', true)", Guard::SluiceSetting,
                  "sluice.a"},
        GuardCase{"our_settings_of_a_database", "alter database d set sluice.a = 1", Guard::SluiceSetting, "sluice.a"},
        GuardCase{"evasion_14_encoding", "set client_encoding = 'latin1'", Guard::PinnedSetting, "client_encoding"},
        GuardCase{"evasion_14_set_names", "set names 'sjis'", Guard::PinnedSetting, "client_encoding"},
        GuardCase{"evasion_14_utf8_spellings",
                  "set names 'UTF-8'; set client_encoding to utf8; set names 'unicode'; set names default", Guard::None,
                  ""},
        GuardCase{"evasion_13_standard_strings", "set standard_conforming_strings = off", Guard::PinnedSetting,
                  "standard_conforming_strings"},
        GuardCase{"evasion_13_standard_strings_on", "set standard_conforming_strings to on", Guard::None, ""},
        GuardCase{"evasion_13_standard_strings_local", "set local standard_conforming_strings = 0",
                  Guard::PinnedSetting, "standard_conforming_strings"},
        GuardCase{"evasion_14_set_config", "select pg_catalog.set_config('client_encoding', 'sjis', false)",
                  Guard::PinnedSetting, "client_encoding"},
        GuardCase{"evasion_14_set_config_by_name",
                  "select set_config(is_local => false, new_value => 'sjis', setting_name => 'CLIENT_encoding')",
                  Guard::PinnedSetting, "client_encoding"},
        GuardCase{"evasion_14_set_config_escaped", "select set_config(E'client\\x5fencoding', 'sjis', false)",
                  Guard::PinnedSetting, "client_encoding"},
        GuardCase{"evasion_14_set_config_cast", "select set_config('client_encoding'::text, 'sjis', false)",
                  Guard::PinnedSetting, "client_encoding"},
        GuardCase{"evasion_14_set_config_cut_by_a_cast",
                  "select set_config('client_encodingX'::varchar(15), 'utf8', false)", Guard::PinnedSetting,
                  "set_config with a computed name"},
        GuardCase{"evasion_14_set_config_computed", "select set_config('client_' || 'encoding', 'utf8', false)",
                  Guard::PinnedSetting, "set_config with a computed name"},
        GuardCase{"evasion_14_set_config_parameter", "select set_config($1, 'a', false)", Guard::PinnedSetting,
                  "set_config with a computed name"},
        GuardCase{"evasion_14_set_config_variadic", "select set_config(variadic array['a', 'b'])", Guard::PinnedSetting,
                  "set_config with a computed name"},
        GuardCase{"evasion_14_set_config_computed_value", "select set_config('client_encoding', a, false) from t",
                  Guard::PinnedSetting, "client_encoding"},
        GuardCase{"evasion_14_set_config_of_others", "select set_config('search_path', a, false) from t", Guard::None,
                  ""},
        GuardCase{"evasion_14_the_settings_view", "update pg_settings set setting = 'off' where name = 'x'",
                  Guard::PinnedSetting, "pg_settings"},
        GuardCase{"evasion_14_database_setting", "alter database d set client_encoding = sjis", Guard::PinnedSetting,
                  "client_encoding"},
        GuardCase{"evasion_14_system_setting", "alter system set standard_conforming_strings = off",
                  Guard::PinnedSetting, "standard_conforming_strings"},
        GuardCase{"evasion_14_function_setting", "alter function f() set client_encoding = sjis", Guard::PinnedSetting,
                  "client_encoding"},
        GuardCase{"resets_go_back_to_what_is_pinned", "reset all; discard all; reset client_encoding", Guard::None, ""},
        GuardCase{"a_guard_inside_explain", "explain select pg_terminate_backend(1)", Guard::SessionControl,
                  "pg_terminate_backend"},
        GuardCase{"a_guard_in_the_second_statement", "select 1; set sluice.a = 1", Guard::SluiceSetting, "sluice.a"},
        GuardCase{"statistics_are_only_relations", "select * from pg_stats", Guard::None, ""}),
    named_by_reason);

struct SecretCase {
  std::string_view why;
  std::string_view text;
  std::string_view want;  ///< Empty: no secret.
};
void PrintTo(const SecretCase& row, std::ostream* out) { *out << row.text; }

class Secrets : public testing::TestWithParam<SecretCase> {};

TEST_P(Secrets, are_not_recorded) {
  const auto facts = facts_of(GetParam().text);
  ASSERT_TRUE(facts->understood) << facts->parse_error;
  EXPECT_EQ(facts->text_to_record, GetParam().want);
  EXPECT_EQ(facts->has_secret, !GetParam().want.empty());
  EXPECT_EQ(facts->canonical.find("hunter2"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    promise_11, Secrets,
    testing::Values(
        SecretCase{"create_role", "create role a login password 'hunter2'", "create role a login password '***'"},
        SecretCase{"create_user", "CREATE USER a PASSWORD /* it is */ 'hunter2' LOGIN",
                   "CREATE USER a PASSWORD /* it is */ '***' LOGIN"},
        SecretCase{"alter_role", "alter role a with encrypted password 'hunter2'",
                   "alter role a with encrypted password '***'"},
        SecretCase{"any_literal_form", "alter role a password E'hunt\\x65r2' valid until '2030-01-01'",
                   "alter role a password '***' valid until '2030-01-01'"},
        SecretCase{"dollar_quotes", "alter role a password $x$hunter2$x$", "alter role a password '***'"},
        SecretCase{"continued_literals", "alter role a password 'hun'\n'ter2'", "alter role a password '***'"},
        SecretCase{"unicode_literals", "alter role a password U&'hunter2'", "alter role a password '***'"},
        SecretCase{"several", "alter role a password 'hunter2'; select 'x'; alter role b password 'hunter2'",
                   "alter role a password '***'; select 'x'; alter role b password '***'"},
        SecretCase{"no_literal", "alter role a password null", ""},
        SecretCase{"user_mapping", "create user mapping for a server s options (user 'u', password 'hunter2')",
                   "create user mapping for a server s options (user 'u', password '***')"},
        SecretCase{"alter_user_mapping", "alter user mapping for a server s options (set password 'hunter2')",
                   "alter user mapping for a server s options (set password '***')"},
        SecretCase{"quoted_option", "create server s foreign data wrapper f options (\"Password\" 'hunter2')",
                   "create server s foreign data wrapper f options (\"Password\" '***')"},
        SecretCase{"subscription", "create subscription s connection 'host=h password=hunter2' publication p",
                   "create subscription s connection '***' publication p"},
        SecretCase{"alter_subscription", "select 1; alter subscription s connection 'hunter2'",
                   "select 1; alter subscription s connection '***'"},
        SecretCase{"pgcrypto", "select pgp_sym_encrypt('data', 'hunter2'), pgp_sym_decrypt(c, 'hunter2'::text) from t",
                   "select pgp_sym_encrypt('data', '***'), pgp_sym_decrypt(c, '***'::text) from t"},
        SecretCase{"crypt", "select crypt('hunter2', gen_salt('bf'))", "select crypt('***', gen_salt('bf'))"},
        SecretCase{"dblink", "select * from dblink('password=hunter2', 'select 1') as t(a int)",
                   "select * from dblink('***', 'select 1') as t(a int)"},
        SecretCase{"dblink_connect", "select dblink_connect('name', 'password=' || 'hunter2')",
                   "select dblink_connect('***', '***' || '***')"},
        SecretCase{"settings", "set app.password = 'hunter2'", "set app.password = '***'"},
        SecretCase{"set_config", "select set_config('app.api_token', 'hunter2', false)",
                   "select set_config('app.api_token', '***', false)"},
        SecretCase{"connection_of_a_standby", "alter system set primary_conninfo = 'password=hunter2'",
                   "alter system set primary_conninfo = '***'"},
        SecretCase{"ordinary_text", "select 'password'", ""}),
    named_by_reason);

}  // namespace
}  // namespace sluice::rules::sql
