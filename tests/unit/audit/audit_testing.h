// What the tests of the audit log share: a log in fresh directories, records to write, and reading back.
#pragma once
#include <gtest/gtest.h>
#include <sys/vfs.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "audit/audit_log.h"
#include "audit/reader.h"
#include "audit/recovery.h"
#include "audit/ring.h"

namespace sluice::audit {

/// Two directories that vanish with it: rings on tmpfs, segments wherever temporary files are.
class AuditDirectories {
 public:
  AuditDirectories() {
    std::string rings = "/dev/shm/sluice-audit-XXXXXX";
    std::string log = (std::filesystem::temp_directory_path() / "sluice-audit-XXXXXX").string();
    EXPECT_NE(::mkdtemp(rings.data()), nullptr);
    EXPECT_NE(::mkdtemp(log.data()), nullptr);
    settings.ring_directory = rings;
    settings.directory = log;
    settings.ring_size = 2U << 20;
    settings.segment_size = 4U << 20;
  }
  ~AuditDirectories() {
    std::filesystem::remove_all(settings.ring_directory);
    std::filesystem::remove_all(settings.directory);
  }
  AuditDirectories(const AuditDirectories&) = delete;
  AuditDirectories& operator=(const AuditDirectories&) = delete;

  [[nodiscard]] std::unique_ptr<AuditLog> open(unsigned lanes = 1, Environment environment = {}) const {
    auto log = AuditLog::open(settings, lanes, {}, std::move(environment));
    EXPECT_TRUE(log.has_value()) << (log ? "" : log.error().message);
    return log ? std::move(*log) : nullptr;
  }
  [[nodiscard]] std::string segment(uint64_t first_lsn, uint32_t lane = 0) const {
    return lane_directory(settings.directory, lane) + "/" + segment_name(first_lsn);
  }
  [[nodiscard]] std::vector<uint64_t> segments(uint32_t lane = 0) const {
    return list_segments(settings.directory, lane).value_or(std::vector<uint64_t>{});
  }
  [[nodiscard]] std::string last_segment() const { return segment(segments().back()); }

  AuditSettings settings;
};

[[nodiscard]] inline bool rings_possible() {
  struct statfs status {};
  return ::statfs("/dev/shm", &status) == 0 && status.f_type == 0x01021994;
}

#define REQUIRE_TMPFS() \
  if (!rings_possible()) GTEST_SKIP() << "/dev/shm is not on tmpfs"

[[nodiscard]] inline SessionCursor session(uint8_t number) {
  SessionCursor cursor;
  cursor.id.bytes.fill(std::byte{0x5a});
  cursor.id.bytes[0] = std::byte{number};
  cursor.id.bytes[15] = std::byte{number};
  return cursor;
}

inline constexpr int64_t some_time = 1'770'000'000'123'456'789;

/// A record read back, owning its payload.
struct OwnedRecord {
  LogRecord record;
  std::vector<std::byte> payload;
};

[[nodiscard]] inline Expected<std::vector<OwnedRecord>> read_all(const std::string& directory) {
  auto log = LogReader::open(directory);
  if (!log) return std::unexpected(log.error());
  std::vector<OwnedRecord> all;
  while (true) {
    auto record = log->next();
    if (!record) return std::unexpected(record.error());
    if (!*record) return all;
    OwnedRecord owned{**record, {(*record)->payload.begin(), (*record)->payload.end()}};
    all.push_back(std::move(owned));
    all.back().record.payload = all.back().payload;
  }
}

[[nodiscard]] inline size_t count(const std::vector<OwnedRecord>& records, RecordType type) {
  return static_cast<size_t>(
      std::ranges::count_if(records, [type](const OwnedRecord& r) { return r.record.header.type == type; }));
}

[[nodiscard]] inline std::vector<std::byte> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const Bytes bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

inline void write_file(const std::string& path, Bytes bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << as_text(bytes);
}

[[nodiscard]] inline Intent intent_of(uint64_t statement_id, std::string_view text) {
  return {.kind = IntentKind::Query, .statement_id = statement_id, .text = text, .verdict = Verdict::Allow,
          .reason = Reason::Default};
}

}  // namespace sluice::audit
