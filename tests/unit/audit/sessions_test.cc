#include "audit/sessions.h"

#include "base/text.h"
#include "tests/unit/audit/audit_testing.h"

namespace sluice::audit {
namespace {

/// Three sessions: one that worked, one refused, one still open.
void write_sessions(const AuditDirectories& d, std::unique_ptr<AuditLog>& log) {
  log = d.open();
  Recorder& r = log->recorder(0);
  SessionCursor a = session(0xA1);
  EXPECT_TRUE(r.session_start(a, {"postgres", "192.0.2.7:1", "0.0.0.0:6432", true}, some_time));
  EXPECT_TRUE(r.authentication(a, {.success = true, .claimed_user = "ci", .subject = "ci-deploy", .groups = "ci",
                                   .proof = Proof::AccessKey, .target = "orders", .database = "orders",
                                   .upstream_user = "app_rw", .application_name = "psql"},
                               some_time));
  const std::string_view parameters[] = {"4711", {nullptr, 0}, "\x1b[2J\"hostile\""};
  EXPECT_TRUE(r.intent(a, {.kind = IntentKind::Bind, .statement_id = 1, .text = "select * from users where id = $1",
                           .name = "s1", .parameters = parameters, .verdict = Verdict::Allow,
                           .reason = Reason::Default},
                       some_time + 1));
  r.outcome(a, {.intent_seq = a.seq, .success = true}, some_time + 2);
  EXPECT_TRUE(r.intent(a, {.kind = IntentKind::Execute, .statement_id = 1, .text = "select * from users where id = $1",
                           .verdict = Verdict::Allow, .reason = Reason::Default},
                       some_time + 3));
  r.outcome(a, {.intent_seq = a.seq, .success = true, .tag = "SELECT 1", .rows = 1, .masked_cells = 2,
                .duration_ns = 123'000},
            some_time + 4);
  EXPECT_TRUE(r.intent(a, {.kind = IntentKind::Query, .statement_id = 2, .text = "drop table users\n; \x1b]0;x\x07",
                           .verdict = Verdict::Deny, .reason = Reason::Rule, .rule = "no-destructive-ddl",
                           .rule_generation = 7},
                       some_time + 5));
  r.outcome(a, {.intent_seq = a.seq, .sqlstate = "42501"}, some_time + 6);
  r.session_end(a, {"client terminated", 100, 200}, some_time + 7);

  SessionCursor b = session(0xB2);
  EXPECT_TRUE(r.session_start(b, {"postgres", "192.0.2.8:1", "0.0.0.0:6432"}, some_time + 10));
  EXPECT_TRUE(r.authentication(b, {.claimed_user = "mallory", .failure = "unknown subject or wrong key"}, some_time + 11));
  r.session_end(b, {"authentication failed"}, some_time + 12);

  SessionCursor c = session(0xC3);
  EXPECT_TRUE(r.session_start(c, {"postgres", "192.0.2.9:1", "0.0.0.0:6432"}, some_time + 20));
  const uint64_t end = r.committed();
  r.request_sync();
  while (r.durable() < end) std::this_thread::yield();
}

TEST(audit_sessions, the_list_says_who_did_what_newest_first_while_the_gateway_runs) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  std::unique_ptr<AuditLog> log;
  write_sessions(d, log);
  const auto list = list_sessions(d.settings.directory, {});
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list->size(), 3U);
  EXPECT_EQ((*list)[0].state, SessionState::Open);
  EXPECT_EQ((*list)[1].state, SessionState::Refused);
  EXPECT_EQ((*list)[1].claimed_user, "mallory");
  const SessionSummary& a = (*list)[2];
  EXPECT_EQ(a.state, SessionState::Ended);
  EXPECT_EQ(a.subject, "ci-deploy");
  EXPECT_EQ(a.target, "orders");
  EXPECT_EQ(a.client, "192.0.2.7:1");
  EXPECT_EQ(a.statements, 2U);
  EXPECT_EQ(a.denied, 1U);
  EXPECT_EQ(a.masked, 2U);
  EXPECT_EQ(a.start_unix_ns, some_time);
  EXPECT_EQ(a.end_unix_ns, some_time + 7);
  EXPECT_EQ(summary_json(a),
            R"({"id":"a15a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5aa1","lane":0,"start":"2026-02-02T02:40:00.123456789Z",)"
            R"("end":"2026-02-02T02:40:00.123456796Z","subject":"ci-deploy","claimed_user":"ci","target":"orders",)"
            R"("database":"orders","client":"192.0.2.7:1","statements":2,"denied":1,"masked":2,"state":"ended",)"
            R"("end_reason":"client terminated"})");
}

TEST(audit_sessions, filters_narrow_the_list) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  std::unique_ptr<AuditLog> log;
  write_sessions(d, log);
  const auto size = [&](const SessionFilter& filter) { return list_sessions(d.settings.directory, filter)->size(); };
  EXPECT_EQ(size({.subject = "ci-deploy"}), 1U);
  EXPECT_EQ(size({.target = "other"}), 0U);
  EXPECT_EQ(size({.since_unix_ns = some_time + 5}), 2U);
  EXPECT_EQ(size({.until_unix_ns = some_time + 5}), 1U);
  EXPECT_EQ(size({.since_unix_ns = some_time + 10, .until_unix_ns = some_time + 20}), 1U);
  EXPECT_EQ(size({.limit = 2}), 2U);
}

TEST(audit_sessions, a_session_is_found_by_a_prefix_that_is_its_alone) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  std::unique_ptr<AuditLog> log;
  write_sessions(d, log);
  {
    Recorder& r = log->recorder(0);
    SessionCursor s = session(0xA1);
    s.id.bytes[15] = std::byte{0xA2};
    ASSERT_TRUE(r.session_start(s, {}, some_time));
    const uint64_t end = r.committed();
    r.request_sync();
    while (r.durable() < end) std::this_thread::yield();
  }
  static constexpr struct {
    const char* why;
    std::string_view prefix;
    bool found;
  } cases[] = {
      {"whole", "b25a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5ab2", true},
      {"short", "b25a", true},
      {"upper case, no dashes", "B25A5A5A5A", true},
      {"whole where another begins the same", "a15a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5aa1", true},
      {"two begin so", "a15a5a", false},
      {"nobody", "ffff", false},
      {"too short to mean one", "b25", false},
      {"not hexadecimal", "b25a*", false},
      {"longer than an id", "b25a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5ab2ff", false},
  };
  for (const auto& c : cases) EXPECT_EQ(find_session(d.settings.directory, c.prefix).has_value(), c.found) << c.why;
}

TEST(audit_sessions, show_gives_the_summary_and_every_intent) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  std::unique_ptr<AuditLog> log;
  write_sessions(d, log);
  const auto lines = show_session(d.settings.directory, "a15a", Format::Text);
  ASSERT_TRUE(lines) << lines.error().message;
  ASSERT_EQ(lines->size(), 5U);
  EXPECT_NE((*lines)[2].find("select * from users where id = $1 $1='4711' $2=NULL"), std::string::npos) << (*lines)[2];
  EXPECT_NE((*lines)[4].find("DENY (rule no-destructive-ddl, set 7): drop table users"), std::string::npos)
      << (*lines)[4];
  EXPECT_EQ(show_session(d.settings.directory, "a15a", Format::JsonLines)->size(), 4U);
}

TEST(audit_sessions, bug_class_23_a_replay_cannot_drive_the_terminal_of_who_reads_it) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  std::unique_ptr<AuditLog> log;
  write_sessions(d, log);
  for (const Format format : {Format::Text, Format::JsonLines}) {
    std::vector<std::string> lines;
    const auto done = replay_session(d.settings.directory, "a15a", format,
                                     [&](std::string_view line) { lines.emplace_back(line); });
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(lines.size(), 9U);
    for (const std::string& line : lines) {
      for (const char c : line) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << line;
      EXPECT_TRUE(utf8_valid(line));
    }
    EXPECT_NE(lines[2].find("4711"), std::string::npos) << "parameters are in the record";
  }
}

TEST(audit_sessions, a_replay_in_json_has_the_documented_keys) {
  REQUIRE_TMPFS();
  const AuditDirectories d;
  std::unique_ptr<AuditLog> log;
  write_sessions(d, log);
  std::vector<std::string> lines;
  ASSERT_TRUE(replay_session(d.settings.directory, "a15a", Format::JsonLines,
                             [&](std::string_view line) { lines.emplace_back(line); }));
  ASSERT_EQ(lines.size(), 9U);
  const auto tail = [&](size_t i) { return lines[i].substr(lines[i].find("\"seq\"")); };
  EXPECT_EQ(tail(2),
            R"("seq":4,"time":"2026-02-02T02:40:00.123456790Z","recovered":false,"type":"intent","kind":"bind",)"
            R"("verdict":"allow","reason":"default","rule":"","rule_generation":0,"name":"s1","statement_id":1,)"
            R"("statement":"select * from users where id = $1",)"
            R"("parameters":[{"text":"4711"},null,{"text":"\u001b[2J\"hostile\""}]})");
  EXPECT_EQ(tail(5),
            R"("seq":7,"time":"2026-02-02T02:40:00.123456793Z","recovered":false,"type":"outcome","intent_seq":6,)"
            R"("success":true,"tag":"SELECT 1","sqlstate":"","rows":1,"bytes_to_client":0,"masked_cells":2,)"
            R"("duration_ns":123000})");
}

TEST(audit_sessions, an_empty_directory_has_no_sessions) {
  const AuditDirectories d;
  EXPECT_TRUE(list_sessions(d.settings.directory, {})->empty());
  EXPECT_FALSE(show_session(d.settings.directory, "abcd", Format::Text));
}

}  // namespace
}  // namespace sluice::audit
