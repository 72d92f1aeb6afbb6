// The admin listener: health, metrics and status over plain HTTP, for probes and scrapers on the same
// host. One thread, at most admin_connections_max connections, one request each. It asks nobody who
// they are: nothing it answers holds a statement, a value or a secret, and nothing it does changes anything.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"

namespace sluice::control {

inline constexpr size_t admin_connections_max = 16;
inline constexpr int64_t admin_deadline_ms = 5000;  ///< From accept to the last byte of the answer.

/// Called on the admin thread; must not block.
struct AdminHooks {
  std::function<std::string()> metrics;
  std::function<std::string()> status;
  /// nullopt: ready; else why not.
  std::function<std::optional<std::string>()> not_ready;
};

struct AdminResponse {
  uint16_t status = 500;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

/// The answer to a path. Pure but for the hooks.
[[nodiscard]] AdminResponse answer_admin(std::string_view path, const AdminHooks& hooks);
[[nodiscard]] std::string render_http(const AdminResponse& response);

class AdminServer {
 public:
  /// Binds a numeric address (port 0: any, see port()) and starts the thread.
  [[nodiscard]] static Expected<std::unique_ptr<AdminServer>> start(const std::string& host, uint16_t port,
                                                                    AdminHooks hooks);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;
  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  struct Connection {
    int fd = -1;
    int64_t deadline_ms = 0;
    std::string in;
    std::string out;
    size_t sent = 0;
  };

  AdminServer(int listener, int wake, uint16_t port, bool loopback, AdminHooks hooks);
  void run();
  void accept_one();
  /// False: the connection is done with.
  [[nodiscard]] bool serve(Connection& c, int64_t now_ms);
  void handle(Connection& c);

  const int listener_;
  const int wake_;
  const uint16_t port_;
  const bool loopback_;
  AdminHooks hooks_;
  int64_t accept_after_ms_ = 0;
  std::vector<Connection> connections_;
  std::thread thread_;
};

}  // namespace sluice::control
