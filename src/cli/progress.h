// A bar for work that a person waits for. Only on a terminal, and only on standard error.
#pragma once
#include <cstddef>
#include <string>

namespace sluice::cli {

class Progress {
 public:
  /// `total` 0: not known, so what is done is counted.
  Progress(std::string what, size_t total);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Wipes the bar: what is printed next stands on a line of its own.
  ~Progress();
  void advance();

 private:
  void draw();

  std::string what_;
  size_t total_;
  size_t done_ = 0;
  size_t drawn_ = 0;  ///< The step that is shown.
  bool terminal_;
};

}  // namespace sluice::cli
