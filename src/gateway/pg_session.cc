#include "gateway/pg_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "gateway/pg_cancel.h"

namespace sluice::gateway {
namespace {
constexpr uint64_t ms = 1'000'000;
constexpr uint64_t terminate_patience_ns = 60'000 * ms;
constexpr uint64_t close_patience_ns = 30'000 * ms;
// Judged or not, this much may wait in the client's inbox while the session is busy with something.
constexpr size_t inbox_while_waiting_max = 64U << 10;
}  // namespace

void PgSession::Handler::on_connected(io::ConnectionId) { session_.upstream_connected(); }
void PgSession::Handler::on_bytes(io::ConnectionId) {
  side_ == Side::Client ? session_.on_client_bytes() : session_.on_server_bytes();
}
void PgSession::Handler::on_drained(io::ConnectionId) { session_.on_drained(side_); }
void PgSession::Handler::on_ended(io::ConnectionId) { session_.on_ended(side_); }
void PgSession::Handler::on_closed(io::ConnectionId, int error) { session_.on_closed(side_, error); }
size_t PgSession::Handler::held(io::ConnectionId) const {
  return (side_ == Side::Client ? session_.client_ : session_.server_).held();
}
void PgSession::Handler::on_flush(io::ConnectionId) {
  Channel& channel = side_ == Side::Client ? session_.client_ : session_.server_;
  channel.flush();
  if (!channel.failure().empty() && channel.open() && session_.state_ == State::Ready) {
    session_.end("TLS output failed");
  }
}

PgSession::PgSession(Lane& lane, uint32_t slot, size_t listener)
    : lane_(lane),
      slot_(slot),
      listener_(listener),
      client_(lane.reactor(), lane.metrics()),
      server_(lane.reactor(), lane.metrics()) {}

PgSession::~PgSession() {
  client_.close_now();
  server_.close_now();
}

bool PgSession::begin(int fd, std::string client_address) {
  client_address_ = std::move(client_address);
  const io::ConnectionId id = lane_.reactor().adopt(fd, client_handler_);
  if (!id.valid()) return false;
  client_.attach(id);
  random_bytes(cursor_.id.bytes);
  std::array<std::byte, 8> unguessable;
  random_bytes(unguessable);
  absent_name_ = std::string(pg::reserved_name_prefix) + hex_encode(unguessable);
  random_bytes(std::as_writable_bytes(std::span{&cancel_secret_, 1}));
  const ListenerSettings& listener = lane_.settings().listeners[listener_];
  // Behind a PROXY header the record waits for the address in it.
  if (!listener.proxy_protocol && !start_record()) {
    client_.close_now();
    return false;
  }
  state_ = listener.proxy_protocol ? State::ProxyHeader : State::Startup;
  lane_.reactor().set_timer(timer_, lane_.settings().handshake_timeout_ms * ms);
  client_.set_reading(true);
  return true;
}

bool PgSession::start_record() {
  const ListenerSettings& listener = lane_.settings().listeners[listener_];
  const std::string listener_name = fmt::format("{}:{}", listener.host, listener.port);
  const audit::SessionStart start{
      .protocol = "postgres",
      .client_address = client_address_,
      .listener = listener_name,
      .client_tls = listener.tls.has_value(),
  };
  if (!lane_.recorder().session_start(cursor_, start, lane_.reactor().unix_ns())) return false;
  recording_ = true;
  lane_.metrics().sessions_total.add();
  lane_.metrics().sessions_open.add();
  return true;
}

const TargetSettings& PgSession::target_settings() const {
  SLUICE_ASSERT(target_ < lane_.settings().targets.size());
  return lane_.settings().targets[target_];
}

TargetState& PgSession::target_state() { return lane_.target_state(target_); }

bool PgSession::send_client(std::vector<std::byte>& message) {
  if (!client_.open()) {
    undelivered_ += message.size();
    message.clear();
    return true;
  }
  bytes_to_client_ += message.size();
  lane_.metrics().bytes_to_client.add(message.size());
  const bool sent = client_.write(message);
  message.clear();
  if (!sent) out_of_buffers();
  return sent;
}

void PgSession::out_of_buffers() {
  // What is queued holds the buffers that are missing: it goes at once.
  client_.close_now();
  server_.close_now();
  end("no buffers left");
}

bool PgSession::send_server(std::vector<std::byte>& message) {
  const bool sent = server_.write(message);
  message.clear();
  if (!sent) out_of_buffers();
  return sent;
}

void PgSession::on_wait_timer() {
  if (state_ != State::Ready) return;
  if (wait_ == Wait::Catalog) {
    catalog_awaited_ = true;
    wait_ = Wait::None;
    step();
  } else if (wait_ == Wait::Recorder || client_run_durable_ != 0) {
    fatal("57P01", "the statement could not be recorded, so it was not passed on",
          "The audit log is full or its disk does not answer; try again later.");
  }
}

bool PgSession::goodbye_waits() {
  static constexpr std::array<std::byte, 5> terminate{std::byte{'X'}, {}, {}, {}, std::byte{4}};
  if (!client_.open()) return false;
  if (client_.more_to_receive()) return true;  // It may be there.
  const io::SliceQueue& in = client_.inbox();
  if (in.bytes() < client_run_ + terminate.size()) return false;
  return std::ranges::equal(in.view(in.bytes() - terminate.size(), terminate.size(), lane_.scratch().header), terminate);
}

void PgSession::begin_leaving() {
  if (std::exchange(leaving_, true)) return;
  lane_.reactor().set_timer(timer_, terminate_patience_ns);
}

void PgSession::on_timer(io::Timer& timer) {
  if (&timer == &wait_timer_) {
    on_wait_timer();
    return;
  }
  if (&timer == &revoke_timer_) {
    on_revoke_timer();
    return;
  }
  switch (state_) {
    case State::ProxyHeader:
    case State::Startup:
    case State::ClientTls:
      lane_.metrics().handshake_timeouts.add();
      end("handshake timeout");
      return;
    case State::ClientAuth:
      lane_.metrics().handshake_timeouts.add();
      login_failed("08006", "login took too long", "handshake timeout");
      return;
    case State::Resolving:
    case State::Connecting:
    case State::UpstreamTlsAnswer:
    case State::UpstreamTls:
    case State::UpstreamAuth:
    case State::UpstreamStart:
      upstream_failed("08006", "it did not answer in time");
      return;
    case State::Ready:
      if (leaving_) {
        end("client terminated, and its last statement did not end");
      } else if (pipeline_.empty() && transaction_ == 'I' && wait_ == Wait::None && client_run_durable_ == 0) {
        fatal("57P05", "the session was idle for too long");
      } else if (const uint32_t idle = target_settings().limits.idle_timeout_ms; idle != 0) {
        lane_.reactor().set_timer(timer_, idle * ms);
      }
      return;
    case State::Closing:
      client_.close_now();
      server_.close_now();
      finish_closing();
      return;
    case State::Over:
      return;
  }
}

void PgSession::on_client_bytes() {
  if (state_ == State::Closing) client_.discard();
  if (state_ == State::Closing || state_ == State::Over) return;
  switch (state_ == State::ClientTls ? Channel::Received::Ok : client_.receive()) {
    case Channel::Received::Ok:
      break;
    case Channel::Received::PeerClosed:
      client_ended_ = true;
      break;
    case Channel::Received::Failed:
      end(fmt::format("TLS with the client failed: {}", client_.failure()));
      return;
  }
  step();
}

void PgSession::on_server_bytes() {
  if (state_ == State::Closing) server_.discard();
  if (state_ == State::Closing || state_ == State::Over) return;
  switch (state_ == State::UpstreamTls ? Channel::Received::Ok : server_.receive()) {
    case Channel::Received::Ok:
      break;
    case Channel::Received::PeerClosed:
      server_ended_ = true;
      break;
    case Channel::Received::Failed:
      if (state_ == State::Ready) {
        fatal("08006", "TLS with the target failed");
      } else {
        upstream_failed("08006", fmt::format("TLS failed: {}", server_.failure()));
      }
      return;
  }
  step();
}

void PgSession::on_drained(Side side) {
  if (state_ == State::Over) return;
  (side == Side::Client ? client_ : server_).flush();
  if (state_ == State::Closing) {
    finish_closing();
    return;
  }
  step();
}

void PgSession::on_ended(Side side) {
  if (state_ == State::Over) return;
  (side == Side::Client ? client_ended_ : server_ended_) = true;
  if (state_ == State::Closing) {
    (side == Side::Client ? client_ : server_).close_now();
    finish_closing();
    return;
  }
  step();
}

void PgSession::on_closed(Side side, int error) {
  if (state_ == State::Over) return;
  if (side == Side::Client) {
    client_.forget();
    // What it sent before Terminate has all gone to the target, which still works on it.
    if (wait_ == Wait::End && state_ == State::Ready && client_run_ == 0 && client_run_durable_ == 0) {
      step();
      return;
    }
    end(fmt::format("client connection lost: {}", errno_text(error)));
    return;
  }
  server_.forget();
  if (state_ == State::Closing) {
    finish_closing();
  } else if (state_ == State::Ready) {
    fatal("08006", fmt::format("the connection to the target was lost: {}", errno_text(error)));
  } else {
    upstream_failed("08006", errno_text(error));
  }
}

void PgSession::step() {
  if (stepping_) return;
  stepping_ = true;
  if (state_ < State::Resolving) run_login();
  if (state_ >= State::UpstreamTlsAnswer && state_ < State::Ready) run_upstream_login();
  if (state_ == State::Ready) {
    pump_server();
    if (state_ == State::Ready) pump_client();
  }
  stepping_ = false;
  if (state_ == State::Closing || state_ == State::Over) return;
  if (client_ended_ && wait_ != Wait::End) {
    // Who says goodbye in good manners has what it sent before done, as at the server itself.
    if (state_ != State::Ready || !goodbye_waits()) {
      end("client closed the connection");
      return;
    }
    begin_leaving();
  }
  if (wait_ == Wait::End && server_ended_) {
    end("client terminated");
    return;
  }
  // What the target said last is passed on first: its inbox still holds whatever the client was too
  // slow to take. Below the high mark nothing is held back, and no on_drained() would come.
  if (server_ended_ && (state_ != State::Ready || client_.unsent() <= send_queue_max)) {
    if (state_ == State::Ready && server_said_fatal_) {
      end("the target ended the session");
    } else if (state_ == State::Ready) {
      fatal("08006", "the target closed the connection");
    } else {
      upstream_failed("08006", "it closed the connection");
    }
    return;
  }
  update_reading();
}

void PgSession::update_reading() {
  if (!client_.open()) {
    if (state_ != State::Ready) return;
    server_.set_reading(true);  // Its answers are dropped as they come.
    if (server_.more_to_receive()) lane_.reactor().wake(server_.id());
    return;
  }
  if (state_ != State::Ready) {
    client_.set_reading(client_.inbox().bytes() < inbox_while_waiting_max);
    return;
  }
  const bool waiting = wait_ != Wait::None || client_run_durable_ != 0 || pipeline_.full();
  const bool target_slow = server_.unsent() > send_queue_max;
  client_.set_reading(!target_slow && !(waiting && client_.inbox().bytes() > inbox_while_waiting_max));
  server_.set_reading(client_.unsent() <= send_queue_max);
  if (!waiting && !target_slow && client_.more_to_receive()) lane_.reactor().wake(client_.id());
  if (client_.unsent() <= send_queue_max && server_.more_to_receive()) lane_.reactor().wake(server_.id());
}

void PgSession::on_recorder_progress() {
  in_waiting_ = false;
  if (state_ != State::Ready) return;
  if (wait_ == Wait::Recorder) {
    wait_ = Wait::None;
    if (client_run_durable_ == 0) lane_.reactor().cancel_timer(wait_timer_);
  }
  step();
  if (state_ == State::Ready && (wait_ == Wait::Recorder || client_run_durable_ != 0)) lane_.wait_for_recorder(*this);
}

void PgSession::on_keys_changed() {
  if (principal_.proof != Proof::AccessKey || state_ < State::Resolving) return;
  const AccessSubject* subject = lane_.snapshots().keys ? lane_.snapshots().keys->find(principal_.subject) : nullptr;
  const int64_t now_s = lane_.reactor().unix_ns() / 1'000'000'000;
  if (subject != nullptr && std::ranges::any_of(subject->keys, [&](const AccessKey& key) {
        return key.id == access_key_id_ && is_live(key, now_s);
      })) {
    return;
  }
  // What is running upstream must not run on for somebody whose access has ended.
  terminate("57P01", "access was revoked");
}

void PgSession::terminate(std::string_view sqlstate, std::string_view message) {
  if (state_ == State::Closing || state_ == State::Over) return;
  fatal(sqlstate, message);
}

void PgSession::cancel_upstream(const std::string& client_address) {
  (void)lane_.recorder().cancel(cursor_, {.client_address = client_address, .matched = true},
                                lane_.reactor().unix_ns());
  PgCancel::send(lane_, upstream_, server_pid_, server_secret_);
}

void PgSession::fatal(std::string_view sqlstate, std::string_view message, std::string_view hint) {
  if (state_ == State::Closing || state_ == State::Over) return;
  // Before the startup message the client may not speak PostgreSQL at all.
  if (state_ >= State::ClientAuth && client_.open()) {
    if (server_run_ > 0 && state_ == State::Ready) flush_server_run();
    // Inside a message of the target, an error would be taken for the rest of that message.
    if (server_stream_left_ == 0) {
      std::vector<std::byte> out;
      pg::build::error_response(out, {.severity = "FATAL", .sqlstate = sqlstate, .message = message, .hint = hint});
      bytes_to_client_ += out.size();
      (void)client_.write(out);
    }
  }
  end(std::string(message));
}

void PgSession::end(std::string reason) {
  if (state_ == State::Closing || state_ == State::Over) return;
  const bool was_ready = state_ == State::Ready;
  const bool at_proxy_header = state_ == State::ProxyHeader;
  state_ = State::Closing;
  end_reason_ = std::move(reason);
  for (Entry& entry : pipeline_) finish_entry(entry, false, "");
  if (unnamed_portal_) drop_portal_intent(*unnamed_portal_);
  for (auto& [name, portal] : portals_) drop_portal_intent(*portal);
  if (admitted_) {
    lane_.shared().ledger->leave(target_settings().name, principal_.subject);
    admitted_ = false;
  }
  if (at_proxy_header) (void)start_record();  // Who failed here has a record as well.
  if (recording_) {
    recording_ = false;
    lane_.metrics().sessions_open.subtract();
    lane_.recorder().session_end(
        cursor_, {.reason = end_reason_, .bytes_from_client = bytes_from_client_, .bytes_to_client = bytes_to_client_},
        lane_.reactor().unix_ns());
    lane_.log().log(LogLevel::Info, "session-end",
                    {{"session", audit::to_string(cursor_.id)},
                     {"subject", principal_.subject},
                     {"client", client_address_},
                     {"reason", end_reason_}});
  }
  if (was_ready && server_.open() && !server_ended_) {
    // A server only notices that nobody listens when it next writes: what is running is stopped.
    if (!pipeline_.empty()) PgCancel::send(lane_, upstream_, server_pid_, server_secret_);
    std::vector<std::byte> out;
    pg::build::terminate(out);
    (void)server_.write(out);
  }
  lane_.reactor().cancel_timer(wait_timer_);
  lane_.reactor().cancel_timer(revoke_timer_);
  client_.set_reading(false);
  server_.set_reading(false);
  // Handlers on the stack may still use the rules; a session that is closing holds none of them.
  lane_.reactor().mailbox().post([lane = &lane_, slot = slot_, id = cursor_.id] {
    if (PgSession* session = lane->find(slot, id)) session->release_rules();
  });
  lane_.reactor().set_timer(timer_, close_patience_ns);
  finish_closing();
}

void PgSession::finish_closing() {
  const bool client_done = client_.close_gently();
  const bool server_done = server_.close_gently();
  if (!client_done || !server_done) return;
  lane_.reactor().cancel_timer(timer_);
  state_ = State::Over;
  lane_.bury(*this);
}

}  // namespace sluice::gateway
