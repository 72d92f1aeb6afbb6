// One GET to the admin listener. Blocking, with a deadline; for command line tools only.
#pragma once
#include <cstdint>
#include <string>

#include "base/error.h"

namespace sluice::cli {

struct HttpAnswer {
  int status = 0;
  std::string body;
};

/// `host` numeric. At most 5 s and 4 MiB.
[[nodiscard]] Expected<HttpAnswer> http_get(const std::string& host, uint16_t port, const std::string& path);

}  // namespace sluice::cli
