// Any bytes are a compiled file: as they are, and as the body of one whose hash fits, which gets them further. Whatever
// is taken holds sources that its hash names. Databases are not handed to Hyperscan: behind a hash that fits it trusts them.
#include <vector>

#include "base/assert.h"
#include "rules/compile/artefact.h"

using namespace sluice;
using namespace sluice::rules;

namespace {

void check(Bytes bytes) {
  const auto artefact = read_artefact(bytes);
  if (!artefact) {
    SLUICE_ASSERT(!artefact.error().message.empty());
    return;
  }
  SLUICE_ASSERT(artefact->hash == source_hash(artefact->sources));
  const auto again = write_artefact(artefact->stamp, artefact->sources, artefact->databases, nullptr);
  SLUICE_ASSERT(again && read_artefact(*again));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes input(reinterpret_cast<const std::byte*>(data), size);
  check(input);
  std::vector<std::byte> sealed;
  ByteWriter out(sealed);
  out.text(artefact_magic);
  out.u32(artefact_format);
  out.u32(static_cast<uint32_t>(size));
  out.bytes(input);
  const Digest hash = sha256(sealed);
  out.bytes(hash);
  out.u8(0);
  check(sealed);
  return 0;
}
