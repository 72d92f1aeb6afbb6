// The first byte chooses how deep the rest goes: as a segment file as it is; as one whose checksums are
// made right first, so that what lies behind them is reached; or as one record's payload. Whatever the
// bytes are, every view that comes out lies inside them, and what reads once reads the same again.
#include <array>
#include <vector>

#include "audit/transcript.h"
#include "base/text.h"

namespace {

using namespace sluice;
using namespace sluice::audit;

constexpr uint64_t segment_lsn = 4096;

void inside(Bytes outer, Bytes view) {
  if (view.empty()) return;
  SLUICE_ASSERT(view.data() >= outer.data() && view.data() + view.size() <= outer.data() + outer.size());
}

void read_record(const RecordHeader& header, Bytes payload) {
  const LogRecord record{.lane = 0, .lsn = segment_lsn, .segment = 1, .header = header, .payload = payload};
  for (const Format format : {Format::Text, Format::JsonLines}) {
    Transcript transcript(format);
    const auto line = transcript.line(record);
    if (line && *line) SLUICE_ASSERT((*line)->find_first_of("\n\x1b") == std::string::npos);
  }
  if (const auto intent = decode_intent(payload, header.version)) {
    const auto parameters = parameters_of(*intent);
    SLUICE_ASSERT(parameters.size() == intent->parameters_kept);
    for (const ParameterView& p : parameters) inside(payload, p.value);
  }
}

size_t read_segment(Bytes file) {
  BlockReader reader(memory_source(file), 0, segment_lsn);
  size_t records = 0;
  while (true) {
    const auto block = reader.next();
    if (!block) {
      SLUICE_ASSERT(block.error().block.has_value());
      (void)reader.block_follows();
      break;
    }
    if (!*block) break;
    RecordWalker walker((*block)->body, (*block)->header.first_lsn);
    while (true) {
      const auto item = walker.next();
      if (!item || !*item) break;
      inside((*block)->body, (*item)->payload);
      read_record((*item)->header, (*item)->payload);
      records += 1;
    }
  }
  SLUICE_ASSERT(reader.offset() <= file.size());
  return records;
}

template <typename T>
T load(const std::vector<std::byte>& from, size_t at) {
  T value;
  std::memcpy(&value, from.data() + at, sizeof value);
  return value;
}

/// Makes magic, version, places and checksums of every block and record right, where their sizes allow it.
void repair(std::vector<std::byte>& file) {
  uint64_t lsn = segment_lsn;
  uint64_t block_no = 0;
  for (size_t at = 0; file.size() - at >= sizeof(BlockHeader);) {
    auto h = load<BlockHeader>(file, at);
    const size_t body = at + sizeof h;
    h.magic = block_magic;
    h.version = format_version;
    h.lane = 0;
    h.log_epoch = 1;
    h.block_no = block_no++;
    h.first_lsn = lsn;
    h.key_id = 0;
    h.body_size = static_cast<uint32_t>(std::min<size_t>(h.body_size, file.size() - body)) & ~7U;
    h.raw_size = h.body_size;
    h.flags &= block_flag::known & ~block_flag::segment_start;
    h.end_lsn = lsn + h.body_size;
    if (at == 0) {
      h.flags = block_flag::segment_start;
      h.end_lsn = lsn;
    }
    for (size_t r = body; at != 0 && body + h.body_size - r >= sizeof(RecordHeader);) {
      auto record = load<RecordHeader>(file, r);
      const size_t left = body + h.body_size - r - sizeof record;
      record.payload_size = static_cast<uint32_t>(std::min<size_t>(record.payload_size, left));
      record.flags = 0;
      std::memcpy(file.data() + r, &record, sizeof record);
      record.crc = record_crc(Bytes(file).subspan(r, sizeof record + record.payload_size), lsn + r - body);
      std::memcpy(file.data() + r, &record, sizeof record);
      r += record_size(record.payload_size);
    }
    h.body_crc = crc32c(Bytes(file).subspan(body, h.body_size));
    h.header_crc = crc32c(std::as_bytes(std::span{&h, 1}).first(offsetof(BlockHeader, header_crc)));
    std::memcpy(file.data() + at, &h, sizeof h);
    lsn = h.end_lsn;
    at = body + h.body_size;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const Bytes input = std::as_bytes(std::span{data + 1, size - 1});
  switch (data[0] % 3) {
    case 0: SLUICE_ASSERT(read_segment(input) == read_segment(input)); break;
    case 1: {
      std::vector<std::byte> file(input.begin(), input.end());
      repair(file);
      SLUICE_ASSERT(read_segment(file) == read_segment(file));
      break;
    }
    default: {
      RecordHeader header{};
      header.type = static_cast<RecordType>(input[0]);
      header.version = 1;
      header.session.bytes.fill(std::byte{1});
      read_record(header, input.subspan(1));
    }
  }
  return 0;
}
