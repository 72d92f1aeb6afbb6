// Where a log line goes. Any layer may hold one; control/ has the implementation. Logging never blocks
// the caller: lines that do not fit are dropped and counted.
#pragma once
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

namespace sluice {

enum class LogLevel : uint8_t { Debug, Info, Warn, Error };

[[nodiscard]] constexpr std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::Debug: return "debug";
    case LogLevel::Info: return "info";
    case LogLevel::Warn: return "warn";
    case LogLevel::Error: return "error";
  }
  return "error";
}

/// One named value. `key` is our own word (lower_snake_case); text may be anything a peer sent and is
/// escaped by the sink. Nothing converts a Secret to a field.
struct LogField {
  enum class Kind : uint8_t { Text, Signed, Unsigned, Boolean };

  LogField(std::string_view k, std::string_view v) : key(k), text(v) {}
  LogField(std::string_view k, const char* v) : key(k), text(v) {}
  LogField(std::string_view k, std::same_as<bool> auto v) : key(k), kind(Kind::Boolean), number(v ? 1 : 0) {}
  template <std::signed_integral T>
  LogField(std::string_view k, T v) : key(k), kind(Kind::Signed), number(static_cast<uint64_t>(int64_t{v})) {}
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  LogField(std::string_view k, T v) : key(k), kind(Kind::Unsigned), number(v) {}

  std::string_view key;
  Kind kind = Kind::Text;
  std::string_view text;  ///< Borrowed until log() returns.
  uint64_t number = 0;
};

/// Thread-safe. `event` is our own word ("session-end"), never text from outside.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void log(LogLevel level, std::string_view event, std::span<const LogField> fields) = 0;

  void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
    log(level, event, std::span<const LogField>{fields.begin(), fields.size()});
  }
};

}  // namespace sluice
