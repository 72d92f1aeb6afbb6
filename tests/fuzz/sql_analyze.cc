// The statement path up to its caps: lexer, grammar, walk. A comment in front must change nothing, and
// what is understood must be whole. Runs on one long-lived thread with the stack that this needs.
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

#include "base/assert.h"
#include "base/big_stack_thread.h"
#include "rules/ruleset/analyzer.h"

namespace {

using sluice::Facts;

void check(const std::string& text) {
  const auto facts = sluice::rules::analyze(text, {}, {"app.*"});
  if (!facts->understood) {
    SLUICE_ASSERT(!facts->parse_error.empty() && facts->kinds.empty() && facts->relations.empty());
    return;
  }
  SLUICE_ASSERT(facts->kinds.empty() == (facts->statement_count == 0));
  SLUICE_ASSERT(facts->has_secret == !facts->text_to_record.empty());
  SLUICE_ASSERT(facts->opaque == !facts->opaque_because.empty());

  const std::string prefix = "/* ' */\n";
  if (text.size() + prefix.size() > sluice::rules::AnalyzerLimits{}.text_size_max) return;
  const auto again = sluice::rules::analyze(prefix + text, {}, {"app.*"});
  SLUICE_ASSERT(again->understood && again->canonical == facts->canonical && again->kinds == facts->kinds);
  SLUICE_ASSERT(again->relations == facts->relations && again->functions == facts->functions);
  SLUICE_ASSERT(again->columns == facts->columns && again->columns_unknown == facts->columns_unknown);
  SLUICE_ASSERT(again->literals == facts->literals && again->literal_independent == facts->literal_independent);
  SLUICE_ASSERT(again->opaque == facts->opaque && again->guard == facts->guard);
  SLUICE_ASSERT(again->has_secret == facts->has_secret && again->where_absent == facts->where_absent);
}

// Hands one text at a time to the thread and waits for it.
class Worker {
 public:
  Worker() : thread_(*sluice::BigStackThread::start("analyze", [this] { loop(); })) {}
  ~Worker() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void run(const std::string& text) {
    std::unique_lock lock(mutex_);
    text_ = &text;
    changed_.notify_all();
    changed_.wait(lock, [this] { return text_ == nullptr; });
  }

 private:
  void loop() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopping_ || text_ != nullptr; });
      if (stopping_) return;
      check(*text_);
      text_ = nullptr;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  const std::string* text_ = nullptr;
  bool stopping_ = false;
  sluice::BigStackThread thread_;  // Last: it uses all of the above.
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Worker worker;
  worker.run(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
