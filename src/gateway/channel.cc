#include "gateway/channel.h"

#include <array>

namespace sluice::gateway {
namespace {
constexpr size_t plain_max = 256U << 10;  // Decrypted and not yet taken.
constexpr size_t record_size = 16U << 10;
// Encrypting one record needs two slabs at most; below this many it waits for others to be freed.
constexpr uint32_t reserve_for_record = 4;
// Our own messages leave this part of the reserve to flush(), which is what frees slabs.
constexpr uint32_t reserve_parts_for_flush = 16;
}  // namespace

bool Channel::append(Bytes ciphertext) {
  while (!ciphertext.empty()) {
    if (cipher_.tail_room().empty()) {
      push_cipher();
      if (!reactor_.slabs().take(cipher_)) return false;
    }
    const MutableBytes room = cipher_.tail_room();
    const size_t n = std::min(room.size(), ciphertext.size());
    std::memcpy(room.data(), ciphertext.data(), n);
    cipher_.grow(static_cast<uint32_t>(n));
    ciphertext = ciphertext.subspan(n);
  }
  return true;
}

void Channel::push_cipher() {
  if (!cipher_.empty() && open()) reactor_.send(id_, std::move(cipher_));
  cipher_ = io::Slice();
}

tls::Status Channel::handshake() {
  io::SliceQueue& in = reactor_.inbox(id_);
  tls::Status status = tls::Status::WantInput;
  do {
    const Bytes input = in.empty() ? Bytes{} : in.at(0).bytes();
    engine_->set_input(input);
    status = engine_->handshake(*this);
    in.drop(input.size() - engine_->input_left());
    engine_->set_input({});
  } while (status == tls::Status::WantInput && !in.empty());
  push_cipher();  // Also after a failure: it is the alert.
  if (status == tls::Status::Failed) failure_ = engine_->error();
  return status;
}

Channel::Received Channel::receive() {
  if (!engine_) return Received::Ok;
  io::SliceQueue& in = reactor_.inbox(id_);
  io::Slice slab;
  auto result = Received::Ok;
  const size_t most = std::max(plain_max, wanted_);
  bool buffered = true;  // OpenSSL may hold decrypted bytes of a record even when nothing new came.
  while ((!in.empty() || buffered) && plain_.bytes() < most && result == Received::Ok) {
    if (slab.tail_room().size() < record_size / 4) {
      plain_.push(std::move(slab));
      slab = plain_.take_tail(record_size / 4);
      const uint32_t left_to_output = reactor_.slabs().reserve_count() / 4;
      if (slab.empty() && (reactor_.slabs().reserve_free() <= left_to_output || !reactor_.slabs().take(slab))) {
        slab = io::Slice();
        reactor_.wake_when_slabs_are_free(id_, left_to_output + 1);
        break;
      }
    }
    const Bytes input = in.empty() ? Bytes{} : in.at(0).bytes();
    engine_->set_input(input);
    size_t size = 0;
    const tls::Status status = engine_->read(slab.tail_room(), size, *this);
    in.drop(input.size() - engine_->input_left());
    engine_->set_input({});
    buffered = status == tls::Status::Ok;
    switch (status) {
      case tls::Status::Ok:
        slab.grow(static_cast<uint32_t>(size));
        break;
      case tls::Status::WantInput:
        break;
      case tls::Status::Closed:
        result = Received::PeerClosed;
        break;
      case tls::Status::Failed:
        failure_ = engine_->error();
        result = Received::Failed;
        break;
    }
  }
  plain_.push(std::move(slab));
  push_cipher();  // A key update or an alert.
  return result;
}

void Channel::request_flush() {
  if (open()) reactor_.request_flush(id_);
}

void Channel::forward(io::SliceQueue& from, size_t n) {
  if (n == 0) return;
  if (engine_) {
    from.move_to(queued_, n);
    request_flush();
    return;
  }
  io::SliceQueue part;
  from.move_to(part, n);
  reactor_.send_all(id_, part);
}

bool Channel::write(Bytes bytes) {
  io::SlabPool& slabs = reactor_.slabs();
  if (slabs.reserve_free() <= slabs.reserve_count() / reserve_parts_for_flush) return false;
  if (!engine_) return reactor_.send_copy(id_, bytes);
  while (!bytes.empty()) {
    io::Slice slab = queued_.take_tail(1);
    if (slab.empty() && !slabs.take(slab)) return false;
    const MutableBytes room = slab.tail_room();
    const size_t n = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), n);
    slab.grow(static_cast<uint32_t>(n));
    queued_.push(std::move(slab));
    bytes = bytes.subspan(n);
  }
  request_flush();
  return true;
}

void Channel::flush() {
  if (!engine_ || !open() || !engine_->established()) return;
  static thread_local std::array<std::byte, record_size> gathered;
  while (!queued_.empty() && !reactor_.above_high_mark(id_)) {
    if (reactor_.slabs().reserve_free() < reserve_for_record) {
      reactor_.wake_when_slabs_are_free(id_, reserve_for_record);
      break;
    }
    tls::Status status = tls::Status::Ok;
    const Bytes front = queued_.at(0).bytes();
    if (queued_.count() == 1 || front.size() >= record_size) {
      const Bytes record = front.first(std::min(front.size(), record_size));
      status = engine_->write(record, *this);
      queued_.drop(record.size());
    } else {
      // Several small pieces become one record: a record costs more than the copy.
      size_t size = 0;
      while (size < record_size && !queued_.empty()) {
        const Bytes piece = queued_.at(0).bytes();
        const size_t n = std::min(piece.size(), record_size - size);
        std::memcpy(gathered.data() + size, piece.data(), n);
        metrics_.copied_bytes.add(n);
        size += n;
        queued_.drop(n);
      }
      status = engine_->write(Bytes{gathered.data(), size}, *this);
    }
    if (status != tls::Status::Ok) {
      failure_ = engine_->error();
      break;
    }
  }
  push_cipher();
}

bool Channel::close_gently() {
  if (!open()) return true;
  flush();
  if (!queued_.empty() && failure_.empty()) return false;
  if (engine_) {
    engine_->close(*this);
    push_cipher();
  }
  reactor_.close_gently(id_);
  forget();
  return true;
}

void Channel::forget() {
  id_ = {};
  plain_.clear();
  queued_.clear();
}

void Channel::discard() {
  if (!open()) return;
  plain_.clear();
  reactor_.inbox(id_).clear();
}

void Channel::close_now() {
  if (!open()) return;
  reactor_.close_now(id_);
  forget();
}

}  // namespace sluice::gateway
