#include "protocols/postgres/build.h"
#include "protocols/postgres/frame.h"
#include "protocols/postgres/message_writer.h"
#include "protocols/postgres/startup.h"

namespace sluice::pg::build {
namespace {

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

void named_object(std::vector<std::byte>& out, Frontend type, char kind, std::string_view name) {
  MessageWriter message(out, type);
  message.u8(static_cast<uint8_t>(kind));
  message.c_string(name);
}

void empty_message(std::vector<std::byte>& out, Frontend type) { MessageWriter(out, type); }

}  // namespace

bool startup_message(std::vector<std::byte>& out, std::span<const std::pair<std::string, std::string>> parameters) {
  size_t size = startup_size_min + 1;  // The list's own terminator.
  for (const auto& [name, value] : parameters) {
    if (name.empty() || has_nul(name) || has_nul(value)) return false;
    size += name.size() + 1 + value.size() + 1;
  }
  if (size > startup_size_max) return false;
  ByteWriter writer(out);
  writer.u32(static_cast<uint32_t>(size));
  writer.u32(protocol_3_0);
  for (const auto& [name, value] : parameters) {
    writer.c_string(name);
    writer.c_string(value);
  }
  writer.u8(0);
  return true;
}

void ssl_request(std::vector<std::byte>& out) {
  ByteWriter writer(out);
  writer.u32(8);
  writer.u32(ssl_request_code);
}

void cancel_request(std::vector<std::byte>& out, uint32_t pid, uint32_t secret) {
  ByteWriter writer(out);
  writer.u32(16);
  writer.u32(cancel_request_code);
  writer.u32(pid);
  writer.u32(secret);
}

bool password_message(std::vector<std::byte>& out, std::string_view password) {
  if (has_nul(password) || password.size() >= password_size_max) return false;
  MessageWriter message(out, Frontend::Password);
  message.c_string(password);
  return true;
}

void sasl_initial_response(std::vector<std::byte>& out, std::string_view mechanism, std::string_view data) {
  MessageWriter message(out, Frontend::Password);
  message.c_string(mechanism);
  message.u32(static_cast<uint32_t>(data.size()));
  message.text(data);
}

void sasl_response(std::vector<std::byte>& out, std::string_view data) {
  MessageWriter message(out, Frontend::Password);
  message.text(data);
}

void query(std::vector<std::byte>& out, std::string_view text) {
  MessageWriter message(out, Frontend::Query);
  message.c_string(text);
}

void parse(std::vector<std::byte>& out, std::string_view name, std::string_view text,
           std::span<const uint32_t> types) {
  SLUICE_ASSERT(types.size() <= UINT16_MAX);
  MessageWriter message(out, Frontend::Parse);
  message.c_string(name);
  message.c_string(text);
  message.u16(static_cast<uint16_t>(types.size()));
  for (const uint32_t type : types) message.u32(type);
}

void bind(std::vector<std::byte>& out, std::string_view portal, std::string_view statement) {
  MessageWriter message(out, Frontend::Bind);
  message.c_string(portal);
  message.c_string(statement);
  message.u16(0);  // Parameter formats.
  message.u16(0);  // Parameters.
  message.u16(0);  // Result formats: text.
}

void describe_statement(std::vector<std::byte>& out, std::string_view name) {
  named_object(out, Frontend::Describe, 'S', name);
}
void describe_portal(std::vector<std::byte>& out, std::string_view name) {
  named_object(out, Frontend::Describe, 'P', name);
}
void close_statement(std::vector<std::byte>& out, std::string_view name) {
  named_object(out, Frontend::Close, 'S', name);
}
void close_portal(std::vector<std::byte>& out, std::string_view name) { named_object(out, Frontend::Close, 'P', name); }

void execute(std::vector<std::byte>& out, std::string_view portal, uint32_t row_limit) {
  MessageWriter message(out, Frontend::Execute);
  message.c_string(portal);
  message.u32(row_limit);
}

void copy_fail(std::vector<std::byte>& out, std::string_view why) {
  MessageWriter message(out, Frontend::CopyFail);
  message.c_string(why);
}

void sync(std::vector<std::byte>& out) { empty_message(out, Frontend::Sync); }
void flush(std::vector<std::byte>& out) { empty_message(out, Frontend::Flush); }
void terminate(std::vector<std::byte>& out) { empty_message(out, Frontend::Terminate); }

}  // namespace sluice::pg::build
