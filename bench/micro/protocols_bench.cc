// Cost of framing and of reading the two messages there are most of. Budget: 50 ns a statement for
// framing. Answers are checked before anything is timed: a benchmark of the wrong answer is worthless.
#include <benchmark/benchmark.h>

#include "protocols/postgres/build.h"
#include "protocols/postgres/frame.h"
#include "protocols/postgres/message_writer.h"
#include "protocols/postgres/messages.h"

namespace {
using namespace sluice;
using namespace sluice::pg;

constexpr FrontendCaps caps{256U << 10, 1U << 20};

/// Bind as pgbench -M prepared sends it, with `count` parameters of ten bytes.
std::vector<std::byte> bind_message(uint16_t count) {
  std::vector<std::byte> out;
  MessageWriter message(out, Frontend::Bind);
  message.c_string("");
  message.c_string("P_0");
  message.u16(0);
  message.u16(count);
  for (uint16_t i = 0; i < count; ++i) message.value("0123456789");
  message.u16(0);
  return out;
}

void frame_pipeline(benchmark::State& state) {
  std::vector<std::byte> wire;
  for (int i = 0; i < 16; ++i) {
    const auto bind = bind_message(4);
    wire.insert(wire.end(), bind.begin(), bind.end());
    build::execute(wire, "");
    build::sync(wire);
  }
  size_t frames = 0;
  for (auto _ : state) {
    for (Bytes rest = wire; !rest.empty(); ++frames) {
      const auto header = frontend_header(rest, Phase::Ready, caps);
      rest = rest.subspan((*header)->frame_size());
    }
  }
  SLUICE_ASSERT(frames == static_cast<size_t>(state.iterations()) * 48);
  state.SetItemsProcessed(static_cast<int64_t>(frames));
}
BENCHMARK(frame_pipeline);

void frame_and_parse_bind(benchmark::State& state) {
  const auto wire = bind_message(static_cast<uint16_t>(state.range(0)));
  BindView bind;
  SLUICE_ASSERT(parse_bind(Bytes(wire).subspan(header_size), bind));
  SLUICE_ASSERT(bind.parameters.size() == static_cast<size_t>(state.range(0)) && bind.statement == "P_0");
  for (auto _ : state) {
    const auto header = frontend_header(wire, Phase::Ready, caps);
    const bool good = parse_bind(Bytes(wire).subspan(header_size, (*header)->body_size), bind);
    benchmark::DoNotOptimize(good);
    benchmark::DoNotOptimize(bind.parameters.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(frame_and_parse_bind)->Arg(0)->Arg(1)->Arg(4)->Arg(16);

void parse_rows(benchmark::State& state) {
  const std::vector<std::string_view> texts(static_cast<size_t>(state.range(0)), "0123456789");
  std::vector<std::byte> wire;
  build::data_row(wire, texts);
  std::vector<CellView> cells;
  SLUICE_ASSERT(parse_data_row(Bytes(wire).subspan(header_size), cells) && cells.size() == texts.size());
  SLUICE_ASSERT(cells.empty() || cells.back().text() == "0123456789");
  for (auto _ : state) {
    const auto header = backend_header(wire);
    const bool good = parse_data_row(Bytes(wire).subspan(header_size, (*header)->body_size), cells);
    benchmark::DoNotOptimize(good);
    benchmark::DoNotOptimize(cells.data());
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(wire.size()));
}
BENCHMARK(parse_rows)->Arg(1)->Arg(8)->Arg(64);

}  // namespace

BENCHMARK_MAIN();
