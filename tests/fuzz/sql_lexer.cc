// Holds the lexer against the server's own scanner: whatever the text, both must cut it into the same
// tokens or both must reject it. Text that no server would take must be rejected without reading astray.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include "base/assert.h"
#include "base/text.h"
#include "rules/sql/canonical.h"
#include "tests/unit/rules/sql/scan_oracle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto lexed = sluice::rules::sql::lex_text(text, {.token_max = 40'000, .nesting_max = 500});
  if (!sluice::utf8_valid(text) || text.find('\0') != std::string::npos) {
    SLUICE_ASSERT(!lexed);
    return 0;
  }
  const std::string difference = sluice::rules::sql::oracle::disagreement(text);
  if (!difference.empty()) std::fprintf(stderr, "%s\n", difference.c_str());
  SLUICE_ASSERT(difference.empty());
  return 0;
}
