#include "gateway/pg_cancel.h"

#include "gateway/pg_session.h"
#include "protocols/postgres/build.h"

namespace sluice::gateway {
namespace {
constexpr uint64_t patience_ns = 10'000'000'000;
}

PgCancel::PgCancel(Lane& lane, UpstreamEnd end, uint32_t pid, uint32_t secret)
    : lane_(lane), end_(std::move(end)), pid_(pid), secret_(secret), channel_(lane.reactor(), lane.metrics()) {}

void PgCancel::send(Lane& lane, const UpstreamEnd& end, uint32_t pid, uint32_t secret) {
  auto* cancel = new PgCancel(lane, end, pid, secret);
  const io::ConnectionId id = lane.reactor().connect(end.address, *cancel);
  if (!id.valid()) {
    delete cancel;
    return;
  }
  cancel->channel_.attach(id);
  lane.reactor().set_timer(cancel->timer_, patience_ns);
}

void PgCancel::on_connected(io::ConnectionId) {
  if (end_.tls == nullptr) {
    say_it();
    return;
  }
  std::vector<std::byte> out;
  pg::build::ssl_request(out);
  channel_.set_reading(true);
  if (!channel_.write(out)) over();
}

void PgCancel::on_bytes(io::ConnectionId) {
  io::SliceQueue& in = lane_.reactor().inbox(channel_.id());
  if (!channel_.tls()) {
    // The key is a secret: it goes out in clear only where the target is configured so.
    if (in.bytes() != 1 || in.at(0).bytes()[0] != std::byte{'S'}) {
      over();
      return;
    }
    in.drop(1);
    channel_.start_tls(std::make_unique<tls::Engine>(*end_.tls, end_.host));
  }
  if (channel_.engine().established()) return;
  switch (channel_.handshake()) {
    case tls::Status::WantInput:
      return;
    case tls::Status::Ok:
      say_it();
      return;
    case tls::Status::Closed:
    case tls::Status::Failed:
      over();
      return;
  }
}

void PgCancel::say_it() {
  std::vector<std::byte> out;
  pg::build::cancel_request(out, pid_, secret_);
  (void)channel_.write(out);
  over();
}

void PgCancel::on_drained(io::ConnectionId) {}
void PgCancel::on_ended(io::ConnectionId) { over(); }
void PgCancel::on_closed(io::ConnectionId, int) {
  channel_.forget();
  over();
}
void PgCancel::on_flush(io::ConnectionId) { channel_.flush(); }
size_t PgCancel::held(io::ConnectionId) const { return channel_.held(); }
void PgCancel::on_timer(io::Timer&) { over(); }

void PgCancel::over() {
  if (over_) return;
  over_ = true;
  lane_.reactor().cancel_timer(timer_);
  if (!channel_.close_gently()) channel_.close_now();
  // Its own handler may be on the stack.
  lane_.reactor().mailbox().post([this] { delete this; });
}

}  // namespace sluice::gateway
