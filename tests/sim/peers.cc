#include "peers.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "protocols/postgres/build.h"

namespace sluice::sim {
namespace build = pg::build;
namespace {
constexpr uint64_t reset_pause_ns = 3'000'000;
}  // namespace

std::vector<std::byte> salt() { return std::vector<std::byte>(16, std::byte{7}); }

pg::ScramKeys keys_of(std::string_view password) { return pg::make_verifier(password, salt(), iterations); }

class Client::CancelRequest final : public Peer {
 public:
  CancelRequest(SimKernel& kernel, uint32_t pid, uint32_t secret) : kernel_(kernel), link_(kernel.dial(*this)) {
    std::vector<std::byte> out;
    build::cancel_request(out, pid, secret);
    kernel.peer_send(link_, out);
  }
  void on_data(Bytes) override { SLUICE_ASSERT(false); }  // Nothing is ever answered.
  void on_end(bool reset) override {
    if (!reset) kernel_.peer_finish(link_);
  }

 private:
  SimKernel& kernel_;
  SimKernel::Link link_;
};

Client::Client(SimKernel& kernel, Random random, Plan plan)
    : kernel_(kernel), random_(random), plan_(std::move(plan)) {}

void Client::start() {
  link_ = kernel_.dial(*this);
  std::vector<std::byte> out;
  const std::pair<std::string, std::string> parameters[] = {{"user", std::string(client_user)}, {"database", "orders"}};
  SLUICE_ASSERT(build::startup_message(out, parameters));
  say(out);
}

void Client::say(std::vector<std::byte>& bytes) {
  kernel_.peer_send(link_, bytes);
  bytes.clear();
}

void Client::on_data(Bytes data) {
  in_.insert(in_.end(), data.begin(), data.end());
  for (const Message& message : take_messages(in_)) {
    if (ready_) {
      fatal_ = fatal_ || (message.type == 'E' && message.body.starts_with("SFATAL"));
      seen_.push_back(comparable(message));
    } else {
      take_login(message);
    }
  }
  go_on();
}

void Client::take_login(const Message& message) {
  ByteReader body(as_bytes(message.body));
  std::vector<std::byte> out;
  if (message.type == 'K') {
    pid_ = *body.u32();
    secret_ = *body.u32();
  } else if (message.type == 'Z') {
    ready_ = true;
  } else if (message.type == 'E') {
    fatal_ = true;
    last_word_ = show(message);
  } else if (message.type == 'R') {
    switch (*body.u32()) {
      case 10: {
        const std::string_view offered[] = {pg::scram_sha_256};
        scram_ = std::make_unique<pg::ScramClient>(plan_.leaving == Leaving::WrongKey ? "wrong" : client_key,
                                                   pg::ScramClientOptions{});
        const auto mechanism = scram_->choose(offered);
        SLUICE_ASSERT(mechanism);
        build::sasl_initial_response(out, *mechanism, scram_->first());
        break;
      }
      case 11:
        build::sasl_response(out, scram_->proof(as_text(body.rest())).value());
        break;
      case 12:
        SLUICE_ASSERT(scram_->finish(as_text(body.rest())));
        break;
      default:
        break;
    }
    if (!out.empty()) say(out);
  }
}

void Client::go_on() {
  if (!ready_ || left_ || sending_ || ended_) return;
  const auto& steps = plan_.script.steps;
  if (next_step_ > 0 && steps[next_step_ - 1].wait && seen_.size() < steps[next_step_ - 1].answers) return;
  if (next_step_ >= plan_.leaves_after || next_step_ == steps.size()) {
    leave();
    return;
  }
  sending_ = true;
  kernel_.after(steps[next_step_].pause_ns, [this] {
    sending_ = false;
    if (!ended_ && !left_) send_next();
  });
}

void Client::send_next() {
  if (next_step_ == plan_.cancels_after) {
    cancel_ = std::make_unique<CancelRequest>(kernel_, pid_, plan_.wrong_cancel ? ~secret_ : secret_);
  }
  kernel_.peer_send(link_, plan_.script.steps[next_step_++].bytes);
  go_on();
}

void Client::leave() {
  left_ = true;
  std::vector<std::byte> out;
  switch (plan_.leaving) {
    case Leaving::Properly:
    case Leaving::Terminate:
    case Leaving::WrongKey:
      build::terminate(out);
      say(out);
      kernel_.peer_finish(link_);
      break;
    case Leaving::Finish:
      kernel_.peer_finish(link_);
      break;
    case Leaving::TerminateAndReset:
      // What it asked for is still being answered when nobody is there any more.
      build::terminate(out);
      say(out);
      kernel_.after(reset_pause_ns, [this] {
        if (!ended_) kernel_.peer_reset(link_);
        ended_ = true;
      });
      break;
    case Leaving::Reset:
      kernel_.peer_reset(link_);
      ended_ = true;
      break;
  }
}

void Client::on_end(bool reset) {
  ended_ = true;
  if (!reset && !left_) kernel_.peer_finish(link_);
}

std::string Client::verdict(bool disturbed) const {
  if (!ended_) return fmt::format("hangs: {} of {} answers", seen_.size(), plan_.script.answers.size());
  const auto& due = plan_.script.answers;
  for (size_t i = 0; i < seen_.size(); ++i) {
    if (i < due.size() && seen_[i] == due[i]) continue;
    const bool last_word = fatal_ && i + 1 == seen_.size();
    if (disturbed && last_word) break;
    return fmt::format("answer {} is {}, must be {}", i, show(seen_[i]),
                       i < due.size() ? show(due[i]) : std::string("nothing"));
  }
  if (disturbed) return {};
  if (seen_.size() < due.size()) {
    return fmt::format("ended after {} of {} answers; next is {}; last word {}", seen_.size(), due.size(),
                       show(due[seen_.size()]), last_word_);
  }
  return in_.empty() ? std::string() : "ended inside a message";
}

Server::Server(ServerWorld& world, SimKernel::Link link)
    : world_(world),
      link_(link),
      model_({.text = [this](std::string_view text, bool simple) { text_arrived(text, simple); },
              .execution =
                  [this](std::string_view text) { world_.recorder.execution_arrived(text, world_.group); }}) {}

void Server::text_arrived(std::string_view text, bool simple) {
  if (text == pg::refused_text) return;
  if (!refusal_of(text, world_.masks).empty()) {
    world_.complaints.push_back(fmt::format("promise 1: a refused text reached the server: {}", text));
    return;
  }
  const bool unknown = text.find("summon ") != std::string_view::npos || text.find("frobnicate ") != std::string_view::npos;
  if (unknown) {
    // Asked about by a Parse, which runs nothing.
    if (simple) world_.complaints.push_back(fmt::format("promise 1: a text not understood was run: {}", text));
    return;
  }
  world_.recorder.text_arrived(text, world_.group);
}

void Server::take_startup() {
  if (in_.size() < 4 || in_.size() < load_u32(in_.data())) return;
  const uint32_t size = load_u32(in_.data());
  const uint32_t code = load_u32(in_.data() + 4);
  if (code == 80'877'102) {
    const std::pair<uint32_t, uint32_t> key{load_u32(in_.data() + 8), load_u32(in_.data() + 12)};
    if (std::ranges::find(world_.keys, key) == world_.keys.end()) {
      world_.complaints.emplace_back("a cancel request for nobody");
    }
    in_.clear();
    return;
  }
  started_ = true;
  in_.erase(in_.begin(), in_.begin() + size);
  scram_ = std::make_unique<pg::ScramServer>(
      pg::ScramSubject{.salt = salt(), .iterations = iterations, .keys = {{"only", keys_of(upstream_password)}}}, Bytes{});
  std::vector<std::byte> out;
  build::authentication_sasl(out, scram_->mechanisms());
  world_.kernel.peer_send(link_, out);
}

void Server::take_sasl(const Message& message) {
  SLUICE_ASSERT(message.type == 'p');
  std::vector<std::byte> out;
  if (!std::exchange(scram_began_, true)) {
    ByteReader body(as_bytes(message.body));
    const std::string mechanism(*body.c_string());
    (void)body.u32();
    build::authentication_sasl_continue(out, scram_->first(mechanism, as_text(body.rest())).value());
  } else {
    const auto last = scram_->finish(message.body);
    SLUICE_ASSERT(last);
    build::authentication_sasl_final(out, *last);
    build::authentication_ok(out);
    build::parameter_status(out, "server_version", "15.4");
    world_.keys.emplace_back(static_cast<uint32_t>(world_.random.next() & 0xFFFF), static_cast<uint32_t>(world_.random.next()));
    build::backend_key_data(out, world_.keys.back().first, world_.keys.back().second);
    build::ready_for_query(out, 'I');
    ready_ = true;
  }
  world_.kernel.peer_send(link_, out);
}

void Server::on_data(Bytes data) {
  if (ended_) return;
  in_.insert(in_.end(), data.begin(), data.end());
  if (!started_) take_startup();
  if (started_ && !ready_) {
    for (const Message& message : take_messages(in_)) take_sasl(message);
    return;
  }
  if (!ready_) return;
  model_.take(std::exchange(in_, {}));
  const std::vector<std::byte> out = model_.take_output();
  if (!out.empty() && world_.dies_once_in != 0 && world_.random.once_in(world_.dies_once_in)) {
    world_.died = ended_ = true;
    const Bytes part = Bytes(out).first(world_.random.below(out.size()));
    world_.kernel.peer_send(link_, part);
    if (world_.random.once_in(2)) {
      world_.kernel.peer_finish(link_);
    } else {
      world_.kernel.peer_reset(link_);
    }
    return;
  }
  if (!out.empty()) world_.kernel.peer_send(link_, out);
  if (model_.terminated()) {
    ended_ = true;
    world_.kernel.peer_finish(link_);
  }
}

void Server::on_end(bool reset) {
  if (!ended_ && !reset) world_.kernel.peer_finish(link_);
  ended_ = true;
}

}  // namespace sluice::sim
