// Rows of COPY TO STDOUT in the text and CSV formats (manual, "COPY", File Formats). The server sends each as a
// CopyData message of its own, its line end included; one that holds more or less is refused.
#pragma once
#include <cstddef>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "model/facts.h"

namespace sluice::pg {

/// One value of a row.
struct CopyCell {
  std::string_view raw;    ///< As it came, with quotes and escapes.
  std::string_view value;  ///< What it means. Empty for NULL.
  bool null = false;
};

/// Splits the body of a CopyData message. False: it is not exactly one row that the server would write so. `cells`
/// borrow from the message and, where escapes had to be decoded, from `decoded`, which must have room for as many
/// bytes as the message has: it never grows, so cells of earlier rows stay where they are.
///
/// In the text format a NULL text of the caller's own is written just like a value, so it is taken for one.
[[nodiscard]] bool split_copy_row(std::string_view message, const CopyOut& format, std::vector<CopyCell>& cells,
                                  std::vector<char>& decoded);

/// Appends a value so that it is read back as itself.
void append_copy_value(std::string_view value, const CopyOut& format, std::vector<std::byte>& out);

}  // namespace sluice::pg
