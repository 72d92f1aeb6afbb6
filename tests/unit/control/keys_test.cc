#include "control/keys.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "control/credentials.h"
#include "control/keys_file.h"
#include "tests/unit/control/scratch.h"

namespace sluice::control {
namespace {

class Keys : public ScratchTest {
 protected:
  std::string file_ = path("keys.yaml");
};

NewKey key_for(std::string subject, std::vector<std::string> groups = {}) {
  NewKey out;
  out.subject = std::move(subject);
  out.groups = std::move(groups);
  return out;
}

TEST(verifier, is_the_one_of_rfc_7677) {
  // RFC 7677 section 3: user "user", password "pencil". The server's signature there proves ServerKey,
  // and the client's proof with StoredKey proves the other half.
  std::vector<std::byte> salt;
  ASSERT_TRUE(base64_decode("W22ZaJ0SNY7soEsUEjb6gQ==", salt));
  const auto v = scram_verifier("pencil", salt, 4096);
  const std::string auth =
      "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,"
      "i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  EXPECT_EQ(base64_encode(hmac_sha256(v.server_key, as_bytes(auth))), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  std::vector<std::byte> proof;
  ASSERT_TRUE(base64_decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", proof));
  const Digest signature = hmac_sha256(v.stored_key, as_bytes(auth));
  Digest client_key;
  for (size_t i = 0; i < client_key.size(); ++i) client_key[i] = proof[i] ^ signature[i];
  EXPECT_EQ(sha256(client_key), v.stored_key);
}

TEST_F(Keys, a_key_is_recognisable_and_any_slip_in_it_shows) {
  const auto made = create_key(file_, key_for("ci-deploy", {"ci"}));
  ASSERT_TRUE(made) << made.error().message;
  const std::string key(made->key.reveal());
  EXPECT_EQ(key.size(), access_key_size);
  EXPECT_TRUE(key.starts_with("slk_" + made->id + "_"));
  EXPECT_TRUE(looks_like_access_key(key));
  for (size_t i = 0; i < key.size(); ++i) {
    std::string wrong = key;
    wrong[i] = wrong[i] == 'a' ? 'b' : 'a';
    EXPECT_FALSE(looks_like_access_key(wrong)) << i;
  }
  EXPECT_FALSE(looks_like_access_key(key.substr(1)));
}

TEST_F(Keys, promise_11_the_file_holds_verifiers_and_only_its_owner_reads_it) {
  const auto made = create_key(file_, key_for("ci-deploy", {"ci", "data"}));
  ASSERT_TRUE(made);
  const std::string text = read(file_);
  const std::string key(made->key.reveal());
  EXPECT_EQ(text.find(key), std::string::npos);
  EXPECT_EQ(text.find(key.substr(17, 43)), std::string::npos);
  struct stat status{};
  ASSERT_EQ(::stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  const auto loaded = load_keys(file_);
  ASSERT_TRUE(loaded) << loaded.error().message;
  const AccessSubject& s = loaded->at(0);
  EXPECT_EQ(s.groups, (std::vector<std::string>{"ci", "data"}));
  EXPECT_EQ(s.iterations, access_key_iterations);
  const auto v = scram_verifier(key, s.salt, s.iterations);
  EXPECT_EQ(s.keys.at(0).stored_key, v.stored_key);
  EXPECT_EQ(s.keys.at(0).server_key, v.server_key);
}

TEST_F(Keys, keys_of_a_subject_share_salt_so_that_they_can_be_rotated) {
  const auto first = create_key(file_, key_for("ci", {"a"}));
  const auto second = create_key(file_, key_for("ci"));
  ASSERT_TRUE(first && second);
  auto loaded = load_keys(file_);
  ASSERT_TRUE(loaded);
  ASSERT_EQ(loaded->size(), 1U);
  ASSERT_EQ(loaded->at(0).keys.size(), 2U);
  ASSERT_TRUE(revoke_key(file_, first->id));
  loaded = load_keys(file_);
  EXPECT_TRUE(loaded->at(0).keys[0].revoked);
  EXPECT_FALSE(loaded->at(0).keys[1].revoked);
  EXPECT_EQ(loaded->at(0).groups, std::vector<std::string>{"a"});
  EXPECT_FALSE(revoke_key(file_, first->id)) << "twice";
  EXPECT_FALSE(revoke_key(file_, "000000000000")) << "unknown";
}

TEST_F(Keys, groups_of_a_subject_change_only_when_asked_for_by_name) {
  ASSERT_TRUE(create_key(file_, key_for("ci", {"a"})));
  EXPECT_FALSE(create_key(file_, key_for("ci", {"a", "admin"})));
  NewKey wanted = key_for("ci", {"b"});
  wanted.replace_groups = true;
  ASSERT_TRUE(create_key(file_, wanted));
  EXPECT_EQ(load_keys(file_)->at(0).groups, std::vector<std::string>{"b"});
}

TEST_F(Keys, names_that_would_mean_something_else_are_refused) {
  for (const std::string name : {"", "sluice", "a b", "a,b", "a\nb", "a\"b", "caf\xe9"}) {
    EXPECT_FALSE(create_key(file_, key_for(name))) << name;
  }
  for (const std::string group : {"", "*", "a,b", "a b"}) EXPECT_FALSE(create_key(file_, key_for("x", {group}))) << group;
  EXPECT_TRUE(create_key(file_, key_for("spiffe://corp.example/ci", {"größe"})));
}

TEST_F(Keys, a_file_others_can_read_is_neither_read_nor_written) {
  ASSERT_TRUE(create_key(file_, key_for("ci")));
  ASSERT_EQ(::chmod(file_.c_str(), 0640), 0);
  EXPECT_FALSE(load_keys(file_));
  EXPECT_FALSE(create_key(file_, key_for("ci")));
  EXPECT_FALSE(revoke_key(file_, "x"));
}

TEST_F(Keys, a_refused_change_leaves_the_file_as_it_was_and_nothing_beside_it) {
  ASSERT_TRUE(create_key(file_, key_for("ci", {"a"})));
  const std::string before = read(file_);
  EXPECT_FALSE(create_key(file_, key_for("ci", {"other"})));
  EXPECT_EQ(read(file_), before);
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_)) ++files;
  EXPECT_EQ(files, 2U) << "the keys file and its lock";
}

TEST_F(Keys, writers_at_the_same_time_lose_nothing) {
  constexpr int writers = 6;
  constexpr int each = 5;
  std::vector<pid_t> children;
  for (int w = 0; w < writers; ++w) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      for (int i = 0; i < each; ++i) {
        if (!create_key(file_, key_for("writer-" + std::to_string(i % 2)))) ::_exit(1);
      }
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  const auto loaded = load_keys(file_);
  ASSERT_TRUE(loaded) << loaded.error().message;
  size_t keys = 0;
  for (const AccessSubject& s : *loaded) keys += s.keys.size();
  EXPECT_EQ(keys, static_cast<size_t>(writers * each));
}

TEST_F(Keys, what_a_writer_that_was_killed_left_behind_does_not_stop_the_next_one) {
  write("keys.yaml.new." + std::to_string(::getpid()), "half");
  EXPECT_TRUE(create_key(file_, key_for("ci")));
}

TEST(keys_file, is_read_as_it_was_written) {
  AccessSubject s;
  s.subject = "a:b#c";
  s.groups = {"- x", "true"};
  s.kind = "workload";
  s.salt.assign(16, std::byte{7});
  s.iterations = 4096;
  s.keys.push_back({"0123456789ab", sha256(as_bytes("a")), sha256(as_bytes("b")), 1'900'000'000, true});
  const std::string text = render_keys({s, AccessSubject{"empty", {}, "", s.salt, 4096, {}}});
  const auto got = parse_keys(text, "keys.yaml");
  ASSERT_FALSE(got) << "\"- x\" has a space, and groups have none";
  s.groups = {"-x", "true"};
  const auto again = parse_keys(render_keys({s, AccessSubject{"empty", {}, "", s.salt, 4096, {}}}), "keys.yaml");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(render_keys(*again), render_keys({s, AccessSubject{"empty", {}, "", s.salt, 4096, {}}}));
  EXPECT_TRUE(parse_keys(render_keys({}), "keys.yaml"));
}

TEST(keys_file, refuses_what_it_does_not_fully_understand) {
  AccessSubject s;
  s.subject = "ci";
  s.salt.assign(16, std::byte{7});
  s.iterations = 4096;
  s.keys.push_back({"0123456789ab", {}, {}, 0, false});
  const std::string good = render_keys({s});
  ASSERT_TRUE(parse_keys(good, "k")) << parse_keys(good, "k").error().message;
  const struct {
    std::string_view why, from, to;
  } cases[] = {
      {"a later version", "version: 1", "version: 2"},
      {"a field nobody knows", "    kind:", "    note: x\n    kind:"},
      {"a field twice", "    kind:", "    kind: \"\"\n    kind:"},
      {"a missing field", "    iterations: 4096\n", ""},
      {"fewer iterations than SCRAM-SHA-256 allows", "4096", "4095"},
      {"iterations that would stall a login", "4096", "100000000"},
      {"a salt that is not base64", "salt: \"", "salt: \"!"},
      {"a short salt", "salt: \"BwcH", "salt: \""},
      {"neither true nor false", "revoked: false", "revoked: no"},
      {"a negative expiry", "expires: 0", "expires: -1"},
      {"an id that is not hexadecimal", "0123456789ab", "0123456789xy"},
      {"the reserved name", "\"ci\"", "\"sluice\""},
  };
  for (const auto& c : cases) {
    std::string text = good;
    const size_t at = text.find(c.from);
    ASSERT_NE(at, std::string::npos) << c.why;
    text.replace(at, c.from.size(), c.to);
    EXPECT_FALSE(parse_keys(text, "k")) << c.why;
  }
  EXPECT_FALSE(parse_keys(render_keys({s, s}), "k")) << "a subject twice";
}

TEST(key_directory, unknown_and_revoked_subjects_look_alike_and_stay_the_same) {
  AccessSubject s;
  s.subject = "ci";
  s.keys.push_back({"id", {}, {}, 0, true});
  s.keys.push_back({"id2", {}, {}, 1000, false});
  const KeyDirectory directory({s});
  ASSERT_NE(directory.find("ci"), nullptr);
  EXPECT_EQ(directory.find("other"), nullptr);
  EXPECT_TRUE(has_live_key(*directory.find("ci"), 999));
  EXPECT_FALSE(has_live_key(*directory.find("ci"), 1000));
  const auto a = KeyDirectory::mock("nobody");
  EXPECT_EQ(a.salt, KeyDirectory::mock("nobody").salt);
  EXPECT_NE(a.salt, KeyDirectory::mock("nobody2").salt);
  EXPECT_EQ(a.salt.size(), access_key_salt_size);
  EXPECT_EQ(a.iterations, access_key_iterations);
  EXPECT_TRUE(a.keys.empty());
}

class CountingSink : public LogSink {
 public:
  using LogSink::log;
  void log(LogLevel, std::string_view event, std::span<const LogField> fields) override {
    last = std::string(event);
    for (const LogField& f : fields) last += " " + std::string(f.text);
  }
  std::string last;
};

class Credentials : public ScratchTest {
 protected:
  std::vector<TargetSettings> targets(std::string_view file) {
    TargetSettings t;
    t.name = "orders";
    t.credentials.push_back({{"ci"}, "app_rw", path(file), ""});
    t.credentials.push_back({{}, "app_ro", "", "SLUICE_TEST_PASSWORD"});
    return {t};
  }
  void SetUp() override { ::setenv("SLUICE_TEST_PASSWORD", "from-env", 1); }
};

TEST_F(Credentials, the_first_whose_groups_match_is_found) {
  write("pw", "s3cret\n");
  const auto got = load_credentials(targets("pw"));
  ASSERT_TRUE(got) << got.error().message;
  const std::vector<std::string> ci = {"x", "ci"};
  const std::vector<std::string> none = {};
  EXPECT_EQ((*got)->find("orders", ci)->user, "app_rw");
  EXPECT_EQ((*got)->find("orders", ci)->password.reveal(), "s3cret") << "one newline is not part of it";
  EXPECT_EQ((*got)->find("orders", none)->user, "app_ro");
  EXPECT_EQ((*got)->find("orders", none)->password.reveal(), "from-env");
  EXPECT_EQ((*got)->find("other", ci), nullptr);
}

TEST_F(Credentials, promise_11_what_is_wrong_with_a_password_is_told_without_it) {
  const std::string canary = "canary-pw";
  const struct {
    std::string_view why;
    std::string text;
    mode_t mode;
  } cases[] = {{"empty", "", 0600}, {"only a newline", "\n", 0600}, {"NUL", canary + std::string("\0x", 2), 0600},
               {"too long", canary + std::string(5000, 'x'), 0600}, {"open to others", canary, 0644}};
  for (const auto& c : cases) {
    write("pw", c.text, c.mode);
    const auto got = load_credentials(targets("pw"));
    ASSERT_FALSE(got) << c.why;
    EXPECT_EQ(got.error().message.find(canary), std::string::npos) << c.why;
    EXPECT_NE(got.error().message.find("pw"), std::string::npos) << c.why;
  }
  write("pw", "ok");
  ::unsetenv("SLUICE_TEST_PASSWORD");
  EXPECT_FALSE(load_credentials(targets("pw")));
}

TEST_F(Credentials, a_changed_file_is_published_and_a_bad_one_leaves_the_running_one) {
  write("pw", "one");
  const auto settings = targets("pw");
  std::vector<std::string> seen;
  CountingSink log;
  const std::vector<std::string> ci = {"ci"};
  CredentialWatcher watcher(
      settings, [&](CredentialsPtr set) { seen.emplace_back(set->find("orders", ci)->password.reveal()); }, log);
  watcher.check();
  EXPECT_TRUE(seen.empty()) << "nothing changed";
  write("pw.new", "two");
  std::filesystem::rename(path("pw.new"), path("pw"));
  watcher.check();
  EXPECT_EQ(seen, std::vector<std::string>{"two"});
  std::filesystem::remove(path("pw"));
  watcher.check();
  EXPECT_EQ(seen.size(), 1U);
  EXPECT_TRUE(log.last.starts_with("credentials-not-reloaded"));
  log.last.clear();
  watcher.check();
  EXPECT_EQ(log.last, "") << "said once";
  write("pw", "three");
  watcher.check();
  EXPECT_EQ(seen.back(), "three");
  EXPECT_EQ(log.last.find("three"), std::string::npos);
}

}  // namespace
}  // namespace sluice::control
