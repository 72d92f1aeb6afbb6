#include "control/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>

#include "base/crypto.h"
#include "base/text.h"

namespace sluice::control {
namespace {

struct Descriptor {
  explicit Descriptor(int fd) : value(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
  int value;
};

std::string mode_message(const std::string& path, mode_t mode) {
  return fmt::format("{}: expected a file only its owner can read, found mode {:04o}: run chmod 0600", path,
                     mode & 07777);
}

// Without leaving what it held behind in freed memory.
void grow(std::string& text, size_t size) {
  std::string larger(size, '\0');
  std::ranges::copy(text, larger.begin());
  wipe(text);
  text = std::move(larger);
}

Expected<std::string> read_checked(const std::string& path, size_t size_max, bool secret) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.value < 0) return fail(fmt::format("{}: cannot be opened: {}", path, errno_text(errno)));
  struct stat status{};
  if (::fstat(file.value, &status) != 0) return fail(fmt::format("{}: {}", path, errno_text(errno)));
  if (!S_ISREG(status.st_mode)) return fail(fmt::format("{}: expected a file, found something else", path));
  if (secret && (status.st_mode & 077) != 0) return fail(mode_message(path, status.st_mode));
  // A byte more than it has tells whether it grew, or is one that has no size, as in /proc.
  std::string out(std::min(static_cast<size_t>(std::max<off_t>(status.st_size, 0)), size_max) + 1, '\0');
  size_t have = 0;
  while (have < out.size()) {
    const ssize_t n = ::read(file.value, out.data() + have, out.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(fmt::format("{}: cannot be read: {}", path, errno_text(errno)));
    if (n == 0) break;
    have += static_cast<size_t>(n);
    if (have == out.size() && have <= size_max) grow(out, std::min(2 * have, size_max + 1));
  }
  if (have > size_max) {
    wipe(out);
    return fail(fmt::format("{}: expected at most {} bytes, found more", path, size_max));
  }
  out.resize(have);
  return out;
}

std::string openssl_reason() {
  const unsigned long code = ERR_get_error();
  const char* reason = ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "not PEM" : reason;
}

struct FreeContext {
  void operator()(SSL_CTX* c) const { SSL_CTX_free(c); }
};

/// A key with a pass phrase would make OpenSSL ask on the terminal: answer with none.
int no_pass_phrase(char*, int, int, void*) { return 0; }

}  // namespace

Expected<std::string> read_file(const std::string& path, size_t size_max) {
  return read_checked(path, size_max, false);
}

std::string read_beginning(const std::string& path, size_t size) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::string out(size, '\0');
  const ssize_t n = file.value < 0 ? -1 : ::read(file.value, out.data(), out.size());
  out.resize(n < 0 ? 0 : static_cast<size_t>(n));
  return out;
}

Expected<std::string> read_private_file(const std::string& path, size_t size_max) {
  return read_checked(path, size_max, true);
}

Expected<std::vector<std::string>> rule_files(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::is_regular_file(status)) return std::vector{path};
  if (!std::filesystem::is_directory(status)) return fail(fmt::format("{}: no file and no folder of that name", path));
  std::vector<std::string> found;
  for (auto it = std::filesystem::directory_iterator(path, error); !error && it != std::filesystem::directory_iterator();
       it.increment(error)) {
    const std::string file = it->path().string();
    const bool wanted = it->path().extension() == ".yaml" && !file.ends_with(rule_tests_ending);
    if (wanted && found.size() <= rule_files_max) found.push_back(file);
  }
  if (error) return fail(fmt::format("{}: {}", path, error.message()));
  std::ranges::sort(found);
  return found;
}

Expected<std::vector<PublicKey>> read_public_keys(const std::string& path) {
  const auto text = read_file(path, key_file_size_max);
  if (!text) return std::unexpected(text.error());
  auto keys = parse_public_pem(*text);
  if (!keys) return fail(fmt::format("{}: {}", path, keys.error().message));
  return keys;
}

std::optional<std::string> check_private_file(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return fmt::format("{}: {}", path, errno_text(errno));
  if (!S_ISREG(status.st_mode)) return fmt::format("{}: expected a file, found something else", path);
  if ((status.st_mode & 077) != 0) return mode_message(path, status.st_mode);
  if (::access(path.c_str(), R_OK) != 0) return fmt::format("{}: {}", path, errno_text(errno));
  return std::nullopt;
}

std::optional<std::string> check_authorities(const std::string& path) {
  const std::unique_ptr<SSL_CTX, FreeContext> context(SSL_CTX_new(TLS_method()));
  ERR_clear_error();
  if (context == nullptr || SSL_CTX_load_verify_file(context.get(), path.c_str()) != 1) {
    return fmt::format("{}: expected certificates in PEM: {}", path, openssl_reason());
  }
  return std::nullopt;
}

std::optional<std::string> check_certificate_and_key(const std::string& certificate, const std::string& key) {
  if (auto bad = check_private_file(key)) return bad;
  const std::unique_ptr<SSL_CTX, FreeContext> context(SSL_CTX_new(TLS_method()));
  ERR_clear_error();
  if (context == nullptr) return "OpenSSL is out of memory";
  SSL_CTX_set_default_passwd_cb(context.get(), no_pass_phrase);
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) != 1) {
    return fmt::format("{}: expected a certificate in PEM: {}", certificate, openssl_reason());
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fmt::format("{}: expected the private key of {} in PEM, without a pass phrase: {}", key, certificate,
                       openssl_reason());
  }
  if (SSL_CTX_check_private_key(context.get()) != 1) {
    return fmt::format("{}: expected the private key of {}: {}", key, certificate, openssl_reason());
  }
  return std::nullopt;
}

FileStamp stamp_of(const std::string& path) {
  FileStamp out;
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return out;
  const auto ns = [](const timespec& t) { return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec; };
  out.device = status.st_dev;
  out.inode = status.st_ino;
  out.size = status.st_size;
  out.modified_ns = ns(status.st_mtim);
  out.changed_ns = ns(status.st_ctim);
  return out;
}

}  // namespace sluice::control
