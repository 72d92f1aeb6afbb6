// A lane's ring: a file on tmpfs, mapped twice back to back so that no record wraps. It outlives the
// process: what was committed before a SIGKILL is there for the next start.
//
// One producer (the lane) and one consumer (the drainer), no compare-and-swap. A record becomes real by
// one store of its commit word, made last: lsn XOR a secret nonce. A position in the stream is what
// makes the word right, so old laps, torn headers and payloads that imitate records all read as "end".
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "audit/file.h"
#include "audit/format.h"

namespace sluice::audit {

/// Where tests may look in, or end the process.
enum class CrashPoint : uint8_t {
  RecordReserved,   ///< Producer: room found, nothing written.
  RecordWritten,    ///< Producer: all but the commit word.
  RecordCommitted,  ///< Producer: committed, head not yet moved.
  BlockSubmitted,   ///< Drainer: the write is with the kernel.
  BlockWritten,     ///< Drainer: written, room not yet released.
  SegmentSealed,    ///< Drainer: old segment closed, next not yet made.
  RecoveryWritten,  ///< Recovery: records are in the segment, the ring still exists.
};

/// Called at every CrashPoint. A plain function, so that production pays one test of a null pointer.
struct CrashHook {
  void (*call)(void* context, CrashPoint) = nullptr;
  void* context = nullptr;
  void operator()(CrashPoint point) const {
    if (call != nullptr) call(context, point);
  }
};

/// Owns the two mappings of a ring file.
class Ring {
 public:
  struct Parameters {
    uint32_t lane = 0;
    uint64_t ring_size = 0;
    uint64_t segment_size = 0;
    uint64_t log_epoch = 0;
    uint64_t base_lsn = 0;
    Uuid uuid{};
  };
  /// Makes `<directory>/<lane>.ring` (0600), replacing one that is there. Pages are allocated and mapped.
  [[nodiscard]] static Expected<Ring> create(const std::string& directory, const Parameters&);
  /// Maps an existing one for reading, after checking its identity and size. A ring of another format
  /// version is an Error that names `sluice audit recover`.
  [[nodiscard]] static Expected<Ring> open_read_only(const std::string& path);

  Ring(Ring&& other) noexcept;
  Ring& operator=(Ring&&) = delete;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();

  [[nodiscard]] const RingIdentity& identity() const { return header_->identity; }
  [[nodiscard]] RingHeader& header() { return *header_; }
  [[nodiscard]] const RingHeader& header() const { return *header_; }
  /// Memory of `lsn`; readable (and writable) for ring_size bytes on.
  [[nodiscard]] std::byte* at(uint64_t lsn) const { return data_ + (lsn & mask_); }
  /// Whether its pages are locked into memory; best effort.
  [[nodiscard]] bool locked() const { return locked_; }

 private:
  Ring() = default;
  [[nodiscard]] static Expected<Ring> map(const Fd&, const std::string& path, uint64_t ring_size, bool writable);

  RingHeader* header_ = nullptr;
  std::byte* data_ = nullptr;
  uint64_t mask_ = 0;
  size_t mapped_size_ = 0;
  bool locked_ = false;
};

[[nodiscard]] std::string ring_path(const std::string& directory, uint32_t lane);
/// An Error with what to set, unless `directory` exists and is on tmpfs.
[[nodiscard]] Expected<void> require_tmpfs(const std::string& directory);
/// What /proc says of this boot; zeros where it says nothing.
[[nodiscard]] Uuid current_boot_id();

/// The next thing in a ring at `lsn`.
struct RingSlot {
  enum class Kind : uint8_t { End, Skip, Record } kind = Kind::End;
  const RecordHeader* header = nullptr;  ///< Only for a Record; lives in the ring.
  uint32_t size = 0;                     ///< Of the whole record with padding.
};
/// For a ring whose producer may have died at any instruction: trusts nothing, checks every bound and
/// the crc. `end` bounds how far a record may reach.
[[nodiscard]] RingSlot slot_after_crash(const Ring&, uint64_t lsn, uint64_t end);

/// The writing side. One thread. Not the owner of the ring.
class RingProducer {
 public:
  RingProducer(Ring& ring, CrashHook hook);

  /// The lsn after the last committed record.
  [[nodiscard]] uint64_t head() const { return head_; }
  /// Where the current segment ends.
  [[nodiscard]] uint64_t segment_end() const { return segment_end_; }
  /// Whether records of `size` bytes together fit, `keep_free` bytes being left for others, wherever
  /// the segment ends.
  [[nodiscard]] bool fits(uint64_t size, uint64_t keep_free) {
    if (has_room(size, keep_free)) [[likely]]
      return true;
    released_ = std::atomic_ref(ring_.header().released).load(std::memory_order_acquire);
    return has_room(size, keep_free);
  }
  /// Starts a record of `size` bytes, which must fit. Returns where to write it; it begins at lsn().
  [[nodiscard]] std::byte* begin(uint32_t size) {
    if (head_ + size > segment_end_) [[unlikely]]
      skip_to_next_segment();
    hook_(CrashPoint::RecordReserved);
    return ring_.at(head_);
  }
  /// Publishes the record begun last: everything but the commit word is written.
  void commit(uint32_t size) {
    hook_(CrashPoint::RecordWritten);
    const uint64_t end = head_ + size;
    // The next slot must not look committed, whatever an older lap or a payload left there.
    std::atomic_ref(word_at(end)).store(0, std::memory_order_relaxed);
    std::atomic_ref(word_at(head_)).store(head_ ^ nonce_, std::memory_order_release);
    hook_(CrashPoint::RecordCommitted);
    head_ = end;
    if (head_ == segment_end_) segment_end_ += segment_size_;
    std::atomic_ref(ring_.header().head).store(head_, std::memory_order_release);
  }
  [[nodiscard]] double fill() const;
  /// Bytes in use, by what the producer last knew of the consumer.
  [[nodiscard]] uint64_t used() const { return head_ - released_; }
  [[nodiscard]] uint64_t capacity() const { return capacity_; }

 private:
  [[nodiscard]] bool has_room(uint64_t size, uint64_t keep_free) const {
    const uint64_t gap = segment_end_ - head_;
    const uint64_t cost = size > gap ? size + gap : size;
    return used() + cost + keep_free <= capacity_;
  }
  [[nodiscard]] uint64_t& word_at(uint64_t lsn) const { return *reinterpret_cast<uint64_t*>(ring_.at(lsn)); }
  void skip_to_next_segment();

  Ring& ring_;
  CrashHook hook_;
  uint64_t nonce_;
  uint64_t segment_size_;
  uint64_t capacity_;  ///< The ring less one word: the slot after the last record is always zeroed.
  uint64_t head_;
  uint64_t segment_end_;
  uint64_t released_;
};

}  // namespace sluice::audit
