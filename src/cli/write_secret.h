// Showing a secret that is stored nowhere.
#pragma once
#include <string_view>

#include "base/crypto.h"

namespace sluice::cli {

/// Writes the three to standard output without leaving a copy in stdio's buffers. False: not all of it.
[[nodiscard]] bool write_secret(std::string_view before, const Secret& key, std::string_view after);

}  // namespace sluice::cli
