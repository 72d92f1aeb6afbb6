// Collects what is wrong with one file, so that all of it is told at once.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "control/yaml_tree.h"

namespace sluice::control {

inline constexpr size_t problems_shown_max = 20;

class Problems {
 public:
  /// `file`: as the user wrote it.
  explicit Problems(std::string file) : file_(std::move(file)) {}
  /// `message`: "expected …, found …", without a secret.
  void add(Position at, std::string message) { list_.emplace_back(at, std::move(message)); }
  [[nodiscard]] bool empty() const { return list_.empty(); }
  [[nodiscard]] size_t size() const { return list_.size(); }
  /// `file:line:column: message` lines in the order of the file, problems_shown_max at most, then how
  /// many more.
  [[nodiscard]] std::string text() const;
  /// The same lines one by one, all of them.
  [[nodiscard]] std::vector<std::string> lines() const;

 private:
  std::string file_;
  std::vector<std::pair<Position, std::string>> list_;
};

}  // namespace sluice::control
