// The targets' passwords: read from files and the environment, and read again when a file changes.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "control/files.h"
#include "model/credentials.h"
#include "model/log_sink.h"
#include "model/settings.h"

namespace sluice::control {

inline constexpr size_t password_size_max = 4096;

/// All targets' credentials. One trailing newline is not part of a password. An error names the file
/// or variable, never what is in it.
[[nodiscard]] Expected<CredentialsPtr> load_credentials(const std::vector<TargetSettings>& targets);

/// Notices changed password files. For one thread; nothing runs between calls.
class CredentialWatcher {
 public:
  /// `publish` is called with each new set from check().
  CredentialWatcher(std::vector<TargetSettings> targets, std::function<void(CredentialsPtr)> publish, LogSink& log);

  /// Looks at every file (called once a second). A file that cannot be read leaves the running set in
  /// place and is logged once per change.
  void check();
  /// Reads all of them again whatever the clock says (SIGHUP).
  void reload();

 private:
  const std::vector<TargetSettings> targets_;
  std::function<void(CredentialsPtr)> publish_;
  LogSink& log_;
  std::vector<std::pair<std::string, FileStamp>> stamps_;
};

}  // namespace sluice::control
