// Files, as the log uses them: owned descriptors and whole reads and writes, with errors as sentences.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace sluice::audit {

/// Owns one descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { close(); }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  void close();

 private:
  int fd_ = -1;
};

/// "what PATH: reason of errno".
[[nodiscard]] std::unexpected<Error> system_failure(const std::string& what, const std::string& path, int error);

/// Never follows a symbolic link in the last component. `mode` counts only when a file is created.
[[nodiscard]] Expected<Fd> open_file(const std::string& path, int flags, unsigned mode = 0600);
[[nodiscard]] Expected<uint64_t> file_size(const Fd&, const std::string& path);
/// Reads up to out.size() bytes at `offset`; fewer only at the end of the file.
[[nodiscard]] Expected<size_t> read_at(const Fd&, const std::string& path, uint64_t offset, MutableBytes out);
[[nodiscard]] Expected<void> write_at(const Fd&, const std::string& path, uint64_t offset, Bytes data);
[[nodiscard]] Expected<void> sync_data(const Fd&, const std::string& path);
/// Makes created, renamed and removed names in `directory` durable.
[[nodiscard]] Expected<void> sync_directory(const std::string& directory);
/// Creates the directory (0700) when it is missing; its parent must exist.
[[nodiscard]] Expected<void> make_directory(const std::string& directory);
/// Names in a directory without "." and "..", sorted. A missing directory has none.
[[nodiscard]] Expected<std::vector<std::string>> list_directory(const std::string& directory);
/// Holds an exclusive lock on `<directory>/lock` for as long as the Fd lives.
[[nodiscard]] Expected<Fd> lock_directory(const std::string& directory);

/// CLOCK_REALTIME.
[[nodiscard]] int64_t unix_now_ns();

}  // namespace sluice::audit
