// SCRAM messages of a hostile peer, for both roles: the input is two messages, divided by the first
// newline. A login may never succeed: the peer does not know the secret.
#include <cstdint>

#include "protocols/postgres/scram.h"

namespace {
using namespace sluice;
using namespace sluice::pg;

constexpr uint32_t iterations_max = 4;  // Cheap enough to fuzz.

void check_server(bool bound, std::string_view first, std::string_view second) {
  static const std::vector<std::byte> salt(16, std::byte{7});
  static const ScramKeys keys = make_verifier("secret of the fuzz target", salt, iterations_max);
  ScramServer server({salt, iterations_max, {{"key", keys}}}, bound ? as_bytes("certificate") : Bytes{});
  server.use_nonce_for_test("server");
  const auto answer = server.first(bound ? scram_sha_256_plus : scram_sha_256, first);
  const auto end = server.finish(second);
  SLUICE_ASSERT(!end);
  if (!answer) SLUICE_ASSERT(end.error() == ScramError::OutOfOrder);
  SLUICE_ASSERT(server.key_id().empty());
}

void check_client(bool bound, std::string_view first, std::string_view second) {
  ScramClient client("secret of the fuzz target",
                     {.channel_binding = bound ? as_bytes("certificate") : Bytes{}, .iterations_max = iterations_max});
  client.use_nonce_for_test("client");
  SLUICE_ASSERT(client.choose(std::vector{scram_sha_256, scram_sha_256_plus}));
  (void)client.first();
  const auto proof = client.proof(first);
  if (proof) SLUICE_ASSERT(client.cache().iterations >= 1 && client.cache().iterations <= iterations_max);
  SLUICE_ASSERT(!client.finish(second));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t newline = std::min(text.find('\n'), text.size());
  const std::string_view first = text.substr(0, newline);
  const std::string_view second = newline < text.size() ? text.substr(newline + 1) : std::string_view{};
  for (const bool bound : {false, true}) {
    check_server(bound, first, second);
    check_client(bound, first, second);
  }
  return 0;
}
