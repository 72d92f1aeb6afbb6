// The one source of chance in a simulated run: everything that happens follows from its seed.
#pragma once
#include <cstdint>

namespace sluice::sim {

/// splitmix64 (Steele, Lea, Flood 2014): small, and good enough for choosing schedules.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9E37'79B9'7F4A'7C15;
    z = (z ^ (z >> 30)) * 0xBF58'476D'1CE4'E5B9;
    z = (z ^ (z >> 27)) * 0x94D0'49BB'1331'11EB;
    return z ^ (z >> 31);
  }
  /// 0 <= result < n; n > 0.
  uint64_t below(uint64_t n) { return next() % n; }
  /// low <= result <= high.
  uint64_t between(uint64_t low, uint64_t high) { return low + below(high - low + 1); }
  /// True once in n.
  bool once_in(uint64_t n) { return below(n) == 0; }

 private:
  uint64_t state_;
};

}  // namespace sluice::sim
