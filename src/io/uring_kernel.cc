#include "io/uring_kernel.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "base/text.h"
#include "io/slab.h"

namespace sluice::io {
namespace {
constexpr unsigned submission_entries = 2048;
constexpr unsigned completion_entries = 32768;
constexpr int buffer_group = 0;
// Tokens of our own; the reactor's have an operation in the top byte, and these values are not one.
constexpr uint64_t doorbell_token = 0xFF00'0000'0000'0000;
constexpr uint64_t remote_bell_token = 0xFE00'0000'0000'0000;  // Low half: the target's event descriptor.

thread_local UringKernel* kernel_of_this_thread = nullptr;
thread_local io_uring* ring_of_this_thread = nullptr;

uint64_t clock_ns(clockid_t id) {
  timespec t{};
  (void)clock_gettime(id, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}
}  // namespace

Expected<std::unique_ptr<UringKernel>> UringKernel::create(uint32_t buffers) {
  std::unique_ptr<UringKernel> kernel(new UringKernel());
  if (auto opened = kernel->open(buffers); !opened) return std::unexpected(opened.error());
  return kernel;
}

Expected<void> UringKernel::open(uint32_t buffers) {
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE;
  params.cq_entries = completion_entries;
  const int rc = io_uring_queue_init_params(submission_entries, &ring_, &params);
  if (rc < 0) {
    switch (-rc) {
      case ENOSYS:
      case EPERM:
      case EACCES:
        return fail(
            fmt::format("io_uring is not available ({}): allow the system calls io_uring_setup, io_uring_enter and "
                        "io_uring_register (a container's seccomp profile often forbids them), and set the sysctl "
                        "kernel.io_uring_disabled to 0",
                        errno_text(-rc)));
      case EINVAL:
        return fail("io_uring is too old here: Linux 6.1 or newer is needed (SINGLE_ISSUER, DEFER_TASKRUN)");
      case ENOMEM:
        return fail("io_uring could not lock memory: raise the limit of locked memory (ulimit -l, LimitMEMLOCK)");
      default:
        return fail(fmt::format("io_uring_setup failed: {}", errno_text(-rc)));
    }
  }
  ring_open_ = true;
  // Best effort: it saves a look-up of the descriptor in every enter.
  io_uring_register_ring_fd(&ring_);

  const size_t size = buffers * sizeof(io_uring_buf);
  void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return fail("no memory for the buffer ring");
  buffers_ = static_cast<io_uring_buf_ring*>(at);
  buffer_count_ = buffers;
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uint64_t>(at);
  registration.ring_entries = buffers;
  registration.bgid = buffer_group;
  if (const int r = io_uring_register_buf_ring(&ring_, &registration, 0); r < 0) {
    return fail(fmt::format("io_uring has no provided buffer rings here ({}): Linux 6.1 or newer is needed",
                            errno_text(-r)));
  }
  io_uring_buf_ring_init(buffers_);

  doorbell_ = eventfd(0, EFD_CLOEXEC);
  if (doorbell_ < 0) return fail(fmt::format("eventfd failed: {}", errno_text(errno)));
  arm_doorbell();
  kernel_of_this_thread = this;
  ring_of_this_thread = &ring_;
  return {};
}

UringKernel::~UringKernel() {
  if (kernel_of_this_thread == this) {
    kernel_of_this_thread = nullptr;
    ring_of_this_thread = nullptr;
  }
  if (ring_open_) io_uring_queue_exit(&ring_);
  if (buffers_ != nullptr) munmap(buffers_, buffer_count_ * sizeof(io_uring_buf));
  if (doorbell_ >= 0) ::close(doorbell_);
}

io_uring_sqe* UringKernel::sqe() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  while (entry == nullptr) {
    // No chains of linked entries are ever open here, so submitting in between is safe.
    io_uring_submit(&ring_);
    entry = io_uring_get_sqe(&ring_);
  }
  return entry;
}

void UringKernel::arm_doorbell() {
  io_uring_sqe* entry = sqe();
  io_uring_prep_read(entry, doorbell_, &doorbell_value_, sizeof doorbell_value_, 0);
  io_uring_sqe_set_data64(entry, doorbell_token);
}

void UringKernel::accept(int fd, uint64_t token) {
  io_uring_sqe* entry = sqe();
  io_uring_prep_multishot_accept(entry, fd, nullptr, nullptr, SOCK_CLOEXEC);
  io_uring_sqe_set_data64(entry, token);
}

void UringKernel::connect(int fd, const sockaddr* address, socklen_t size, uint64_t token) {
  io_uring_sqe* entry = sqe();
  io_uring_prep_connect(entry, fd, address, size);
  io_uring_sqe_set_data64(entry, token);
}

void UringKernel::receive(int fd, bool multishot, uint64_t token) {
  io_uring_sqe* entry = sqe();
  if (multishot) {
    io_uring_prep_recv_multishot(entry, fd, nullptr, 0, 0);
  } else {
    io_uring_prep_recv(entry, fd, nullptr, slab_size, 0);
  }
  // Never MSG_WAITALL with provided buffers: before 6.17 a partial retry could hand one buffer to two
  // sockets.
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = buffer_group;
  io_uring_sqe_set_data64(entry, token);
}

void UringKernel::send(int fd, const msghdr* message, uint64_t token) {
  io_uring_sqe* entry = sqe();
  io_uring_prep_sendmsg(entry, fd, message, MSG_NOSIGNAL);
  io_uring_sqe_set_data64(entry, token);
}

void UringKernel::send(int fd, Bytes piece, uint64_t token) {
  io_uring_sqe* entry = sqe();
  io_uring_prep_send(entry, fd, piece.data(), piece.size(), MSG_NOSIGNAL);
  io_uring_sqe_set_data64(entry, token);
}

void UringKernel::cancel(uint64_t token) {
  io_uring_sqe* entry = sqe();
  io_uring_prep_cancel64(entry, token, 0);
  io_uring_sqe_set_data64(entry, no_token);
}

void UringKernel::cancel_all(int fd) {
  io_uring_sqe* entry = sqe();
  io_uring_prep_cancel_fd(entry, fd, IORING_ASYNC_CANCEL_ALL);
  io_uring_sqe_set_data64(entry, no_token);
}

int UringKernel::open_socket(int family) {
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  tune_socket(fd);
  return fd;
}

void UringKernel::tune_socket(int fd) {
  const int on = 1;
  const int idle_s = 60;
  const int interval_s = 15;
  const int probes = 4;
  // Nothing to do about a failure: a socket without these still works.
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

void UringKernel::shutdown(int fd, int how) { ::shutdown(fd, how); }
void UringKernel::close(int fd) { ::close(fd); }

void UringKernel::provide(uint16_t buffer, std::byte* memory, uint32_t size) {
  io_uring_buf_ring_add(buffers_, memory, size, buffer, io_uring_buf_ring_mask(buffer_count_), fresh_buffers_++);
}

void UringKernel::wait(uint64_t deadline_ns, std::vector<Completion>& out) {
  if (fresh_buffers_ > 0) {
    io_uring_buf_ring_advance(buffers_, fresh_buffers_);
    fresh_buffers_ = 0;
  }
  // With DEFER_TASKRUN completions only appear inside an enter that asks for events: never just peek.
  const uint64_t now = deadline_ns == UINT64_MAX || deadline_ns == 0 ? 0 : monotonic_ns();
  if (deadline_ns != UINT64_MAX && deadline_ns <= now) {
    io_uring_submit_and_get_events(&ring_);
  } else if (deadline_ns == UINT64_MAX) {
    io_uring_submit_and_wait(&ring_, 1);
  } else {
    const uint64_t left = deadline_ns - now;
    __kernel_timespec timeout{};
    timeout.tv_sec = static_cast<int64_t>(left / 1'000'000'000);
    timeout.tv_nsec = static_cast<int64_t>(left % 1'000'000'000);
    io_uring_cqe* ignored = nullptr;
    io_uring_submit_and_wait_timeout(&ring_, &ignored, 1, &timeout, nullptr);
  }
  unsigned head = 0;
  unsigned count = 0;
  io_uring_cqe* cqe = nullptr;
  io_uring_for_each_cqe(&ring_, head, cqe) {
    ++count;
    if (cqe->user_data == no_token) continue;
    if (cqe->user_data == doorbell_token) {
      arm_doorbell();
      continue;
    }
    if ((cqe->user_data & remote_bell_token) == remote_bell_token) {
      // Our message to another lane's ring was not taken (its ring is gone or overflowing): the slow
      // bell always works.
      const uint64_t one = 1;
      (void)!write(static_cast<int>(cqe->user_data & 0x7FFF'FFFF), &one, sizeof one);
      continue;
    }
    Completion& done = out.emplace_back();
    done.token = cqe->user_data;
    done.result = cqe->res;
    done.more = (cqe->flags & IORING_CQE_F_MORE) != 0;
    done.has_buffer = (cqe->flags & IORING_CQE_F_BUFFER) != 0;
    done.buffer = static_cast<uint16_t>(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
  }
  io_uring_cq_advance(&ring_, count);
}

void UringKernel::notify() {
  if (ring_of_this_thread != nullptr && kernel_of_this_thread != this) {
    // From another lane: one entry in the batch it submits anyway, instead of a system call.
    io_uring_sqe* entry = kernel_of_this_thread->sqe();
    io_uring_prep_msg_ring(entry, ring_.ring_fd, 0, no_token, 0);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(entry, remote_bell_token | static_cast<uint32_t>(doorbell_));
    return;
  }
  const uint64_t one = 1;
  (void)!write(doorbell_, &one, sizeof one);
}

uint64_t UringKernel::monotonic_ns() { return clock_ns(CLOCK_MONOTONIC); }
int64_t UringKernel::unix_ns() { return static_cast<int64_t>(clock_ns(CLOCK_REALTIME)); }

}  // namespace sluice::io
