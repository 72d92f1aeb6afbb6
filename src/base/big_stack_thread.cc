#include "base/big_stack_thread.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/assert.h"
#include "base/text.h"

namespace sluice {

struct BigStackThread::State {
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (mapping != MAP_FAILED) munmap(mapping, mapping_size);
  }
  void* mapping = MAP_FAILED;
  size_t mapping_size = 0;
  pthread_t thread{};
  std::string name;
  std::move_only_function<void()> run;
};

BigStackThread::BigStackThread() = default;
BigStackThread::BigStackThread(BigStackThread&& other) noexcept = default;

BigStackThread& BigStackThread::operator=(BigStackThread&& other) noexcept {
  if (this != &other) {
    join();
    state_ = std::move(other.state_);
  }
  return *this;
}

BigStackThread::~BigStackThread() { join(); }

void* BigStackThread::enter(void* state) {
  auto& self = *static_cast<State*>(state);
  pthread_setname_np(pthread_self(), self.name.c_str());
  self.run();
  return nullptr;
}

Expected<BigStackThread> BigStackThread::start(std::string name, std::move_only_function<void()> run) {
  auto state = std::make_unique<State>();
  constexpr size_t thread_name_size_max = 15;
  name.resize(std::min(name.size(), thread_name_size_max));
  state->name = std::move(name);
  state->run = std::move(run);

  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  state->mapping_size = stack_size + page;
  state->mapping = mmap(nullptr, state->mapping_size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (state->mapping == MAP_FAILED) {
    return fail(std::string("cannot map 256 MiB of address space for a thread's stack: ") + errno_text(errno));
  }
  auto* const bottom = static_cast<std::byte*>(state->mapping) + page;
  if (mprotect(state->mapping, page, PROT_NONE) != 0) {
    return fail(std::string("cannot protect the guard page of a thread's stack: ") + errno_text(errno));
  }
  // Both are hints. Statements pass through stacks, and stacks must not reach core dumps; huge pages
  // would commit 2 MiB for the first byte touched.
  madvise(state->mapping, state->mapping_size, MADV_DONTDUMP);
  madvise(state->mapping, state->mapping_size, MADV_NOHUGEPAGE);

  pthread_attr_t attributes;
  SLUICE_ASSERT(pthread_attr_init(&attributes) == 0);
  SLUICE_ASSERT(pthread_attr_setstack(&attributes, bottom, stack_size) == 0);
  const int error = pthread_create(&state->thread, &attributes, &BigStackThread::enter, state.get());
  pthread_attr_destroy(&attributes);
  if (error != 0) return fail(std::string("cannot start a thread: ") + errno_text(error));

  BigStackThread started;
  started.state_ = std::move(state);
  return started;
}

void BigStackThread::join() {
  if (state_ == nullptr) return;
  SLUICE_ASSERT(pthread_join(state_->thread, nullptr) == 0);
  state_.reset();
}

}  // namespace sluice
