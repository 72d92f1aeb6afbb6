#include "cli/pg_connect.h"

#include <algorithm>

#include "base/text.h"

namespace sluice::cli {
namespace {

constexpr const char* options =
    "-c default_transaction_read_only=on -c search_path=pg_catalog -c statement_timeout=30s -c lock_timeout=2s";
constexpr const char* connect_timeout_s = "10";

std::string one_line(const char* message) {
  std::string text(message);
  while (text.ends_with('\n')) text.pop_back();
  std::ranges::replace(text, '\n', ' ');
  return printable(text);
}

const char* ssl_mode(UpstreamTlsMode mode) {
  switch (mode) {
    case UpstreamTlsMode::Disable: return "disable";
    case UpstreamTlsMode::Require: return "require";
    case UpstreamTlsMode::VerifyCa: return "verify-ca";
    case UpstreamTlsMode::VerifyFull: return "verify-full";
  }
  return "verify-full";
}

Expected<PgConnection> open(const std::vector<std::pair<std::string, const char*>>& parameters) {
  std::vector<const char*> names, values;
  for (const auto& [name, value] : parameters) {
    names.push_back(name.c_str());
    values.push_back(value);
  }
  for (const auto& [name, value] : {std::pair("options", options), std::pair("connect_timeout", connect_timeout_s),
                                    std::pair("client_encoding", "UTF8"), std::pair("application_name", "sluice")}) {
    names.push_back(name);
    values.push_back(value);
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  PgConnection connection(PQconnectdbParams(names.data(), values.data(), 1));
  if (!connection) return fail("no memory for a connection");
  if (PQstatus(connection.get()) != CONNECTION_OK) return fail(one_line(PQerrorMessage(connection.get())));
  return connection;
}

}  // namespace

Expected<PgConnection> pg_connect(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::vector<std::pair<std::string, const char*>> borrowed;
  borrowed.reserve(parameters.size());
  for (const auto& [name, value] : parameters) borrowed.emplace_back(name, value.c_str());
  return open(borrowed);
}

Expected<PgConnection> pg_connect(const TargetSettings& target, const std::string& user, const Secret& password) {
  const std::string port = std::to_string(target.port);
  std::string secret(password.reveal());
  auto connection = open({{"host", target.host.c_str()}, {"port", port.c_str()}, {"user", user.c_str()},
                          {"dbname", target.database.c_str()}, {"password", secret.c_str()},
                          {"sslmode", ssl_mode(target.tls_mode)},
                          {"sslrootcert", target.tls_ca_file.c_str()}});
  wipe(secret);
  return connection;
}

Expected<PgRows> pg_ask(PGconn* connection, const std::string& query) {
  PgRows rows(PQexec(connection, query.c_str()));
  if (PQresultStatus(rows.get()) == PGRES_TUPLES_OK) return rows;
  return fail(one_line(PQerrorMessage(connection)));
}

}  // namespace sluice::cli
