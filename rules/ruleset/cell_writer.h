// The hits of one cell to its new value. For ResultMasker only.
#pragma once
#include <span>
#include <vector>

#include "rules/detect/validators.h"
#include "rules/mask/mask_spec.h"
#include "rules/mask/operators.h"
#include "rules/ruleset/ruleset.h"

namespace sluice::rules {

inline constexpr uint32_t xml_oid = 142;

/// How a cell's bytes hold its text.
enum class CellForm : uint8_t {
  Text,         ///< Any change fits.
  Structured,   ///< A syntax around it: masked one for one, never shortened.
  Json,         ///< The same; a number that is hit becomes `null`.
  JsonbBinary,  ///< A version byte, then JSON; offsets count from behind the byte.
  HexBytea,     ///< "\x…"; offsets count decoded bytes.
  NullOnHit,    ///< Nothing but NULL fits.
};

[[nodiscard]] constexpr bool is_json(CellForm form) { return form == CellForm::Json || form == CellForm::JsonbBinary; }

struct CellHit {
  uint64_t key = 0;     ///< Row and column: equal for all hits of a cell.
  Cell cell;
  CellForm form = CellForm::Text;
  size_t begin = 0;     ///< In the cell's text as its form says.
  size_t end = 0;
  DataType type = DataType::None;
};

/// Bytes of a value that a mask has written: in its text as its form says, without jsonb's first byte, decoded for bytea.
struct Written {
  size_t begin = 0;
  size_t end = 0;
};

class CellWriter {
 public:
  /// `specs`: by data type. `written` takes what masks write, in no order.
  CellWriter(std::span<const MaskSpec> specs, Hasher& hasher, std::vector<char>& out, std::vector<Written>& written)
      : specs_(specs), hasher_(hasher), out_(out), written_(written) {}

  /// Appends the new value of the cell. `hits`: one or more of one cell, by rising begin. `before`: what masks wrote in the
  /// value as it is. False: the cell becomes NULL, and nothing was appended.
  [[nodiscard]] bool write(std::span<const CellHit> hits, std::span<const Written> before);

 private:
  void write_text(std::string_view text, std::span<const CellHit> hits, std::vector<char>& out);
  void write_json(std::string_view text, std::span<const CellHit> hits);
  void write_mask(const MaskSpec& spec, std::string_view value, Characters characters, size_t start, std::vector<char>& out);
  void copy(std::string_view text, size_t from, size_t to, size_t start, std::vector<char>& out);

  std::span<const MaskSpec> specs_;
  Hasher& hasher_;
  std::vector<char>& out_;
  std::vector<Written>& written_;
  std::span<const Written> before_;
  std::vector<char> bytes_;   // Of a bytea, decoded.
  std::vector<char> masked_;
};

}  // namespace sluice::rules
