// Messages to a lane from other threads. The one way in: lanes share nothing else that changes.
#pragma once
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "io/kernel.h"

namespace sluice::io {

/// post() is for any thread; take() for the lane. Unbounded by itself: every sender is bounded by what
/// it may have outstanding (one parse a session, one hand-off an accept, a few from the control plane).
class Mailbox {
 public:
  using Letter = std::function<void()>;

  void attach(Kernel* kernel) {
    const std::lock_guard lock(mutex_);
    kernel_ = kernel;
    if (kernel_ != nullptr && !letters_.empty()) kernel_->notify();
  }
  void post(Letter letter) {
    const std::lock_guard lock(mutex_);
    // One doorbell for a batch: whoever finds the box empty rings.
    const bool ring = letters_.empty();
    letters_.push_back(std::move(letter));
    if (ring && kernel_ != nullptr) kernel_->notify();
  }
  /// Empties the box into `out` (cleared first).
  void take(std::vector<Letter>& out) {
    out.clear();
    const std::lock_guard lock(mutex_);
    out.swap(letters_);
  }

 private:
  std::mutex mutex_;
  std::vector<Letter> letters_;
  Kernel* kernel_ = nullptr;
};

}  // namespace sluice::io
