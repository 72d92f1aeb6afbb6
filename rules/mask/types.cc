#include "rules/mask/types.h"

#include <algorithm>
#include <array>

namespace sluice::rules {
namespace {

struct Row {
  uint32_t oid;
  TypeClass type_class;
};

// Sorted by OID. float4 and float8 are skipped although 15 digits fit in a double: a cast is an
// expression, and values of cards in floating point lose digits.
constexpr Row rows[] = {
    {16, TypeClass::Skip},          // bool
    {17, TypeClass::Bytea},         // bytea
    {18, TypeClass::Skip},          // "char": one byte
    {19, TypeClass::Text},          // name
    {20, TypeClass::Integer},       // int8
    {21, TypeClass::Skip},          // int2
    {23, TypeClass::Skip},          // int4
    {25, TypeClass::Text},          // text
    {26, TypeClass::Skip},          // oid
    {27, TypeClass::Skip},          // tid
    {28, TypeClass::Skip},          // xid
    {29, TypeClass::Skip},          // cid
    {114, TypeClass::Json},         // json
    {142, TypeClass::Structured},   // xml
    {199, TypeClass::Structured},   // json[]
    {600, TypeClass::Skip},         // point
    {601, TypeClass::Skip},         // lseg
    {602, TypeClass::Skip},         // path
    {603, TypeClass::Skip},         // box
    {604, TypeClass::Skip},         // polygon
    {628, TypeClass::Skip},         // line
    {650, TypeClass::Skip},         // cidr
    {700, TypeClass::Skip},         // float4
    {701, TypeClass::Skip},         // float8
    {705, TypeClass::Text},         // unknown
    {718, TypeClass::Skip},         // circle
    {774, TypeClass::Skip},         // macaddr8
    {790, TypeClass::Skip},         // money
    {829, TypeClass::Skip},         // macaddr
    {869, TypeClass::Skip},         // inet
    {1000, TypeClass::Skip},        // bool[]
    {1005, TypeClass::Skip},        // int2[]
    {1007, TypeClass::Skip},        // int4[]
    {1009, TypeClass::Structured},  // text[]
    {1014, TypeClass::Structured},  // bpchar[]
    {1015, TypeClass::Structured},  // varchar[]
    {1016, TypeClass::NullOnHit},   // int8[]
    {1021, TypeClass::Skip},        // float4[]
    {1022, TypeClass::Skip},        // float8[]
    {1042, TypeClass::Text},        // bpchar
    {1043, TypeClass::Text},        // varchar
    {1082, TypeClass::Skip},        // date
    {1083, TypeClass::Skip},        // time
    {1114, TypeClass::Skip},        // timestamp
    {1115, TypeClass::Skip},        // timestamp[]
    {1182, TypeClass::Skip},        // date[]
    {1184, TypeClass::Skip},        // timestamptz
    {1185, TypeClass::Skip},        // timestamptz[]
    {1186, TypeClass::Skip},        // interval
    {1231, TypeClass::NullOnHit},   // numeric[]
    {1266, TypeClass::Skip},        // timetz
    {1700, TypeClass::Numeric},     // numeric
    {2249, TypeClass::Structured},  // record
    {2287, TypeClass::Structured},  // record[]
    {2950, TypeClass::Skip},        // uuid
    {2951, TypeClass::Skip},        // uuid[]
    {3220, TypeClass::Skip},        // pg_lsn
    {3802, TypeClass::Jsonb},       // jsonb
    {3904, TypeClass::Skip},        // int4range
    {3906, TypeClass::NullOnHit},   // numrange
    {3908, TypeClass::Skip},        // tsrange
    {3910, TypeClass::Skip},        // tstzrange
    {3912, TypeClass::Skip},        // daterange
    {3926, TypeClass::NullOnHit},   // int8range
    {4532, TypeClass::NullOnHit},   // nummultirange
    {4536, TypeClass::NullOnHit},   // int8multirange
    {5069, TypeClass::Skip},        // xid8
};
static_assert(std::ranges::is_sorted(rows, {}, &Row::oid));

}  // namespace

TypeClass type_class(uint32_t type_oid) {
  const auto* row = std::ranges::lower_bound(rows, type_oid, {}, &Row::oid);
  return row != std::end(rows) && row->oid == type_oid ? row->type_class : TypeClass::Opaque;
}

uint32_t characters_max(uint32_t type_oid, int32_t type_modifier) {
  constexpr uint32_t name_oid = 19;
  constexpr uint32_t name_max = 63;  // NAMEDATALEN - 1
  constexpr uint32_t bpchar_oid = 1042;
  constexpr uint32_t varchar_oid = 1043;
  constexpr int32_t header = 4;      // VARHDRSZ, which the modifier counts in.
  if (type_oid == name_oid) return name_max;
  if ((type_oid != bpchar_oid && type_oid != varchar_oid) || type_modifier <= header) return 0;
  return static_cast<uint32_t>(type_modifier - header);
}

}  // namespace sluice::rules
