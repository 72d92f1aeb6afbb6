#include <gtest/gtest.h>

#include "protocols/postgres/frame.h"
#include "protocols/postgres/messages.h"
#include "tests/unit/protocols/postgres/wire.h"

namespace sluice::pg {
namespace {
using namespace test;

void report(const char* what, size_t size) { ADD_FAILURE() << what << " at size " << size; }

std::string column(std::string_view name, uint32_t table, uint16_t attribute, uint32_t type, uint16_t format) {
  return c(name) + be32(table) + be16(attribute) + be32(type) + be16(8) + be32(0xFFFF'FFFF) + be16(format);
}

TEST(PgRowDescription, becomes_a_result_shape) {
  const std::string body =
      be16(3) + column("id", 16385, 1, 23, 0) + column("", 0, 0, 25, 1) + column("ctid", 16385, 0xFFFF, 27, 0);
  ResultShape shape;
  ASSERT_TRUE(parse_row_description(as_bytes(body), shape));
  ASSERT_EQ(shape.size(), 3U);
  EXPECT_EQ(shape[0].name, "id");
  EXPECT_EQ(shape[0].table_oid, 16385U);
  EXPECT_EQ(shape[0].attribute, 1U);
  EXPECT_EQ(shape[0].type_oid, 23U);
  EXPECT_FALSE(shape[0].binary);
  EXPECT_TRUE(shape[1].binary);
  EXPECT_EQ(shape[2].attribute, 0xFFFFU) << "a system column";
  for_every_other_length(body, [&](Bytes b) { return parse_row_description(b, shape); }, report);
}

TEST(PgRowDescription, bug_class_19_malformed_shapes_are_refused) {
  ResultShape shape;
  EXPECT_FALSE(parse_row_description(as_bytes(be16(1) + column("x", 0, 0, 25, 2)), shape)) << "format 2";
  EXPECT_FALSE(parse_row_description(as_bytes(be16(2) + column("x", 0, 0, 25, 0)), shape)) << "one column missing";
  EXPECT_FALSE(parse_row_description(as_bytes(be16(0xFFFF) + column("x", 0, 0, 25, 0)), shape)) << "65535 columns";
  std::string wide = be16(column_count_max + 1);
  for (int i = 0; i <= column_count_max; ++i) wide += column("", 0, 0, 25, 0);
  EXPECT_FALSE(parse_row_description(as_bytes(wide), shape)) << "one column more than a server can have";
  EXPECT_TRUE(parse_row_description(as_bytes(be16(0)), shape)) << "SELECT without columns is a thing";
  EXPECT_TRUE(shape.empty());
}

TEST(PgParameterDescription, reads_types) {
  const std::string body = be16(2) + be32(23) + be32(25);
  std::vector<uint32_t> types;
  ASSERT_TRUE(parse_parameter_description(as_bytes(body), types));
  EXPECT_EQ(types, (std::vector<uint32_t>{23, 25}));
  for_every_other_length(body, [&](Bytes b) { return parse_parameter_description(b, types); }, report);
}

TEST(PgDataRow, reads_cells_in_place) {
  const std::string body = be16(3) + sized("abc") + be32(0xFFFF'FFFF) + sized("");
  std::vector<CellView> cells;
  ASSERT_TRUE(parse_data_row(as_bytes(body), cells));
  ASSERT_EQ(cells.size(), 3U);
  EXPECT_EQ(cells[0].text(), "abc");
  EXPECT_EQ(reinterpret_cast<const char*>(cells[0].data), body.data() + 6) << "borrowed, not copied";
  EXPECT_TRUE(cells[1].null());
  EXPECT_EQ(cells[1].data, nullptr);
  EXPECT_FALSE(cells[2].null());
  EXPECT_EQ(cells[2].size, 0);
  for_every_other_length(body, [&](Bytes b) { return parse_data_row(b, cells); }, report);
}

TEST(PgDataRow, bug_class_19_malformed_rows_are_refused) {
  const struct {
    const char* why;
    std::string body;
  } rows[] = {
      {"a length of -2", be16(1) + be32(0xFFFF'FFFE)},
      {"a length of INT32_MIN", be16(1) + be32(0x8000'0000)},
      {"2 GiB less one promised", be16(1) + be32(0x7FFF'FFFF) + "x"},
      {"one more than there is", be16(1) + be32(2) + "x"},
      {"65535 cells promised", be16(0xFFFF) + sized("x")},
      {"fewer cells than counted", be16(2) + sized("xxxx")},
      {"bytes after the last cell", be16(1) + sized("x") + "y"},
      {"a cell's length runs into the next cell", be16(2) + be32(5) + "x" + be32(1) + "y"},
      {"no count", ""},
  };
  std::vector<CellView> cells;
  for (const auto& row : rows) EXPECT_FALSE(parse_data_row(as_bytes(row.body), cells)) << row.why;
  std::string wide = be16(column_count_max + 1);
  for (int i = 0; i <= column_count_max; ++i) wide += be32(0xFFFF'FFFF);
  EXPECT_FALSE(parse_data_row(as_bytes(wide), cells)) << "one cell more than a server can have";
  EXPECT_TRUE(parse_data_row(as_bytes(be16(0)), cells));
}

TEST(PgCommandComplete, is_one_string_and_its_last_number_counts_rows) {
  EXPECT_EQ(*parse_command_complete(as_bytes(c("SELECT 3"))), "SELECT 3");
  for_every_other_length(c("SELECT 3"), [](Bytes b) { return parse_command_complete(b).has_value(); }, report);
  const struct {
    std::string_view tag;
    uint64_t rows;
  } rows[] = {
      {"SELECT 3", 3},          {"INSERT 0 5", 5},  {"COPY 12", 12},
      {"MERGE 1", 1},           {"BEGIN", 0},       {"CREATE TABLE", 0},
      {"", 0},                  {"SELECT ", 0},     {"SELECT -1", 0},
      {"SELECT 1x", 0},         {"7", 0},           {"UPDATE 9999999999999999999", 9'999'999'999'999'999'999U},
      {"SELECT 99999999999999999999999", 0},
  };
  for (const auto& row : rows) EXPECT_EQ(rows_of_tag(row.tag), row.rows) << row.tag;
}

TEST(PgReadyForQuery, has_three_states_and_no_other) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string body(1, static_cast<char>(byte));
    EXPECT_EQ(parse_ready_for_query(as_bytes(body)).has_value(), byte == 'I' || byte == 'T' || byte == 'E') << byte;
  }
  for_every_other_length("I", [](Bytes b) { return parse_ready_for_query(b).has_value(); }, report);
}

TEST(PgError, reads_every_field_of_the_manual) {
  std::string body;
  for (const char type : "SVCMDHPpqWstcdnFLR"sv) {
    body += type;
    body += type == 'C' ? c("42501") : c(std::string(1, type) + " text");
  }
  body += '\0';
  ErrorFields fields;
  ASSERT_TRUE(parse_error(as_bytes(body), fields));
  EXPECT_EQ(fields.severity, "S text");
  EXPECT_EQ(fields.severity_nonlocalized, "V text");
  EXPECT_EQ(fields.code, "42501");
  EXPECT_EQ(fields.message, "M text");
  EXPECT_EQ(fields.detail, "D text");
  EXPECT_EQ(fields.hint, "H text");
  EXPECT_EQ(fields.position, "P text");
  EXPECT_EQ(fields.internal_position, "p text");
  EXPECT_EQ(fields.internal_query, "q text");
  EXPECT_EQ(fields.where, "W text");
  EXPECT_EQ(fields.schema, "s text");
  EXPECT_EQ(fields.table, "t text");
  EXPECT_EQ(fields.column, "c text");
  EXPECT_EQ(fields.data_type, "d text");
  EXPECT_EQ(fields.constraint, "n text");
  EXPECT_EQ(fields.all.size(), 18U);
  for_every_other_length(body, [&](Bytes b) { return parse_error(b, fields); }, report);
}

TEST(PgError, bug_class_19_a_missing_or_impossible_sqlstate_is_malformed_and_the_rest_is_kept) {
  ErrorFields fields;
  ASSERT_TRUE(parse_error(as_bytes("S" + c("ERROR") + "C" + c("XX000") + "M" + c("old") + '\0'), fields));
  const std::string without_code = "S" + c("FATAL") + "M" + c("no code") + '\0';
  EXPECT_FALSE(parse_error(as_bytes(without_code), fields));
  EXPECT_EQ(fields.severity, "FATAL");
  EXPECT_EQ(fields.message, "no code");
  EXPECT_TRUE(fields.code.empty()) << "nothing of the message before";
  EXPECT_EQ(fields.all.size(), 2U);
  for (const std::string_view code : {"", "4250", "425011", "4250a", "42 01", "4250\n"}) {
    EXPECT_FALSE(parse_error(as_bytes("C" + c(code) + '\0'), fields)) << code;
  }
}

TEST(PgError, an_unknown_field_is_kept_in_the_list_and_ignored_otherwise) {
  ErrorFields fields;
  const std::string body = "C" + c("42501") + "~" + c("new") + '\0';
  ASSERT_TRUE(parse_error(as_bytes(body), fields));
  EXPECT_EQ(fields.all[1], (std::pair{'~', "new"sv}));
}

TEST(PgError, promise_10_the_number_of_fields_is_bounded) {
  std::string body = "C" + c("42501");
  for (size_t i = 1; i < error_field_count_max; ++i) body += "W" + c("again");
  ErrorFields fields;
  EXPECT_TRUE(parse_error(as_bytes(body + '\0'), fields));
  EXPECT_FALSE(parse_error(as_bytes(body + "W" + c("again") + '\0'), fields));
}

TEST(PgParameterStatus, is_a_name_and_a_value) {
  const std::string body = c("TimeZone") + c("UTC");
  EXPECT_EQ(parse_parameter_status(as_bytes(body))->name, "TimeZone");
  EXPECT_EQ(parse_parameter_status(as_bytes(body))->value, "UTC");
  for_every_other_length(body, [](Bytes b) { return parse_parameter_status(b).has_value(); }, report);
  EXPECT_FALSE(parse_parameter_status(as_bytes(c("") + c("UTC"))));
}

TEST(PgBackendKeyData, is_eight_bytes_in_protocol_3_0) {
  const std::string body = be32(4711) + be32(0xDEADBEEF);
  EXPECT_EQ(parse_backend_key_data(as_bytes(body))->pid, 4711U);
  EXPECT_EQ(parse_backend_key_data(as_bytes(body))->secret, 0xDEADBEEFU);
  for_every_other_length(body, [](Bytes b) { return parse_backend_key_data(b).has_value(); }, report);
}

TEST(PgNotification, is_a_process_a_channel_and_a_payload) {
  const std::string body = be32(7) + c("channel") + c("payload");
  const auto got = parse_notification(as_bytes(body));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->pid, 7U);
  EXPECT_EQ(got->channel, "channel");
  EXPECT_EQ(got->payload, "payload");
  for_every_other_length(body, [](Bytes b) { return parse_notification(b).has_value(); }, report);
}

TEST(PgAuthentication, each_request_has_its_own_shape) {
  using Kind = AuthenticationKind;
  const auto kind = [](const std::string& body) { return parse_authentication(as_bytes(body))->kind; };
  EXPECT_EQ(kind(be32(0)), Kind::Ok);
  EXPECT_EQ(kind(be32(3)), Kind::CleartextPassword);
  EXPECT_EQ(kind(be32(5) + "salt"), Kind::Md5Password);
  EXPECT_EQ(kind(be32(10) + c("SCRAM-SHA-256") + '\0'), Kind::Sasl);
  EXPECT_EQ(kind(be32(11) + "r=1"), Kind::SaslContinue);
  EXPECT_EQ(kind(be32(12) + "v=1"), Kind::SaslFinal);
  for (const uint32_t code : {1U, 2U, 4U, 6U, 7U, 8U, 9U, 13U, 0xFFFF'FFFFU}) {
    EXPECT_EQ(kind(be32(code) + "anything"), Kind::Unknown) << code;
  }
  const auto md5 = parse_authentication(as_bytes(be32(5) + "salt"));
  EXPECT_EQ(as_text(md5->salt), "salt");
  const std::string two = be32(10) + c("SCRAM-SHA-256-PLUS") + c("SCRAM-SHA-256") + '\0';
  EXPECT_EQ(parse_authentication(as_bytes(two))->mechanisms, (std::vector{"SCRAM-SHA-256-PLUS"sv, "SCRAM-SHA-256"sv}));
  for (const std::string& body : {be32(0), be32(3), be32(5) + "salt", two}) {
    for_every_other_length(body, [](Bytes b) { return parse_authentication(b).has_value(); }, report);
  }
}

TEST(PgAuthentication, malformed_requests_are_refused) {
  std::string many = be32(10);
  for (size_t i = 0; i <= sasl_mechanism_count_max; ++i) many += c("X");
  EXPECT_FALSE(parse_authentication(as_bytes(many + '\0'))) << "a list without end";
  EXPECT_FALSE(parse_authentication(as_bytes(be32(10) + '\0'))) << "an empty list";
  EXPECT_FALSE(parse_authentication(as_bytes(be32(11) + std::string("r=\0"sv)))) << "a NUL in SASL data";
}

TEST(PgCopyResponse, is_text_or_binary) {
  const std::string body = "\1" + be16(2) + be16(1) + be16(0);
  const auto got = parse_copy_response(as_bytes(body));
  ASSERT_TRUE(got);
  EXPECT_TRUE(got->binary);
  EXPECT_EQ(got->column_formats, (std::vector<int16_t>{1, 0}));
  for_every_other_length(body, [](Bytes b) { return parse_copy_response(b).has_value(); }, report);
  const std::string zero(1, '\0');
  EXPECT_TRUE(parse_copy_response(as_bytes(zero + be16(1) + be16(0))));
  EXPECT_FALSE(parse_copy_response(as_bytes(zero + be16(1) + be16(1)))) << "a binary column in a text stream";
  EXPECT_FALSE(parse_copy_response(as_bytes("\2" + be16(0)))) << "format 2";
  EXPECT_FALSE(parse_copy_response(as_bytes("\1" + be16(1) + be16(2)))) << "column format 2";
  EXPECT_FALSE(parse_copy_response(as_bytes("\1" + be16(0xFFFF)))) << "65535 columns promised";
}

TEST(PgNegotiateProtocolVersion, lists_what_was_not_understood) {
  const std::string body = be32(0) + be32(1) + c("_pq_.x");
  EXPECT_EQ(parse_negotiate_protocol_version(as_bytes(body))->unknown_options, (std::vector{"_pq_.x"sv}));
  for_every_other_length(body, [](Bytes b) { return parse_negotiate_protocol_version(b).has_value(); }, report);
  EXPECT_FALSE(parse_negotiate_protocol_version(as_bytes(be32(0) + be32(0xFFFF'FFFF) + c("x"))));
}

}  // namespace
}  // namespace sluice::pg
