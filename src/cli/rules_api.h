// What the local socket answers about rules, and what it does to them.
#pragma once
#include "cli/reload.h"
#include "control/admin.h"

namespace sluice::cli {

/// GET /v1/rules: what runs. POST /v1/rules {"sources": [{"path", "text"}], "revoke"}: publishes these.
/// POST /v1/rules/rollback {"revoke"}: publishes the previous ones. Everything is JSON; what went wrong
/// is {"error": "…"} with a status that is not 200. Both arguments outlive the answers.
[[nodiscard]] control::AdminAnswer rules_answers(Reloader& reloader, DataPlane& data_plane);

}  // namespace sluice::cli
