// A cancel request on its way to a target: a connection of its own that says one thing and closes.
#pragma once
#include <netinet/in.h>

#include <memory>
#include <string>

#include "gateway/channel.h"
#include "gateway/lane.h"

namespace sluice::gateway {

/// Where a session's target is and how it is spoken to; a reload does not change it under the session.
struct UpstreamEnd {
  sockaddr_storage address{};
  std::string host;                               ///< What its certificate must say.
  std::shared_ptr<const tls::ClientContext> tls;  ///< Null: cleartext.
  bool verified = false;                          ///< The certificate is checked against authorities.
};

class PgCancel final : private io::ConnectionHandler, private io::Timer::Client {
 public:
  /// Starts at once and deletes itself when it is over.
  static void send(Lane& lane, const UpstreamEnd& end, uint32_t pid, uint32_t secret);

 private:
  PgCancel(Lane& lane, UpstreamEnd end, uint32_t pid, uint32_t secret);
  void on_connected(io::ConnectionId id) override;
  void on_bytes(io::ConnectionId id) override;
  void on_drained(io::ConnectionId id) override;
  void on_ended(io::ConnectionId id) override;
  void on_closed(io::ConnectionId id, int error) override;
  void on_flush(io::ConnectionId id) override;
  [[nodiscard]] size_t held(io::ConnectionId id) const override;
  void on_timer(io::Timer& timer) override;
  void say_it();
  void over();

  Lane& lane_;
  const UpstreamEnd end_;
  const uint32_t pid_;
  const uint32_t secret_;
  Channel channel_;
  io::Timer timer_{*this};
  bool over_ = false;
};

}  // namespace sluice::gateway
