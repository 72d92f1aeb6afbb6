#include "cli/compile_child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <new>
#include <string>

// The header of glibc 2.36 declares C functions as if they were C++.
extern "C" {
#include <sys/pidfd.h>
}

#include "base/text.h"
#include "cli/cli.h"
#include "rules/compile/artefact.h"

// A sanitizer maps terabytes of shadow memory, so that no limit on address space can be kept.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLUICE_LIMITS_ADDRESS_SPACE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SLUICE_LIMITS_ADDRESS_SPACE 0
#endif
#endif
#ifndef SLUICE_LIMITS_ADDRESS_SPACE
#define SLUICE_LIMITS_ADDRESS_SPACE 1
#endif

namespace sluice::cli {
namespace {

constexpr size_t reason_size_max = 64U << 10;
constexpr int no_memory_code = 40;  // Unlike any of ExitCode.
constexpr std::string_view memory_argument = "memory=";
constexpr std::string_view time_argument = "seconds=";
constexpr std::string_view target_argument = "target=";
constexpr std::string_view mask_key_argument = "mask-key=";  // Their names: the process needs no secret.

struct Descriptor {
  explicit Descriptor(int fd) : value(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
  int value;
};

bool write_all(int fd, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return true;
}

/// Everything from the file's beginning; nullopt: it cannot be read, or is larger than `size_max`.
std::optional<std::vector<std::byte>> read_all(int fd, size_t size_max) {
  struct stat status{};
  if (::fstat(fd, &status) != 0 || status.st_size < 0 || static_cast<uint64_t>(status.st_size) > size_max) return std::nullopt;
  std::vector<std::byte> out(static_cast<size_t>(status.st_size));
  for (size_t have = 0; have < out.size();) {
    const ssize_t n = ::pread(fd, out.data() + have, out.size() - have, static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::nullopt;
    have += static_cast<size_t>(n);
  }
  return out;
}

uint64_t seconds_of(const CompileLimits& limits) { return (limits.time_ms + 999) / 1000; }

// It has what it is given: two descriptors and standard error, no environment, no blocked signal.
Expected<pid_t> start(const Descriptor& request, const Descriptor& answer, std::vector<std::string> arguments) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  char* no_environment[] = {nullptr};

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&files, request.value, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, answer.value, STDOUT_FILENO);
  ::posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  // A group of its own: Ctrl-C on the gateway's terminal begins a drain, and is no reason to fail here.
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t child = -1;
  // The running program itself, also when its file was replaced since.
  const int failed = ::posix_spawn(&child, "/proc/self/exe", &files, &attributes, argv.data(), no_environment);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  if (failed != 0) return fail(fmt::format("no process to compile rules can be started: {}", errno_text(failed)));
  return child;
}

Error too_much(std::string_view what, std::string_view key) {
  return {fmt::format("compiling the rules {}, and was stopped: make their patterns simpler, or raise {}", what, key)};
}

Error out_of_memory(const CompileLimits& limits) {
  return too_much(fmt::format("needs more than {} MiB", limits.memory >> 20), "compile.memory");
}

/// The status of waitpid(). An error where it did not end by itself: then it was killed.
Expected<int> wait_for(pid_t child, int64_t timeout_ms, int cancel) {
  const Descriptor ends(::pidfd_open(child, 0));
  const int no_descriptor = ends.value < 0 ? errno : 0;
  bool in_time = false;
  bool cancelled = false;
  timespec now{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto ms = [](const timespec& t) { return int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000; };
  const int64_t until = ms(now) + timeout_ms;
  for (int64_t left = timeout_ms; no_descriptor == 0 && !in_time && !cancelled && left > 0; left = until - ms(now)) {
    pollfd polled[] = {{ends.value, POLLIN, 0}, {cancel, POLLIN, 0}};
    if (::poll(polled, 2, static_cast<int>(left)) > 0) {
      in_time = polled[0].revents != 0;
      cancelled = polled[1].revents != 0;
    }
    (void)::clock_gettime(CLOCK_MONOTONIC, &now);
  }
  if (!in_time) (void)::kill(child, SIGKILL);
  int status = 0;
  int error = 0;
  while (::waitpid(child, &status, 0) < 0) {
    error = errno;
    if (error != EINTR) return fail(fmt::format("the process that compiles rules cannot be waited for: {}", errno_text(error)));
  }
  if (no_descriptor != 0) return fail(fmt::format("the process that compiles rules cannot be watched: {}", errno_text(no_descriptor)));
  if (cancelled && !in_time) return fail("compiling the rules was stopped, since the gateway stops");
  if (!in_time) {
    return std::unexpected(too_much(fmt::format("did not end within {} s", timeout_ms / 1000), "compile.time"));
  }
  return status;
}

Expected<void> check_end(int status, int answer, const CompileLimits& limits) {
  if (WIFSIGNALED(status)) {
    if (WTERMSIG(status) == SIGXCPU) {
      return std::unexpected(too_much(fmt::format("took more than {} s", seconds_of(limits)), "compile.time"));
    }
    // The end of an allocation that fails, there or in a library. A broken invariant says more on standard error.
    if (WTERMSIG(status) == SIGABRT) return std::unexpected(out_of_memory(limits));
    if (WTERMSIG(status) == SIGXFSZ) return fail("the compiled rules would be too large: divide the rules");
    return fail(fmt::format("compiling the rules was ended by signal {}: is the machine short of memory?", WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) == Ok) return {};
  if (WEXITSTATUS(status) == no_memory_code) {
    return std::unexpected(out_of_memory(limits));
  }
  const auto reason = read_all(answer, reason_size_max);
  if (WEXITSTATUS(status) == BadConfig && reason && !reason->empty()) return fail(std::string(as_text(*reason)));
  return fail(fmt::format("compiling the rules ended with code {} and no reason", WEXITSTATUS(status)));
}

// False: this limit cannot be set. One that is lower already stays.
bool limit(int which, uint64_t most) {
  const auto resource = static_cast<__rlimit_resource_t>(which);
  rlimit now{};
  if (::getrlimit(resource, &now) != 0) return false;
  // Above the soft limit on time comes a signal that says so; above the hard one comes SIGKILL, which does not.
  const rlimit both{std::min<rlim_t>(most, now.rlim_max), std::min<rlim_t>(which == RLIMIT_CPU ? most + 1 : most, now.rlim_max)};
  return ::setrlimit(resource, &both) == 0;
}

// Where memory is short on this machine, this process is the one to end.
void offer_to_be_killed() {
  const Descriptor file(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  (void)!::write(file.value, "1000", 4);
}

struct Orders {
  uint64_t memory = 0;
  uint64_t seconds = 0;
  rules::CompileContext context;
};

std::optional<Orders> parse_orders(std::span<char*> arguments) {
  Orders out;
  for (const std::string_view argument : arguments) {
    const auto number = [&](std::string_view name, uint64_t& value) {
      const std::string_view digits = argument.substr(name.size());
      return std::from_chars(digits.data(), digits.data() + digits.size(), value).ec == std::errc{};
    };
    if (argument.starts_with(target_argument)) {
      out.context.targets.emplace_back(argument.substr(target_argument.size()));
    } else if (argument.starts_with(mask_key_argument)) {
      out.context.mask_keys.push_back(rules::stand_in_mask_key(std::string(argument.substr(mask_key_argument.size()))));
    } else if (!(argument.starts_with(memory_argument) && number(memory_argument, out.memory)) &&
               !(argument.starts_with(time_argument) && number(time_argument, out.seconds))) {
      return std::nullopt;
    }
  }
  out.context.any_target = out.context.targets.empty();
  if (out.memory == 0 || out.seconds == 0) return std::nullopt;
  return out;
}

Expected<std::vector<std::byte>> compile_request(const rules::CompileContext& context) {
  const auto request = read_all(STDIN_FILENO, rules::artefact_size_max);
  if (!request) return fail("the rules to compile cannot be read");
  const auto asked = rules::read_artefact(*request);
  if (!asked) return std::unexpected(asked.error());
  const auto set = rules::compile(asked->sources, context, 1, nullptr);
  if (!set) return std::unexpected(set.error());
  const auto databases = rules::save_databases(**set);
  if (!databases) return std::unexpected(databases.error());
  return rules::write_artefact(asked->stamp, asked->sources, *databases, nullptr);
}

}  // namespace

Expected<rules::StoredDatabases> compile_in_child(std::span<const rules::SourceFile> sources,
                                                  const rules::CompileContext& context, const CompileLimits& limits,
                                                  int cancel) {
  // Sources travel as a compiled file that has no databases yet.
  const auto asked = rules::write_artefact(rules::stamp_here(), sources, {}, nullptr);
  if (!asked) return std::unexpected(asked.error());
  const Descriptor request(::memfd_create("rules", MFD_CLOEXEC));
  const Descriptor answer(::memfd_create("compiled-rules", MFD_CLOEXEC));
  if (request.value < 0 || answer.value < 0 || !write_all(request.value, *asked)) {
    return fail(fmt::format("rules cannot be handed to a process that compiles them: {}", errno_text(errno)));
  }
  std::vector<std::string> arguments{std::string(compile_child_name), fmt::format("{}{}", memory_argument, limits.memory),
                                     fmt::format("{}{}", time_argument, seconds_of(limits))};
  for (const std::string& target : context.targets) arguments.push_back(fmt::format("{}{}", target_argument, target));
  for (const auto& key : context.mask_keys) arguments.push_back(fmt::format("{}{}", mask_key_argument, key->name));
  const auto child = start(request, answer, std::move(arguments));
  if (!child) return std::unexpected(child.error());
  const auto status = wait_for(*child, static_cast<int64_t>(seconds_of(limits)) * 1000 * wall_clock_factor, cancel);
  if (!status) return std::unexpected(status.error());
  if (auto ended = check_end(*status, answer.value, limits); !ended) return std::unexpected(ended.error());

  const auto bytes = read_all(answer.value, rules::artefact_size_max);
  if (!bytes) return fail("the compiled rules cannot be read back");
  auto made = rules::read_artefact(*bytes);
  if (!made) return std::unexpected(made.error());
  if (made->hash != rules::source_hash(sources)) return fail("the compiled rules are not of the sources they were asked for");
  return std::move(made->databases);
}

int run_compile_child(std::span<char*> arguments) {
  auto orders = parse_orders(arguments);
  if (!orders) return complain(Usage, "this name is for sluice itself: it compiles rules under it");
  // Whoever asked is gone: nobody waits for the answer.
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)::prctl(PR_SET_DUMPABLE, 0);
  offer_to_be_killed();
  std::set_new_handler([] { ::_exit(no_memory_code); });
  const bool limited = limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, rules::artefact_size_max) && limit(RLIMIT_CPU, orders->seconds) &&
                       (SLUICE_LIMITS_ADDRESS_SPACE == 0 || limit(RLIMIT_AS, orders->memory));
  const Expected<std::vector<std::byte>> made = limited ? compile_request(orders->context)
                                                        : fail("the process that compiles rules cannot be limited");
  const Bytes out = made ? Bytes(*made) : as_bytes(std::string_view(made.error().message).substr(0, reason_size_max));
  if (!write_all(STDOUT_FILENO, out)) return Failed;
  return made ? Ok : BadConfig;
}

}  // namespace sluice::cli
