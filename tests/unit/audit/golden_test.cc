// A log of format version 1 as it was once written: every later program must read it, to the same lines.
// SLUICE_WRITE_GOLDEN=DIRECTORY makes a new one there, for the next version of the format.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "audit/sessions.h"
#include "tests/unit/audit/audit_testing.h"

namespace sluice::audit {
namespace {

const std::string golden = std::string(SLUICE_SOURCE_ROOT) + "/tests/corpus/audit_golden/v1";

/// One of every record that a lane writes; two sessions, the second left open.
void write_run(Recorder& r, bool end_all) {
  SessionCursor a = session(0xA1);
  EXPECT_TRUE(r.session_start(a, {"postgres", "192.0.2.7:51514", "0.0.0.0:6432", true}, some_time));
  EXPECT_TRUE(r.authentication(a, {.success = true, .claimed_user = "ci", .subject = "ci-deploy", .groups = "ci,data",
                                   .proof = Proof::ClientCertificate, .target = "orders", .database = "orders",
                                   .upstream_user = "app_rw", .application_name = std::string(2000, 'a')},
                               some_time + 1));
  const std::string large(5000, 'p');
  const std::string_view parameters[] = {"4711", {nullptr, 0}, large, std::string_view("\0\1\2", 3)};
  const int16_t formats[] = {0, 0, 0, 1};
  EXPECT_TRUE(r.intent(a, {.kind = IntentKind::Bind, .statement_id = 1, .text = "select * from users where id = $1",
                           .name = "s1", .parameters = parameters, .parameter_formats = formats,
                           .verdict = Verdict::Allow, .reason = Reason::Default},
                       some_time + 2));
  r.outcome(a, {.intent_seq = a.seq, .success = true}, some_time + 3);
  EXPECT_TRUE(r.intent(a, {.kind = IntentKind::Query, .statement_id = 2, .text = "SHA-256 of 40 bytes",
                           .text_is_digest = true, .verdict = Verdict::Deny, .reason = Reason::Rule,
                           .rule = "no-destructive-ddl", .rule_generation = 7},
                       some_time + 4));
  r.outcome(a, {.intent_seq = a.seq, .sqlstate = "42501", .duration_ns = 1000}, some_time + 5);
  EXPECT_TRUE(r.intent(a, {.kind = IntentKind::CopyData, .statement_id = 3, .text = "copy t from stdin",
                           .verdict = Verdict::Allow, .reason = Reason::Default},
                       some_time + 6));
  r.outcome(a, {.intent_seq = a.seq, .success = true, .tag = "COPY 3", .rows = 3, .bytes_to_client = 20,
                .masked_cells = 1, .bytes_from_client = 9, .from_client_sha256 = sha256(as_bytes("1\n2\n3\n")),
                .duration_ns = 2000},
            some_time + 7);
  EXPECT_TRUE(r.cancel(a, {"192.0.2.7:51515", true}, some_time + 8));
  if (end_all) r.session_end(a, {"client terminated", 100, 200}, some_time + 9);
}

void write_golden(const std::string& target) {
  const AuditDirectories d;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto log = d.open();
    write_run(log->recorder(0), false);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  {
    const auto log = d.open();
    write_run(log->recorder(0), true);
  }
  std::filesystem::create_directories(target);
  std::filesystem::copy(d.settings.directory + "/0", target + "/0");
  std::ofstream lines(target + "/expected.jsonl");
  auto log = LogReader::open(target);
  Transcript transcript(Format::JsonLines);
  while (const auto record = *log->next())
    if (const auto line = *transcript.line(*record)) lines << *line << '\n';
}

TEST(audit_golden, a_log_of_version_1_reads_as_it_did_when_it_was_written) {
  if (const char* target = std::getenv("SLUICE_WRITE_GOLDEN")) return write_golden(target);
  std::ifstream expected(golden + "/expected.jsonl");
  ASSERT_TRUE(expected.is_open());
  auto log = LogReader::open(golden);
  ASSERT_TRUE(log) << log.error().message;
  Transcript transcript(Format::JsonLines);
  size_t lines = 0;
  while (true) {
    const auto record = log->next();
    ASSERT_TRUE(record) << record.error().message;
    if (!*record) break;
    const auto line = transcript.line(**record);
    ASSERT_TRUE(line) << line.error().message;
    if (!*line) continue;
    std::string want;
    ASSERT_TRUE(std::getline(expected, want));
    EXPECT_EQ(**line, want);
    lines += 1;
  }
  EXPECT_GT(lines, 20U);
  std::string rest;
  EXPECT_FALSE(std::getline(expected, rest)) << rest;
}

}  // namespace
}  // namespace sluice::audit
