// Messages from the server: matched with what was asked, masked where a plan says so, and forwarded.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>

#include "base/text.h"
#include "gateway/pg_session.h"
#include "protocols/postgres/messages.h"

namespace sluice::gateway {
namespace {

constexpr uint64_t undelivered_max = 256U << 10;

/// What a class of SQLSTATEs means (manual, appendix A): all that is told where a message's own text
/// could quote a masked value.
std::string_view class_text(std::string_view sqlstate) {
  static constexpr std::pair<std::string_view, std::string_view> classes[] = {
      {"00", "successful completion"},
      {"01", "warning"},
      {"02", "no data"},
      {"08", "connection exception"},
      {"0A", "feature not supported"},
      {"20", "case not found"},
      {"21", "cardinality violation"},
      {"22", "data exception"},
      {"23", "integrity constraint violation"},
      {"24", "invalid cursor state"},
      {"25", "invalid transaction state"},
      {"26", "invalid statement name"},
      {"28", "invalid authorization"},
      {"2B", "dependent objects exist"},
      {"34", "invalid cursor name"},
      {"3D", "invalid catalog name"},
      {"3F", "invalid schema name"},
      {"40", "transaction rollback"},
      {"42", "syntax error or access rule violation"},
      {"44", "WITH CHECK OPTION violation"},
      {"53", "insufficient resources"},
      {"54", "program limit exceeded"},
      {"55", "object not in prerequisite state"},
      {"57", "operator intervention"},
      {"58", "system error"},
      {"P0", "PL/pgSQL error"},
      {"XX", "internal error"},
  };
  for (const auto& [code, text] : classes) {
    if (sqlstate.starts_with(code)) return text;
  }
  return "error";
}

using ErrorField = std::pair<char, std::string_view>;

void write_error(std::vector<std::byte>& out, char type, const std::vector<ErrorField>& fields) {
  out.push_back(static_cast<std::byte>(type));
  ByteWriter writer(out);
  const size_t length_at = out.size();
  writer.u32(0);
  for (const auto& [field, text] : fields) {
    writer.u8(static_cast<uint8_t>(field));
    writer.c_string(text);
  }
  writer.u8(0);
  writer.patch_u32(length_at, static_cast<uint32_t>(out.size() - length_at));
}

}  // namespace

void PgSession::pump_server() {
  if (!server_.open()) return;
  io::SliceQueue& in = server_.inbox();
  LaneScratch& scratch = lane_.scratch();
  while (state_ == State::Ready) {
    if (undelivered_ > undelivered_max) {
      // As a server does that cannot send its rows: the statement is stopped.
      end("client terminated and takes no more of its result");
      return;
    }
    if (client_.unsent() + server_run_ > send_queue_max) break;
    const size_t available = in.bytes() - server_run_;
    if (available == 0) break;
    if (server_stream_left_ > 0) {
      const size_t n = std::min<uint64_t>(server_stream_left_, available);
      server_run_ += n;
      server_stream_left_ -= n;
      if (server_run_ >= io::slab_size) flush_server_run();
      continue;
    }
    const auto header = pg::backend_header(in.view(server_run_, std::min(available, pg::header_size), scratch.header));
    if (!header) {
      (void)server_violation(pg::explain(header.error()));
      return;
    }
    if (!*header) break;
    const size_t frame_size = (*header)->frame_size();
    const pg::Backend type = (*header)->backend();
    if (type == pg::Backend::DataRow) {
      if (!pump_row(**header, available)) break;
      continue;
    }
    if (type == pg::Backend::CopyData) {
      if (!pump_copy_row(**header, available)) break;
      continue;
    }
    if (available < frame_size) {
      server_.want(server_run_ + frame_size);
      break;
    }
    const Bytes body = in.view(server_run_ + pg::header_size, (*header)->body_size, scratch.message);
    switch (take_server_message(**header, body)) {
      case Answer::Keep:
        server_run_ += frame_size;
        break;
      case Answer::Replace:
      case Answer::Drop: {
        flush_server_run();
        in.drop(frame_size);
        if (!scratch.out.empty() && !send_client(scratch.out)) return;
        break;
      }
      case Answer::Over:
        return;
    }
    if (server_run_ >= io::slab_size) flush_server_run();
  }
  if (state_ == State::Ready) flush_server_run();
}

void PgSession::flush_server_run() {
  if (server_run_ == 0) return;
  if (!client_.open()) {
    undelivered_ += server_run_;
    server_.inbox().drop(std::exchange(server_run_, 0));
    return;
  }
  bytes_to_client_ += server_run_;
  lane_.metrics().bytes_to_client.add(server_run_);
  client_.forward(server_.inbox(), std::exchange(server_run_, 0));
}

PgSession::Answer PgSession::server_violation(std::string_view what) {
  lane_.log().log(LogLevel::Error, "target-protocol-violation",
                  {{"session", audit::to_string(cursor_.id)}, {"target", target_settings().name}, {"reason", what}});
  fatal("08P01", fmt::format("target \"{}\" broke the protocol: {}", target_settings().name, what));
  return Answer::Over;
}

PgSession::Answer PgSession::take_server_message(const pg::Header& header, Bytes body) {
  lane_.scratch().out.clear();
  switch (header.backend()) {
    case pg::Backend::ParseComplete:
      return take_parse_complete();
    case pg::Backend::BindComplete:
      return take_bind_complete();
    case pg::Backend::CloseComplete:
      if (pipeline_.empty() || pipeline_.front().kind != EntryKind::Close)
        return server_violation("CloseComplete for nothing");
      pop_entry();
      return Answer::Keep;
    case pg::Backend::ParameterDescription:
      if (pipeline_.empty() || pipeline_.front().kind != EntryKind::DescribeStatement) {
        return server_violation("ParameterDescription for nothing");
      }
      return Answer::Keep;
    case pg::Backend::RowDescription:
      return take_description(true, body);
    case pg::Backend::NoData:
      return take_description(false, body);
    case pg::Backend::CommandComplete: {
      const auto tag = pg::parse_command_complete(body);
      if (!tag) return server_violation("malformed CommandComplete");
      return take_completion(*tag, false);
    }
    case pg::Backend::EmptyQueryResponse:
      return take_completion({}, false);
    case pg::Backend::PortalSuspended:
      return take_completion({}, true);
    case pg::Backend::CopyInResponse:
      return take_copy_response(true, body);
    case pg::Backend::CopyOutResponse:
      return take_copy_response(false, body);
    case pg::Backend::CopyDone:
      if (!server_in_copy_out_) return server_violation("CopyDone outside COPY");
      leave_copy_out();
      return Answer::Keep;
    case pg::Backend::ReadyForQuery:
      return take_ready(body);
    case pg::Backend::ErrorResponse:
      return take_error(body);
    case pg::Backend::NoticeResponse:
      return take_notice(body);
    case pg::Backend::NotificationResponse:
      return take_notification(body);
    case pg::Backend::ParameterStatus:
      return take_parameter_status(body);
    case pg::Backend::Authentication:
    case pg::Backend::BackendKeyData:
    case pg::Backend::CopyBothResponse:
    case pg::Backend::FunctionCallResponse:
    case pg::Backend::NegotiateProtocolVersion:
    case pg::Backend::DataRow:
    case pg::Backend::CopyData:
      break;
  }
  return server_violation("a message that has no place here");
}

PgSession::Answer PgSession::take_parse_complete() {
  if (pipeline_.empty() || pipeline_.front().kind != EntryKind::Parse)
    return server_violation("ParseComplete for nothing");
  Entry& entry = pipeline_.front();
  if (entry.refusal) return server_violation("it accepted what can never be valid");
  if (entry.probe) {
    // The server knows a text that we do not: the query is refused, in its place, as a statement of
    // its own, so that an open transaction fails as it would for any error.
    finish_entry(entry, false, "0A000");
    const StatementPtr statement = entry.statement;
    HeldRules rules = entry.rules;
    pop_entry();
    Entry& query = push_entry(EntryKind::Query);
    query.rules = std::move(rules);
    auto refusal = make_refusal(*statement);
    refusal->expected_sqlstate = pg::refused_text_sqlstate;
    query.refusal = std::move(refusal);
    std::vector<std::byte> out;
    pg::build::query(out, pg::refused_text);
    return send_server(out) ? Answer::Drop : Answer::Over;
  }
  finish_entry(entry, true, {});
  --pending_parses_;
  if (entry.closed) {
    pop_entry();
    return Answer::Keep;
  }
  if (entry.name.empty()) {
    unnamed_statement_ = std::move(entry.statement);
  } else {
    statement_bytes_ += entry.statement->text.size();
    statements_[entry.name] = std::move(entry.statement);
  }
  pop_entry();
  return Answer::Keep;
}

PgSession::Answer PgSession::take_bind_complete() {
  if (pipeline_.empty() || pipeline_.front().kind != EntryKind::Bind)
    return server_violation("BindComplete for nothing");
  Entry& entry = pipeline_.front();
  if (entry.refusal) return server_violation("it accepted what can never be valid");
  if (entry.closed) {
    drop_portal_intent(*entry.portal);
    pop_entry();
    return Answer::Keep;
  }
  PortalPtr& place = entry.name.empty() ? unnamed_portal_ : portals_[entry.name];
  if (place) drop_portal_intent(*place);
  place = std::move(entry.portal);
  pop_entry();
  return Answer::Keep;
}

PlanPtr PgSession::make_plan(const Entry& entry, const ResultShape& shape, bool named_portal) {
  auto bound = std::make_shared<BoundPlan>();
  bound->rules = entry.rules;
  const Statement* statement = entry.statement.get();
  bool tainted = statement == nullptr || statement->tainted;
  if (session_tainted_ && statement != nullptr) {
    const Facts& facts = *statement->facts;
    tainted = tainted || named_portal || statement->named || facts.opaque || facts.kinds.has(StatementKind::Fetch) ||
              facts.kinds.has(StatementKind::Execute);
  }
  bound->plan = entry.rules->plan(shape, tainted, catalog());
  return bound;
}

PgSession::Answer PgSession::take_description(bool rows, Bytes body) {
  if (pipeline_.empty()) return server_violation("a description of nothing");
  const Entry& entry = pipeline_.front();
  ResultShape& shape = lane_.scratch().shape;
  if (rows && !pg::parse_row_description(body, shape)) {
    return server_violation("malformed RowDescription");
  }
  switch (entry.kind) {
    case EntryKind::DescribeStatement:
      pop_entry();
      return Answer::Keep;
    case EntryKind::DescribePortal: {
      if (entry.portal) entry.portal->columns = rows ? static_cast<int>(shape.size()) : 0;
      if (rows && entry.portal && entry.rules->masks_live())
        entry.portal->plan = make_plan(entry, shape, entry.portal != unnamed_portal_);
      const bool ours = entry.injected;
      pop_entry();
      return ours ? Answer::Drop : Answer::Keep;
    }
    case EntryKind::Query:
      if (!rows) break;
      query_columns_ = static_cast<int>(shape.size());
      query_plan_ = entry.rules->masks_live() ? make_plan(entry, shape, false) : nullptr;
      return Answer::Keep;
    default:
      break;
  }
  return server_violation("a description of nothing");
}

PgSession::Answer PgSession::take_completion(std::string_view tag, bool suspended) {
  if (pipeline_.empty()) return server_violation("a completion of nothing");
  if (server_in_copy_out_) return server_violation("a completion inside COPY");
  Entry& entry = pipeline_.front();
  if (entry.refusal) return server_violation("it ran what can never be valid");
  entry.tag = tag;
  entry.rows += pg::rows_of_tag(tag);
  if (entry.kind == EntryKind::Query) {
    if (suspended) return server_violation("PortalSuspended in a simple query");
    query_plan_.reset();
    query_columns_ = -1;
    return Answer::Keep;
  }
  if (entry.kind != EntryKind::Execute) return server_violation("a completion of nothing");
  if (suspended) entry.tag = "SUSPENDED";
  finish_entry(entry, true, {});
  pop_entry();
  return Answer::Keep;
}

PgSession::Answer PgSession::take_copy_response(bool in, Bytes body) {
  if (pipeline_.empty()) return server_violation("COPY for nothing");
  Entry& entry = pipeline_.front();
  if ((entry.kind != EntryKind::Query && entry.kind != EntryKind::Execute) || !entry.statement)
    return server_violation("COPY for nothing");
  // Only what was judged as COPY may become one.
  const KindSet kinds = entry.statement->facts->kinds;
  if (in) {
    if (!kinds.has(StatementKind::CopyIn) || client_in_copy_) return server_violation("COPY that was not asked for");
    client_in_copy_ = true;
    entry.streamed = streaming_ = std::make_shared<Streamed>();
    if (wait_ == Wait::CopyStart) wait_ = Wait::None;
    return Answer::Keep;
  }
  if (!kinds.has(StatementKind::CopyOut) || server_in_copy_out_) return server_violation("COPY that was not asked for");
  return begin_copy_out(entry, body);
}

PgSession::Answer PgSession::take_ready(Bytes body) {
  const auto status = pg::parse_ready_for_query(body);
  if (!status) return server_violation("malformed ReadyForQuery");
  if (pipeline_.empty() || (pipeline_.front().kind != EntryKind::Query && pipeline_.front().kind != EntryKind::Sync)) {
    return server_violation("ReadyForQuery for nothing");
  }
  if (server_in_copy_out_) return server_violation("ReadyForQuery inside COPY");
  Entry& entry = pipeline_.front();
  const bool ours = entry.injected;
  if (entry.refusal && entry.intent_seq != 0) return server_violation("it ran what can never be valid");
  finish_entry(entry, true, {});
  copy_is_over(entry);
  pop_entry();
  query_plan_.reset();
  transaction_ = *status;
  if (wait_ == Wait::Probe && pipeline_.empty()) wait_ = Wait::None;
  if (transaction_ == 'I') {
    for (auto& [name, portal] : portals_) drop_portal_intent(*portal);
    portals_.clear();
  }
  if (const uint32_t idle = target_settings().limits.idle_timeout_ms;
      idle != 0 && !leaving_) {
    lane_.reactor().set_timer(timer_, uint64_t{idle} * 1'000'000);
  }
  if (lane_.draining() && idle() && !ours) {
    // The answer is passed on first; terminate() puts its farewell behind it.
    server_run_ += pg::header_size + body.size();
    terminate("57P01", "the gateway is shutting down");
    return Answer::Over;
  }
  return ours ? Answer::Drop : Answer::Keep;
}

void PgSession::finish_entry(Entry& entry, bool success, std::string_view sqlstate) {
  lane_.metrics().rows.add(entry.rows);
  if (entry.kind == EntryKind::Bind && entry.portal) drop_portal_intent(*entry.portal);
  if (entry.intent_seq == 0) return;
  audit::Outcome outcome{
      .intent_seq = std::exchange(entry.intent_seq, 0),
      .success = success,
      .tag = entry.tag,
      .sqlstate = sqlstate,
      .rows = entry.rows,
      .bytes_to_client = entry.bytes,
      .masked_cells = entry.masked_cells,
      .alerted_values = entry.alerted_values,
      .duration_ns = lane_.reactor().now_ns() - entry.started_ns,
  };
  if (entry.streamed) {
    outcome.bytes_from_client = entry.streamed->bytes;
    outcome.from_client_sha256 = entry.streamed->hash.finish();
    if (streaming_ == entry.streamed) streaming_.reset();
    entry.streamed.reset();
  }
  lane_.recorder().outcome(cursor_, outcome, lane_.reactor().unix_ns());
}

void PgSession::copy_is_over(const Entry& entry) {
  // Nothing is read behind a COPY that may start or runs: it is the last entry. An earlier one that fails
  // late must not end the wait of this one, or its data would be dropped.
  if (!entry.copy_in || &entry != &pipeline_.back()) return;
  client_in_copy_ = false;
  if (wait_ == Wait::CopyStart) wait_ = Wait::None;
}

const rules::BoundRules& PgSession::rules_in_force() {
  if (!pipeline_.empty()) return *pipeline_.front().rules;
  refresh_rules();
  return *rules_;
}

void PgSession::pop_entry() {
  const PortalPtr portal = std::move(pipeline_.front().portal);
  if (pipeline_.front().revoked) lane_.reactor().cancel_timer(revoke_timer_);
  pipeline_.pop();
  if (!portal || !portal->plan || portal->plan->rules.epoch() == lane_.policy_epoch()) return;
  if (!uses(portal)) forget_plan(*portal);
}

bool PgSession::uses(const PortalPtr& portal) {
  return std::ranges::any_of(pipeline_, [&](const Entry& entry) { return entry.portal == portal; });
}

void PgSession::forget_plan(Portal& portal) {
  portal.plan.reset();
  portal.described = 0;
}

void PgSession::skip_to_sync() {
  leave_copy_out();
  while (!pipeline_.empty() && pipeline_.front().kind != EntryKind::Sync) {
    Entry& entry = pipeline_.front();
    copy_is_over(entry);
    if (entry.kind == EntryKind::Parse && !entry.probe) --pending_parses_;
    finish_entry(entry, false, {});
    pop_entry();
  }
  server_skipping_ = pipeline_.empty();
}

const Refusal* PgSession::refusal_told_by(std::string_view sqlstate) {
  if (pipeline_.empty()) return nullptr;
  const Entry& entry = pipeline_.front();
  for (const Refusal* refusal : {entry.refusal.get(), entry.revoked.get()}) {
    if (refusal != nullptr && refusal->expected_sqlstate == sqlstate) return refusal;
  }
  return nullptr;
}

PgSession::Answer PgSession::take_error(Bytes body) {
  LaneScratch& scratch = lane_.scratch();
  pg::ErrorFields& fields = scratch.error;
  const bool whole = pg::parse_error(body, fields);
  const std::string code(whole ? fields.code : std::string_view("XX000"));
  const std::string_view severity =
      fields.severity_nonlocalized.empty() ? fields.severity : fields.severity_nonlocalized;
  if (severity == "FATAL" || severity == "PANIC") server_said_fatal_ = true;
  auto answer = Answer::Keep;
  if (!whole) {
    pg::build::error_response(scratch.out, {.severity = server_said_fatal_ ? "FATAL" : "ERROR",
                                            .sqlstate = code,
                                            .message = "the target reported an error without a valid SQLSTATE"});
    answer = Answer::Replace;
  } else if (const Refusal* told = refusal_told_by(code); told != nullptr && !server_said_fatal_) {
    const Refusal& refusal = *told;
    if (refusal.server_words) {
      for (auto& [field, text] : fields.all) {
        if (field == 'M') text = refusal.message;
      }
      write_error(scratch.out, 'E', fields.all);
    } else {
      pg::build::error_response(
          scratch.out,
          {.sqlstate = refusal.sqlstate, .message = refusal.message, .detail = refusal.detail, .hint = refusal.hint});
    }
    finish_entry(pipeline_.front(), false, refusal.sqlstate);
    answer = Answer::Replace;
  } else if (rules_in_force().masks_live()) {
    masked_error(scratch.out, 'E', fields);
    answer = Answer::Replace;
  }
  if (answer == Answer::Replace) bytes_to_client_ += scratch.out.size();
  if (pipeline_.empty()) {
    if (!server_said_fatal_) return server_violation("an error for nothing");
    return answer;
  }
  Entry& entry = pipeline_.front();
  switch (entry.kind) {
    case EntryKind::Query:
      finish_entry(entry, false, code);
      copy_is_over(entry);
      leave_copy_out();
      break;
    case EntryKind::Sync:
      break;
    default:
      finish_entry(entry, false, code);
      copy_is_over(entry);
      if (entry.kind == EntryKind::Parse && entry.probe) {
        // The server does not know the text either: its own error is the answer, and so is its state.
        pop_entry();
        pipeline_.front().injected = false;
        break;
      }
      if (entry.kind == EntryKind::Parse) --pending_parses_;
      pop_entry();
      skip_to_sync();
  }
  return answer;
}

void PgSession::masked_error(std::vector<std::byte>& out, char type, const pg::ErrorFields& fields) {
  const rules::BoundRules& rules = rules_in_force();
  const Statement* statement = pipeline_.empty() ? nullptr : pipeline_.front().statement.get();
  if (statement == nullptr && !pipeline_.empty() && pipeline_.front().portal)
    statement = pipeline_.front().portal->statement.get();
  // Constraints quote keys and rows, and deferred ones do so at COMMIT or SET CONSTRAINTS.
  const bool quotes =
      fields.code.starts_with("23") ||
      (statement != nullptr && statement->facts &&
       (statement->facts->kinds.has(StatementKind::Transaction) || statement->facts->kinds.has(StatementKind::Set)));
  const bool rebuild =
      rules.column_masks_live() && (quotes || statement == nullptr || statement->tainted || session_tainted_ ||
                                      (statement->facts && statement->facts->opaque));
  std::deque<std::string> texts;  // What fields refer to; its elements stay where they are.
  std::vector<ErrorField> shown;
  for (const auto& [field, text] : fields.all) {
    const bool free_text = field == 'M' || field == 'D' || field == 'H' || field == 'W' || field == 'q';
    if (!free_text) {
      shown.emplace_back(field, text);
    } else if (!rebuild) {
      shown.emplace_back(field, texts.emplace_back(rules::mask_text(rules, lane_.rule_scratch(), text)));
    } else if (field == 'M') {
      shown.emplace_back(field,
                         texts.emplace_back(fmt::format("{} (the text is withheld, since it may quote masked values)",
                                                        class_text(fields.code))));
    }
  }
  write_error(out, type, shown);
}

PgSession::Answer PgSession::take_notice(Bytes body) {
  LaneScratch& scratch = lane_.scratch();
  if (!pg::parse_error(body, scratch.error)) return server_violation("malformed NoticeResponse");
  if (!rules_in_force().masks_live()) return Answer::Keep;
  masked_error(scratch.out, 'N', scratch.error);
  return Answer::Replace;
}

PgSession::Answer PgSession::take_notification(Bytes body) {
  LaneScratch& scratch = lane_.scratch();
  const auto notification = pg::parse_notification(body);
  if (!notification) return server_violation("malformed NotificationResponse");
  if (!rules_in_force().masks_live()) return Answer::Keep;
  ByteWriter writer(scratch.out);
  writer.u8('A');
  writer.u32(0);
  writer.u32(notification->pid);
  writer.c_string(rules::mask_text(rules_in_force(), lane_.rule_scratch(), notification->channel));
  writer.c_string(rules::mask_text(rules_in_force(), lane_.rule_scratch(), notification->payload));
  writer.patch_u32(1, static_cast<uint32_t>(scratch.out.size() - 1));
  return Answer::Replace;
}

PgSession::Answer PgSession::take_parameter_status(Bytes body) {
  const auto status = pg::parse_parameter_status(body);
  if (!status) return server_violation("malformed ParameterStatus");
  const bool unpinned = (status->name == "client_encoding" && status->value != "UTF8") ||
                        (status->name == "standard_conforming_strings" && status->value != "on");
  if (unpinned) {
    // Statements would be read differently by the server than by us.
    fatal("0A000", fmt::format("the session's {} changed, which the gateway does not allow", status->name));
    return Answer::Over;
  }
  return Answer::Keep;
}

}  // namespace sluice::gateway
