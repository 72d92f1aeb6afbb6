// One side of a session: a connection, with or without TLS, as queues of plain slices. Without TLS
// the received slabs themselves are what is sent: no byte is copied. Lives on one lane.
#pragma once
#include <memory>
#include <string>

#include "base/bytes.h"
#include "io/reactor.h"
#include "model/metrics.h"
#include "tls/tls.h"

namespace sluice::gateway {

/// With more than this queued to a peer, what it comes from is not read.
inline constexpr size_t send_queue_max = 256U << 10;

class Channel final : private tls::Output {
 public:
  Channel(io::Reactor& reactor, LaneMetrics& metrics) : reactor_(reactor), metrics_(metrics) {}

  void attach(io::ConnectionId id) { id_ = id; }
  [[nodiscard]] bool open() const { return id_.valid(); }
  [[nodiscard]] io::ConnectionId id() const { return id_; }

  /// From here on everything is TLS. Bytes already received count as the beginning of the handshake:
  /// whoever calls this has made sure that is right (bug class: bytes before TLS).
  void start_tls(std::unique_ptr<tls::Engine> engine) { engine_ = std::move(engine); }
  [[nodiscard]] bool tls() const { return engine_ != nullptr; }
  [[nodiscard]] const tls::Engine& engine() const { return *engine_; }
  /// Runs the handshake over what has arrived. WantInput: call again on more bytes.
  [[nodiscard]] tls::Status handshake();

  enum class Received : uint8_t { Ok, PeerClosed, Failed };
  /// Decrypts what has arrived, up to the high mark. Call before looking at inbox().
  [[nodiscard]] Received receive();
  /// Plain bytes, received and not yet taken.
  [[nodiscard]] io::SliceQueue& inbox() { return engine_ ? plain_ : reactor_.inbox(id_); }
  /// A message of this many bytes is needed whole: receive() goes that far beyond its usual mark.
  void want(size_t bytes) { wanted_ = bytes; }
  /// Ciphertext waits that receive() did not decrypt yet.
  [[nodiscard]] bool more_to_receive() { return engine_ && open() && !reactor_.inbox(id_).empty(); }

  /// Forwards the first n bytes of another channel's inbox, by reference.
  void forward(io::SliceQueue& from, size_t n);
  /// Sends bytes of our own making: copied into slabs. False: no buffers; the session must end.
  [[nodiscard]] bool write(Bytes bytes);
  /// Encrypts what is queued. The reactor's flush of the round calls it.
  void flush();
  /// Sends what is queued and closes in good manners. False: the peer reads too slowly to take all of
  /// it yet; events go on, and the caller asks again at on_drained(). True: no more events come.
  [[nodiscard]] bool close_gently();
  void close_now();
  /// Bytes in slabs that wait here rather than in the reactor's queues.
  [[nodiscard]] size_t held() const { return plain_.bytes() + queued_.bytes(); }
  /// Drops what was received and not taken.
  void discard();
  /// The reactor closed the connection itself.
  void forget();

  void set_reading(bool on) {
    if (open()) reactor_.set_reading(id_, on);
  }
  /// Queued and not yet taken by the kernel.
  [[nodiscard]] size_t unsent() const { return open() ? reactor_.unsent(id_) + queued_.bytes() : 0; }
  /// Address the peer sees us under, for logs: "127.0.0.1:5432".
  [[nodiscard]] const std::string& failure() const { return failure_; }

 private:
  bool append(Bytes ciphertext) override;
  void push_cipher();
  void request_flush();

  io::Reactor& reactor_;
  LaneMetrics& metrics_;
  io::ConnectionId id_;
  std::unique_ptr<tls::Engine> engine_;
  io::SliceQueue plain_;   // Decrypted input.
  io::SliceQueue queued_;  // Plain output that waits for flush(); TLS only.
  io::Slice cipher_;       // The slab that encrypted output is being written to.
  size_t wanted_ = 0;
  std::string failure_;
};

}  // namespace sluice::gateway
