// Builders of PostgreSQL protocol 3.0 messages: each appends one whole message, type and length
// included, to `out`. Pure. Text that a builder takes as a NUL-terminated string must hold no NUL
// (asserted), but for error_response and notice_response, which drop NULs, and the functions that
// return bool, which refuse.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "model/result_shape.h"

namespace sluice::pg {

/// Sent in place of a refused statement. No SQL grammar has ever taken it, so the raw parser of the
/// server rejects it with 42601 before anything runs, in Query and in Parse, idle, inside a transaction
/// and inside a failed one (tried on PostgreSQL 15: the check for a failed transaction comes later).
inline constexpr std::string_view refused_text = "sluice refused this statement";
/// SQLSTATE of the server's answer to refused_text.
inline constexpr std::string_view refused_text_sqlstate = "42601";
/// A prepared statement and a portal that never exist: names with this prefix are for sluice alone, and a
/// session refuses them to clients. Bind of the first fails with 26000, Execute of the second with
/// 34000, in the same three states.
inline constexpr std::string_view reserved_name_prefix = "sluice:";
inline constexpr std::string_view absent_statement = "sluice:absent";
inline constexpr std::string_view absent_portal = "sluice:absent";

struct ErrorText {
  std::string_view severity = "ERROR";  ///< ERROR, FATAL, PANIC; NOTICE, WARNING … for a notice.
  std::string_view sqlstate;            ///< Five characters.
  std::string_view message;
  std::string_view detail;  ///< Empty: the field is left out.
  std::string_view hint;
};

/// DETAIL of a refusal: {"sluice":{"verdict":…,"reason":…,"rule":…,"target":…,"statement":…}}.
/// Empty parts are left out.
struct RefusalDetail {
  std::string_view verdict = "deny";
  std::string_view reason;
  std::string_view rule;
  std::string_view target;
  std::string_view statement;  ///< What was refused, in the caller's own words (kind or id), never another's text.
};
[[nodiscard]] std::string refusal_detail(const RefusalDetail& parts);

namespace build {

// ---- To the client ----
void error_response(std::vector<std::byte>& out, const ErrorText& text);
void notice_response(std::vector<std::byte>& out, const ErrorText& text);
void parameter_status(std::vector<std::byte>& out, std::string_view name, std::string_view value);
void backend_key_data(std::vector<std::byte>& out, uint32_t pid, uint32_t secret);
void ready_for_query(std::vector<std::byte>& out, char status);
void authentication_ok(std::vector<std::byte>& out);
void authentication_cleartext_password(std::vector<std::byte>& out);
void authentication_sasl(std::vector<std::byte>& out, std::span<const std::string_view> mechanisms);
void authentication_sasl_continue(std::vector<std::byte>& out, std::string_view data);
void authentication_sasl_final(std::vector<std::byte>& out, std::string_view data);
void negotiate_protocol_version(std::vector<std::byte>& out, uint32_t minor, std::span<const std::string> options);
void row_description(std::vector<std::byte>& out, const ResultShape& shape);
/// A view with data() == nullptr is NULL.
void data_row(std::vector<std::byte>& out, std::span<const std::string_view> cells);
void command_complete(std::vector<std::byte>& out, std::string_view tag);
void empty_query_response(std::vector<std::byte>& out);
void parse_complete(std::vector<std::byte>& out);
void bind_complete(std::vector<std::byte>& out);
void close_complete(std::vector<std::byte>& out);
void no_data(std::vector<std::byte>& out);
void parameter_description(std::vector<std::byte>& out, std::span<const uint32_t> types);
void portal_suspended(std::vector<std::byte>& out);

// ---- To the server ----
/// False, with nothing appended: a name is empty, some text holds a NUL, or the packet would be over
/// startup_size_max.
[[nodiscard]] bool startup_message(std::vector<std::byte>& out,
                                   std::span<const std::pair<std::string, std::string>> parameters);
void ssl_request(std::vector<std::byte>& out);
void cancel_request(std::vector<std::byte>& out, uint32_t pid, uint32_t secret);
/// False, with nothing appended: the password holds a NUL or is over password_size_max.
[[nodiscard]] bool password_message(std::vector<std::byte>& out, std::string_view password);
void sasl_initial_response(std::vector<std::byte>& out, std::string_view mechanism, std::string_view data);
void sasl_response(std::vector<std::byte>& out, std::string_view data);
void query(std::vector<std::byte>& out, std::string_view text);
void parse(std::vector<std::byte>& out, std::string_view name, std::string_view text,
           std::span<const uint32_t> types = {});
/// A Bind without parameters, results as text: for substitutions.
void bind(std::vector<std::byte>& out, std::string_view portal, std::string_view statement);
void describe_statement(std::vector<std::byte>& out, std::string_view name);
void describe_portal(std::vector<std::byte>& out, std::string_view name);
void execute(std::vector<std::byte>& out, std::string_view portal, uint32_t row_limit = 0);
void close_statement(std::vector<std::byte>& out, std::string_view name);
void close_portal(std::vector<std::byte>& out, std::string_view name);
void sync(std::vector<std::byte>& out);
void flush(std::vector<std::byte>& out);
void copy_fail(std::vector<std::byte>& out, std::string_view why);
void terminate(std::vector<std::byte>& out);

}  // namespace build
}  // namespace sluice::pg
