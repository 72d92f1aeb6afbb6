#include "sim_kernel.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/assert.h"
#include "io/slab.h"

namespace sluice::sim {
namespace {

constexpr int first_fd = 1'000'000;  // No real descriptor: a system call on one fails.
constexpr std::byte kernel_owned{0xA5};

const std::array<std::byte, io::slab_size>& untouched() {
  static const auto pattern = [] {
    std::array<std::byte, io::slab_size> bytes;
    bytes.fill(kernel_owned);
    return bytes;
  }();
  return pattern;
}

enum Stream : unsigned { Accepting, Connecting, Receiving, Sending };

}  // namespace

SimKernel::Socket& SimKernel::at(int fd) {
  const size_t index = static_cast<size_t>(fd - first_fd);
  SLUICE_ASSERT(fd >= first_fd && index < sockets_.size());
  SLUICE_ASSERT(!sockets_[index]->closed);  // Used after close, or closed twice.
  return *sockets_[index];
}

int SimKernel::open(Link link) {
  auto s = std::make_unique<Socket>();
  s->fd = first_fd + static_cast<int>(sockets_.size());
  s->link = link;
  live_.push_back(s->fd);
  sockets_.push_back(std::move(s));
  return live_.back();
}

int SimKernel::open_listener() {
  const int fd = open(no_link);
  at(fd).listens = true;
  listening_ = true;
  return fd;
}

int SimKernel::open_socket(int) {
  const int fd = open(static_cast<Link>(links_.size()));
  links_.push_back(std::make_unique<Connection>());
  links_.back()->fd = fd;
  return fd;
}

SimKernel::Link SimKernel::dial(Peer& peer) {
  const auto link = static_cast<Link>(links_.size());
  links_.push_back(std::make_unique<Connection>());
  links_.back()->peer = &peer;
  if (listening_) {
    backlog_.push_back(link);
  } else {
    after(latency(), [this, link] { end_link(link, true); });
  }
  return link;
}

void SimKernel::after(uint64_t delay_ns, std::function<void()> what) {
  events_.push({now_ns_ + delay_ns, event_order_++, std::move(what)});
}

void SimKernel::peer_send(Link link, Bytes data) {
  Connection& c = *links_[link];
  if (c.peer_left) return;
  while (!data.empty()) {
    const size_t n = random_.once_in(2) ? data.size() : random_.between(1, data.size());
    c.in_last_ns = std::max(c.in_last_ns, now_ns_ + latency());
    after(c.in_last_ns - now_ns_,
          [this, link, piece = std::vector(data.begin(), data.begin() + static_cast<ptrdiff_t>(n))] {
            arrive(link, piece);
          });
    data = data.subspan(n);
  }
}

void SimKernel::arrive(Link link, std::vector<std::byte> data) {
  Connection& c = *links_[link];
  if (c.in_reset) return;
  if (c.closed) {
    end_link(link, true);  // Nobody is there any more: the answer is a reset.
    return;
  }
  if (c.fd >= 0 && at(c.fd).read_shut) return;
  c.in.insert(c.in.end(), data.begin(), data.end());
}

void SimKernel::peer_finish(Link link) {
  Connection& c = *links_[link];
  c.in_last_ns = std::max(c.in_last_ns, now_ns_ + latency());
  after(c.in_last_ns - now_ns_, [this, link] { links_[link]->in_end = true; });
}

void SimKernel::peer_reset(Link link) {
  Connection& c = *links_[link];
  c.peer_left = true;
  c.out.clear();
  after(latency(), [this, link] {
    Connection& gone = *links_[link];
    gone.in_reset = true;
    if (random_.once_in(2)) gone.in.clear();
  });
}

void SimKernel::end_link(Link link, bool reset) {
  Connection& c = *links_[link];
  if (c.peer_left) return;
  // A reset may overtake what was sent before it.
  if (reset && random_.once_in(2)) c.out.clear();
  if (!c.out.empty()) {
    c.out_end = true;
    deliver(link);
    return;
  }
  c.peer_left = true;
  if (c.peer != nullptr) c.peer->on_end(reset);
}

void SimKernel::deliver(Link link) {
  Connection& c = *links_[link];
  if (c.delivering || c.peer_left || c.peer == nullptr) return;
  c.delivering = true;
  after(latency(), [this, link] {
    Connection& now = *links_[link];
    now.delivering = false;
    if (now.peer_left) return;
    if (!now.out.empty()) {
      const size_t most = std::min<size_t>(now.out.size(), habits_.read_max);
      const size_t n = random_.once_in(2) ? most : random_.between(1, most);
      const std::vector<std::byte> piece(now.out.begin(), now.out.begin() + static_cast<ptrdiff_t>(n));
      now.out.erase(now.out.begin(), now.out.begin() + static_cast<ptrdiff_t>(n));
      now.peer->on_data(piece);
    }
    if (!now.out.empty()) {
      deliver(link);
    } else if (now.out_end) {
      end_link(link, false);
    }
  });
}

void SimKernel::accept(int fd, uint64_t token) {
  Socket& s = at(fd);
  SLUICE_ASSERT(s.listens && !s.accept);
  s.accept = std::make_unique<Operation>();
  s.accept->token = token;
}

void SimKernel::connect(int fd, const sockaddr* address, socklen_t size, uint64_t token) {
  Socket& s = at(fd);
  SLUICE_ASSERT(!s.connect && address->sa_family == AF_INET && size == sizeof(sockaddr_in));
  s.connect = std::make_unique<Operation>();
  s.connect->token = token;
  after(latency(), [this, fd, link = s.link] {
    Socket& mine = *sockets_[static_cast<size_t>(fd - first_fd)];
    if (mine.closed || !mine.connect) return;
    Connection& c = *links_[link];
    c.peer = upstream_ ? upstream_(link) : nullptr;
    mine.connect->result = c.peer == nullptr ? -ECONNREFUSED : 0;
  });
}

void SimKernel::receive(int fd, bool multishot, uint64_t token) {
  Socket& s = at(fd);
  SLUICE_ASSERT(!s.receive && s.link != no_link);  // Armed twice: two receives could swap their bytes.
  s.receive = std::make_unique<Operation>();
  s.receive->token = token;
  s.receive->multishot = multishot;
}

void SimKernel::start_send(Socket& s, std::unique_ptr<Operation> op) {
  SLUICE_ASSERT(!s.send && s.link != no_link && !s.write_shut);  // Two sends in flight could swap their bytes.
  for (const Bytes piece : op->pieces) op->copy.insert(op->copy.end(), piece.begin(), piece.end());
  SLUICE_ASSERT(!op->copy.empty());
  s.send = std::move(op);
}

void SimKernel::send(int fd, const msghdr* message, uint64_t token) {
  auto op = std::make_unique<Operation>();
  op->token = token;
  for (size_t i = 0; i < message->msg_iovlen; ++i) {
    op->pieces.emplace_back(static_cast<const std::byte*>(message->msg_iov[i].iov_base), message->msg_iov[i].iov_len);
  }
  start_send(at(fd), std::move(op));
}

void SimKernel::send(int fd, Bytes piece, uint64_t token) {
  auto op = std::make_unique<Operation>();
  op->token = token;
  op->pieces.push_back(piece);
  start_send(at(fd), std::move(op));
}

void SimKernel::cancel(uint64_t token) {
  for (const int fd : live_) {
    Socket& s = at(fd);
    for (auto* op : {&s.accept, &s.connect, &s.receive, &s.send}) {
      if (*op && (*op)->token == token) (*op)->cancelled = true;
    }
  }
}

void SimKernel::cancel_all(int fd) {
  Socket& s = at(fd);
  for (auto* op : {&s.accept, &s.connect, &s.receive, &s.send}) {
    if (*op) (*op)->cancelled = true;
  }
}

void SimKernel::shutdown(int fd, int how) {
  Socket& s = at(fd);
  if (s.listens) {
    listening_ = false;
    for (const Link link : std::exchange(backlog_, {})) end_link(link, true);
    return;
  }
  if (how == SHUT_RDWR || how == SHUT_RD) s.read_shut = true;
  if (how == SHUT_RD || s.write_shut) return;
  s.write_shut = true;
  links_[s.link]->out_end = true;
  deliver(s.link);
}

void SimKernel::close(int fd) {
  Socket& s = at(fd);
  SLUICE_ASSERT(abandoned_ || (!s.accept && !s.connect && !s.receive && !s.send));  // Each would hold the socket open.
  s.closed = true;
  live_.erase(std::ranges::find(live_, fd));
  if (s.link == no_link) return;
  Connection& c = *links_[s.link];
  c.fd = -1;
  c.closed = true;
  c.out_end = true;
  if (!c.in.empty()) {
    end_link(s.link, true);
  } else {
    deliver(s.link);
  }
}

void SimKernel::provide(uint16_t buffer, std::byte* memory, uint32_t size) {
  SLUICE_ASSERT(size == io::slab_size);
  if (with_kernel_.size() <= buffer) with_kernel_.resize(buffer + size_t{1});
  SLUICE_ASSERT(!with_kernel_[buffer]);  // Given twice: two sockets would share it.
  with_kernel_[buffer] = true;
  std::memset(memory, static_cast<int>(kernel_owned), size);
  fresh_.push_back({buffer, memory, size});
}

void SimKernel::finish(Socket& s, std::unique_ptr<Operation>& slot, unsigned stream, io::Completion completion) {
  completion.token = slot->token;
  done_.push_back({static_cast<uint64_t>(s.fd) * 4 + stream, completion});
  if (!completion.more) slot.reset();
}

void SimKernel::work_accept(Socket& s) {
  if (s.accept->cancelled || !listening_) {
    finish(s, s.accept, Accepting, {.result = -ECANCELED});
    return;
  }
  if (backlog_.empty()) return;
  if (habits_.accept_fails && random_.once_in(4)) {
    finish(s, s.accept, Accepting, {.result = -EMFILE});
    return;
  }
  const Link link = backlog_.front();
  backlog_.pop_front();
  const int fd = open(link);
  links_[link]->fd = fd;
  finish(s, s.accept, Accepting, {.result = fd, .more = !random_.once_in(8)});
}

void SimKernel::work_receive(Socket& s) {
  Operation& op = *s.receive;
  Connection& c = *links_[s.link];
  const bool first = std::exchange(op.fresh, false);
  if (op.cancelled && (c.in.empty() || random_.once_in(2))) {
    finish(s, s.receive, Receiving, {.result = -ECANCELED});
  } else if (s.read_shut) {
    finish(s, s.receive, Receiving, {.result = 0});
  } else if (!c.in.empty() || (first && buffers_.empty())) {
    if (buffers_.empty()) {
      finish(s, s.receive, Receiving, {.result = -ENOBUFS});
      return;
    }
    const Provided given = buffers_.front();
    buffers_.pop_front();
    with_kernel_[given.buffer] = false;
    SLUICE_ASSERT(std::memcmp(given.memory, untouched().data(), given.size) == 0);
    const size_t most = std::min<size_t>({c.in.size(), given.size, habits_.receive_max});
    const size_t n = random_.once_in(2) ? most : random_.between(1, most);
    std::memcpy(given.memory, c.in.data(), n);
    c.in.erase(c.in.begin(), c.in.begin() + static_cast<ptrdiff_t>(n));
    finish(s, s.receive, Receiving,
           {.result = static_cast<int32_t>(n),
            .more = op.multishot && !random_.once_in(16),
            .has_buffer = true,
            .buffer = given.buffer});
  } else if (c.in_reset) {
    finish(s, s.receive, Receiving, {.result = -ECONNRESET});
  } else if (c.in_end) {
    finish(s, s.receive, Receiving, {.result = 0});
  }
}

void SimKernel::work_send(Socket& s) {
  Operation& op = *s.send;
  Connection& c = *links_[s.link];
  const size_t room = habits_.send_room - std::min<size_t>(habits_.send_room, c.out.size());
  if (op.cancelled && (room == 0 || random_.once_in(2))) {
    finish(s, s.send, Sending, {.result = -ECANCELED});
    return;
  }
  if (c.peer_left || s.write_shut) {
    finish(s, s.send, Sending, {.result = c.in_reset ? -ECONNRESET : -EPIPE});
    return;
  }
  if (room == 0) return;
  size_t checked = 0;
  for (const Bytes piece : op.pieces) {
    SLUICE_ASSERT(std::memcmp(piece.data(), op.copy.data() + checked, piece.size()) == 0);
    checked += piece.size();
  }
  const size_t most = std::min(room, op.copy.size());
  const size_t n = random_.once_in(2) ? most : random_.between(1, most);
  c.out.insert(c.out.end(), op.copy.begin(), op.copy.begin() + static_cast<ptrdiff_t>(n));
  finish(s, s.send, Sending, {.result = static_cast<int32_t>(n)});
  deliver(s.link);
}

void SimKernel::work(Socket& s, bool must) {
  const auto now = [&] { return must || !random_.once_in(4); };
  if (s.accept && now()) work_accept(s);
  if (s.connect && now()) {
    if (s.connect->cancelled) {
      finish(s, s.connect, Connecting, {.result = -ECANCELED});
    } else if (s.connect->result) {
      finish(s, s.connect, Connecting, {.result = *s.connect->result});
    }
  }
  if (s.receive && now()) work_receive(s);
  if (s.send && now()) work_send(s);
}

void SimKernel::run_due() {
  while (!events_.empty() && events_.top().at_ns <= now_ns_) {
    const auto what = events_.top().what;
    events_.pop();
    what();
  }
}

void SimKernel::hand_over(std::vector<io::Completion>& out) {
  size_t count = random_.once_in(2) ? done_.size() : random_.between(1, done_.size());
  while (count-- > 0) {
    const uint64_t stream = done_[random_.below(done_.size())].stream;
    const auto next = std::ranges::find(done_, stream, &Done::stream);
    out.push_back(next->completion);
    done_.erase(next);
  }
}

void SimKernel::wait(uint64_t deadline_ns, std::vector<io::Completion>& out) {
  for (const Provided& given : std::exchange(fresh_, {})) buffers_.push_back(given);
  idle_ = false;
  for (;;) {
    run_due();
    const std::vector<int> turn = live_;
    for (const bool must : {false, true}) {
      const size_t start = turn.empty() ? 0 : random_.below(turn.size());
      for (size_t i = 0; i < turn.size(); ++i) work(at(turn[(start + i) % turn.size()]), must);
      if (!done_.empty() || notified_ || deadline_ns <= now_ns_) break;
    }
    if (!done_.empty()) hand_over(out);
    if (!out.empty() || std::exchange(notified_, false) || deadline_ns <= now_ns_) break;
    const uint64_t next = std::min(deadline_ns, events_.empty() ? UINT64_MAX : events_.top().at_ns);
    if (next == UINT64_MAX) {
      idle_ = true;
      return;
    }
    now_ns_ = std::max(now_ns_, next);
  }
  now_ns_ += random_.below(20'000);
}

}  // namespace sluice::sim
