// The operator hash: what it writes, what cannot hold it, and that nothing takes a hash for a value.
#include <fmt/format.h>

#include <memory>
#include <vector>

#include "rules/mask/hash.h"
#include "rules/mask/operators.h"
#include "support.h"

namespace sluice::rules {
namespace {

using testing::Bound;

constexpr uint32_t text_oid = 25;
constexpr uint32_t bpchar_oid = 1042;
constexpr uint32_t varchar_oid = 1043;
constexpr uint32_t name_oid = 19;

// printf 'ann@example.com' | openssl dgst -sha256 -mac HMAC -macopt hexkey:<64 zeros>
constexpr std::string_view of_ann = "0eb072f6a63163ec4ad99aef8e902261689332a7d3f6c5bf279ad218da8a97dc";

constexpr std::string_view hashes_all = R"(
rules:
  - {id: all, result: {types: ["pack:pii", "pack:financial", "pack:health", "pack:secrets"]}, mask: {operator: hash, key: people}}
)";

std::string mask_one(Bound& bound, const ResultColumn& column, std::string_view value) {
  ResultMasker masker(bound.scratch);
  const MaskPlan plan = bound.rules.plan({column}, false, nullptr);
  masker.begin(bound.rules, plan);
  const Cell cell{as_bytes(value).data(), static_cast<int32_t>(value.size())};
  masker.add_row({&cell, 1});
  masker.finish();
  const Replacement* replacement = masker.replacement(0, 0);
  if (replacement == nullptr) return std::string(value);
  return replacement->null ? "NULL" : std::string(as_text(replacement->value));
}

std::string hash_of(const MaskKey& key, std::string_view value) {
  Hasher hasher;
  std::vector<char> out;
  append_masked({.op = MaskOperator::Hash, .key = &key}, value, Characters::Utf8, hasher, out);
  return {out.begin(), out.end()};
}

TEST(Hash, is_the_hmac_of_the_value_under_the_key) {
  const auto key = stand_in_mask_key("people");
  EXPECT_EQ(hash_of(*key, "ann@example.com"), of_ann);
  EXPECT_EQ(hash_of(*key, ""), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
  const MaskKey other("people", Secret("another secret of the same name, 32 bytes and more"));
  EXPECT_NE(hash_of(other, "ann@example.com"), of_ann);
}

TEST(Hash, one_hasher_tells_keys_apart_also_those_it_has_forgotten) {
  std::vector<std::unique_ptr<MaskKey>> keys;
  for (int i = 0; i < 40; ++i) keys.push_back(std::make_unique<MaskKey>("k", Secret(fmt::format("{:032}", i))));
  Hasher hasher;
  for (int round = 0; round < 3; ++round) {
    for (const auto& key : keys) {
      std::vector<char> out;
      hasher.append(*key, "value", out);
      EXPECT_EQ(std::string(out.begin(), out.end()),
                hex_encode(hmac_sha256(as_bytes(key->secret.reveal()), as_bytes("value"))));
    }
  }
}

TEST(Hash, a_value_is_hashed_where_it_stands) {
  Bound bound("rules:\n  - {id: mail, result: {types: [EMAIL_ADDRESS]}, mask: {operator: hash, key: people}}\n");
  const auto expect = [&](uint32_t oid, std::string_view value, std::string_view want) {
    EXPECT_EQ(mask_one(bound, {"c", 0, 0, oid, false}, value), want) << value;
  };
  const std::string hash(of_ann);
  expect(text_oid, "ann@example.com", hash);
  expect(text_oid, "write to ann@example.com today", "write to " + hash + " today");
  expect(114, R"({"mail":"ann@example.com"})", R"({"mail":")" + hash + R"("})");
  expect(1009, "{ann@example.com,x}", "{" + hash + ",x}");
  expect(17, "\\x616e6e406578616d706c652e636f6d", "\\x" + hex_encode(as_bytes(hash)));
}

TEST(Hash, equal_values_stay_equal_and_others_differ_whatever_stands_around_them) {
  Bound bound(hashes_all);
  const ResultColumn column{"c", 0, 0, text_oid, false};
  const std::string one = mask_one(bound, column, "card 4111111111111111");
  EXPECT_EQ(mask_one(bound, column, "paid with 4111111111111111.").substr(10, hash_text_size), one.substr(5));
  EXPECT_NE(mask_one(bound, column, "card 5500005555555559"), one);
}

TEST(Hash, promise_06_what_the_column_cannot_hold_is_null_and_never_cut) {
  Bound bound("rules:\n"
              "  - {id: mail, result: {types: [EMAIL_ADDRESS]}, mask: {operator: hash, key: people}}\n"
              "  - {id: card, result: {types: [CREDIT_CARD]}, mask: {operator: replace, new_value: \"äöü-äöü-äöü-äöü-äöü\"}}\n");
  const auto masked = [&](uint32_t oid, int32_t characters, std::string_view value) {
    return mask_one(bound, {"c", 0, 0, oid, false, characters + 4}, value);
  };
  EXPECT_EQ(masked(varchar_oid, 64, "ann@example.com"), of_ann);
  EXPECT_EQ(masked(varchar_oid, 63, "ann@example.com"), "NULL");
  EXPECT_EQ(masked(varchar_oid, 66, "a ann@example.com"), "a " + std::string(of_ann));
  EXPECT_EQ(masked(varchar_oid, 65, "a ann@example.com"), "NULL");
  EXPECT_EQ(masked(bpchar_oid, 20, "ann@example.com     "), "NULL");
  EXPECT_EQ(masked(name_oid, -5, "ann@example.com"), "NULL") << "a name has 63 bytes";
  EXPECT_EQ(masked(varchar_oid, -5, "ann@example.com"), of_ann) << "varchar without a length";
  EXPECT_EQ(masked(varchar_oid, 19, "4111111111111111"), "äöü-äöü-äöü-äöü-äöü") << "characters, not bytes";
  EXPECT_EQ(masked(varchar_oid, 18, "4111111111111111"), "NULL");
  EXPECT_EQ(masked(varchar_oid, 10, "nothing at"), "nothing at");
}

TEST(Hash, a_hash_is_never_taken_for_a_value_and_hashed_again) {
  Bound bound(hashes_all);
  const auto key = stand_in_mask_key("people");
  // A column whose name gives every context: there detectors believe most.
  const ResultColumn column{"secret api key token password card iban ssn account", 0, 0, text_oid, false};
  for (int i = 0; i < 20'000; ++i) {
    const std::string mail = fmt::format("user{}@example.com", i);
    EXPECT_EQ(mask_one(bound, column, mail), hash_of(*key, mail));
  }
}

TEST(Hash, masking_evasion_26_a_value_in_front_does_not_hide_the_one_behind_it) {
  constexpr std::string_view types = "types: [CREDIT_CARD, US_SSN, IBAN_CODE, EMAIL_ADDRESS]";
  for (const std::string_view mask : {"{operator: hash, key: people}", "{operator: mask, keep_last: 4}", "{operator: mask, masking_char: x}",
                                      "{operator: replace, new_value: card 1}", "{operator: redact}"}) {
    Bound bound(fmt::format("rules:\n  - {{id: a, result: {{{}}}, mask: {}}}\n", types, mask));
    for (const std::string_view hidden : {"536-90-7100", "4587718249786971", "DE89370400440532013000"}) {
      for (const std::string_view decoy : {"4111111111111111", "4536351726831516", "536-90-0391", "u11@example.com"}) {
        for (const std::string_view between : {".", " ", "/", "_", ", "}) {
          for (const uint32_t oid : {text_oid, 1009U, 114U, 17U}) {
            const std::string plain = fmt::format("{}{}{}", decoy, between, hidden);
            const std::string value = oid == 114 ? "{\"a\":\"" + plain + "\"}" : oid == 17 ? "\\x" + hex_encode(as_bytes(plain)) : plain;
            const std::string out = mask_one(bound, {"c", 0, 0, oid, false}, value);
            const std::string sought = oid == 17 ? hex_encode(as_bytes(hidden)) : std::string(hidden);
            EXPECT_FALSE(out.contains(sought)) << mask << ": " << value << " -> " << out;
          }
        }
      }
    }
  }
}

TEST(Hash, what_is_written_back_is_recognised) {
  const auto key = stand_in_mask_key("people");
  const MaskSpec spec{.op = MaskOperator::Hash, .key = key.get()};
  EXPECT_TRUE(is_mask_text(spec, of_ann));
  EXPECT_FALSE(is_mask_text(spec, of_ann.substr(1)));
  EXPECT_FALSE(is_mask_text(spec, "ann@example.com"));
}

TEST(Hash, of_two_keys_the_one_whose_name_comes_first_whatever_the_order_of_rules) {
  const auto cards = stand_in_mask_key("cards");
  const auto people = stand_in_mask_key("people");
  const MaskSpec a{.op = MaskOperator::Hash, .key = cards.get()};
  const MaskSpec b{.op = MaskOperator::Hash, .key = people.get()};
  EXPECT_EQ(stricter(a, b), a);
  EXPECT_EQ(stricter(b, a), a);
  EXPECT_EQ(stricter(a, {.op = MaskOperator::Mask, .keep_last = 4}), a);
  EXPECT_EQ(stricter(a, {.op = MaskOperator::Redact}), MaskSpec{.op = MaskOperator::Redact});
}

}  // namespace
}  // namespace sluice::rules
