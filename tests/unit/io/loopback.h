// A reactor over the real kernel, and peers that are plain sockets polled by the same thread. Every wait
// is for a condition, bounded by the reactor's own clock.
#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/reactor.h"
#include "io/uring_kernel.h"

namespace sluice::io {

constexpr uint64_t patience_ns = 60'000'000'000;
constexpr uint64_t tick_ns = 1'000'000;

/// Bytes that differ from place to place and from seed to seed, so that a lost, doubled or misplaced
/// slab shows.
inline std::string pattern(size_t size, uint32_t seed = 1) {
  std::string out(size, '\0');
  uint32_t x = seed * 2654435761U + 1;
  for (char& c : out) {
    x = x * 1664525U + 1013904223U;
    c = static_cast<char>(x >> 24);
  }
  return out;
}

/// Room in both socket buffers; 0: the system's choice.
inline void set_buffers(int fd, int size) {
  if (size == 0) return;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

/// A listening TCP socket on a free port of 127.0.0.1.
class Listening {
 public:
  explicit Listening(int buffers = 0) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    SLUICE_ASSERT(fd_ >= 0);
    set_buffers(fd_, buffers);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    SLUICE_ASSERT(bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    SLUICE_ASSERT(::listen(fd_, 128) == 0);
    socklen_t size = sizeof at;
    SLUICE_ASSERT(getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    std::memcpy(&address_, &at, sizeof at);
  }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;
  ~Listening() { shut(); }
  void shut() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] const sockaddr_storage& address() const { return address_; }
  [[nodiscard]] int take() const { return ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC); }

 private:
  int fd_;
  sockaddr_storage address_{};
};

/// The other end: a socket that never blocks.
class Peer {
 public:
  Peer() = default;
  explicit Peer(int fd) : fd_(fd) {}
  Peer(Peer&& other) noexcept
      : received(std::move(other.received)), ended(other.ended), error(other.error), fd_(std::exchange(other.fd_, -1)) {}
  Peer& operator=(Peer&&) = delete;
  ~Peer() { close(); }

  /// 0, or errno.
  int connect(const sockaddr_storage& address, int buffers = 0) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    set_buffers(fd_, buffers);
    return ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(sockaddr_in)) == 0 ? 0 : errno;
  }
  /// How many bytes the system took now.
  size_t send(std::string_view bytes) const {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return n < 0 ? 0 : static_cast<size_t>(n);
  }
  /// Takes at most `most` bytes of what has come.
  void read(size_t most = SIZE_MAX) {
    std::array<char, 65536> buffer;
    while (most > 0 && !ended && error == 0) {
      const ssize_t n = ::recv(fd_, buffer.data(), std::min(most, buffer.size()), MSG_DONTWAIT);
      if (n > 0) {
        received.append(buffer.data(), static_cast<size_t>(n));
        most -= static_cast<size_t>(n);
        continue;
      }
      if (n == 0) ended = true;
      if (n < 0 && errno != EAGAIN) error = errno;
      return;
    }
  }
  void end() const { ::shutdown(fd_, SHUT_WR); }
  /// Closes with a reset instead of an orderly end.
  void reset() {
    const linger abort{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    close();
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  [[nodiscard]] int fd() const { return fd_; }

  std::string received;
  bool ended = false;
  int error = 0;

 private:
  int fd_ = -1;
};

/// Counts what it is told, and lets a test say what to do about it.
struct Handler final : ConnectionHandler {
  void on_connected(ConnectionId id) override {
    ++connected;
    if (at_connected) at_connected(id);
  }
  void on_bytes(ConnectionId id) override {
    ++bytes_events;
    if (at_bytes) at_bytes(id);
  }
  void on_drained(ConnectionId id) override {
    ++drained;
    if (at_drained) at_drained(id);
  }
  void on_ended(ConnectionId id) override {
    ++ended;
    if (at_ended) at_ended(id);
  }
  void on_closed(ConnectionId, int why) override {
    ++closed;
    error = why;
  }
  void on_flush(ConnectionId) override { ++flushes; }
  [[nodiscard]] size_t held(ConnectionId) const override { return held_bytes; }

  std::function<void(ConnectionId)> at_connected;
  std::function<void(ConnectionId)> at_bytes;
  std::function<void(ConnectionId)> at_drained;
  std::function<void(ConnectionId)> at_ended;
  int connected = 0;
  int bytes_events = 0;
  int drained = 0;
  int ended = 0;
  int closed = 0;
  int flushes = 0;
  int error = 0;
  size_t held_bytes = 0;
};

/// One lane: its kernel and reactor, on the thread that makes it.
class Loop final : private Timer::Client {
 public:
  explicit Loop(const ReactorLimits& limits = small()) {
    auto made = UringKernel::create(limits.receive_slabs);
    if (!made) ADD_FAILURE() << made.error().message;
    SLUICE_ASSERT(made.has_value());
    kernel = std::move(*made);
    reactor = std::make_unique<Reactor>(*kernel, limits);
  }
  static ReactorLimits small() {
    return {.receive_slabs = 64, .reserve_slabs = 64, .connections_max = 64, .high_mark = 64U << 10, .low_mark = 16U << 10};
  }
  void turn() {
    reactor->set_timer(tick_, tick_ns);
    reactor->run_once();
  }
  /// Rounds until `condition`; false when patience ran out.
  [[nodiscard]] bool until(const std::function<bool()>& condition) {
    const uint64_t begin = kernel->monotonic_ns();
    while (!condition()) {
      if (kernel->monotonic_ns() - begin > patience_ns) return false;
      turn();
    }
    return true;
  }
  /// A connection of the reactor and the peer at its other end.
  std::pair<ConnectionId, Peer> pair(Handler& handler, int buffers = 0) {
    const Listening listening(buffers);
    Peer peer;
    SLUICE_ASSERT(peer.connect(listening.address(), buffers) == 0);
    const int fd = listening.take();
    SLUICE_ASSERT(fd >= 0);
    return {reactor->adopt(fd, handler), std::move(peer)};
  }
  /// A slice of the reserve that holds `text`.
  Slice slice(std::string_view text) {
    Slice out;
    SLUICE_ASSERT(text.size() <= slab_size && reactor->slabs().take(out));
    std::memcpy(out.tail_room().data(), text.data(), text.size());
    out.grow(static_cast<uint32_t>(text.size()));
    return out;
  }

  std::unique_ptr<UringKernel> kernel;
  std::unique_ptr<Reactor> reactor;

 private:
  void on_timer(Timer&) override {}
  Timer tick_{*this};
};

}  // namespace sluice::io
