// Compiled rules as a file: what was written is what runs, and nothing else is taken.
#include "rules/compile/artefact.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/rules/ruleset/support.h"

namespace sluice::rules {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view small_rules = "rules: [{id: a, statement: {kinds: [drop]}, verdict: deny}]\n";
constexpr std::string_view rich_rules = R"(
types:
  - {id: BADGE, pattern: 'BDG-[0-9]{6}', examples: [BDG-123456], negatives: [BDG-12]}
rules:
  - {id: raw, statement: {pattern: {raw: 'secret_[a-z]+'}}, verdict: deny}
  - {id: badges, result: {types: [BADGE, aws-access-token, EMAIL_ADDRESS, CREDIT_CARD]}, mask: {operator: redact}}
)";
const CompileContext context{{"orders"}};

std::vector<SourceFile> sources_of(std::string_view text) { return {{"rules.yaml", std::string(text)}}; }

StoredDatabases databases_of(const std::vector<SourceFile>& sources) {
  const auto set = compile(sources, context, 1, nullptr);
  EXPECT_TRUE(set) << (set ? "" : set.error().message);
  auto databases = set ? save_databases(**set) : Expected<StoredDatabases>(fail("no set"));
  EXPECT_TRUE(databases) << (databases ? "" : databases.error().message);
  return databases ? std::move(*databases) : StoredDatabases();
}

std::vector<std::byte> written(std::string_view text, const SigningKey* key = nullptr, const ArtefactStamp& stamp = stamp_here()) {
  const auto sources = sources_of(text);
  auto bytes = write_artefact(stamp, sources, databases_of(sources), key);
  EXPECT_TRUE(bytes) << (bytes ? "" : bytes.error().message);
  return bytes ? std::move(*bytes) : std::vector<std::byte>();
}

TEST(artefact, what_was_compiled_is_what_is_loaded) {
  const auto bytes = written(rich_rules);
  const auto artefact = read_artefact(bytes);
  ASSERT_TRUE(artefact) << artefact.error().message;
  EXPECT_EQ(artefact->stamp, stamp_here());
  ASSERT_EQ(artefact->sources.size(), 1U);
  EXPECT_EQ(artefact->sources[0].path, "rules.yaml");
  EXPECT_EQ(artefact->sources[0].text, rich_rules);
  EXPECT_FALSE(artefact->signed_by);

  const auto loaded = load_artefact(*artefact, context, 7, nullptr);
  ASSERT_TRUE(loaded) << loaded.error().message;
  ASSERT_NE(*loaded, nullptr);
  const auto compiled = compile(sources_of(rich_rules), context, 7, nullptr);
  ASSERT_TRUE(compiled);
  EXPECT_EQ((*loaded)->hash(), (*compiled)->hash());
  EXPECT_EQ((*loaded)->rule_count(), (*compiled)->rule_count());
  EXPECT_EQ((*loaded)->generation(), 7U);
  EXPECT_EQ((*loaded)->data().expressions, (*compiled)->data().expressions);

  const Principal nobody;
  for (const auto& set : {*loaded, *compiled}) {
    const BoundRules rules = set->bind("orders", Verdict::Allow, {.principal = nobody});
    Scratch scratch;
    scratch.prepare(*set);
    Facts facts = testing::facts_of({.kinds = {StatementKind::Select}});
    EXPECT_EQ(rules.judge(facts, "select 'secret_x'", scratch).verdict, Verdict::Deny);
    EXPECT_EQ(rules.judge(facts, "select 1", scratch).verdict, Verdict::Allow);
    for (const std::string_view value : {"BDG-123456", "a@example.com", "4111111111111111"}) {
      EXPECT_EQ(mask_text(rules, scratch, value).find(value), std::string::npos) << value;
    }
    EXPECT_EQ(mask_text(rules, scratch, "BDG-12"), "BDG-12");
  }
}

TEST(artefact, a_file_that_ends_anywhere_too_early_is_refused) {
  const SigningKey key = make_signing_key();
  for (const SigningKey* signs : {static_cast<const SigningKey*>(nullptr), &key}) {
    const auto bytes = written(small_rules, signs);
    ASSERT_TRUE(read_artefact(bytes));
    for (size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(read_artefact(Bytes(bytes).first(size))) << size;
  }
}

TEST(artefact, a_file_with_any_byte_changed_is_refused) {
  const SigningKey key = make_signing_key();
  for (const SigningKey* signs : {static_cast<const SigningKey*>(nullptr), &key}) {
    auto bytes = written(small_rules, signs);
    for (std::byte& b : bytes) {
      for (const unsigned flip : {0x01U, 0x80U, 0xFFU}) {
        const std::byte was = b;
        b ^= static_cast<std::byte>(flip);
        EXPECT_FALSE(read_artefact(bytes)) << &b - bytes.data() << " ^ " << flip;
        b = was;
      }
    }
    EXPECT_TRUE(read_artefact(bytes));
  }
}

TEST(artefact, bytes_behind_the_end_are_refused) {
  const SigningKey key = make_signing_key();
  for (const SigningKey* signs : {static_cast<const SigningKey*>(nullptr), &key}) {
    auto bytes = written(small_rules, signs);
    bytes.push_back(std::byte{0});
    EXPECT_FALSE(read_artefact(bytes));
  }
}

TEST(artefact, lengths_that_lie_are_refused_even_with_a_hash_that_fits) {
  const auto good = written(small_rules);
  constexpr size_t head = 16;
  const size_t hashed = good.size() - sizeof(Digest) - 1;
  for (size_t at = head; at + 4 <= hashed; ++at) {
    auto bytes = good;
    store_u32(bytes.data() + at, 0xFFFFFFF0U);
    std::ranges::copy(sha256(Bytes(bytes).first(hashed)), bytes.begin() + static_cast<std::ptrdiff_t>(hashed));
    const auto artefact = read_artefact(bytes);
    if (!artefact) continue;  // What is taken has other bytes in a version, a name or a digest.
    ASSERT_EQ(artefact->sources.size(), 1U) << at;
    EXPECT_EQ(artefact->sources[0].text, small_rules) << at;
    EXPECT_TRUE(artefact->databases.triggers.empty()) << at;
  }
}

TEST(artefact, another_format_is_refused_with_what_to_do) {
  auto bytes = written(small_rules);
  bytes[11] = std::byte{2};
  const auto artefact = read_artefact(bytes);
  ASSERT_FALSE(artefact);
  EXPECT_THAT(artefact.error().message, HasSubstr("format 2: compile them with sluice"));
}

TEST(artefact, databases_of_other_expressions_than_the_sources_are_refused) {
  const auto bytes = write_artefact(stamp_here(), sources_of(rich_rules), databases_of(sources_of(small_rules)), nullptr);
  ASSERT_TRUE(bytes);
  const auto artefact = read_artefact(*bytes);
  ASSERT_TRUE(artefact);
  const auto set = load_artefact(*artefact, context, 1, nullptr);
  ASSERT_FALSE(set);
  EXPECT_THAT(set.error().message, HasSubstr("of other expressions than their sources: compile them again"));
}

TEST(artefact, a_database_that_is_missing_or_there_twice_is_refused) {
  const auto sources = sources_of(rich_rules);
  const StoredDatabases good = databases_of(sources);
  ASSERT_FALSE(good.triggers.empty());
  const auto loads = [&](const StoredDatabases& databases) {
    CompileContext with = context;
    with.stored = &databases;
    return compile(sources, with, 1, nullptr).has_value();
  };
  EXPECT_TRUE(loads(good));
  StoredDatabases bad = good;
  bad.triggers.pop_back();
  EXPECT_FALSE(loads(bad));
  bad = good;
  bad.triggers.push_back(bad.triggers.front());
  EXPECT_FALSE(loads(bad));
  bad = good;
  bad.triggers.front().types.push_back(bad.triggers.front().types.front());
  EXPECT_FALSE(loads(bad));
  bad = good;
  for (auto& pattern : bad.patterns) pattern.clear();
  EXPECT_FALSE(loads(bad));
  bad = good;
  bad.patterns[static_cast<size_t>(PatternText::Literals)] = bad.patterns[static_cast<size_t>(PatternText::Raw)];
  EXPECT_FALSE(loads(bad));
}

TEST(artefact, one_of_another_machine_or_program_leaves_compiling_to_the_caller) {
  for (const ArtefactStamp& stamp : {ArtefactStamp{"0.0.1", stamp_here().hyperscan, stamp_here().cpu_features},
                                     ArtefactStamp{stamp_here().sluice, "5.0.0", stamp_here().cpu_features},
                                     ArtefactStamp{stamp_here().sluice, stamp_here().hyperscan, 1U << 30}}) {
    const auto artefact = read_artefact(written(small_rules, nullptr, stamp));
    ASSERT_TRUE(artefact) << artefact.error().message;
    const auto set = load_artefact(*artefact, context, 1, nullptr);
    ASSERT_TRUE(set) << set.error().message;
    EXPECT_EQ(*set, nullptr);
    EXPECT_EQ(artefact->sources[0].text, small_rules);
  }
}

TEST(artefact, a_signature_names_its_key_and_covers_everything) {
  const SigningKey key = make_signing_key();
  auto bytes = written(small_rules, &key);
  const auto artefact = read_artefact(bytes);
  ASSERT_TRUE(artefact) << artefact.error().message;
  EXPECT_EQ(artefact->signed_by, key.public_key);
  // Another's key in the place of the signer's.
  const SigningKey other = make_signing_key();
  std::ranges::copy(other.public_key, bytes.end() - sizeof(Signature) - sizeof(PublicKey));
  EXPECT_FALSE(read_artefact(bytes));
}

TEST(artefact, promise_04_a_rule_that_can_never_fire_is_refused_from_a_compiled_file_too) {
  const CompileContext wide{{"orders", "other"}};
  const auto sources = sources_of("rules: [{id: a, target: other, statement: {kinds: [drop]}, verdict: deny}]\n");
  const auto set = compile(sources, wide, 1, nullptr);
  ASSERT_TRUE(set) << set.error().message;
  const auto databases = save_databases(**set);
  ASSERT_TRUE(databases);
  const auto bytes = write_artefact(stamp_here(), sources, *databases, nullptr);
  ASSERT_TRUE(bytes);
  const auto artefact = read_artefact(*bytes);
  ASSERT_TRUE(artefact);
  const auto loaded = load_artefact(*artefact, context, 1, nullptr);
  ASSERT_FALSE(loaded);
  EXPECT_TRUE(loaded.error().message.starts_with("rules.yaml:1:")) << loaded.error().message;
}

TEST(artefact, what_has_no_rules_can_be_written_too) {
  const auto bytes = write_artefact(stamp_here(), {}, {}, nullptr);
  ASSERT_TRUE(bytes);
  const auto artefact = read_artefact(*bytes);
  ASSERT_TRUE(artefact);
  EXPECT_TRUE(artefact->sources.empty());
}

}  // namespace
}  // namespace sluice::rules
