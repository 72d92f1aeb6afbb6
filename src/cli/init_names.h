// What the name of a column says of its values.
#pragma once
#include <string_view>

namespace sluice::cli {

/// One word for what such columns hold ("password", "birth-date"); empty: the name says nothing.
[[nodiscard]] std::string_view sensitive_name(std::string_view column);

}  // namespace sluice::cli
