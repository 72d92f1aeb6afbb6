#include <algorithm>

#include "protocols/postgres/frame.h"
#include "protocols/postgres/messages.h"

namespace sluice::pg {
namespace {

constexpr size_t row_description_column_size_min = 1 + 4 + 2 + 4 + 2 + 4 + 2;  // An empty name and the rest.

bool is_sqlstate(std::string_view code) {
  return code.size() == 5 &&
         std::ranges::all_of(code, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

/// Where a field of ErrorResponse is kept; null for a field type that the manual does not name, which
/// it tells frontends to ignore.
std::string_view* field_of(ErrorFields& fields, char type) {
  switch (type) {
    case 'S': return &fields.severity;
    case 'V': return &fields.severity_nonlocalized;
    case 'C': return &fields.code;
    case 'M': return &fields.message;
    case 'D': return &fields.detail;
    case 'H': return &fields.hint;
    case 'P': return &fields.position;
    case 'p': return &fields.internal_position;
    case 'q': return &fields.internal_query;
    case 'W': return &fields.where;
    case 's': return &fields.schema;
    case 't': return &fields.table;
    case 'c': return &fields.column;
    case 'd': return &fields.data_type;
    case 'n': return &fields.constraint;
    default: return nullptr;
  }
}

/// AuthenticationSASL: names, each NUL-terminated, then one NUL.
bool read_mechanisms(ByteReader& reader, std::vector<std::string_view>& mechanisms) {
  for (;;) {
    const auto name = reader.c_string();
    if (!name) return false;
    if (name->empty()) return reader.empty() && !mechanisms.empty();
    if (mechanisms.size() == sasl_mechanism_count_max) return false;
    mechanisms.push_back(*name);
  }
}

}  // namespace

bool parse_row_description(Bytes body, ResultShape& shape) {
  ByteReader reader(body);
  const auto count = reader.u16();
  if (!count || *count > column_count_max) return false;
  if (size_t{*count} * row_description_column_size_min > reader.rest().size()) return false;
  shape.resize(*count);
  for (ResultColumn& column : shape) {
    const auto name = reader.c_string();
    const auto table_oid = reader.u32();
    const auto attribute = reader.u16();
    const auto type_oid = reader.u32();
    const auto type_size = reader.u16();
    const auto type_modifier = reader.u32();
    const auto format = reader.u16();
    if (!name || !table_oid || !attribute || !type_oid || !type_size || !type_modifier || !format) return false;
    if (*format > 1) return false;
    column.name.assign(*name);
    column.table_oid = *table_oid;
    column.attribute = *attribute;
    column.type_oid = *type_oid;
    column.type_modifier = static_cast<int32_t>(*type_modifier);
    column.binary = *format == 1;
  }
  return reader.empty();
}

bool parse_parameter_description(Bytes body, std::vector<uint32_t>& types) {
  ByteReader reader(body);
  const auto count = reader.u16();
  if (!count) return false;
  const auto oids = reader.bytes(size_t{*count} * 4);
  if (!oids || !reader.empty()) return false;
  types.resize(*count);
  for (size_t i = 0; i < *count; ++i) types[i] = load_u32(oids->data() + i * 4);
  return true;
}

bool parse_data_row(Bytes body, std::vector<CellView>& cells) {
  if (body.size() < 2) return false;
  const size_t count = load_u16(body.data());
  const std::byte* at = body.data() + 2;
  size_t left = body.size() - 2;
  // Each cell takes four bytes at least: a count beyond what is left must not size a vector.
  if (count > column_count_max || count * 4 > left) return false;
  cells.resize(count);
  for (CellView& cell : cells) {
    if (left < 4) return false;
    const auto size = static_cast<int32_t>(load_u32(at));
    at += 4;
    left -= 4;
    if (size < 0) {
      if (size != -1) return false;
      cell = {};
      continue;
    }
    if (static_cast<size_t>(size) > left) return false;
    cell = {at, size};
    at += size;
    left -= static_cast<size_t>(size);
  }
  return left == 0;
}

std::optional<std::string_view> parse_command_complete(Bytes body) {
  ByteReader reader(body);
  const auto tag = reader.c_string();
  if (!tag || !reader.empty()) return std::nullopt;
  return tag;
}

uint64_t rows_of_tag(std::string_view tag) {
  const size_t space = tag.rfind(' ');
  if (space == std::string_view::npos) return 0;
  const std::string_view digits = tag.substr(space + 1);
  if (digits.empty() || digits.size() > 19) return 0;  // 19 digits always fit 64 bits.
  uint64_t rows = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return 0;
    rows = rows * 10 + static_cast<uint64_t>(c - '0');
  }
  return rows;
}

std::optional<char> parse_ready_for_query(Bytes body) {
  if (body.size() != 1) return std::nullopt;
  const auto status = static_cast<char>(body[0]);
  if (status != 'I' && status != 'T' && status != 'E') return std::nullopt;
  return status;
}

bool parse_error(Bytes body, ErrorFields& reuse) {
  std::vector<std::pair<char, std::string_view>> all = std::move(reuse.all);
  all.clear();
  reuse = {};
  reuse.all = std::move(all);

  ByteReader reader(body);
  for (;;) {
    const auto type = reader.u8();
    if (!type) return false;
    if (*type == 0) break;
    const auto text = reader.c_string();
    if (!text || reuse.all.size() == error_field_count_max) return false;
    const auto name = static_cast<char>(*type);
    reuse.all.emplace_back(name, *text);
    if (std::string_view* field = field_of(reuse, name)) *field = *text;
  }
  return reader.empty() && is_sqlstate(reuse.code);
}

std::optional<ParameterStatus> parse_parameter_status(Bytes body) {
  ByteReader reader(body);
  const auto name = reader.c_string();
  const auto value = reader.c_string();
  if (!name || name->empty() || !value || !reader.empty()) return std::nullopt;
  return ParameterStatus{*name, *value};
}

std::optional<BackendKeyData> parse_backend_key_data(Bytes body) {
  ByteReader reader(body);
  const auto pid = reader.u32();
  const auto secret = reader.u32();
  if (!pid || !secret || !reader.empty()) return std::nullopt;
  return BackendKeyData{*pid, *secret};
}

std::optional<NotificationResponse> parse_notification(Bytes body) {
  ByteReader reader(body);
  const auto pid = reader.u32();
  const auto channel = reader.c_string();
  const auto payload = reader.c_string();
  if (!pid || !channel || !payload || !reader.empty()) return std::nullopt;
  return NotificationResponse{*pid, *channel, *payload};
}

std::optional<Authentication> parse_authentication(Bytes body) {
  ByteReader reader(body);
  const auto code = reader.u32();
  if (!code) return std::nullopt;
  Authentication request;
  request.code = *code;
  switch (*code) {
    case 0:
    case 3:
      if (!reader.empty()) return std::nullopt;
      request.kind = *code == 0 ? AuthenticationKind::Ok : AuthenticationKind::CleartextPassword;
      return request;
    case 5: {
      const auto salt = reader.bytes(request.salt.size());
      if (!salt || !reader.empty()) return std::nullopt;
      std::ranges::copy(*salt, request.salt.begin());
      request.kind = AuthenticationKind::Md5Password;
      return request;
    }
    case 10:
      if (!read_mechanisms(reader, request.mechanisms)) return std::nullopt;
      request.kind = AuthenticationKind::Sasl;
      return request;
    case 11:
    case 12:
      request.kind = *code == 11 ? AuthenticationKind::SaslContinue : AuthenticationKind::SaslFinal;
      request.data = as_text(reader.rest());
      if (request.data.find('\0') != std::string_view::npos) return std::nullopt;
      return request;
    default: return request;
  }
}

std::optional<CopyResponse> parse_copy_response(Bytes body) {
  ByteReader reader(body);
  const auto overall = reader.u8();
  const auto count = reader.u16();
  if (!overall || *overall > 1 || !count || *count > column_count_max) return std::nullopt;
  const auto codes = reader.bytes(size_t{*count} * 2);
  if (!codes || !reader.empty()) return std::nullopt;
  CopyResponse response{*overall == 1, std::vector<int16_t>(*count)};
  for (size_t i = 0; i < *count; ++i) {
    const uint16_t code = load_u16(codes->data() + i * 2);
    // "If the overall copy format is textual, all must be zero."
    if (code > 1 || (!response.binary && code != 0)) return std::nullopt;
    response.column_formats[i] = static_cast<int16_t>(code);
  }
  return response;
}

std::optional<NegotiateProtocolVersion> parse_negotiate_protocol_version(Bytes body) {
  ByteReader reader(body);
  const auto minor = reader.u32();
  const auto count = reader.u32();
  if (!minor || !count || *count > reader.rest().size()) return std::nullopt;
  NegotiateProtocolVersion message{*minor, {}};
  for (uint32_t i = 0; i < *count; ++i) {
    const auto name = reader.c_string();
    if (!name) return std::nullopt;
    message.unknown_options.push_back(*name);
  }
  if (!reader.empty()) return std::nullopt;
  return message;
}

}  // namespace sluice::pg
