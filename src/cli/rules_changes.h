// What another rule set would do otherwise: counted by principal and rule, each with examples.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/verdict.h"

namespace sluice::cli {

enum class ChangeKind : uint8_t { Denied, Held, Allowed, Masks, Count_ };
inline constexpr size_t change_kind_count = static_cast<size_t>(ChangeKind::Count_);

/// What a change of the verdict into `now` is.
[[nodiscard]] ChangeKind change_to(Verdict now);

class Changes {
 public:
  static constexpr size_t examples_max = 3;      ///< For each group.
  static constexpr size_t groups_max = 10'000;   ///< What comes after is counted only.
  static constexpr size_t example_size_max = 200;

  struct Group {
    ChangeKind kind = ChangeKind::Denied;
    std::string subject;  ///< Empty: not told apart.
    std::string target;
    std::string before;   ///< In words: "allow by default".
    std::string after;
    auto operator<=>(const Group&) const = default;
  };

  void add(const Group& group, std::string_view statement);
  void count_judged() { judged_ += 1; }
  void count_unreadable() { unreadable_ += 1; }

  void print_text() const;
  void print_json() const;

 private:
  struct Found {
    size_t count = 0;
    std::vector<std::string> examples;
  };
  std::map<Group, Found> groups_;
  std::array<size_t, change_kind_count> totals_{};
  size_t judged_ = 0;
  size_t unreadable_ = 0;  ///< Recorded without their text.
};

}  // namespace sluice::cli
