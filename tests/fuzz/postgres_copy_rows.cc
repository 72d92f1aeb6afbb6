// Hostile rows of COPY TO STDOUT. The first four bytes pick the options; the rest is the message. Whatever it is:
// the cells and delimiters are the whole row, and a value that is written anew is read back as itself.
#include <string>
#include <vector>

#include "base/assert.h"
#include "protocols/postgres/copy_rows.h"

using namespace sluice;
using namespace sluice::pg;

namespace {

constexpr size_t options_size = 4;

CopyOut format_of(const uint8_t* data) {
  CopyOut format;
  const bool csv = data[0] % 2 == 1;
  format.format = csv ? CopyOut::Format::Csv : CopyOut::Format::Text;
  format.delimiter = std::string_view("\t,;|'Q")[data[1] % 6];
  format.quote = std::string_view("\"~x")[data[2] % 3];
  format.escape = std::string_view("\"\\,~x")[data[3] % 5];
  format.null_text = csv ? "" : (data[0] & 2) != 0 ? "NULL" : "\\N";
  return format;
}

bool split(std::string_view message, const CopyOut& format, std::vector<CopyCell>& cells, std::vector<char>& decoded) {
  decoded.clear();
  decoded.reserve(message.size());
  return split_copy_row(message, format, cells, decoded);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < options_size) return 0;
  const CopyOut format = format_of(data);
  const std::string_view message(reinterpret_cast<const char*>(data) + options_size, size - options_size);
  std::vector<CopyCell> cells;
  std::vector<char> decoded;
  if (!split(message, format, cells, decoded)) return 0;

  std::string together;
  std::vector<std::byte> again;
  for (const CopyCell& cell : cells) {
    if (&cell != cells.data()) {
      together.push_back(format.delimiter);
      again.push_back(static_cast<std::byte>(format.delimiter));
    }
    together += cell.raw;
    if (cell.null) {
      SLUICE_ASSERT(cell.raw == format.null_text);
      for (const char c : format.null_text) again.push_back(static_cast<std::byte>(c));
    } else {
      append_copy_value(cell.value, format, again);
    }
  }
  SLUICE_ASSERT(together + '\n' == message);
  again.push_back(static_cast<std::byte>('\n'));

  std::vector<CopyCell> second;
  std::vector<char> second_decoded;
  SLUICE_ASSERT(split(as_text(again), format, second, second_decoded));
  SLUICE_ASSERT(second.size() == cells.size());
  for (size_t i = 0; i < cells.size(); ++i) {
    SLUICE_ASSERT(second[i].null == cells[i].null && second[i].value == cells[i].value);
  }
  return 0;
}
