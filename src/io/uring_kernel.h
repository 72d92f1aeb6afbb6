// The real Kernel: io_uring with SINGLE_ISSUER and DEFER_TASKRUN, provided buffers, multishot accept
// and receive. Linux 6.1 is the floor. Traps met on the way are told where they are avoided.
#pragma once
#include <liburing.h>

#include <memory>

#include "base/error.h"
#include "io/kernel.h"

namespace sluice::io {

class UringKernel final : public Kernel {
 public:
  /// Must be called on the thread that will use it (SINGLE_ISSUER). `buffers`: entries of the buffer
  /// ring, a power of two. The error says what to allow when io_uring is switched off.
  [[nodiscard]] static Expected<std::unique_ptr<UringKernel>> create(uint32_t buffers);
  ~UringKernel() override;
  UringKernel(const UringKernel&) = delete;
  UringKernel& operator=(const UringKernel&) = delete;

  void accept(int fd, uint64_t token) override;
  void connect(int fd, const sockaddr* address, socklen_t size, uint64_t token) override;
  void receive(int fd, bool multishot, uint64_t token) override;
  void send(int fd, const msghdr* message, uint64_t token) override;
  void send(int fd, Bytes piece, uint64_t token) override;
  void cancel(uint64_t token) override;
  void cancel_all(int fd) override;
  int open_socket(int family) override;
  void tune_socket(int fd) override;
  void shutdown(int fd, int how) override;
  void close(int fd) override;
  void provide(uint16_t buffer, std::byte* memory, uint32_t size) override;
  void wait(uint64_t deadline_ns, std::vector<Completion>& out) override;
  void notify() override;
  uint64_t monotonic_ns() override;
  int64_t unix_ns() override;

 private:
  UringKernel() = default;
  Expected<void> open(uint32_t buffers);
  io_uring_sqe* sqe();
  void arm_doorbell();

  io_uring ring_{};
  bool ring_open_ = false;
  io_uring_buf_ring* buffers_ = nullptr;
  uint32_t buffer_count_ = 0;
  int fresh_buffers_ = 0;  // Added since the last advance.
  int doorbell_ = -1;
  uint64_t doorbell_value_ = 0;
};

}  // namespace sluice::io
