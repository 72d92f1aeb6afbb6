#include "cli/cli.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "cli/compile_child.h"
#include "cli/completion.h"
#include "control/admin.h"
#include "control/keys.h"
#include "tests/unit/control/scratch.h"

namespace sluice::cli {
namespace {

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

class CommandLine : public control::ScratchTest {
 protected:
  /// In a child, so that what it prints and changes about the process is its own.
  Outcome run_it(std::vector<std::string> arguments) {
    const std::string out = path("out"), err = path("err");
    const pid_t child = ::fork();
    if (child == 0) {
      if (std::freopen(out.c_str(), "w", stdout) == nullptr || std::freopen(err.c_str(), "w", stderr) == nullptr) ::_exit(99);
      arguments.insert(arguments.begin(), "sluice");
      std::vector<char*> argv;
      for (std::string& a : arguments) argv.push_back(a.data());
      argv.push_back(nullptr);
      const int code = run(static_cast<int>(arguments.size()), argv.data());
      std::fflush(nullptr);
      ::_exit(code);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    return {WEXITSTATUS(status), read(out), read(err)};
  }
  std::string config(std::string_view more = "") {
    return write("sluice.yaml",
                 "listeners: [{protocol: postgres, bind: \"127.0.0.1:6432\"}]\n"
                 "targets: [{name: orders, protocol: postgres, address: \"127.0.0.1:5432\",\n"
                 "           credentials: [{user: app, password: {env: P}}], access: [{groups: [ci]}]}]\n"
                 "identity: {access_keys: {file: keys.yaml}}\n" + std::string(more));
  }
};

TEST_F(CommandLine, what_it_does_not_understand_is_exit_code_2_and_says_what) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {}, {"frobnicate"}, {"serve"}, {"keys"}, {"keys", "create"}, {"version", "--loud"}, {"completion", "tcsh"}, {"status"},
           {"sessions", "show", "-c", "x"}, {"sessions", "list"}, {"keys", "create", "-c", "x", "--subject", "a", "--kind", "cat"}}) {
    const auto got = run_it(arguments);
    EXPECT_EQ(got.code, Usage) << got.err;
    EXPECT_TRUE(got.err.starts_with("sluice: ")) << got.err;
    EXPECT_EQ(got.out, "");
  }
}

TEST_F(CommandLine, check_prints_all_errors_with_their_places) {
  const std::string file = config("lanes: 0\nlogging: {format: xml}\n");
  const auto got = run_it({"check", "-c", file, "--skip-files"});
  EXPECT_EQ(got.code, BadConfig);
  EXPECT_NE(got.out.find(file + ":5:8: expected a number"), std::string::npos) << got.out;
  EXPECT_NE(got.out.find(file + ":6:19: expected text or json"), std::string::npos) << got.out;
  const auto json = nlohmann::json::parse(run_it({"check", "-c", file, "--skip-files", "--json"}).out, nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["ok"], false);
  EXPECT_EQ(json["errors"].size(), 2U);
}

TEST_F(CommandLine, check_says_ok) {
  const std::string file = config();
  const auto got = run_it({"check", "-c", file, "--skip-files"});
  EXPECT_EQ(got.code, Ok) << got.out;
  EXPECT_TRUE(got.out.ends_with("ok\n"));
}

TEST_F(CommandLine, check_reads_the_files_too) {
  const std::string file = config();
  const auto got = run_it({"check", "-c", file});
  EXPECT_EQ(got.code, BadConfig);
  EXPECT_NE(got.out.find("keys.yaml"), std::string::npos) << got.out;
  ASSERT_EQ(run_it({"keys", "create", "-c", file, "--subject", "ci"}).code, Ok);
  EXPECT_EQ(run_it({"check", "-c", file}).code, Ok);
}

TEST_F(CommandLine, a_key_is_printed_once_alone_on_standard_output) {
  const std::string file = config();
  const auto made = run_it({"keys", "create", "-c", file, "--subject", "ci-deploy", "--groups", "ci,data", "--expires", "30d"});
  ASSERT_EQ(made.code, Ok) << made.err;
  ASSERT_TRUE(made.out.ends_with('\n'));
  const std::string key = made.out.substr(0, made.out.size() - 1);
  EXPECT_TRUE(control::looks_like_access_key(key)) << made.out;
  EXPECT_EQ(made.err.find(key), std::string::npos);
  const auto list = run_it({"keys", "list", "-c", file});
  EXPECT_NE(list.out.find("ci-deploy"), std::string::npos);
  EXPECT_NE(list.out.find(" live "), std::string::npos);
  EXPECT_EQ(list.out.find(key), std::string::npos);
  const std::string id = key.substr(4, 12);
  EXPECT_EQ(run_it({"keys", "revoke", id, "-c", file}).code, Ok);
  const auto json = nlohmann::json::parse(run_it({"keys", "list", "-c", file, "--json"}).out, nullptr, false);
  ASSERT_EQ(json.size(), 1U);
  EXPECT_EQ(json[0]["state"], "revoked");
  EXPECT_EQ(json[0]["groups"], (std::vector<std::string>{"ci", "data"}));
  EXPECT_EQ(run_it({"keys", "revoke", id, "-c", file}).code, Failed);
  const auto as_json = run_it({"keys", "create", "-c", file, "--subject", "x", "--json"});
  EXPECT_TRUE(control::looks_like_access_key(nlohmann::json::parse(as_json.out)["key"].get<std::string>()));
}

TEST_F(CommandLine, serve_refuses_a_bad_configuration_before_it_opens_anything) {
  const auto got = run_it({"serve", "-c", config("lanes: 0\n")});
  EXPECT_EQ(got.code, BadConfig);
  EXPECT_TRUE(got.err.starts_with("sluice: ")) << got.err;
  EXPECT_NE(got.err.find(":5:8: expected a number"), std::string::npos);
  EXPECT_EQ(run_it({"serve", "-c", path("absent.yaml")}).code, BadConfig);
}

TEST_F(CommandLine, serve_without_a_place_for_the_audit_log_is_exit_code_5) {
  ::setenv("P", "x", 1);
  write("file", "");
  write("keys.yaml", "version: 1\nsubjects: []\n");
  const auto got = run_it({"serve", "-c", config("audit: {directory: file/x, ring_directory: file/y}\n")});
  EXPECT_EQ(got.code, AuditUnavailable) << got.err;
}

/// A port nobody listens on now.
uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&at), size), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size), 0);
  ::close(fd);
  return ntohs(at.sin_port);
}

TEST_F(CommandLine, serve_reloads_at_sighup_and_when_keys_change_and_ends_well_at_sigterm) {
  write("password", "canary-pw");
  write("keys.yaml", "version: 1\nsubjects: []\n");
  std::string rings = "/dev/shm/sluice-test-XXXXXX";
  ASSERT_NE(::mkdtemp(rings.data()), nullptr);
  const std::string file = write("sluice.yaml", "listeners: [{protocol: postgres, bind: \"127.0.0.1:" + std::to_string(free_port()) +
      "\"}]\nlanes: 1\nidentity: {access_keys: {file: keys.yaml}}\naudit: {directory: audit, ring_directory: " + rings +
      ", ring_size: 2MiB, segment_size: 2MiB}\ntargets: [{name: o, protocol: postgres, address: \"127.0.0.1:1\", "
      "credentials: [{user: a, password: {file: password}}], access: [{groups: [ci]}]}]\n");
  std::filesystem::create_directory(path("audit"));
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    std::string arguments[] = {"sluice", "serve", "-c", file};
    char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), arguments[3].data(), nullptr};
    ::_exit(run(4, argv));
  }
  ::close(ends[1]);
  std::string log;
  const auto wait_for = [&](std::string_view text) {
    char chunk[4096];
    while (log.find(text) == std::string::npos) {
      const ssize_t n = ::read(ends[0], chunk, sizeof chunk);
      if (n <= 0) return false;
      log.append(chunk, static_cast<size_t>(n));
    }
    return true;
  };
  int status = 0;
  if (!wait_for(" started ")) {
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(WEXITSTATUS(status), NoIoUring) << log;
    GTEST_SKIP() << log;
  }
  ::kill(child, SIGHUP);
  EXPECT_TRUE(wait_for(" certificates-reloaded")) << log;
  EXPECT_NE(log.find(" keys-reloaded subjects=0"), std::string::npos) << log;
  EXPECT_NE(log.find(" credentials-reloaded "), std::string::npos) << log;
  ASSERT_TRUE(control::create_key(path("keys.yaml"), {.subject = "ci", .groups = {}, .kind = ""}));
  EXPECT_TRUE(wait_for(" keys-reloaded subjects=1")) << log;
  ::kill(child, SIGTERM);
  EXPECT_TRUE(wait_for(" stopped because=drained")) << log;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), Ok);
  EXPECT_EQ(log.find("canary-pw"), std::string::npos);
  ::close(ends[0]);
  std::filesystem::remove_all(rings);
}

TEST_F(CommandLine, status_shows_lanes_and_fail_modes_of_a_running_one) {
  const char* document = R"({"version":"1","ready":false,"not_ready_because":"draining\u001b[2J","rules":{"count":3,"generation":1},
    "lanes":[{"lane":0,"running":true,"sessions_open":7}],"fail_modes":[{"away":"audit-sink","effect":"traffic stops","state":"fine"}]})";
  const auto server = control::AdminServer::start(
      "127.0.0.1", 0, {[] { return ""; }, [=] { return document; }, [] { return std::optional<std::string>(); }});
  ASSERT_TRUE(server);
  const std::string admin = "127.0.0.1:" + std::to_string((*server)->port());
  const auto got = run_it({"status", "--admin", admin});
  EXPECT_EQ(got.code, Ok) << got.err;
  EXPECT_NE(got.out.find("not ready: draining\\x1b[2J"), std::string::npos) << got.out;
  EXPECT_NE(got.out.find("audit-sink"), std::string::npos);
  EXPECT_NE(got.out.find("traffic stops"), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(run_it({"status", "--admin", admin, "--json"}).out)["rules"]["count"], 3);
}

TEST_F(CommandLine, status_of_nobody_says_what_to_look_at) {
  const auto got = run_it({"status", "--admin", "127.0.0.1:1"});
  EXPECT_EQ(got.code, Failed);
  EXPECT_NE(got.err.find("is sluice running, with admin.bind set?"), std::string::npos) << got.err;
}

TEST_F(CommandLine, the_bash_completion_is_a_script_bash_reads) {
  const auto script = run_it({"completion", "bash"});
  ASSERT_EQ(script.code, Ok);
  write("c.bash", script.out + "COMP_WORDS=(sluice keys create --re); COMP_CWORD=3; _sluice; echo \"${COMPREPLY[@]}\"\n");
  FILE* bash = ::popen(("bash " + path("c.bash")).c_str(), "r");
  ASSERT_NE(bash, nullptr);
  char line[256] = {};
  EXPECT_NE(std::fgets(line, sizeof line, bash), nullptr);
  ::pclose(bash);
  EXPECT_STREQ(line, "--replace-groups\n");
}

}  // namespace
}  // namespace sluice::cli

// `serve` starts the program it is again to compile rules, and here that is this one.
int main(int argc, char** argv) {
  if (argc > 0 && argv[0] == sluice::cli::compile_child_name) return sluice::cli::run(argc, argv);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
