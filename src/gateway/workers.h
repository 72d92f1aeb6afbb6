// A few threads for what may not run on a lane: parsing long texts, resolving names. Jobs answer by
// post to the asking lane's mailbox. Their stacks are large, since the SQL grammar recurses.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/big_stack_thread.h"

namespace sluice::gateway {

class Workers {
 public:
  Workers() = default;
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  [[nodiscard]] Expected<void> start(unsigned threads);
  /// Waits for the jobs that run; those that wait are dropped, and later ones refused.
  void stop();
  /// Runs `job` soon. False: too many are waiting, so the caller refuses what it wanted.
  [[nodiscard]] bool post(std::function<void()> job);
  static constexpr size_t waiting_max = 4096;

 private:
  void run();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::vector<BigStackThread> threads_;
};

}  // namespace sluice::gateway
