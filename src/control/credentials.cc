#include "control/credentials.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/text.h"
#include "control/files.h"

namespace sluice::control {
namespace {

Expected<Secret> read_password(const CredentialSettings& from, const std::string& where) {
  std::string value;
  if (!from.password_file.empty()) {
    auto text = read_private_file(from.password_file, password_size_max);
    if (!text) return std::unexpected(text.error());
    value = std::move(*text);
    if (value.ends_with("\r\n")) {
      value.resize(value.size() - 2);
    } else if (value.ends_with('\n')) {
      value.pop_back();
    }
  } else {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here changes the environment.
    const char* text = std::getenv(from.password_environment.c_str());
    if (text == nullptr) return fail(fmt::format("{}: environment variable {} is not set", where, from.password_environment));
    value = text;
  }
  const bool has_nul = value.find('\0') != std::string::npos;
  if (value.empty() || value.size() > password_size_max || has_nul) {
    wipe(value);
    return fail(fmt::format("{}: expected a password of 1 to {} bytes without NUL in {}", where, password_size_max,
                            from.password_file.empty() ? from.password_environment : from.password_file));
  }
  return Secret(std::move(value));
}

}  // namespace

Expected<CredentialsPtr> load_credentials(const std::vector<TargetSettings>& targets) {
  auto out = std::make_shared<CredentialSet>();
  for (const TargetSettings& target : targets) {
    TargetCredentials& set = out->targets.emplace_back();
    set.target = target.name;
    for (const CredentialSettings& c : target.credentials) {
      auto password = read_password(c, fmt::format("target {}, user {}", target.name, printable(c.user)));
      if (!password) return std::unexpected(password.error());
      set.credentials.push_back({c.groups, c.user, std::move(*password)});
    }
  }
  return out;
}

CredentialWatcher::CredentialWatcher(std::vector<TargetSettings> targets, std::function<void(CredentialsPtr)> publish,
                                     LogSink& log)
    : targets_(std::move(targets)), publish_(std::move(publish)), log_(log) {
  for (const TargetSettings& target : targets_) {
    for (const CredentialSettings& c : target.credentials) {
      if (!c.password_file.empty()) stamps_.emplace_back(c.password_file, stamp_of(c.password_file));
    }
  }
}

void CredentialWatcher::check() {
  bool changed = false;
  for (auto& [path, stamp] : stamps_) {
    const FileStamp now = stamp_of(path);
    changed = changed || now != stamp;
    stamp = now;
  }
  if (changed) reload();
}

void CredentialWatcher::reload() {
  auto loaded = load_credentials(targets_);
  if (!loaded) {
    log_.log(LogLevel::Error, "credentials-not-reloaded", {{"reason", loaded.error().message}});
    return;
  }
  publish_(std::move(*loaded));
  log_.log(LogLevel::Info, "credentials-reloaded", {{"targets", targets_.size()}});
}

}  // namespace sluice::control
