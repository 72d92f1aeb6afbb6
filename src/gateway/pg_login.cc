// The client's side of the login: PROXY header, SSLRequest, startup message, proof of who it is.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "gateway/pg_session.h"
#include "protocols/proxy_protocol.h"

namespace sluice::gateway {
namespace {

bool shares_group(const std::vector<std::string>& mine, const std::vector<std::string>& wanted) {
  return std::ranges::any_of(
      wanted, [&](const std::string& group) { return group == "*" || std::ranges::find(mine, group) != mine.end(); });
}

PrincipalKind kind_of(std::string_view name) {
  if (name == "human") return PrincipalKind::Human;
  if (name == "workload") return PrincipalKind::Workload;
  if (name == "agent") return PrincipalKind::Agent;
  return PrincipalKind::Unknown;
}

}  // namespace

void PgSession::run_login() {
  while (state_ < State::Resolving && login_step()) {
  }
}

bool PgSession::login_step() {
  switch (state_) {
    case State::ProxyHeader:
      return take_proxy_header();
    case State::Startup:
      return take_startup();
    case State::ClientTls:
      switch (client_.handshake()) {
        case tls::Status::Ok:
          if (direct_tls_ && client_.engine().alpn() != "postgresql") {
            end("direct TLS without the protocol name postgresql");
            return false;
          }
          state_ = State::Startup;
          switch (client_.receive()) {
            case Channel::Received::Ok:
              return true;
            case Channel::Received::PeerClosed:
              client_ended_ = true;
              return true;
            case Channel::Received::Failed:
              break;
          }
          [[fallthrough]];
        case tls::Status::Failed:
        case tls::Status::Closed:
          lane_.metrics().logins_failed.add();
          end(fmt::format("TLS handshake with the client failed: {}", client_.failure()));
          return false;
        case tls::Status::WantInput:
          return false;
      }
      return false;
    case State::ClientAuth:
      return take_sasl();
    default:
      return false;
  }
}

bool PgSession::take_proxy_header() {
  io::SliceQueue& in = client_.inbox();
  if (in.empty()) return false;
  const Bytes all = in.view(0, std::min<size_t>(in.bytes(), 1024), lane_.scratch().message);
  const auto header = parse_proxy_v2(all);
  if (!header) {
    lane_.metrics().logins_failed.add();
    end(fmt::format("PROXY header: {}", explain(header.error())));
    return false;
  }
  if (!*header) return false;
  if (const auto& source = (*header)->source) {
    const bool v6 = source->host.find(':') != std::string::npos;
    client_address_ =
        v6 ? fmt::format("[{}]:{}", source->host, source->port) : fmt::format("{}:{}", source->host, source->port);
  }
  in.drop((*header)->size);
  state_ = State::Startup;
  if (!start_record()) {
    end("it could not be recorded");
    return false;
  }
  return true;
}

bool PgSession::take_startup() {
  io::SliceQueue& in = client_.inbox();
  if (in.empty()) return false;
  const ListenerSettings& listener = lane_.settings().listeners[listener_];
  LaneScratch& scratch = lane_.scratch();
  if (listener.tls && !client_.tls() && in.at(0).bytes()[0] == std::byte{0x16}) {
    // A TLS ClientHello with no SSLRequest before it: direct TLS, which must name the protocol (ALPN).
    direct_tls_ = true;
    begin_client_tls();
    return true;
  }
  const auto size = pg::startup_packet_size(in.view(0, std::min<size_t>(in.bytes(), 4), scratch.header));
  if (!size) {
    lane_.metrics().logins_failed.add();
    end(fmt::format("startup packet: {}", pg::explain(size.error())));
    return false;
  }
  if (!*size || in.bytes() < **size) return false;
  auto packet = pg::parse_startup(in.view(0, **size, scratch.message));
  in.drop(**size);
  bytes_from_client_ += **size;
  if (!packet) {
    lane_.metrics().logins_failed.add();
    state_ = State::ClientAuth;  // It speaks PostgreSQL well enough to read an error.
    fatal("08P01", fmt::format("startup packet: {}", pg::explain(packet.error())));
    return false;
  }
  std::vector<std::byte>& out = scratch.out;
  out.clear();
  if (std::holds_alternative<pg::SslRequest>(*packet)) {
    if (client_.tls() || !in.empty()) {
      // Bytes behind the request would be taken as if they had come through TLS.
      end(client_.tls() ? "SSLRequest inside TLS" : "bytes before the TLS handshake");
      return false;
    }
    out.push_back(std::byte{static_cast<uint8_t>(listener.tls ? 'S' : 'N')});
    if (!send_client(out)) return false;
    if (listener.tls) begin_client_tls();
    return true;
  }
  if (std::holds_alternative<pg::GssEncRequest>(*packet)) {
    if (!in.empty() || client_.tls()) {
      end("bytes behind a GSSENCRequest");
      return false;
    }
    out.push_back(std::byte{'N'});
    return send_client(out);
  }
  if (const auto* cancel = std::get_if<pg::CancelRequest>(&*packet)) {
    answer_cancel(*cancel);
    return false;
  }
  begin_authentication(std::get<pg::StartupMessage>(*packet));
  return state_ == State::ClientAuth;
}

void PgSession::begin_client_tls() {
  const auto& context = lane_.snapshots().listener_tls[listener_];
  SLUICE_ASSERT(context != nullptr);
  // The N or S byte leaves in clear: it is already with the reactor.
  client_.start_tls(std::make_unique<tls::Engine>(*context));
  state_ = State::ClientTls;
}

void PgSession::answer_cancel(const pg::CancelRequest& request) {
  // Nothing is ever answered to a cancel request, right or wrong.
  lane_.route_cancel(request.pid, request.secret, client_address_);
  end("cancel request");
}

void PgSession::begin_authentication(const pg::StartupMessage& message) {
  state_ = State::ClientAuth;
  const ListenerSettings& listener = lane_.settings().listeners[listener_];
  if (listener.tls && !client_.tls()) {
    login_failed("28000", "this listener requires TLS (connect with sslmode=verify-full)", "no TLS");
    return;
  }
  std::vector<std::byte>& out = lane_.scratch().out;
  out.clear();
  if (pg::needs_negotiation(message)) {
    pg::build::negotiate_protocol_version(out, 0, pg::protocol_options(message));
    if (!send_client(out)) return;
  }
  auto options = pg::apply_startup_allow_list(message);
  if (!options) {
    login_failed("08P01", options.error().message, options.error().message);
    return;
  }
  options_ = std::move(*options);
  if (lane_.draining()) {
    login_failed("57P01", "the gateway is shutting down", "draining");
    return;
  }
  // The method is chosen before any credential is seen: a verified certificate whose subject is the
  // user, else an access key by SCRAM. Who is unknown gets the same exchange, with nothing to match.
  if (client_.tls()) {
    const auto peer = client_.engine().peer_identity();
    const std::string subject = !peer.spiffe_uri.empty() ? peer.spiffe_uri : peer.common_name;
    if (peer.verified && !subject.empty() && (options_.user == subject || options_.user == "sluice")) {
      principal_ = {.subject = subject,
                    .issuer = peer.issuer,
                    .groups = peer.organizational_units,
                    .kind = PrincipalKind::Workload,
                    .proof = Proof::ClientCertificate};
      // A subject that also has keys is one principal, whichever way it proves itself.
      if (const AccessSubject* known = lane_.snapshots().keys ? lane_.snapshots().keys->find(subject) : nullptr;
          known != nullptr && has_live_key(*known, lane_.reactor().unix_ns() / 1'000'000'000)) {
        principal_.groups.insert(principal_.groups.end(), known->groups.begin(), known->groups.end());
        principal_.kind = kind_of(known->kind);
      }
      authenticated();
      return;
    }
  }
  const AccessSubject* subject = lane_.snapshots().keys ? lane_.snapshots().keys->find(options_.user) : nullptr;
  const int64_t now_s = lane_.reactor().unix_ns() / 1'000'000'000;
  const bool known = subject != nullptr && has_live_key(*subject, now_s);
  const Bytes binding = client_.tls() ? lane_.snapshots().listener_tls[listener_]->end_point() : Bytes{};
  scram_ = std::make_unique<pg::ScramServer>(
      pg::scram_subject(known ? *subject : KeyDirectory::mock(options_.user), now_s), binding);
  pg::build::authentication_sasl(out, scram_->mechanisms());
  (void)send_client(out);
}

bool PgSession::take_sasl() {
  io::SliceQueue& in = client_.inbox();
  LaneScratch& scratch = lane_.scratch();
  if (!scram_ || in.empty()) return false;
  const auto header = pg::frontend_header(in.view(0, std::min<size_t>(in.bytes(), pg::header_size), scratch.header),
                                          pg::Phase::Authentication, {});
  if (!header) {
    login_failed("08P01", fmt::format("login: {}", pg::explain(header.error())), "protocol violation");
    return false;
  }
  if (!*header || in.bytes() < (*header)->frame_size()) return false;
  if ((*header)->frontend() == pg::Frontend::Terminate) {
    end("client left during login");
    return false;
  }
  const Bytes body = in.view(pg::header_size, (*header)->body_size, scratch.message);
  Result<std::string, pg::ScramError> answer = std::unexpected(pg::ScramError::Malformed);
  const bool last = sasl_started_;
  if (!sasl_started_) {
    if (const auto first = pg::parse_sasl_initial_response(body); first && first->has_data) {
      answer = scram_->first(first->mechanism, first->data);
    }
    sasl_started_ = true;
  } else if (const auto next = pg::parse_sasl_response(body)) {
    answer = scram_->finish(*next);
  }
  // A proof can be tried against guesses off line: it does not stay in the buffers.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): the bytes are a slab's or scratch, both ours to write.
  wipe(MutableBytes{const_cast<std::byte*>(body.data()), body.size()});
  bytes_from_client_ += (*header)->frame_size();
  in.drop((*header)->frame_size());
  if (!answer) {
    login_failed("28P01", fmt::format("login failed for user \"{}\"", options_.user), pg::explain(answer.error()));
    return false;
  }
  std::vector<std::byte>& out = scratch.out;
  out.clear();
  if (!last) {
    pg::build::authentication_sasl_continue(out, *answer);
    return send_client(out);
  }
  pg::build::authentication_sasl_final(out, *answer);
  if (!send_client(out)) return false;
  const AccessSubject* subject = lane_.snapshots().keys->find(options_.user);
  const int64_t now_s = lane_.reactor().unix_ns() / 1'000'000'000;
  const bool live = subject != nullptr && std::ranges::any_of(subject->keys, [&](const AccessKey& key) {
                      return key.id == scram_->key_id() && is_live(key, now_s);
                    });
  if (!live) {  // Revoked between the two messages.
    login_failed("28P01", fmt::format("login failed for user \"{}\"", options_.user), "revoked during login");
    return false;
  }
  principal_ = {.subject = subject->subject,
                .issuer = "access-keys",
                .groups = subject->groups,
                .kind = kind_of(subject->kind),
                .proof = Proof::AccessKey};
  access_key_id_ = scram_->key_id();
  scram_.reset();
  authenticated();
  return false;
}

const TargetSettings* PgSession::find_target(std::string_view database) {
  const Settings& settings = lane_.settings();
  const ListenerSettings& listener = settings.listeners[listener_];
  std::string_view name = listener.target;
  std::string_view inner;
  if (name.empty()) {
    const size_t slash = database.find('/');
    name = database.substr(0, slash);
    if (slash != std::string_view::npos) inner = database.substr(slash + 1);
  } else if (database != name && !database.empty()) {
    // A listener bound to one target: dbname names a database of it, or the target itself.
    const bool qualified = database.starts_with(name) && database.size() > name.size() && database[name.size()] == '/';
    inner = qualified ? database.substr(name.size() + 1) : database;
  }
  for (size_t i = 0; i < settings.targets.size(); ++i) {
    const TargetSettings& target = settings.targets[i];
    if (target.place != TargetPlace::Live || target.name != name) continue;
    database_ = inner.empty() ? target.database : std::string(inner);
    if (!may_connect(target)) return nullptr;
    target_ = i;
    return &target;
  }
  return nullptr;
}

bool PgSession::may_connect(const TargetSettings& target) const {
  return target.place != TargetPlace::Withdrawn && shares_group(principal_.groups, target.access_groups) &&
         (database_ == target.database || std::ranges::any_of(target.databases, [&](const std::string& d) {
            return d == "*" || d == database_;
          }));
}

void PgSession::authenticated() {
  const TargetSettings* target = find_target(options_.database);
  if (target == nullptr) {
    // Targets the caller may not use are not told apart from those that do not exist.
    std::vector<std::string> allowed;
    for (const TargetSettings& t : lane_.settings().targets) {
      if (t.place == TargetPlace::Live && shares_group(principal_.groups, t.access_groups)) allowed.push_back(t.name);
    }
    const std::string list = allowed.empty() ? "none" : fmt::format("{}", fmt::join(allowed, ", "));
    login_failed(
        "3D000",
        fmt::format("no target \"{}\" for user \"{}\" (available: {})", options_.database, principal_.subject, list),
        "no such target for this principal");
    return;
  }
  const Credential* credential =
      lane_.snapshots().credentials ? lane_.snapshots().credentials->find(target->name, principal_.groups) : nullptr;
  if (credential == nullptr) {
    login_failed(
        "28000",
        fmt::format("target \"{}\" has no credential for the groups of user \"{}\"", target->name, principal_.subject),
        "no credential");
    return;
  }
  switch (lane_.shared().ledger->admit(*target, principal_.subject)) {
    case SessionLedger::Answer::Admitted:
      break;
    case SessionLedger::Answer::TargetFull:
      login_failed("53300", fmt::format("target \"{}\" has its maximum of sessions", target->name), "target full");
      return;
    case SessionLedger::Answer::PrincipalFull:
      login_failed("53300", fmt::format("user \"{}\" has its maximum of sessions", principal_.subject),
                   "principal full");
      return;
  }
  admitted_ = true;
  upstream_user_ = credential->user;
  upstream_password_ = credential->password.clone();
  if (!record_authentication(true, {})) {
    fatal("57P01", "the login could not be recorded");
    return;
  }
  std::vector<std::byte> out;
  pg::build::authentication_ok(out);
  if (send_client(out)) open_upstream();
}

bool PgSession::record_authentication(bool success, std::string_view failure) {
  std::string groups;
  for (const std::string& group : principal_.groups) groups += (groups.empty() ? "" : ",") + group;
  const audit::Authentication record{
      .success = success,
      .claimed_user = options_.user,
      .subject = success ? std::string_view(principal_.subject) : std::string_view(),
      .groups = groups,
      .proof = principal_.proof,
      .target =
          target_ < lane_.settings().targets.size() ? std::string_view(target_settings().name) : std::string_view(),
      .database = database_,
      .upstream_user = upstream_user_,
      .application_name = options_.application_name,
      .failure = failure,
  };
  return lane_.recorder().authentication(cursor_, record, lane_.reactor().unix_ns());
}

void PgSession::login_failed(std::string_view sqlstate, std::string_view shown, std::string_view recorded) {
  lane_.metrics().logins_failed.add();
  lane_.log().log(LogLevel::Warn, "login-failed",
                  {{"session", audit::to_string(cursor_.id)},
                   {"user", options_.user},
                   {"client", client_address_},
                   {"reason", recorded}});
  (void)record_authentication(false, recorded);
  fatal(sqlstate, shown);
}

}  // namespace sluice::gateway
