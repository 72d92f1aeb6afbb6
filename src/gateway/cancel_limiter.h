// Cancel requests carry a 32-bit secret and no login: an address may try only so many in a while.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sluice::gateway {

/// One lane's. Bounded: when the table is full of addresses in their window, new ones are refused.
class CancelLimiter {
 public:
  static constexpr uint32_t requests_max = 50;
  static constexpr uint64_t window_ns = 10'000'000'000;
  static constexpr size_t addresses_max = 4096;

  /// `client_address` as "host:port"; the port does not count.
  [[nodiscard]] bool admit(std::string_view client_address, uint64_t now_ns) {
    const std::string host(client_address.substr(0, client_address.rfind(':')));
    auto at = windows_.find(host);
    if (at == windows_.end()) {
      if (windows_.size() >= addresses_max) {
        std::erase_if(windows_, [&](const auto& w) { return now_ns - w.second.began_ns >= window_ns; });
      }
      if (windows_.size() >= addresses_max) return false;
      at = windows_.emplace(host, Window{now_ns, 0}).first;
    }
    Window& window = at->second;
    if (now_ns - window.began_ns >= window_ns) window = {now_ns, 0};
    return ++window.count <= requests_max;
  }

 private:
  struct Window {
    uint64_t began_ns = 0;
    uint32_t count = 0;
  };
  std::unordered_map<std::string, Window> windows_;
};

}  // namespace sluice::gateway
