// Bodies of PostgreSQL protocol 3.0 messages (manual, "Message Formats"): parsers for both directions.
// A parser is given exactly one body, without type and length. It is strict: every byte must be
// accounted for and every count must fit what is left, else it says nullopt or false (malformed).
// Views in results borrow from the body and die with it. Builders: protocols/postgres/build.h.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "model/result_shape.h"

namespace sluice::pg {

// ---- From the client ----

struct Query {
  std::string_view text;
};
[[nodiscard]] std::optional<Query> parse_query(Bytes body);

struct Parse {
  std::string_view name;
  std::string_view text;
  std::vector<uint32_t> types;  ///< 0: not given.
};
/// Fills `reuse`, whose vector keeps its memory from call to call.
[[nodiscard]] bool parse_parse(Bytes body, Parse& reuse);
[[nodiscard]] std::optional<Parse> parse_parse(Bytes body);

struct BindView {
  std::string_view portal;
  std::string_view statement;
  std::vector<int16_t> parameter_formats;  ///< None, one for all, or one for each; 0 text, 1 binary.
  std::vector<std::string_view> parameters;  ///< data() == nullptr is NULL; an empty value is not.
  std::vector<int16_t> result_formats;
};
/// Fills `reuse`; no allocation once its vectors have grown. A format code other than 0 and 1, or a
/// number of parameter formats that does not fit the parameters, is malformed.
[[nodiscard]] bool parse_bind(Bytes body, BindView& reuse);
/// Portal and statement only, from a body or its beginning. nullopt: they are not both there.
[[nodiscard]] std::optional<std::pair<std::string_view, std::string_view>> bind_names(Bytes body);
/// Format of parameter `index`: 0 text, 1 binary.
[[nodiscard]] int16_t parameter_format(const BindView& bind, size_t index);

/// Describe and Close.
struct NamedObject {
  char kind = 'S';  ///< 'S' statement, 'P' portal.
  std::string_view name;
};
[[nodiscard]] std::optional<NamedObject> parse_named_object(Bytes body);

struct Execute {
  std::string_view portal;
  uint32_t row_limit = 0;  ///< 0: all. The server reads it as signed; below zero it means all too.
};
[[nodiscard]] std::optional<Execute> parse_execute(Bytes body);

/// The client's reason, which the server repeats in its error.
[[nodiscard]] std::optional<std::string_view> parse_copy_fail(Bytes body);
/// A password in clear or md5 form. Secret: wipe the buffer after use.
[[nodiscard]] std::optional<std::string_view> parse_password(Bytes body);

struct SaslInitialResponse {
  std::string_view mechanism;
  std::string_view data;
  bool has_data = false;  ///< False: the client gave no initial data (length -1).
};
[[nodiscard]] std::optional<SaslInitialResponse> parse_sasl_initial_response(Bytes body);
/// The whole body is SASL data; it must hold no NUL.
[[nodiscard]] std::optional<std::string_view> parse_sasl_response(Bytes body);

// ---- From the server ----

/// Fills `shape`, which keeps its memory. Attribute numbers of system columns are negative at the server;
/// they arrive as 65535 and down.
[[nodiscard]] bool parse_row_description(Bytes body, ResultShape& shape);
[[nodiscard]] bool parse_parameter_description(Bytes body, std::vector<uint32_t>& types);

/// One value of a row, in place. Borrowed from the row's body.
struct CellView {
  const std::byte* data = nullptr;
  int32_t size = -1;  ///< -1: NULL, and data is null.
  [[nodiscard]] bool null() const { return size < 0; }
  [[nodiscard]] std::string_view text() const {
    return null() ? std::string_view{}
                  : std::string_view{reinterpret_cast<const char*>(data), static_cast<size_t>(size)};
  }
};
/// Fills `cells`; no allocation once it has grown.
[[nodiscard]] bool parse_data_row(Bytes body, std::vector<CellView>& cells);

/// The command tag ("SELECT 3").
[[nodiscard]] std::optional<std::string_view> parse_command_complete(Bytes body);
/// Rows that a tag counts: its last word if that is a number ("INSERT 0 5" is 5); else 0.
[[nodiscard]] uint64_t rows_of_tag(std::string_view tag);

/// 'I' idle, 'T' in a transaction, 'E' in a failed one; nothing else is taken.
[[nodiscard]] std::optional<char> parse_ready_for_query(Bytes body);

/// ErrorResponse and NoticeResponse. Fields that were not sent are empty.
struct ErrorFields {
  std::string_view severity;               ///< S, in the server's language.
  std::string_view severity_nonlocalized;  ///< V.
  std::string_view code;                   ///< C: exactly five of 0-9 A-Z, else parsing fails.
  std::string_view message;                ///< M.
  std::string_view detail;                 ///< D.
  std::string_view hint;                   ///< H.
  std::string_view position;               ///< P.
  std::string_view internal_position;      ///< p.
  std::string_view internal_query;         ///< q.
  std::string_view where;                  ///< W.
  std::string_view schema;                 ///< s.
  std::string_view table;                  ///< t.
  std::string_view column;                 ///< c.
  std::string_view data_type;              ///< d.
  std::string_view constraint;             ///< n.
  std::vector<std::pair<char, std::string_view>> all;  ///< Every field in the order sent; types may repeat.
};
/// PostgreSQL knows 18 field types; a server that sends more than this is up to something.
inline constexpr size_t error_field_count_max = 64;
/// False: malformed. A missing or impossible SQLSTATE counts as malformed, with the other fields filled
/// in as far as they were read: the caller answers XX000 in its place.
[[nodiscard]] bool parse_error(Bytes body, ErrorFields& reuse);

struct ParameterStatus {
  std::string_view name;
  std::string_view value;
};
[[nodiscard]] std::optional<ParameterStatus> parse_parameter_status(Bytes body);

struct BackendKeyData {
  uint32_t pid = 0;
  uint32_t secret = 0;
};
[[nodiscard]] std::optional<BackendKeyData> parse_backend_key_data(Bytes body);

struct NotificationResponse {
  uint32_t pid = 0;
  std::string_view channel;
  std::string_view payload;
};
[[nodiscard]] std::optional<NotificationResponse> parse_notification(Bytes body);

enum class AuthenticationKind : uint8_t {
  Unknown,  ///< A method of the protocol that sluice does not speak (Kerberos, GSSAPI, SSPI), or none.
  Ok, CleartextPassword, Md5Password, Sasl, SaslContinue, SaslFinal,
};
struct Authentication {
  AuthenticationKind kind = AuthenticationKind::Unknown;
  uint32_t code = 0;                         ///< As sent.
  std::array<std::byte, 4> salt{};           ///< Md5Password.
  std::vector<std::string_view> mechanisms;  ///< Sasl: at least one, at most sasl_mechanism_count_max.
  std::string_view data;                     ///< SaslContinue, SaslFinal.
};
inline constexpr size_t sasl_mechanism_count_max = 16;
[[nodiscard]] std::optional<Authentication> parse_authentication(Bytes body);

/// CopyInResponse and CopyOutResponse.
struct CopyResponse {
  bool binary = false;                   ///< Of the whole stream.
  std::vector<int16_t> column_formats;   ///< All text when the stream is text, else 0 or 1 each.
};
[[nodiscard]] std::optional<CopyResponse> parse_copy_response(Bytes body);

struct NegotiateProtocolVersion {
  uint32_t minor = 0;  ///< Newest minor version the server speaks.
  std::vector<std::string_view> unknown_options;
};
[[nodiscard]] std::optional<NegotiateProtocolVersion> parse_negotiate_protocol_version(Bytes body);

}  // namespace sluice::pg
