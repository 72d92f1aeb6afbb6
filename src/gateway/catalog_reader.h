// Keeps the catalogs of databases under column rules: one thread and one service connection a
// database, so that a slow one makes no other's catalog old (application_name sluice-catalog,
// read-only, search_path pg_catalog), a cheap check each second and a full read when something
// changed. Snapshots are handed out; nothing is shared.
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "gateway/lane.h"
#include "model/credentials.h"
#include "model/log_sink.h"
#include "model/settings.h"

namespace sluice::gateway {

class CatalogReader {
 public:
  /// Called on a thread of the reader after every successful check, with the time it was true at.
  using Publish =
      std::function<void(size_t target, const std::string& database, CatalogPtr catalog, int64_t verified_ns)>;

  CatalogReader(SettingsPtr settings, LogSink& log, Publish publish);
  ~CatalogReader();
  CatalogReader(const CatalogReader&) = delete;
  CatalogReader& operator=(const CatalogReader&) = delete;

  /// Waits for the threads: nothing is published any more. Bounded by the connections' timeouts.
  void stop();
  void set_credentials(CredentialsPtr credentials);
  /// Targets keep their index; new ones may have come behind them.
  void set_settings(SettingsPtr settings);
  /// Any thread. The first call for a database starts reading it; the others cost a look-up.
  void want(size_t target, const std::string& database);
  [[nodiscard]] bool wanted(size_t target) const;
  /// Age of the oldest catalog of a target; -1: one was never read, or none is wanted.
  [[nodiscard]] int64_t age_ms(size_t target) const;

 private:
  struct Source;
  void run(Source& source);
  void check(Source& source);

  LogSink& log_;
  Publish publish_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  SettingsPtr settings_;
  CredentialsPtr credentials_;
  std::map<std::pair<size_t, std::string>, std::unique_ptr<Source>> sources_;
  bool stopping_ = false;
};

}  // namespace sluice::gateway
