// One message being built: type and length first, the length filled in when the writer goes.
#pragma once
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "protocols/postgres/frame.h"

namespace sluice::pg {

/// Appends one whole message to a buffer of the caller's, which must outlive the writer and be written
/// by nobody else meanwhile.
class MessageWriter : public ByteWriter {
 public:
  MessageWriter(std::vector<std::byte>& out, Backend type) : MessageWriter(out, static_cast<uint8_t>(type)) {}
  MessageWriter(std::vector<std::byte>& out, Frontend type) : MessageWriter(out, static_cast<uint8_t>(type)) {}
  MessageWriter(const MessageWriter&) = delete;
  MessageWriter& operator=(const MessageWriter&) = delete;
  ~MessageWriter() {
    const size_t length = size() - length_at_;
    SLUICE_ASSERT(length <= backend_data_size_max);
    patch_u32(length_at_, static_cast<uint32_t>(length));
  }

  /// A value with its length in front. data() == nullptr is NULL.
  void value(std::string_view v) {
    if (v.data() == nullptr) {
      u32(UINT32_MAX);
      return;
    }
    u32(static_cast<uint32_t>(v.size()));
    text(v);
  }

 private:
  MessageWriter(std::vector<std::byte>& out, uint8_t type) : ByteWriter(out), length_at_(size() + 1) {
    u8(type);
    u32(0);
  }
  size_t length_at_ = 0;
};

}  // namespace sluice::pg
