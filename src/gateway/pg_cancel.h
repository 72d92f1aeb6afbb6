// A cancel request on its way to a target: a connection of its own that says one thing and closes.
#pragma once
#include "gateway/channel.h"
#include "gateway/lane.h"

namespace sluice::gateway {

class PgCancel final : private io::ConnectionHandler, private io::Timer::Client {
 public:
  /// Starts at once and deletes itself when it is over.
  static void send(Lane& lane, size_t target, const sockaddr_storage& address, uint32_t pid, uint32_t secret);

 private:
  PgCancel(Lane& lane, size_t target, uint32_t pid, uint32_t secret);
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
  const size_t target_;
  const uint32_t pid_;
  const uint32_t secret_;
  Channel channel_;
  io::Timer timer_{*this};
  bool over_ = false;
};

}  // namespace sluice::gateway
