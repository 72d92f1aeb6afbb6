// First packets of a connection. A StartupMessage that parses is built again and must be the same bytes;
// nothing that is not on the allow-list may come out of it.
#include <cstdint>

#include "base/text.h"
#include "protocols/postgres/build.h"
#include "protocols/postgres/startup.h"
#include "protocols/proxy_protocol.h"

namespace {
using namespace sluice;
using namespace sluice::pg;

void check_allow_list(const StartupMessage& message) {
  const auto options = apply_startup_allow_list(message);
  if (!options) {
    SLUICE_ASSERT(utf8_valid(options.error().message));
    SLUICE_ASSERT(printable(options.error().message) == options.error().message);
    return;
  }
  SLUICE_ASSERT(!options->user.empty());
  for (const auto& [name, value] : options->forwarded) {
    for (const char* forbidden : {"search_path", "role", "session_authorization", "replication", "options", "user",
                                  "database", "client_encoding", "sluice.auth"}) {
      SLUICE_ASSERT(!same_setting_name(name, forbidden));
    }
    SLUICE_ASSERT(value.find('\0') == std::string::npos);
  }
  std::vector<std::byte> out;
  SLUICE_ASSERT(options->forwarded.empty() || build::startup_message(out, options->forwarded));
}

void check_packet(Bytes wire) {
  const auto size = startup_packet_size(wire);
  if (!size || !*size || **size > wire.size()) return;
  SLUICE_ASSERT(**size <= startup_size_max);
  const std::vector<std::byte> packet(wire.begin(), wire.begin() + static_cast<ptrdiff_t>(**size));
  const auto got = parse_startup(packet);
  if (!got) return;
  const auto* message = std::get_if<StartupMessage>(&*got);
  if (message == nullptr) return;
  if (message->minor == 0) {
    std::vector<std::byte> again;
    SLUICE_ASSERT(build::startup_message(again, message->parameters));
    SLUICE_ASSERT(again == packet);
  }
  check_allow_list(*message);
}

void check_proxy(Bytes wire, size_t cut) {
  const auto whole = parse_proxy_v2(wire);
  const auto prefix = parse_proxy_v2(wire.first(cut));
  if (!prefix) SLUICE_ASSERT(!whole && whole.error() == prefix.error());
  if (prefix && *prefix) SLUICE_ASSERT(whole && *whole && (*whole)->size == (*prefix)->size);
  if (whole && *whole) SLUICE_ASSERT((*whole)->size <= wire.size() && (*whole)->size <= proxy_header_size_max);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto wire = std::as_bytes(std::span{data + 1, size - 1});
  const size_t cut = wire.size() * data[0] / 255;
  check_packet(wire);
  check_proxy(wire, cut);

  // The same bytes as the text of `options`, where the second parser is.
  const std::string_view text = as_text(wire);
  if (text.size() < startup_size_max / 2 && text.find('\0') == std::string_view::npos) {
    check_allow_list({3, 0, {{"user", "u"}, {"options", std::string(text)}}});
  }
  return 0;
}
