#include "control/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>

#include "base/assert.h"
#include "base/text.h"

namespace sluice::control {
namespace {

std::string value_text(bool json, const LogField& field) {
  switch (field.kind) {
    case LogField::Kind::Boolean: return field.number != 0 ? "true" : "false";
    case LogField::Kind::Signed: return fmt::format("{}", static_cast<int64_t>(field.number));
    case LogField::Kind::Unsigned: return fmt::format("{}", field.number);
    case LogField::Kind::Text: break;
  }
  const bool cut = field.text.size() > log_value_size_max;
  std::string text(field.text.substr(0, log_value_size_max));
  // Not in the middle of a character: what is left of it would be shown as broken bytes.
  while (cut && !text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
  if (cut && !text.empty() && static_cast<unsigned char>(text.back()) >= 0xC0) text.pop_back();
  if (json) return json_quote(cut ? text + "…" : text);
  text = printable(text);
  const bool plain = !text.empty() && text.find_first_of(" \"=\\") == std::string::npos;
  if (plain && !cut) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + (cut ? "…\"" : "\"");
}

std::string timestamp(int64_t unix_ns) {
  const time_t seconds = unix_ns / 1'000'000'000;
  tm parts{};
  (void)gmtime_r(&seconds, &parts);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", parts, unix_ns % 1'000'000'000 / 1000);
}

int64_t unix_ns_now() {
  timespec t{};
  (void)clock_gettime(CLOCK_REALTIME, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

}  // namespace

std::string format_log_line(bool json, int64_t unix_ns, LogLevel level, std::string_view event,
                            std::span<const LogField> fields) {
  constexpr std::string_view json_note = ",\"line_cut\":true}";
  constexpr std::string_view text_note = " line_cut=true";
  std::string out = json ? fmt::format(R"({{"time":"{}","level":"{}","event":{})", timestamp(unix_ns), name_of(level),
                                       json_quote(event.substr(0, 64)))
                         : fmt::format("{} {} {}", timestamp(unix_ns), name_of(level), printable(event.substr(0, 64)));
  bool cut = false;
  for (const LogField& field : fields) {
    const std::string value = value_text(json, field);
    const std::string part = json ? fmt::format(",{}:{}", json_quote(field.key.substr(0, 64)), value)
                                  : fmt::format(" {}={}", printable(field.key.substr(0, 64)), value);
    if (out.size() + part.size() + json_note.size() > log_line_size_max - 1) {
      cut = true;
      break;
    }
    out += part;
  }
  if (json) {
    out += cut ? json_note : "}";
  } else if (cut) {
    out += text_note;
  }
  return out;
}

/// A bounded queue for many writers and one reader (Vyukov): `turn` says whose the slot is.
struct Logger::Slot {
  std::atomic<uint64_t> turn{0};
  uint32_t size = 0;
  std::array<char, log_line_size_max> text;
};

static_assert((log_lines_max & (log_lines_max - 1)) == 0);

Logger::Logger(int fd, bool json, LogLevel lowest)
    : fd_(fd), json_(json), lowest_(lowest), slots_(std::make_unique<Slot[]>(log_lines_max)) {
  for (size_t i = 0; i < log_lines_max; ++i) slots_[i].turn.store(i, std::memory_order_relaxed);
  thread_ = std::thread([this] { run(); });
}

Logger::~Logger() {
  stop_.store(true);
  wake_.fetch_add(1);
  wake_.notify_one();
  thread_.join();
}

void Logger::log(LogLevel level, std::string_view event, std::span<const LogField> fields) {
  if (level < lowest_) return;
  if (!push(format_log_line(json_, unix_ns_now(), level, event, fields))) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
  }
  wake_.fetch_add(1);
  wake_.notify_one();  // A system call only while the thread sleeps.
}

bool Logger::push(std::string_view line) {
  SLUICE_ASSERT(line.size() < log_line_size_max);
  uint64_t at = head_.load(std::memory_order_relaxed);
  for (;;) {
    Slot& slot = slots_[at % log_lines_max];
    const uint64_t turn = slot.turn.load(std::memory_order_acquire);
    if (turn == at) {
      if (!head_.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) continue;
      slot.size = static_cast<uint32_t>(line.size());
      line.copy(slot.text.data(), line.size());
      slot.turn.store(at + 1, std::memory_order_release);
      return true;
    }
    if (turn < at) return false;  // Still unread from a round ago: full.
    at = head_.load(std::memory_order_relaxed);
  }
}

bool Logger::pop(std::string& line) {
  const uint64_t at = tail_.load(std::memory_order_relaxed);
  Slot& slot = slots_[at % log_lines_max];
  if (slot.turn.load(std::memory_order_acquire) != at + 1) return false;
  line.assign(slot.text.data(), slot.size);
  slot.turn.store(at + log_lines_max, std::memory_order_release);
  tail_.store(at + 1, std::memory_order_relaxed);
  return true;
}

/// False: the descriptor is gone, or stopping and the reader stalls for a second.
bool Logger::write_line(const std::string& line) {
  const std::string text = line + '\n';
  size_t done = 0;
  for (int waits = 0; done < text.size();) {
    // A pipe that polls writable takes PIPE_BUF bytes without blocking, and a line is shorter.
    pollfd p{fd_, POLLOUT, 0};
    const int ready = ::poll(&p, 1, 100);
    if (ready == 0 && stop_.load() && ++waits >= 10) return false;
    if (ready <= 0) continue;
    const ssize_t n = ::write(fd_, text.data() + done, text.size() - done);
    if (n > 0) {
      done += static_cast<size_t>(n);
    } else if (errno != EINTR && errno != EAGAIN) {
      return false;
    }
  }
  return true;
}

void Logger::report_dropped() {
  const uint64_t now = dropped_.load(std::memory_order_relaxed);
  if (now == dropped_reported_) return;
  const LogField fields[] = {{"lines", now - dropped_reported_}};
  dropped_reported_ = now;
  (void)write_line(format_log_line(json_, unix_ns_now(), LogLevel::Warn, "log-lines-dropped", fields));
}

void Logger::run() {
  std::string line;
  for (;;) {
    const uint32_t seen = wake_.load();
    bool writable = true;
    while (pop(line)) {
      if (writable && !write_line(line)) {
        dropped_.fetch_add(1, std::memory_order_relaxed);
        writable = !stop_.load();
      }
    }
    if (writable) report_dropped();
    if (stop_.load()) {
      if (!pop(line)) return;
      (void)write_line(line);
      continue;
    }
    wake_.wait(seen);
  }
}

}  // namespace sluice::control
