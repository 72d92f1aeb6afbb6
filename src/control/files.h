// Reading and checking the files a configuration names. Messages name the file and what to do.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/signature.h"

namespace sluice::control {

/// The whole file; an error when it cannot be read or is larger than `size_max` bytes.
[[nodiscard]] Expected<std::string> read_file(const std::string& path, size_t size_max);

/// At most `size` bytes from its beginning; empty where it cannot be read.
[[nodiscard]] std::string read_beginning(const std::string& path, size_t size);

/// Like read_file, and refused when group or others may read or write it.
[[nodiscard]] Expected<std::string> read_private_file(const std::string& path, size_t size_max);

/// At most this many rule files make one set.
inline constexpr size_t rule_files_max = 4096;
/// Files whose name ends so are no rule files: they hold tests of the rules they stand beside.
inline constexpr std::string_view rule_tests_ending = ".test.yaml";
/// The path itself where it is a file; the *.yaml in it, by name, but *.test.yaml, where it is a folder. More than
/// rule_files_max may come back by one.
[[nodiscard]] Expected<std::vector<std::string>> rule_files(const std::string& path);

/// Public keys of Ed25519, PEM. The error names the file.
[[nodiscard]] Expected<std::vector<PublicKey>> read_public_keys(const std::string& path);

/// Each nullopt: good; else the sentence that says what is not.
[[nodiscard]] std::optional<std::string> check_private_file(const std::string& path);
[[nodiscard]] std::optional<std::string> check_authorities(const std::string& path);
[[nodiscard]] std::optional<std::string> check_certificate_and_key(const std::string& certificate,
                                                                   const std::string& key);

/// What changes when a file does: written in place, replaced by rename, or its link turned elsewhere.
struct FileStamp {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size = -1;         ///< -1: not there.
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;
  bool operator==(const FileStamp&) const = default;
};
[[nodiscard]] FileStamp stamp_of(const std::string& path);

}  // namespace sluice::control
