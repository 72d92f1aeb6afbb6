// The admin listener: health, metrics and status over plain HTTP, for probes and scrapers on the same
// host. One thread, at most admin_connections_max connections, one request each. It asks nobody who
// they are: nothing it answers holds a statement, a value or a secret, and nothing it does changes anything.
// The local socket is the same server on a path of the file system, where the kernel says who asks:
// only our own user and root are heard, and they may change things.
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
#include "control/admin_request.h"
#include "model/log_sink.h"

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

/// Called on the server's thread, for one whole request after the other.
using AdminAnswer = std::function<AdminResponse(const AdminRequest&)>;
inline constexpr size_t local_body_size_max = 16U << 20;

class AdminServer {
 public:
  /// Binds a numeric address (port 0: any, see port()) and starts the thread.
  [[nodiscard]] static Expected<std::unique_ptr<AdminServer>> start(const std::string& host, uint16_t port,
                                                                    AdminHooks hooks);
  /// Listens on a Unix socket at `path`, mode 0600, and removes it at the end. A socket that nobody
  /// listens on any more is replaced. Whoever is neither root nor our own user is refused and logged.
  /// `answer` may take its time: only other callers of this socket wait.
  [[nodiscard]] static Expected<std::unique_ptr<AdminServer>> start_local(const std::string& path, AdminAnswer answer,
                                                                          LogSink& log);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;
  [[nodiscard]] uint16_t port() const { return face_.port; }

 private:
  struct Connection {
    int fd = -1;
    int64_t deadline_ms = 0;
    std::string in;
    std::string out;
    size_t sent = 0;
  };

  struct Face {
    int listener = -1;
    int wake = -1;
    uint16_t port = 0;
    bool loopback = false;
    std::string path;      ///< Of a local socket.
    size_t body_size_max = 0;
    AdminAnswer answer;
    LogSink* log = nullptr;
  };
  explicit AdminServer(Face face);
  void run();
  void accept_one();
  /// False: the connection is done with.
  [[nodiscard]] bool serve(Connection& c, int64_t now_ms);
  void handle(Connection& c);

  [[nodiscard]] bool may_ask(int fd) const;

  const Face face_;
  int64_t accept_after_ms_ = 0;
  std::vector<Connection> connections_;
  std::thread thread_;
};

}  // namespace sluice::control
