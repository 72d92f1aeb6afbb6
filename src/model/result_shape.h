// The columns of one result, as the server reports them; what mask planning works on.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

struct ResultColumn {
  std::string name;              ///< As the client sees it (an alias may hide the origin).
  uint32_t table_oid = 0;        ///< 0: no origin (an expression).
  uint16_t attribute = 0;        ///< Attribute number in that table; 0 with a table: a whole row.
  uint32_t type_oid = 0;
  bool binary = false;
  int32_t type_modifier = -1;    ///< atttypmod; for char(n) and varchar(n) n + 4. -1: none.
};

using ResultShape = std::vector<ResultColumn>;

}  // namespace sluice
