// Cancel requests carry a 32-bit secret and no login: an address may try only so many in a while.
#pragma once
#include <arpa/inet.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sluice::gateway {

/// One lane's. Counts an IPv6 network of 64 bits as one address, since its holder has them all. Bounded: when the table
/// is full of addresses in their window, new ones are refused.
class CancelLimiter {
 public:
  static constexpr uint32_t requests_max = 50;
  static constexpr uint64_t window_ns = 10'000'000'000;
  static constexpr size_t addresses_max = 4096;

  /// `client_address` as "host:port"; the port does not count.
  [[nodiscard]] bool admit(std::string_view client_address, uint64_t now_ns) {
    const std::string host = counted_as(client_address.substr(0, client_address.rfind(':')));
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
  static std::string counted_as(std::string_view host) {
    if (!host.starts_with('[') || !host.ends_with(']')) return std::string(host);
    in6_addr address{};
    if (inet_pton(AF_INET6, std::string(host.substr(1, host.size() - 2)).c_str(), &address) != 1)
      return std::string(host);
    std::memset(address.s6_addr + 8, 0, 8);
    char text[INET6_ADDRSTRLEN] = "";
    return inet_ntop(AF_INET6, &address, text, sizeof text) == nullptr ? std::string(host) : text;
  }

  struct Window {
    uint64_t began_ns = 0;
    uint32_t count = 0;
  };
  std::unordered_map<std::string, Window> windows_;
};

}  // namespace sluice::gateway
