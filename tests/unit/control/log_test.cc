#include "control/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <thread>
#include <type_traits>
#include <vector>

#include "base/crypto.h"

namespace sluice::control {
namespace {

// No way leads from a Secret to a log line but by its name, reveal().
static_assert(!std::is_constructible_v<LogField, std::string_view, const Secret&>);
static_assert(!std::is_constructible_v<LogField, std::string_view, Digest>);

constexpr int64_t noon = 1'700'000'000'123'456'789;

std::string line(bool json, std::initializer_list<LogField> fields) {
  return format_log_line(json, noon, LogLevel::Warn, "event", std::span<const LogField>{fields.begin(), fields.size()});
}

TEST(log, text_lines_are_time_level_event_and_fields) {
  EXPECT_EQ(line(false, {{"lane", 3U}, {"delta", -4}, {"tls", true}, {"user", "ci"}, {"empty", ""}}),
            "2023-11-14T22:13:20.123456Z warn event lane=3 delta=-4 tls=true user=ci empty=\"\"");
}

TEST(log, json_lines_keep_types) {
  const auto got = nlohmann::json::parse(line(true, {{"lane", 3U}, {"delta", -4}, {"tls", false}, {"user", "ci"}}));
  EXPECT_EQ(got["time"], "2023-11-14T22:13:20.123456Z");
  EXPECT_EQ(got["level"], "warn");
  EXPECT_EQ(got["lane"], 3);
  EXPECT_EQ(got["delta"], -4);
  EXPECT_EQ(got["tls"], false);
  EXPECT_EQ(got["user"], "ci");
}

TEST(log, a_peer_cannot_start_a_line_fake_a_field_or_drive_a_terminal) {
  const std::string_view hostile[] = {"a\nb level=error", "a\" fake=1 \"", "\x1b[2J", "\xff\xfe", "a\\", "\xc2\x9b" "31m", " ", "a=b",
                                      std::string_view("\0x", 2)};
  for (const std::string_view text : hostile) {
    const std::string plain = line(false, {{"user", text}});
    for (const char c : plain) EXPECT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7F) << plain;
    EXPECT_EQ(plain.find("\xc2\x9b"), std::string::npos);
    // What follows user= is one word or one quoted string, closed by an unescaped quote at the end.
    const std::string value = plain.substr(plain.find("user=") + 5);
    if (value.front() == '"') {
      size_t at = 1;
      while (value[at] != '"') at += value[at] == '\\' ? 2 : 1;
      EXPECT_EQ(at, value.size() - 1) << plain;
    } else {
      EXPECT_EQ(value.find_first_of(" =\""), std::string::npos) << plain;
    }
    const auto got = nlohmann::json::parse(line(true, {{"user", text}}), nullptr, false);
    ASSERT_TRUE(got.is_object());
    EXPECT_EQ(got.size(), 4U);
  }
}

TEST(log, a_long_line_is_cut_and_stays_valid) {
  for (const bool json : {false, true}) {
    for (const char fill : {'x', '\x01', '\xff'}) {
      const std::string long_text(5000, fill);
      const std::string got = line(json, {{"a", long_text}, {"b", long_text}, {"c", long_text}, {"d", long_text}, {"e", long_text}});
      EXPECT_LT(got.size(), log_line_size_max);
      EXPECT_NE(got.find("line_cut"), std::string::npos);
      EXPECT_TRUE(!json || nlohmann::json::parse(got, nullptr, false).is_object()) << got;
    }
  }
  std::string accents;
  for (int i = 0; i < 400; ++i) accents += "é";
  EXPECT_EQ(line(true, {{"a", "x" + accents}}).find("ufffd"), std::string::npos) << "not cut inside a character";
}

struct Pipe {
  Pipe() { EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0); }
  ~Pipe() {
    ::close(ends[0]);
    if (ends[1] >= 0) ::close(ends[1]);
  }
  std::string drain() {
    ::close(ends[1]);
    ends[1] = -1;
    std::string out;
    char chunk[65536];
    for (ssize_t n; (n = ::read(ends[0], chunk, sizeof chunk)) > 0;) out.append(chunk, static_cast<size_t>(n));
    return out;
  }
  int ends[2] = {-1, -1};
};

TEST(log, lines_of_many_threads_come_out_whole_and_all_of_them) {
  Pipe pipe;
  std::string text;
  std::thread reader([&] {
    char chunk[65536];
    for (ssize_t n; (n = ::read(pipe.ends[0], chunk, sizeof chunk)) > 0;) text.append(chunk, static_cast<size_t>(n));
  });
  uint64_t dropped = 0;
  constexpr int threads = 4;
  constexpr int each = 2000;
  {
    Logger logger(pipe.ends[1], true, LogLevel::Info);
    std::vector<std::thread> writers;
    for (int t = 0; t < threads; ++t) {
      writers.emplace_back([&logger, t] {
        for (int i = 0; i < each; ++i) logger.log(LogLevel::Info, "e", {{"t", t}, {"i", i}});
      });
    }
    for (auto& w : writers) w.join();
    logger.log(LogLevel::Debug, "too low to be written", {});
    dropped = logger.dropped();
  }
  ::close(pipe.ends[1]);
  pipe.ends[1] = -1;
  reader.join();
  int seen = 0;
  std::vector<int> last(threads, -1);
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    ASSERT_NE(end, std::string::npos);
    const auto got = nlohmann::json::parse(text.substr(at, end - at), nullptr, false);
    ASSERT_TRUE(got.is_object());
    at = end + 1;
    if (got["event"] != "e") continue;
    ++seen;
    EXPECT_GT(got["i"].get<int>(), last[got["t"].get<size_t>()]) << "in the order each thread wrote them";
    last[got["t"].get<size_t>()] = got["i"];
  }
  EXPECT_EQ(static_cast<uint64_t>(seen) + dropped, static_cast<uint64_t>(threads * each));
}

TEST(log, a_reader_that_stalls_costs_lines_and_never_the_caller) {
  Pipe pipe;
  const std::string wide(400, 'x');
  uint64_t dropped = 0;
  {
    Logger logger(pipe.ends[1], false, LogLevel::Info);
    for (int i = 0; i < 20'000; ++i) logger.log(LogLevel::Info, "e", {{"wide", wide}});
    dropped = logger.dropped();
    EXPECT_GT(dropped, 0U);
  }  // Ends although nobody ever read.
  const std::string text = pipe.drain();
  EXPECT_TRUE(text.ends_with('\n'));
}

TEST(log, dropped_lines_are_told_once_there_is_room) {
  Pipe pipe;
  std::string text;
  {
    Logger logger(pipe.ends[1], false, LogLevel::Info);
    const std::string wide(400, 'x');
    while (logger.dropped() == 0) logger.log(LogLevel::Info, "e", {{"wide", wide}});
    std::thread reader([&] {
      char chunk[65536];
      while (text.find("log-lines-dropped lines=") == std::string::npos) {
        const ssize_t n = ::read(pipe.ends[0], chunk, sizeof chunk);
        if (n <= 0) return;
        text.append(chunk, static_cast<size_t>(n));
      }
    });
    reader.join();
  }
  EXPECT_NE(text.find("warn log-lines-dropped lines="), std::string::npos);
}

}  // namespace
}  // namespace sluice::control
