#include "cli/serve_gateway.h"

#include "gateway/server.h"
#include "io/uring_kernel.h"

namespace sluice::cli {

unsigned lane_count(const Settings& settings) { return gateway::Server::lane_count(settings); }

Expected<void> probe_io_uring() {
  constexpr uint32_t smallest_ring = 8;
  auto kernel = io::UringKernel::create(smallest_ring);
  if (!kernel) return std::unexpected(kernel.error());
  return {};
}

Result<std::unique_ptr<DataPlane>, StartFailure> start_gateway(GatewayParts parts) {
  std::vector<audit::Recorder*> recorders;
  recorders.reserve(parts.lanes);
  for (unsigned lane = 0; lane < parts.lanes; ++lane) recorders.push_back(&parts.audit.recorder(lane));
  auto server = std::make_unique<gateway::Server>(gateway::Server::Inputs{
      .settings = parts.settings,
      .rules = std::move(parts.rules),
      .keys = std::move(parts.keys),
      .credentials = std::move(parts.credentials),
      .recorders = std::move(recorders),
      .log = parts.log,
  });
  if (auto started = server->start(); !started) {
    const bool ring = started.error().message.starts_with("io_uring");
    return std::unexpected(StartFailure{ring ? NoIoUring : Failed, started.error().message});
  }
  return server;
}

}  // namespace sluice::cli
