#include "base/text.h"
#include "protocols/postgres/build.h"
#include "protocols/postgres/frame.h"
#include "protocols/postgres/message_writer.h"

namespace sluice::pg {

std::string refusal_detail(const RefusalDetail& parts) {
  std::string json = R"({"sluice":{"verdict":)" + json_quote(parts.verdict);
  const auto add = [&json](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    json.append(",\"").append(name).append("\":").append(json_quote(value));
  };
  add("reason", parts.reason);
  add("rule", parts.rule);
  add("target", parts.target);
  add("statement", parts.statement);
  json += "}}";
  return json;
}

namespace build {
namespace {

void error_fields(MessageWriter& message, const ErrorText& text) {
  SLUICE_ASSERT(text.sqlstate.size() == 5);
  const auto field = [&message](char type, std::string_view value) {
    message.u8(static_cast<uint8_t>(type));
    // Parts of it may be a peer's words: a NUL would end the field and start another.
    for (const char c : value) {
      if (c != '\0') message.u8(static_cast<uint8_t>(c));
    }
    message.u8(0);
  };
  field('S', text.severity);
  field('V', text.severity);
  field('C', text.sqlstate);
  field('M', text.message);
  if (!text.detail.empty()) field('D', text.detail);
  if (!text.hint.empty()) field('H', text.hint);
  message.u8(0);
}

void empty_message(std::vector<std::byte>& out, Backend type) { MessageWriter(out, type); }

void authentication(std::vector<std::byte>& out, uint32_t code, std::string_view data = {}) {
  MessageWriter message(out, Backend::Authentication);
  message.u32(code);
  message.text(data);
}

}  // namespace

void error_response(std::vector<std::byte>& out, const ErrorText& text) {
  MessageWriter message(out, Backend::ErrorResponse);
  error_fields(message, text);
}

void notice_response(std::vector<std::byte>& out, const ErrorText& text) {
  MessageWriter message(out, Backend::NoticeResponse);
  error_fields(message, text);
}

void parameter_status(std::vector<std::byte>& out, std::string_view name, std::string_view value) {
  MessageWriter message(out, Backend::ParameterStatus);
  message.c_string(name);
  message.c_string(value);
}

void backend_key_data(std::vector<std::byte>& out, uint32_t pid, uint32_t secret) {
  MessageWriter message(out, Backend::BackendKeyData);
  message.u32(pid);
  message.u32(secret);
}

void ready_for_query(std::vector<std::byte>& out, char status) {
  SLUICE_ASSERT(status == 'I' || status == 'T' || status == 'E');
  MessageWriter message(out, Backend::ReadyForQuery);
  message.u8(static_cast<uint8_t>(status));
}

void authentication_ok(std::vector<std::byte>& out) { authentication(out, 0); }
void authentication_cleartext_password(std::vector<std::byte>& out) { authentication(out, 3); }

void authentication_sasl(std::vector<std::byte>& out, std::span<const std::string_view> mechanisms) {
  SLUICE_ASSERT(!mechanisms.empty());
  MessageWriter message(out, Backend::Authentication);
  message.u32(10);
  for (const std::string_view mechanism : mechanisms) message.c_string(mechanism);
  message.u8(0);
}

void authentication_sasl_continue(std::vector<std::byte>& out, std::string_view data) {
  authentication(out, 11, data);
}

void authentication_sasl_final(std::vector<std::byte>& out, std::string_view data) {
  authentication(out, 12, data);
}

void negotiate_protocol_version(std::vector<std::byte>& out, uint32_t minor, std::span<const std::string> options) {
  MessageWriter message(out, Backend::NegotiateProtocolVersion);
  message.u32(minor);
  message.u32(static_cast<uint32_t>(options.size()));
  for (const std::string& option : options) message.c_string(option);
}

void row_description(std::vector<std::byte>& out, const ResultShape& shape) {
  SLUICE_ASSERT(shape.size() <= column_count_max);
  MessageWriter message(out, Backend::RowDescription);
  message.u16(static_cast<uint16_t>(shape.size()));
  for (const ResultColumn& column : shape) {
    message.c_string(column.name);
    message.u32(column.table_oid);
    message.u16(column.attribute);
    message.u32(column.type_oid);
    message.u16(0xFFFF);  // Size of the type: -1, varying.
    message.u32(static_cast<uint32_t>(column.type_modifier));
    message.u16(column.binary ? 1 : 0);
  }
}

void data_row(std::vector<std::byte>& out, std::span<const std::string_view> cells) {
  SLUICE_ASSERT(cells.size() <= column_count_max);
  MessageWriter message(out, Backend::DataRow);
  message.u16(static_cast<uint16_t>(cells.size()));
  for (const std::string_view cell : cells) message.value(cell);
}

void command_complete(std::vector<std::byte>& out, std::string_view tag) {
  MessageWriter message(out, Backend::CommandComplete);
  message.c_string(tag);
}

void parameter_description(std::vector<std::byte>& out, std::span<const uint32_t> types) {
  SLUICE_ASSERT(types.size() <= UINT16_MAX);
  MessageWriter message(out, Backend::ParameterDescription);
  message.u16(static_cast<uint16_t>(types.size()));
  for (const uint32_t type : types) message.u32(type);
}

void empty_query_response(std::vector<std::byte>& out) { empty_message(out, Backend::EmptyQueryResponse); }
void parse_complete(std::vector<std::byte>& out) { empty_message(out, Backend::ParseComplete); }
void bind_complete(std::vector<std::byte>& out) { empty_message(out, Backend::BindComplete); }
void close_complete(std::vector<std::byte>& out) { empty_message(out, Backend::CloseComplete); }
void no_data(std::vector<std::byte>& out) { empty_message(out, Backend::NoData); }
void portal_suspended(std::vector<std::byte>& out) { empty_message(out, Backend::PortalSuspended); }

}  // namespace build
}  // namespace sluice::pg
