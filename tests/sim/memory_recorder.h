// An audit::Recorder in memory: it is full at times, what it wrote becomes durable late, and it knows
// what a session owes. Complaints are kept, not thrown: the simulation reports them with its seed.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "audit/recorder.h"
#include "random.h"

namespace sluice::sim {

struct RecorderHabits {
  uint64_t full_once_in = 0;          ///< 0: never full.
  uint64_t full_ns_max = 200'000'000;  ///< Shorter than the patience of a session.
  uint64_t durable_lag_ns_max = 2'000'000;
};

class MemoryRecorder final : public audit::Recorder {
 public:
  using Later = std::function<void(uint64_t delay_ns, std::function<void()>)>;
  /// `progress` is the lane's doorbell.
  MemoryRecorder(Random random, const RecorderHabits& habits, Later later, std::function<void()> progress)
      : random_(random), habits_(habits), later_(std::move(later)), progress_(std::move(progress)) {}

  bool session_start(audit::SessionCursor& cursor, const audit::SessionStart&, int64_t) override;
  bool authentication(audit::SessionCursor& cursor, const audit::Authentication&, int64_t) override;
  bool intent(audit::SessionCursor& cursor, const audit::Intent& intent, int64_t) override;
  void outcome(audit::SessionCursor& cursor, const audit::Outcome& outcome, int64_t) override;
  bool cancel(audit::SessionCursor& cursor, const audit::Cancel&, int64_t) override;
  void session_end(audit::SessionCursor& cursor, const audit::SessionEnd&, int64_t) override;
  [[nodiscard]] uint64_t committed() const override { return committed_; }
  [[nodiscard]] uint64_t durable() const override { return durable_; }
  void request_sync() override;
  [[nodiscard]] double fill() const override { return 0; }
  [[nodiscard]] bool failed() const override { return false; }

  /// The server was given this text: was it allowed, on record (and durable, where `group`) before?
  void text_arrived(std::string_view text, bool group);
  /// The server ran a portal over this text.
  void execution_arrived(std::string_view text, bool group);
  /// After the run: nothing is owed.
  void check_nothing_is_owed();
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }
  [[nodiscard]] size_t intents() const { return intents_; }
  [[nodiscard]] bool was_full() const { return was_full_; }

 private:
  struct Session {
    uint64_t seq = 0;
    std::map<uint64_t, std::string> owed;  // Intents without an outcome, and what they are.
    bool ended = false;
    bool refused = false;  // Its last intent found no room: the next one does.
  };
  struct Text {
    std::vector<uint64_t> sent;  // Positions of allowed Query and Parse intents.
    std::vector<uint64_t> run;   // Of Bind and Execute.
    size_t sent_seen = 0;
    size_t run_seen = 0;
  };
  Session* next(audit::SessionCursor& cursor);
  void arrived(const std::vector<uint64_t>& recorded, size_t& seen, std::string_view text, bool group);

  Random random_;
  const RecorderHabits habits_;
  Later later_;
  std::function<void()> progress_;
  std::map<std::string, Session> sessions_;
  std::map<std::string, Text, std::less<>> texts_;
  std::vector<std::string> complaints_;
  uint64_t committed_ = 1;
  uint64_t durable_ = 1;
  size_t intents_ = 0;
  bool full_ = false;
  bool was_full_ = false;
};

}  // namespace sluice::sim
