// Feeds what a client sends, twice: whole, and cut where the first byte says. Both readings of the header
// must agree, no frame may reach outside its length, and every body goes through the parser of its type.
#include <cstdint>
#include <string>

#include "protocols/postgres/build.h"
#include "protocols/postgres/frame.h"
#include "protocols/postgres/messages.h"

namespace {
using namespace sluice;
using namespace sluice::pg;

constexpr FrontendCaps caps{64U << 10, 64U << 10};

bool inside(std::string_view part, Bytes whole) {
  return part.data() == nullptr || (as_bytes(part).data() >= whole.data() &&
                                    as_bytes(part).data() + part.size() <= whole.data() + whole.size());
}

void check_bind(Bytes body) {
  static BindView bind;  // Kept from input to input: what an earlier one left must not show.
  if (!parse_bind(body, bind)) return;
  const auto names = bind_names(body);
  SLUICE_ASSERT(names && names->first == bind.portal && names->second == bind.statement);
  size_t size = bind.portal.size() + bind.statement.size() + 2 + 6 + 2 * bind.parameter_formats.size() +
                2 * bind.result_formats.size() + 4 * bind.parameters.size();
  for (size_t i = 0; i < bind.parameters.size(); ++i) {
    SLUICE_ASSERT(inside(bind.parameters[i], body));
    SLUICE_ASSERT(parameter_format(bind, i) == 0 || parameter_format(bind, i) == 1);
    size += bind.parameters[i].size();
  }
  SLUICE_ASSERT(size == body.size());
}

/// What parsed is built again and must be the same bytes: no byte without a meaning, no second reading.
void check_body(Frontend type, Bytes body) {
  std::vector<std::byte> again;
  switch (type) {
    case Frontend::Query:
      if (const auto got = parse_query(body)) build::query(again, got->text);
      break;
    case Frontend::Parse:
      if (const auto got = parse_parse(body)) build::parse(again, got->name, got->text, got->types);
      break;
    case Frontend::Bind: check_bind(body); break;
    case Frontend::Describe:
      if (const auto got = parse_named_object(body)) {
        (got->kind == 'S' ? build::describe_statement : build::describe_portal)(again, got->name);
      }
      break;
    case Frontend::Close:
      if (const auto got = parse_named_object(body)) {
        (got->kind == 'S' ? build::close_statement : build::close_portal)(again, got->name);
      }
      break;
    case Frontend::Execute:
      if (const auto got = parse_execute(body)) build::execute(again, got->portal, got->row_limit);
      break;
    case Frontend::CopyFail:
      if (const auto got = parse_copy_fail(body)) build::copy_fail(again, *got);
      break;
    case Frontend::Password: {
      if (const auto got = parse_password(body)) SLUICE_ASSERT(build::password_message(again, *got));
      const auto sasl = parse_sasl_initial_response(body);
      if (sasl) SLUICE_ASSERT(inside(sasl->data, body) && inside(sasl->mechanism, body));
      (void)parse_sasl_response(body);
      break;
    }
    case Frontend::CopyData:
    case Frontend::CopyDone:
    case Frontend::Flush:
    case Frontend::FunctionCall:
    case Frontend::Sync:
    case Frontend::Terminate: break;
  }
  if (!again.empty()) SLUICE_ASSERT(as_text(Bytes(again).subspan(header_size)) == as_text(body));
}

void check_header(Bytes wire, size_t cut, Phase phase) {
  const auto whole = frontend_header(wire, phase, caps);
  const auto prefix = frontend_header(wire.first(cut), phase, caps);
  // More bytes may turn "not yet" into an answer; they must never change an answer already given.
  if (!prefix) SLUICE_ASSERT(!whole && whole.error() == prefix.error());
  if (prefix && *prefix) SLUICE_ASSERT(whole && *whole && (*whole)->body_size == (*prefix)->body_size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  auto wire = std::as_bytes(std::span{data + 1, size - 1});
  for (const Phase phase : {Phase::Startup, Phase::Authentication, Phase::Ready, Phase::CopyIn}) {
    check_header(wire, wire.size() * data[0] / 255, phase);
  }
  while (!wire.empty()) {
    const auto header = frontend_header(wire, wire[0] == std::byte{'p'} ? Phase::Authentication : Phase::Ready, caps);
    if (!header || !*header || (*header)->frame_size() > wire.size()) break;
    SLUICE_ASSERT((*header)->body_size <= frontend_data_size_max);
    // A copy of its own, so that a read past the end of the body is one past the allocation.
    const std::vector<std::byte> body(wire.begin() + header_size,
                                      wire.begin() + static_cast<ptrdiff_t>((*header)->frame_size()));
    check_body((*header)->frontend(), body);
    wire = wire.subspan((*header)->frame_size());
  }
  return 0;
}
