// Statements of the audit log, with whose they were.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "audit/drainer.h"
#include "base/error.h"
#include "cli/rules_judge.h"
#include "cli/rules_tools.h"
#include "model/verdict.h"

namespace sluice::cli {

struct RecordedFilter {
  int64_t since_unix_ns = 0;                  ///< Statements at or after it; 0: all.
  std::optional<audit::SessionId> session;    ///< nullopt: all.
  std::map<std::string, PrincipalKind> kinds; ///< By subject: records do not say it.
};

struct RecordedStatement {
  audit::SessionId session;
  const Asker& asker;         ///< At the time of the statement.
  std::string_view target;
  std::string_view text;
  bool replayable = false;    ///< False: `text` is not what was sent, or what decided is not a rule set's doing.
  Decision decision;          ///< As recorded.
};

/// Calls `visit` for each text that a session asked to run or prepare.
[[nodiscard]] Expected<void> each_recorded(const std::string& directory, const RecordedFilter& filter,
                                           const std::function<void(const RecordedStatement&)>& visit);

/// Judges recorded statements by one rule set.
class RecordedJudge {
 public:
  static constexpr size_t sessions_max = 4096;  ///< Whose bound rules are kept.
  /// `settings` must outlive this. A target that it does not have is taken to have `by_default`.
  RecordedJudge(const TriedRules& loaded, Verdict by_default);
  [[nodiscard]] Judged judge(const RecordedStatement& statement);

 private:
  const TriedRules& loaded_;
  Verdict by_default_;
  Judge judge_;
  std::unordered_map<audit::SessionId, rules::BoundRules, audit::SessionIdHash> bound_;
};

}  // namespace sluice::cli
