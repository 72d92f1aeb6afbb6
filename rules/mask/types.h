// What masks and detectors may do with a PostgreSQL type, by its OID (pg_type.dat).
#pragma once
#include <cstdint>

namespace sluice::rules {

enum class TypeClass : uint8_t {
  Opaque,      ///< Any type this table does not name: looked at; a hit becomes NULL in binary, is masked
               ///< one for one in text (enums, composites, hstore, citext, arrays of them).
  Text,        ///< Holds any text: every operator fits.
  Json,        ///< json, and jsonb in text: masks must keep the syntax.
  Jsonb,       ///< In binary a version byte stands first.
  Structured,  ///< Text with a syntax (xml, arrays and records of text): masked one for one.
  Bytea,       ///< Text output is hex.
  Integer,     ///< int8: only NULL fits.
  Numeric,     ///< Only NULL fits.
  NullOnHit,   ///< Looked at in text; what a mask would write is not of the type.
  Skip,        ///< No value of a sensitive type fits in it.
};

/// How many characters a value of the type has at most; 0: no such limit. `type_modifier`: as the server sends it.
[[nodiscard]] uint32_t characters_max(uint32_t type_oid, int32_t type_modifier);

/// Unknown OIDs are Opaque: unknown means they are looked at.
[[nodiscard]] TypeClass type_class(uint32_t type_oid);

}  // namespace sluice::rules
