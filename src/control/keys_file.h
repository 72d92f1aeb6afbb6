// The keys file on disk: names it allows, and changing it so that readers and other writers never see
// half of it.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/settings.h"

namespace sluice::control {

inline constexpr size_t keys_file_size_max = 4U << 20;
inline constexpr size_t key_subjects_max = 10'000;
inline constexpr size_t keys_per_subject_max = 64;
inline constexpr size_t key_groups_max = 64;

/// Each nullopt: good; else a sentence.
[[nodiscard]] std::optional<std::string> check_subject_name(const std::string& name);
[[nodiscard]] std::optional<std::string> check_group_name(const std::string& name);

/// Under an exclusive lock (`path`.lock): read, change, write beside it, fsync, rename. An error from
/// `change` leaves the file as it was. The owner of a file that exists stays its owner.
[[nodiscard]] Expected<void> change_keys_file(
    const std::string& path, const std::function<Expected<void>(std::vector<AccessSubject>&)>& change);

}  // namespace sluice::control
