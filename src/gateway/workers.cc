#include "gateway/workers.h"

namespace sluice::gateway {

Expected<void> Workers::start(unsigned threads) {
  for (unsigned i = 0; i < threads; ++i) {
    auto thread = BigStackThread::start("worker", [this] { run(); });
    if (!thread) return std::unexpected(thread.error());
    threads_.push_back(std::move(*thread));
  }
  return {};
}

Workers::~Workers() { stop(); }

void Workers::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    jobs_.clear();
  }
  wake_.notify_all();
  threads_.clear();
}

bool Workers::post(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || jobs_.size() >= waiting_max) return false;
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

void Workers::run() {
  for (;;) {
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

}  // namespace sluice::gateway
