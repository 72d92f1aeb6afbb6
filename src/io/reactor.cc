#include "io/reactor.h"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>

namespace sluice::io {
namespace {
// A connection whose reader was paused once is carrying bulk: from then on it reads one slab at a
// time, which gives exact back-pressure and cannot drain the buffer ring in one go (a multishot
// receive was seen to take 512 buffers in one round). This many short reads in a row end that.
constexpr uint8_t short_reads_to_multishot = 16;
constexpr uint32_t short_read_size = slab_size / 4;
constexpr uint64_t linger_ns = 2'000'000'000;
constexpr uint64_t accept_retry_ns = 100'000'000;
constexpr uint32_t generation_mask = 0xFF'FFFF;
constexpr size_t iov_max = 64;
// Pieces up to this size, arriving one after the other while their message is not whole, share slabs: a
// peer that sends single bytes must not hold a slab with each.
constexpr uint32_t small_piece_size = 1024;
constexpr uint64_t pressure_checks_a_stall = 5;
constexpr size_t pressure_relief_parts = 16;  // A check frees this part of the slabs, if it can.
}  // namespace

struct Reactor::SendState {
  msghdr message{};
  std::array<iovec, iov_max> iov{};
};

struct Reactor::Connection final : Timer::Client {
  enum class Receive : uint8_t { Idle, Armed, Cancelling, Starved };

  explicit Connection(Reactor& owner) : reactor(owner) {}
  // The peer did not close within the linger time.
  void on_timer(Timer&) override { reactor.begin_close(*this); }
  [[nodiscard]] ConnectionId id() const { return {index, generation}; }
  [[nodiscard]] uint64_t token(Op op) const { return Reactor::token(op, generation, index); }

  Reactor& reactor;
  ConnectionHandler* handler = nullptr;
  SliceQueue inbox;
  SliceQueue outbox;
  std::unique_ptr<SendState> send_state;
  std::unique_ptr<sockaddr_storage> address;  // Only while connecting.
  Timer linger{*this};
  uint64_t moved_ns = 0;  // When bytes last came or went.
  int fd = -1;
  int close_error = 0;
  uint32_t index = 0;
  uint32_t generation = 1;
  uint32_t pending = 0;  // Operations submitted whose last completion has not come.
  Receive receive = Receive::Idle;
  uint8_t short_reads = 0;
  bool bulk = false;
  bool gathers = false;    // The last piece was small and met others that wait: the next ones join it.
  bool multishot = false;  // Of the armed receive.
  bool reading = false;
  bool connected = false;
  bool ended = false;  // The peer will send no more.
  bool sending = false;
  bool was_high = false;
  bool gentle = false;    // Flushing, then closing; the handler is gone.
  bool said_all = false;  // Gentle, flushed, and shut down for writing.
  bool closing = false;   // Cancelled; waiting for the last completions.
  bool is_ready = false;
  bool is_dirty = false;
  bool wants_flush = false;
  bool event_connected = false;
  bool event_bytes = false;
  bool event_drained = false;
  bool event_ended = false;
  bool event_closed = false;
};

constexpr uint64_t Reactor::token(Op op, uint32_t generation, uint32_t index) {
  return uint64_t{static_cast<uint8_t>(op)} << 56 | uint64_t{generation & generation_mask} << 32 | index;
}

Reactor::Reactor(Kernel& kernel, const ReactorLimits& limits)
    : kernel_(kernel), limits_(limits), slabs_(limits.receive_slabs, limits.reserve_slabs) {
  slabs_.set_recycler(this);
  for (uint32_t i = 0; i < limits.receive_slabs; ++i) recycle(i);
  mailbox_.attach(&kernel_);
  now_ns_ = kernel_.monotonic_ns();
  unix_ns_ = kernel_.unix_ns();
}

Reactor::~Reactor() {
  mailbox_.attach(nullptr);
  // Queues hold slices of slabs_, whose recycler must not be told any more.
  slabs_.set_recycler(nullptr);
  for (auto& c : connections_) {
    if (c->fd >= 0) kernel_.close(c->fd);
    c->inbox.clear();
    c->outbox.clear();
  }
}

void Reactor::recycle(uint32_t slab) {
  ++provided_;
  kernel_.provide(static_cast<uint16_t>(slab), slabs_.data(slab), slab_size);
}

Reactor::Connection& Reactor::at(ConnectionId id) {
  SLUICE_ASSERT(id.index < connections_.size());
  Connection& c = *connections_[id.index];
  SLUICE_ASSERT(c.generation == id.generation && c.fd >= 0);
  return c;
}

const Reactor::Connection* Reactor::find(ConnectionId id) const {
  if (id.index >= connections_.size()) return nullptr;
  const Connection* c = connections_[id.index].get();
  return c->generation == id.generation && c->fd >= 0 ? c : nullptr;
}

void Reactor::listen(int fd, AcceptHandler handler) {
  listeners_.push_back({fd, std::move(handler), true});
  kernel_.accept(fd, token(Op::Accept, 0, static_cast<uint32_t>(listeners_.size() - 1)));
}

void Reactor::stop_listening() {
  for (size_t i = 0; i < listeners_.size(); ++i) {
    if (listeners_[i].fd < 0) continue;
    // Shut down, or who connects from now on would wait in the backlog for an answer.
    kernel_.shutdown(listeners_[i].fd, SHUT_RDWR);
    if (listeners_[i].armed) kernel_.cancel(token(Op::Accept, 0, static_cast<uint32_t>(i)));
    listeners_[i].fd = -1;
  }
  timers_.cancel(accept_retry_);
}

void Reactor::on_timer(Timer& timer) {
  if (&timer == &pressure_) {
    relieve_pressure();
  } else {
    retry_accepting();
  }
}

void Reactor::relieve_pressure() {
  if (starved_.empty() && slab_waiters_.empty()) return;
  struct Holder {
    size_t bytes;
    uint32_t index;
  };
  std::vector<Holder> still;
  for (const auto& c : connections_) {
    if (c->fd < 0 || c->closing || !c->connected || now_ns_ - c->moved_ns < limits_.stall_ns) continue;
    const size_t bytes = c->inbox.bytes() + c->outbox.bytes() + (c->handler != nullptr ? c->handler->held(c->id()) : 0);
    if (bytes > 0) still.push_back({bytes, c->index});
  }
  std::ranges::sort(still, std::greater{}, &Holder::bytes);
  const size_t wanted = size_t{limits_.receive_slabs} * slab_size / pressure_relief_parts;
  size_t freed = 0;
  for (const Holder& holder : still) {
    if (freed >= wanted) break;
    freed += holder.bytes;
    ++counters_.sacrificed;
    Connection& c = *connections_[holder.index];
    if (c.handler == nullptr) {
      begin_close(c);
    } else {
      c.close_error = ETIMEDOUT;
      c.event_closed = true;
      make_ready(c);
    }
  }
  set_timer(pressure_, limits_.stall_ns / pressure_checks_a_stall);
}

void Reactor::retry_accepting() {
  for (size_t i = 0; i < listeners_.size(); ++i) {
    Listener& l = listeners_[i];
    if (l.armed || l.fd < 0) continue;
    l.armed = true;
    kernel_.accept(l.fd, token(Op::Accept, 0, static_cast<uint32_t>(i)));
  }
}

ConnectionId Reactor::open_slot(int fd, ConnectionHandler& handler) {
  if (free_slots_.empty()) {
    if (connections_.size() >= limits_.connections_max) return {};
    auto fresh = std::make_unique<Connection>(*this);
    fresh->index = static_cast<uint32_t>(connections_.size());
    free_slots_.push_back(fresh->index);
    connections_.push_back(std::move(fresh));
  }
  Connection& c = *connections_[free_slots_.back()];
  free_slots_.pop_back();
  c.fd = fd;
  c.handler = &handler;
  c.moved_ns = now_ns_;
  ++open_;
  return c.id();
}

ConnectionId Reactor::adopt(int fd, ConnectionHandler& handler) {
  const ConnectionId id = open_slot(fd, handler);
  if (!id.valid()) {
    kernel_.close(fd);
    return {};
  }
  kernel_.tune_socket(fd);
  at(id).connected = true;
  return id;
}

ConnectionId Reactor::connect(const sockaddr_storage& address, ConnectionHandler& handler) {
  const int fd = kernel_.open_socket(address.ss_family);
  if (fd < 0) return {};
  const ConnectionId id = open_slot(fd, handler);
  if (!id.valid()) {
    kernel_.close(fd);
    return {};
  }
  Connection& c = at(id);
  c.address = std::make_unique<sockaddr_storage>(address);
  ++c.pending;
  const socklen_t size = address.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  kernel_.connect(fd, reinterpret_cast<const sockaddr*>(c.address.get()), size, c.token(Op::Connect));
  return id;
}

SliceQueue& Reactor::inbox(ConnectionId id) { return at(id).inbox; }

void Reactor::set_reading(ConnectionId id, bool on) {
  Connection& c = at(id);
  if (c.reading == on) return;
  c.reading = on;
  if (on) {
    arm_receive(c);
    return;
  }
  c.bulk = true;
  c.short_reads = 0;
  if (c.receive == Connection::Receive::Armed && c.multishot) {
    c.receive = Connection::Receive::Cancelling;
    kernel_.cancel(c.token(Op::Receive));
  }
}

void Reactor::arm_receive(Connection& c) {
  if (!c.reading || c.ended || c.closing || !c.connected || c.receive != Connection::Receive::Idle) return;
  // A receive armed on an empty buffer ring fails at once, data or not: wait for a slab instead.
  if (provided_ == 0) {
    c.receive = Connection::Receive::Starved;
    starved_.push_back(c.id());
    return;
  }
  c.receive = Connection::Receive::Armed;
  c.multishot = !c.bulk;
  ++c.pending;
  kernel_.receive(c.fd, c.multishot, c.token(Op::Receive));
}

void Reactor::send(ConnectionId id, Slice slice) {
  Connection& c = at(id);
  SLUICE_ASSERT(!c.closing && !c.gentle);
  c.outbox.push(std::move(slice));
  mark_dirty(c);
}

bool Reactor::send_copy(ConnectionId id, Bytes bytes) {
  Connection& c = at(id);
  SLUICE_ASSERT(!c.closing && !c.gentle);
  while (!bytes.empty()) {
    // Behind bytes that the kernel is sending is free room like any other: it reads what it was given.
    Slice slab = c.outbox.take_tail(1);
    if (slab.empty() && !slabs_.take(slab)) return false;
    const MutableBytes room = slab.tail_room();
    const size_t n = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), n);
    slab.grow(static_cast<uint32_t>(n));
    c.outbox.push(std::move(slab));
    bytes = bytes.subspan(n);
  }
  mark_dirty(c);
  return true;
}

void Reactor::mark_dirty(Connection& c) {
  if (!c.is_dirty) {
    c.is_dirty = true;
    dirty_.push_back(c.index);
  }
  if (c.outbox.bytes() > limits_.high_mark) c.was_high = true;
}

void Reactor::wake_when_slabs_are_free(ConnectionId id, uint32_t needed) { slab_waiters_.push_back({id, needed}); }

void Reactor::serve_slab_waiters() {
  std::erase_if(slab_waiters_, [this](const SlabWaiter& waiter) {
    const Connection* c = find(waiter.id);
    if (c == nullptr || c->handler == nullptr) return true;
    if (slabs_.reserve_free() < waiter.needed) return false;
    request_flush(waiter.id);
    wake(waiter.id);
    return true;
  });
}

void Reactor::send_all(ConnectionId id, SliceQueue& from) {
  while (!from.empty()) {
    const uint32_t size = from.at(0).size();
    Slice slice = from.at(0);
    from.drop(size);
    send(id, std::move(slice));
  }
}

size_t Reactor::unsent(ConnectionId id) const {
  const Connection* c = find(id);
  return c == nullptr ? 0 : c->outbox.bytes();
}

bool Reactor::above_high_mark(ConnectionId id) const { return unsent(id) > limits_.high_mark; }

void Reactor::start_send(Connection& c) {
  if (c.sending || c.closing || !c.connected) return;
  if (c.outbox.empty()) {
    if (c.gentle && !c.said_all) {
      c.said_all = true;
      // All is said. Reading goes on for a moment: closing with unread bytes would send a reset that
      // can overtake the last message we sent.
      kernel_.shutdown(c.fd, SHUT_WR);
      set_timer(c.linger, linger_ns);
      c.reading = true;
      arm_receive(c);
      if (c.ended) begin_close(c);
    }
    return;
  }
  c.sending = true;
  ++c.pending;
  ++counters_.sends;
  if (c.outbox.count() == 1) {
    kernel_.send(c.fd, c.outbox.at(0).bytes(), c.token(Op::Send));
    return;
  }
  if (!c.send_state) {
    if (send_states_.empty()) send_states_.push_back(std::make_unique<SendState>());
    c.send_state = std::move(send_states_.back());
    send_states_.pop_back();
  }
  SendState& state = *c.send_state;
  const size_t count = std::min(c.outbox.count(), iov_max);
  for (size_t i = 0; i < count; ++i) {
    const Bytes piece = c.outbox.at(i).bytes();
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): an iovec of a send, which only reads.
    state.iov[i] = {const_cast<std::byte*>(piece.data()), piece.size()};
  }
  state.message = {};
  state.message.msg_iov = state.iov.data();
  state.message.msg_iovlen = count;
  kernel_.send(c.fd, &state.message, c.token(Op::Send));
}

void Reactor::wake(ConnectionId id) {
  Connection& c = at(id);
  c.event_bytes = true;
  make_ready(c);
}

void Reactor::request_flush(ConnectionId id) {
  Connection& c = at(id);
  if (c.wants_flush) return;
  c.wants_flush = true;
  flushing_.push_back(c.index);
}

void Reactor::close_gently(ConnectionId id) {
  Connection& c = at(id);
  c.handler = nullptr;
  c.inbox.clear();
  if (!c.connected || (c.ended && c.outbox.empty())) {
    begin_close(c);
    return;
  }
  c.gentle = true;
  if (!c.outbox.empty()) set_timer(c.linger, linger_ns);
  if (c.outbox.empty()) start_send(c);
}

void Reactor::close_now(ConnectionId id) {
  Connection& c = at(id);
  c.handler = nullptr;
  begin_close(c);
}

void Reactor::begin_close(Connection& c) {
  if (c.closing) return;
  c.closing = true;
  c.handler = nullptr;
  timers_.cancel(c.linger);
  c.inbox.clear();
  // close() alone ends no pending operation, and each holds the socket open: the peer would see no
  // end. So: shut down, cancel, and close when the last completion is in.
  kernel_.shutdown(c.fd, SHUT_RDWR);
  if (c.pending > 0) {
    kernel_.cancel_all(c.fd);
  } else {
    finish_close(c);
  }
}

void Reactor::finish_close(Connection& c) {
  SLUICE_ASSERT(c.closing && c.pending == 0);
  kernel_.close(c.fd);
  const uint32_t index = c.index;
  const uint32_t generation = (c.generation + 1) & generation_mask;
  const bool in_ready = c.is_ready;
  if (c.send_state) send_states_.push_back(std::move(c.send_state));
  auto fresh = std::make_unique<Connection>(*this);
  fresh->index = index;
  fresh->generation = generation == 0 ? 1 : generation;
  SLUICE_ASSERT(!in_ready || c.handler == nullptr);
  connections_[index] = std::move(fresh);
  free_slots_.push_back(index);
  --open_;
}

void Reactor::make_ready(Connection& c) {
  if (c.is_ready) return;
  c.is_ready = true;
  ready_.push_back(c.index);
}

void Reactor::note(const Completion& completion) {
  const auto op = static_cast<Op>(completion.token >> 56);
  if (op == Op::Accept) return note_accept(completion);
  if (op == Op::None) return;
  const auto index = static_cast<uint32_t>(completion.token);
  const auto generation = static_cast<uint32_t>(completion.token >> 32) & generation_mask;
  SLUICE_ASSERT(index < connections_.size());
  Connection& c = *connections_[index];
  // Slots are only used again when nothing is pending, so a stale token cannot come; but a buffer
  // must never be lost, whatever came with it.
  if (c.generation != generation || c.fd < 0) {
    if (completion.has_buffer) {
      --provided_;
      (void)slabs_.received(completion.buffer, 0);
    }
    return;
  }
  if (!completion.more) --c.pending;
  switch (op) {
    case Op::Connect:
      c.address.reset();
      if (c.closing) break;
      if (completion.result < 0) {
        c.close_error = -completion.result;
        c.event_closed = true;
      } else {
        c.connected = true;
        c.event_connected = true;
        arm_receive(c);
      }
      make_ready(c);
      break;
    case Op::Receive:
      note_receive(c, completion);
      break;
    case Op::Send:
      note_send(c, completion);
      break;
    case Op::None:
    case Op::Accept:
      SLUICE_ASSERT(false);
  }
  // Closing may have finished, and the slot been renewed, in between: look again.
  if (const Connection* now = find({index, generation}); now != nullptr && now->closing && now->pending == 0) {
    finish_close(*connections_[index]);
  }
}

void Reactor::note_accept(const Completion& completion) {
  Listener& l = listeners_[static_cast<uint32_t>(completion.token)];
  if (!completion.more) l.armed = false;
  if (completion.result >= 0) {
    if (l.fd >= 0) {
      l.handler(completion.result);
    } else {
      kernel_.close(completion.result);
    }
  }
  // Out of descriptors (or a connection that was gone already): try again shortly, not at once, or
  // the lane would spin while the limit holds.
  if (!l.armed && l.fd >= 0 && !accept_retry_.armed()) set_timer(accept_retry_, accept_retry_ns);
}

void Reactor::note_receive(Connection& c, const Completion& completion) {
  if (!completion.more) c.receive = Connection::Receive::Idle;
  if (completion.has_buffer) {
    --provided_;
    const auto size = static_cast<uint32_t>(std::max(completion.result, 0));
    Slice slice = slabs_.received(completion.buffer, size);
    if (!c.closing && !c.gentle) {
      counters_.received_bytes += size;
      c.moved_ns = now_ns_;
      take_received(c, std::move(slice));
    }
  }
  if (c.closing) return;
  if (completion.result > 0) {
    if (c.bulk) {
      c.short_reads = static_cast<uint32_t>(completion.result) < short_read_size ? c.short_reads + 1 : 0;
      if (c.short_reads >= short_reads_to_multishot) {
        c.bulk = false;
        c.short_reads = 0;
      }
    }
    if (c.event_bytes) make_ready(c);
    arm_receive(c);
    return;
  }
  if (completion.result == -ENOBUFS) {
    ++counters_.no_buffers;
    c.receive = Connection::Receive::Starved;
    starved_.push_back(c.id());
    return;
  }
  if (completion.result == -ECANCELED) {
    arm_receive(c);  // Reading may have been switched on again meanwhile.
    return;
  }
  if (c.gentle) {
    begin_close(c);
    return;
  }
  c.ended = true;
  if (completion.result == 0) {
    c.event_ended = true;
  } else {
    c.close_error = -completion.result;
    c.event_closed = true;
  }
  make_ready(c);
}

void Reactor::take_received(Connection& c, Slice slice) {
  const uint32_t size = slice.size();
  const bool small = size <= small_piece_size;
  if (small && c.gathers && c.inbox.append_in_place(slice.bytes())) {
    counters_.gathered_bytes += size;
  } else {
    c.gathers = small && !c.inbox.empty();
    c.inbox.push(std::move(slice));
  }
  c.event_bytes = true;
}

void Reactor::note_send(Connection& c, const Completion& completion) {
  c.sending = false;
  if (c.send_state) send_states_.push_back(std::move(c.send_state));
  if (c.closing) return;
  if (completion.result < 0) {
    if (c.gentle) {
      begin_close(c);
      return;
    }
    c.close_error = -completion.result;
    c.event_closed = true;
    make_ready(c);
    return;
  }
  const auto sent = static_cast<size_t>(completion.result);
  counters_.sent_bytes += sent;
  c.moved_ns = now_ns_;
  c.outbox.drop(sent);
  if (c.was_high && c.outbox.bytes() < limits_.low_mark) {
    c.was_high = false;
    if (!c.gentle) {
      c.event_drained = true;
      make_ready(c);
    }
  }
  if (!c.outbox.empty()) ++counters_.short_sends;
  start_send(c);
}

void Reactor::run_ready() {
  running_.clear();
  running_.swap(ready_);
  for (const uint32_t index : running_) {
    // The slot may have been closed, and even opened again, by a handler that ran before: its events
    // were its own, so every step looks at the slot afresh.
    Connection* c = connections_[index].get();
    c->is_ready = false;
    const ConnectionId id = c->id();
    const auto live = [&] {
      c = connections_[index].get();
      return c->generation == id.generation && c->handler != nullptr;
    };
    if (live() && std::exchange(c->event_connected, false)) c->handler->on_connected(id);
    if (live() && std::exchange(c->event_bytes, false)) c->handler->on_bytes(id);
    if (live() && std::exchange(c->event_drained, false)) c->handler->on_drained(id);
    if (live() && std::exchange(c->event_ended, false)) c->handler->on_ended(id);
    if (live() && std::exchange(c->event_closed, false)) {
      ConnectionHandler* handler = c->handler;
      const int error = c->close_error;
      begin_close(*c);
      handler->on_closed(id, error);
    }
  }
}

void Reactor::flush_all() {
  for (size_t i = 0; i < flushing_.size(); ++i) {
    Connection& c = *connections_[flushing_[i]];
    c.wants_flush = false;
    if (c.handler != nullptr) c.handler->on_flush(c.id());
  }
  flushing_.clear();
  for (size_t i = 0; i < dirty_.size(); ++i) {
    Connection& c = *connections_[dirty_[i]];
    c.is_dirty = false;
    if (c.fd >= 0) start_send(c);
  }
  dirty_.clear();
}

void Reactor::serve_starved() {
  // Who has left or stopped reading uses up no slab: were it counted, a slab could lie free while the
  // one it would wake waits for a round that nothing else begins.
  uint32_t free = provided_;
  for (size_t left = starved_.size(); left > 0 && free > 0; --left) {
    const ConnectionId id = starved_.front();
    starved_.pop_front();
    if (find(id) == nullptr) continue;
    Connection& c = at(id);
    if (c.receive != Connection::Receive::Starved) continue;
    c.receive = Connection::Receive::Idle;
    // One slab each: the first in line, armed for many, would take those of all behind it.
    c.bulk = true;
    c.short_reads = 0;
    arm_receive(c);
    if (c.receive == Connection::Receive::Armed) --free;
  }
}

void Reactor::run_once() {
  ++counters_.rounds;
  completions_.clear();
  kernel_.wait(ready_.empty() ? timers_.next_deadline() : 0, completions_);
  now_ns_ = kernel_.monotonic_ns();
  unix_ns_ = kernel_.unix_ns();
  for (const Completion& completion : completions_) note(completion);
  mailbox_.take(letters_);
  for (auto& letter : letters_) letter();
  timers_.run(now_ns_);
  run_ready();
  flush_all();
  serve_starved();
  serve_slab_waiters();
  if ((!starved_.empty() || !slab_waiters_.empty()) && !pressure_.armed()) {
    set_timer(pressure_, limits_.stall_ns / pressure_checks_a_stall);
  }
}

void Reactor::run() {
  while (!stopping_) run_once();
}

}  // namespace sluice::io
