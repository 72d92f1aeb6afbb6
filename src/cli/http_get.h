// One request to a running sluice. Blocking, with a deadline; for command line tools only.
#pragma once
#include <cstdint>
#include <string>

#include "base/error.h"

namespace sluice::cli {

struct HttpAnswer {
  int status = 0;
  std::string body;
};

/// To the admin listener. `host` numeric. At most 5 s and 4 MiB.
[[nodiscard]] Expected<HttpAnswer> http_get(const std::string& host, uint16_t port, const std::string& path);

/// To the local socket. `body` empty: a GET. At most two minutes, since rules are compiled meanwhile.
[[nodiscard]] Expected<HttpAnswer> http_local(const std::string& socket_path, const std::string& path,
                                              const std::string& body);

}  // namespace sluice::cli
