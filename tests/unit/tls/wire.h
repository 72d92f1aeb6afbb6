// Two ends of a TLS connection in memory, and what they need to know each other.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "tests/unit/tls/certificates.h"
#include "tls/tls.h"

namespace sluice::tls {

/// Ciphertext on its way; refuses when it would hold more than `room`.
struct Wire final : Output {
  bool append(Bytes ciphertext) override {
    if (bytes.size() + ciphertext.size() > room) return false;
    bytes += as_text(ciphertext);
    return true;
  }
  std::string take() { return std::exchange(bytes, {}); }
  std::string bytes;
  size_t room = SIZE_MAX;
};

/// An engine with the ciphertext it has not taken yet.
struct End {
  template <typename... Args>
  explicit End(Args&&... args) : engine(std::forward<Args>(args)...) {}

  Status handshake() {
    engine.set_input(as_bytes(input));
    const Status status = engine.handshake(wire);
    consumed();
    return status;
  }
  /// Reads until nothing more comes; what came is in `heard`.
  Status read() {
    std::array<std::byte, 5000> buffer;
    for (;;) {
      size_t size = 0;
      engine.set_input(as_bytes(input));
      const Status status = engine.read(buffer, size, wire);
      consumed();
      if (status != Status::Ok) return status;
      heard += as_text(Bytes{buffer.data(), size});
    }
  }
  void consumed() {
    input.erase(0, input.size() - engine.input_left());
    engine.set_input({});
  }
  Engine engine;
  Wire wire;
  std::string input;
  std::string heard;
};

inline bool over(Status status) { return status == Status::Ok || status == Status::Failed; }

/// Runs both handshakes; every flight arrives as its first `cut` bytes, then the rest. Both statuses are
/// final, or WantInput where the other side left no more to read.
struct Outcome {
  Status client = Status::WantInput;
  Status server = Status::WantInput;
};
inline Outcome shake(End& client, End& server, size_t cut = SIZE_MAX) {
  Outcome outcome;
  const auto deliver = [&](End& from, End& to, Status& status) {
    const std::string flight = from.wire.take();
    const size_t first = std::min(cut, flight.size());
    for (const std::string_view part : {std::string_view(flight).substr(0, first), std::string_view(flight).substr(first)}) {
      if (part.empty()) continue;
      to.input += part;
      if (!over(status)) status = to.handshake();
    }
    return !flight.empty();
  };
  outcome.client = client.handshake();
  for (bool moved = true; moved;) {
    moved = deliver(client, server, outcome.server);
    moved = deliver(server, client, outcome.client) || moved;
  }
  return outcome;
}

/// One authority, a server it vouches for, and their contexts.
struct Trust {
  explicit Trust(const std::string& names = "DNS:db.example,DNS:*.wild.example,IP:127.0.0.1,IP:::1") {
    authority = issue({.subject = {{NID_commonName, "Test authority"}}, .authority = true});
    server = issue({.subject = {{NID_commonName, "db"}}, .names = names}, &authority);
    ca_file = files.certificate("ca.pem", authority);
    server_options = {.certificate_file = files.certificate("server.pem", server),
                      .key_file = files.key("server.key", server),
                      .client_ca_file = {},
                      .alpn = {}};
  }
  [[nodiscard]] std::shared_ptr<const ServerContext> server_context() const {
    auto made = ServerContext::load(server_options);
    if (!made) ADD_FAILURE() << made.error().message;
    return made.value_or(nullptr);
  }
  [[nodiscard]] std::shared_ptr<const ClientContext> client_context(Verify verify = Verify::ChainAndName) const {
    auto made = ClientContext::load({.verify = verify, .ca_file = ca_file});
    if (!made) ADD_FAILURE() << made.error().message;
    return made.value_or(nullptr);
  }
  /// A client that shows a certificate.
  [[nodiscard]] std::shared_ptr<const ClientContext> client_context(const Certificate& certificate) const {
    auto made = client_context();
    SSL_CTX_use_certificate(made->raw(), certificate.x509.get());
    SSL_CTX_use_PrivateKey(made->raw(), certificate.key.get());
    return made;
  }
  CertificateFiles files;
  Certificate authority;
  Certificate server;
  std::string ca_file;
  ServerContext::Options server_options;
};

/// A client that is OpenSSL itself, for what an Engine would never do.
class RawClient {
 public:
  explicit RawClient(SSL_CTX* context) : ssl_(SSL_new(context)) {
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_.get());
  }
  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }
  void hear(std::string_view bytes) const {
    if (!bytes.empty()) BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
  }
  [[nodiscard]] std::string said() const {
    char* at = nullptr;
    const long size = BIO_get_mem_data(SSL_get_wbio(ssl_.get()), &at);
    std::string out(at, static_cast<size_t>(size));
    (void)BIO_reset(SSL_get_wbio(ssl_.get()));
    return out;
  }
  /// The server's last status.
  Status shake(End& server) const {
    Status status = Status::WantInput;
    for (int round = 0; round < 10; ++round) {
      SSL_do_handshake(ssl_.get());
      server.input += said();
      if (!over(status)) status = server.handshake();
      hear(server.wire.take());
    }
    return status;
  }

 private:
  std::unique_ptr<SSL, SslFree> ssl_;
};

}  // namespace sluice::tls
