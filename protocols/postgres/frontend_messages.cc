#include "protocols/postgres/messages.h"

namespace sluice::pg {
namespace {

/// A body that is one NUL-terminated string and nothing else.
std::optional<std::string_view> only_c_string(Bytes body) {
  ByteReader reader(body);
  const auto text = reader.c_string();
  if (!text || !reader.empty()) return std::nullopt;
  return text;
}

/// A count and that many format codes. False: cut off, or a code that is neither text nor binary.
bool read_formats(ByteReader& reader, std::vector<int16_t>& formats) {
  const auto count = reader.u16();
  if (!count) return false;
  const auto codes = reader.bytes(size_t{*count} * 2);
  if (!codes) return false;
  formats.resize(*count);
  for (size_t i = 0; i < *count; ++i) {
    const uint16_t code = load_u16(codes->data() + i * 2);
    if (code > 1) return false;
    formats[i] = static_cast<int16_t>(code);
  }
  return true;
}

/// A value with its length in front; -1 is NULL. False: cut off, or another negative length.
bool read_parameters(ByteReader& reader, std::vector<std::string_view>& parameters) {
  const auto count = reader.u16();
  // Each takes four bytes at least: a count beyond what is left must not size a vector.
  if (!count || size_t{*count} * 4 > reader.rest().size()) return false;
  parameters.resize(*count);
  for (std::string_view& parameter : parameters) {
    const auto size = reader.i32();
    if (!size || *size < -1) return false;
    if (*size == -1) {
      parameter = {};
      continue;
    }
    const auto value = reader.bytes(static_cast<size_t>(*size));
    if (!value) return false;
    parameter = as_text(*value);
  }
  return true;
}

}  // namespace

std::optional<Query> parse_query(Bytes body) {
  const auto text = only_c_string(body);
  if (!text) return std::nullopt;
  return Query{*text};
}

bool parse_parse(Bytes body, Parse& reuse) {
  ByteReader reader(body);
  const auto name = reader.c_string();
  const auto text = reader.c_string();
  const auto count = reader.u16();
  if (!name || !text || !count) return false;
  const auto types = reader.bytes(size_t{*count} * 4);
  if (!types || !reader.empty()) return false;
  reuse.name = *name;
  reuse.text = *text;
  reuse.types.resize(*count);
  for (size_t i = 0; i < *count; ++i) reuse.types[i] = load_u32(types->data() + i * 4);
  return true;
}

std::optional<Parse> parse_parse(Bytes body) {
  Parse message;
  if (!parse_parse(body, message)) return std::nullopt;
  return message;
}

bool parse_bind(Bytes body, BindView& reuse) {
  ByteReader reader(body);
  const auto portal = reader.c_string();
  const auto statement = reader.c_string();
  if (!portal || !statement) return false;
  reuse.portal = *portal;
  reuse.statement = *statement;
  if (!read_formats(reader, reuse.parameter_formats)) return false;
  if (!read_parameters(reader, reuse.parameters)) return false;
  const size_t formats = reuse.parameter_formats.size();
  if (formats > 1 && formats != reuse.parameters.size()) return false;
  return read_formats(reader, reuse.result_formats) && reader.empty();
}

std::optional<std::pair<std::string_view, std::string_view>> bind_names(Bytes body) {
  ByteReader reader(body);
  const auto portal = reader.c_string();
  const auto statement = reader.c_string();
  if (!portal || !statement) return std::nullopt;
  return std::pair{*portal, *statement};
}

int16_t parameter_format(const BindView& bind, size_t index) {
  if (bind.parameter_formats.empty()) return 0;
  if (bind.parameter_formats.size() == 1) return bind.parameter_formats[0];
  SLUICE_ASSERT(index < bind.parameter_formats.size());
  return bind.parameter_formats[index];
}

std::optional<NamedObject> parse_named_object(Bytes body) {
  ByteReader reader(body);
  const auto kind = reader.u8();
  if (!kind || (*kind != 'S' && *kind != 'P')) return std::nullopt;
  const auto name = reader.c_string();
  if (!name || !reader.empty()) return std::nullopt;
  return NamedObject{static_cast<char>(*kind), *name};
}

std::optional<Execute> parse_execute(Bytes body) {
  ByteReader reader(body);
  const auto portal = reader.c_string();
  const auto row_limit = reader.u32();
  if (!portal || !row_limit || !reader.empty()) return std::nullopt;
  return Execute{*portal, *row_limit};
}

std::optional<std::string_view> parse_copy_fail(Bytes body) { return only_c_string(body); }
std::optional<std::string_view> parse_password(Bytes body) { return only_c_string(body); }

std::optional<SaslInitialResponse> parse_sasl_initial_response(Bytes body) {
  ByteReader reader(body);
  const auto mechanism = reader.c_string();
  const auto size = reader.i32();
  if (!mechanism || mechanism->empty() || !size || *size < -1) return std::nullopt;
  if (*size == -1) {
    if (!reader.empty()) return std::nullopt;
    return SaslInitialResponse{*mechanism, {}, false};
  }
  const auto data = reader.bytes(static_cast<size_t>(*size));
  if (!data || !reader.empty() || as_text(*data).find('\0') != std::string_view::npos) return std::nullopt;
  return SaslInitialResponse{*mechanism, as_text(*data), true};
}

std::optional<std::string_view> parse_sasl_response(Bytes body) {
  const std::string_view data = as_text(body);
  if (data.find('\0') != std::string_view::npos) return std::nullopt;
  return data;
}

}  // namespace sluice::pg
