// `sluice rules compile` and `sluice rules keygen`: rule sets as signed files.
#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/load_rules.h"
#include "cli/rules_tools.h"
#include "control/files.h"

namespace sluice::cli {
namespace {

// Enough for every type that ships; what is not measured by then goes by its kind.
constexpr std::chrono::milliseconds measuring_max{30'000};
constexpr mode_t public_mode = 0644;
constexpr mode_t private_mode = 0600;

struct CompileOptions {
  std::string config;
  std::vector<std::string> paths;
  std::string out;
  std::string sign;
};

enum class Existing : uint8_t { Keep, Replace };

// Under a name of its own and renamed, or made as new: nobody reads half a file, and no key is overwritten.
Expected<void> write_file(const std::string& path, std::string_view bytes, mode_t mode, Existing existing) {
  const std::string name = existing == Existing::Replace ? fmt::format("{}.{}", path, ::getpid()) : path;
  const int fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) return fail(fmt::format("{}: cannot be made: {}", path, errno_text(errno)));
  int error = ::fchmod(fd, mode) == 0 ? 0 : errno;
  while (error == 0 && !bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno != EINTR) error = errno;
    if (n > 0) bytes.remove_prefix(static_cast<size_t>(n));
  }
  if (error == 0 && ::fsync(fd) != 0) error = errno;
  if (::close(fd) != 0 && error == 0) error = errno;
  if (error == 0 && existing == Existing::Replace && ::rename(name.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return {};
  (void)::unlink(name.c_str());
  return fail(fmt::format("{}: cannot be written: {}", path, errno_text(error)));
}

Expected<SigningKey> read_signing_key(const std::string& path) {
  auto text = control::read_private_file(path, key_file_size_max);
  if (!text) return std::unexpected(text.error());
  const Secret pem(std::move(*text));
  auto key = parse_private_pem(pem.reveal());
  if (!key) return fail(fmt::format("{}: {}", path, key.error().message));
  return key;
}

int compile(const CompileOptions& o) {
  std::optional<SigningKey> key;
  if (!o.sign.empty()) {
    auto read = read_signing_key(o.sign);
    if (!read) return complain(BadConfig, read.error().message);
    key = std::move(*read);
  }
  const auto found = find_rules(o.config, o.paths);
  if (!found) return complain(BadConfig, found.error().message);
  const auto artefact = artefact_of(found->sources);
  if (!artefact) return complain(BadConfig, artefact.error().message);
  const std::vector<rules::SourceFile>& sources = *artefact ? (*artefact)->sources : found->sources;

  rules::CompileContext context = context_of(found->settings, stand_in_mask_keys(found->settings));
  context.grouping.budget = measuring_max;
  std::vector<std::string> warnings;
  const auto set = rules::compile(sources, context, 1, &warnings);
  if (!set) return complain(BadConfig, set.error().message);
  for (const std::string& w : warnings) complain(Ok, "warning: " + w);
  const auto databases = rules::save_databases(**set);
  if (!databases) return complain(Failed, databases.error().message);
  const auto bytes = rules::write_artefact(rules::stamp_here(), sources, *databases, key ? &*key : nullptr);
  if (!bytes) return complain(BadConfig, bytes.error().message);
  // A slip must not cost somebody's rules, nor a key.
  const auto there = control::stamp_of(o.out);
  if (there.size > 0 && !rules::is_artefact(control::read_beginning(o.out, rules::artefact_magic.size()))) {
    return complain(BadConfig, fmt::format("{}: expected compiled rules to replace, found another file: give -o another name",
                                           printable(o.out)));
  }
  if (auto done = write_file(o.out, as_text(*bytes), public_mode, Existing::Replace); !done) {
    return complain(Failed, done.error().message);
  }
  fmt::print("{}: {} rules, {} bytes, {}\n", printable(o.out), (*set)->rule_count(), bytes->size(), hex_encode((*set)->hash()));
  fmt::print("{}\n", key ? "signed by key " + key_id(key->public_key) : "not signed");
  return Ok;
}

int keygen(const std::string& name) {
  const SigningKey key = make_signing_key();
  const std::string private_file = name + ".key";
  const std::string public_file = name + ".pub";
  if (auto done = write_file(private_file, private_pem(key).reveal(), private_mode, Existing::Keep); !done) {
    return complain(BadConfig, done.error().message);
  }
  if (auto done = write_file(public_file, public_pem(key.public_key), public_mode, Existing::Keep); !done) {
    (void)::unlink(private_file.c_str());
    return complain(BadConfig, done.error().message);
  }
  fmt::print("{}: signs rules; keep it where they are compiled\n{}: for rules_verify_key of each gateway\nkey {}\n",
             printable(private_file), printable(public_file), key_id(key.public_key));
  return Ok;
}

}  // namespace

void add_rules_compile(CLI::App& rules, Invocation& invocation) {
  CLI::App* compile_command = rules.add_subcommand("compile", "Compile rules to one file, which loads in milliseconds.");
  const auto o = std::make_shared<CompileOptions>();
  compile_command->add_option("paths", o->paths, "Rule files or folders, or a compiled file; those of the configuration when absent.");
  compile_command->add_option("-c,--config", o->config, "Configuration file: its targets, and its rules.");
  compile_command->add_option("-o,--output", o->out, "The file to write.")->required();
  compile_command->add_option("--sign", o->sign, "Private key to sign it with: NAME.key of keygen.");
  compile_command->callback([&invocation, o] {
    if (o->config.empty() && o->paths.empty()) throw CLI::RequiredError("-c or paths of rules");
    invocation.run = [o] { return compile(*o); };
  });

  CLI::App* keygen_command = rules.add_subcommand("keygen", "Make a key pair that signs compiled rules.");
  const auto name = std::make_shared<std::string>();
  keygen_command->add_option("name", *name, "NAME.key and NAME.pub are written.")->required();
  keygen_command->callback([&invocation, name] { invocation.run = [name] { return keygen(*name); }; });
}

}  // namespace sluice::cli
