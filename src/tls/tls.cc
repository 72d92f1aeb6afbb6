#include "tls/tls.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>

namespace sluice::tls {

/// The BIO's callbacks, with access to the Engine behind it.
struct BioAccess {
  static int read(BIO* bio, char* out, size_t size, size_t* done) {
    auto* engine = static_cast<Engine*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (engine->input_.empty()) {
      BIO_set_retry_read(bio);
      *done = 0;
      return 0;
    }
    const size_t n = std::min(size, engine->input_.size());
    std::memcpy(out, engine->input_.data(), n);
    engine->input_ = engine->input_.subspan(n);
    *done = n;
    return 1;
  }
  static int write(BIO* bio, const char* data, size_t size, size_t* done) {
    auto* engine = static_cast<Engine*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    SLUICE_ASSERT(engine->output_ != nullptr);
    if (!engine->output_->append(as_bytes({data, size}))) {
      engine->output_failed_ = true;
      *done = 0;
      return 0;
    }
    *done = size;
    return 1;
  }
  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }
};

namespace {

BIO_METHOD* bio_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sluice lane buffers");
    SLUICE_ASSERT(m != nullptr);
    BIO_meth_set_read_ex(m, &BioAccess::read);
    BIO_meth_set_write_ex(m, &BioAccess::write);
    BIO_meth_set_ctrl(m, &BioAccess::control);
    return m;
  }();
  return method;
}

std::string openssl_error() {
  std::string text;
  while (const unsigned long code = ERR_get_error()) {
    char buffer[200];
    ERR_error_string_n(code, buffer, sizeof buffer);
    if (text.empty()) text = buffer;
  }
  return text.empty() ? "unknown TLS failure" : text;
}

void common_options(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // RELEASE_BUFFERS: about 34 KiB less for an idle connection.
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

int choose_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size,
                void* argument) {
  const auto& accepted = *static_cast<const std::vector<std::string>*>(argument);
  for (unsigned at = 0; at < in_size && at + 1U + in[at] <= in_size; at += 1U + in[at]) {
    const std::string_view offered(reinterpret_cast<const char*>(in + at + 1), in[at]);
    for (const std::string& name : accepted) {
      if (offered == name) {
        *out = in + at + 1;
        *out_size = in[at];
        return SSL_TLSEXT_ERR_OK;
      }
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// Where an SSL_CTX keeps the names it accepts. They must live as long as it does, and connections keep it
/// alive after the ServerContext is gone: a reload may come between a connection and its ClientHello.
int alpn_index() {
  static const int index = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* accepted, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<std::vector<std::string>*>(accepted); });
  SLUICE_ASSERT(index >= 0);
  return index;
}

/// The hash of a certificate as RFC 5929 section 4.1 wants it: the signature's hash, SHA-256 at least.
std::vector<std::byte> end_point_hash(const X509* certificate) {
  int hash_nid = NID_undef;
  if (certificate == nullptr) return {};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): OpenSSL only fills in what it has cached of it.
  auto* cached = const_cast<X509*>(certificate);
  if (X509_get_signature_info(cached, &hash_nid, nullptr, nullptr, nullptr) == 0) return {};
  const EVP_MD* hash = hash_nid == NID_md5 || hash_nid == NID_sha1 ? EVP_sha256() : EVP_get_digestbynid(hash_nid);
  if (hash == nullptr) return {};
  std::vector<std::byte> out(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  if (X509_digest(certificate, hash, reinterpret_cast<unsigned char*>(out.data()), &size) != 1) return {};
  out.resize(size);
  return out;
}

}  // namespace

Expected<std::shared_ptr<const ServerContext>> ServerContext::load(const Options& options) {
  std::shared_ptr<ServerContext> made(new ServerContext());
  made->context_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = made->context_.get();
  SLUICE_ASSERT(context != nullptr);
  common_options(context);
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, options.certificate_file.c_str()) != 1) {
    return fail(fmt::format("{}: not a usable certificate chain: {}", options.certificate_file, openssl_error()));
  }
  if (SSL_CTX_use_PrivateKey_file(context, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fail(fmt::format("{}: not a usable private key: {}", options.key_file, openssl_error()));
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    return fail(fmt::format("{}: is not the key of {}", options.key_file, options.certificate_file));
  }
  // Tickets need a fixed session context; without one, a resumption that asked for a client
  // certificate fails.
  static constexpr unsigned char session_context[] = "sluice";
  SSL_CTX_set_session_id_context(context, session_context, sizeof session_context - 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  if (!options.client_ca_file.empty()) {
    if (SSL_CTX_load_verify_locations(context, options.client_ca_file.c_str(), nullptr) != 1) {
      return fail(fmt::format("{}: not usable as client CA: {}", options.client_ca_file, openssl_error()));
    }
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(options.client_ca_file.c_str()));
    // Asked for, not demanded: who has none logs in with a key. A bad one fails the handshake.
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  if (!options.alpn.empty()) {
    auto accepted = std::make_unique<std::vector<std::string>>(options.alpn);
    SSL_CTX_set_alpn_select_cb(context, &choose_alpn, accepted.get());
    SLUICE_ASSERT(SSL_CTX_set_ex_data(context, alpn_index(), accepted.release()) == 1);
  }
  made->end_point_ = end_point_hash(SSL_CTX_get0_certificate(context));
  return made;
}

Expected<std::shared_ptr<const ClientContext>> ClientContext::load(const Options& options) {
  std::shared_ptr<ClientContext> made(new ClientContext());
  made->context_.reset(SSL_CTX_new(TLS_client_method()));
  made->verify_ = options.verify;
  SSL_CTX* context = made->context_.get();
  SLUICE_ASSERT(context != nullptr);
  common_options(context);
  ERR_clear_error();
  if (options.verify != Verify::None) {
    if (options.ca_file.empty()) {
      SSL_CTX_set_default_verify_paths(context);
    } else if (SSL_CTX_load_verify_locations(context, options.ca_file.c_str(), nullptr) != 1) {
      return fail(fmt::format("{}: not usable as CA: {}", options.ca_file, openssl_error()));
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  return made;
}

Engine::Engine(const ServerContext& context) : ssl_(SSL_new(context.raw())) {
  attach();
  SSL_set_accept_state(ssl_.get());
}

Engine::Engine(const ClientContext& context, const std::string& host) : ssl_(SSL_new(context.raw())) {
  attach();
  SSL_set_connect_state(ssl_.get());
  unsigned char address[16];
  const bool numeric =
      inet_pton(AF_INET, host.c_str(), address) == 1 || inet_pton(AF_INET6, host.c_str(), address) == 1;
  if (!numeric) SSL_set_tlsext_host_name(ssl_.get(), host.c_str());
  if (context.verify() == Verify::ChainAndName) {
    if (numeric) {
      name_usable_ = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str()) == 1;
    } else {
      // OpenSSL takes no name as any name, ".x" as any name below x, and a NUL as the end of the name.
      name_usable_ = !host.empty() && host.front() != '.' && host.find('\0') == std::string::npos;
      SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
      name_usable_ = name_usable_ && SSL_set1_host(ssl_.get(), host.c_str()) == 1;
    }
  }
}

void Engine::attach() {
  SLUICE_ASSERT(ssl_ != nullptr);
  BIO* bio = BIO_new(bio_method());
  SLUICE_ASSERT(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
}

Status Engine::failure(int ssl_result) {
  switch (SSL_get_error(ssl_.get(), ssl_result)) {
    case SSL_ERROR_WANT_READ:
      return Status::WantInput;
    case SSL_ERROR_ZERO_RETURN:
      return Status::Closed;
    default:
      break;
  }
  if (output_failed_) {
    error_ = "no buffer left for TLS output";
    ERR_clear_error();
    return Status::Failed;
  }
  const long verdict = SSL_get_verify_result(ssl_.get());
  error_ = openssl_error();
  if (verdict != X509_V_OK) error_ += fmt::format(" ({})", X509_verify_cert_error_string(verdict));
  return Status::Failed;
}

Status Engine::handshake(Output& output) {
  if (!name_usable_) {
    error_ = "the host is no name that a certificate could be held against";
    return Status::Failed;
  }
  output_ = &output;
  ERR_clear_error();
  const int rc = SSL_do_handshake(ssl_.get());
  output_ = nullptr;
  if (rc == 1) {
    established_ = true;
    return Status::Ok;
  }
  return failure(rc);
}

Status Engine::read(MutableBytes out, size_t& size, Output& output) {
  SLUICE_ASSERT(established_ && !out.empty());
  output_ = &output;
  ERR_clear_error();
  const int rc = SSL_read_ex(ssl_.get(), out.data(), out.size(), &size);
  output_ = nullptr;
  return rc == 1 ? Status::Ok : failure(rc);
}

Status Engine::write(Bytes plain, Output& output) {
  SLUICE_ASSERT(established_);
  output_ = &output;
  ERR_clear_error();
  Status status = Status::Ok;
  while (!plain.empty() && status == Status::Ok) {
    size_t done = 0;
    const int rc = SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &done);
    if (rc != 1) {
      status = failure(rc);
      if (status == Status::WantInput) status = Status::Failed;  // Only renegotiation would, and it is off.
      break;
    }
    plain = plain.subspan(done);
  }
  output_ = nullptr;
  return status;
}

void Engine::close(Output& output) {
  if (!established_) return;
  output_ = &output;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  output_ = nullptr;
}

Engine::PeerIdentity Engine::peer_identity() const {
  PeerIdentity identity;
  X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return identity;
  identity.verified = true;
  const auto entries = [&](int nid, auto&& take) {
    X509_NAME* subject = X509_get_subject_name(certificate);
    for (int at = X509_NAME_get_index_by_NID(subject, nid, -1); at >= 0;
         at = X509_NAME_get_index_by_NID(subject, nid, at)) {
      unsigned char* text = nullptr;
      const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
      if (size < 0) continue;
      std::string value(reinterpret_cast<char*>(text), static_cast<size_t>(size));
      OPENSSL_free(text);
      // A NUL inside a name is how one certificate pretends to be another.
      if (value.find('\0') == std::string::npos) take(std::move(value));
    }
  };
  entries(NID_commonName, [&](std::string v) { identity.common_name = std::move(v); });
  entries(NID_organizationalUnitName, [&](std::string v) { identity.organizational_units.push_back(std::move(v)); });
  if (auto* names =
          static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr))) {
    for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
      const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
      if (name->type != GEN_URI) continue;
      const std::string uri(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.uniformResourceIdentifier)),
                            static_cast<size_t>(ASN1_STRING_length(name->d.uniformResourceIdentifier)));
      if (uri.starts_with("spiffe://") && uri.find('\0') == std::string::npos && identity.spiffe_uri.empty()) {
        identity.spiffe_uri = uri;
      }
    }
    GENERAL_NAMES_free(names);
  }
  if (BIO* memory = BIO_new(BIO_s_mem())) {
    X509_NAME_print_ex(memory, X509_get_issuer_name(certificate), 0, XN_FLAG_RFC2253);
    char* text = nullptr;
    const long size = BIO_get_mem_data(memory, &text);
    identity.issuer.assign(text, static_cast<size_t>(size));
    BIO_free(memory);
  }
  return identity;
}

std::vector<std::byte> Engine::peer_end_point() const { return end_point_hash(SSL_get0_peer_certificate(ssl_.get())); }

std::string_view Engine::alpn() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

}  // namespace sluice::tls
