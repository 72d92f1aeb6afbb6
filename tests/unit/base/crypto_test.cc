#include "base/crypto.h"

#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <set>
#include <string>
#include <vector>

namespace sluice {
namespace {

std::vector<std::byte> unhex(std::string_view hex) {
  std::vector<std::byte> out;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<std::byte>(digit(hex[i]) << 4 | digit(hex[i + 1])));
  }
  return out;
}

std::vector<std::byte> repeat(int value, size_t count) { return std::vector<std::byte>(count, static_cast<std::byte>(value)); }

TEST(Sha256, gives_the_published_digests) {
  // FIPS 180-4 examples.
  EXPECT_EQ(hex_encode(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex_encode(sha256(as_bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex_encode(sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(HmacSha256, gives_the_values_of_RFC_4231) {
  const struct {
    std::string_view why;
    std::vector<std::byte> key, data;
    std::string_view want;
  } cases[] = {
      {"case 1", repeat(0x0b, 20), unhex("4869205468657265"),
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"case 2: a key shorter than the output", unhex("4a656665"),
       unhex("7768617420646f2079612077616e7420666f72206e6f7468696e673f"),
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {"case 3: key and data longer together than a block", repeat(0xaa, 20), repeat(0xdd, 50),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {"case 4", unhex("0102030405060708090a0b0c0d0e0f10111213141516171819"), repeat(0xcd, 50),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {"case 6: a key longer than a block is hashed first", repeat(0xaa, 131),
       unhex("54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b657920"
             "4669727374"),
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(hex_encode(hmac_sha256(c.key, c.data)), c.want) << c.why;
    HmacSha256 mac(c.key);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(hex_encode(mac.sign(c.data)), c.want) << c.why << ", time " << i;
    HmacSha256 moved(std::move(mac));
    EXPECT_NE(hex_encode(moved.sign(as_bytes("other"))), c.want);
    EXPECT_EQ(hex_encode(moved.sign(c.data)), c.want) << c.why << ", after another text";
  }
}

TEST(HmacSha256, an_empty_key_is_a_key_of_its_own) {
  // OpenSSL's HMAC() reads a null key as "the one before": the result must not depend on a call before.
  const Digest first = hmac_sha256({}, as_bytes("data"));
  (void)hmac_sha256(as_bytes("another key"), as_bytes("data"));
  EXPECT_EQ(hmac_sha256({}, as_bytes("data")), first);
  EXPECT_EQ(hex_encode(hmac_sha256({}, {})), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Pbkdf2, gives_the_values_of_RFC_7914_section_11) {
  // The RFC prints 64 bytes; a 32-byte result is their first block.
  EXPECT_EQ(hex_encode(pbkdf2_sha256("passwd", as_bytes("salt"), 1)),
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
  EXPECT_EQ(hex_encode(pbkdf2_sha256("Password", as_bytes("NaCl"), 80000)),
            "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56");
}

TEST(ScramPieces, give_the_client_proof_of_RFC_7677) {
  std::vector<std::byte> salt;
  ASSERT_TRUE(base64_decode("W22ZaJ0SNY7soEsUEjb6gQ==", salt));
  const Digest salted = pbkdf2_sha256("pencil", salt, 4096);
  const Digest client_key = hmac_sha256(salted, as_bytes("Client Key"));
  const Digest stored_key = sha256(client_key);
  const std::string message =
      "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
      "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  const Digest signature = hmac_sha256(stored_key, as_bytes(message));
  Digest proof;
  for (size_t i = 0; i < proof.size(); ++i) proof[i] = client_key[i] ^ signature[i];
  EXPECT_EQ(base64_encode(proof), "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  const Digest server_key = hmac_sha256(salted, as_bytes("Server Key"));
  EXPECT_EQ(base64_encode(hmac_sha256(server_key, as_bytes(message))), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

TEST(Crc32c, gives_the_published_check_values) {
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE3069283U) << "the check value of the CRC catalogue";
  EXPECT_EQ(crc32c(repeat(0x00, 32)), 0x8A9136AAU) << "RFC 3720 B.4: zeros";
  EXPECT_EQ(crc32c(repeat(0xFF, 32)), 0x62A8AB43U) << "RFC 3720 B.4: ones";
  EXPECT_EQ(crc32c({}), 0U);
}

TEST(Crc32c, of_parts_is_the_crc_of_the_whole_at_every_split) {
  constexpr std::string_view text = "The quick brown fox jumps over the lazy dog, twice over.";
  const uint32_t whole = crc32c(as_bytes(text));
  for (size_t split = 0; split <= text.size(); ++split) {
    EXPECT_EQ(crc32c(as_bytes(text.substr(split)), crc32c(as_bytes(text.substr(0, split)))), whole) << split;
  }
}

TEST(Base64, gives_the_values_of_RFC_4648_both_ways) {
  static constexpr struct {
    std::string_view plain, encoded;
  } cases[] = {{"", ""},         {"f", "Zg=="},         {"fo", "Zm8="},        {"foo", "Zm9v"},
               {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
  for (const auto& c : cases) {
    EXPECT_EQ(base64_encode(as_bytes(c.plain)), c.encoded);
    std::vector<std::byte> out = repeat(1, 3);
    ASSERT_TRUE(base64_decode(c.encoded, out)) << c.encoded;
    EXPECT_EQ(as_text(out), c.plain);
  }
}

TEST(Base64, what_is_not_strictly_base64_is_refused) {
  static constexpr struct {
    std::string_view why, text;
  } cases[] = {
      {"no padding", "Zg"},
      {"one sign of padding where two belong", "Zg="},
      {"too much padding", "Zm9v===="},
      {"three signs of padding", "Z==="},
      {"padding only", "===="},
      {"padding in the middle", "Zg==Zg=="},
      {"bits behind the value, one byte", "Zh=="},
      {"bits behind the value, two bytes", "Zm9="},
      {"a space", "Zm 9v"},
      {"a line break at the end", "Zm9v\n"},
      {"the URL alphabet", "-_-_"},
      {"a byte above ASCII", "Zm\xC3\xA9"},
  };
  for (const auto& c : cases) {
    std::vector<std::byte> out;
    EXPECT_FALSE(base64_decode(c.text, out)) << c.why;
  }
  std::vector<std::byte> out;
  EXPECT_FALSE(base64_decode(std::string_view("Zm\0v", 4), out)) << "a NUL";
}

TEST(Base64, every_value_survives_the_round_trip) {
  std::vector<std::byte> data;
  for (int i = 0; i < 300; ++i) {
    std::vector<std::byte> out;
    ASSERT_TRUE(base64_decode(base64_encode(data), out));
    ASSERT_EQ(out, data);
    data.push_back(static_cast<std::byte>(i * 7));
  }
}

TEST(Hex, is_lower_case_and_keeps_leading_zeros) { EXPECT_EQ(hex_encode(unhex("000fa5ff")), "000fa5ff"); }

TEST(EqualConstantTime, says_what_memcmp_says) {
  EXPECT_TRUE(equal_constant_time({}, {}));
  EXPECT_TRUE(equal_constant_time(as_bytes("abc"), as_bytes("abc")));
  EXPECT_FALSE(equal_constant_time(as_bytes("abc"), as_bytes("abd")));
  EXPECT_FALSE(equal_constant_time(as_bytes("abc"), as_bytes("ab"))) << "a prefix is not equal";
}

TEST(RandomBytes, do_not_repeat) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    std::array<std::byte, 16> value{};
    random_bytes(value);
    seen.insert(hex_encode(value));
  }
  EXPECT_EQ(seen.size(), 100U);
}

TEST(KeyedHash, is_the_same_within_a_process_and_sees_every_byte) {
  std::set<uint64_t> seen;
  std::string text;
  for (int i = 0; i < 64; ++i) {
    EXPECT_EQ(keyed_hash(as_bytes(text)), keyed_hash(as_bytes(std::string(text))));
    EXPECT_TRUE(seen.insert(keyed_hash(as_bytes(text))).second) << "length " << i << " collides";
    text += 'a';
  }
  std::string other = text;
  for (size_t i = 0; i < text.size(); ++i) {
    other[i] = 'b';
    EXPECT_NE(keyed_hash(as_bytes(other)), keyed_hash(as_bytes(text))) << "byte " << i << " is ignored";
    other[i] = 'a';
  }
}

TEST(Secret, moves_and_leaves_nothing_behind) {
  Secret first("a key that is longer than the small string buffer");
  Secret second(std::move(first));
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): the point of the test.
  EXPECT_EQ(second.reveal(), "a key that is longer than the small string buffer");
  Secret third = second.clone();
  EXPECT_EQ(third.reveal(), second.reveal());
  third = std::move(second);
  EXPECT_TRUE(second.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_FALSE(third.empty());
}

TEST(Secret, promise_11_lies_in_memory_that_is_not_swapped_or_dumped) {
  if (!secrets_locked()) GTEST_SKIP() << "this system does not let us lock 256 KiB";
  std::string source = "short";
  const Secret secret(std::move(source));
  EXPECT_EQ(CRYPTO_secure_allocated(secret.reveal().data()), 1);
  EXPECT_EQ(CRYPTO_secure_allocated(secret.clone().reveal().data()), 1);
  EXPECT_TRUE(Secret().empty());
}

TEST(Secret, promise_11_what_finds_no_room_in_locked_memory_says_so) {
  std::vector<Secret> many;
  for (int i = 0; i < 5 && secrets_locked(); ++i) many.emplace_back(std::string(100'000, 'x'));
  EXPECT_FALSE(secrets_locked());
  for (const Secret& secret : many) EXPECT_EQ(secret.reveal(), std::string(100'000, 'x'));
}

TEST(Wipe, overwrites_the_whole_of_what_a_string_held) {
  std::string text = "a secret that is longer than the small string buffer";
  const std::string_view memory(text.data(), text.size());
  wipe(text);
  EXPECT_TRUE(text.empty());
  // clear() keeps the allocation, so the memory is still the string's own and may be read.
  ASSERT_GE(text.capacity(), memory.size());
  text.resize(memory.size());
  EXPECT_EQ(text.find("secret"), std::string::npos);

  std::array<std::byte, 4> bytes{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  wipe(bytes);
  EXPECT_EQ(hex_encode(bytes), "00000000");
}

}  // namespace
}  // namespace sluice
