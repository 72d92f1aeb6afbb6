#include "control/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "control/status.h"

namespace sluice::control {
namespace {

/// What promtool checks: HELP then TYPE before samples, names and labels well-formed, counters end in
/// _total, no series twice, histogram buckets cumulative and complete.
void check_exposition(const std::string& text) {
  static const std::regex sample(R"re(([a-z_]+)(\{([a-z_]+="[^"\\\n]*",?)+\})? ([0-9.e+-]+))re");
  ASSERT_TRUE(text.ends_with('\n'));
  std::istringstream lines(text);
  std::string line, family, type;
  std::set<std::string> families, series;
  while (std::getline(lines, line)) {
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(family).second) << family << " twice";
      EXPECT_TRUE(line.ends_with('.')) << line;
      type.clear();
      continue;
    }
    if (line.starts_with("# TYPE ")) {
      EXPECT_TRUE(line.starts_with("# TYPE " + family + " ")) << line;
      type = line.substr(line.rfind(' ') + 1);
      EXPECT_EQ(type == "counter", family.ends_with("_total")) << family;
      continue;
    }
    std::smatch m;
    ASSERT_TRUE(std::regex_match(line, m, sample)) << line;
    std::string name = m[1];
    if (type == "histogram") {
      for (const std::string_view suffix : {"_bucket", "_sum", "_count"}) {
        if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
      }
    }
    EXPECT_EQ(name, family) << line;
    EXPECT_FALSE(type.empty()) << line;
    EXPECT_TRUE(series.insert(m[1].str() + m[2].str()).second) << line << " twice";
  }
}

TEST(metrics, are_what_prometheus_reads) {
  LaneMetrics lanes[2];
  DataPlaneStatus status;
  status.lanes = {{0, true, &lanes[0]}, {1, true, &lanes[1]}};
  check_exposition(render_metrics({}, status));
  check_exposition(render_metrics({}, {}));
}

TEST(metrics, each_counter_is_shown_where_it_belongs) {
  LaneMetrics m;
  m.sessions_open.add(3);
  m.sessions_open.subtract();
  m.statements[static_cast<size_t>(Verdict::Deny)].add(7);
  m.refusals[static_cast<size_t>(Reason::Guard)].add(5);
  m.bytes_from_client.add(11);
  m.ring_fill_permille.set(250);
  m.decision_ns.observe(50);
  m.decision_ns.observe(51);
  m.decision_ns.observe(5'000'000);
  DataPlaneStatus status;
  status.lanes = {{4, true, &m}};
  ProcessSnapshot process;
  process.audit_failed = true;
  const std::string text = render_metrics(process, status);
  for (const std::string_view want :
       {"sluice_sessions_open{lane=\"4\"} 2\n", "sluice_statements_total{lane=\"4\",verdict=\"deny\"} 7\n",
        "sluice_statements_total{lane=\"4\",verdict=\"allow\"} 0\n", "sluice_refusals_total{lane=\"4\",reason=\"guard\"} 5\n",
        "sluice_bytes_total{lane=\"4\",direction=\"from_client\"} 11\n", "sluice_audit_ring_fill_ratio{lane=\"4\"} 0.25\n",
        "sluice_decision_seconds_bucket{lane=\"4\",le=\"5e-08\"} 1\n", "sluice_decision_seconds_bucket{lane=\"4\",le=\"1e-07\"} 2\n",
        "sluice_decision_seconds_bucket{lane=\"4\",le=\"0.001\"} 2\n", "sluice_decision_seconds_bucket{lane=\"4\",le=\"+Inf\"} 3\n",
        "sluice_decision_seconds_count{lane=\"4\"} 3\n", "sluice_audit_failed 1\n"}) {
    EXPECT_NE(text.find(want), std::string::npos) << want << "\n" << text;
  }
}

TEST(status, shows_every_fail_mode_and_its_state) {
  LaneMetrics m;
  DataPlaneStatus plane;
  plane.lanes = {{0, true, &m}};
  plane.targets = {{"orders", true, 11'000}};
  ProcessSnapshot process;
  process.rules.generation = 1;
  const auto got = nlohmann::json::parse(render_status(process, plane));
  EXPECT_TRUE(got["ready"]);
  std::map<std::string, std::string> state;
  for (const auto& f : got["fail_modes"]) state[f["away"]] = f["state"];
  const std::map<std::string, std::string> want = {{"audit-sink", "fine"}, {"disk", "fine"}, {"identity-provider", "not-used"},
                                                   {"grammar", "fine"}, {"catalog", "biting"}, {"approver", "not-used"},
                                                   {"store", "not-used"}, {"rule-set", "fine"}};
  EXPECT_EQ(state, want);
}

TEST(status, readiness_names_the_reason) {
  LaneMetrics m;
  DataPlaneStatus plane;
  plane.lanes = {{0, true, &m}};
  ProcessSnapshot good;
  good.rules.generation = 1;
  EXPECT_FALSE(not_ready_reason(good, plane));
  ProcessSnapshot p = good;
  p.audit_failed = true;
  EXPECT_EQ(not_ready_reason(p, plane), "the audit log cannot be written: traffic has stopped");
  p = good;
  p.draining = true;
  EXPECT_EQ(not_ready_reason(p, plane), "draining: no new sessions");
  p = good;
  p.rules.generation = 0;
  EXPECT_EQ(not_ready_reason(p, plane), "no rule set is loaded");
  p = good;
  p.disk_low = true;
  EXPECT_TRUE(not_ready_reason(p, plane));
  EXPECT_TRUE(not_ready_reason(good, {})) << "no lanes";
  plane.lanes[0].running = false;
  EXPECT_TRUE(not_ready_reason(good, plane));
}

}  // namespace
}  // namespace sluice::control
