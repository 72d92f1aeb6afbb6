#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace sluice::cli {
namespace {

constexpr size_t steps = 40;            // The width of the bar.
constexpr size_t counted_apart = 1000;  // Where no total is known.

}  // namespace

Progress::Progress(std::string what, size_t total)
    : what_(std::move(what)), total_(total), terminal_(::isatty(STDERR_FILENO) == 1) {
  if (terminal_) draw();
}

Progress::~Progress() {
  if (!terminal_) return;
  fmt::print(stderr, "\r\x1b[K");
  (void)std::fflush(stderr);
}

void Progress::advance() {
  done_ += 1;
  if (!terminal_) return;
  const size_t step = total_ == 0 ? done_ / counted_apart : std::min(done_, total_) * steps / total_;
  if (step == drawn_) return;
  drawn_ = step;
  draw();
}

void Progress::draw() {
  if (total_ == 0) {
    fmt::print(stderr, "\r{} {}", what_, done_);
  } else {
    fmt::print(stderr, "\r{} [{:<{}}] {}/{}", what_, std::string(drawn_, '='), steps, done_, total_);
  }
  (void)std::fflush(stderr);
}

}  // namespace sluice::cli
