#include "control/status.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sluice::control {
namespace {

using nlohmann::ordered_json;

ordered_json rules_document(const RulesStatus& rules, const std::vector<LiveGeneration>& generations) {
  ordered_json out{{"generation", rules.generation},
                   {"count", rules.count},
                   {"hash", rules.hash},
                   {"origin", rules.origin},
                   {"loaded_unix_s", rules.loaded_unix_s}};
  if (rules.previous_generation != 0)
    out["previous"] = ordered_json{{"generation", rules.previous_generation}, {"hash", rules.previous_hash}};
  out["reloads_ok"] = rules.reloads_ok;
  out["reloads_failed"] = rules.reloads_failed;
  if (!rules.last_failure.empty()) out["last_failure"] = rules.last_failure;
  out["live"] = ordered_json::array();
  for (const LiveGeneration& live : generations) {
    ordered_json holders = ordered_json::array();
    for (const RuleHolder& h : live.holders) holders.push_back(ordered_json{{"session", h.session}, {"target", h.target}});
    out["live"].push_back(ordered_json{
        {"generation", live.generation}, {"held_by", live.holder_count}, {"holders", std::move(holders)}});
  }
  return out;
}

}  // namespace

std::optional<std::string> not_ready_reason(const ProcessSnapshot& process, const DataPlaneStatus& data_plane) {
  if (process.audit_failed) return "the audit log cannot be written: traffic has stopped";
  if (process.rules.generation == 0) return "no rule set is loaded";
  if (process.draining) return "draining: no new sessions";
  if (process.disk_critical) return "the audit log's disk is nearly full: no new statements";
  if (process.disk_low) return "the audit log's disk is low: no new sessions";
  if (data_plane.lanes.empty() || !std::ranges::all_of(data_plane.lanes, &LaneStatus::running)) {
    return "not every lane is running";
  }
  return std::nullopt;
}

std::string render_rules(const RulesStatus& rules, const std::vector<LiveGeneration>& generations) {
  return rules_document(rules, generations).dump(2) + "\n";
}

std::string render_status(const ProcessSnapshot& process, const DataPlaneStatus& data_plane) {
  ordered_json out;
  out["version"] = SLUICE_VERSION;
  out["started_unix_s"] = process.started_unix_s;
  const auto reason = not_ready_reason(process, data_plane);
  out["ready"] = !reason;
  if (reason) out["not_ready_because"] = *reason;
  out["draining"] = process.draining;
  out["rules"] = rules_document(process.rules, data_plane.generations);
  out["access_subjects"] = process.access_subjects;
  out["log_lines_dropped"] = process.log_lines_dropped;
  out["audit"] = {{"failed", process.audit_failed},
                  {"disk_low", process.disk_low},
                  {"disk_critical", process.disk_critical},
                  {"disk_available", process.disk_available},
                  {"records", process.audit_records},
                  {"rings_locked", process.rings_locked}};
  out["secrets_locked"] = process.secrets_locked;
  out["lanes"] = ordered_json::array();
  for (const LaneStatus& lane : data_plane.lanes) {
    const LaneMetrics& m = *lane.metrics;
    out["lanes"].push_back(ordered_json{
        {"lane", lane.lane},
        {"running", lane.running},
        {"sessions_open", m.sessions_open.get()},
        {"sessions_total", m.sessions_total.get()},
        {"logins_failed", m.logins_failed.get()},
        {"allowed", m.statements[static_cast<size_t>(Verdict::Allow)].get()},
        {"denied", m.statements[static_cast<size_t>(Verdict::Deny)].get()},
        {"held", m.statements[static_cast<size_t>(Verdict::Hold)].get()},
        {"alerts", m.alerts.get()},
        {"masked_cells", m.masked_cells.get()},
        {"buffers_free", m.buffers_free.get()},
        {"buffers_total", m.buffers_total.get()},
        {"ring_fill", static_cast<double>(m.ring_fill_permille.get()) / 1000},
        {"rule_generation", m.rule_generation.get()},
    });
  }
  out["targets"] = ordered_json::array();
  for (const TargetStatus& t : data_plane.targets) {
    ordered_json target{{"name", t.name}, {"column_rules", t.column_rules}};
    if (t.catalog_age_ms >= 0) target["catalog_age_ms"] = t.catalog_age_ms;
    if (!t.unresolved_masks.empty()) target["unresolved_masks"] = t.unresolved_masks;
    out["targets"].push_back(std::move(target));
  }
  out["fail_modes"] = ordered_json::array();
  for (const FailMode& f : fail_modes(process, data_plane)) {
    out["fail_modes"].push_back(ordered_json{
        {"away", std::string(f.what)}, {"effect", std::string(f.effect)}, {"state", std::string(name_of(f.state))}});
  }
  return out.dump(2) + "\n";
}

}  // namespace sluice::control
