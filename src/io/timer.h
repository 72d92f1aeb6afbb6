// Deadlines of one lane, as an intrusive binary heap: set, move and cancel in O(log n), no allocation
// for a timer that is already in the heap.
#pragma once
#include <cstdint>
#include <vector>

#include "base/assert.h"

namespace sluice::io {

class TimerHeap;

/// Embedded in whatever waits. Must outlive its stay in the heap; the destructor takes it out.
class Timer {
 public:
  class Client {
   public:
    virtual void on_timer(Timer& timer) = 0;

   protected:
    ~Client() = default;
  };
  explicit Timer(Client& client) : client_(client) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();
  [[nodiscard]] bool armed() const { return heap_ != nullptr; }
  [[nodiscard]] uint64_t deadline_ns() const { return deadline_ns_; }

 private:
  friend class TimerHeap;
  Client& client_;
  TimerHeap* heap_ = nullptr;
  uint64_t deadline_ns_ = 0;
  size_t position_ = 0;
};

class TimerHeap {
 public:
  void set(Timer& timer, uint64_t deadline_ns) {
    if (timer.heap_ == nullptr) {
      timer.heap_ = this;
      timer.position_ = heap_.size();
      heap_.push_back(&timer);
    }
    SLUICE_ASSERT(timer.heap_ == this);
    timer.deadline_ns_ = deadline_ns;
    up(timer.position_);
    down(timer.position_);
  }
  void cancel(Timer& timer) {
    if (timer.heap_ == nullptr) return;
    const size_t hole = timer.position_;
    timer.heap_ = nullptr;
    Timer* last = heap_.back();
    heap_.pop_back();
    if (last == &timer) return;
    place(hole, last);
    up(hole);
    down(last->position_);
  }
  /// UINT64_MAX: nothing is waiting.
  [[nodiscard]] uint64_t next_deadline() const { return heap_.empty() ? UINT64_MAX : heap_.front()->deadline_ns_; }
  /// Fires everything due. A client may set or cancel any timer meanwhile.
  void run(uint64_t now_ns) {
    while (!heap_.empty() && heap_.front()->deadline_ns_ <= now_ns) {
      Timer& due = *heap_.front();
      cancel(due);
      due.client_.on_timer(due);
    }
  }

 private:
  void place(size_t at, Timer* timer) {
    heap_[at] = timer;
    timer->position_ = at;
  }
  void up(size_t at) {
    while (at > 0) {
      const size_t parent = (at - 1) / 2;
      if (heap_[parent]->deadline_ns_ <= heap_[at]->deadline_ns_) return;
      swap(at, parent);
      at = parent;
    }
  }
  void down(size_t at) {
    for (;;) {
      size_t least = at;
      for (const size_t child : {2 * at + 1, 2 * at + 2}) {
        if (child < heap_.size() && heap_[child]->deadline_ns_ < heap_[least]->deadline_ns_) least = child;
      }
      if (least == at) return;
      swap(at, least);
      at = least;
    }
  }
  void swap(size_t a, size_t b) {
    Timer* x = heap_[a];
    place(a, heap_[b]);
    place(b, x);
  }
  std::vector<Timer*> heap_;
};

inline Timer::~Timer() {
  if (heap_ != nullptr) heap_->cancel(*this);
}

}  // namespace sluice::io
