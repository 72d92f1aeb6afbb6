// Thousands of runs of the shipped session code between scripted clients and model servers.
//   test_sim --seed N        one run, with a trace
//   test_sim --seeds A..B    a range
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "simulation.h"

namespace sluice::sim {
namespace {

// Fits in the time that a developer waits for; SLUICE_SIM_SEEDS says otherwise.
constexpr uint64_t seeds_default = 10'000;
uint64_t current_seed = 0;

/// An assertion of the kernel or the gateway ends the process: say which seed it was.
void on_abort(int) {
  char text[] = "\nsimulation aborted; seed                     \n";
  std::to_chars(text + 27, text + sizeof text - 2, current_seed);
  (void)!write(STDERR_FILENO, text, sizeof text - 1);
}

struct Total {
  uint64_t failed = 0;
  uint64_t sessions = 0;
  uint64_t disturbed = 0;
  uint64_t intents = 0;
};

Total run(uint64_t first, uint64_t last, bool trace) {
  constexpr uint64_t shown_max = 20;
  Total total;
  for (uint64_t seed = first; seed <= last; ++seed) {
    current_seed = seed;
    const RunResult result = run_simulation(seed, trace);
    total.sessions += result.sessions;
    total.disturbed += result.disturbed;
    total.intents += result.intents;
    for (const std::string& line : result.trace) fmt::print("  {}\n", line);
    if (result.complaints.empty()) continue;
    if (++total.failed <= shown_max) {
      fmt::print("seed {}:", seed);
      for (const std::string& complaint : result.complaints) fmt::print(" {}\n", complaint);
    }
  }
  fmt::print("seeds {}..{}: {} failed; {} sessions whole, {} disturbed, {} intents\n", first, last, total.failed,
             total.sessions, total.disturbed, total.intents);
  return total;
}

uint64_t seeds_wanted() {
  const char* text = std::getenv("SLUICE_SIM_SEEDS");
  if (text == nullptr) return seeds_default;
  const std::string_view digits = text;
  uint64_t wanted = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), wanted);
  EXPECT_TRUE(error == std::errc() && end == digits.data() + digits.size()) << "SLUICE_SIM_SEEDS=" << digits;
  return wanted;
}

TEST(Simulation, ten_thousand_seeds_promise_01_03_10_every_answer_in_its_place_every_intent_first_and_all_memory_back) {
  const Total total = run(1, seeds_wanted(), false);
  EXPECT_EQ(total.failed, 0);
  EXPECT_GT(total.sessions, total.disturbed);  // Most runs prove that all answers came.
  EXPECT_GT(total.intents, total.sessions);
}

int by_hand(std::string_view range, bool trace) {
  const size_t dots = range.find("..");
  uint64_t first = 0;
  std::from_chars(range.data(), range.data() + std::min(dots, range.size()), first);
  uint64_t last = first;
  if (dots != std::string_view::npos) std::from_chars(range.data() + dots + 2, range.data() + range.size(), last);
  return run(first, last, trace).failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace sluice::sim

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  std::signal(SIGABRT, sluice::sim::on_abort);
  const std::string_view option = argc == 3 ? argv[1] : "";
  if (option == "--seed" || option == "--seeds") return sluice::sim::by_hand(argv[2], option == "--seed");
  return RUN_ALL_TESTS();
}
