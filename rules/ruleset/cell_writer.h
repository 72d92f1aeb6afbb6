// The hits of one cell to its new value. For ResultMasker only.
#pragma once
#include <span>
#include <vector>

#include "rules/detect/validators.h"
#include "rules/mask/mask_spec.h"
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

class CellWriter {
 public:
  /// `specs`: by data type.
  CellWriter(std::span<const MaskSpec> specs, Hasher& hasher, std::vector<char>& out)
      : specs_(specs), hasher_(hasher), out_(out) {}

  /// Appends the new value of the cell. `hits`: one or more of one cell, by rising begin. False: the
  /// cell becomes NULL, and nothing was appended.
  [[nodiscard]] bool write(std::span<const CellHit> hits);

 private:
  void write_text(std::string_view text, std::span<const CellHit> hits, std::vector<char>& out) const;
  void write_json(std::string_view text, std::span<const CellHit> hits) const;

  std::span<const MaskSpec> specs_;
  Hasher& hasher_;
  std::vector<char>& out_;
  std::vector<char> bytes_;   // Of a bytea, decoded.
  std::vector<char> masked_;
};

}  // namespace sluice::rules
