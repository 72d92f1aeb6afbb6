#include "gateway/catalog_reader.h"

#include <libpq-fe.h>

#include <charconv>
#include <chrono>
#include <ctime>
#include <system_error>
#include <vector>

namespace sluice::gateway {
namespace {

struct ConnectionFree {
  void operator()(PGconn* c) const { PQfinish(c); }
};
struct ResultFree {
  void operator()(PGresult* r) const { PQclear(r); }
};
using Connection = std::unique_ptr<PGconn, ConnectionFree>;
using Rows = std::unique_ptr<PGresult, ResultFree>;

// Every query is constant text, qualified, and runs with search_path = pg_catalog alone: nothing that a
// user of the database can create is called.
constexpr const char* version_query =
    "SELECT (SELECT coalesce(pg_catalog.sum(pg_catalog.hashtextextended(c.oid::text || ':' || c.xmin::text, 0)), 0) "
    "FROM pg_catalog.pg_class c)"
    " || ':' || (SELECT coalesce(pg_catalog.sum(pg_catalog.hashtextextended(a.attrelid::text || ':' || a.attnum::text "
    "|| ':' || a.xmin::text, 0)), 0)"
    " FROM pg_catalog.pg_attribute a WHERE a.attrelid >= 16384)"
    " || ':' || (SELECT coalesce(pg_catalog.sum(pg_catalog.hashtextextended(r.oid::text || ':' || r.xmin::text, 0)), "
    "0) FROM pg_catalog.pg_rewrite r)"
    " || ':' || (SELECT coalesce(pg_catalog.sum(pg_catalog.hashtextextended(i.inhrelid::text || ':' || "
    "i.inhparent::text, 0)), 0) FROM pg_catalog.pg_inherits i)"
    " || ':' || (SELECT coalesce(pg_catalog.sum(pg_catalog.hashtextextended(n.oid::text || ':' || n.xmin::text, 0)), "
    "0) FROM pg_catalog.pg_namespace n)";
constexpr const char* relations_query =
    "SELECT c.oid, n.nspname, c.relname, c.relkind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid "
    "= c.relnamespace"
    " WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S')";
constexpr const char* columns_query =
    "SELECT attrelid, attnum, attname, atttypid, attgenerated <> '', atttypmod FROM pg_catalog.pg_attribute WHERE attrelid >= 16384 "
    "AND attnum > 0 AND NOT attisdropped"
    " ORDER BY attrelid, attnum";
// Up to 14 the column itself depends on what it is computed from, later its pg_attrdef does.
constexpr const char* computed_query =
    "SELECT a.attrelid, a.attnum, d.refobjsubid FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_depend d"
    " ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = a.attrelid AND d.refobjsubid > 0"
    " AND d.refobjsubid <> a.attnum"
    " AND (d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = a.attrelid AND d.objsubid = a.attnum"
    " OR d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid IN (SELECT f.oid FROM pg_catalog.pg_attrdef f"
    " WHERE f.adrelid = a.attrelid AND f.adnum = a.attnum))"
    " WHERE a.attgenerated <> ''";
constexpr const char* sources_query =
    "SELECT DISTINCT r.ev_class, d.refobjid FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d"
    " ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid"
    " AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass WHERE d.refobjid <> r.ev_class"
    " UNION SELECT inhrelid, inhparent FROM pg_catalog.pg_inherits";

template <typename T>
T number(const PGresult* rows, int row, int column) {
  T value = 0;
  const char* text = PQgetvalue(rows, row, column);
  std::from_chars(text, text + PQgetlength(rows, row, column), value);
  return value;
}

Rows ask(PGconn* connection, const char* query) {
  Rows rows(PQexec(connection, query));
  return PQresultStatus(rows.get()) == PGRES_TUPLES_OK ? std::move(rows) : nullptr;
}

std::shared_ptr<Catalog> read_catalog(PGconn* connection) {
  auto catalog = std::make_shared<Catalog>();
  const Rows relations = ask(connection, relations_query);
  const Rows columns = ask(connection, columns_query);
  const Rows sources = ask(connection, sources_query);
  const Rows computed = ask(connection, computed_query);
  if (!relations || !columns || !sources || !computed) return nullptr;
  for (int i = 0; i < PQntuples(relations.get()); ++i) {
    CatalogRelation relation;
    relation.oid = number<uint32_t>(relations.get(), i, 0);
    relation.schema = PQgetvalue(relations.get(), i, 1);
    relation.name = PQgetvalue(relations.get(), i, 2);
    relation.kind = *PQgetvalue(relations.get(), i, 3);
    catalog->relations.emplace(relation.oid, std::move(relation));
  }
  for (int i = 0; i < PQntuples(columns.get()); ++i) {
    const auto at = catalog->relations.find(number<uint32_t>(columns.get(), i, 0));
    if (at == catalog->relations.end()) continue;
    at->second.columns.push_back({.name = PQgetvalue(columns.get(), i, 2),
                                  .attribute = number<uint16_t>(columns.get(), i, 1),
                                  .type_oid = number<uint32_t>(columns.get(), i, 3),
                                  .generated = *PQgetvalue(columns.get(), i, 4) == 't',
                                  .type_modifier = number<int32_t>(columns.get(), i, 5)});
  }
  for (int i = 0; i < PQntuples(computed.get()); ++i) {
    const auto at = catalog->relations.find(number<uint32_t>(computed.get(), i, 0));
    if (at == catalog->relations.end()) continue;
    const auto attribute = number<uint16_t>(computed.get(), i, 1);
    const auto its = std::ranges::find(at->second.columns, attribute, &CatalogColumn::attribute);
    if (its != at->second.columns.end()) its->computed_from.push_back(number<uint16_t>(computed.get(), i, 2));
  }
  for (int i = 0; i < PQntuples(sources.get()); ++i) {
    const auto at = catalog->relations.find(number<uint32_t>(sources.get(), i, 0));
    if (at != catalog->relations.end()) at->second.reads_from.push_back(number<uint32_t>(sources.get(), i, 1));
  }
  return catalog;
}

int64_t monotonic_ns() {
  timespec t{};
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

const char* ssl_mode(UpstreamTlsMode mode) {
  switch (mode) {
    case UpstreamTlsMode::Disable:
      return "disable";
    case UpstreamTlsMode::Require:
      return "require";
    case UpstreamTlsMode::VerifyCa:
      return "verify-ca";
    case UpstreamTlsMode::VerifyFull:
      return "verify-full";
  }
  return "verify-full";
}

}  // namespace

struct CatalogReader::Source {
  Source(size_t target_index, std::string database_name) : target(target_index), database(std::move(database_name)) {}
  const size_t target;
  const std::string database;
  Connection connection;
  std::string version;
  CatalogPtr catalog;
  std::atomic<int64_t> verified_ns{0};
  bool complained = false;
  std::thread thread;
};

CatalogReader::CatalogReader(SettingsPtr settings, LogSink& log, Publish publish)
    : log_(log), publish_(std::move(publish)), settings_(std::move(settings)) {}

CatalogReader::~CatalogReader() { stop(); }

void CatalogReader::stop() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& [key, source] : sources_) {
      if (source) threads.push_back(std::move(source->thread));
    }
  }
  wake_.notify_all();
  for (std::thread& thread : threads) {
    if (thread.joinable()) thread.join();
  }
}

void CatalogReader::set_credentials(CredentialsPtr credentials) {
  const std::lock_guard lock(mutex_);
  credentials_ = std::move(credentials);
}

void CatalogReader::set_settings(SettingsPtr settings) {
  const std::lock_guard lock(mutex_);
  settings_ = std::move(settings);
}

void CatalogReader::want(size_t target, const std::string& database) {
  const std::lock_guard lock(mutex_);
  auto& source = sources_[{target, database}];
  if (source || stopping_) return;
  source = std::make_unique<Source>(target, database);
  try {
    source->thread = std::thread([this, &read = *source] { run(read); });
  } catch (const std::system_error& error) {
    source.reset();  // The next login asks again; until then statements over masked columns are refused.
    log_.log(LogLevel::Error, "catalog-unreadable",
             {{"target", settings_->targets[target].name}, {"database", database}, {"reason", error.what()}});
  }
}

bool CatalogReader::wanted(size_t target) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, source] : sources_) {
    if (key.first == target && source) return true;
  }
  return false;
}

int64_t CatalogReader::age_ms(size_t target) const {
  const std::lock_guard lock(mutex_);
  int64_t oldest = -1;
  for (const auto& [key, source] : sources_) {
    if (key.first != target || !source) continue;
    const int64_t verified = source->verified_ns.load(std::memory_order_relaxed);
    if (verified == 0) return -1;
    oldest = std::max(oldest, (monotonic_ns() - verified) / 1'000'000);
  }
  return oldest;
}

void CatalogReader::run(Source& source) {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    check(source);
    lock.lock();
    wake_.wait_for(lock, std::chrono::seconds(1), [this] { return stopping_; });
  }
}

void CatalogReader::check(Source& source) {
  SettingsPtr settings;
  CredentialsPtr credentials;
  {
    const std::lock_guard lock(mutex_);
    settings = settings_;
    credentials = credentials_;
  }
  const TargetSettings& target = settings->targets[source.target];
  if (target.place == TargetPlace::Withdrawn) {
    source.connection.reset();
    return;
  }
  const int64_t asked_at = monotonic_ns();
  if (!source.connection || PQstatus(source.connection.get()) != CONNECTION_OK) {
    const Credential* credential = nullptr;
    if (credentials) {
      for (const TargetCredentials& t : credentials->targets) {
        if (t.target == target.name && !t.credentials.empty()) credential = &t.credentials.front();
      }
    }
    if (credential == nullptr) return;
    const std::string port = std::to_string(target.port);
    std::string password(credential->password.reveal());
    const char* names[] = {"host",
                           "port",
                           "dbname",
                           "user",
                           "password",
                           "sslmode",
                           "sslrootcert",
                           "connect_timeout",
                           "tcp_user_timeout",
                           "application_name",
                           "options",
                           "client_encoding",
                           nullptr};
    const char* values[] = {
        target.host.c_str(),
        port.c_str(),
        source.database.c_str(),
        credential->user.c_str(),
        password.c_str(),
        ssl_mode(target.tls_mode),
        target.tls_ca_file.c_str(),
        "5",
        "5000",
        "sluice-catalog",
        "-c search_path=pg_catalog -c default_transaction_read_only=on -c statement_timeout=5000 -c lock_timeout=1000",
        "UTF8",
        nullptr};
    source.connection.reset(PQconnectdbParams(names, values, 0));
    wipe(password);
  }
  const Rows version =
      PQstatus(source.connection.get()) == CONNECTION_OK ? ask(source.connection.get(), version_query) : nullptr;
  if (!version || PQntuples(version.get()) != 1) {
    if (!source.complained) {
      log_.log(LogLevel::Error, "catalog-unreadable",
               {{"target", target.name},
                {"database", source.database},
                {"reason", PQerrorMessage(source.connection.get())}});
    }
    source.complained = true;
    source.connection.reset();
    return;
  }
  source.complained = false;
  const std::string now(PQgetvalue(version.get(), 0, 0));
  if (!source.catalog || now != source.version) {
    auto fresh = read_catalog(source.connection.get());
    if (!fresh) {
      source.connection.reset();
      return;
    }
    if (source.catalog) keep_former_names(*source.catalog, *fresh);
    fresh->version = source.catalog ? source.catalog->version + 1 : 1;
    source.catalog = std::move(fresh);
    source.version = now;
  }
  source.verified_ns.store(asked_at, std::memory_order_relaxed);
  publish_(source.target, source.database, source.catalog, asked_at);
}

}  // namespace sluice::gateway
