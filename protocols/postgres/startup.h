// The first packet of a connection, which has no type byte (manual, "Message Formats": StartupMessage,
// SSLRequest, GSSENCRequest, CancelRequest), and which of its settings reach the target. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace sluice::pg {

inline constexpr uint32_t startup_size_max = 10'000;  ///< PostgreSQL's MAX_STARTUP_PACKET_LENGTH; whole packet.
inline constexpr uint32_t startup_size_min = 8;       ///< The length and the code.
inline constexpr size_t startup_parameter_count_max = 128;
inline constexpr uint32_t protocol_3_0 = 3U << 16;
inline constexpr uint32_t cancel_request_code = 80'877'102;
inline constexpr uint32_t ssl_request_code = 80'877'103;
inline constexpr uint32_t gss_enc_request_code = 80'877'104;

enum class StartupError : uint8_t {
  LengthTooSmall,       ///< The length does not cover the length field and the code.
  LengthTooLarge,       ///< More than startup_size_max.
  UnknownRequest,       ///< A request code that does not exist, or of the wrong length.
  UnsupportedProtocol,  ///< A major version other than 3.
  BadTerminator,        ///< The list of parameters does not end with one NUL at exactly the end.
  TooManyParameters,    ///< More than startup_parameter_count_max.
  DuplicateParameter,   ///< The same name twice (case ignored).
  NotUtf8,              ///< A name or value that is not UTF-8.
};
[[nodiscard]] std::string_view explain(StartupError);

struct SslRequest {};
struct GssEncRequest {};
struct CancelRequest {
  uint32_t pid = 0;
  uint32_t secret = 0;
};
/// Owns its text: the packet's buffer may go.
struct StartupMessage {
  uint16_t major = 0;
  uint16_t minor = 0;
  std::vector<std::pair<std::string, std::string>> parameters;  ///< In the order sent; names unique.
};
using StartupPacket = std::variant<SslRequest, GssEncRequest, CancelRequest, StartupMessage>;

/// Size of the whole first packet. nullopt: fewer than four bytes are here.
[[nodiscard]] Result<std::optional<uint32_t>, StartupError> startup_packet_size(Bytes input);

/// `whole` is exactly startup_packet_size() bytes. A later minor version is no error: see negotiation_of.
[[nodiscard]] Result<StartupPacket, StartupError> parse_startup(Bytes whole);

/// Names of the protocol options (`_pq_.…`) asked for. We speak none, so all are to be refused.
[[nodiscard]] std::vector<std::string> protocol_options(const StartupMessage& message);
/// True: answer with build::negotiate_protocol_version(0, protocol_options(message)) before anything else.
[[nodiscard]] bool needs_negotiation(const StartupMessage& message);

/// What is left of a StartupMessage when everything else was refused.
struct StartupOptions {
  std::string user;              ///< Never empty.
  std::string database;          ///< Empty: not given.
  std::string application_name;  ///< Empty: not given. Not among `forwarded`.
  std::string auth_method_hint;  ///< `options=-c sluice.auth=…`; empty: not given. Any text: the caller judges it.
  /// Settings for the target's StartupMessage, under the server's own spelling of the name, unique.
  /// client_encoding is not among them: only UTF-8 passes, and sessions pin it themselves.
  std::vector<std::pair<std::string, std::string>> forwarded;
};

/// The allow-list of startup parameters. Names are compared as the server compares them, case ignored;
/// `options` is read as the server reads it (pg_split_opts, then -c and --). Anything not on the list,
/// `replication` above all, is refused by its name. `_pq_.` options are left to negotiation.
[[nodiscard]] Expected<StartupOptions> apply_startup_allow_list(const StartupMessage& message);

/// Names of settings are equal as the server's guc_name_compare has it: ASCII case ignored, whatever the locale.
[[nodiscard]] bool same_setting_name(std::string_view a, std::string_view b);

/// True for what PostgreSQL folds to UTF-8: utf8, utf-8, UNICODE, 'UTF8' (pg_char_to_encoding ignores
/// case and everything that is not a letter or digit).
[[nodiscard]] bool is_utf8_encoding_name(std::string_view name);

}  // namespace sluice::pg
