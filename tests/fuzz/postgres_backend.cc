// Feeds what a server sends, twice: whole, and cut where the first byte says. Both readings of the header
// must agree, every body goes through the parser of its type, and views must stay inside the body.
#include <cstdint>
#include <string>

#include "protocols/postgres/build.h"
#include "protocols/postgres/frame.h"
#include "protocols/postgres/messages.h"

namespace {
using namespace sluice;
using namespace sluice::pg;

void check_data_row(Bytes body, std::vector<std::byte>& again) {
  static std::vector<CellView> cells;  // Kept from input to input.
  if (!parse_data_row(body, cells)) return;
  std::vector<std::string_view> texts;
  for (const CellView& cell : cells) {
    SLUICE_ASSERT(cell.null() || (cell.data >= body.data() && cell.data + cell.size <= body.data() + body.size()));
    texts.push_back(cell.text());
  }
  build::data_row(again, texts);
}

void check_row_description(Bytes body) {
  static ResultShape shape;
  if (!parse_row_description(body, shape)) return;
  size_t size = 2;
  for (const ResultColumn& column : shape) size += column.name.size() + 19;
  SLUICE_ASSERT(size == body.size());
}

void check_error(Bytes body) {
  static ErrorFields fields;
  if (!parse_error(body, fields)) return;
  SLUICE_ASSERT(fields.code.size() == 5);
  size_t size = 1;
  for (const auto& [type, text] : fields.all) size += text.size() + 2;
  SLUICE_ASSERT(size == body.size());
}

void check_authentication(Bytes body, std::vector<std::byte>& again) {
  const auto got = parse_authentication(body);
  if (!got) return;
  switch (got->kind) {
    case AuthenticationKind::Unknown:
    case AuthenticationKind::Md5Password: break;
    case AuthenticationKind::Ok: build::authentication_ok(again); break;
    case AuthenticationKind::CleartextPassword: build::authentication_cleartext_password(again); break;
    case AuthenticationKind::Sasl: build::authentication_sasl(again, got->mechanisms); break;
    case AuthenticationKind::SaslContinue: build::authentication_sasl_continue(again, got->data); break;
    case AuthenticationKind::SaslFinal: build::authentication_sasl_final(again, got->data); break;
  }
}

/// What parsed is built again where there is a builder, and must be the same bytes.
void check_body(Backend type, Bytes body) {
  std::vector<std::byte> again;
  switch (type) {
    case Backend::Authentication: check_authentication(body, again); break;
    case Backend::BackendKeyData:
      if (const auto got = parse_backend_key_data(body)) build::backend_key_data(again, got->pid, got->secret);
      break;
    case Backend::CommandComplete:
      if (const auto got = parse_command_complete(body)) {
        (void)rows_of_tag(*got);
        build::command_complete(again, *got);
      }
      break;
    case Backend::CopyBothResponse:
    case Backend::CopyInResponse:
    case Backend::CopyOutResponse: {
      const auto got = parse_copy_response(body);
      if (got) SLUICE_ASSERT(3 + 2 * got->column_formats.size() == body.size());
      break;
    }
    case Backend::DataRow: check_data_row(body, again); break;
    case Backend::ErrorResponse:
    case Backend::NoticeResponse: check_error(body); break;
    case Backend::NegotiateProtocolVersion: (void)parse_negotiate_protocol_version(body); break;
    case Backend::NotificationResponse: (void)parse_notification(body); break;
    case Backend::ParameterDescription: {
      std::vector<uint32_t> types;
      if (parse_parameter_description(body, types)) build::parameter_description(again, types);
      break;
    }
    case Backend::ParameterStatus:
      if (const auto got = parse_parameter_status(body)) build::parameter_status(again, got->name, got->value);
      break;
    case Backend::ReadyForQuery:
      if (const auto got = parse_ready_for_query(body)) build::ready_for_query(again, *got);
      break;
    case Backend::RowDescription: check_row_description(body); break;
    case Backend::BindComplete:
    case Backend::CloseComplete:
    case Backend::CopyData:
    case Backend::CopyDone:
    case Backend::EmptyQueryResponse:
    case Backend::FunctionCallResponse:
    case Backend::NoData:
    case Backend::ParseComplete:
    case Backend::PortalSuspended: break;
  }
  if (!again.empty()) SLUICE_ASSERT(as_text(Bytes(again).subspan(header_size)) == as_text(body));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  auto wire = std::as_bytes(std::span{data + 1, size - 1});
  const auto whole = backend_header(wire);
  const auto prefix = backend_header(wire.first(wire.size() * data[0] / 255));
  if (!prefix) SLUICE_ASSERT(!whole && whole.error() == prefix.error());
  if (prefix && *prefix) SLUICE_ASSERT(whole && *whole && (*whole)->body_size == (*prefix)->body_size);

  while (!wire.empty()) {
    const auto header = backend_header(wire);
    if (!header || !*header || (*header)->frame_size() > wire.size()) break;
    const std::vector<std::byte> body(wire.begin() + header_size,
                                      wire.begin() + static_cast<ptrdiff_t>((*header)->frame_size()));
    check_body((*header)->backend(), body);
    wire = wire.subspan((*header)->frame_size());
  }
  return 0;
}
