#include "io/slab.h"

#include <sys/mman.h>

namespace sluice::io {

SlabPool::SlabPool(uint32_t receive_count, uint32_t reserve_count)
    : receive_count_(receive_count), reserve_count_(reserve_count), counts_(receive_count + reserve_count, 0) {
  SLUICE_ASSERT(receive_count <= 32768);  // A buffer ring's limit; buffer ids are 16 bits.
  memory_size_ = stride * counts_.size();
  void* at = mmap(nullptr, memory_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  SLUICE_ASSERT(at != MAP_FAILED);
  // Rows, statements and passwords pass through here: none of it belongs in a core dump.
  madvise(at, memory_size_, MADV_DONTDUMP);
  memory_ = static_cast<std::byte*>(at);
  free_.reserve(reserve_count);
  for (uint32_t i = reserve_count; i > 0; --i) free_.push_back(receive_count + i - 1);
}

SlabPool::~SlabPool() { munmap(memory_, memory_size_); }

bool SlabPool::take(Slice& out) {
  if (free_.empty()) return false;
  const uint32_t slab = free_.back();
  free_.pop_back();
  counts_[slab] = 1;
  out = Slice(this, slab, 0, 0);
  return true;
}

Slice SlabPool::received(uint32_t slab, uint32_t size) {
  SLUICE_ASSERT(slab < receive_count_ && counts_[slab] == 0 && size <= slab_size);
  counts_[slab] = 1;
  ++receive_held_;
  return {this, slab, 0, size};
}

void SlabPool::release(uint32_t slab) {
  SLUICE_ASSERT(counts_[slab] > 0);
  if (--counts_[slab] > 0) return;
  if (slab >= receive_count_) {
    free_.push_back(slab);
    return;
  }
  --receive_held_;
  if (recycler_ != nullptr) recycler_->recycle(slab);
}

}  // namespace sluice::io
