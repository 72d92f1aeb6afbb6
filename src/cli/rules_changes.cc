#include "cli/rules_changes.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace sluice::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::array<std::string_view, change_kind_count> titles = {"newly denied", "newly held", "newly allowed",
                                                                   "masks changed"};
constexpr std::array<std::string_view, change_kind_count> keys = {"newly_denied", "newly_held", "newly_allowed",
                                                                 "masks_changed"};

std::string cut(std::string_view text) {
  if (text.size() <= Changes::example_size_max) return std::string(text);
  return std::string(text.substr(0, Changes::example_size_max)) + "…";
}

}  // namespace

ChangeKind change_to(Verdict now) {
  if (now == Verdict::Allow) return ChangeKind::Allowed;
  return now == Verdict::Hold ? ChangeKind::Held : ChangeKind::Denied;
}

void Changes::add(const Group& group, std::string_view statement) {
  totals_[static_cast<size_t>(group.kind)] += 1;
  const auto at = groups_.find(group);
  if (at == groups_.end() && groups_.size() >= groups_max) return;
  Found& found = at == groups_.end() ? groups_[group] : at->second;
  found.count += 1;
  if (found.examples.size() < examples_max) found.examples.push_back(cut(statement));
}

void Changes::print_text() const {
  for (const auto& [group, found] : groups_) {
    fmt::print("{} {}: {}", found.count, titles[static_cast<size_t>(group.kind)], printable(group.before));
    fmt::print(" -> {}", printable(group.after));
    if (!group.subject.empty()) fmt::print(", {} at {}", printable(group.subject), printable(group.target));
    fmt::print("\n");
    for (const std::string& example : found.examples) fmt::print("    {}\n", printable(example));
  }
  fmt::print("{} statements", judged_);
  for (size_t i = 0; i < change_kind_count; ++i) fmt::print(", {} {}", totals_[i], titles[i]);
  if (unreadable_ > 0) fmt::print("; {} recorded without their text", unreadable_);
  fmt::print("\n");
}

void Changes::print_json() const {
  ordered_json list = ordered_json::array();
  for (const auto& [group, found] : groups_) {
    list.push_back({{"change", keys[static_cast<size_t>(group.kind)]}, {"subject", group.subject}, {"target", group.target},
                    {"before", group.before}, {"after", group.after}, {"count", found.count},
                    {"examples", found.examples}});
  }
  ordered_json out{{"statements", judged_}, {"not_replayable", unreadable_}};
  for (size_t i = 0; i < change_kind_count; ++i) out[std::string(keys[i])] = totals_[i];
  out["changes"] = std::move(list);
  fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace sluice::cli
