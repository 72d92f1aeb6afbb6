// What a text means and whether it may pass: facts, verdict, the record of it, the words of a refusal.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "gateway/pg_session.h"
#include "protocols/postgres/messages.h"

namespace sluice::gateway {
namespace {

constexpr int64_t catalog_age_max_ns = 10'000'000'000;
constexpr size_t kept_max = 64;
constexpr uint64_t latency_sample = 16;  // Reading the clock twice costs as much as a cached decision.

bool understood(const Statement& statement) { return statement.facts && statement.facts->understood; }

std::string digest_of(std::string_view text) {
  return fmt::format("unparsed text, {} bytes, sha256 {}", text.size(), hex_encode(sha256(as_bytes(text))));
}

/// The name in "deallocate [prepare] name", as the canonical text has it. Empty: all, or several statements.
std::string deallocated_name(const Facts& facts) {
  std::string_view text = facts.canonical;
  if (facts.statement_count != 1 || !text.starts_with("deallocate ")) return {};
  text.remove_prefix(11);
  if (text.starts_with("prepare ")) text.remove_prefix(8);
  while (!text.empty() && (text.back() == ' ' || text.back() == ';')) text.remove_suffix(1);
  if (text == "all") return {};
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  std::string name;
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    name.push_back(text[i]);
    if (text[i] == '"') ++i;  // Doubled inside quotes.
  }
  return name;
}

}  // namespace

void PgSession::refresh_rules() {
  const int64_t now_s = lane_.reactor().unix_ns() / 1'000'000'000;
  // A time window has opened or closed, for this caller and others.
  if (rules_ && now_s >= rules_->valid_until_unix_s() && rules_.epoch() == lane_.policy_epoch()) lane_.begin_policy_epoch();
  if (rules_.epoch() == lane_.policy_epoch()) return;
  rules_ = HeldRules(
      lane_.bound_rules().bind(lane_.snapshots().rules, target_settings().name, target_settings().default_verdict,
                               {.principal = principal_, .client_address = client_address_, .unix_s = now_s}),
      lane_.policy_epoch(), lane_.generations());
  masks_live_ = rules_->masks_live();
  const bool column_masks = rules_->column_masks_live();
  // Patience for a catalog that nothing needed before.
  if (column_masks && !std::exchange(column_masks_were_live_, column_masks)) catalog_awaited_ = false;
  if (rules_->wants_catalog() && lane_.shared().want_catalog) lane_.shared().want_catalog(target_, database_);
}

void PgSession::taint_again() {
  tainted_under_ = rules_.epoch();
  if (!rules_->column_masks_live() || session_tainted_) return;
  const Catalog* known = catalog();
  const auto reads = [&](const rules::FactsPtr& facts) {
    return facts && facts->understood && rules_->reads_masked(*facts, known);
  };
  session_tainted_ = kept_overflowed_ || std::ranges::any_of(kept_, reads);
  for (const auto& [name, statement] : statements_) session_tainted_ = session_tainted_ || reads(statement->facts);
  for (const auto& [name, portal] : portals_) session_tainted_ = session_tainted_ || reads(portal->statement->facts);
  for (const Entry& entry : pipeline_) {
    const bool named = (entry.kind == EntryKind::Parse || entry.kind == EntryKind::Bind) && !entry.name.empty();
    if (named && entry.statement) session_tainted_ = session_tainted_ || reads(entry.statement->facts);
  }
}

StatementPtr PgSession::judged_now(const StatementPtr& statement, std::string_view name) {
  if (statement->epoch == rules_.epoch()) return statement;
  auto again = std::make_shared<Statement>(*statement);
  judge(*again);
  if (unnamed_statement_ == statement) unnamed_statement_ = again;
  const auto at = name.empty() ? statements_.end() : statements_.find(std::string(name));
  if (at != statements_.end() && at->second == statement) at->second = again;
  return again;
}

void PgSession::on_catalog() {
  if (wait_ != Wait::Catalog || catalog() == nullptr) return;
  lane_.reactor().cancel_timer(wait_timer_);
  catalog_awaited_ = true;
  wait_ = Wait::None;
  step();
}

const Catalog* PgSession::catalog() {
  const auto& catalogs = target_state().catalogs;
  const auto at = catalogs.find(database_);
  if (at == catalogs.end()) return nullptr;
  const int64_t age_ns = static_cast<int64_t>(lane_.reactor().now_ns()) - at->second.verified_ns;
  return age_ns > catalog_age_max_ns ? nullptr : at->second.catalog.get();
}

PgSession::Found PgSession::find_facts(std::string_view text, rules::FactsPtr& facts) {
  TargetState& state = target_state();
  if (std::exchange(facts_ready_, false)) {
    // The message that asked may have been dropped meanwhile, and another one be in its place.
    const bool same = awaited_text_ == text;
    awaited_text_.clear();
    facts = std::exchange(awaited_facts_, nullptr);
    if (same) return Found::Yes;
  }
  facts = state.facts->find(text, rules_->reads_literals() ? rules::Literals::Read : rules::Literals::Unread);
  if (facts) {
    lane_.metrics().facts_cache_hits.add();
    return Found::Yes;
  }
  lane_.metrics().facts_cache_misses.add();
  if (text.size() <= state.limits.inline_size_max) {
    facts = rules::analyze(text, state.limits, target_settings().trusted_functions);
    state.facts->insert(text, facts);
    return Found::Yes;
  }
  // The grammar is recursive and slow on long texts: the session waits, the lane does not.
  wait_ = Wait::Facts;
  const uint64_t ticket = ++facts_ticket_;
  const bool posted =
      lane_.shared().workers->post([lane = &lane_, slot = slot_, id = cursor_.id, ticket, copy = std::string(text),
                                    limits = state.limits, trusted = target_settings().trusted_functions]() mutable {
        auto found = rules::analyze(copy, limits, trusted);
        lane->reactor().mailbox().post(
            [lane, slot, id, ticket, copy = std::move(copy), found = std::move(found)]() mutable {
              if (PgSession* session = lane->find(slot, id)) session->facts_arrived(ticket, copy, std::move(found));
            });
      });
  if (!posted) {
    auto busy = std::make_shared<Facts>();
    busy->over_cap = true;
    busy->parse_error = "the gateway is too busy to read so long a statement";
    facts = std::move(busy);
    wait_ = Wait::None;
    return Found::Yes;
  }
  return Found::Waiting;
}

void PgSession::facts_arrived(uint64_t ticket, const std::string& text, rules::FactsPtr facts) {
  if (state_ != State::Ready || wait_ != Wait::Facts || ticket != facts_ticket_) return;
  target_state().facts->insert(text, facts);
  awaited_facts_ = std::move(facts);
  awaited_text_ = text;
  facts_ready_ = true;
  step();
}

StatementPtr PgSession::make_statement(std::string_view text, rules::FactsPtr facts) {
  auto statement = std::make_shared<Statement>();
  statement->id = next_statement_id_++;
  statement->facts = std::move(facts);
  if (!understood(*statement)) {
    statement->text = digest_of(text);
    statement->text_is_digest = true;
  } else {
    statement->text = statement->facts->has_secret ? statement->facts->text_to_record : std::string(text);
  }
  judge(*statement);
  return statement;
}

void PgSession::judge(Statement& statement) {
  statement.epoch = rules_.epoch();
  statement.tainted = false;
  if (!understood(statement)) {
    statement.decision = {.reason = statement.facts->over_cap ? Reason::TooLarge : Reason::NotUnderstood};
    return;
  }
  const Facts& facts = *statement.facts;
  const bool sample = statement.id % latency_sample == 0;
  timespec before{};
  if (sample) (void)clock_gettime(CLOCK_MONOTONIC, &before);
  if (facts.statement_count == 0) {
    statement.decision = {.verdict = Verdict::Allow, .reason = Reason::Default};  // Nothing runs.
  } else {
    statement.decision = lane_.verdicts().judge(*rules_, statement.facts, statement.text, lane_.rule_scratch());
  }
  if ((masks_live_ || rules_->alerts_of_columns()) && statement.decision.verdict == Verdict::Allow) {
    const Catalog* known = catalog();
    const rules::MaskVerdict masks = lane_.verdicts().judge_masks(*rules_, statement.facts, known);
    Alerts alerts = statement.decision.alerts;
    alerts.add_all(masks.decision.alerts);
    statement.tainted = masks.tainted;
    if (masks.decision.verdict != Verdict::Allow) {
      statement.decision = masks.decision;
    } else if (statement.tainted && known == nullptr) {
      statement.decision = {.reason = Reason::CatalogStale,
                            .message = "the catalog of this database is not known well enough right now",
                            .hint = "Try again in a moment."};
    }
    statement.decision.alerts = alerts;
  }
  if (sample) {
    timespec after{};
    (void)clock_gettime(CLOCK_MONOTONIC, &after);
    lane_.metrics().decision_ns.observe(
        static_cast<uint64_t>((after.tv_sec - before.tv_sec) * 1'000'000'000 + after.tv_nsec - before.tv_nsec));
  }
}

bool PgSession::record_intent(audit::IntentKind kind, const Statement& statement, std::string_view name,
                              const pg::BindView* bind, uint64_t& seq) {
  audit::Intent intent{
      .kind = kind,
      .statement_id = statement.id,
      .text = statement.text,
      .text_is_digest = statement.text_is_digest,
      .name = name,
      .parameters = {},
      .parameter_formats = {},
      .verdict = statement.decision.verdict,
      .reason = statement.decision.reason,
      .rule = statement.decision.rule,
      .rule_generation = rules_->rule_set().generation(),
      .alerts = statement.decision.alerts,
      .rule_set_hash = &rules_->rule_set().hash(),
  };
  if (bind != nullptr) {
    intent.parameters = bind->parameters;
    intent.parameter_formats = bind->parameter_formats;
  }
  if (lane_.recorder().failed() || !lane_.recorder().intent(cursor_, intent, lane_.reactor().unix_ns())) return false;
  seq = cursor_.seq;
  if (target_settings().durability == Durability::Group) intent_position_ = lane_.recorder().committed();
  if (kind != audit::IntentKind::Execute) {
    lane_.metrics().statements[static_cast<size_t>(intent.verdict)].add();
    lane_.metrics().alerts.add(intent.alerts.count);
    if (intent.verdict != Verdict::Allow) lane_.metrics().refusals[static_cast<size_t>(intent.reason)].add();
  }
  return true;
}

std::unique_ptr<Refusal> PgSession::make_refusal(const Statement& statement) const {
  auto refusal = std::make_unique<Refusal>();
  const Decision& d = statement.decision;
  std::string why(d.message);
  if (d.reason == Reason::NotUnderstood) {
    refusal->sqlstate = "0A000";
    why = fmt::format("this statement is not understood (grammar 15): {}",
                      statement.facts ? statement.facts->parse_error : std::string("no analysis"));
  } else if (d.reason == Reason::TooLarge) {
    refusal->sqlstate = "54000";
    if (why.empty()) why = fmt::format("this statement is over a cap of the gateway: {}", statement.facts->parse_error);
  } else if (d.reason == Reason::Default) {
    why = fmt::format("no rule of target \"{}\" allows this statement", target_settings().name);
  }
  refusal->message = d.reason == Reason::Rule && why.empty() ? fmt::format("refused by rule {}", d.rule) : why;
  if (d.verdict == Verdict::Hold) {
    refusal->message = fmt::format("held by rule {}: it needs an approval, and nobody can give one through this version: {}",
                                   d.rule, why.empty() ? "refused" : why);
  }
  std::string kinds;
  if (understood(statement)) {
    for (uint8_t k = 0; k < static_cast<uint8_t>(StatementKind::Count_); ++k) {
      if (statement.facts->kinds.has(static_cast<StatementKind>(k))) {
        kinds += (kinds.empty() ? "" : ",") + std::string(name_of(static_cast<StatementKind>(k)));
      }
    }
  }
  refusal->detail = pg::refusal_detail(
      {.verdict = name_of(d.verdict), .reason = name_of(d.reason), .rule = d.rule, .target = target_settings().name, .statement = kinds});
  refusal->hint = d.hint.empty()
                      ? "The gateway decided this, not the database: retrying will not help, another statement may."
                      : d.hint;
  return refusal;
}

void PgSession::note_effects(const Statement& statement) {
  const Facts& facts = *statement.facts;
  const bool keeps = facts.kinds.has(StatementKind::Declare) || facts.kinds.has(StatementKind::Prepare) || facts.opaque;
  if (keeps && statement.tainted) session_tainted_ = true;
  if (keeps && std::ranges::find(kept_, statement.facts) == kept_.end()) {
    if (kept_.size() < kept_max) {
      kept_.push_back(statement.facts);
    } else {
      kept_overflowed_ = true;
    }
  }
  if (facts.kinds.has(StatementKind::Discard) || facts.kinds.has(StatementKind::Deallocate)) {
    const std::string name = deallocated_name(facts);
    for (Entry& entry : pipeline_) {
      if (entry.kind == EntryKind::Parse && (name.empty() || entry.name == name)) entry.closed = true;
    }
    if (name.empty()) {
      statements_.clear();
      statement_bytes_ = 0;
    } else if (const auto at = statements_.find(name); at != statements_.end()) {
      statement_bytes_ -= at->second->text.size();
      statements_.erase(at);
    }
  }
}

}  // namespace sluice::gateway
