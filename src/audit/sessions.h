// What the log says of sessions: the questions behind `sluice sessions list`, `show` and `replay`.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/transcript.h"

namespace sluice::audit {

enum class SessionState : uint8_t {
  Open,     ///< No end is recorded: it lives, or its gateway died and was not started again.
  Ended,
  Refused,  ///< Authentication failed.
  Crashed,  ///< Its gateway died; the next start closed it.
};
[[nodiscard]] std::string_view name_of(SessionState);

struct SessionSummary {
  SessionId id;
  uint32_t lane = 0;
  int64_t start_unix_ns = 0;
  int64_t end_unix_ns = 0;     ///< 0: open.
  std::string subject;         ///< Empty when refused.
  std::string claimed_user;
  std::string target;
  std::string database;
  std::string client;
  uint64_t statements = 0;     ///< Queries, executions, function calls; refused ones too.
  uint64_t denied = 0;         ///< Intents of any kind with the verdict deny.
  uint64_t masked = 0;         ///< Cells.
  SessionState state = SessionState::Open;
  std::string end_reason;
};

struct SessionFilter {
  int64_t since_unix_ns = 0;   ///< Started at or after; 0: any.
  int64_t until_unix_ns = 0;   ///< Started before; 0: any.
  std::string subject;         ///< Empty: any.
  std::string target;          ///< Empty: any.
  size_t limit = 1000;         ///< The newest so many.
};

/// Newest first. An Error when the log does not check, or holds more sessions than fit
/// (list_sessions_max in sessions.cc): narrow it down by time then.
[[nodiscard]] Expected<std::vector<SessionSummary>> list_sessions(const std::string& directory,
                                                                  const SessionFilter& filter);

/// Column titles for summary_text().
[[nodiscard]] std::string summary_title();
[[nodiscard]] std::string summary_text(const SessionSummary&);
/// One JSON object: id, lane, start, end (null while open), subject, claimed_user, target, database,
/// client, statements, denied, masked, state, end_reason.
[[nodiscard]] std::string summary_json(const SessionSummary&);

/// The one session whose id begins with `prefix` (hexadecimal, dashes optional, at least 4 digits).
[[nodiscard]] Expected<SessionId> find_session(const std::string& directory, std::string_view prefix);

/// The summary, then a line for every intent. `id` may be a prefix.
[[nodiscard]] Expected<std::vector<std::string>> show_session(const std::string& directory, std::string_view id,
                                                              Format format);

/// Every record of the session in order, line by line, into `sink`. `id` may be a prefix.
[[nodiscard]] Expected<void> replay_session(const std::string& directory, std::string_view id, Format format,
                                            const std::function<void(std::string_view)>& sink);

}  // namespace sluice::audit
