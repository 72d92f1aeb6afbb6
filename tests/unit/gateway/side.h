// A Channel on a reactor, with the peer's socket at the other end.
#pragma once
#include <memory>
#include <string>
#include <utility>

#include "gateway/channel.h"
#include "tests/unit/io/loopback.h"
#include "tests/unit/tls/wire.h"

namespace sluice::gateway {

/// The channel's events, as a session would take them.
struct Side final : io::ConnectionHandler {
  explicit Side(io::Loop& l, int buffers = 0) : loop(l), channel(*l.reactor, metrics) {
    const io::Listening listening(buffers);
    SLUICE_ASSERT(peer.connect(listening.address(), buffers) == 0);
    channel.attach(l.reactor->adopt(listening.take(), *this));
    SLUICE_ASSERT(channel.open());
    channel.set_reading(true);
  }
  void on_connected(io::ConnectionId) override {}
  void on_bytes(io::ConnectionId) override {
    ++bytes_events;
    if (at_bytes) at_bytes();
  }
  void on_drained(io::ConnectionId) override {
    channel.flush();
    if (at_drained) at_drained();
  }
  void on_ended(io::ConnectionId) override { ++ended; }
  void on_closed(io::ConnectionId, int) override {
    ++closed;
    channel.forget();
  }
  void on_flush(io::ConnectionId) override { channel.flush(); }
  [[nodiscard]] size_t held(io::ConnectionId) const override { return channel.held(); }

  io::Loop& loop;
  LaneMetrics metrics;
  Channel channel;
  io::Peer peer;
  std::function<void()> at_bytes;
  std::function<void()> at_drained;
  Channel::Received last = Channel::Received::Ok;
  int bytes_events = 0;
  int ended = 0;
  int closed = 0;
};

}  // namespace sluice::gateway
