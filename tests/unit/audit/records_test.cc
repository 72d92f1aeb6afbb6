#include "audit/records.h"

#include <gtest/gtest.h>

namespace sluice::audit {
namespace {

template <typename T>
std::vector<std::byte> encoded(const T& record) {
  std::vector<std::byte> out(payload_size(record));
  encode(out.data(), record);
  return out;
}

std::vector<std::byte> encoded(const Intent& record, size_t payload_max = intent_payload_max_min) {
  const IntentPlan p = plan(record, payload_max);
  std::vector<std::byte> out(p.payload_size);
  encode(out.data(), record, p);
  return out;
}

std::vector<std::byte> encoded(const Statement& record, size_t text_max) {
  std::vector<std::byte> out(payload_size(record, text_max));
  encode(out.data(), record, text_max);
  return out;
}

/// Every cut of a payload, and one byte too many, must be refused.
template <typename Decode>
void expect_exact(const std::vector<std::byte>& payload, Decode decode, uint16_t version = 1, uint16_t newest = 1) {
  EXPECT_TRUE(decode(Bytes(payload), version).has_value());
  for (size_t size = 0; size < payload.size(); ++size)
    EXPECT_FALSE(decode(Bytes(payload).first(size), version).has_value()) << size;
  std::vector<std::byte> longer = payload;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(decode(Bytes(longer), version).has_value());
  const auto other = decode(Bytes(payload), static_cast<uint16_t>(newest + 1));
  ASSERT_FALSE(other.has_value());
  EXPECT_EQ(other.error(), RecordError::UnknownVersion);
}

TEST(audit_records, a_rule_set_reads_back_as_written) {
  const auto payload = encoded(RuleSetRecord{7, sha256(as_bytes("rules: []"))});
  const auto v = decode_rule_set(payload, 1);
  ASSERT_TRUE(v);
  EXPECT_EQ(v->generation, 7U);
  EXPECT_EQ(v->hash, sha256(as_bytes("rules: []")));
  expect_exact(payload, decode_rule_set);
}

TEST(audit_records, session_start_reads_back_as_written) {
  const auto payload = encoded(SessionStart{"postgres", "192.0.2.7:51514", "0.0.0.0:6432", true});
  const auto v = decode_session_start(payload, 1);
  ASSERT_TRUE(v);
  EXPECT_EQ(v->protocol.value, "postgres");
  EXPECT_EQ(v->client_address.value, "192.0.2.7:51514");
  EXPECT_EQ(v->listener.value, "0.0.0.0:6432");
  EXPECT_TRUE(v->client_tls);
  expect_exact(payload, decode_session_start);
}

TEST(audit_records, authentication_reads_back_as_written_and_cuts_what_a_peer_made_long) {
  const std::string long_name(5000, 'n');
  const auto payload = encoded(Authentication{.success = true, .claimed_user = long_name, .subject = "ci-deploy",
                                              .groups = "ci,data", .proof = Proof::AccessKey, .target = "orders",
                                              .database = "orders", .upstream_user = "app_rw",
                                              .application_name = "psql", .failure = ""});
  const auto v = decode_authentication(payload, 1);
  ASSERT_TRUE(v);
  EXPECT_TRUE(v->claimed_user.cut);
  EXPECT_EQ(v->claimed_user.value, long_name.substr(0, peer_text_max));
  EXPECT_EQ(v->subject, (Text{"ci-deploy"}));
  EXPECT_EQ(v->groups, (Text{"ci,data"}));
  EXPECT_EQ(v->proof, Proof::AccessKey);
  EXPECT_EQ(v->application_name, (Text{"psql"}));
  EXPECT_TRUE(v->success);
  expect_exact(payload, decode_authentication);
}

TEST(audit_records, a_statement_is_whole_up_to_its_cap_and_proven_beyond) {
  const std::string text(300, 's');
  const auto whole = decode_statement(encoded(Statement{7, text, false}, 300), 1);
  // The vector above is gone: only what does not borrow is looked at.
  ASSERT_TRUE(whole);
  EXPECT_FALSE(whole->cut);
  EXPECT_EQ(whole->full_size, 300U);

  const auto payload = encoded(Statement{7, text, true}, 299);
  const auto v = decode_statement(payload, 1);
  ASSERT_TRUE(v);
  EXPECT_TRUE(v->cut);
  EXPECT_TRUE(v->text_is_digest);
  EXPECT_EQ(v->text, text.substr(0, 299));
  EXPECT_EQ(v->full_size, 300U);
  EXPECT_EQ(v->sha256, sha256(as_bytes(text)));
}

TEST(audit_records, an_intent_reads_back_as_written) {
  const std::string_view parameters[] = {"42", {nullptr, 0}, ""};
  const int16_t formats[] = {0, 1, 0};
  const auto payload = encoded(Intent{.kind = IntentKind::Bind, .statement_id = 9, .text = "not in the intent",
                                      .name = "s1", .parameters = parameters, .parameter_formats = formats,
                                      .verdict = Verdict::Allow, .reason = Reason::Rule, .rule = "reads-only",
                                      .rule_generation = 3});
  const auto v = decode_intent(payload, 1);
  ASSERT_TRUE(v);
  EXPECT_EQ(v->statement_id, 9U);
  EXPECT_EQ(v->kind, IntentKind::Bind);
  EXPECT_EQ(v->verdict, Verdict::Allow);
  EXPECT_EQ(v->reason, Reason::Rule);
  EXPECT_EQ(v->rule.value, "reads-only");
  EXPECT_EQ(v->rule_generation, 3U);
  EXPECT_EQ(v->name.value, "s1");
  EXPECT_TRUE(v->binary(1));
  EXPECT_FALSE(v->binary(2));
  const auto read = parameters_of(*v);
  ASSERT_EQ(read.size(), 3U);
  EXPECT_EQ(as_text(read[0].value), "42");
  EXPECT_TRUE(read[1].null);
  EXPECT_FALSE(read[2].null);
  EXPECT_TRUE(read[2].value.empty());
  expect_exact(payload, decode_intent, 1, 2);
}

TEST(audit_records, bug_class_23_a_parameter_over_4_KiB_keeps_prefix_length_and_hash_and_says_so) {
  for (const size_t size : {4096U, 4097U, 100'000U}) {
    const std::string value(size, 'p');
    const std::string_view parameters[] = {value};
    const auto payload = encoded(Intent{.parameters = parameters});
    const auto v = decode_intent(payload, 1);
    ASSERT_TRUE(v);
    const auto p = parameters_of(*v).at(0);
    EXPECT_EQ(p.cut, size > 4096);
    EXPECT_EQ(p.full_size, size);
    EXPECT_EQ(as_text(p.value), value.substr(0, 4096));
    EXPECT_EQ(p.sha256, p.cut ? sha256(as_bytes(value)) : Digest{});
  }
}

TEST(audit_records, promise_10_parameters_that_are_too_large_together_are_counted_and_hashed) {
  const std::string value(4000, 'v');
  std::vector<std::string_view> parameters(100, value);
  parameters[99] = {nullptr, 0};
  const Intent intent{.parameters = parameters};
  const auto payload = encoded(intent);
  EXPECT_LE(payload.size(), intent_payload_max_min);
  const auto v = decode_intent(payload, 1);
  ASSERT_TRUE(v);
  EXPECT_EQ(v->parameter_count, 100U);
  EXPECT_LT(v->parameters_kept, 100U);
  EXPECT_EQ(v->rest_size, (99 - v->parameters_kept) * value.size());
  std::string hashed;
  for (const auto p : std::span(parameters).subspan(v->parameters_kept)) {
    const uint32_t word = p.data() == nullptr ? 0xFFFFFFFF : static_cast<uint32_t>(p.size());
    hashed.append(reinterpret_cast<const char*>(&word), sizeof word).append(p);
  }
  EXPECT_EQ(v->rest_sha256, sha256(as_bytes(hashed)));
  expect_exact(payload, decode_intent, 1, 2);
}

TEST(audit_records, an_intent_says_which_rules_only_alert_and_that_it_is_held) {
  Alerts alerts;
  for (const std::string_view rule : {"a", "b", "c", "d", "e", "f"}) alerts.add(rule);
  const Intent held{.verdict = Verdict::Hold, .reason = Reason::Rule, .rule = "r", .alerts = alerts};
  EXPECT_EQ(plan(held, 1U << 20).version, 2);
  EXPECT_EQ(plan(Intent{.verdict = Verdict::Deny}, 1U << 20).version, 1);
  const auto payload = encoded(held);
  EXPECT_FALSE(decode_intent(payload, 1)) << "version 1 knows neither";
  const auto v = decode_intent(payload, 2);
  ASSERT_TRUE(v);
  EXPECT_EQ(v->verdict, Verdict::Hold);
  EXPECT_EQ(v->alerts.value, "a,b,c,d,+2");
  EXPECT_EQ(v->rule.value, "r");
  expect_exact(payload, decode_intent, 2, 2);
}

TEST(audit_records, promise_10_the_largest_possible_bind_fits_an_intent) {
  const std::vector<std::string_view> parameters(65535, "x");
  const std::vector<int16_t> formats(65535, 1);
  const std::string name(2000, 'n');
  const auto payload = encoded(Intent{.name = name, .parameters = parameters, .parameter_formats = formats, .rule = name});
  EXPECT_LE(payload.size(), intent_payload_max_min);
  EXPECT_TRUE(decode_intent(payload, 1));
}

TEST(audit_records, an_outcome_reads_back_as_written_and_always_fits_its_reservation) {
  const std::string long_tag(500, 't');
  const Outcome o{.intent_seq = 4, .success = true, .tag = long_tag, .sqlstate = "0123456789", .rows = 1,
                  .bytes_to_client = 2, .masked_cells = 3, .bytes_from_client = 5, .from_client_sha256 = sha256({}),
                  .duration_ns = 6};
  const auto payload = encoded(o);
  Outcome largest = o;
  largest.alerted_values = 7;
  EXPECT_EQ(version_of(o), 1);
  EXPECT_EQ(version_of(largest), 2);
  const auto alerted = encoded(largest);
  EXPECT_EQ(alerted.size(), outcome_payload_max);
  EXPECT_FALSE(decode_outcome(alerted, 1)) << "version 1 knows no alerts";
  ASSERT_TRUE(decode_outcome(alerted, 2));
  EXPECT_EQ(decode_outcome(alerted, 2)->value.alerted_values, 7U);
  expect_exact(alerted, decode_outcome, 2, 2);
  const auto v = decode_outcome(payload, 1);
  ASSERT_TRUE(v);
  EXPECT_EQ(v->value.intent_seq, 4U);
  EXPECT_TRUE(v->value.success);
  EXPECT_TRUE(v->tag_cut);
  EXPECT_EQ(v->value.rows, 1U);
  EXPECT_EQ(v->value.bytes_to_client, 2U);
  EXPECT_EQ(v->value.masked_cells, 3U);
  EXPECT_EQ(v->value.bytes_from_client, 5U);
  EXPECT_EQ(v->value.from_client_sha256, sha256({}));
  EXPECT_EQ(v->value.duration_ns, 6U);
  expect_exact(payload, decode_outcome, 1, 2);
  expect_exact(encoded(Outcome{.intent_seq = 1, .sqlstate = "42501"}), decode_outcome, 1, 2);
}

TEST(audit_records, the_other_records_read_back_as_written) {
  const auto cancel = encoded(Cancel{"192.0.2.9:1", true});
  EXPECT_TRUE(decode_cancel(cancel, 1)->matched);
  expect_exact(cancel, decode_cancel);

  const std::string reason(1000, 'r');
  const auto end = encoded(SessionEnd{reason, 1, 2});
  EXPECT_EQ(end.size(), session_end_payload_max);
  EXPECT_TRUE(decode_session_end(end, 1)->reason.cut);
  EXPECT_EQ(decode_session_end(end, 1)->bytes_to_client, 2U);
  expect_exact(end, decode_session_end);

  const auto lost = encoded(Lost{8, 16, "gone"});
  EXPECT_EQ(decode_lost(lost, 1)->to_lsn, 16U);
  expect_exact(lost, decode_lost);

  const auto recovery = encoded(Recovery{1, 2, 3, 4, true, false});
  EXPECT_EQ(decode_recovery(recovery, 1)->closed_sessions, 4U);
  EXPECT_TRUE(decode_recovery(recovery, 1)->crashed);
  EXPECT_FALSE(decode_recovery(recovery, 1)->damaged);
  expect_exact(recovery, decode_recovery);
}

TEST(audit_records, values_without_a_meaning_are_refused) {
  static constexpr struct {
    const char* why;
    size_t at;
    uint8_t value;
  } cases[] = {
      {"kind after the last", 16, 6},
      {"verdict after the last", 17, 2},
      {"reason after the last", 18, 8},
      {"a flag nobody has given a meaning", 19, 2},
      {"more parameters than 16 bits count", 22, 1},
      {"more formats than 16 bits count", 26, 1},
  };
  for (const auto& c : cases) {
    auto payload = encoded(Intent{});
    payload[c.at] = std::byte{c.value};
    const auto v = decode_intent(payload, 1);
    ASSERT_FALSE(v.has_value()) << c.why;
    EXPECT_EQ(v.error(), RecordError::BadValue) << c.why;
  }
}

TEST(audit_records, segment_names_are_their_first_lsn) {
  EXPECT_EQ(segment_name(0x4000000), "0000000004000000.seg");
  EXPECT_EQ(segment_first_lsn("0000000004000000.seg"), 0x4000000U);
  for (const auto name : {"4000000.seg", "0000000004000000.seg.torn-0", "000000000400000G.seg", "0000000004000000.SEG",
                          "+000000004000000.seg", "000000000400000A.seg"})
    EXPECT_EQ(segment_first_lsn(name), std::nullopt) << name;
}

}  // namespace
}  // namespace sluice::audit
