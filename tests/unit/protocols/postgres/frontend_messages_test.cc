#include <gtest/gtest.h>

#include "protocols/postgres/messages.h"
#include "tests/unit/protocols/postgres/wire.h"

namespace sluice::pg {
namespace {
using namespace test;

void report(const char* what, size_t size) { ADD_FAILURE() << what << " at size " << size; }

TEST(PgQuery, is_one_string_and_nothing_else) {
  const std::string body = c("select 1");
  EXPECT_EQ(parse_query(as_bytes(body))->text, "select 1");
  EXPECT_EQ(parse_query(as_bytes(body))->text.data(), body.data());  // Borrowed, not copied.
  for_every_other_length(body, [](Bytes b) { return parse_query(b).has_value(); }, report);
  EXPECT_TRUE(parse_query(as_bytes("\0"sv)));
}

TEST(PgQuery, bug_class_04_text_behind_an_embedded_nul_is_never_a_second_reading) {
  EXPECT_FALSE(parse_query(as_bytes("select 1\0; drop table t\0"sv)));
}

TEST(PgParse, reads_name_text_and_types) {
  const std::string body = c("s1") + c("select $1, $2") + be16(2) + be32(23) + be32(0);
  const auto got = parse_parse(as_bytes(body));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->name, "s1");
  EXPECT_EQ(got->text, "select $1, $2");
  EXPECT_EQ(got->types, (std::vector<uint32_t>{23, 0}));
  for_every_other_length(body, [](Bytes b) { return parse_parse(b).has_value(); }, report);
}

TEST(PgParse, a_count_beyond_the_body_is_malformed) {
  for (const uint16_t count : {uint16_t{3}, uint16_t{0x7FFF}, uint16_t{0xFFFF}}) {
    EXPECT_FALSE(parse_parse(as_bytes(c("") + c("x") + be16(count) + be32(1) + be32(2)))) << count;
  }
}

std::string full_bind() {
  return c("portal") + c("statement") + be16(3) + be16(0) + be16(1) + be16(0) + be16(3) + sized("abc") +
         be32(0xFFFF'FFFF) + sized("") + be16(2) + be16(1) + be16(0);
}

TEST(PgBind, reads_every_part) {
  const std::string body = full_bind();
  BindView bind;
  ASSERT_TRUE(parse_bind(as_bytes(body), bind));
  EXPECT_EQ(bind.portal, "portal");
  EXPECT_EQ(bind.statement, "statement");
  EXPECT_EQ(bind.parameter_formats, (std::vector<int16_t>{0, 1, 0}));
  ASSERT_EQ(bind.parameters.size(), 3U);
  EXPECT_EQ(bind.parameters[0], "abc");
  EXPECT_EQ(bind.parameters[1].data(), nullptr) << "NULL";
  EXPECT_NE(bind.parameters[2].data(), nullptr) << "an empty value is not NULL";
  EXPECT_TRUE(bind.parameters[2].empty());
  EXPECT_EQ(bind.result_formats, (std::vector<int16_t>{1, 0}));
  EXPECT_EQ(parameter_format(bind, 1), 1);
  EXPECT_EQ(parameter_format(bind, 2), 0);
}

TEST(PgBind, ends_exactly_where_its_fields_end) {
  BindView bind;
  for_every_other_length(full_bind(), [&](Bytes b) { return parse_bind(b, bind); }, report);
}

TEST(PgBind, names_are_read_from_its_beginning_as_soon_as_both_are_there) {
  const std::string body = full_bind();
  const size_t enough = c("portal").size() + c("statement").size();
  for (size_t size = 0; size <= body.size(); ++size) {
    const std::string prefix = body.substr(0, size);
    const auto names = bind_names(as_bytes(prefix));
    EXPECT_EQ(names.has_value(), size >= enough) << size;
    if (names) {
      EXPECT_EQ(*names, (std::pair{"portal"sv, "statement"sv}));
    }
  }
}

TEST(PgBind, one_format_is_for_all_and_none_is_text) {
  BindView bind;
  ASSERT_TRUE(
      parse_bind(as_bytes(c("") + c("") + be16(1) + be16(1) + be16(2) + sized("a") + sized("b") + be16(0)), bind));
  EXPECT_EQ(parameter_format(bind, 0), 1);
  EXPECT_EQ(parameter_format(bind, 1), 1);
  ASSERT_TRUE(parse_bind(as_bytes(c("") + c("") + be16(0) + be16(2) + sized("a") + sized("b") + be16(0)), bind));
  EXPECT_EQ(parameter_format(bind, 1), 0);
}

TEST(PgBind, malformed_fields_are_refused) {
  const std::string names = c("") + c("");
  const struct {
    const char* why;
    std::string rest;
  } rows[] = {
      {"format code 2 does not exist", be16(1) + be16(2) + be16(1) + sized("a") + be16(0)},
      {"format code -1 does not exist", be16(1) + be16(0xFFFF) + be16(1) + sized("a") + be16(0)},
      {"result format 7 does not exist", be16(0) + be16(0) + be16(1) + be16(7)},
      {"two formats for three parameters",
       be16(2) + be16(0) + be16(0) + be16(3) + sized("a") + sized("b") + sized("c") + be16(0)},
      {"two formats for one parameter", be16(2) + be16(0) + be16(0) + be16(1) + sized("a") + be16(0)},
      {"a length of -2 is not NULL", be16(0) + be16(1) + be32(0xFFFF'FFFE) + be16(0)},
      {"a length of INT32_MIN", be16(0) + be16(1) + be32(0x8000'0000) + be16(0)},
      {"a value longer than the body", be16(0) + be16(1) + be32(100) + "short" + be16(0)},
      {"a value of 2 GiB less one", be16(0) + be16(1) + be32(0x7FFF'FFFF) + "short" + be16(0)},
      {"65535 parameters promised, none sent", be16(0) + be16(0xFFFF) + be16(0)},
      {"65535 parameter formats promised, none sent", be16(0xFFFF)},
      {"65535 result formats promised, none sent", be16(0) + be16(0) + be16(0xFFFF)},
      {"nothing after the names", ""},
  };
  BindView bind;
  for (const auto& row : rows) EXPECT_FALSE(parse_bind(as_bytes(names + row.rest), bind)) << row.why;
}

TEST(PgBind, as_many_parameters_as_the_protocol_counts) {
  std::string body = c("") + c("") + be16(0) + be16(0xFFFF);
  for (int i = 0; i < 0xFFFF; ++i) body += be32(0xFFFF'FFFF);
  body += be16(0);
  BindView bind;
  ASSERT_TRUE(parse_bind(as_bytes(body), bind));
  EXPECT_EQ(bind.parameters.size(), 0xFFFFU);
}

TEST(PgBind, promise_10_a_view_keeps_its_memory_from_call_to_call) {
  const std::string body = full_bind();
  BindView bind;
  ASSERT_TRUE(parse_bind(as_bytes(body), bind));
  const auto* parameters = bind.parameters.data();
  const auto* formats = bind.parameter_formats.data();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(parse_bind(as_bytes(body), bind));
  EXPECT_EQ(bind.parameters.data(), parameters);
  EXPECT_EQ(bind.parameter_formats.data(), formats);
}

TEST(PgBind, nothing_of_an_earlier_message_is_left_in_the_view) {
  BindView bind;
  ASSERT_TRUE(parse_bind(as_bytes(full_bind()), bind));
  const std::string empty = c("") + c("") + be16(0) + be16(0) + be16(0);
  ASSERT_TRUE(parse_bind(as_bytes(empty), bind));
  EXPECT_TRUE(bind.portal.empty() && bind.statement.empty());
  EXPECT_TRUE(bind.parameter_formats.empty() && bind.parameters.empty() && bind.result_formats.empty());
}

TEST(PgNamedObject, is_a_statement_or_a_portal) {
  const std::string body = "S" + c("name");
  EXPECT_EQ(parse_named_object(as_bytes(body))->kind, 'S');
  EXPECT_EQ(parse_named_object(as_bytes(body))->name, "name");
  EXPECT_EQ(parse_named_object(as_bytes("P" + c("")))->kind, 'P');
  for_every_other_length(body, [](Bytes b) { return parse_named_object(b).has_value(); }, report);
  for (const char kind : {'s', 'p', 'X', '\0'}) {
    EXPECT_FALSE(parse_named_object(as_bytes(std::string(1, kind) + c("n")))) << kind;
  }
}

TEST(PgExecute, reads_portal_and_row_limit) {
  const std::string body = c("p") + be32(100);
  const auto got = parse_execute(as_bytes(body));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->portal, "p");
  EXPECT_EQ(got->row_limit, 100U);
  for_every_other_length(body, [](Bytes b) { return parse_execute(b).has_value(); }, report);
}

TEST(PgCopyFail, is_one_string) {
  EXPECT_EQ(*parse_copy_fail(as_bytes(c("why"))), "why");
  for_every_other_length(c("why"), [](Bytes b) { return parse_copy_fail(b).has_value(); }, report);
}

TEST(PgPassword, is_one_string) {
  EXPECT_EQ(*parse_password(as_bytes(c("secret"))), "secret");
  for_every_other_length(c("secret"), [](Bytes b) { return parse_password(b).has_value(); }, report);
}

TEST(PgSaslInitialResponse, tells_no_data_from_empty_data) {
  const std::string body = c("SCRAM-SHA-256") + sized("n,,n=,r=abc");
  const auto got = parse_sasl_initial_response(as_bytes(body));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->mechanism, "SCRAM-SHA-256");
  EXPECT_EQ(got->data, "n,,n=,r=abc");
  EXPECT_TRUE(got->has_data);
  for_every_other_length(body, [](Bytes b) { return parse_sasl_initial_response(b).has_value(); }, report);

  const std::string none = c("X") + be32(0xFFFF'FFFF);
  ASSERT_TRUE(parse_sasl_initial_response(as_bytes(none)));
  EXPECT_FALSE(parse_sasl_initial_response(as_bytes(none))->has_data);
  EXPECT_TRUE(parse_sasl_initial_response(as_bytes(c("X") + sized("")))->has_data);
}

TEST(PgSaslInitialResponse, malformed_fields_are_refused) {
  EXPECT_FALSE(parse_sasl_initial_response(as_bytes(c("") + sized("data")))) << "no mechanism";
  EXPECT_FALSE(parse_sasl_initial_response(as_bytes(c("X") + be32(0xFFFF'FFFE)))) << "length -2";
  EXPECT_FALSE(parse_sasl_initial_response(as_bytes(c("X") + be32(0xFFFF'FFFF) + "data"))) << "no data, then data";
  EXPECT_FALSE(parse_sasl_initial_response(as_bytes(c("X") + be32(0x7FFF'FFFF) + "data"))) << "2 GiB promised";
  EXPECT_FALSE(parse_sasl_initial_response(as_bytes(c("X") + sized("n,,\0x"sv)))) << "a NUL hides what follows";
}

TEST(PgSaslResponse, is_the_whole_body_without_a_nul) {
  EXPECT_EQ(*parse_sasl_response(as_bytes("c=biws"sv)), "c=biws");
  EXPECT_FALSE(parse_sasl_response(as_bytes("c=biws\0x"sv)));
}

}  // namespace
}  // namespace sluice::pg
