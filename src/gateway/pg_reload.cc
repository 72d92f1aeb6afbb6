// What a running session makes of new rules and new settings of its target.
#include <algorithm>

#include "gateway/pg_session.h"

namespace sluice::gateway {
namespace {

constexpr uint64_t ms = 1'000'000;
constexpr uint64_t revoke_patience_ns = 2'000 * ms;
constexpr std::string_view revoked_text = "the rules changed, and deny a statement that was already sent";

bool runs_something(EntryKind kind) { return kind == EntryKind::Query || kind == EntryKind::Execute; }

/// Some function that was trusted before is not any more.
bool trust_was_narrowed(const TargetSettings& old, const TargetSettings& now) {
  return std::ranges::any_of(old.trusted_functions, [&](const std::string& name) {
    return std::ranges::find(now.trusted_functions, name) == now.trusted_functions.end();
  });
}

}  // namespace

void PgSession::on_settings_changed(const Settings& old) {
  if (state_ < State::Resolving || state_ == State::Closing || state_ == State::Over) return;
  const TargetSettings& now = target_settings();
  const TargetSettings& before = old.targets[target_];
  if (now.place == TargetPlace::Withdrawn) {
    terminate("57P01", "the target was withdrawn");
    return;
  }
  if (!may_connect(now)) {
    terminate("57P01", "access to the target has ended");
    return;
  }
  if (trust_was_narrowed(before, now)) {
    // What was prepared under the old trust would go on running unseen.
    terminate("57P01", "the target trusts fewer functions than before");
    return;
  }
  if (state_ != State::Ready) return;
  caps_ = {.statement_size_max = now.limits.statement_size_max, .bind_size_max = now.limits.bind_size_max};
  if (now.limits.idle_timeout_ms != before.limits.idle_timeout_ms && !leaving_) {
    lane_.reactor().cancel_timer(timer_);
    if (now.limits.idle_timeout_ms != 0) lane_.reactor().set_timer(timer_, now.limits.idle_timeout_ms * ms);
  }
  if (now.trusted_functions != before.trusted_functions && (wait_ == Wait::Facts || facts_ready_)) {
    // Facts on their way are of the old trust: asked for again.
    ++facts_ticket_;
    facts_ready_ = false;
    awaited_facts_.reset();
    wait_ = Wait::None;
    step();
  }
}

void PgSession::on_policy_changed() {
  if (state_ != State::Ready) return;
  rules_.reset();
  if (unnamed_portal_ && !uses(unnamed_portal_)) forget_plan(*unnamed_portal_);
  for (auto& [name, portal] : portals_) {
    if (!uses(portal)) forget_plan(*portal);
  }
  if (wait_ == Wait::Catalog) {
    lane_.reactor().cancel_timer(wait_timer_);
    wait_ = Wait::None;
    step();
  }
}

void PgSession::release_rules() {
  if (state_ != State::Closing && state_ != State::Over) return;
  pipeline_ = Pipeline();
  query_plan_.reset();
  leave_copy_out();
  unnamed_portal_.reset();
  portals_.clear();
  rules_.reset();
}

void PgSession::on_revoke_timer() {
  if (state_ == State::Ready) fatal("57P01", revoked_text);
}

uint64_t PgSession::oldest_generation() {
  if (state_ != State::Ready || pipeline_.empty()) return 0;
  // In the order they were judged.
  return pipeline_.front().rules->rule_set().generation();
}

bool PgSession::revoke_denied() {
  if (state_ != State::Ready || pipeline_.empty()) return false;
  refresh_rules();
  bool first = true;
  bool running = false;
  bool later = false;
  for (Entry& entry : pipeline_) {
    if (!runs_something(entry.kind)) continue;
    const bool is_first = std::exchange(first, false);
    if (!entry.statement || entry.refusal || entry.rules.epoch() == rules_.epoch()) continue;
    Statement again = *entry.statement;
    judge(again);
    if (again.decision.verdict == Verdict::Allow) continue;
    (is_first ? running : later) = true;
    if (!is_first) continue;
    entry.revoked = make_refusal(again);
    entry.revoked->expected_sqlstate = "57014";
  }
  if (!running && !later) return false;
  if (!running || later || client_run_durable_ != 0) {
    // A cancel request would stop what runs now and let the denied one behind it begin; and what is not
    // sent yet cannot be cancelled at all.
    fatal("57P01", revoked_text);
    return true;
  }
  cancel_upstream("rules push --revoke");
  lane_.reactor().set_timer(revoke_timer_, revoke_patience_ns);
  return true;
}

}  // namespace sluice::gateway
