// One lane's event loop: connections, their queues, back-pressure, timers and mail, over a Kernel.
//
// Completions are first only noted; handlers then run from a private ready list, so no handler is
// ever entered from inside another, and all that they queue for one socket leaves in one gathered
// send. Everything here belongs to one lane's thread.
#pragma once
#include <netinet/in.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "io/kernel.h"
#include "io/mailbox.h"
#include "io/slab.h"
#include "io/timer.h"

namespace sluice::io {

/// Names a connection. A stale one (the slot was used again since) is recognised by its generation.
struct ConnectionId {
  uint32_t index = UINT32_MAX;
  uint32_t generation = 0;
  [[nodiscard]] bool valid() const { return index != UINT32_MAX; }
  bool operator==(const ConnectionId&) const = default;
};

/// Whoever drives a connection. Called from the ready list only; never after on_closed().
class ConnectionHandler {
 public:
  virtual void on_connected(ConnectionId id) = 0;
  /// Bytes wait in Reactor::inbox(id).
  virtual void on_bytes(ConnectionId id) = 0;
  /// The send queue fell below the low mark after having been above the high one.
  virtual void on_drained(ConnectionId id) = 0;
  /// The peer will send no more. What it sent is in the inbox, and sending may still work: closing
  /// is the handler's decision.
  virtual void on_ended(ConnectionId id) = 0;
  /// The connection failed (errno) and is closed.
  virtual void on_closed(ConnectionId id, int error) = 0;
  /// Asked for with request_flush(): everything queued in this round is about to be sent.
  virtual void on_flush(ConnectionId id) = 0;
  /// Bytes in slabs that the handler holds for this connection, beside the reactor's own queues.
  [[nodiscard]] virtual size_t held(ConnectionId id) const = 0;

 protected:
  ~ConnectionHandler() = default;
};

struct ReactorLimits {
  uint32_t receive_slabs = 1024;  ///< A power of two.
  uint32_t reserve_slabs = 1024;
  uint32_t connections_max = 32768;
  size_t high_mark = 256U << 10;  ///< Bytes queued to one peer at which reading its source should stop.
  size_t low_mark = 64U << 10;
  /// Some dozens of peers that stop reading, or stop in the middle of a long message, could hold all
  /// slabs. While others wait for one, those that hold most and moved no byte for this long are closed.
  uint64_t stall_ns = 5'000'000'000;
};

struct ReactorCounters {
  uint64_t received_bytes = 0;
  uint64_t sent_bytes = 0;
  uint64_t sends = 0;
  uint64_t short_sends = 0;
  uint64_t gathered_bytes = 0;  ///< Small pieces copied together, so that they do not hold a slab each.
  uint64_t no_buffers = 0;      ///< Receives that found no slab.
  uint64_t rounds = 0;
  uint64_t sacrificed = 0;  ///< Connections closed because they held slabs that others starved for.
};

class Reactor final : private SlabPool::Recycler, private Timer::Client {
 public:
  using AcceptHandler = std::function<void(int fd)>;

  Reactor(Kernel& kernel, const ReactorLimits& limits);
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// Accepts on a listening socket until stop_listening(), which shuts it down. The descriptor stays
  /// the caller's to close.
  void listen(int fd, AcceptHandler handler);
  void stop_listening();

  /// Takes over an accepted descriptor. Invalid when the table is full (the descriptor is closed).
  [[nodiscard]] ConnectionId adopt(int fd, ConnectionHandler& handler);
  /// Opens a connection; on_connected or on_closed follows. Invalid: no descriptor or slot was left.
  [[nodiscard]] ConnectionId connect(const sockaddr_storage& address, ConnectionHandler& handler);

  /// What was received and not yet taken. Lent to the handler while the connection lives.
  [[nodiscard]] SliceQueue& inbox(ConnectionId id);
  /// Reading on or off. Off is exact for everything not yet received by the kernel; what was under
  /// way still arrives in the inbox.
  void set_reading(ConnectionId id, bool on);
  void send(ConnectionId id, Slice slice);
  /// Sends all of `from`.
  void send_all(ConnectionId id, SliceQueue& from);
  /// Sends a copy. False: no slab was left for it.
  [[nodiscard]] bool send_copy(ConnectionId id, Bytes bytes);
  /// on_bytes() and on_flush() are called when at least `needed` reserve slabs are free. For who could not
  /// go on for want of them; once per call.
  void wake_when_slabs_are_free(ConnectionId id, uint32_t needed);
  /// Bytes given to send() and not yet taken by the kernel.
  [[nodiscard]] size_t unsent(ConnectionId id) const;
  [[nodiscard]] bool above_high_mark(ConnectionId id) const;
  /// Sends what is queued, then shuts down writing, waits for the peer's end (bounded), closes.
  void close_gently(ConnectionId id);
  /// Drops what is queued and closes. No handler is called for this connection any more.
  void close_now(ConnectionId id);
  /// on_flush() is called once, at the end of this round.
  void request_flush(ConnectionId id);
  /// on_bytes() is called again in the next round although nothing new came.
  void wake(ConnectionId id);

  void set_timer(Timer& timer, uint64_t after_ns) { timers_.set(timer, now_ns_ + after_ns); }
  void cancel_timer(Timer& timer) { timers_.cancel(timer); }

  /// Time at the start of this round: one clock read a round.
  [[nodiscard]] uint64_t now_ns() const { return now_ns_; }
  [[nodiscard]] int64_t unix_ns() const { return unix_ns_; }
  [[nodiscard]] SlabPool& slabs() { return slabs_; }
  [[nodiscard]] Mailbox& mailbox() { return mailbox_; }
  [[nodiscard]] const ReactorCounters& counters() const { return counters_; }
  [[nodiscard]] size_t connection_count() const { return open_; }
  [[nodiscard]] size_t starved_count() const { return starved_.size(); }

  /// One round: submit, wait, note completions, run what is ready.
  void run_once();
  /// Rounds until stop(), which is called from a handler or a letter.
  void run();
  void stop() { stopping_ = true; }

 private:
  struct Connection;
  struct SendState;
  struct Listener {
    int fd = -1;
    AcceptHandler handler;
    bool armed = false;
  };
  enum class Op : uint8_t { None, Accept, Connect, Receive, Send };
  static constexpr uint64_t token(Op op, uint32_t generation, uint32_t index);

  void recycle(uint32_t slab) override;
  void on_timer(Timer& timer) override;
  Connection& at(ConnectionId id);
  [[nodiscard]] const Connection* find(ConnectionId id) const;
  ConnectionId open_slot(int fd, ConnectionHandler& handler);
  void note(const Completion& completion);
  void note_accept(const Completion& completion);
  void note_receive(Connection& c, const Completion& completion);
  void note_send(Connection& c, const Completion& completion);
  void take_received(Connection& c, Slice slice);
  void arm_receive(Connection& c);
  void start_send(Connection& c);
  void mark_dirty(Connection& c);
  void make_ready(Connection& c);
  void run_ready();
  void flush_all();
  void begin_close(Connection& c);
  void finish_close(Connection& c);
  void serve_starved();
  void serve_slab_waiters();
  void retry_accepting();
  void relieve_pressure();

  Kernel& kernel_;
  const ReactorLimits limits_;
  SlabPool slabs_;
  Mailbox mailbox_;
  TimerHeap timers_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<uint32_t> free_slots_;
  std::vector<std::unique_ptr<SendState>> send_states_;  // Spare ones.
  std::vector<Listener> listeners_;
  std::vector<uint32_t> ready_;
  std::vector<uint32_t> running_;
  std::vector<uint32_t> dirty_;
  std::vector<uint32_t> flushing_;
  std::deque<ConnectionId> starved_;
  struct SlabWaiter {
    ConnectionId id;
    uint32_t needed = 0;
  };
  std::vector<SlabWaiter> slab_waiters_;
  std::vector<Completion> completions_;
  std::vector<Mailbox::Letter> letters_;
  ReactorCounters counters_;
  uint64_t now_ns_ = 0;
  int64_t unix_ns_ = 0;
  size_t open_ = 0;
  uint32_t provided_ = 0;  // Receive slabs the kernel has.
  Timer accept_retry_{*this};
  Timer pressure_{*this};  // Armed while somebody waits for a slab.
  bool stopping_ = false;
};

}  // namespace sluice::io
