#include "protocols/postgres/frame.h"

namespace sluice::pg {
namespace {

constexpr uint32_t length_field_size = 4;

/// nullopt: the length does not cover itself. Never adds to what was sent, so nothing can wrap.
std::optional<uint32_t> body_size_at(const std::byte* length_field) {
  const uint32_t length = load_u32(length_field);
  if (length < length_field_size) return std::nullopt;
  return length - length_field_size;
}

std::optional<FrameError> over_cap(Frontend type, uint32_t body_size, const FrontendCaps& caps) {
  switch (type) {
    case Frontend::Query:
    case Frontend::Parse:
      if (body_size > uint64_t{caps.statement_size_max} + statement_names_size_max) return FrameError::OverStatementCap;
      return std::nullopt;
    case Frontend::Bind:
      if (body_size > caps.bind_size_max) return FrameError::OverBindCap;
      return std::nullopt;
    case Frontend::Close:
    case Frontend::CopyData:
    case Frontend::CopyDone:
    case Frontend::CopyFail:
    case Frontend::Describe:
    case Frontend::Execute:
    case Frontend::Flush:
    case Frontend::FunctionCall:
    case Frontend::Password:
    case Frontend::Sync:
    case Frontend::Terminate: return std::nullopt;
  }
  SLUICE_ASSERT(false);
}

}  // namespace

std::string_view explain(FrameError error) {
  switch (error) {
    case FrameError::UnknownType: return "the first byte names no message of this protocol";
    case FrameError::LengthTooSmall: return "the length does not cover the length field itself";
    case FrameError::LengthTooLarge: return "the length is more than this message may carry";
    case FrameError::IllegalInPhase: return "this message has no place in this phase of the connection";
    case FrameError::OverStatementCap: return "the statement is larger than this target allows";
    case FrameError::OverBindCap: return "the parameters are larger than this target allows";
  }
  return "unknown framing error";
}

Result<std::optional<Header>, FrameError> frontend_header(Bytes input, Phase phase, const FrontendCaps& caps) {
  if (input.empty()) return std::optional<Header>{};
  const auto type = std::to_integer<uint8_t>(input[0]);
  const FrontendSpec* spec = frontend_index[type];
  if (spec == nullptr) return std::unexpected(FrameError::UnknownType);
  if ((spec->phases & bit_of(phase)) == 0) return std::unexpected(FrameError::IllegalInPhase);
  if (input.size() < header_size) return std::optional<Header>{};

  const auto body_size = body_size_at(input.data() + 1);
  if (!body_size) return std::unexpected(FrameError::LengthTooSmall);
  if (*body_size > spec->body_size_max) return std::unexpected(FrameError::LengthTooLarge);
  if (const auto error = over_cap(spec->type, *body_size, caps)) return std::unexpected(*error);
  return std::optional{Header{type, *body_size}};
}

Result<std::optional<Header>, FrameError> backend_header(Bytes input) {
  if (input.empty()) return std::optional<Header>{};
  const auto type = std::to_integer<uint8_t>(input[0]);
  const BackendSpec* spec = backend_index[type];
  if (spec == nullptr) return std::unexpected(FrameError::UnknownType);
  if (input.size() < header_size) return std::optional<Header>{};

  const auto body_size = body_size_at(input.data() + 1);
  if (!body_size) return std::unexpected(FrameError::LengthTooSmall);
  if (*body_size > spec->body_size_max) return std::unexpected(FrameError::LengthTooLarge);
  return std::optional{Header{type, *body_size}};
}

uint32_t body_size_of(Bytes header) {
  SLUICE_ASSERT(header.size() >= header_size);
  const auto body_size = body_size_at(header.data() + 1);
  SLUICE_ASSERT(body_size.has_value());
  return *body_size;
}

}  // namespace sluice::pg
