// Messages from the client: framed, judged, recorded, and only then forwarded.
#include <fmt/format.h>

#include "base/text.h"
#include "gateway/pg_session.h"
#include "protocols/postgres/messages.h"

namespace sluice::gateway {
namespace {

constexpr uint64_t recorder_patience_ns = 2'000'000'000;
constexpr uint64_t catalog_patience_ns = 5'000'000'000;

}  // namespace

void PgSession::pump_client() {
  // Before anything else is waited for: a COPY or a probe waits for an answer to this very run, or to
  // what was held behind it.
  if (client_run_durable_ != 0 && (!flush_client_run() || !flush_client_run())) return;
  if (wait_ == Wait::Names) wait_ = Wait::None;
  if (wait_ == Wait::Facts && facts_ready_) wait_ = Wait::None;
  if (wait_ != Wait::None) return;
  refresh_rules();
  if (rules_->read_only_session() && !upstream_read_only_) {
    terminate("57P01", "this access has become read-only: connect again");
    return;
  }
  if (rules_->column_masks_live() && !catalog_awaited_ && catalog() == nullptr) {
    // The first session under column rules: a moment's patience beats refusing its first statement.
    wait_ = Wait::Catalog;
    lane_.reactor().set_timer(wait_timer_, catalog_patience_ns);
    return;
  }
  if (tainted_under_ != rules_.epoch()) taint_again();
  const io::SliceQueue& in = client_.inbox();
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
      if (capped && server_skipping_) {
        client_skip_left_ = large.frame_size();  // As take_message() does with what fits.
        continue;
      }
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
      const Next next = capped ? over_cap(large) : protocol_violation(pg::explain(header.error()));
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
        lane_.reactor().set_timer(wait_timer_, recorder_patience_ns);
      }
      return false;
    }
    if (client_run_durable_ != 0) lane_.reactor().cancel_timer(wait_timer_);
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
      if (pipeline_.empty()) {
        end("client terminated");
        return Next::Over;
      }
      // What was sent before it is still the server's to do: Terminate goes behind it, and the session
      // ends when the server does.
      wait_ = Wait::End;
      begin_leaving();
      return Next::Forward;
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
  if (!wait_timer_.armed()) lane_.reactor().set_timer(wait_timer_, recorder_patience_ns);
  return Next::Blocked;
}

Entry& PgSession::push_entry(EntryKind kind) {
  Entry& entry = pipeline_.push(kind);
  entry.rules = rules_;
  entry.started_ns = lane_.reactor().now_ns();
  return entry;
}

PgSession::Next PgSession::refuse(Entry& entry, Refusal refusal) {
  entry.refusal = std::make_unique<Refusal>(std::move(refusal));
  return Next::Replaced;
}

PgSession::Next PgSession::take_query(Bytes body) {
  const auto query = pg::parse_query(body);
  if (!query) return protocol_violation("malformed Query");
  rules::FactsPtr facts;
  if (find_facts(query->text, facts) == Found::Waiting) return Next::Blocked;
  // Texts of one shape share their facts, and a text with a secret is not kept as it came.
  const bool again = last_query_ && last_query_->facts == facts && last_query_->text == query->text &&
                     last_query_->epoch == rules_.epoch() && !rules_->column_masks_live();
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
  if (statement->decision.verdict != Verdict::Allow) {
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
    pg::build::bind(out, "", absent_name_);
    refusal->expected_sqlstate = "26000";
  } else if (kind == audit::IntentKind::Parse) {
    entry_kind = EntryKind::Parse;
    pg::build::parse(out, absent_name_, pg::refused_text);
    ++pending_parses_;
  } else {
    pg::build::query(out, pg::refused_text);
  }
  Entry& entry = push_entry(entry_kind);
  entry.name = is_bind || kind == audit::IntentKind::Parse ? absent_name_ : std::string();
  entry.intent_seq = seq;
  client_skip_left_ = header.frame_size();
  bytes_from_client_ += header.frame_size();
  return refuse(entry, std::move(*refusal));
}

}  // namespace sluice::gateway
