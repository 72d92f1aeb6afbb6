// TLS as bytes to bytes, over OpenSSL with a BIO of our own: no sockets, no buffers of a BIO's own.
// TLS 1.2 and 1.3; no renegotiation, no compression. Contexts are shared by lanes and immutable;
// an Engine is one connection's and one lane's.
#pragma once
#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace sluice::tls {

struct SslCtxFree {
  void operator()(SSL_CTX* c) const { SSL_CTX_free(c); }
};
struct SslFree {
  void operator()(SSL* s) const { SSL_free(s); }
};

/// A server's certificate and what it asks of clients. A reload makes a new one; connections keep the
/// one they began with.
class ServerContext {
 public:
  struct Options {
    std::string certificate_file;
    std::string key_file;
    std::string client_ca_file;     ///< Empty: no client certificate is asked for.
    std::vector<std::string> alpn;  ///< Accepted protocol names; a client that offers only others is refused.
  };
  /// The error names the file and what is wrong with it.
  [[nodiscard]] static Expected<std::shared_ptr<const ServerContext>> load(const Options& options);
  [[nodiscard]] SSL_CTX* raw() const { return context_.get(); }
  /// SHA-256 (or the certificate's own hash) of the certificate: tls-server-end-point (RFC 5929).
  [[nodiscard]] Bytes end_point() const { return end_point_; }

 private:
  ServerContext() = default;
  std::unique_ptr<SSL_CTX, SslCtxFree> context_;
  std::vector<std::byte> end_point_;
};

enum class Verify : uint8_t { None, Chain, ChainAndName };

class ClientContext {
 public:
  struct Options {
    Verify verify = Verify::ChainAndName;
    std::string ca_file;  ///< Empty: the system's.
  };
  [[nodiscard]] static Expected<std::shared_ptr<const ClientContext>> load(const Options& options);
  [[nodiscard]] SSL_CTX* raw() const { return context_.get(); }
  [[nodiscard]] Verify verify() const { return verify_; }

 private:
  ClientContext() = default;
  std::unique_ptr<SSL_CTX, SslCtxFree> context_;
  Verify verify_ = Verify::ChainAndName;
};

/// Where an Engine puts what must go to the peer. append() copies; the bytes are the Engine's.
class Output {
 public:
  /// False: no room; the Engine fails the connection.
  virtual bool append(Bytes ciphertext) = 0;

 protected:
  ~Output() = default;
};

enum class Status : uint8_t {
  Ok,         ///< Done, or bytes were produced.
  WantInput,  ///< More ciphertext is needed.
  Closed,     ///< The peer ended TLS properly (close_notify).
  Failed,     ///< See Engine::error(). What is in Output (an alert) should still be sent.
};

class Engine {
 public:
  explicit Engine(const ServerContext& context);
  /// `host`: the name for SNI and for Verify::ChainAndName (a numeric address is matched as an address).
  Engine(const ClientContext& context, const std::string& host);

  /// Ciphertext from the peer, borrowed until it is consumed: input_left() says how much is not.
  void set_input(Bytes ciphertext) { input_ = ciphertext; }
  [[nodiscard]] size_t input_left() const { return input_.size(); }

  [[nodiscard]] Status handshake(Output& output);
  [[nodiscard]] bool established() const { return established_; }
  /// Decrypts into `out`. Ok: `size` > 0 bytes were written. Call until WantInput: what OpenSSL has
  /// decrypted would otherwise stay there with no further event to bring it out.
  [[nodiscard]] Status read(MutableBytes out, size_t& size, Output& output);
  /// Encrypts all of `plain` (at most 16 KiB a record).
  [[nodiscard]] Status write(Bytes plain, Output& output);
  /// Says goodbye (close_notify).
  void close(Output& output);

  /// What failed, in OpenSSL's words. No secret in it.
  [[nodiscard]] const std::string& error() const { return error_; }
  /// The verified client certificate's identity; empty fields when there was none.
  struct PeerIdentity {
    bool verified = false;
    std::string common_name;
    std::string spiffe_uri;  ///< First URI SAN that begins with spiffe://.
    std::vector<std::string> organizational_units;
    std::string issuer;  ///< One line, RFC 2253.
  };
  [[nodiscard]] PeerIdentity peer_identity() const;
  /// SHA-256-or-better hash of the peer's certificate for SCRAM channel binding (client side).
  [[nodiscard]] std::vector<std::byte> peer_end_point() const;
  [[nodiscard]] std::string_view alpn() const;

 private:
  friend struct BioAccess;
  void attach();
  Status failure(int ssl_result);

  std::unique_ptr<SSL, SslFree> ssl_;
  Bytes input_;
  Output* output_ = nullptr;
  bool established_ = false;
  bool name_usable_ = true;  // Of Verify::ChainAndName.
  bool output_failed_ = false;
  std::string error_;
};

}  // namespace sluice::tls
