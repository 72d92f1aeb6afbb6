#include "control/metrics.h"

#include <fmt/format.h>

#include <iterator>

namespace sluice::control {
namespace {

class Page {
 public:
  explicit Page(std::span<const LaneStatus> lanes) : lanes_(lanes) {}

  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    fmt::format_to(std::back_inserter(out_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  template <typename Number>
  void value(Number v, std::string_view labels = {}) {
    fmt::format_to(std::back_inserter(out_), "{}{} {}\n", name_, labels, v);
  }

  /// `read`: const LaneMetrics& → uint64_t. `labels`: further ones, as `key="value"`.
  template <typename Read>
  void lanes(Read read, std::string_view labels = {}) {
    for (const LaneStatus& lane : lanes_) {
      fmt::format_to(std::back_inserter(out_), "{}{{lane=\"{}\"{}{}}} {}\n", name_, lane.lane,
                     labels.empty() ? "" : ",", labels, read(*lane.metrics));
    }
  }
  void histogram(const LaneStatus& lane, const DecisionHistogram& h) {
    uint64_t total = 0;
    for (size_t i = 0; i < decision_bounds_ns.size(); ++i) {
      total += h.bucket(i);
      fmt::format_to(std::back_inserter(out_), "{}_bucket{{lane=\"{}\",le=\"{}\"}} {}\n", name_, lane.lane,
                     static_cast<double>(decision_bounds_ns[i]) / 1e9, total);
    }
    total += h.bucket(decision_bounds_ns.size());
    fmt::format_to(std::back_inserter(out_),
                   "{0}_bucket{{lane=\"{1}\",le=\"+Inf\"}} {2}\n{0}_sum{{lane=\"{1}\"}} {3}\n"
                   "{0}_count{{lane=\"{1}\"}} {2}\n",
                   name_, lane.lane, total, static_cast<double>(h.sum_ns()) / 1e9);
  }
  [[nodiscard]] std::span<const LaneStatus> all_lanes() const { return lanes_; }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  std::span<const LaneStatus> lanes_;
  std::string_view name_;
  std::string out_;
};

struct PlainFamily {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  uint64_t (*read)(const LaneMetrics&);
};

using M = const LaneMetrics&;
constexpr PlainFamily plain_families[] = {
    {"sluice_sessions_open", "gauge", "Client sessions now open.", [](M m) { return m.sessions_open.get(); }},
    {"sluice_sessions_total", "counter", "Client connections accepted.", [](M m) { return m.sessions_total.get(); }},
    {"sluice_logins_failed_total", "counter", "Logins refused.", [](M m) { return m.logins_failed.get(); }},
    {"sluice_masked_cells_total", "counter", "Values changed by a mask.", [](M m) { return m.masked_cells.get(); }},
    {"sluice_rows_total", "counter", "Result rows sent to clients.", [](M m) { return m.rows.get(); }},
    {"sluice_copied_bytes_total", "counter", "Bytes no mask changed that were copied in user space all the same.",
     [](M m) { return m.copied_bytes.get(); }},
    {"sluice_buffers_free", "gauge", "Receive buffers free.", [](M m) { return m.buffers_free.get(); }},
    {"sluice_buffers", "gauge", "Receive buffers in all.", [](M m) { return m.buffers_total.get(); }},
    {"sluice_buffers_starved_total", "counter", "Times a receive waited for a buffer.",
     [](M m) { return m.starved_total.get(); }},
    {"sluice_facts_cache_hits_total", "counter", "Statements whose facts were cached.",
     [](M m) { return m.facts_cache_hits.get(); }},
    {"sluice_facts_cache_misses_total", "counter", "Statements that had to be parsed.",
     [](M m) { return m.facts_cache_misses.get(); }},
    {"sluice_upstream_connect_failures_total", "counter",
     "Sessions whose target could not be reached or refused the login.",
     [](M m) { return m.upstream_connect_failures.get(); }},
    {"sluice_recv_enobufs_total", "counter", "Receives the kernel ended for want of a provided buffer.",
     [](M m) { return m.recv_enobufs.get(); }},
    {"sluice_connections_sacrificed_total", "counter",
     "Connections closed because they stood still and held buffers that others starved for.",
     [](M m) { return m.sacrificed.get(); }},
    {"sluice_alerts_total", "counter", "Matches of rules that only alert.", [](M m) { return m.alerts.get(); }},
    {"sluice_handshake_timeouts_total", "counter", "Connections closed before their login was complete.",
     [](M m) { return m.handshake_timeouts.get(); }},
    {"sluice_lane_rule_generation", "gauge", "Rule set that new statements are judged by.",
     [](M m) { return m.rule_generation.get(); }},
};

void add_process(Page& page, const ProcessSnapshot& p) {
  page.family("sluice_build_info", "gauge", "Always 1; the version is a label.");
  page.value(1, "{version=\"" SLUICE_VERSION "\"}");
  const struct {
    std::string_view name, type, help;
    uint64_t value;
  } rows[] = {
      {"sluice_start_time_seconds", "gauge", "When the process started, in Unix time.",
       static_cast<uint64_t>(p.started_unix_s)},
      {"sluice_draining", "gauge", "1 while no new sessions are taken.", p.draining},
      {"sluice_audit_failed", "gauge", "1 when the audit log cannot be written: traffic has stopped.", p.audit_failed},
      {"sluice_audit_disk_low", "gauge", "1 when the audit log's disk is low: no new sessions.", p.disk_low},
      {"sluice_audit_disk_critical", "gauge", "1 when it is nearly full: no new statements.", p.disk_critical},
      {"sluice_audit_disk_available_bytes", "gauge", "Bytes left for the audit log.", p.disk_available},
      {"sluice_audit_rings_locked", "gauge", "1 when all audit rings are locked into memory.", p.rings_locked},
      {"sluice_secrets_locked", "gauge", "1 when all secrets are in memory locked against swapping.", p.secrets_locked},
      {"sluice_audit_records_total", "counter", "Audit records carried to disk.", p.audit_records},
      {"sluice_rule_set_generation", "gauge", "The rule set last published.", p.rules.generation},
      {"sluice_rules", "gauge", "Rules in it.", p.rules.count},
      {"sluice_reload_time_seconds", "gauge", "When rules or configuration were last reloaded, well or not, in Unix time; 0: never.",
       static_cast<uint64_t>(p.rules.last_reload_unix_s)},
      {"sluice_access_subjects", "gauge", "Subjects with access keys.", p.access_subjects},
      {"sluice_log_lines_dropped_total", "counter", "Log lines nobody read in time.", p.log_lines_dropped},
  };
  for (const auto& r : rows) {
    page.family(r.name, r.type, r.help);
    page.value(r.value);
  }
  page.family("sluice_rule_set_info", "gauge", "Always 1; the SHA-256 of the running rules' sources is a label.");
  page.value(1, fmt::format("{{hash=\"{}\"}}", p.rules.hash));
  page.family("sluice_reloads_total", "counter", "Reloads of rules or configuration, by result; a failed one changed nothing.");
  page.value(p.rules.reloads_ok, "{result=\"ok\"}");
  page.value(p.rules.reloads_failed, "{result=\"failed\"}");
}

}  // namespace

std::string render_metrics(const ProcessSnapshot& process, const DataPlaneStatus& data_plane) {
  Page page(data_plane.lanes);
  add_process(page, process);
  page.family("sluice_rule_sets_live", "gauge", "Rule sets that are current or that a running statement is judged by.");
  page.value(data_plane.generations.size());
  for (const PlainFamily& f : plain_families) {
    page.family(f.name, f.type, f.help);
    page.lanes(f.read);
  }
  page.family("sluice_statements_total", "counter", "Statements judged, by verdict.");
  for (const Verdict v : {Verdict::Allow, Verdict::Deny, Verdict::Hold}) {
    page.lanes([v](M m) { return m.statements[static_cast<size_t>(v)].get(); },
               fmt::format("verdict=\"{}\"", name_of(v)));
  }
  page.family("sluice_refusals_total", "counter", "Statements refused, by reason.");
  for (size_t i = 0; i < reason_count; ++i) {
    page.lanes([i](M m) { return m.refusals[i].get(); }, fmt::format("reason=\"{}\"", name_of(static_cast<Reason>(i))));
  }
  page.family("sluice_bytes_total", "counter", "Bytes relayed, by direction.");
  page.lanes([](M m) { return m.bytes_from_client.get(); }, "direction=\"from_client\"");
  page.lanes([](M m) { return m.bytes_to_client.get(); }, "direction=\"to_client\"");
  page.family("sluice_audit_ring_fill_ratio", "gauge", "How full the lane's audit ring is, 0 to 1.");
  page.lanes([](M m) { return static_cast<double>(m.ring_fill_permille.get()) / 1000; });
  page.family("sluice_catalog_age_seconds", "gauge",
              "Since the target's catalog was last known to be true; absent: not read.");
  for (const TargetStatus& t : data_plane.targets) {
    if (t.catalog_age_ms >= 0) {
      page.value(static_cast<double>(t.catalog_age_ms) / 1000, fmt::format("{{target=\"{}\"}}", t.name));
    }
  }
  page.family("sluice_unresolved_masks", "gauge", "Columns that rules mask and no database of the target has.");
  for (const TargetStatus& t : data_plane.targets) {
    if (t.column_rules) page.value(t.unresolved_masks.size(), fmt::format("{{target=\"{}\"}}", t.name));
  }
  page.family("sluice_decision_seconds", "histogram", "From a statement's frame to its verdict.");
  for (const LaneStatus& lane : page.all_lanes()) page.histogram(lane, lane.metrics->decision_ns);
  return page.take();
}

}  // namespace sluice::control
