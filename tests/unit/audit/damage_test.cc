// Files that were cut, torn or changed: what is good is kept, what is not is noticed, nothing is invented.
#include "tests/unit/audit/audit_testing.h"

namespace sluice::audit {
namespace {

/// A lane's log of several blocks: each session_start is made durable by itself.
struct Sample {
  explicit Sample(const AuditDirectories& d, int sessions) {
    std::atomic<uint64_t> woken = 0;
    auto log = AuditLog::open(d.settings, 1, [&](unsigned) { woken.fetch_add(1); woken.notify_all(); });
    EXPECT_TRUE(log.has_value());
    Recorder& r = (*log)->recorder(0);
    for (int i = 1; i <= sessions; ++i) {
      SessionCursor s = session(static_cast<uint8_t>(i));
      EXPECT_TRUE(r.session_start(s, {"postgres", "192.0.2.7:1", "0.0.0.0:6432"}, some_time + i));
      const uint64_t mine = r.committed();
      r.request_sync();
      for (uint64_t before = woken.load(); r.durable() < mine; before = woken.load()) woken.wait(before);
      open.push_back(s);
    }
    // The ring is set aside while it is full of records, and put back as a crash would have left it.
    ring = read_file(ring_path(d.settings.ring_directory, 0));
    for (SessionCursor& s : open) r.session_end(s, {"client terminated"}, some_time);
    (*log)->close();
  }
  std::vector<SessionCursor> open;
  std::vector<std::byte> ring;
};

/// Offsets where the blocks of a segment begin, and where the last one ends.
std::vector<uint64_t> block_offsets(const std::vector<std::byte>& file) {
  BlockReader reader(memory_source(file), 0, 4U << 20);
  std::vector<uint64_t> offsets;
  while (true) {
    const auto block = reader.next();
    EXPECT_TRUE(block.has_value());
    if (!block || !*block) break;
    offsets.push_back((*block)->offset);
  }
  offsets.push_back(reader.offset());
  return offsets;
}

TEST(audit_damage, a_segment_torn_at_any_byte_of_its_last_block_keeps_all_before_and_sets_the_rest_aside) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  const Sample sample(d, 2);
  const std::string path = d.last_segment();
  const auto whole = read_file(path);
  const auto offsets = block_offsets(whole);
  const uint64_t last = offsets.at(offsets.size() - 2);
  const auto before = read_all(d.settings.directory);
  ASSERT_TRUE(before);
  for (uint64_t size = last + 1; size < whole.size(); ++size) {
    std::filesystem::remove_all(lane_directory(d.settings.directory, 0));
    std::filesystem::create_directory(lane_directory(d.settings.directory, 0));
    write_file(path, Bytes(whole).first(size));
    const auto live = read_all(d.settings.directory);
    ASSERT_TRUE(live) << "a reader beside a writer sees such a tail as the end";

    const auto end = recover_lane(d.settings, 0, {});
    ASSERT_TRUE(end) << end.error().message;
    EXPECT_FALSE(end->recovery.damaged) << size;
    EXPECT_EQ(end->recovery.closed_sessions, 2U) << "their ends were in the torn block";
    const auto torn = read_file(path + ".torn-" + segment_name(end->end_lsn - 2 * record_size(payload_size(
                                                      SessionEnd{.reason = "gateway crash"}))).substr(0, 16));
    EXPECT_EQ(torn.size(), end->recovery.torn_bytes);
    EXPECT_TRUE(std::ranges::equal(torn, Bytes(whole).subspan(last, torn.size())));
    const auto after = read_all(d.settings.directory);
    ASSERT_TRUE(after) << after.error().message;
    EXPECT_EQ(count(*after, RecordType::SessionStart), 2U);
    EXPECT_EQ(count(*after, RecordType::SessionEnd), 2U);
  }
}

TEST(audit_damage, every_flipped_bit_is_noticed_and_changes_no_record_that_is_read) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  const Sample sample(d, 2);
  const std::string path = d.last_segment();
  const auto whole = read_file(path);
  const auto offsets = block_offsets(whole);
  const uint64_t last = offsets.at(offsets.size() - 2);
  const auto want = read_all(d.settings.directory);
  ASSERT_TRUE(want);
  for (size_t at = 0; at < whole.size(); ++at) {
    auto changed = whole;
    changed[at] ^= std::byte(1U << (at % 8));
    write_file(path, changed);
    const auto got = read_all(d.settings.directory);
    if (at < last) {
      EXPECT_FALSE(got.has_value()) << at;
      continue;
    }
    // The last block may be one that is being written, so it is left out; its version is another matter.
    if (!got) continue;
    ASSERT_LT(got->size(), want->size()) << at;
    for (size_t i = 0; i < got->size(); ++i) EXPECT_EQ((*got)[i].payload, (*want)[i].payload);
  }
}

TEST(audit_damage, a_bad_block_before_good_ones_is_kept_whole_and_raises_an_alarm) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  const Sample sample(d, 3);
  const std::string path = d.last_segment();
  auto changed = read_file(path);
  const auto offsets = block_offsets(changed);
  ASSERT_GE(offsets.size(), 5U);
  changed[offsets[1] + sizeof(BlockHeader) + 60] ^= std::byte{1};
  write_file(path, changed);
  {
    const auto log = d.open();
    const Recovery& recovery = log->recoveries().at(0).recovery;
    EXPECT_TRUE(recovery.damaged);
  }
  bool kept = false;
  for (const auto& entry : std::filesystem::directory_iterator(lane_directory(d.settings.directory, 0)))
    if (entry.path().string().starts_with(path + ".damaged-")) kept = read_file(entry.path()) == changed;
  EXPECT_TRUE(kept) << "the evidence of the damage";
  const auto after = read_all(d.settings.directory);
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(count(*after, RecordType::Lost), 1U);
}

TEST(audit_damage, what_the_disk_lost_is_taken_from_the_ring_again) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  const Sample sample(d, 3);
  const std::string path = d.last_segment();
  const auto whole = read_file(path);
  const auto offsets = block_offsets(whole);
  // Back to before the ends were written, with the second block cut off: the ring has it still.
  write_file(path, Bytes(whole).first(offsets[1]));
  write_file(ring_path(d.settings.ring_directory, 0), sample.ring);
  const auto log = d.open();
  const Recovery& recovery = log->recoveries().at(0).recovery;
  EXPECT_EQ(recovery.recovered_records, 3U);
  EXPECT_EQ(recovery.closed_sessions, 3U);
  const auto after = read_all(d.settings.directory);
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(count(*after, RecordType::SessionStart), 3U);
  EXPECT_EQ(count(*after, RecordType::Lost), 0U);
}

TEST(audit_damage, a_segment_file_that_vanished_is_noticed) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  for (int i = 0; i < 3; ++i) (void)d.open();
  const auto segments = d.segments();
  ASSERT_EQ(segments.size(), 3U);
  ASSERT_TRUE(read_all(d.settings.directory));
  std::filesystem::remove(d.segment(segments[1]));
  const auto got = read_all(d.settings.directory);
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().message.find("is missing"), std::string::npos) << got.error().message;
}

TEST(audit_damage, a_segment_whose_making_was_cut_short_does_not_stop_the_start) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  { const Sample sample(d, 1); }
  const uint64_t next = segment_end_of(d.segments().back(), d.settings.segment_size);
  write_file(d.segment(next), std::vector<std::byte>(100'000));
  const auto log = d.open();
  ASSERT_NE(log, nullptr);
  EXPECT_FALSE(log->recoveries().at(0).recovery.damaged);
  EXPECT_TRUE(read_all(d.settings.directory));
}

TEST(audit_damage, a_block_of_an_unknown_version_is_refused_by_reader_and_start) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  { const Sample sample(d, 1); }
  const std::string path = d.last_segment();
  auto changed = read_file(path);
  changed[block_offsets(changed)[0] + 8] = std::byte{9};
  write_file(path, changed);
  const auto got = read_all(d.settings.directory);
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().message.find("format version"), std::string::npos) << got.error().message;
  EXPECT_FALSE(AuditLog::open(d.settings, 1, {}));
}

TEST(audit_damage, promise_10_a_header_cannot_make_the_reader_take_memory_the_file_does_not_have) {
  LogPosition position{.lane = 0, .log_epoch = 1, .lsn = 4096, .segment_size = 1U << 30};
  std::vector<std::byte> body(1000);
  BlockHeader header = make_block_header(position, {.body = body, .end_lsn = 4096 + 1000});
  header.body_size = header.raw_size = block_body_size_max;
  header.end_lsn = 4096 + block_body_size_max;
  header.header_crc = crc32c(std::as_bytes(std::span{&header, 1}).first(offsetof(BlockHeader, header_crc)));
  header.flags |= 0;
  const auto parsed = parse_block_header(std::as_bytes(std::span{&header, 1}));
  ASSERT_TRUE(parsed);
  BlockReader reader(memory_source(std::as_bytes(std::span{&header, 1})), 0, 4096);
  EXPECT_FALSE(reader.next());
}

}  // namespace
}  // namespace sluice::audit
