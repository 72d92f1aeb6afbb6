// The target's side of the login: name, connection, TLS, proof with the injected credential, up to the
// first ReadyForQuery. The server is parsed as carefully as the client.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>

#include <cstring>

#include "base/text.h"
#include "gateway/pg_session.h"
#include "protocols/postgres/messages.h"

namespace sluice::gateway {
namespace {

// A server may choose the iteration count; the lane computes it. PostgreSQL's default is 4,096.
constexpr uint32_t upstream_iterations_max = 100'000;
// ParameterStatus and notices of a friendly server are a dozen; a hostile one could send them for ever.
constexpr size_t startup_bytes_max = 256U << 10;

std::vector<sockaddr_storage> look_up(const std::string& host, uint16_t port, std::string& why) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  std::vector<sockaddr_storage> found;
  if (const int rc = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list); rc != 0) {
    why = fmt::format("its name could not be resolved: {}", gai_strerror(rc));
    return found;
  }
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
    sockaddr_storage address{};
    std::memcpy(&address, at->ai_addr, at->ai_addrlen);
    found.insert(found.begin(), address);  // Tried from the back, so the resolver's order is kept.
  }
  freeaddrinfo(list);
  if (found.empty()) why = "its name has no IP address";
  return found;
}

bool numeric_address(const std::string& host, uint16_t port, sockaddr_storage& out) {
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    return true;
  }
  if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    return true;
  }
  return false;
}

Digest credential_hash(std::string_view user, std::string_view password) {
  std::string both = fmt::format("{}\n{}", user, password);
  const Digest digest = sha256(as_bytes(both));
  wipe(both);
  return digest;
}

}  // namespace

void PgSession::open_upstream() {
  state_ = State::Resolving;
  lane_.reactor().set_timer(timer_, uint64_t{target_settings().limits.connect_timeout_ms} * 1'000'000);
  resolve();
}

void PgSession::resolve() {
  const TargetSettings& target = target_settings();
  upstream_.host = target.host;
  upstream_.tls = lane_.snapshots().target_tls[target_];
  upstream_.verified =
      target.tls_mode == UpstreamTlsMode::VerifyCa || target.tls_mode == UpstreamTlsMode::VerifyFull;
  sockaddr_storage address{};
  if (numeric_address(target.host, target.port, address)) {
    resolved({address}, {});
    return;
  }
  // Looking up a name can take seconds: never on the lane.
  const bool posted = lane_.shared().workers->post(
      [lane = &lane_, slot = slot_, id = cursor_.id, host = target.host, port = target.port] {
        std::string why;
        auto found = look_up(host, port, why);
        lane->reactor().mailbox().post([lane, slot, id, found = std::move(found), why = std::move(why)]() mutable {
          if (PgSession* session = lane->find(slot, id)) session->resolved(std::move(found), why);
        });
      });
  if (!posted) upstream_failed("08006", "too many name look-ups are waiting");
}

void PgSession::resolved(std::vector<sockaddr_storage> addresses, const std::string& why) {
  if (state_ != State::Resolving) return;
  if (addresses.empty()) {
    upstream_failed("08001", why);
    return;
  }
  upstream_addresses_ = std::move(addresses);
  connect_next();
}

void PgSession::connect_next() {
  state_ = State::Connecting;
  upstream_.address = upstream_addresses_.back();
  upstream_addresses_.pop_back();
  const io::ConnectionId id = lane_.reactor().connect(upstream_.address, server_handler_);
  if (!id.valid()) {
    upstream_failed("08006", "no descriptor was left for the connection");
    return;
  }
  server_.attach(id);
}

void PgSession::upstream_connected() {
  SLUICE_ASSERT(state_ == State::Connecting);
  server_.set_reading(true);
  if (upstream_.tls == nullptr) {
    send_startup();
    return;
  }
  std::vector<std::byte> out;
  pg::build::ssl_request(out);
  state_ = State::UpstreamTlsAnswer;
  (void)send_server(out);
}

void PgSession::upstream_failed(std::string_view sqlstate, std::string_view reason) {
  if (state_ == State::Connecting && !upstream_addresses_.empty() && !server_.open()) {
    connect_next();  // The name has another address.
    return;
  }
  lane_.metrics().upstream_connect_failures.add();
  const TargetSettings& target = target_settings();
  lane_.log().log(LogLevel::Error, "target-unreachable",
                  {{"session", audit::to_string(cursor_.id)}, {"target", target.name}, {"reason", reason}});
  server_.close_now();
  fatal(sqlstate, fmt::format("could not connect to target \"{}\": {}", target.name, reason));
}

void PgSession::run_upstream_login() {
  while (state_ >= State::UpstreamTlsAnswer && state_ < State::Ready && upstream_step()) {
  }
}

bool PgSession::upstream_step() {
  io::SliceQueue& in = server_.inbox();
  LaneScratch& scratch = lane_.scratch();
  if (state_ == State::UpstreamTlsAnswer) {
    if (in.empty()) return false;
    const auto answer = static_cast<char>(in.at(0).bytes()[0]);
    if (answer != 'S') {
      upstream_failed("08001", answer == 'N' ? "it does not offer TLS, which tls.mode asks for"
                                             : "it did not answer the TLS request as the protocol has it");
      return false;
    }
    if (in.bytes() != 1) {
      upstream_failed("08001", "it sent bytes before the TLS handshake");
      return false;
    }
    in.drop(1);
    server_.start_tls(std::make_unique<tls::Engine>(*upstream_.tls, upstream_.host));
    state_ = State::UpstreamTls;
    return true;
  }
  if (state_ == State::UpstreamTls) {
    switch (server_.handshake()) {
      case tls::Status::WantInput:
        return false;
      case tls::Status::Ok:
        send_startup();
        return true;
      case tls::Status::Closed:
      case tls::Status::Failed:
        upstream_failed("08001", fmt::format("TLS failed: {}", server_.failure()));
        return false;
    }
  }
  if (in.empty()) return false;
  const auto header = pg::backend_header(in.view(0, std::min<size_t>(in.bytes(), pg::header_size), scratch.header));
  if (!header || (*header && (*header)->body_size > startup_bytes_max)) {
    upstream_failed("08P01", "it does not speak the PostgreSQL protocol");
    return false;
  }
  if (!*header || in.bytes() < (*header)->frame_size()) return false;
  const Bytes body = in.view(pg::header_size, (*header)->body_size, scratch.message);
  const size_t frame_size = (*header)->frame_size();
  switch ((*header)->backend()) {
    case pg::Backend::Authentication:
      upstream_authentication(body);
      break;
    case pg::Backend::ErrorResponse:
      upstream_error(body);
      break;
    case pg::Backend::NoticeResponse:
    case pg::Backend::NegotiateProtocolVersion:
      break;
    case pg::Backend::ParameterStatus:
      if (!upstream_authenticated_) {
        upstream_failed("08P01", "it sent settings before it had asked for a login");
      } else {
        take_parameter_status(body);
        if (state_ == State::UpstreamStart) client_.forward(in, frame_size);
        return state_ == State::UpstreamStart;
      }
      break;
    case pg::Backend::BackendKeyData:
      if (const auto key = pg::parse_backend_key_data(body); key && upstream_authenticated_) {
        server_pid_ = key->pid;
        server_secret_ = key->secret;
      } else {
        upstream_failed("08P01", "its cancel key is malformed");
      }
      break;
    case pg::Backend::ReadyForQuery:
      if (!upstream_authenticated_ || pg::parse_ready_for_query(body) != 'I') {
        upstream_failed("08P01", "it is ready before the login is over");
      } else {
        in.drop(frame_size);
        upstream_ready();
        return false;
      }
      break;
    default:
      upstream_failed("08P01", "it sent a message that has no place in a login");
  }
  if (state_ == State::Closing || state_ == State::Over) return false;
  in.drop(frame_size);
  return true;
}

void PgSession::send_startup() {
  state_ = State::UpstreamAuth;
  std::vector<std::pair<std::string, std::string>> parameters = {
      {"user", upstream_user_},
      {"database", database_},
      {"client_encoding", "UTF8"},
      {"standard_conforming_strings", "on"},
      {"application_name", options_.application_name.empty() ? "sluice" : options_.application_name},
  };
  refresh_rules();
  upstream_read_only_ = rules_->read_only_session();
  if (upstream_read_only_) parameters.emplace_back("default_transaction_read_only", "on");
  for (const auto& forwarded : options_.forwarded) parameters.push_back(forwarded);
  std::vector<std::byte> out;
  if (!pg::build::startup_message(out, parameters)) {
    upstream_failed("08001", "the startup settings are too long for it");
    return;
  }
  (void)send_server(out);
}

void PgSession::upstream_authentication(Bytes body) {
  const auto request = pg::parse_authentication(body);
  if (!request || upstream_authenticated_) {
    upstream_failed("08P01", "its authentication request is malformed");
    return;
  }
  std::vector<std::byte> out;
  TargetState& cache = target_state();
  switch (request->kind) {
    case pg::AuthenticationKind::Ok:
      // SCRAM proves the server as well: a server that skips its own proof is not believed.
      if (upstream_scram_ && !upstream_scram_done_) {
        upstream_failed("08001", "it skipped its part of SCRAM");
        return;
      }
      upstream_scram_.reset();
      upstream_password_ = Secret();
      upstream_authenticated_ = true;
      state_ = State::UpstreamStart;
      return;
    case pg::AuthenticationKind::Sasl: {
      if (server_.tls()) upstream_binding_ = server_.engine().peer_end_point();
      const bool cached = cache.scram.iterations != 0 &&
                          cache.scram_for == credential_hash(upstream_user_, upstream_password_.reveal());
      upstream_scram_ = std::make_unique<pg::ScramClient>(
          upstream_password_.reveal(), pg::ScramClientOptions{.channel_binding = upstream_binding_,
                                                              .iterations_max = upstream_iterations_max,
                                                              .cache = cached ? &cache.scram : nullptr});
      const auto mechanism = upstream_scram_->choose(request->mechanisms);
      if (!mechanism) break;
      pg::build::sasl_initial_response(out, *mechanism, upstream_scram_->first());
      (void)send_server(out);
      return;
    }
    case pg::AuthenticationKind::SaslContinue: {
      if (!upstream_scram_) break;
      const auto proof = upstream_scram_->proof(request->data);
      if (!proof) {
        upstream_failed("08001", fmt::format("SCRAM failed: {}", pg::explain(proof.error())));
        return;
      }
      pg::build::sasl_response(out, *proof);
      (void)send_server(out);
      return;
    }
    case pg::AuthenticationKind::SaslFinal: {
      if (!upstream_scram_) break;
      if (const auto done = upstream_scram_->finish(request->data); !done) {
        upstream_failed("08001", fmt::format("SCRAM failed: {}", pg::explain(done.error())));
        return;
      }
      upstream_scram_done_ = true;
      cache.scram = upstream_scram_->cache();
      cache.scram_for = credential_hash(upstream_user_, upstream_password_.reveal());
      return;
    }
    case pg::AuthenticationKind::Md5Password:
    case pg::AuthenticationKind::CleartextPassword: {
      // Whoever answers on that address could ask for the password in clear: only one that has proven
      // its certificate gets it. md5 is a password equivalent on the wire, so the same holds.
      if (!upstream_.verified || upstream_scram_) {
        upstream_failed("08001",
                        "it asks for a password in clear or md5 form, which needs tls.mode verify-ca or verify-full");
        return;
      }
      bool built = false;
      if (request->kind == pg::AuthenticationKind::Md5Password) {
        const auto answer = pg::md5_password(upstream_user_, upstream_password_.reveal(), request->salt);
        built = answer && pg::build::password_message(out, *answer);
      } else {
        built = pg::build::password_message(out, upstream_password_.reveal());
      }
      if (!built) break;
      const bool sent = server_.write(out);
      wipe(out);
      if (!sent) end("no buffers left");
      return;
    }
    case pg::AuthenticationKind::Unknown:
      break;
  }
  upstream_failed("08001", "it asks for a way to log in that sluice does not speak (SCRAM-SHA-256 is best)");
}

void PgSession::upstream_error(Bytes body) {
  pg::ErrorFields& fields = lane_.scratch().error;
  const bool whole = pg::parse_error(body, fields);
  const std::string code(whole ? fields.code : "XX000");
  // Class 28 is about our credential, not the caller's: it must not read like a failed login of theirs.
  if (code.starts_with("28")) {
    upstream_failed("08001", fmt::format("it refused sluice's credential ({})", code));
    return;
  }
  lane_.metrics().upstream_connect_failures.add();
  fatal(code, fmt::format("target \"{}\": {}", target_settings().name, printable(fields.message)));
}

void PgSession::upstream_ready() {
  const TargetSettings& target = target_settings();
  std::vector<std::byte> out;
  pg::build::backend_key_data(out, lane_.number() << 24 | slot_, cancel_secret_);
  pg::build::ready_for_query(out, 'I');
  if (!send_client(out)) return;
  caps_ = {.statement_size_max = target.limits.statement_size_max, .bind_size_max = target.limits.bind_size_max};
  lane_.reactor().cancel_timer(timer_);
  if (target.limits.idle_timeout_ms != 0)
    lane_.reactor().set_timer(timer_, uint64_t{target.limits.idle_timeout_ms} * 1'000'000);
  state_ = State::Ready;
  refresh_rules();
  lane_.log().log(LogLevel::Info, "session-start",
                  {{"session", audit::to_string(cursor_.id)},
                   {"subject", principal_.subject},
                   {"target", target.name},
                   {"database", database_},
                   {"client", client_address_}});
}

}  // namespace sluice::gateway
