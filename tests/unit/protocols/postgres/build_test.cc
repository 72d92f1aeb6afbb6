#include "protocols/postgres/build.h"

#include <gtest/gtest.h>

#include <functional>

#include "protocols/postgres/frame.h"
#include "protocols/postgres/messages.h"
#include "protocols/postgres/startup.h"
#include "tests/unit/protocols/postgres/wire.h"

namespace sluice::pg {
namespace {
using namespace test;
using Buffer = std::vector<std::byte>;

TEST(PgBuild, every_message_is_byte_for_byte_what_the_manual_says) {
  const std::vector<std::string_view> mechanisms = {"A", "B"};
  const std::vector<std::string> options = {"_pq_.x"};
  const std::vector<uint32_t> types = {23};
  const std::vector<std::string_view> cells = {"a", {}, ""sv};
  const struct {
    const char* name;
    std::function<void(Buffer&)> build;
    std::string want;
  } rows[] = {
      {"parameter_status", [](Buffer& b) { build::parameter_status(b, "n", "v"); }, frame('S', c("n") + c("v"))},
      {"backend_key_data", [](Buffer& b) { build::backend_key_data(b, 1, 2); }, frame('K', be32(1) + be32(2))},
      {"ready_for_query", [](Buffer& b) { build::ready_for_query(b, 'T'); }, frame('Z', "T")},
      {"authentication_ok", [](Buffer& b) { build::authentication_ok(b); }, frame('R', be32(0))},
      {"cleartext", [](Buffer& b) { build::authentication_cleartext_password(b); }, frame('R', be32(3))},
      {"sasl", [&](Buffer& b) { build::authentication_sasl(b, mechanisms); },
       frame('R', be32(10) + c("A") + c("B") + '\0')},
      {"sasl_continue", [](Buffer& b) { build::authentication_sasl_continue(b, "r=1"); }, frame('R', be32(11) + "r=1")},
      {"sasl_final", [](Buffer& b) { build::authentication_sasl_final(b, "v=1"); }, frame('R', be32(12) + "v=1")},
      {"negotiate", [&](Buffer& b) { build::negotiate_protocol_version(b, 0, options); },
       frame('v', be32(0) + be32(1) + c("_pq_.x"))},
      {"data_row", [&](Buffer& b) { build::data_row(b, cells); },
       frame('D', be16(3) + sized("a") + be32(0xFFFF'FFFF) + sized(""))},
      {"command_complete", [](Buffer& b) { build::command_complete(b, "SELECT 1"); }, frame('C', c("SELECT 1"))},
      {"empty_query_response", [](Buffer& b) { build::empty_query_response(b); }, frame('I', "")},
      {"parse_complete", [](Buffer& b) { build::parse_complete(b); }, frame('1', "")},
      {"bind_complete", [](Buffer& b) { build::bind_complete(b); }, frame('2', "")},
      {"close_complete", [](Buffer& b) { build::close_complete(b); }, frame('3', "")},
      {"no_data", [](Buffer& b) { build::no_data(b); }, frame('n', "")},
      {"portal_suspended", [](Buffer& b) { build::portal_suspended(b); }, frame('s', "")},
      {"parameter_description", [&](Buffer& b) { build::parameter_description(b, types); },
       frame('t', be16(1) + be32(23))},
      {"ssl_request", [](Buffer& b) { build::ssl_request(b); }, startup(80'877'103, "")},
      {"cancel_request", [](Buffer& b) { build::cancel_request(b, 1, 2); }, startup(80'877'102, be32(1) + be32(2))},
      {"sasl_initial_response", [](Buffer& b) { build::sasl_initial_response(b, "M", "n,,"); },
       frame('p', c("M") + sized("n,,"))},
      {"sasl_response", [](Buffer& b) { build::sasl_response(b, "c=biws"); }, frame('p', "c=biws")},
      {"query", [](Buffer& b) { build::query(b, "select 1"); }, frame('Q', c("select 1"))},
      {"parse", [&](Buffer& b) { build::parse(b, "s", "select $1", types); },
       frame('P', c("s") + c("select $1") + be16(1) + be32(23))},
      {"bind", [](Buffer& b) { build::bind(b, "p", "s"); }, frame('B', c("p") + c("s") + be16(0) + be16(0) + be16(0))},
      {"describe_statement", [](Buffer& b) { build::describe_statement(b, "s"); }, frame('D', "S" + c("s"))},
      {"describe_portal", [](Buffer& b) { build::describe_portal(b, "p"); }, frame('D', "P" + c("p"))},
      {"close_statement", [](Buffer& b) { build::close_statement(b, "s"); }, frame('C', "S" + c("s"))},
      {"close_portal", [](Buffer& b) { build::close_portal(b, "p"); }, frame('C', "P" + c("p"))},
      {"execute", [](Buffer& b) { build::execute(b, "p", 9); }, frame('E', c("p") + be32(9))},
      {"copy_fail", [](Buffer& b) { build::copy_fail(b, "why"); }, frame('f', c("why"))},
      {"sync", [](Buffer& b) { build::sync(b); }, frame('S', "")},
      {"flush", [](Buffer& b) { build::flush(b); }, frame('H', "")},
      {"terminate", [](Buffer& b) { build::terminate(b); }, frame('X', "")},
  };
  for (const auto& row : rows) {
    Buffer out = {std::byte{0x2A}};  // A builder appends; what is there stays.
    row.build(out);
    EXPECT_EQ(text_of(out), "*" + row.want) << row.name;
  }
}

TEST(PgBuild, an_error_reads_back_and_empty_parts_are_left_out) {
  Buffer out;
  build::error_response(out, {.sqlstate = "42501", .message = "no", .detail = "d", .hint = "h"});
  ErrorFields fields;
  ASSERT_TRUE(parse_error(Bytes(out).subspan(header_size), fields));
  EXPECT_EQ(fields.severity, "ERROR");
  EXPECT_EQ(fields.severity_nonlocalized, "ERROR");
  EXPECT_EQ(fields.code, "42501");
  EXPECT_EQ(fields.message, "no");
  EXPECT_EQ(fields.detail, "d");
  EXPECT_EQ(fields.hint, "h");
  EXPECT_EQ(fields.all.size(), 6U);
  EXPECT_EQ((*backend_header(out))->frame_size(), out.size());

  out.clear();
  build::notice_response(out, {.severity = "NOTICE", .sqlstate = "00000", .message = "m"});
  ASSERT_TRUE(parse_error(Bytes(out).subspan(header_size), fields));
  EXPECT_EQ((*backend_header(out))->backend(), Backend::NoticeResponse);
  EXPECT_EQ(fields.all.size(), 4U);
}

TEST(PgBuild, bug_class_04_a_nul_in_a_peers_words_cannot_start_another_field) {
  Buffer out;
  build::error_response(out, {.sqlstate = "42501", .message = "x\0C00000\0"sv});
  ErrorFields fields;
  ASSERT_TRUE(parse_error(Bytes(out).subspan(header_size), fields));
  EXPECT_EQ(fields.code, "42501");
  EXPECT_EQ(fields.message, "xC00000");
}

TEST(PgBuild, a_shape_reads_back) {
  const ResultShape shape = {{"a", 16385, 2, 23, false}, {"b", 0, 0, 17, true}};
  Buffer out;
  build::row_description(out, shape);
  ResultShape back;
  ASSERT_TRUE(parse_row_description(Bytes(out).subspan(header_size), back));
  ASSERT_EQ(back.size(), 2U);
  EXPECT_EQ(back[0].name, "a");
  EXPECT_EQ(back[0].table_oid, 16385U);
  EXPECT_EQ(back[0].attribute, 2);
  EXPECT_TRUE(back[1].binary);
}

TEST(PgBuild, a_startup_message_reads_back_and_carries_no_trick_bug_class_04) {
  using Parameters = std::vector<std::pair<std::string, std::string>>;
  const Parameters good = {{"user", "ci"}, {"database", "d"}};
  Buffer out;
  ASSERT_TRUE(build::startup_message(out, good));
  EXPECT_EQ(**startup_packet_size(out), out.size());
  EXPECT_EQ(std::get<StartupMessage>(*parse_startup(out)).parameters, good);

  const Parameters bad[] = {
      {{"user", std::string("x\0user\0admin"sv)}},  // A NUL in a value would start another parameter.
      {{std::string("us\0er"sv), "x"}},
      {{"", "x"}},                                  // An empty name would end the list.
      {{"user", std::string(startup_size_max, 'x')}},
  };
  for (const auto& parameters : bad) {
    Buffer nothing;
    EXPECT_FALSE(build::startup_message(nothing, parameters));
    EXPECT_TRUE(nothing.empty());
  }
}

TEST(PgBuild, a_password_with_a_nul_or_over_the_cap_is_refused) {
  Buffer out;
  EXPECT_FALSE(build::password_message(out, "a\0b"sv));
  EXPECT_FALSE(build::password_message(out, std::string(password_size_max, 'x')));
  EXPECT_TRUE(out.empty());
  EXPECT_TRUE(build::password_message(out, std::string(password_size_max - 1, 'x')));
  EXPECT_TRUE(frontend_header(out, Phase::Authentication, {}));
}

TEST(PgBuild, a_refusal_explains_itself_as_one_json_object) {
  EXPECT_EQ(
      refusal_detail({.reason = "rule", .rule = "no-drop", .target = "orders", .statement = "drop \"x\"\n"}),
      R"({"sluice":{"verdict":"deny","reason":"rule","rule":"no-drop","target":"orders","statement":"drop \"x\"\n"}})");
  EXPECT_EQ(refusal_detail({.reason = "guard"}), R"({"sluice":{"verdict":"deny","reason":"guard"}})");
}

}  // namespace
}  // namespace sluice::pg
