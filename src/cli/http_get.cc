#include "cli/http_get.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <memory>

#include "base/text.h"

namespace sluice::cli {
namespace {

constexpr size_t answer_size_max = 4U << 20;

struct Socket {
  explicit Socket(int fd) : value(fd) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (value >= 0) ::close(value);
  }
  int value;
};

Expected<HttpAnswer> parse_answer(std::string_view text) {
  const size_t header_end = text.find("\r\n\r\n");
  HttpAnswer out;
  if (header_end == std::string_view::npos || text.size() < 12 || !text.starts_with("HTTP/1.1 ") ||
      std::from_chars(text.data() + 9, text.data() + 12, out.status).ec != std::errc{}) {
    return fail("the answer is not HTTP: does another program listen there?");
  }
  out.body = text.substr(header_end + 4);
  return out;
}

Expected<HttpAnswer> converse(int socket, const std::string& where, std::string_view request) {
  while (!request.empty()) {
    const ssize_t n = ::send(socket, request.data(), request.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    // Whoever does not want the rest has answered already, or closed and says so below.
    if (n < 0 && errno == EPIPE) break;
    if (n < 0) return fail(fmt::format("{}: {}", where, errno_text(errno)));
    request.remove_prefix(static_cast<size_t>(n));
  }
  std::string text;
  char chunk[16384];
  for (;;) {
    const ssize_t n = ::recv(socket, chunk, sizeof chunk, 0);
    if (n == 0) break;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(fmt::format("{}: {}", where, errno_text(errno)));
    text.append(chunk, static_cast<size_t>(n));
    if (text.size() > answer_size_max) return fail(fmt::format("{}: the answer is too large", where));
  }
  return parse_answer(text);
}

}  // namespace

Expected<HttpAnswer> http_get(const std::string& host, uint16_t port, const std::string& path) {
  const std::string where = fmt::format("{} port {}", host, port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0 || found == nullptr) {
    return fail(fmt::format("{}: expected a numeric address", host));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> address(found, ::freeaddrinfo);
  const Socket socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval deadline{5, 0};
  if (socket.value < 0 || ::setsockopt(socket.value, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline) != 0 ||
      ::setsockopt(socket.value, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline) != 0 ||
      ::connect(socket.value, found->ai_addr, found->ai_addrlen) != 0) {
    return fail(fmt::format("no admin listener on {}: {}: is sluice running, with admin.bind set?", where,
                            errno_text(errno)));
  }
  return converse(socket.value, where, fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path));
}

Expected<HttpAnswer> http_local(const std::string& socket_path, const std::string& path, const std::string& body) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) return fail(fmt::format("{}: the path is too long", socket_path));
  socket_path.copy(address.sun_path, socket_path.size());
  const Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval deadline{120, 0};
  if (socket.value < 0 || ::setsockopt(socket.value, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline) != 0 ||
      ::setsockopt(socket.value, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline) != 0 ||
      ::connect(socket.value, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail(fmt::format("{}: {}: is sluice running, as this user?", socket_path, errno_text(errno)));
  }
  const std::string head = body.empty() ? fmt::format("GET {} HTTP/1.1\r\n", path)
                                        : fmt::format("POST {} HTTP/1.1\r\nContent-Length: {}\r\n", path, body.size());
  return converse(socket.value, socket_path, head + "Host: localhost\r\nConnection: close\r\n\r\n" + body);
}

}  // namespace sluice::cli
