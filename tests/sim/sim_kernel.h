// An operating system in one thread, with its own time: sockets are queues of bytes to simulated peers.
// What completes, when, in which order and how much of it is chance, within what Linux may do. Misuse
// (closing twice, two receives on one socket, touching what the kernel owns ...) ends the process.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <vector>

#include "io/kernel.h"
#include "random.h"

namespace sluice::sim {

/// The far end of one of the gateway's connections. Called while the kernel waits.
class Peer {
 public:
  virtual ~Peer() = default;
  virtual void on_data(Bytes data) = 0;
  /// The gateway will send no more; `reset`: nor is anything read there.
  virtual void on_end(bool reset) = 0;
};

struct NetworkHabits {
  uint64_t latency_ns_max = 1'000'000;
  uint32_t send_room = 64U << 10;    ///< Bytes the kernel takes for a peer that does not read yet.
  uint32_t receive_max = 16U << 10;  ///< Bytes of one receive.
  uint32_t read_max = 64U << 10;     ///< Bytes a peer reads at once.
  bool accept_fails = false;
};

class SimKernel final : public io::Kernel {
 public:
  using Link = uint32_t;

  SimKernel(Random random, const NetworkHabits& habits) : random_(random), habits_(habits) {}

  // ---- For the simulation ----
  /// A descriptor that listens.
  int open_listener();
  /// Connects to the listener. The peer outlives the run.
  Link dial(Peer& peer);
  /// Who answers the gateway's connections; null: refused. Given the link it may send on.
  void set_upstream(std::function<Peer*(Link)> upstream) { upstream_ = std::move(upstream); }
  void peer_send(Link link, Bytes data);
  void peer_finish(Link link);
  void peer_reset(Link link);
  void after(uint64_t delay_ns, std::function<void()> what);
  /// Descriptors not closed, the listener's included.
  [[nodiscard]] size_t open_sockets() const { return live_.size(); }
  /// The last wait() ended because nothing will ever happen again.
  [[nodiscard]] bool idle() const { return idle_; }
  [[nodiscard]] uint64_t now_ns() const { return now_ns_; }
  /// The run failed: what is still under way may be closed.
  void abandon() { abandoned_ = true; }

  // ---- io::Kernel ----
  void accept(int fd, uint64_t token) override;
  void connect(int fd, const sockaddr* address, socklen_t size, uint64_t token) override;
  void receive(int fd, bool multishot, uint64_t token) override;
  void send(int fd, const msghdr* message, uint64_t token) override;
  void send(int fd, Bytes piece, uint64_t token) override;
  void cancel(uint64_t token) override;
  void cancel_all(int fd) override;
  int open_socket(int family) override;
  void tune_socket(int fd) override { (void)at(fd); }
  void shutdown(int fd, int how) override;
  void close(int fd) override;
  void provide(uint16_t buffer, std::byte* memory, uint32_t size) override;
  void wait(uint64_t deadline_ns, std::vector<io::Completion>& out) override;
  void notify() override { notified_ = true; }
  [[nodiscard]] uint64_t monotonic_ns() override { return now_ns_; }
  [[nodiscard]] int64_t unix_ns() override { return 1'700'000'000'000'000'000 + static_cast<int64_t>(now_ns_); }

 private:
  static constexpr Link no_link = UINT32_MAX;
  struct Operation {
    uint64_t token = 0;
    bool multishot = false;
    bool cancelled = false;
    bool fresh = true;             // Nobody looked at it yet.
    std::vector<Bytes> pieces;     // Of a send: where the bytes are,
    std::vector<std::byte> copy;   // and what they were when it was asked for.
    std::optional<int32_t> result; // Of a connect.
  };
  struct Socket {
    int fd = -1;
    bool listens = false;
    bool closed = false;
    bool read_shut = false;
    bool write_shut = false;
    Link link = no_link;
    std::unique_ptr<Operation> accept, connect, receive, send;
  };
  struct Connection {
    Peer* peer = nullptr;
    int fd = -1;  // -1: not accepted yet, or closed.
    bool closed = false;
    std::vector<std::byte> in;  // Arrived, not yet received.
    uint64_t in_last_ns = 0;    // When the newest of what is on its way arrives.
    bool in_end = false;
    bool in_reset = false;
    std::vector<std::byte> out;  // Sent, not yet read by the peer.
    bool out_end = false;
    bool delivering = false;
    bool peer_left = false;  // It reset, or was told of the end.
  };
  struct Event {
    uint64_t at_ns;
    uint64_t order;
    std::function<void()> what;
    bool operator>(const Event& other) const {
      return at_ns != other.at_ns ? at_ns > other.at_ns : order > other.order;
    }
  };
  struct Provided {
    uint16_t buffer;
    std::byte* memory;
    uint32_t size;
  };
  struct Done {
    uint64_t stream;  // Completions of one stream stay in order.
    io::Completion completion;
  };

  Socket& at(int fd);
  int open(Link link);
  uint64_t latency() { return random_.below(habits_.latency_ns_max + 1); }
  void run_due();
  void work(Socket& s, bool must);
  void work_accept(Socket& s);
  void work_receive(Socket& s);
  void work_send(Socket& s);
  void finish(Socket& s, std::unique_ptr<Operation>& slot, unsigned stream, io::Completion completion);
  void start_send(Socket& s, std::unique_ptr<Operation> op);
  void deliver(Link link);
  void end_link(Link link, bool reset);
  void arrive(Link link, std::vector<std::byte> data);
  void hand_over(std::vector<io::Completion>& out);

  Random random_;
  const NetworkHabits habits_;
  std::function<Peer*(Link)> upstream_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  std::vector<std::unique_ptr<Connection>> links_;
  std::vector<int> live_;
  std::deque<Link> backlog_;
  bool listening_ = false;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  uint64_t event_order_ = 0;
  std::vector<Provided> fresh_;   // Given since the last wait: not visible yet.
  std::deque<Provided> buffers_;
  std::vector<bool> with_kernel_;  // By buffer.
  std::deque<Done> done_;
  uint64_t now_ns_ = 1'000'000'000'000;
  bool notified_ = false;
  bool idle_ = false;
  bool abandoned_ = false;
};

}  // namespace sluice::sim
