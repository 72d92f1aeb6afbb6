// Log lines on a file descriptor, text or JSON, written by a thread of their own. A caller formats its
// line into a bounded queue and goes on: when the reader of our standard error stalls, lines are
// dropped and counted, and sessions are not.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "model/log_sink.h"

namespace sluice::control {

inline constexpr size_t log_lines_max = 1024;      ///< Queued; a power of two.
inline constexpr size_t log_line_size_max = 2048;  ///< Longer lines lose their last fields, and say so.
inline constexpr size_t log_value_size_max = 512;  ///< Of one text value, before escaping.

/// One line without its newline. Values are escaped: a peer's bytes cannot start a line, fake a field
/// or drive a terminal. Always valid JSON, or `time level event key=value …`.
[[nodiscard]] std::string format_log_line(bool json, int64_t unix_ns, LogLevel level, std::string_view event,
                                          std::span<const LogField> fields);

class Logger : public LogSink {
 public:
  /// `fd` is borrowed. Signals must be blocked already where a signalfd is used: the thread inherits.
  Logger(int fd, bool json, LogLevel lowest);
  /// Writes what is queued, waiting at most a second for a reader that stalls.
  ~Logger() override;
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  using LogSink::log;
  void log(LogLevel level, std::string_view event, std::span<const LogField> fields) override;
  [[nodiscard]] uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct Slot;
  [[nodiscard]] bool push(std::string_view line);
  [[nodiscard]] bool pop(std::string& line);
  [[nodiscard]] bool write_line(const std::string& line);
  void run();
  void report_dropped();

  const int fd_;
  const bool json_;
  const LogLevel lowest_;
  std::unique_ptr<Slot[]> slots_;
  alignas(64) std::atomic<uint64_t> head_{0};  ///< Next to write; shared by all callers.
  alignas(64) std::atomic<uint64_t> tail_{0};  ///< Next to read; the thread's own.
  std::atomic<uint64_t> dropped_{0};
  uint64_t dropped_reported_ = 0;
  std::atomic<uint32_t> wake_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace sluice::control
