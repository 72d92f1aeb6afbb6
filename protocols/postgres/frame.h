// Framing of PostgreSQL's protocol 3.0 (manual, "Message Formats"): which message types exist, how
// large each may be, and when a client may send it. Pure: no I/O, no clock, no allocation, no state.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace sluice::pg {

enum class FrameError : uint8_t {
  UnknownType,       ///< The first byte names no message of this protocol.
  LengthTooSmall,    ///< The length does not cover the length field itself.
  LengthTooLarge,    ///< More than this message may carry in any phase.
  IllegalInPhase,    ///< A message of the protocol that has no place here.
  OverStatementCap,  ///< Query or Parse over the target's statement_size_max: answer 54000, skip the body.
  OverBindCap,       ///< Bind over the target's bind_size_max: answer 54000, skip the body.
};
[[nodiscard]] std::string_view explain(FrameError);

/// Where a client connection stands. Startup: before the StartupMessage, which has no type byte.
enum class Phase : uint8_t { Startup, Authentication, Ready, CopyIn };

enum class Frontend : uint8_t {
  Bind = 'B', Close = 'C', CopyData = 'd', CopyDone = 'c', CopyFail = 'f', Describe = 'D', Execute = 'E',
  Flush = 'H', FunctionCall = 'F', Parse = 'P', Password = 'p', Query = 'Q', Sync = 'S', Terminate = 'X',
};

enum class Backend : uint8_t {
  Authentication = 'R', BackendKeyData = 'K', BindComplete = '2', CloseComplete = '3', CommandComplete = 'C',
  CopyBothResponse = 'W', CopyData = 'd', CopyDone = 'c', CopyInResponse = 'G', CopyOutResponse = 'H',
  DataRow = 'D', EmptyQueryResponse = 'I', ErrorResponse = 'E', FunctionCallResponse = 'V',
  NegotiateProtocolVersion = 'v', NoData = 'n', NoticeResponse = 'N', NotificationResponse = 'A',
  ParameterDescription = 't', ParameterStatus = 'S', ParseComplete = '1', PortalSuspended = 's',
  ReadyForQuery = 'Z', RowDescription = 'T',
};

inline constexpr size_t header_size = 5;  ///< The type byte and the four length bytes.

/// A backend builds messages in one allocation of at most MaxAllocSize (0x3fffffff): 1 GiB less one byte.
inline constexpr uint32_t backend_data_size_max = 0x3fff'ffff;
/// PQ_LARGE_MESSAGE_LIMIT, less the length field that it counts.
inline constexpr uint32_t frontend_data_size_max = 0x3fff'fffe - 4;
/// PQ_SMALL_MESSAGE_LIMIT, less the length field that it counts.
inline constexpr uint32_t frontend_small_size_max = 10'000 - 4;
/// Names and parameter types that may come on top of a statement's text.
inline constexpr uint32_t statement_names_size_max = 4096;
/// PasswordMessage and SASL answers. A signed token is the largest thing that comes this way.
inline constexpr uint32_t password_size_max = 32U << 10;
/// PostgreSQL never sends a larger authentication request than 2,000 bytes to its own library.
inline constexpr uint32_t authentication_size_max = 16U << 10;
inline constexpr uint32_t error_size_max = 1U << 20;         ///< ErrorResponse, NoticeResponse.
inline constexpr uint32_t row_description_size_max = 1U << 20;
inline constexpr uint32_t backend_small_size_max = 16U << 10;  ///< Settings, notifications, tags.
inline constexpr uint16_t column_count_max = 1664;           ///< MaxTupleAttributeNumber.

struct FrontendSpec {
  Frontend type;
  std::string_view name;
  uint32_t body_size_max;
  uint8_t phases;  ///< Legal in these; bit_of(Phase).
  bool inspected;  ///< True: must be seen whole before it is judged. False: may stream.
};

struct BackendSpec {
  Backend type;
  std::string_view name;
  uint32_t body_size_max;
  bool inspected;
};

[[nodiscard]] constexpr uint8_t bit_of(Phase phase) { return static_cast<uint8_t>(1U << static_cast<uint8_t>(phase)); }

namespace detail {
inline constexpr uint8_t in_authentication = bit_of(Phase::Authentication);
inline constexpr uint8_t in_ready = bit_of(Phase::Ready);
inline constexpr uint8_t in_copy = bit_of(Phase::CopyIn);
}  // namespace detail

// A server takes CopyData, CopyDone and CopyFail outside COPY and drops them: a client may still be
// sending when its COPY fails. It drops Flush and Sync inside COPY: extended-protocol clients send
// Sync right after Execute.
inline constexpr auto frontend_messages = std::to_array<FrontendSpec>({
    {Frontend::Bind, "Bind", frontend_data_size_max, detail::in_ready, true},
    {Frontend::Close, "Close", frontend_small_size_max, detail::in_ready, true},
    {Frontend::CopyData, "CopyData", frontend_data_size_max, detail::in_ready | detail::in_copy, false},
    {Frontend::CopyDone, "CopyDone", 0, detail::in_ready | detail::in_copy, true},
    {Frontend::CopyFail, "CopyFail", frontend_small_size_max, detail::in_ready | detail::in_copy, true},
    {Frontend::Describe, "Describe", frontend_small_size_max, detail::in_ready, true},
    {Frontend::Execute, "Execute", frontend_small_size_max, detail::in_ready, true},
    {Frontend::Flush, "Flush", 0, detail::in_ready | detail::in_copy, true},
    {Frontend::FunctionCall, "FunctionCall", 1U << 20, detail::in_ready, true},
    {Frontend::Parse, "Parse", frontend_data_size_max, detail::in_ready, true},
    {Frontend::Password, "PasswordMessage", password_size_max, detail::in_authentication, true},
    {Frontend::Query, "Query", frontend_data_size_max, detail::in_ready, true},
    {Frontend::Sync, "Sync", 0, detail::in_ready | detail::in_copy, true},
    {Frontend::Terminate, "Terminate", 0, detail::in_authentication | detail::in_ready | detail::in_copy, true},
});

inline constexpr auto backend_messages = std::to_array<BackendSpec>({
    {Backend::Authentication, "Authentication", authentication_size_max, true},
    {Backend::BackendKeyData, "BackendKeyData", 8, true},
    {Backend::BindComplete, "BindComplete", 0, true},
    {Backend::CloseComplete, "CloseComplete", 0, true},
    {Backend::CommandComplete, "CommandComplete", backend_small_size_max, true},
    {Backend::CopyBothResponse, "CopyBothResponse", 3 + 2 * column_count_max, true},
    {Backend::CopyData, "CopyData", backend_data_size_max, false},
    {Backend::CopyDone, "CopyDone", 0, true},
    {Backend::CopyInResponse, "CopyInResponse", 3 + 2 * column_count_max, true},
    {Backend::CopyOutResponse, "CopyOutResponse", 3 + 2 * column_count_max, true},
    {Backend::DataRow, "DataRow", backend_data_size_max, false},
    {Backend::EmptyQueryResponse, "EmptyQueryResponse", 0, true},
    {Backend::ErrorResponse, "ErrorResponse", error_size_max, true},
    {Backend::FunctionCallResponse, "FunctionCallResponse", backend_small_size_max, true},
    {Backend::NegotiateProtocolVersion, "NegotiateProtocolVersion", backend_small_size_max, true},
    {Backend::NoData, "NoData", 0, true},
    {Backend::NoticeResponse, "NoticeResponse", error_size_max, true},
    {Backend::NotificationResponse, "NotificationResponse", backend_small_size_max, true},
    {Backend::ParameterDescription, "ParameterDescription", 2 + 4 * 65'535, true},
    {Backend::ParameterStatus, "ParameterStatus", backend_small_size_max, true},
    {Backend::ParseComplete, "ParseComplete", 0, true},
    {Backend::PortalSuspended, "PortalSuspended", 0, true},
    {Backend::ReadyForQuery, "ReadyForQuery", 1, true},
    {Backend::RowDescription, "RowDescription", row_description_size_max, true},
});

namespace detail {
template <typename Spec, size_t count>
constexpr std::array<const Spec*, 256> index_by_type(const std::array<Spec, count>& specs) {
  std::array<const Spec*, 256> index{};  // Null means unknown, and unknown means close.
  for (const Spec& spec : specs) index[static_cast<uint8_t>(spec.type)] = &spec;
  return index;
}
}  // namespace detail
inline constexpr auto frontend_index = detail::index_by_type(frontend_messages);
inline constexpr auto backend_index = detail::index_by_type(backend_messages);

struct Header {
  uint8_t type = 0;
  uint32_t body_size = 0;  ///< Bytes after the length field.
  [[nodiscard]] size_t frame_size() const { return header_size + size_t{body_size}; }
  [[nodiscard]] Frontend frontend() const { return static_cast<Frontend>(type); }  ///< Of a frontend_header only.
  [[nodiscard]] Backend backend() const { return static_cast<Backend>(type); }     ///< Of a backend_header only.
};

/// What the target allows; see TargetLimits.
struct FrontendCaps {
  uint32_t statement_size_max = 0;
  uint32_t bind_size_max = 0;
};

/// Reads the header at the front of `input`. nullopt: fewer than five bytes are here. The type and its
/// phase are judged as soon as one byte is here, the length before its body is waited for. After
/// OverStatementCap and OverBindCap the stream is still framed: body_size_of(input) bytes may be skipped.
[[nodiscard]] Result<std::optional<Header>, FrameError> frontend_header(Bytes input, Phase phase,
                                                                        const FrontendCaps& caps);
[[nodiscard]] Result<std::optional<Header>, FrameError> backend_header(Bytes input);

/// Bytes after the length field, of a header whose length was judged (frontend_header gave a header,
/// OverStatementCap or OverBindCap for the same bytes).
[[nodiscard]] uint32_t body_size_of(Bytes header);

}  // namespace sluice::pg
