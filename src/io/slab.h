// A lane's buffers. One mapping, cut into slabs of equal size; a Slice is a counted view into one.
// Counts are not atomic: slabs, slices and their pool belong to one lane's thread.
#pragma once
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/bytes.h"

namespace sluice::io {

inline constexpr uint32_t slab_size = 16U << 10;
/// Readable bytes behind every slab's end: simdjson and vector code may read past a value.
inline constexpr uint32_t slab_padding = 64;

class SlabPool;

/// A view of bytes in a slab that keeps the slab alive. Cheap to move; copying adds a reference.
// NOLINTNEXTLINE(cppcoreguidelines-special-member-functions): assignment takes its argument by value, so it also moves.
class Slice {
 public:
  Slice() = default;
  Slice(SlabPool* pool, uint32_t slab, uint32_t offset, uint32_t size);
  Slice(const Slice& other);
  Slice(Slice&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)),
        slab_(other.slab_),
        offset_(other.offset_),
        size_(std::exchange(other.size_, 0)) {}
  Slice& operator=(Slice other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(slab_, other.slab_);
    std::swap(offset_, other.offset_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Slice();

  [[nodiscard]] Bytes bytes() const;
  [[nodiscard]] uint32_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  void remove_prefix(uint32_t n) {
    SLUICE_ASSERT(n <= size_);
    offset_ += n;
    size_ -= n;
  }
  [[nodiscard]] Slice first(uint32_t n) const {
    SLUICE_ASSERT(n <= size_);
    Slice copy = *this;
    copy.size_ = n;
    return copy;
  }
  /// True, and grown, when `next` is the very continuation of this view in the same slab.
  bool try_extend(const Slice& next) {
    if (pool_ == nullptr || pool_ != next.pool_ || slab_ != next.slab_ || offset_ + size_ != next.offset_) return false;
    size_ += next.size_;
    return true;
  }
  /// Room behind this view, up to the slab's end. Only its single owner may write there.
  [[nodiscard]] MutableBytes tail_room();
  [[nodiscard]] bool sole_owner() const;
  /// Takes bytes written into tail_room().
  void grow(uint32_t n) {
    SLUICE_ASSERT(offset_ + size_ + n <= slab_size);
    size_ += n;
  }

 private:
  SlabPool* pool_ = nullptr;
  uint32_t slab_ = 0;
  uint32_t offset_ = 0;
  uint32_t size_ = 0;
};

/// Slabs [0, receive_count) circulate through the kernel's buffer ring; the rest are the reserve for
/// what sluice writes itself, so that a lane whose receive slabs are all waiting to be sent can still
/// make the messages that drain it.
class SlabPool {
 public:
  /// Told when a receive slab is free again: it goes back to the kernel.
  class Recycler {
   public:
    virtual void recycle(uint32_t slab) = 0;

   protected:
    ~Recycler() = default;
  };

  SlabPool(uint32_t receive_count, uint32_t reserve_count);
  ~SlabPool();
  SlabPool(const SlabPool&) = delete;
  SlabPool& operator=(const SlabPool&) = delete;

  void set_recycler(Recycler* recycler) { recycler_ = recycler; }

  /// An empty slice at the start of a reserve slab; nullopt-like empty pool: `valid` is false.
  [[nodiscard]] bool take(Slice& out);
  /// A received slab: count becomes one, owned by the slice.
  [[nodiscard]] Slice received(uint32_t slab, uint32_t size);

  [[nodiscard]] std::byte* data(uint32_t slab) { return memory_ + size_t{slab} * stride; }
  [[nodiscard]] uint32_t receive_count() const { return receive_count_; }
  [[nodiscard]] uint32_t reserve_count() const { return reserve_count_; }
  [[nodiscard]] uint32_t reserve_free() const { return static_cast<uint32_t>(free_.size()); }
  [[nodiscard]] uint32_t receive_held() const { return receive_held_; }

  static constexpr size_t stride = slab_size + slab_padding;

 private:
  friend class Slice;
  void add(uint32_t slab) { ++counts_[slab]; }
  void release(uint32_t slab);

  std::byte* memory_ = nullptr;
  size_t memory_size_ = 0;
  uint32_t receive_count_;
  uint32_t reserve_count_;
  uint32_t receive_held_ = 0;
  std::vector<uint32_t> counts_;
  std::vector<uint32_t> free_;  // Last in, first out: the slab used last is the one in the cache.
  Recycler* recycler_ = nullptr;
};

inline Slice::Slice(SlabPool* pool, uint32_t slab, uint32_t offset, uint32_t size)
    : pool_(pool), slab_(slab), offset_(offset), size_(size) {}
inline Slice::Slice(const Slice& other)
    : pool_(other.pool_), slab_(other.slab_), offset_(other.offset_), size_(other.size_) {
  if (pool_ != nullptr) pool_->add(slab_);
}
inline Slice::~Slice() {
  if (pool_ != nullptr) pool_->release(slab_);
}
inline Bytes Slice::bytes() const {
  if (pool_ == nullptr) return {};
  return {pool_->data(slab_) + offset_, size_};
}
inline MutableBytes Slice::tail_room() {
  if (pool_ == nullptr) return {};
  return {pool_->data(slab_) + offset_ + size_, slab_size - offset_ - size_};
}
inline bool Slice::sole_owner() const { return pool_ != nullptr && pool_->counts_[slab_] == 1; }

/// A queue of slices that knows how many bytes it holds.
class SliceQueue {
 public:
  void push(Slice slice) {
    if (slice.empty()) return;
    bytes_ += slice.size();
    if (head_ < slices_.size() && slices_.back().try_extend(slice)) return;
    slices_.push_back(std::move(slice));
  }
  /// Copies `bytes` behind the last slice, in its own slab: for small pieces, which would otherwise
  /// take a slab each. False, and nothing done: no last slice, another view of its slab, or no room.
  [[nodiscard]] bool append_in_place(Bytes bytes) {
    if (head_ == slices_.size() || !slices_.back().sole_owner()) return false;
    const MutableBytes room = slices_.back().tail_room();
    if (room.size() < bytes.size()) return false;
    std::memcpy(room.data(), bytes.data(), bytes.size());
    slices_.back().grow(static_cast<uint32_t>(bytes.size()));
    bytes_ += bytes.size();
    return true;
  }
  /// Takes the last slice out, to be written to further, if its slab has at least this much room and
  /// no other view. Empty: it has not.
  [[nodiscard]] Slice take_tail(size_t room) {
    if (head_ == slices_.size() || !slices_.back().sole_owner() || slices_.back().tail_room().size() < room) return {};
    Slice tail = std::move(slices_.back());
    slices_.pop_back();
    bytes_ -= tail.size();
    return tail;
  }
  [[nodiscard]] bool empty() const { return bytes_ == 0; }
  [[nodiscard]] size_t bytes() const { return bytes_; }
  [[nodiscard]] size_t count() const { return slices_.size() - head_; }
  [[nodiscard]] Slice& at(size_t i) { return slices_[head_ + i]; }
  [[nodiscard]] const Slice& at(size_t i) const { return slices_[head_ + i]; }

  void drop(size_t n) {
    SLUICE_ASSERT(n <= bytes_);
    bytes_ -= n;
    while (n > 0) {
      Slice& front = slices_[head_];
      if (front.size() > n) {
        front.remove_prefix(static_cast<uint32_t>(n));
        return;
      }
      n -= front.size();
      front = Slice();
      ++head_;
    }
    settle();
  }
  /// Moves the first n bytes to `to`, by reference.
  void move_to(SliceQueue& to, size_t n) {
    SLUICE_ASSERT(n <= bytes_);
    bytes_ -= n;
    while (n > 0) {
      Slice& front = slices_[head_];
      if (front.size() > n) {
        to.push(front.first(static_cast<uint32_t>(n)));
        front.remove_prefix(static_cast<uint32_t>(n));
        return;
      }
      n -= front.size();
      to.push(std::move(front));
      front = Slice();
      ++head_;
    }
    settle();
  }
  /// The bytes [offset, offset + size) as one view: in place where one slice holds them all, else
  /// gathered into `scratch` (for looking at, never for forwarding).
  [[nodiscard]] Bytes view(size_t offset, size_t size, std::vector<std::byte>& scratch) const {
    SLUICE_ASSERT(offset + size <= bytes_);
    size_t i = head_;
    while (i < slices_.size() && offset >= slices_[i].size()) offset -= slices_[i++].size();
    if (size == 0) return {};
    if (slices_[i].size() - offset >= size) return slices_[i].bytes().subspan(offset, size);
    scratch.clear();
    scratch.reserve(size);
    while (scratch.size() < size) {
      const Bytes part = slices_[i].bytes().subspan(offset);
      const size_t n = std::min(part.size(), size - scratch.size());
      scratch.insert(scratch.end(), part.begin(), part.begin() + static_cast<ptrdiff_t>(n));
      offset = 0;
      ++i;
    }
    return scratch;
  }
  void clear() {
    slices_.clear();
    head_ = 0;
    bytes_ = 0;
    slices_.shrink_to_fit();
  }

 private:
  void settle() {
    if (head_ < slices_.size()) {
      if (head_ > 64 && head_ * 2 > slices_.size()) {
        slices_.erase(slices_.begin(), slices_.begin() + static_cast<ptrdiff_t>(head_));
        head_ = 0;
      }
      return;
    }
    head_ = 0;
    // An idle session gives its queue's memory back after a burst.
    if (slices_.capacity() > 16) {
      std::vector<Slice>().swap(slices_);
    } else {
      slices_.clear();
    }
  }
  std::vector<Slice> slices_;
  size_t head_ = 0;
  size_t bytes_ = 0;
};

}  // namespace sluice::io
