// Messages from the client: framed, judged, recorded, and only then forwarded.
#include <fmt/format.h>

#include "base/text.h"
#include "gateway/pg_session.h"
#include "protocols/postgres/messages.h"

namespace sluice::gateway {
namespace {

constexpr size_t send_queue_max = 256U << 10;
constexpr uint64_t recorder_patience_ns = 2'000'000'000;
constexpr int64_t catalog_age_max_ns = 10'000'000'000;
constexpr uint64_t catalog_patience_ns = 5'000'000'000;
constexpr size_t statements_max = 8192;
constexpr size_t statement_bytes_max = 16U << 20;
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
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  return std::string(text);
}

}  // namespace

void PgSession::pump_client() {
  if (wait_ == Wait::Names) wait_ = Wait::None;
  if (wait_ == Wait::Facts && facts_ready_) wait_ = Wait::None;
  if (wait_ != Wait::None) return;
  if (client_run_durable_ != 0 && !flush_client_run()) return;
  refresh_rules();
  if (rules_->column_masks_live() && !catalog_awaited_ && catalog() == nullptr) {
    // The first session under column rules: a moment's patience beats refusing its first statement.
    wait_ = Wait::Catalog;
    lane_.reactor().set_timer(timer_, catalog_patience_ns);
    return;
  }
  io::SliceQueue& in = client_.inbox();
  LaneScratch& scratch = lane_.scratch();
  while (state_ == State::Ready && wait_ == Wait::None && client_run_durable_ == 0) {
    if (pipeline_.full() || server_.unsent() + client_run_ > send_queue_max) break;
    if (client_skip_left_ > 0 || client_stream_left_ > 0) {
      if (!stream_client()) break;
      continue;
    }
    const size_t available = in.bytes() - client_run_;
    if (available == 0) break;
    const auto header = pg::frontend_header(in.view(client_run_, std::min(available, pg::header_size), scratch.header),
                                            client_in_copy_ ? pg::Phase::CopyIn : pg::Phase::Ready, caps_);
    if (!header) {
      const bool capped =
          header.error() == pg::FrameError::OverStatementCap || header.error() == pg::FrameError::OverBindCap;
      const pg::Header large{
          .type = std::to_integer<uint8_t>(in.view(client_run_, 1, scratch.header)[0]),
          .body_size = capped ? pg::body_size_of(in.view(client_run_, pg::header_size, scratch.header)) : 0};
      if (header.error() == pg::FrameError::OverBindCap && target_settings().large_parameters_hash) {
        const Next next = take_large_bind(large);
        if (next == Next::Forward) {
          client_run_ += pg::header_size;
          client_stream_left_ = large.body_size;
          continue;
        }
        if (!apply(next, 0)) break;
        continue;
      }
      const Next next =
          capped ? over_cap({.type = std::to_integer<uint8_t>(in.view(client_run_, 1, scratch.header)[0]),
                             .body_size = pg::body_size_of(in.view(client_run_, pg::header_size, scratch.header))})
                 : protocol_violation(pg::explain(header.error()));
      if (!apply(next, 0)) return;
      continue;
    }
    if (!*header) break;
    const size_t frame_size = (*header)->frame_size();
    if ((*header)->frontend() == pg::Frontend::CopyData) {
      bytes_from_client_ += frame_size;
      if (client_in_copy_) {
        client_run_ += pg::header_size;
        client_stream_left_ = (*header)->body_size;
      } else {
        // Left over from a COPY that failed: the server would drop it as well.
        client_skip_left_ = frame_size;
      }
      continue;
    }
    if (available < frame_size) {
      client_.want(client_run_ + frame_size);
      break;
    }
    const Bytes body = in.view(client_run_ + pg::header_size, (*header)->body_size, scratch.message);
    const Next next = take_message(**header, body);
    if (next != Next::Blocked) bytes_from_client_ += frame_size;
    if (!apply(next, frame_size)) return;
  }
  if (state_ == State::Ready && client_run_durable_ == 0) (void)flush_client_run();
}

bool PgSession::apply(Next next, size_t frame_size) {
  std::vector<std::byte>& out = lane_.scratch().out;
  switch (next) {
    case Next::Forward:
      client_run_ += frame_size;
      return true;
    case Next::Inserted:
    case Next::Replaced: {
      const size_t drop = next == Next::Replaced ? frame_size : 0;
      const size_t run = next == Next::Inserted ? frame_size : 0;
      if (!flush_client_run()) {
        held_out_ = out;
        held_drop_ = drop;
        held_run_ = run;
        return false;
      }
      client_.inbox().drop(drop);
      if (!out.empty() && !send_server(out)) return false;
      client_run_ = run;
      return true;
    }
    case Next::Blocked:
      (void)flush_client_run();
      return false;
    case Next::Over:
      return false;
  }
  return false;
}

bool PgSession::flush_client_run() {
  if (intent_position_ != 0) {
    if (lane_.recorder().durable() < intent_position_) {
      if (client_run_durable_ == 0) {
        client_run_durable_ = intent_position_;
        lane_.recorder().request_sync();
        lane_.wait_for_recorder(*this);
        lane_.reactor().set_timer(timer_, recorder_patience_ns);
      }
      return false;
    }
    if (client_run_durable_ != 0) lane_.reactor().cancel_timer(timer_);
    intent_position_ = 0;
    client_run_durable_ = 0;
  }
  io::SliceQueue& in = client_.inbox();
  if (client_run_ > 0) {
    lane_.metrics().bytes_from_client.add(client_run_);
    server_.forward(in, std::exchange(client_run_, 0));
  }
  if (!held_out_.empty() || held_drop_ > 0) {
    in.drop(std::exchange(held_drop_, 0));
    const bool sent = held_out_.empty() || send_server(held_out_);
    client_run_ = std::exchange(held_run_, 0);
    return sent;
  }
  return true;
}

bool PgSession::stream_client() {
  io::SliceQueue& in = client_.inbox();
  if (client_skip_left_ > 0) {
    if (!flush_client_run()) return false;
    const size_t n = std::min<uint64_t>(client_skip_left_, in.bytes());
    in.drop(n);
    client_skip_left_ -= n;
    return client_skip_left_ == 0;
  }
  const size_t n = std::min<uint64_t>(client_stream_left_, in.bytes() - client_run_);
  if (n == 0) return false;
  if (streaming_) {
    for (size_t done = 0; done < n;) {
      // One slice at a time: the view is in place, nothing is gathered.
      const size_t piece = std::min<size_t>(n - done, io::slab_size);
      streaming_->hash.update(in.view(client_run_ + done, piece, lane_.scratch().message));
      done += piece;
    }
    streaming_->bytes += n;
  }
  client_run_ += n;
  client_stream_left_ -= n;
  if (client_run_ >= io::slab_size) return flush_client_run();
  return client_stream_left_ == 0;
}

void PgSession::refresh_rules() {
  const auto& set = lane_.snapshots().rules;
  if (rules_ && rules_->rule_set().generation() == set->generation()) return;
  rules_ = std::make_shared<const rules::BoundRules>(
      set->bind(target_settings().name, target_settings().default_verdict, principal_));
  masks_live_ = rules_->masks_live();
  if (rules_->column_masks_live() && lane_.shared().want_catalog)
    lane_.shared().want_catalog(target_settings(), database_);
}

void PgSession::on_catalog() {
  if (wait_ != Wait::Catalog || catalog() == nullptr) return;
  lane_.reactor().cancel_timer(timer_);
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

PgSession::Next PgSession::take_message(const pg::Header& header, Bytes body) {
  if (server_skipping_ && header.frontend() != pg::Frontend::Sync && header.frontend() != pg::Frontend::Terminate) {
    // After an error the server drops everything up to Sync. So do we: it is neither judged nor sent.
    lane_.scratch().out.clear();
    return Next::Replaced;
  }
  switch (header.frontend()) {
    case pg::Frontend::Query:
      return take_query(body);
    case pg::Frontend::Parse:
      return take_parse(body);
    case pg::Frontend::Bind:
      return take_bind(body);
    case pg::Frontend::Describe:
      return take_describe(body);
    case pg::Frontend::Execute:
      return take_execute(body);
    case pg::Frontend::Close:
      return take_close(body);
    case pg::Frontend::Sync:
      return take_sync();
    case pg::Frontend::Flush:
      if (!client_in_copy_) return Next::Forward;
      lane_.scratch().out.clear();
      return Next::Replaced;  // The server drops it inside COPY.
    case pg::Frontend::CopyDone:
    case pg::Frontend::CopyFail:
      return take_copy(header, body);
    case pg::Frontend::Terminate:
      (void)flush_client_run();
      end("client terminated");
      return Next::Over;
    case pg::Frontend::FunctionCall:
      fatal("0A000", "function calls by message (fast path) are not available through the gateway",
            "Call the function with SELECT.");
      return Next::Over;
    case pg::Frontend::CopyData:
    case pg::Frontend::Password:
      break;
  }
  return protocol_violation("message has no place here");
}

PgSession::Next PgSession::protocol_violation(std::string_view what) {
  lane_.log().log(LogLevel::Warn, "protocol-violation",
                  {{"session", audit::to_string(cursor_.id)}, {"client", client_address_}, {"reason", what}});
  fatal("08P01", fmt::format("protocol violation: {}", what));
  return Next::Over;
}

PgSession::Next PgSession::wait_for_recorder() {
  wait_ = Wait::Recorder;
  lane_.wait_for_recorder(*this);
  if (!timer_.armed()) lane_.reactor().set_timer(timer_, recorder_patience_ns);
  return Next::Blocked;
}

Entry& PgSession::push_entry(EntryKind kind) {
  Entry& entry = pipeline_.push(kind);
  entry.started_ns = lane_.reactor().now_ns();
  return entry;
}

PgSession::Next PgSession::refuse(Entry& entry, Refusal refusal) {
  entry.refusal = std::make_unique<Refusal>(std::move(refusal));
  return Next::Replaced;
}

PgSession::Found PgSession::find_facts(std::string_view text, rules::FactsPtr& facts) {
  TargetState& state = target_state();
  if (facts_ready_) {
    facts_ready_ = false;
    facts = std::move(awaited_facts_);
    return Found::Yes;
  }
  facts = state.facts->find(text);
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
                                    limits = state.limits, trusted = &target_settings().trusted_functions]() mutable {
        auto found = rules::analyze(copy, limits, *trusted);
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
  statement.generation = rules_->rule_set().generation();
  if (!understood(statement)) {
    statement.decision = {.reason = statement.facts->over_cap ? Reason::TooLarge : Reason::NotUnderstood};
    return;
  }
  const Facts& facts = *statement.facts;
  const bool sample = statement.id % latency_sample == 0;
  timespec before{};
  if (sample) clock_gettime(CLOCK_MONOTONIC, &before);
  if (facts.statement_count == 0) {
    statement.decision = {.verdict = Verdict::Allow, .reason = Reason::Default};  // Nothing runs.
  } else {
    statement.decision = rules_->judge(facts, lane_.rule_scratch());
  }
  if (masks_live_ && statement.decision.verdict == Verdict::Allow) {
    const Catalog* known = catalog();
    statement.tainted = rules_->column_masks_live() && rules_->reads_masked(facts, known);
    const Decision masks = rules_->judge_masks(facts, known);
    if (masks.verdict == Verdict::Deny) {
      statement.decision = masks;
    } else if (statement.tainted && known == nullptr) {
      statement.decision = {.reason = Reason::CatalogStale,
                            .message = "the catalog of this database is not known well enough right now",
                            .hint = "Try again in a moment."};
    }
  }
  if (sample) {
    timespec after{};
    clock_gettime(CLOCK_MONOTONIC, &after);
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
      .rule_generation = statement.generation,
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
    if (intent.verdict == Verdict::Deny) lane_.metrics().refusals[static_cast<size_t>(intent.reason)].add();
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
  std::string kinds;
  if (understood(statement)) {
    for (uint8_t k = 0; k < static_cast<uint8_t>(StatementKind::Count_); ++k) {
      if (statement.facts->kinds.has(static_cast<StatementKind>(k))) {
        kinds += (kinds.empty() ? "" : ",") + std::string(name_of(static_cast<StatementKind>(k)));
      }
    }
  }
  refusal->detail = pg::refusal_detail(
      {.reason = name_of(d.reason), .rule = d.rule, .target = target_settings().name, .statement = kinds});
  refusal->hint = d.hint.empty()
                      ? "The gateway decided this, not the database: retrying will not help, another statement may."
                      : d.hint;
  return refusal;
}

PgSession::Next PgSession::take_query(Bytes body) {
  const auto query = pg::parse_query(body);
  if (!query) return protocol_violation("malformed Query");
  rules::FactsPtr facts;
  if (find_facts(query->text, facts) == Found::Waiting) return Next::Blocked;
  const bool again = last_query_ && last_query_->facts == facts &&
                     last_query_->generation == rules_->rule_set().generation() && !rules_->column_masks_live();
  if (!again) last_query_ = make_statement(query->text, std::move(facts));
  const StatementPtr statement = last_query_;
  uint64_t seq = 0;
  if (!record_intent(audit::IntentKind::Query, *statement, {}, nullptr, seq)) {
    // Judged again when there is room; a text that a worker read is in the cache by now.
    return wait_for_recorder();
  }
  std::vector<std::byte>& out = lane_.scratch().out;
  out.clear();
  if (statement->decision.reason == Reason::NotUnderstood) {
    // Our grammar is older than the server's may be: ask the server, by a Parse, which runs nothing.
    Entry& probe = push_entry(EntryKind::Parse);
    probe.injected = probe.probe = true;
    probe.statement = statement;
    probe.intent_seq = seq;
    Entry& sync = push_entry(EntryKind::Sync);
    sync.injected = sync.probe = true;
    pg::build::parse(out, "", query->text);
    pg::build::sync(out);
    wait_ = Wait::Probe;
    return Next::Replaced;
  }
  Entry& entry = push_entry(EntryKind::Query);
  entry.statement = statement;
  entry.intent_seq = seq;
  if (statement->decision.verdict == Verdict::Deny) {
    pg::build::query(out, pg::refused_text);
    auto refusal = make_refusal(*statement);
    refusal->expected_sqlstate = pg::refused_text_sqlstate;
    return refuse(entry, std::move(*refusal));
  }
  note_effects(*statement);
  if (statement->facts->kinds.has(StatementKind::CopyIn)) {
    entry.copy_in = true;
    wait_ = Wait::CopyStart;
  }
  return Next::Forward;
}

PgSession::Next PgSession::take_parse(Bytes body) {
  pg::Parse& parse = lane_.scratch().parse;
  if (!pg::parse_parse(body, parse)) return protocol_violation("malformed Parse");
  rules::FactsPtr facts;
  if (find_facts(parse.text, facts) == Found::Waiting) return Next::Blocked;
  const StatementPtr statement = make_statement(parse.text, std::move(facts));
  if (statements_.size() + pending_parses_ >= statements_max ||
      statement_bytes_ + parse.text.size() > statement_bytes_max) {
    statement->decision = {.reason = Reason::TooLarge,
                           .message = "too many prepared statements in this session",
                           .hint = "Close or DEALLOCATE those no longer needed."};
  }
  // A text only the server may know is admitted to be parsed, which runs nothing; Bind refuses it.
  const bool unknown = statement->decision.reason == Reason::NotUnderstood;
  uint64_t seq = 0;
  if (!record_intent(audit::IntentKind::Parse, *statement, parse.name, nullptr, seq)) return wait_for_recorder();
  Entry& entry = push_entry(EntryKind::Parse);
  entry.statement = statement;
  entry.name = parse.name;
  entry.intent_seq = seq;
  ++pending_parses_;
  if (statement->decision.verdict == Verdict::Deny && !unknown) {
    std::vector<std::byte>& out = lane_.scratch().out;
    out.clear();
    pg::build::parse(out, parse.name, pg::refused_text);
    auto refusal = make_refusal(*statement);
    refusal->expected_sqlstate = pg::refused_text_sqlstate;
    return refuse(entry, std::move(*refusal));
  }
  return Next::Forward;
}

StatementPtr PgSession::find_statement(std::string_view name, bool& ambiguous) {
  ambiguous = false;
  if (pending_parses_ > 0) {
    // A Parse that is not answered yet counts in its own Sync group: if it fails, so does what follows.
    // Beyond a Sync it may have failed and left an older statement of that name.
    bool same_group = true;
    for (size_t i = pipeline_.size(); i > 0; --i) {
      const Entry& entry = *(pipeline_.begin() + static_cast<ptrdiff_t>(i - 1));
      if (entry.kind == EntryKind::Sync || entry.kind == EntryKind::Query) same_group = false;
      if (entry.kind != EntryKind::Parse || entry.probe || entry.name != name) continue;
      ambiguous = !same_group;
      return entry.statement;
    }
  }
  if (name.empty()) return unnamed_statement_;
  const auto at = statements_.find(std::string(name));
  return at == statements_.end() ? nullptr : at->second;
}

PortalPtr PgSession::find_portal(std::string_view name, bool& ambiguous) {
  ambiguous = false;
  bool same_group = true;
  for (size_t i = pipeline_.size(); i > 0; --i) {
    const Entry& entry = *(pipeline_.begin() + static_cast<ptrdiff_t>(i - 1));
    if (entry.kind == EntryKind::Sync || entry.kind == EntryKind::Query) same_group = false;
    if (entry.kind != EntryKind::Bind || entry.name != name) continue;
    ambiguous = !same_group;
    return entry.portal;
  }
  if (name.empty()) return unnamed_portal_;
  const auto at = portals_.find(std::string(name));
  return at == portals_.end() ? nullptr : at->second;
}

PgSession::Next PgSession::take_bind(Bytes body) {
  pg::BindView& bind = lane_.scratch().bind;
  if (!pg::parse_bind(body, bind)) return protocol_violation("malformed Bind");
  return bind_portal(bind.portal, bind.statement, &bind);
}

PgSession::Next PgSession::take_large_bind(const pg::Header& header) {
  // The names come first and are short; the rest is counted and hashed as it passes.
  constexpr size_t names_size_max = 1024;
  io::SliceQueue& in = client_.inbox();
  const size_t here = std::min<size_t>({in.bytes() - client_run_ - pg::header_size, header.body_size, names_size_max});
  const auto names = pg::bind_names(in.view(client_run_ + pg::header_size, here, lane_.scratch().message));
  if (!names) return here < names_size_max ? Next::Blocked : protocol_violation("malformed Bind");
  const Next next = bind_portal(names->first, names->second, nullptr);
  if (next == Next::Forward) {
    streaming_ = std::make_shared<Streamed>();
    pipeline_.back().portal->streamed = streaming_;
  } else if (next == Next::Replaced) {
    client_skip_left_ = header.frame_size();
  }
  return next;
}

PgSession::Next PgSession::bind_portal(std::string_view portal, std::string_view name, const pg::BindView* parameters) {
  bool ambiguous = false;
  StatementPtr statement = find_statement(name, ambiguous);
  if (ambiguous) {
    wait_ = Wait::Names;
    return Next::Blocked;
  }
  const bool missing = statement == nullptr;
  if (missing) {
    statement = std::make_shared<Statement>();
    statement->id = next_statement_id_++;
    statement->text = "unknown prepared statement";
    statement->text_is_digest = true;
    statement->decision = {.reason = Reason::NotUnderstood};
  } else if (statement->generation != rules_->rule_set().generation() || rules_->column_masks_live()) {
    judge(*statement);
  }
  uint64_t seq = 0;
  if (!record_intent(audit::IntentKind::Bind, *statement, portal, missing ? nullptr : parameters, seq))
    return wait_for_recorder();
  Entry& entry = push_entry(EntryKind::Bind);
  entry.name = portal;
  entry.statement = statement;
  if (statement->decision.verdict == Verdict::Deny) {
    entry.intent_seq = seq;
    std::vector<std::byte>& out = lane_.scratch().out;
    out.clear();
    pg::build::bind(out, portal, pg::absent_statement);
    std::unique_ptr<Refusal> refusal;
    if (missing) {
      refusal = std::make_unique<Refusal>();
      refusal->sqlstate = "26000";
      refusal->message = fmt::format("prepared statement \"{}\" does not exist", printable(name));
      refusal->server_words = true;
    } else {
      refusal = make_refusal(*statement);
    }
    refusal->expected_sqlstate = "26000";
    return refuse(entry, std::move(*refusal));
  }
  entry.portal = std::make_shared<Portal>();
  entry.portal->statement = std::move(statement);
  entry.portal->intent_seq = seq;
  entry.portal->started_ns = entry.started_ns;
  return Next::Forward;
}

PgSession::Next PgSession::take_describe(Bytes body) {
  const auto object = pg::parse_named_object(body);
  if (!object) return protocol_violation("malformed Describe");
  if (object->kind == 'S') {
    push_entry(EntryKind::DescribeStatement);
    return Next::Forward;
  }
  bool ambiguous = false;
  PortalPtr portal = find_portal(object->name, ambiguous);
  if (ambiguous) {
    wait_ = Wait::Names;
    return Next::Blocked;
  }
  // Only an unnamed portal keeps the description: a named one may have been replaced by a cursor of
  // the same name, so it is described again right before it runs.
  if (portal && object->name.empty()) portal->described = true;
  push_entry(EntryKind::DescribePortal).portal = std::move(portal);
  return Next::Forward;
}

PgSession::Next PgSession::take_execute(Bytes body) {
  const auto execute = pg::parse_execute(body);
  if (!execute) return protocol_violation("malformed Execute");
  bool ambiguous = false;
  const PortalPtr portal = find_portal(execute->portal, ambiguous);
  if (ambiguous) {
    wait_ = Wait::Names;
    return Next::Blocked;
  }
  std::vector<std::byte>& out = lane_.scratch().out;
  out.clear();
  if (!portal) {
    Entry& entry = push_entry(EntryKind::Execute);
    pg::build::execute(out, pg::absent_portal);
    return refuse(entry, {.sqlstate = "34000",
                          .message = fmt::format("portal \"{}\" does not exist", printable(execute->portal)),
                          .detail = {},
                          .hint = {},
                          .server_words = true,
                          .expected_sqlstate = "34000"});
  }
  const StatementPtr statement = portal->statement;
  if (statement->generation != rules_->rule_set().generation()) judge(*statement);
  uint64_t seq = portal->intent_seq;
  const bool refused = statement->decision.verdict == Verdict::Deny;
  // The Bind's record speaks for the first execution; every further one has its own.
  if ((seq == 0 || refused) && !record_intent(audit::IntentKind::Execute, *statement, execute->portal, nullptr, seq)) {
    return wait_for_recorder();
  }
  if (refused) {
    drop_portal_intent(*portal);
    Entry& entry = push_entry(EntryKind::Execute);
    entry.statement = statement;
    entry.intent_seq = seq;
    pg::build::execute(out, pg::absent_portal);
    auto refusal = make_refusal(*statement);
    refusal->expected_sqlstate = "34000";
    return refuse(entry, std::move(*refusal));
  }
  portal->intent_seq = 0;
  StreamedPtr streamed = std::move(portal->streamed);
  const bool inject = masks_live_ && !portal->described;
  if (inject) {
    pg::build::describe_portal(out, execute->portal);
    Entry& describe = push_entry(EntryKind::DescribePortal);
    describe.injected = true;
    describe.portal = portal;
    if (execute->portal.empty()) portal->described = true;
  }
  Entry& entry = push_entry(EntryKind::Execute);
  entry.statement = statement;
  entry.portal = portal;
  entry.intent_seq = seq;
  entry.streamed = std::move(streamed);
  note_effects(*statement);
  if (statement->facts->kinds.has(StatementKind::CopyIn)) {
    entry.copy_in = true;
    wait_ = Wait::CopyStart;
  }
  return inject ? Next::Inserted : Next::Forward;
}

PgSession::Next PgSession::take_close(Bytes body) {
  const auto object = pg::parse_named_object(body);
  if (!object) return protocol_violation("malformed Close");
  bool ambiguous = false;
  if (object->kind == 'S') {
    (void)find_statement(object->name, ambiguous);
  } else if (const PortalPtr portal = find_portal(object->name, ambiguous); portal && !ambiguous) {
    drop_portal_intent(*portal);
  }
  if (ambiguous) {
    wait_ = Wait::Names;
    return Next::Blocked;
  }
  // Forgotten at once: if the Close is skipped after an error, using the name again is refused, which
  // is the safe side.
  if (object->kind == 'S') {
    if (object->name.empty()) {
      unnamed_statement_.reset();
    } else if (const auto at = statements_.find(std::string(object->name)); at != statements_.end()) {
      statement_bytes_ -= at->second->text.size();
      statements_.erase(at);
    }
  } else if (object->name.empty()) {
    unnamed_portal_.reset();
  } else {
    portals_.erase(std::string(object->name));
  }
  push_entry(EntryKind::Close);
  return Next::Forward;
}

PgSession::Next PgSession::take_sync() {
  if (client_in_copy_) {
    lane_.scratch().out.clear();
    return Next::Replaced;  // The server drops it inside COPY.
  }
  push_entry(EntryKind::Sync);
  server_skipping_ = false;
  return Next::Forward;
}

PgSession::Next PgSession::take_copy(const pg::Header& header, Bytes body) {
  if (header.frontend() == pg::Frontend::CopyFail && !pg::parse_copy_fail(body))
    return protocol_violation("malformed CopyFail");
  if (!client_in_copy_) {
    lane_.scratch().out.clear();
    return Next::Replaced;  // Of a COPY that failed already.
  }
  client_in_copy_ = false;
  // A simple query may hold a second COPY: nothing more is read until the server says.
  if (!pipeline_.empty() && pipeline_.front().kind == EntryKind::Query) wait_ = Wait::CopyStart;
  return Next::Forward;
}

PgSession::Next PgSession::over_cap(const pg::Header& header) {
  Statement statement;
  statement.id = next_statement_id_++;
  statement.text = fmt::format("text over the cap, {} bytes", header.body_size);
  statement.text_is_digest = true;
  const bool is_bind = header.frontend() == pg::Frontend::Bind;
  statement.decision = {.reason = Reason::TooLarge,
                        .message = is_bind ? "the parameters are larger than this target allows"
                                           : "the statement is longer than this target allows",
                        .hint = is_bind ? "limits.bind_size of the target is the cap."
                                        : "limits.statement_size of the target is the cap."};
  const auto kind = is_bind                                    ? audit::IntentKind::Bind
                    : header.frontend() == pg::Frontend::Parse ? audit::IntentKind::Parse
                                                               : audit::IntentKind::Query;
  uint64_t seq = 0;
  if (!record_intent(kind, statement, {}, nullptr, seq)) return wait_for_recorder();
  std::vector<std::byte>& out = lane_.scratch().out;
  out.clear();
  auto refusal = make_refusal(statement);
  EntryKind entry_kind = EntryKind::Query;
  refusal->expected_sqlstate = pg::refused_text_sqlstate;
  if (is_bind) {
    entry_kind = EntryKind::Bind;
    pg::build::bind(out, "", pg::absent_statement);
    refusal->expected_sqlstate = "26000";
  } else if (kind == audit::IntentKind::Parse) {
    entry_kind = EntryKind::Parse;
    pg::build::parse(out, pg::absent_statement, pg::refused_text);
    ++pending_parses_;
  } else {
    pg::build::query(out, pg::refused_text);
  }
  Entry& entry = push_entry(entry_kind);
  entry.name = is_bind || kind == audit::IntentKind::Parse ? std::string(pg::absent_statement) : std::string();
  entry.intent_seq = seq;
  client_skip_left_ = header.frame_size();
  bytes_from_client_ += header.frame_size();
  return refuse(entry, std::move(*refusal));
}

void PgSession::note_effects(const Statement& statement) {
  const Facts& facts = *statement.facts;
  const bool keeps = facts.kinds.has(StatementKind::Declare) || facts.kinds.has(StatementKind::Prepare) || facts.opaque;
  if (keeps && statement.tainted) session_tainted_ = true;
  if (facts.kinds.has(StatementKind::Discard) || facts.kinds.has(StatementKind::Deallocate)) {
    const std::string name = deallocated_name(facts);
    if (name.empty()) {
      statements_.clear();
      statement_bytes_ = 0;
    } else if (const auto at = statements_.find(name); at != statements_.end()) {
      statement_bytes_ -= at->second->text.size();
      statements_.erase(at);
    }
  }
}

void PgSession::drop_portal_intent(Portal& portal) {
  if (portal.intent_seq == 0) return;
  audit::Outcome outcome{.intent_seq = std::exchange(portal.intent_seq, 0)};
  if (portal.streamed) {
    outcome.bytes_from_client = portal.streamed->bytes;
    outcome.from_client_sha256 = portal.streamed->hash.finish();
    if (streaming_ == portal.streamed) streaming_.reset();
    portal.streamed.reset();
  }
  lane_.recorder().outcome(cursor_, outcome, lane_.reactor().unix_ns());
}

}  // namespace sluice::gateway
