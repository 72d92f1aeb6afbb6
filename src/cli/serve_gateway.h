// Where the data plane is made: the one place that knows both the gateway and what control/ loaded.
#pragma once
#include <memory>
#include <string>

#include "audit/audit_log.h"
#include "cli/cli.h"
#include "model/credentials.h"
#include "model/data_plane.h"
#include "model/key_directory.h"
#include "model/log_sink.h"
#include "model/settings.h"
#include "rules/ruleset/ruleset.h"

namespace sluice::cli {

/// References outlive the data plane.
struct GatewayParts {
  SettingsPtr settings;
  unsigned lanes;
  std::shared_ptr<const rules::RuleSet> rules;
  KeysPtr keys;
  CredentialsPtr credentials;
  audit::AuditLog& audit;
  LogSink& log;
};

struct StartFailure {
  ExitCode code = Failed;
  std::string message;
};

/// Lanes that these settings mean on this machine.
[[nodiscard]] unsigned lane_count(const Settings& settings);

/// Tries a ring before anything is opened. The error says what to allow.
[[nodiscard]] Expected<void> probe_io_uring();

/// Made and started: it accepts sessions when this returns. NoIoUring says what to change.
[[nodiscard]] Result<std::unique_ptr<DataPlane>, StartFailure> start_gateway(GatewayParts parts);

}  // namespace sluice::cli
