#include "control/keys_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <set>

#include "base/text.h"
#include "control/config_keys.h"
#include "control/files.h"
#include "control/keys.h"
#include "control/problems.h"
#include "control/yaml_tree.h"

namespace sluice::control {
namespace {

constexpr size_t name_size_max = 255;
constexpr uint32_t iterations_max = 1'000'000;
constexpr size_t salt_size_max = 64;
constexpr std::string_view kinds[] = {"", "human", "workload", "agent"};

std::optional<std::string> check_name(const std::string& name, std::string_view what, std::string_view forbidden) {
  const auto bad = [&](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || forbidden.contains(c); };
  if (name.empty() || name.size() > name_size_max || std::ranges::any_of(name, bad) || !utf8_valid(name)) {
    return fmt::format("expected a {} of 1 to {} characters without spaces, control characters or any of {}, found \"{}\"",
                       what, name_size_max, forbidden, printable(name.substr(0, 80)));
  }
  return std::nullopt;
}

/// Reads one mapping of the keys file. All keys are known and required; nothing else is let in.
class Entry {
 public:
  Entry(Problems& problems, const YamlNode& node, std::span<const std::string_view> names)
      : problems_(problems), node_(node) {
    if (node.kind != YamlNode::Kind::Map) {
      problems_.add(node.at, "expected a mapping, found something else");
      return;
    }
    for (const YamlNode& key : node.keys) {
      if (std::ranges::find(names, key.scalar) == names.end()) {
        problems_.add(key.at, fmt::format("expected one of {}, found another key", fmt::join(names, ", ")));
      } else if (std::ranges::count(node.keys, key.scalar, &YamlNode::scalar) > 1) {
        problems_.add(key.at, fmt::format("expected {} once, found it again", key.scalar));
      }
    }
  }
  const YamlNode* find(std::string_view name) {
    for (size_t i = 0; i < node_.keys.size(); ++i) {
      if (node_.keys[i].scalar == name) return &node_.items[i];
    }
    if (node_.kind == YamlNode::Kind::Map) problems_.add(node_.at, fmt::format("expected {}, found none", name));
    return nullptr;
  }
  std::string text(std::string_view name) {
    const YamlNode* at = find(name);
    if (at == nullptr) return {};
    if (at->kind != YamlNode::Kind::Scalar) problems_.add(at->at, fmt::format("expected text for {}", name));
    return at->scalar;
  }
  int64_t number(std::string_view name, int64_t max) {
    const YamlNode* at = find(name);
    if (at == nullptr) return 0;
    int64_t v = -1;
    const char* end = at->scalar.data() + at->scalar.size();
    const auto got = std::from_chars(at->scalar.data(), end, v);
    if (at->quoted || at->scalar.empty() || got.ec != std::errc{} || got.ptr != end || v < 0 || v > max) {
      problems_.add(at->at, fmt::format("expected a number from 0 to {} for {}", max, name));
      return 0;
    }
    return v;
  }
  std::vector<std::byte> base64(std::string_view name, size_t min, size_t max) {
    const YamlNode* at = find(name);
    std::vector<std::byte> out;
    if (at == nullptr) return out;
    if (!base64_decode(at->scalar, out) || out.size() < min || out.size() > max) {
      problems_.add(at->at, fmt::format("expected base64 of {} to {} bytes for {}", min, max, name));
      out.clear();
    }
    return out;
  }
  std::span<const YamlNode> list(std::string_view name, size_t max) {
    const YamlNode* at = find(name);
    if (at == nullptr) return {};
    if (at->kind != YamlNode::Kind::Sequence || at->items.size() > max) {
      problems_.add(at->at, fmt::format("expected a list of at most {} items for {}", max, name));
      return {};
    }
    return at->items;
  }
  void digest(std::string_view name, Digest& out) {
    const auto bytes = base64(name, out.size(), out.size());
    if (bytes.size() == out.size()) std::ranges::copy(bytes, out.begin());
  }

 private:
  Problems& problems_;
  const YamlNode& node_;
};

AccessKey read_key(Problems& problems, const YamlNode& node) {
  static constexpr std::string_view names[] = {"id", "stored_key", "server_key", "expires", "revoked"};
  Entry entry(problems, node, names);
  AccessKey key;
  key.id = entry.text("id");
  const auto id_character = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (key.id.empty() || key.id.size() > 64 || !std::ranges::all_of(key.id, id_character)) {
    problems.add(node.at, "expected an id of hexadecimal digits");
  }
  entry.digest("stored_key", key.stored_key);
  entry.digest("server_key", key.server_key);
  key.expires_unix_s = entry.number("expires", INT64_MAX);
  const std::string revoked = entry.text("revoked");
  if (revoked != "true" && revoked != "false") problems.add(node.at, "expected true or false for revoked");
  key.revoked = revoked != "false";
  return key;
}

AccessSubject read_subject(Problems& problems, const YamlNode& node) {
  static constexpr std::string_view names[] = {"subject", "kind", "groups", "salt", "iterations", "keys"};
  Entry entry(problems, node, names);
  AccessSubject out;
  out.subject = entry.text("subject");
  if (auto bad = check_subject_name(out.subject)) problems.add(node.at, *bad);
  out.kind = entry.text("kind");
  if (std::ranges::find(kinds, out.kind) == std::end(kinds)) {
    problems.add(node.at, "expected human, workload, agent or nothing for kind");
  }
  for (const YamlNode& group : entry.list("groups", key_groups_max)) {
    if (auto bad = check_group_name(group.scalar)) problems.add(group.at, *bad);
    out.groups.push_back(group.scalar);
  }
  out.salt = entry.base64("salt", access_key_salt_size, salt_size_max);
  out.iterations = static_cast<uint32_t>(entry.number("iterations", iterations_max));
  // Below RFC 7677's floor a verifier is not SCRAM-SHA-256's any more.
  if (out.iterations < access_key_iterations) problems.add(node.at, "expected at least 4096 iterations");
  for (const YamlNode& key : entry.list("keys", keys_per_subject_max)) out.keys.push_back(read_key(problems, key));
  return out;
}

class LockFile {
 public:
  static Expected<LockFile> take(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return fail(fmt::format("{}: cannot be opened: {}", path, errno_text(errno)));
    while (::flock(fd, LOCK_EX) != 0) {
      if (errno == EINTR) continue;
      const int error = errno;
      ::close(fd);
      return fail(fmt::format("{}: cannot be locked: {}", path, errno_text(error)));
    }
    return LockFile(fd);
  }
  LockFile(LockFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;
  LockFile& operator=(LockFile&&) = delete;
  ~LockFile() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  explicit LockFile(int fd) : fd_(fd) {}
  int fd_;
};

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

Expected<void> replace_file(const std::string& path, std::string_view text) {
  const std::string temporary = fmt::format("{}.new.{}", path, ::getpid());
  const auto failed = [&](std::string_view what) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return fail(fmt::format("{}: {}: {}", temporary, what, errno_text(error)));
  };
  ::unlink(temporary.c_str());  // Left by a writer that was killed; the lock says nobody else is here.
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return failed("cannot be made");
  struct stat before{};
  // An operator who runs this as root must not take the file away from the service's user.
  const bool foreign = ::stat(path.c_str(), &before) == 0 && before.st_uid != ::geteuid();
  const bool written = write_all(fd, text) && (!foreign || ::fchown(fd, before.st_uid, before.st_gid) == 0) &&
                       ::fsync(fd) == 0;
  if (::close(fd) != 0 || !written) return failed("cannot be written");
  if (::rename(temporary.c_str(), path.c_str()) != 0) return failed("cannot be renamed");
  const auto folder = std::filesystem::path(path).parent_path();
  const int directory = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    ::fsync(directory);
    ::close(directory);
  }
  return {};
}

}  // namespace

std::optional<std::string> check_subject_name(const std::string& name) {
  // "sluice" as the user means "whoever the credential proves": no subject may be called so.
  if (name == "sluice") return "expected another name for the subject: sluice stands for any";
  return check_name(name, "subject", ",\"'\\");
}

std::optional<std::string> check_group_name(const std::string& name) { return check_name(name, "group", ",*\"'\\"); }

Expected<std::vector<AccessSubject>> parse_keys(std::string_view text, const std::string& file) {
  Problems problems(file);
  std::vector<AccessSubject> out;
  const auto root = parse_yaml(text);
  if (!root) {
    problems.add(root.error().at, root.error().message);
    return fail(problems.text());
  }
  static constexpr std::string_view names[] = {"version", "subjects"};
  Entry top(problems, *root, names);
  if (top.number("version", UINT32_MAX) != 1 && problems.empty()) {
    problems.add(root->at, "expected version 1: this sluice is older than the file");
  }
  std::set<std::string> subjects;
  std::set<std::string> ids;
  for (const YamlNode& node : top.list("subjects", key_subjects_max)) {
    AccessSubject subject = read_subject(problems, node);
    if (!subjects.insert(subject.subject).second) problems.add(node.at, "expected each subject once, found it again");
    for (const AccessKey& key : subject.keys) {
      if (!ids.insert(key.id).second) problems.add(node.at, "expected each key id once, found it again");
    }
    out.push_back(std::move(subject));
  }
  if (!problems.empty()) return fail(problems.text());
  return out;
}

std::string render_keys(const std::vector<AccessSubject>& subjects) {
  std::string out = "# Written by `sluice keys`. Verifiers only: no key can be had from this file.\nversion: 1\nsubjects:";
  if (subjects.empty()) out += " []";
  out += '\n';
  const auto base64 = [](Bytes b) { return json_quote(base64_encode(b)); };
  for (const AccessSubject& s : subjects) {
    std::vector<std::string> groups;
    groups.reserve(s.groups.size());
    for (const std::string& g : s.groups) groups.push_back(json_quote(g));
    out += fmt::format("  - subject: {}\n    kind: {}\n    groups: [{}]\n    salt: {}\n    iterations: {}\n    keys:{}\n",
                       json_quote(s.subject), json_quote(s.kind), fmt::join(groups, ", "), base64(s.salt), s.iterations,
                       s.keys.empty() ? " []" : "");
    for (const AccessKey& k : s.keys) {
      out += fmt::format("      - id: {}\n        stored_key: {}\n        server_key: {}\n        expires: {}\n        revoked: {}\n",
                         json_quote(k.id), base64(k.stored_key), base64(k.server_key), k.expires_unix_s, k.revoked);
    }
  }
  return out;
}

Expected<std::vector<AccessSubject>> load_keys(const std::string& path) {
  const auto text = read_private_file(path, keys_file_size_max);
  if (!text) return std::unexpected(text.error());
  return parse_keys(*text, path);
}

Expected<void> change_keys_file(const std::string& path,
                                const std::function<Expected<void>(std::vector<AccessSubject>&)>& change) {
  // The lock is a file of its own: the keys file is another inode after each rename.
  const auto lock = LockFile::take(path + ".lock");
  if (!lock) return std::unexpected(lock.error());
  std::vector<AccessSubject> subjects;
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0 || errno != ENOENT) {
    auto loaded = load_keys(path);
    if (!loaded) return std::unexpected(loaded.error());
    subjects = std::move(*loaded);
  }
  const auto changed = change(subjects);
  if (!changed) return std::unexpected(changed.error());
  const std::string text = render_keys(subjects);
  if (text.size() > keys_file_size_max) return fail(fmt::format("{}: at most {} bytes fit", path, keys_file_size_max));
  return replace_file(path, text);
}

}  // namespace sluice::control
