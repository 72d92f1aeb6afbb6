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

constexpr std::array<std::string_view, static_cast<size_t>(ColumnUse::Count_)> use_names = {
    "output", "predicate", "grouping", "ordering", "assigned",
};
static_assert(!use_names.back().empty(), "one name for every use");

constexpr std::array<std::string_view, static_cast<size_t>(FunctionClass::Count_)> class_names = {
    "server-files", "server-programs", "runs-sql-text", "network", "session-control", "other-sessions",
    "large-objects", "server-administration", "replication", "settings", "sleep", "advisory-locks",
    "notifications", "sequences", "storage-pages", "catalog-internals",
};
static_assert(!class_names.back().empty(), "one name for every class");

template <typename Enum, size_t size>
std::optional<Enum> find_name(const std::array<std::string_view, size>& names, std::string_view name) {
  for (size_t i = 0; i < size; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}
}  // namespace

std::string_view name_of(StatementKind kind) {
  SLUICE_ASSERT(kind < StatementKind::Count_);
  return kind_names[static_cast<size_t>(kind)];
}

std::optional<StatementKind> statement_kind(std::string_view name) {
  return find_name<StatementKind>(kind_names, name);
}

std::string_view name_of(ColumnUse use) {
  SLUICE_ASSERT(use < ColumnUse::Count_);
  return use_names[static_cast<size_t>(use)];
}

std::optional<ColumnUse> column_use(std::string_view name) { return find_name<ColumnUse>(use_names, name); }

std::string_view name_of(FunctionClass c) {
  SLUICE_ASSERT(c < FunctionClass::Count_);
  return class_names[static_cast<size_t>(c)];
}

std::optional<FunctionClass> function_class(std::string_view name) {
  return find_name<FunctionClass>(class_names, name);
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
