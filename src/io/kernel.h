// What a lane asks of the operating system, as an interface, so that the simulator can answer in its
// place. One Kernel a lane, used by that lane's thread only, but for notify().
#pragma once
#include <sys/socket.h>

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"

namespace sluice::io {

/// One finished (or, with `more`, continuing) operation. `token` is what the submitter gave.
struct Completion {
  uint64_t token = 0;
  int32_t result = 0;       ///< Bytes or a descriptor; negative: -errno.
  bool more = false;        ///< A multishot operation stays armed.
  bool has_buffer = false;  ///< `buffer` names a slab that now holds `result` bytes and is the caller's.
  uint16_t buffer = 0;
};

/// The token of a completion nobody waits for (a doorbell, a cancellation's own answer).
inline constexpr uint64_t no_token = 0;

class Kernel {
 public:
  virtual ~Kernel() = default;

  /// Descriptors accepted on `fd` arrive as completions until one comes without `more`.
  virtual void accept(int fd, uint64_t token) = 0;
  /// `address` is borrowed until the completion.
  virtual void connect(int fd, const sockaddr* address, socklen_t size, uint64_t token) = 0;
  /// Received bytes land in provided slabs. `multishot` false: one completion only.
  virtual void receive(int fd, bool multishot, uint64_t token) = 0;
  /// `message` and all it points to are borrowed until the completion. May send less than asked.
  virtual void send(int fd, const msghdr* message, uint64_t token) = 0;
  /// One contiguous piece: cheaper than a gathered send of one.
  virtual void send(int fd, Bytes piece, uint64_t token) = 0;
  /// Cancels the operation with that token; its own completion still comes.
  virtual void cancel(uint64_t token) = 0;
  /// Cancels every operation on the descriptor. Each still completes.
  virtual void cancel_all(int fd) = 0;
  /// A non-blocking TCP socket set up for a proxy (TCP_NODELAY, keepalive), or -errno.
  virtual int open_socket(int family) = 0;
  /// Sets TCP_NODELAY and keepalive on an accepted socket.
  virtual void tune_socket(int fd) = 0;
  virtual void shutdown(int fd, int how) = 0;
  virtual void close(int fd) = 0;
  /// Gives a receive slab to the kernel; visible to it at the next wait().
  virtual void provide(uint16_t buffer, std::byte* memory, uint32_t size) = 0;

  /// Submits all that was asked, then waits until something completes, the deadline passes (absolute
  /// monotonic time, UINT64_MAX: none) or notify() is called. Appends what completed.
  virtual void wait(uint64_t deadline_ns, std::vector<Completion>& out) = 0;
  /// Wakes wait(). The only call that is safe from other threads.
  virtual void notify() = 0;

  [[nodiscard]] virtual uint64_t monotonic_ns() = 0;
  [[nodiscard]] virtual int64_t unix_ns() = 0;
};

}  // namespace sluice::io
