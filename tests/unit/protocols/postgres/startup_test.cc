#include "protocols/postgres/startup.h"

#include <gtest/gtest.h>

#include "tests/unit/protocols/postgres/wire.h"

namespace sluice::pg {
namespace {
using namespace test;

constexpr uint32_t v3 = 196'608;

TEST(PgStartupSize, is_judged_before_it_is_waited_for) {
  for (size_t size = 0; size < 4; ++size) {
    const auto got = startup_packet_size(as_bytes(be32(100)).first(size));
    ASSERT_TRUE(got);
    EXPECT_FALSE(*got);
  }
  for (const uint32_t small : {0U, 3U, 4U, 7U}) {
    EXPECT_EQ(startup_packet_size(as_bytes(be32(small))).error(), StartupError::LengthTooSmall) << small;
  }
  for (const uint32_t large : {10'001U, 0x7FFF'FFFFU, 0x8000'0000U, 0xFFFF'FFFFU}) {
    EXPECT_EQ(startup_packet_size(as_bytes(be32(large))).error(), StartupError::LengthTooLarge) << large;
  }
  EXPECT_EQ(**startup_packet_size(as_bytes(be32(8))), 8U);
  EXPECT_EQ(**startup_packet_size(as_bytes(be32(10'000))), 10'000U);
}

TEST(PgStartupSize, bug_class_01_bytes_after_the_first_packet_are_seen_to_be_after_it) {
  const std::string wire = startup(ssl_request_code, "") + "carried over";
  EXPECT_EQ(**startup_packet_size(as_bytes(wire)), 8U);
  EXPECT_FALSE(parse_startup(as_bytes(wire))) << "never read as part of the request";
}

TEST(PgStartup, knows_the_three_requests) {
  EXPECT_TRUE(std::holds_alternative<SslRequest>(*parse_startup(as_bytes(startup(80'877'103, "")))));
  EXPECT_TRUE(std::holds_alternative<GssEncRequest>(*parse_startup(as_bytes(startup(80'877'104, "")))));
  const auto cancel = parse_startup(as_bytes(startup(80'877'102, be32(17) + be32(0xCAFEBABE))));
  EXPECT_EQ(std::get<CancelRequest>(*cancel).pid, 17U);
  EXPECT_EQ(std::get<CancelRequest>(*cancel).secret, 0xCAFEBABEU);
}

TEST(PgStartup, requests_of_another_length_or_code_are_refused) {
  const struct {
    const char* why;
    std::string wire;
    StartupError want;
  } rows[] = {
      {"SSLRequest with a body", startup(ssl_request_code, "x"), StartupError::UnknownRequest},
      {"GSSENCRequest with a body", startup(gss_enc_request_code, "x"), StartupError::UnknownRequest},
      {"CancelRequest without a secret", startup(cancel_request_code, be32(1)), StartupError::UnknownRequest},
      {"CancelRequest with the longer secret of 3.2", startup(cancel_request_code, std::string(36, 'k')),
       StartupError::UnknownRequest},
      {"a code that does not exist", startup(80'877'105, ""), StartupError::UnknownRequest},
      {"version 2", startup(2U << 16, std::string(280, '\0')), StartupError::UnsupportedProtocol},
      {"version 4", startup(4U << 16, std::string(1, '\0')), StartupError::UnsupportedProtocol},
      {"version 0", startup(0, std::string(1, '\0')), StartupError::UnsupportedProtocol},
      {"an HTTP request", "GET / HTTP/1.1\r\n", StartupError::LengthTooSmall},
      {"no code", be32(4), StartupError::LengthTooSmall},
      {"nothing", "", StartupError::LengthTooSmall},
  };
  for (const auto& row : rows) {
    const auto got = parse_startup(as_bytes(row.wire));
    ASSERT_FALSE(got) << row.why;
    EXPECT_EQ(got.error(), row.want) << row.why << ": " << explain(got.error());
  }
}

TEST(PgStartup, reads_parameters_in_order) {
  const auto got = parse_startup(as_bytes(startup(v3, c("user") + c("ci") + c("database") + c("") + '\0')));
  ASSERT_TRUE(got);
  const auto& message = std::get<StartupMessage>(*got);
  EXPECT_EQ(message.major, 3);
  EXPECT_EQ(message.minor, 0);
  EXPECT_EQ(message.parameters, (std::vector<std::pair<std::string, std::string>>{{"user", "ci"}, {"database", ""}}));
}

TEST(PgStartup, every_cut_of_a_packet_is_refused) {
  const std::string wire = startup(v3, c("user") + c("ci") + c("database") + c("d") + '\0');
  for (size_t size = 0; size < wire.size(); ++size) {
    const std::string prefix = wire.substr(0, size);
    EXPECT_FALSE(parse_startup(as_bytes(prefix))) << size;
    if (size < 8) continue;
    const std::string cut = be32(static_cast<uint32_t>(size)) + wire.substr(4, size - 4);
    EXPECT_FALSE(parse_startup(as_bytes(cut))) << "with a length that fits, " << size;
  }
}

TEST(PgStartup, bug_class_04_no_trick_with_terminators_or_names) {
  const std::string user = c("user") + c("ci");
  const struct {
    const char* why;
    std::string rest;
    StartupError want;
  } rows[] = {
      {"bytes after the terminator", user + std::string("\0x"sv), StartupError::BadTerminator},
      {"a second terminator", user + std::string("\0\0"sv), StartupError::BadTerminator},
      {"parameters after the terminator", user + '\0' + c("database") + c("x") + '\0', StartupError::BadTerminator},
      {"no terminator", user, StartupError::BadTerminator},
      {"a name without a value", user + c("database"), StartupError::BadTerminator},
      {"a value that is not ended", user + c("database") + "x", StartupError::BadTerminator},
      {"a NUL in a value: what follows would be a name", c("user") + c("x\0user\0admin"sv) + '\0',
       StartupError::DuplicateParameter},
      {"the same name twice", user + c("user") + c("admin") + '\0', StartupError::DuplicateParameter},
      {"the same name in another case", user + c("USER") + c("admin") + '\0', StartupError::DuplicateParameter},
      {"a value that is not UTF-8", c("user") + c("\xff") + '\0', StartupError::NotUtf8},
      {"an overlong encoding", c("user") + c("\xc0\xaf") + '\0', StartupError::NotUtf8},
      {"a name that is not UTF-8", c("\xed\xa0\x80") + c("x") + '\0', StartupError::NotUtf8},
      {"nothing at all", "", StartupError::BadTerminator},
  };
  for (const auto& row : rows) {
    const auto got = parse_startup(as_bytes(startup(v3, row.rest)));
    ASSERT_FALSE(got) << row.why;
    EXPECT_EQ(got.error(), row.want) << row.why << ": " << explain(got.error());
  }
}

TEST(PgStartup, promise_10_the_number_of_parameters_is_bounded) {
  std::string rest;
  for (size_t i = 0; i < startup_parameter_count_max; ++i) rest += c("p" + std::to_string(i)) + c("");
  EXPECT_TRUE(parse_startup(as_bytes(startup(v3, rest + '\0'))));
  const auto got = parse_startup(as_bytes(startup(v3, rest + c("more") + c("") + '\0')));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error(), StartupError::TooManyParameters);
}

StartupMessage message(std::vector<std::pair<std::string, std::string>> parameters, uint16_t minor = 0) {
  return {3, minor, std::move(parameters)};
}

TEST(PgStartup, later_minor_versions_and_protocol_options_are_negotiated_away) {
  EXPECT_FALSE(needs_negotiation(message({{"user", "ci"}})));
  EXPECT_TRUE(needs_negotiation(message({{"user", "ci"}}, 2)));
  const auto asked = message({{"user", "ci"}, {"_pq_.command_compression", "on"}});
  EXPECT_TRUE(needs_negotiation(asked));
  EXPECT_EQ(protocol_options(asked), (std::vector<std::string>{"_pq_.command_compression"}));
  const auto options = apply_startup_allow_list(asked);
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_TRUE(options->forwarded.empty());
}

TEST(PgStartupAllowList, passes_what_drivers_send) {
  const auto got = apply_startup_allow_list(message({{"user", "ci"},
                                                     {"database", "orders"},
                                                     {"application_name", "app"},
                                                     {"client_encoding", "'utf-8'"},
                                                     {"datestyle", "ISO"},
                                                     {"TIMEZONE", "Europe/Berlin"},
                                                     {"extra_float_digits", "2"},
                                                     {"statement_timeout", "5s"}}));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->user, "ci");
  EXPECT_EQ(got->database, "orders");
  EXPECT_EQ(got->application_name, "app");
  EXPECT_EQ(got->auth_method_hint, "");
  EXPECT_EQ(got->forwarded, (std::vector<std::pair<std::string, std::string>>{
                                {"DateStyle", "ISO"}, {"TimeZone", "Europe/Berlin"}, {"extra_float_digits", "2"},
                                {"statement_timeout", "5s"}}));
}

TEST(PgStartupAllowList, bug_class_04_everything_else_is_refused_by_its_name) {
  for (const char* name :
       {"search_path", "session_authorization", "role", "replication", "REPLICATION", "session_replication_role",
        "standard_conforming_strings", "sluice.auth", "sluice.rule", "default_transaction_read_only",
        "local_preload_libraries", "work_mem", "authentication_timeout", "x\x1b[31m"}) {
    const auto got = apply_startup_allow_list(message({{"user", "ci"}, {name, "x"}}));
    ASSERT_FALSE(got) << name;
    EXPECT_EQ(got.error().message.find('\x1b'), std::string::npos) << "no control characters in an error";
    if (std::string_view(name).find('\x1b') == std::string_view::npos) {
      EXPECT_NE(got.error().message.find(name == "REPLICATION"sv ? "replication" : name), std::string::npos)
          << got.error().message;
    }
  }
  for (const char* value : {"database", "true", "false", "0"}) {
    EXPECT_FALSE(apply_startup_allow_list(message({{"user", "ci"}, {"replication", value}}))) << value;
  }
}

TEST(PgStartupAllowList, a_user_is_needed) {
  EXPECT_FALSE(apply_startup_allow_list(message({})));
  EXPECT_FALSE(apply_startup_allow_list(message({{"user", ""}})));
}

TEST(PgStartupAllowList, only_utf8_passes_as_client_encoding) {
  for (const char* name : {"UTF8", "utf8", "utf-8", "UTF-8", "UNICODE", "'utf-8'", "\"UTF8\"", "Utf_8"}) {
    EXPECT_TRUE(is_utf8_encoding_name(name)) << name;
  }
  for (const char* name : {"", "SQL_ASCII", "LATIN1", "utf16", "utf88", "GBK", "SJIS", "auto", "win1252", "utf8x"}) {
    EXPECT_FALSE(is_utf8_encoding_name(name)) << name;
    EXPECT_FALSE(apply_startup_allow_list(message({{"user", "ci"}, {"client_encoding", name}}))) << name;
  }
}

TEST(PgStartupOptions, are_read_as_the_server_reads_them) {
  const struct {
    const char* why;
    std::string options;
    std::vector<std::pair<std::string, std::string>> want;
  } rows[] = {
      {"nothing", "", {}},
      {"blanks only", " \t\n", {}},
      {"-c apart", "-c statement_timeout=5s", {{"statement_timeout", "5s"}}},
      {"-c joined", "-cstatement_timeout=5s", {{"statement_timeout", "5s"}}},
      {"long form", "--statement_timeout=5s", {{"statement_timeout", "5s"}}},
      {"dashes for underscores", "--statement-timeout=5s", {{"statement_timeout", "5s"}}},
      {"several", "-c DateStyle=ISO  --timezone=UTC", {{"DateStyle", "ISO"}, {"TimeZone", "UTC"}}},
      {"an escaped blank", R"(-c DateStyle=ISO,\ MDY)", {{"DateStyle", "ISO, MDY"}}},
      {"an escaped backslash", R"(-c TimeZone=a\\b)", {{"TimeZone", "a\\b"}}},
      {"a backslash at the end is nothing", R"(-c TimeZone=UTC\)", {{"TimeZone", "UTC"}}},
      {"an empty value", "-c TimeZone=", {{"TimeZone", ""}}},
      {"only the first equals sign divides", "-c TimeZone=a=b", {{"TimeZone", "a=b"}}},
      {"utf8 is taken and not forwarded", "-c client_encoding=utf8", {}},
  };
  for (const auto& row : rows) {
    const auto got = apply_startup_allow_list(message({{"user", "ci"}, {"options", row.options}}));
    ASSERT_TRUE(got) << row.why << ": " << got.error().message;
    EXPECT_EQ(got->forwarded, row.want) << row.why;
  }
}

TEST(PgStartupOptions, bug_class_04_no_way_around_the_list) {
  for (const char* options :
       {"-c search_path=evil", "-csearch_path=evil", "--search_path=evil", "--search-path=evil", "-c role=admin",
        "-c session_authorization=admin", R"(-c ro\le=admin)", R"(\-c role=admin)", "-c", "-c statement_timeout", "--",
        "-c =x", "-e", "-d 5", "-ec role=admin", "-W 10", "statement_timeout=5s", "-cstatement_timeout=1 -crole=x",
        "-c sluice.rule=x", "-c user=admin", "-c database=x", "-c replication=database", "-c options=-crole=x",
        "-c client_encoding=SJIS", "-c statement_timeout=1 -c STATEMENT_TIMEOUT=0", "-c -c role=x"}) {
    EXPECT_FALSE(apply_startup_allow_list(message({{"user", "ci"}, {"options", options}}))) << options;
  }
}

TEST(PgStartupOptions, a_setting_comes_once_whichever_way_it_comes) {
  EXPECT_FALSE(
      apply_startup_allow_list(message({{"user", "ci"}, {"TimeZone", "UTC"}, {"options", "-c timezone=UTC"}})));
  EXPECT_FALSE(apply_startup_allow_list(
      message({{"user", "ci"}, {"application_name", "a"}, {"options", "--application-name=b"}})));
}

TEST(PgStartupOptions, carry_the_choice_of_an_authentication_method) {
  const auto got = apply_startup_allow_list(message({{"user", "ci"}, {"options", "-c sluice.auth=oauthbearer"}}));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->auth_method_hint, "oauthbearer");
  EXPECT_TRUE(got->forwarded.empty()) << "it is for sluice, not for the target";
}

TEST(PgStartup, names_fold_as_the_server_folds_them) {
  EXPECT_TRUE(same_setting_name("TimeZone", "TIMEZONE"));
  EXPECT_FALSE(same_setting_name("TimeZone", "TimeZon"));
  EXPECT_FALSE(same_setting_name("t\xc4\xb1mezone", "timezone")) << "a dotless i is another letter";
}

}  // namespace
}  // namespace sluice::pg
