// The bytes of the audit log, version 1: what a ring file and a segment file are made of. All integers
// are little-endian. docs/decisions/0005-audit-format.md says why it is so.
//
// An lsn is a byte position in the record stream of one lane; it is never 0 and never goes back.
// Records lie back to back, each a multiple of 8 bytes. The stream is cut at every multiple of the
// segment size, and no record crosses a cut: where the next one does not fit, the rest is skipped.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "audit/recorder.h"
#include "base/bytes.h"
#include "base/crypto.h"

namespace sluice::audit {

inline constexpr uint16_t format_version = 1;

enum class RecordType : uint16_t {
  SessionStart = 1,
  Authentication = 2,
  Statement = 3,
  Intent = 4,
  Outcome = 5,
  Cancel = 6,
  SessionEnd = 7,
  RuleSet = 8,    ///< Which rules a generation is, before the first intent of a session that names it.
  Lost = 64,      ///< Control: a range of this lane's stream could not be kept.
  Recovery = 65,  ///< Control: first record after every start; how the last run ended.
};

struct RecordHeader {
  uint64_t commit;        ///< Ring: lsn XOR the ring's nonce, stored last. Segment: as copied, not used.
  uint32_t crc;           ///< crc32c of everything after this field up to the payload's end, seeded by the lsn.
  uint32_t payload_size;  ///< Without the padding to 8 bytes.
  RecordType type;
  uint16_t version;       ///< Of this type's payload.
  uint32_t flags;         ///< None in version 1.
  int64_t time_unix_ns;
  SessionId session;      ///< Zero in control records.
  uint64_t session_seq;   ///< 1, 2, 3 … in a session; 0 where a recovery could not know it.
};
static_assert(sizeof(RecordHeader) == 56 && std::is_trivially_copyable_v<RecordHeader>);

inline constexpr size_t record_crc_offset = offsetof(RecordHeader, payload_size);
[[nodiscard]] constexpr size_t record_size(size_t payload_size) {
  return (sizeof(RecordHeader) + payload_size + 7) & ~size_t{7};
}
/// The lsn goes into the seed: a record that is copied to another place does not check there.
[[nodiscard]] inline uint32_t record_crc(Bytes record_without_padding, uint64_t lsn) {
  return crc32c(record_without_padding.subspan(record_crc_offset),
                static_cast<uint32_t>(lsn) ^ static_cast<uint32_t>(lsn >> 32));
}

// Ring file: one header page, then `ring_size` bytes; lsn L lives at L modulo ring_size.

inline constexpr std::array<char, 8> ring_magic{'S', 'L', 'U', 'I', 'C', 'E', 'R', 'G'};
inline constexpr size_t ring_header_size = 4096;
inline constexpr uint64_t ring_size_min = 2U << 20;
inline constexpr uint64_t ring_size_max = 1U << 30;

using Uuid = std::array<std::byte, 16>;

/// Fixed when the ring is made.
struct RingIdentity {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t lane;
  uint64_t ring_size;     ///< A power of two.
  uint64_t segment_size;  ///< At least ring_size.
  uint64_t log_epoch;     ///< Which start of the gateway, counted for this lane.
  uint64_t nonce;         ///< Secret and random: payloads cannot hold a commit word on purpose.
  uint64_t base_lsn;      ///< Where this ring's first record begins.
  Uuid uuid;
  Uuid boot_id;
  int64_t start_unix_ns;
  uint32_t pid;
  uint32_t crc;           ///< crc32c of all fields above.
};

struct RingHeader {
  RingIdentity identity;
  alignas(128) uint64_t head;      ///< Producer: end of the committed records. A hint for recovery.
  alignas(128) uint64_t released;  ///< Consumer: records below are in a segment file; their room is free.
  uint64_t durable;                ///< Consumer: records below are on disk.
};
static_assert(sizeof(RingHeader) <= ring_header_size && std::is_trivially_copyable_v<RingHeader>);

/// In place of a commit word: nothing more until the next segment begins.
[[nodiscard]] constexpr uint64_t skip_word(uint64_t lsn, uint64_t nonce) { return ~(lsn ^ nonce); }

// Segment file `<directory>/<lane>/<first lsn, 16 hex digits>.seg`: blocks back to back. The first one
// is flagged SegmentStart and its body is a SegmentStartBody; the others hold records.

inline constexpr std::array<char, 8> block_magic{'S', 'L', 'U', 'I', 'C', 'E', 'B', 'K'};
/// A block holds at least one record, and that may be as large as an eighth of the largest ring.
inline constexpr uint32_t block_body_size_max = 256U << 20;

namespace block_flag {
inline constexpr uint16_t segment_start = 1;  ///< Body describes the segment; holds no records.
inline constexpr uint16_t segment_end = 2;    ///< The last of its file: the stream goes on at the next multiple.
inline constexpr uint16_t recovered = 4;      ///< Written after a crash, from the ring that survived it.
inline constexpr uint16_t unchained = 8;      ///< prev_hash and rec_root are zero: no hash chain yet.
inline constexpr uint16_t padded = 16;        ///< Reserved: file padded to 4096 after this block.
inline constexpr uint16_t known = segment_start | segment_end | recovered | unchained;
}  // namespace block_flag

struct BlockHeader {
  std::array<char, 8> magic;
  uint16_t version;
  uint16_t flags;
  uint32_t lane;
  uint64_t log_epoch;
  uint64_t block_no;      ///< Counts up by one in an epoch, over all its segments.
  uint64_t first_lsn;
  uint64_t end_lsn;       ///< First lsn after the block.
  uint32_t record_count;
  uint32_t body_size;     ///< Bytes that follow this header.
  uint32_t raw_size;      ///< Before a later version's compression; equal to body_size.
  uint32_t body_crc;
  int64_t time_first_unix_ns;
  int64_t time_last_unix_ns;
  uint64_t key_id;        ///< 0: not encrypted.
  Digest prev_hash;
  Digest rec_root;
  std::array<std::byte, 32> reserved;
  uint32_t zero;
  uint32_t header_crc;    ///< crc32c of all fields above.
};
static_assert(sizeof(BlockHeader) == 192 && std::is_trivially_copyable_v<BlockHeader>);

/// Then `session_count` SessionIds: the sessions that were open where this segment begins.
struct SegmentStartBody {
  uint64_t segment_size;
  uint64_t previous_end_lsn;  ///< Where the lane's stream ended before; 0: there was none.
  Uuid ring_uuid;
  Uuid boot_id;
  int64_t created_unix_ns;
  uint64_t session_count;
};
static_assert(sizeof(SegmentStartBody) == 64);

/// How many sessions one lane may have open at once.
inline constexpr uint64_t open_sessions_max = 262'144;

[[nodiscard]] std::string segment_name(uint64_t first_lsn);
/// nullopt: not the name of a segment file.
[[nodiscard]] std::optional<uint64_t> segment_first_lsn(std::string_view name);
[[nodiscard]] constexpr uint64_t segment_end_of(uint64_t lsn, uint64_t segment_size) {
  return (lsn / segment_size + 1) * segment_size;
}

}  // namespace sluice::audit
