// The extended query protocol: prepared statements and portals, each judged by what its name stands for.
#include <fmt/format.h>

#include "base/text.h"
#include "gateway/pg_session.h"
#include "protocols/postgres/messages.h"

namespace sluice::gateway {
namespace {

constexpr size_t statements_max = 8192;
constexpr size_t statement_bytes_max = 16U << 20;
constexpr size_t name_size_max = 63;
constexpr std::string_view bad_name_text = "a name of more than 63 bytes, or one that the gateway keeps for itself";

// The server cuts names at 63 bytes, so two that differ here could be one there.
bool bad_name(std::string_view name) {
  return name.size() > name_size_max || name.starts_with(pg::reserved_name_prefix);
}

}  // namespace

PgSession::Next PgSession::take_parse(Bytes body) {
  pg::Parse& parse = lane_.scratch().parse;
  if (!pg::parse_parse(body, parse)) return protocol_violation("malformed Parse");
  if (bad_name(parse.name)) return protocol_violation(bad_name_text);
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
  statement->named = !parse.name.empty();
  // SQL reaches what is prepared under a name: EXECUTE of it is judged by what it may read.
  if (statement->named && statement->tainted) session_tainted_ = true;
  Entry& entry = push_entry(EntryKind::Parse);
  entry.statement = statement;
  entry.name = parse.name;
  entry.intent_seq = seq;
  ++pending_parses_;
  if (unknown && statement->named) {
    // Nobody may run by SQL EXECUTE what was never judged: it gets the name that SQL cannot say.
    std::vector<std::byte>& out = lane_.scratch().out;
    out.clear();
    pg::build::parse(out, "", parse.text, parse.types);
    entry.name.clear();
    return Next::Replaced;
  }
  if (statement->decision.verdict != Verdict::Allow && !unknown) {
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
      return entry.closed ? nullptr : entry.statement;
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
    return entry.closed ? nullptr : entry.portal;
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
  const io::SliceQueue& in = client_.inbox();
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
  if (bad_name(portal) || bad_name(name)) return protocol_violation(bad_name_text);
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
  } else if (statement->epoch != rules_.epoch()) {
    statement = judged_now(statement, name);
  } else if (rules_->column_masks_live()) {
    judge(*statement);
  }
  if (!missing && masks_live_ && statement->decision.verdict == Verdict::Allow) {
    const Decision written = parameters != nullptr
                                 ? rules_->judge_written(*statement->facts, parameters->parameters, catalog())
                                 : rules_->judge_unseen(*statement->facts, catalog());
    if (written.verdict != Verdict::Allow) {
      // Of this Bind alone: the statement may be bound to other values.
      statement = std::make_shared<Statement>(*statement);
      statement->decision = written;
    }
  }
  uint64_t seq = 0;
  if (!record_intent(audit::IntentKind::Bind, *statement, portal, missing ? nullptr : parameters, seq))
    return wait_for_recorder();
  Entry& entry = push_entry(EntryKind::Bind);
  entry.name = portal;
  entry.statement = statement;
  if (statement->decision.verdict != Verdict::Allow) {
    entry.intent_seq = seq;
    std::vector<std::byte>& out = lane_.scratch().out;
    out.clear();
    pg::build::bind(out, portal, absent_name_);
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
  if (!portal.empty() && statement->tainted) session_tainted_ = true;  // SQL FETCH reaches it.
  entry.portal = std::make_shared<Portal>();
  entry.portal->statement = std::move(statement);
  entry.portal->intent_seq = seq;
  entry.portal->epoch = rules_.epoch();
  entry.portal->started_ns = entry.started_ns;
  return Next::Forward;
}

PgSession::Next PgSession::take_describe(Bytes body) {
  const auto object = pg::parse_named_object(body);
  if (!object) return protocol_violation("malformed Describe");
  if (bad_name(object->name)) return protocol_violation(bad_name_text);
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
  if (portal && object->name.empty()) portal->described = rules_.epoch();
  Entry& entry = push_entry(EntryKind::DescribePortal);
  if (portal) {
    // Its facts, by the rules of this moment: the portal's own statement may be judged anew meanwhile.
    if (portal->statement->epoch != rules_.epoch()) portal->statement = judged_now(portal->statement, {});
    entry.statement = portal->statement;
  }
  entry.portal = std::move(portal);
  return Next::Forward;
}

PgSession::Next PgSession::take_execute(Bytes body) {
  const auto execute = pg::parse_execute(body);
  if (!execute) return protocol_violation("malformed Execute");
  if (bad_name(execute->portal)) return protocol_violation(bad_name_text);
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
    pg::build::execute(out, absent_name_);
    return refuse(entry, {.sqlstate = "34000",
                          .message = fmt::format("portal \"{}\" does not exist", printable(execute->portal)),
                          .detail = {},
                          .hint = {},
                          .server_words = true,
                          .expected_sqlstate = "34000"});
  }
  if (portal->statement->epoch != rules_.epoch()) portal->statement = judged_now(portal->statement, {});
  const StatementPtr statement = portal->statement;
  // A record names the rules that the execution was judged by: the Bind's does not, if they changed since.
  if (portal->epoch != rules_.epoch()) drop_portal_intent(*portal);
  uint64_t seq = portal->intent_seq;
  const bool refused = statement->decision.verdict != Verdict::Allow;
  // The Bind's record speaks for the first execution; every further one has its own.
  if ((seq == 0 || refused) && !record_intent(audit::IntentKind::Execute, *statement, execute->portal, nullptr, seq)) {
    return wait_for_recorder();
  }
  if (refused) {
    drop_portal_intent(*portal);
    Entry& entry = push_entry(EntryKind::Execute);
    entry.statement = statement;
    entry.intent_seq = seq;
    pg::build::execute(out, absent_name_);
    auto refusal = make_refusal(*statement);
    refusal->expected_sqlstate = "34000";
    return refuse(entry, std::move(*refusal));
  }
  portal->intent_seq = 0;
  StreamedPtr streamed = std::move(portal->streamed);
  const bool inject = masks_live_ && portal->described != rules_.epoch();
  if (inject) {
    pg::build::describe_portal(out, execute->portal);
    Entry& describe = push_entry(EntryKind::DescribePortal);
    describe.injected = true;
    describe.portal = portal;
    describe.statement = statement;
    if (execute->portal.empty()) portal->described = rules_.epoch();
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
  if (bad_name(object->name)) return protocol_violation(bad_name_text);
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
  for (Entry& entry : pipeline_) {
    const bool same_kind = entry.kind == (object->kind == 'S' ? EntryKind::Parse : EntryKind::Bind);
    if (same_kind && !entry.probe && entry.name == object->name) entry.closed = true;
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
    if (unnamed_portal_) drop_portal_intent(*unnamed_portal_);
    unnamed_portal_.reset();
  } else if (const auto at = portals_.find(std::string(object->name)); at != portals_.end()) {
    // A later Bind of that name may be on its way, so this is not always the one found above.
    drop_portal_intent(*at->second);
    portals_.erase(at);
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
