// Always-on assertions. A gateway that goes on with a broken invariant has already failed open, so
// these stay in release builds. They are for our own mistakes, never for what a peer sent.
#pragma once
#include <cstdio>
#include <cstdlib>

namespace sluice {
[[noreturn, gnu::cold, gnu::noinline]] inline void assert_failed(const char* condition, const char* file,
                                                                 int line) {
  (void)std::fprintf(stderr, "sluice: broken invariant: %s at %s:%d\n", condition, file, line);
  std::abort();
}
}  // namespace sluice

#define SLUICE_ASSERT(condition) \
  (__builtin_expect(static_cast<bool>(condition), 1) ? (void)0 : ::sluice::assert_failed(#condition, __FILE__, __LINE__))
