// A plain connection to a database, for tools that look at one before sluice stands in front of it.
#pragma once
#include <libpq-fe.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/crypto.h"
#include "base/error.h"
#include "model/settings.h"

namespace sluice::cli {

struct PgConnectionFree {
  void operator()(PGconn* c) const { PQfinish(c); }
};
struct PgResultFree {
  void operator()(PGresult* r) const { PQclear(r); }
};
using PgConnection = std::unique_ptr<PGconn, PgConnectionFree>;
using PgRows = std::unique_ptr<PGresult, PgResultFree>;

/// Parameters of libpq by name. The session is read-only, its search_path is pg_catalog alone, and
/// connecting and each statement have a time-out. Errors are the server's or libpq's, on one line.
[[nodiscard]] Expected<PgConnection> pg_connect(const std::vector<std::pair<std::string, std::string>>& parameters);
/// To a target of a configuration, as `credential`.
[[nodiscard]] Expected<PgConnection> pg_connect(const TargetSettings& target, const std::string& user,
                                                const Secret& password);

[[nodiscard]] Expected<PgRows> pg_ask(PGconn* connection, const std::string& query);

}  // namespace sluice::cli
