// A thread whose stack can hold the recursion that hostile SQL text provokes in a grammar.
#pragma once
#include <pthread.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"

namespace sluice {

/// A joinable thread on its own mapping: 256 MiB of address space, of which only touched pages cost
/// memory, with a guard page below, so an overflow is a crash and never a silent overwrite. The stack
/// is left out of core dumps. The destructor joins.
class BigStackThread {
 public:
  static constexpr size_t stack_size = size_t{256} << 20;  ///< Bytes, without the guard page.

  BigStackThread();  ///< No thread: joinable() is false.
  BigStackThread(BigStackThread&& other) noexcept;
  BigStackThread& operator=(BigStackThread&& other) noexcept;
  BigStackThread(const BigStackThread&) = delete;
  BigStackThread& operator=(const BigStackThread&) = delete;
  ~BigStackThread();

  /// Starts `run` on a new thread. `name` is cut to the 15 bytes that Linux keeps. Fails when the
  /// address space or the thread limit is used up.
  [[nodiscard]] static Expected<BigStackThread> start(std::string name, std::move_only_function<void()> run);

  /// Waits for the end and gives the stack back. Only from another thread; idempotent.
  void join();
  [[nodiscard]] bool joinable() const { return state_ != nullptr; }

 private:
  struct State;
  static void* enter(void* state);
  std::unique_ptr<State> state_;
};

}  // namespace sluice
