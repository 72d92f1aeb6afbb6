#include "control/admin.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "control/admin_request.h"
#include "tests/unit/control/scratch.h"

namespace sluice::control {
namespace {

constexpr std::string_view good = "GET /readyz HTTP/1.1\r\nHost: localhost:8080\r\nAccept: */*\r\n\r\n";

TEST(admin_request, is_the_same_wherever_the_network_splits_it) {
  for (size_t split = 0; split < good.size(); ++split) {
    const auto partial = parse_admin_request(good.substr(0, split));
    ASSERT_TRUE(partial) << split;
    EXPECT_FALSE(partial->has_value()) << split;
  }
  const auto whole = parse_admin_request(good);
  ASSERT_TRUE(whole && whole->has_value());
  EXPECT_EQ((*whole)->path, "/readyz");
  EXPECT_EQ((*whole)->host, "localhost:8080");
}

TEST(admin_request, refuses_all_that_is_not_one_plain_get) {
  const struct {
    std::string_view why;
    std::string text;
    AdminError want;
  } cases[] = {
      {"another method", "POST / HTTP/1.1\r\nHost: a\r\n\r\n", AdminError::Method},
      {"methods have case", "get / HTTP/1.1\r\nHost: a\r\n\r\n", AdminError::Method},
      {"a later version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", AdminError::Version},
      {"no version", "GET /\r\nHost: a\r\n\r\n", AdminError::Malformed},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", AdminError::Malformed},
      {"absolute form", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", AdminError::Malformed},
      {"a control character in the path", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", AdminError::Malformed},
      {"no Host", "GET / HTTP/1.1\r\n\r\n", AdminError::Host},
      {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", AdminError::Host},
      {"a header without colon", "GET / HTTP/1.1\r\nHost: a\r\nfoo\r\n\r\n", AdminError::Malformed},
      {"a space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", AdminError::Malformed},
      {"a folded header", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", AdminError::Malformed},
      {"a bare line feed", "GET / HTTP/1.1\nHost: a\r\n\r\n", AdminError::Malformed},
      {"a bare line feed in a value", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", AdminError::Malformed},
      {"a NUL in a value", std::string("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 29), AdminError::Malformed},
      {"a body", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", AdminError::Body},
      {"a chunked body", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", AdminError::Body},
      {"a second request behind it", std::string(good) + "G", AdminError::Body},
      {"an endless header", std::string(admin_header_size_max, 'a'), AdminError::TooLarge},
      {"an end beyond the cap", "GET / HTTP/1.1\r\nX: " + std::string(9000, 'a') + "\r\n\r\n", AdminError::TooLarge},
  };
  for (const auto& c : cases) {
    const auto got = parse_admin_request(c.text);
    ASSERT_FALSE(got) << c.why;
    EXPECT_EQ(explain(got.error()), explain(c.want)) << c.why;
  }
}

TEST(admin_request, a_post_is_whole_when_its_body_is) {
  const std::string post = "POST /v1/rules HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
  for (size_t split = 0; split < post.size(); ++split) {
    const auto partial = parse_admin_request(post.substr(0, split), 5);
    ASSERT_TRUE(partial) << split;
    EXPECT_FALSE(*partial) << split;
  }
  const auto whole = parse_admin_request(post, 5);
  ASSERT_TRUE(whole && *whole);
  EXPECT_TRUE((*whole)->post);
  EXPECT_EQ((*whole)->body, "hello");
}

TEST(admin_request, refuses_bodies_that_are_not_said_or_too_large) {
  const std::string head = "POST /v1/rules HTTP/1.1\r\nHost: a\r\n";
  const struct {
    std::string_view why;
    std::string text;
    AdminError want;
  } cases[] = {
      {"no length", head + "\r\n", AdminError::Body},
      {"two lengths", head + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", AdminError::Body},
      {"a length that is no number", head + "Content-Length: 1a\r\n\r\na", AdminError::Body},
      {"a negative length", head + "Content-Length: -1\r\n\r\na", AdminError::Body},
      {"an empty length", head + "Content-Length: \r\n\r\na", AdminError::Body},
      {"more than fits a number", head + "Content-Length: 99999999999999999999\r\n\r\n", AdminError::Body},
      {"over the cap", head + "Content-Length: 6\r\n\r\n", AdminError::BodyTooLarge},
      {"more than was said", head + "Content-Length: 1\r\n\r\nab", AdminError::Body},
      {"chunks", head + "Transfer-Encoding: chunked\r\n\r\n", AdminError::Body},
  };
  for (const auto& c : cases) {
    const auto got = parse_admin_request(c.text, 5);
    ASSERT_FALSE(got) << c.why;
    EXPECT_EQ(explain(got.error()), explain(c.want)) << c.why;
  }
}

TEST(admin_request, host_headers_of_this_machine) {
  for (const auto* host : {"localhost", "localhost:80", "127.0.0.1", "127.8.8.8:9", "[::1]", "[::1]:8080"}) {
    EXPECT_TRUE(is_local_host_header(host)) << host;
  }
  for (const auto* host : {"", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "[::2]", "[", "[]", "10.0.0.1"}) {
    EXPECT_FALSE(is_local_host_header(host)) << host;
  }
}

AdminHooks hooks_with(std::optional<std::string> not_ready) {
  return {[] { return std::string("m 1\n"); }, [] { return std::string("{}\n"); }, [not_ready] { return not_ready; }};
}

class Client {
 public:
  explicit Client(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  void send(std::string_view text) const { EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size())); }
  [[nodiscard]] std::string receive() const {
    std::string out;
    char chunk[4096];
    for (ssize_t n; (n = ::recv(fd_, chunk, sizeof chunk, 0)) > 0;) out.append(chunk, static_cast<size_t>(n));
    return out;
  }

 private:
  int fd_;
};

std::string ask(uint16_t port, std::string_view path, std::string_view host = "localhost") {
  const Client client(port);
  client.send("GET " + std::string(path) + " HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n");
  return client.receive();
}

TEST(admin_server, answers_its_four_paths_and_nothing_else) {
  const auto server = AdminServer::start("127.0.0.1", 0, hooks_with(std::nullopt));
  ASSERT_TRUE(server) << server.error().message;
  const uint16_t port = (*server)->port();
  EXPECT_TRUE(ask(port, "/healthz").starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(ask(port, "/readyz").ends_with("\r\n\r\nready\n"));
  EXPECT_NE(ask(port, "/metrics").find("Content-Type: text/plain; version=0.0.4"), std::string::npos);
  EXPECT_NE(ask(port, "/status").find("Content-Type: application/json"), std::string::npos);
  EXPECT_TRUE(ask(port, "/").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(ask(port, "/status?x=1").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(ask(port, "/../status").starts_with("HTTP/1.1 404 "));
}

TEST(admin_server, says_why_it_is_not_ready) {
  const auto server = AdminServer::start("127.0.0.1", 0, hooks_with("draining: no new sessions"));
  ASSERT_TRUE(server);
  const std::string got = ask((*server)->port(), "/readyz");
  EXPECT_TRUE(got.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_TRUE(got.ends_with("draining: no new sessions\n"));
}

TEST(admin_server, a_page_under_a_foreign_name_cannot_read_it) {
  const auto server = AdminServer::start("127.0.0.1", 0, hooks_with(std::nullopt));
  ASSERT_TRUE(server);
  EXPECT_TRUE(ask((*server)->port(), "/status", "evil.example").starts_with("HTTP/1.1 403 "));
}

TEST(admin_server, malformed_requests_are_answered_and_closed) {
  const auto server = AdminServer::start("127.0.0.1", 0, hooks_with(std::nullopt));
  ASSERT_TRUE(server);
  const Client client((*server)->port());
  client.send("PUT / HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string got = client.receive();
  EXPECT_TRUE(got.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_NE(got.find("Allow: GET\r\n"), std::string::npos);
}

TEST(admin_server, more_connections_than_places_wait_and_none_is_lost) {
  const auto server = AdminServer::start("127.0.0.1", 0, hooks_with(std::nullopt));
  ASSERT_TRUE(server);
  std::vector<std::unique_ptr<Client>> clients;
  for (size_t i = 0; i < admin_connections_max + 8; ++i) clients.push_back(std::make_unique<Client>((*server)->port()));
  for (const auto& c : clients) c->send(good);
  for (const auto& c : clients) EXPECT_TRUE(c->receive().starts_with("HTTP/1.1 200 "));
}

TEST(admin_server, idle_connections_do_not_keep_it_from_stopping) {
  auto server = AdminServer::start("127.0.0.1", 0, hooks_with(std::nullopt));
  ASSERT_TRUE(server);
  const Client idle((*server)->port());
  const Client half((*server)->port());
  half.send("GET /hea");
  server->reset();
}

TEST(admin_server, an_address_that_is_taken_is_an_error_with_the_address) {
  const auto first = AdminServer::start("127.0.0.1", 0, hooks_with(std::nullopt));
  ASSERT_TRUE(first);
  const auto second = AdminServer::start("127.0.0.1", (*first)->port(), hooks_with(std::nullopt));
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("127.0.0.1"), std::string::npos);
}

class LocalSocket : public ScratchTest {
 protected:
  class NoLog final : public LogSink {
   public:
    void log(LogLevel, std::string_view, std::span<const LogField>) override {}
  };
  static AdminResponse echo(const AdminRequest& r) {
    return {200, "text/plain", std::string(r.post ? "POST " : "GET ") + std::string(r.body)};
  }
  std::string ask_local(std::string_view request) const {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, path_.size());
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::send(fd, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    std::string out;
    char chunk[1024];
    for (ssize_t n = 0; (n = ::recv(fd, chunk, sizeof chunk, 0)) > 0;) out.append(chunk, static_cast<size_t>(n));
    ::close(fd);
    return out;
  }

  const std::string path_ = path("control.sock");
  NoLog log_;
};

TEST_F(LocalSocket, takes_a_body_of_its_own_user_and_is_closed_to_others) {
  const auto server = AdminServer::start_local(path_, echo, log_);
  ASSERT_TRUE(server) << server.error().message;
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  const std::string body(100'000, 'b');
  EXPECT_TRUE(ask_local("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + body).ends_with("POST " + body));
  EXPECT_TRUE(ask_local("GET / HTTP/1.1\r\nHost: a\r\n\r\n").ends_with("\r\n\r\nGET "));
}

TEST_F(LocalSocket, a_path_somebody_listens_on_is_left_alone_and_one_that_was_left_behind_is_taken) {
  {
    const auto first = AdminServer::start_local(path_, echo, log_);
    ASSERT_TRUE(first);
    const auto second = AdminServer::start_local(path_, echo, log_);
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().message.find("another sluice listens there"), std::string::npos);
    EXPECT_TRUE(ask_local("GET / HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 200"));
    std::filesystem::create_hard_link(path_, path_ + ".left");
  }
  EXPECT_FALSE(std::filesystem::exists(path_)) << "a server that ends removes its socket";
  std::filesystem::rename(path_ + ".left", path_);
  EXPECT_TRUE(AdminServer::start_local(path_, echo, log_));
}

TEST_F(LocalSocket, a_path_too_long_for_a_socket_is_an_error) {
  EXPECT_FALSE(AdminServer::start_local("/tmp/" + std::string(200, 'x'), echo, log_));
}

}  // namespace
}  // namespace sluice::control
