// One PostgreSQL session: a client, a target, and what is said between them. A plain object driven by
// its connections' events; the simulator drives it the same way. Both sides are untrusted.
//
// The files: pg_session.cc (life and death), pg_login.cc (the client's side up to its proof),
// pg_upstream.cc (the target's side up to ReadyForQuery), pg_client.cc (client messages), pg_extended.cc
// (those of the extended protocol), pg_judge.cc (facts, verdicts, records), pg_server.cc (server
// messages), pg_rows.cc (rows of results and of COPY, masked).
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "audit/recorder.h"
#include "gateway/channel.h"
#include "gateway/lane.h"
#include "gateway/pg_cancel.h"
#include "gateway/pg_pipeline.h"
#include "io/reactor.h"
#include "model/principal.h"
#include "protocols/postgres/build.h"
#include "protocols/postgres/frame.h"
#include "protocols/postgres/scram.h"
#include "protocols/postgres/startup.h"

namespace sluice::gateway {

class PgSession final : private io::Timer::Client {
 public:
  PgSession(Lane& lane, uint32_t slot, size_t listener);
  ~PgSession();
  PgSession(const PgSession&) = delete;
  PgSession& operator=(const PgSession&) = delete;

  /// Takes over an accepted connection. False: it could not be recorded or held; it is closed.
  [[nodiscard]] bool begin(int fd, std::string client_address);
  [[nodiscard]] uint32_t slot() const { return slot_; }
  [[nodiscard]] uint32_t cancel_secret() const { return cancel_secret_; }
  [[nodiscard]] const audit::SessionId& id() const { return cursor_.id; }
  [[nodiscard]] bool can_be_cancelled() const { return state_ == State::Ready; }

  /// The target's name was looked up. Empty: it has no address; `why` says so.
  void resolved(std::vector<sockaddr_storage> addresses, const std::string& why);
  /// A worker has read the text this session waits for.
  void facts_arrived(uint64_t ticket, const std::string& text, rules::FactsPtr facts);

  /// A cancel request with our key: passed on to the target.
  void cancel_upstream(const std::string& client_address);
  /// True, once, if it was not waiting already.
  [[nodiscard]] bool enter_waiting() { return !std::exchange(in_waiting_, true); }
  /// The recorder made progress: go on with what waited.
  void on_recorder_progress();
  /// A catalog arrived: go on with what waited for it.
  void on_catalog();
  /// Keys were revoked or changed: a session whose subject has no live key left ends.
  void on_keys_changed();
  /// Targets changed: a session that may no longer be connected ends, new limits hold from here.
  void on_settings_changed(const Settings& old);
  /// Verdicts may differ: what runs keeps the rules it was judged by, all else lets go of them.
  void on_policy_changed();
  /// Cancels what runs and the current rules deny. False: nothing was denied.
  bool revoke_denied();
  /// The oldest rule set that a running statement here was judged by; 0: none runs.
  [[nodiscard]] uint64_t oldest_generation();
  [[nodiscard]] size_t target() const { return target_; }
  [[nodiscard]] const std::string& subject() const { return principal_.subject; }
  /// No statement is running and no transaction is open.
  [[nodiscard]] bool idle() const { return state_ == State::Ready && pipeline_.empty() && transaction_ == 'I'; }
  /// Ends the session with FATAL and this SQLSTATE.
  void terminate(std::string_view sqlstate, std::string_view message);

 private:
  enum class State : uint8_t {
    ProxyHeader,
    Startup,
    ClientTls,
    ClientAuth,
    Resolving,
    Connecting,
    UpstreamTlsAnswer,
    UpstreamTls,
    UpstreamAuth,
    UpstreamStart,
    Ready,
    Closing,
    Over,
  };
  enum class Wait : uint8_t { None, Facts, Recorder, Probe, CopyStart, Names, Catalog, End };  // End: Terminate went.
  enum class Side : uint8_t { Client, Server };

  /// Gives each connection its own face towards the reactor.
  class Handler final : public io::ConnectionHandler {
   public:
    Handler(PgSession& session, Side side) : session_(session), side_(side) {}
    void on_connected(io::ConnectionId id) override;
    void on_bytes(io::ConnectionId id) override;
    void on_drained(io::ConnectionId id) override;
    void on_ended(io::ConnectionId id) override;
    void on_closed(io::ConnectionId id, int error) override;
    void on_flush(io::ConnectionId id) override;
    [[nodiscard]] size_t held(io::ConnectionId id) const override;

   private:
    PgSession& session_;
    Side side_;
  };

  // pg_session.cc
  void on_timer(io::Timer& timer) override;
  void on_client_bytes();
  void on_server_bytes();
  void on_drained(Side side);
  void on_ended(Side side);
  void on_closed(Side side, int error);
  void step();  ///< Everything that can go on, goes on.
  void fatal(std::string_view sqlstate, std::string_view message, std::string_view hint = {});
  void end(std::string reason);
  /// The record of the session's start. False: it could not be written.
  [[nodiscard]] bool start_record();
  void finish_closing();
  void release_rules();   ///< Of a session that is closing.
  void on_revoke_timer();
  void on_wait_timer();
  void out_of_buffers();
  /// The client has closed its side, and the last that it sent is Terminate.
  [[nodiscard]] bool goodbye_waits();
  void begin_leaving();
  bool send_client(std::vector<std::byte>& message);
  bool send_server(std::vector<std::byte>& message);
  [[nodiscard]] const TargetSettings& target_settings() const;
  [[nodiscard]] TargetState& target_state();
  void update_reading();

  // pg_login.cc
  void run_login();
  [[nodiscard]] bool login_step();  ///< False: more bytes are needed, or it is over.
  bool take_proxy_header();
  bool take_startup();
  void begin_client_tls();
  void answer_cancel(const pg::CancelRequest& request);
  void begin_authentication(const pg::StartupMessage& message);
  bool take_sasl();
  void authenticated();
  void login_failed(std::string_view sqlstate, std::string_view shown, std::string_view recorded);
  [[nodiscard]] bool record_authentication(bool success, std::string_view failure);
  [[nodiscard]] const TargetSettings* find_target(std::string_view database);
  [[nodiscard]] bool may_connect(const TargetSettings& target) const;

  // pg_upstream.cc
  void open_upstream();
  void resolve();
  void connect_next();
  void upstream_connected();
  void upstream_failed(std::string_view sqlstate, std::string_view reason);
  void run_upstream_login();
  [[nodiscard]] bool upstream_step();
  void send_startup();
  void upstream_authentication(Bytes body);
  void upstream_error(Bytes body);
  void upstream_ready();

  // pg_client.cc
  void pump_client();
  /// False: what is in the run is not yet as durable as the target asks; it goes later.
  bool flush_client_run();
  enum class Next : uint8_t {
    Forward,   ///< The message goes as it is.
    Inserted,  ///< The scratch's `out` goes first, then the message.
    Replaced,  ///< `out` goes in its place.
    Blocked,   ///< Not yet: see wait_.
    Over,      ///< The session ended.
  };
  [[nodiscard]] bool apply(Next next, size_t frame_size);
  [[nodiscard]] Next take_message(const pg::Header& header, Bytes body);
  [[nodiscard]] Next take_query(Bytes body);
  [[nodiscard]] Next take_parse(Bytes body);
  [[nodiscard]] Next take_bind(Bytes body);
  [[nodiscard]] Next take_large_bind(const pg::Header& header);
  [[nodiscard]] Next bind_portal(std::string_view portal, std::string_view name, const pg::BindView* parameters);
  [[nodiscard]] Next take_describe(Bytes body);
  [[nodiscard]] Next take_execute(Bytes body);
  [[nodiscard]] Next take_close(Bytes body);
  [[nodiscard]] Next take_sync();
  [[nodiscard]] Next take_copy(const pg::Header& header, Bytes body);
  [[nodiscard]] Next over_cap(const pg::Header& header);
  enum class Found : uint8_t { Yes, Waiting };
  [[nodiscard]] Found find_facts(std::string_view text, rules::FactsPtr& facts);
  [[nodiscard]] StatementPtr make_statement(std::string_view text, rules::FactsPtr facts);
  void judge(Statement& statement);
  void refresh_rules();
  /// The statement judged by the current rules: itself, or a copy that takes its place under its name.
  [[nodiscard]] StatementPtr judged_now(const StatementPtr& statement, std::string_view name);
  /// Does what the session keeps by name read something under a column mask of the current rules?
  void taint_again();
  [[nodiscard]] bool record_intent(audit::IntentKind kind, const Statement& statement, std::string_view name,
                                   const pg::BindView* bind, uint64_t& seq);
  [[nodiscard]] std::unique_ptr<Refusal> make_refusal(const Statement& statement) const;
  [[nodiscard]] StatementPtr find_statement(std::string_view name, bool& ambiguous);
  [[nodiscard]] PortalPtr find_portal(std::string_view name, bool& ambiguous);
  void note_effects(const Statement& statement);
  [[nodiscard]] static Next refuse(Entry& entry, Refusal refusal);
  [[nodiscard]] Next protocol_violation(std::string_view what);
  [[nodiscard]] Next wait_for_recorder();
  void drop_portal_intent(Portal& portal);
  Entry& push_entry(EntryKind kind);
  [[nodiscard]] bool stream_client();
  /// Null: not known, or not known to be true any more.
  [[nodiscard]] const Catalog* catalog();

  // pg_server.cc
  void pump_server();
  enum class Answer : uint8_t {
    Keep,     ///< The message goes as it is.
    Drop,     ///< It is ours alone.
    Replace,  ///< The scratch's `out` goes in its place.
    Over,     ///< The session ended.
  };
  [[nodiscard]] Answer take_server_message(const pg::Header& header, Bytes body);
  [[nodiscard]] Answer take_parse_complete();
  [[nodiscard]] Answer take_bind_complete();
  [[nodiscard]] Answer take_description(bool rows, Bytes body);
  [[nodiscard]] Answer take_completion(std::string_view tag, bool suspended);
  [[nodiscard]] Answer take_copy_response(bool in, Bytes body);
  [[nodiscard]] Answer take_ready(Bytes body);
  [[nodiscard]] Answer take_error(Bytes body);
  [[nodiscard]] Answer take_notice(Bytes body);
  [[nodiscard]] Answer take_notification(Bytes body);
  Answer take_parameter_status(Bytes body);
  Answer server_violation(std::string_view what);
  void flush_server_run();
  void finish_entry(Entry& entry, bool success, std::string_view sqlstate);
  /// Ends the front entry's stay; a plan of older rules goes with the last entry that needs it.
  void pop_entry();
  [[nodiscard]] bool uses(const PortalPtr& portal);
  static void forget_plan(Portal& portal);
  /// The refusal of the front entry that an error with this code stands for; null: the error is its own.
  [[nodiscard]] const Refusal* refusal_told_by(std::string_view sqlstate);
  void skip_to_sync();
  /// The rules of what the server works on, or the current ones.
  [[nodiscard]] const rules::BoundRules& rules_in_force();
  void copy_is_over(const Entry& entry);
  [[nodiscard]] PlanPtr make_plan(const Entry& entry, const ResultShape& shape, bool named_portal);
  void masked_error(std::vector<std::byte>& out, char type, const pg::ErrorFields& fields);

  // pg_rows.cc. False: more bytes are needed, or it is over.
  [[nodiscard]] bool pump_row(const pg::Header& header, size_t available);
  [[nodiscard]] const BoundPlan* row_plan();
  [[nodiscard]] bool mask_rows(const BoundPlan& bound);
  [[nodiscard]] Answer begin_copy_out(Entry& entry, Bytes body);
  void leave_copy_out();
  [[nodiscard]] bool pump_copy_row(const pg::Header& header, size_t available);
  [[nodiscard]] bool take_copy_header();
  [[nodiscard]] bool mask_copy_rows();
  /// The row at `offset` of the server's inbox, if it is one of these and all of it is there: its size, and its body,
  /// which may lie in the scratch.
  [[nodiscard]] size_t next_row(size_t offset, pg::Backend type, Bytes& body);
  /// Sends on the rows that the masker has seen, `write` those that it changed.
  template <typename Write>
  [[nodiscard]] bool send_rows(std::span<const uint32_t> sizes, Write write);

  Lane& lane_;
  const uint32_t slot_;
  const size_t listener_;
  State state_ = State::Startup;
  Wait wait_ = Wait::None;
  Handler client_handler_{*this, Side::Client};
  Handler server_handler_{*this, Side::Server};
  Channel client_;
  Channel server_;
  io::Timer timer_{*this};       ///< Login, idleness, closing.
  io::Timer wait_timer_{*this};  ///< What the session waits for in wait_.
  bool upstream_read_only_ = false;  ///< It was opened so, and the rules keep it so.
  io::Timer revoke_timer_{*this};  ///< By then a revoked statement has been cancelled.
  bool in_waiting_ = false;      ///< In the lane's list of those who wait for the recorder.
  bool leaving_ = false;         ///< Terminate has come or waits; timer_ holds the patience for what runs before it.
  uint64_t undelivered_ = 0;     ///< Bytes of answers that came when the client had terminated and gone.
  std::string access_key_id_;    ///< That proved the principal; empty: a certificate did.
  std::string absent_name_;      ///< Of a statement and a portal that do not exist; nobody can guess it.
  audit::SessionCursor cursor_;
  bool recording_ = false;  ///< session_start is written; session_end is owed.
  bool admitted_ = false;   ///< In the ledger.
  bool client_ended_ = false;
  bool server_ended_ = false;
  bool stepping_ = false;
  std::string client_address_;
  std::string end_reason_;

  // Login.
  pg::StartupOptions options_;
  std::unique_ptr<pg::ScramServer> scram_;
  bool sasl_started_ = false;
  bool direct_tls_ = false;  ///< The client began with TLS, without asking.
  Principal principal_;
  size_t target_ = SIZE_MAX;
  std::string database_;  ///< At the target.
  std::string upstream_user_;
  UpstreamEnd upstream_;  ///< As it was when the session logged in.

  // The target's side.
  std::unique_ptr<pg::ScramClient> upstream_scram_;
  Secret upstream_password_;
  std::vector<std::byte> upstream_binding_;
  bool upstream_scram_done_ = false;
  bool upstream_authenticated_ = false;
  std::vector<sockaddr_storage> upstream_addresses_;  ///< Still to be tried, last first.
  uint32_t server_pid_ = 0;
  uint32_t server_secret_ = 0;
  uint32_t cancel_secret_ = 0;

  // Steady state, client to server.
  pg::FrontendCaps caps_;
  size_t client_run_ = 0;            ///< Judged bytes at the front of the client's inbox, not yet forwarded.
  uint64_t client_run_durable_ = 0;  ///< They wait for this position to be durable; 0: they need not.
  uint64_t client_stream_left_ = 0;  ///< Of a CopyData message being passed on.
  uint64_t client_skip_left_ = 0;    ///< Of a message being dropped.
  std::vector<std::byte> held_out_;  ///< Goes behind the run that waits to be durable ...
  size_t held_drop_ = 0;             ///< ... and then this much of the inbox is dropped,
  size_t held_run_ = 0;              ///< or this much joins the next run.
  uint64_t intent_position_ = 0;     ///< Of the newest intent that must be durable before the run goes.
  StreamedPtr streaming_;            ///< What the message being passed on is counted into; null: nothing.
  size_t pending_parses_ = 0;
  bool facts_ready_ = false;
  rules::FactsPtr awaited_facts_;
  std::string awaited_text_;   ///< What they are facts of: no other text may have them.
  uint64_t facts_ticket_ = 0;  ///< Tells a late answer from the awaited one.
  HeldRules rules_;          ///< Current while the client's messages are read; null after a reload.
  bool masks_live_ = false;  ///< Of rules_.
  bool column_masks_were_live_ = false;
  uint64_t tainted_under_ = 0;         ///< The epoch that session_tainted_ was last judged by.
  std::vector<rules::FactsPtr> kept_;  ///< Of what made cursors, prepared by SQL or was opaque; bounded.
  bool kept_overflowed_ = false;       ///< There were more: nothing is known of them.
  uint64_t next_statement_id_ = 1;
  StatementPtr last_query_;
  std::unordered_map<std::string, StatementPtr> statements_;
  size_t statement_bytes_ = 0;
  StatementPtr unnamed_statement_;
  std::unordered_map<std::string, PortalPtr> portals_;
  PortalPtr unnamed_portal_;
  bool catalog_awaited_ = false;  ///< Waited once for the catalog; without it, statements are refused.
  bool session_tainted_ = false;  ///< A cursor or prepared text may read something under a column mask.
  bool client_in_copy_ = false;   ///< The client may send COPY data now.

  // Steady state, server to client.
  Pipeline pipeline_;
  char transaction_ = 'I';
  bool server_skipping_ = false;  ///< After an error in the extended protocol, until Sync.
  size_t server_run_ = 0;         ///< Bytes at the front of the server's inbox that are decided to go.
  uint64_t server_stream_left_ = 0;
  bool server_in_copy_out_ = false;
  std::unique_ptr<CopyMasks> copy_masks_;  ///< Of that COPY; null: its rows pass unseen.
  bool server_said_fatal_ = false;
  int query_columns_ = -1;  ///< Of that result; -1: not described.
  PlanPtr query_plan_;      ///< Of the result that a simple query is sending.
  uint64_t bytes_from_client_ = 0;
  uint64_t bytes_to_client_ = 0;
};

}  // namespace sluice::gateway
