#include "audit/ring.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <utility>

namespace sluice::audit {
namespace {

uint32_t identity_crc(const RingIdentity& identity) {
  return crc32c(std::as_bytes(std::span{&identity, 1}).first(offsetof(RingIdentity, crc)));
}

Expected<void> check_identity(const RingIdentity& identity, const std::string& path, uint64_t size) {
  if (identity.magic != ring_magic) return fail(fmt::format("{} is not an audit ring", path));
  if (identity.version != format_version)
    return fail(fmt::format("{} was written in ring format {}, this program knows {}: run `sluice audit recover` "
                            "of the version that wrote it, then start again",
                            path, identity.version, format_version));
  if (identity.crc != identity_crc(identity) || !std::has_single_bit(identity.ring_size) ||
      identity.ring_size < ring_size_min || identity.ring_size > ring_size_max || identity.base_lsn == 0 ||
      identity.base_lsn % 8 != 0 || identity.segment_size < identity.ring_size || identity.segment_size % 8 != 0 ||
      identity.segment_size > UINT32_MAX || size != ring_header_size + identity.ring_size)
    return fail(fmt::format("the header of {} is damaged: move the file aside to start without its records", path));
  return {};
}

}  // namespace

std::string ring_path(const std::string& directory, uint32_t lane) {
  return fmt::format("{}/{}.ring", directory, lane);
}

Expected<void> require_tmpfs(const std::string& directory) {
  struct statfs status {};
  if (::statfs(directory.c_str(), &status) != 0)
    return system_failure("cannot examine audit.ring_directory", directory, errno);
  if (static_cast<uint64_t>(status.f_type) == TMPFS_MAGIC) return {};
  return fail(fmt::format("audit.ring_directory must be on tmpfs (a file system in memory), and {} is not: set it to a "
                          "directory below /run or /dev/shm, or mount one with `mount -t tmpfs -o mode=0700 tmpfs {}`",
                          directory, directory));
}

Uuid current_boot_id() {
  Uuid id{};
  const std::string path = "/proc/sys/kernel/random/boot_id";
  const auto fd = open_file(path, O_RDONLY);
  std::array<std::byte, 36> text{};
  if (!fd || read_at(*fd, path, 0, text).value_or(0) != text.size()) return id;
  size_t digits = 0;
  for (const std::byte b : text) {
    const auto c = static_cast<char>(b);
    if (c == '-') continue;
    const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (value < 0 || digits == 32) return Uuid{};
    id[digits / 2] |= std::byte(digits % 2 == 0 ? value << 4 : value);
    ++digits;
  }
  return id;
}

Expected<Ring> Ring::map(const Fd& fd, const std::string& path, uint64_t ring_size, bool writable) {
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  const size_t total = ring_header_size + 2 * ring_size;
  void* base = ::mmap(nullptr, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return system_failure("cannot reserve memory for", path, errno);
  auto* at = static_cast<std::byte*>(base);
  const auto place = [&](size_t where, size_t size, off_t offset) {
    return ::mmap(at + where, size, protection, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd.get(), offset) != MAP_FAILED;
  };
  if (!place(0, ring_header_size + ring_size, 0) || !place(ring_header_size + ring_size, ring_size, ring_header_size)) {
    const int error = errno;
    ::munmap(base, total);
    return system_failure("cannot map", path, error);
  }
  Ring ring;
  ring.header_ = reinterpret_cast<RingHeader*>(at);
  ring.data_ = at + ring_header_size;
  ring.mask_ = ring_size - 1;
  ring.mapped_size_ = total;
  // The ring holds what people asked of a database: not into a core dump, not into swap.
  ::madvise(base, total, MADV_DONTDUMP);
  ring.locked_ = writable && ::mlock(base, ring_header_size + ring_size) == 0;
  return ring;
}

Expected<Ring> Ring::create(const std::string& directory, const Parameters& p) {
  SLUICE_ASSERT(p.base_lsn != 0 && p.base_lsn % 8 == 0);
  const std::string path = ring_path(directory, p.lane);
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  auto fd = open_file(fresh, O_RDWR | O_CREAT | O_EXCL);
  if (!fd) return std::unexpected(fd.error());
  // Really allocated: a page that cannot be had later would be a SIGBUS in the middle of a store.
  if (const int error = ::posix_fallocate(fd->get(), 0, static_cast<off_t>(ring_header_size + p.ring_size)))
    return system_failure("audit.ring_directory has no room for", path, error);
  auto ring = map(*fd, path, p.ring_size, true);
  if (!ring) return ring;

  RingHeader& header = ring->header();
  RingIdentity& identity = header.identity;
  identity.magic = ring_magic;
  identity.version = format_version;
  identity.lane = p.lane;
  identity.ring_size = p.ring_size;
  identity.segment_size = p.segment_size;
  identity.log_epoch = p.log_epoch;
  random_bytes(std::as_writable_bytes(std::span{&identity.nonce, 1}));
  identity.base_lsn = p.base_lsn;
  identity.uuid = p.uuid;
  identity.boot_id = current_boot_id();
  identity.start_unix_ns = unix_now_ns();
  identity.pid = static_cast<uint32_t>(::getpid());
  identity.crc = identity_crc(identity);
  header.head = header.released = header.durable = p.base_lsn;

  if (::rename(fresh.c_str(), path.c_str()) != 0) return system_failure("cannot put in place", path, errno);
  return ring;
}

Expected<Ring> Ring::open_read_only(const std::string& path) {
  auto fd = open_file(path, O_RDONLY);
  if (!fd) return std::unexpected(fd.error());
  const auto size = file_size(*fd, path);
  if (!size) return std::unexpected(size.error());
  RingIdentity identity{};
  const auto got = read_at(*fd, path, 0, std::as_writable_bytes(std::span{&identity, 1}));
  if (!got) return std::unexpected(got.error());
  if (*got != sizeof identity) return fail(fmt::format("{} is not an audit ring", path));
  if (auto ok = check_identity(identity, path, *size); !ok) return std::unexpected(ok.error());
  return map(*fd, path, identity.ring_size, false);
}

Ring::Ring(Ring&& other) noexcept
    : header_(std::exchange(other.header_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      mask_(other.mask_),
      mapped_size_(std::exchange(other.mapped_size_, 0)),
      locked_(other.locked_) {}

Ring::~Ring() {
  if (header_ != nullptr) ::munmap(header_, mapped_size_);
}

RingSlot slot_after_crash(const Ring& ring, uint64_t lsn, uint64_t end) {
  const RingIdentity& identity = ring.identity();
  if (end - lsn < sizeof(uint64_t)) return {};
  uint64_t word = 0;
  std::memcpy(&word, ring.at(lsn), sizeof word);
  if (word == skip_word(lsn, identity.nonce)) return {.kind = RingSlot::Kind::Skip};
  if (word != (lsn ^ identity.nonce) || end - lsn < sizeof(RecordHeader)) return {};
  const auto* header = reinterpret_cast<const RecordHeader*>(ring.at(lsn));
  if (header->payload_size > identity.ring_size / 2) return {};
  const size_t size = record_size(header->payload_size);
  if (size > end - lsn || lsn + size > segment_end_of(lsn, identity.segment_size)) return {};
  const Bytes record{ring.at(lsn), sizeof(RecordHeader) + header->payload_size};
  if (record_crc(record, lsn) != header->crc) return {};
  return {.kind = RingSlot::Kind::Record, .header = header, .size = static_cast<uint32_t>(size)};
}

RingProducer::RingProducer(Ring& ring, CrashHook hook)
    : ring_(ring),
      hook_(hook),
      nonce_(ring.identity().nonce),
      segment_size_(ring.identity().segment_size),
      capacity_(ring.identity().ring_size - sizeof(uint64_t)),
      head_(ring.header().head),
      segment_end_(segment_end_of(head_, segment_size_)),
      released_(ring.header().released) {}

void RingProducer::skip_to_next_segment() {
  const uint64_t at = head_;
  std::atomic_ref(word_at(segment_end_)).store(0, std::memory_order_relaxed);
  std::atomic_ref(word_at(at)).store(skip_word(at, nonce_), std::memory_order_release);
  head_ = segment_end_;
  segment_end_ += segment_size_;
}

double RingProducer::fill() const {
  const uint64_t released = std::atomic_ref(ring_.header().released).load(std::memory_order_acquire);
  return static_cast<double>(head_ - released) / static_cast<double>(capacity_);
}

}  // namespace sluice::audit
