#include "model/facts.h"

#include <array>

#include "base/assert.h"

namespace sluice {
namespace {
constexpr std::array<std::string_view, static_cast<size_t>(StatementKind::Count_)> kind_names = {
    "other",
    "select", "insert", "update", "delete", "merge", "truncate",
    "drop", "alter", "create", "grant", "revoke", "comment",
    "copy-in", "copy-out", "copy-file", "copy-program",
    "call", "do", "execute", "prepare", "deallocate", "declare", "fetch", "close",
    "explain", "show", "set", "set-role", "transaction", "listen", "notify", "unlisten",
    "vacuum", "analyze", "cluster", "reindex", "lock", "refresh", "checkpoint", "discard", "load", "reassign",
};
static_assert(!kind_names.back().empty(), "one name for every kind");
}  // namespace

std::string_view name_of(StatementKind kind) {
  SLUICE_ASSERT(kind < StatementKind::Count_);
  return kind_names[static_cast<size_t>(kind)];
}

std::optional<StatementKind> statement_kind(std::string_view name) {
  for (size_t i = 0; i < kind_names.size(); ++i) {
    if (kind_names[i] == name) return static_cast<StatementKind>(i);
  }
  return std::nullopt;
}

std::string_view explain(Guard guard) {
  switch (guard) {
    case Guard::None: return "";
    case Guard::OwnRole: return "changes a role's password, name or settings, which could be the shared credential's own";
    case Guard::SessionAuthorization: return "takes on another session identity";
    case Guard::Replication: return "replication and subscriptions are not available through the gateway";
    case Guard::LoopBack: return "opens a connection from the server, past the gateway";
    case Guard::SessionControl: return "reaches other people's sessions";
    case Guard::SluiceSetting: return "sluice.* settings belong to the gateway";
    case Guard::PinnedSetting: return "this setting is pinned, since it changes how statements are read";
    case Guard::StatisticsOfMasked: return "statistics quote values of masked columns";
  }
  return "";
}

}  // namespace sluice
