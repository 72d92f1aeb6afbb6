#include "audit/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <system_error>

namespace sluice::audit {

void Fd::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::unexpected<Error> system_failure(const std::string& what, const std::string& path, int error) {
  return fail(fmt::format("{} {}: {}", what, path, std::system_category().message(error)));
}

Expected<Fd> open_file(const std::string& path, int flags, unsigned mode) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd.valid()) return system_failure("cannot open", path, errno);
  return fd;
}

Expected<uint64_t> file_size(const Fd& fd, const std::string& path) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return system_failure("cannot examine", path, errno);
  if (!S_ISREG(status.st_mode)) return fail(fmt::format("{} is not a regular file", path));
  return static_cast<uint64_t>(status.st_size);
}

Expected<size_t> read_at(const Fd& fd, const std::string& path, uint64_t offset, MutableBytes out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t n = ::pread(fd.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure("cannot read", path, errno);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

Expected<void> write_at(const Fd& fd, const std::string& path, uint64_t offset, Bytes data) {
  while (!data.empty()) {
    const ssize_t n = ::pwrite(fd.get(), data.data(), data.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return system_failure("cannot write", path, n < 0 ? errno : ENOSPC);
    data = data.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return {};
}

Expected<void> sync_data(const Fd& fd, const std::string& path) {
  // Not repeated after a failure: the kernel marks the pages clean, and a second call would lie.
  if (::fdatasync(fd.get()) != 0) return system_failure("cannot make durable", path, errno);
  return {};
}

Expected<void> sync_directory(const std::string& directory) {
  auto fd = open_file(directory, O_RDONLY | O_DIRECTORY);
  if (!fd) return std::unexpected(fd.error());
  if (::fsync(fd->get()) != 0) return system_failure("cannot make durable", directory, errno);
  return {};
}

Expected<void> make_directory(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return system_failure("cannot create directory", directory, errno);
  return {};
}

Expected<std::vector<std::string>> list_directory(const std::string& directory) {
  std::vector<std::string> names;
  DIR* handle = ::opendir(directory.c_str());
  if (handle == nullptr) {
    if (errno == ENOENT) return names;
    return system_failure("cannot list", directory, errno);
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of one thread, for which glibc promises safety.
  while (const dirent* entry = ::readdir(handle)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(handle);
  std::ranges::sort(names);
  return names;
}

Expected<Fd> lock_directory(const std::string& directory) {
  const std::string path = directory + "/lock";
  auto fd = open_file(path, O_RDWR | O_CREAT);
  if (!fd) return std::unexpected(fd.error());
  if (::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return fail(fmt::format("{} is in use by another sluice: give each its own audit.directory and "
                              "audit.ring_directory",
                              directory));
    return system_failure("cannot lock", path, errno);
  }
  return fd;
}

int64_t unix_now_ns() {
  timespec now{};
  (void)::clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace sluice::audit
