// The tables of what ships. For data_types.cc only.
#pragma once
#include <span>

#include "rules/detect/data_type.h"
#include "rules/detect/secrets.h"

namespace sluice::rules {

[[nodiscard]] std::span<const DataTypeSpec> shipped_numbers();
[[nodiscard]] std::span<const DataTypeSpec> shipped_secrets();

// A trigger, not a grammar: what stands on both sides is email_at()'s work. Bytes over 0x7F belong to
// internationalised addresses.
inline constexpr Trigger email_trigger = {
    .expression = R"([A-Za-z0-9_%+\x80-\xff-]@[A-Za-z0-9\x80-\xff-])", .extend = extend::email, .mark = Mark::At};

}  // namespace sluice::rules
