#include "control/admin.h"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/text.h"
#include "control/admin_request.h"
#include "control/config_reader.h"
#include "control/metrics.h"

namespace sluice::control {
namespace {

int64_t now_ms() {
  timespec t{};
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000;
}

std::string_view reason_phrase(uint16_t status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Internal Server Error";
  }
}

}  // namespace

AdminResponse answer_admin(std::string_view path, const AdminHooks& hooks) {
  if (path == "/healthz") return {200, "text/plain; charset=utf-8", "ok\n"};
  if (path == "/readyz") {
    const auto why = hooks.not_ready();
    if (why) return {503, "text/plain; charset=utf-8", *why + "\n"};
    return {200, "text/plain; charset=utf-8", "ready\n"};
  }
  if (path == "/metrics") return {200, std::string(metrics_content_type), hooks.metrics()};
  if (path == "/status") return {200, "application/json", hooks.status()};
  return {404, "text/plain; charset=utf-8", "here are /healthz /readyz /metrics /status\n"};
}

std::string render_http(const AdminResponse& r) {
  return fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n"
                     "X-Content-Type-Options: nosniff\r\n{}Connection: close\r\n\r\n{}",
                     r.status, reason_phrase(r.status), r.content_type, r.body.size(),
                     r.status == 405 ? "Allow: GET\r\n" : "", r.body);
}

Expected<std::unique_ptr<AdminServer>> AdminServer::start(const std::string& host, uint16_t port, AdminHooks hooks) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0 || found == nullptr) {
    return fail(fmt::format("admin listener: {} is not a numeric address", host));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> address(found, ::freeaddrinfo);
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int one = 1;
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  const bool listening = fd >= 0 && ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
                         ::bind(fd, found->ai_addr, found->ai_addrlen) == 0 && ::listen(fd, 16) == 0 &&
                         ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) == 0;
  const int wake = listening ? ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
  if (wake < 0) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    return fail(fmt::format("admin listener: cannot listen on {} port {}: {}", host, port, errno_text(error)));
  }
  // The port stands at the same place for both families.
  const uint16_t actual = ntohs(reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
  return std::unique_ptr<AdminServer>(new AdminServer(
      {.listener = fd,
       .wake = wake,
       .port = actual,
       .loopback = is_loopback(host),
       .answer = [hooks = std::move(hooks)](const AdminRequest& r) { return answer_admin(r.path, hooks); }}));
}

Expected<std::unique_ptr<AdminServer>> AdminServer::start_local(const std::string& path, AdminAnswer answer,
                                                                LogSink& log) {
  const auto failed = [&path](int error) {
    return fail(fmt::format("local socket {}: {}", path, errno_text(error)));
  };
  // Bound under another name and shut to others before anybody finds it under its own.
  const std::string first_name = path + ".new";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (first_name.size() >= sizeof address.sun_path) return failed(ENAMETOOLONG);
  path.copy(address.sun_path, path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return failed(errno);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN) {
    ::close(fd);
    return fail(fmt::format("local socket {}: another sluice listens there", path));
  }
  first_name.copy(address.sun_path, first_name.size());
  (void)::unlink(first_name.c_str());
  const bool listening = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                         ::chmod(first_name.c_str(), S_IRUSR | S_IWUSR) == 0 && ::listen(fd, 16) == 0 &&
                         ::rename(first_name.c_str(), path.c_str()) == 0;
  const int wake = listening ? ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
  if (wake < 0) {
    const int error = errno;
    ::close(fd);
    return failed(error);
  }
  return std::unique_ptr<AdminServer>(new AdminServer({.listener = fd,
                                                       .wake = wake,
                                                       .path = path,
                                                       .body_size_max = local_body_size_max,
                                                       .answer = std::move(answer),
                                                       .log = &log}));
}

AdminServer::AdminServer(Face face) : face_(std::move(face)) {
  thread_ = std::thread([this] { run(); });
}

AdminServer::~AdminServer() {
  const uint64_t one = 1;
  (void)!::write(face_.wake, &one, sizeof one);
  thread_.join();
  if (!face_.path.empty()) (void)::unlink(face_.path.c_str());
  ::close(face_.listener);
  ::close(face_.wake);
}

bool AdminServer::may_ask(int fd) const {
  if (face_.path.empty()) return true;
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  if (peer.uid == ::geteuid() || peer.uid == 0) return true;
  face_.log->log(LogLevel::Warn, "local-socket-refused", {{"uid", peer.uid}, {"pid", peer.pid}});
  return false;
}

void AdminServer::accept_one() {
  const int fd = ::accept4(face_.listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) {
    // Out of descriptors the listener stays readable: without a pause this thread would spin.
    if (errno != EAGAIN && errno != EINTR) accept_after_ms_ = now_ms() + 100;
    return;
  }
  if (!may_ask(fd)) {
    ::close(fd);
    return;
  }
  Connection& c = connections_.emplace_back();
  c.fd = fd;
  c.deadline_ms = now_ms() + admin_deadline_ms;
}

void AdminServer::handle(Connection& c) {
  const auto request = parse_admin_request(c.in, face_.body_size_max);
  if (!request) {
    c.out = render_http({http_status(request.error()), "text/plain; charset=utf-8",
                         std::string(explain(request.error())) + "\n"});
  } else if (request->has_value()) {
    const AdminRequest& r = **request;
    // A page in a browser may not read this through a name that resolves to loopback.
    const bool foreign = face_.loopback && !r.host.empty() && !is_local_host_header(r.host);
    c.out = render_http(foreign ? AdminResponse{403, "text/plain; charset=utf-8", "ask for localhost\n"}
                                : face_.answer(r));
  }
}

bool AdminServer::serve(Connection& c, int64_t now) {
  if (now >= c.deadline_ms) return false;
  if (c.out.empty()) {
    char chunk[16384];
    const ssize_t n = ::recv(c.fd, chunk, sizeof chunk, 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    c.in.append(chunk, static_cast<size_t>(n));
    handle(c);
    if (c.out.empty()) return true;
  }
  const ssize_t n = ::send(c.fd, c.out.data() + c.sent, c.out.size() - c.sent, MSG_NOSIGNAL);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  c.sent += static_cast<size_t>(n);
  return c.sent < c.out.size();
}

void AdminServer::run() {
  std::vector<pollfd> polled;
  for (;;) {
    polled.assign({{face_.wake, POLLIN, 0}});
    // While all places are taken nobody is accepted; the kernel's queue holds the others.
    const bool pausing = now_ms() < accept_after_ms_;
    const bool room = connections_.size() < admin_connections_max && !pausing;
    polled.push_back({room ? face_.listener : -1, POLLIN, 0});
    int64_t next = pausing ? 100 : -1;
    for (const Connection& c : connections_) {
      polled.push_back({c.fd, static_cast<short>(c.out.empty() ? POLLIN : POLLOUT), 0});
      const int64_t left = std::max<int64_t>(0, c.deadline_ms - now_ms());
      next = next < 0 ? left : std::min(next, left);
    }
    if (::poll(polled.data(), polled.size(), static_cast<int>(next)) < 0 && errno != EINTR) break;
    if (polled[0].revents != 0) break;
    const int64_t now = now_ms();
    for (size_t i = connections_.size(); i-- > 0;) {
      Connection& c = connections_[i];
      const bool woke = polled[i + 2].revents != 0;
      if (woke ? serve(c, now) : now < c.deadline_ms) continue;
      // Bytes left unread make close() send a reset, which can overtake our answer.
      char unread[2048];
      ::shutdown(c.fd, SHUT_WR);
      (void)!::recv(c.fd, unread, sizeof unread, 0);
      ::close(c.fd);
      connections_.erase(connections_.begin() + static_cast<ptrdiff_t>(i));
    }
    if (polled[1].revents != 0) accept_one();
  }
  for (const Connection& c : connections_) ::close(c.fd);
  connections_.clear();
}

}  // namespace sluice::control
