#include "base/signature.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(signature, what_was_signed_verifies_and_nothing_else_does) {
  const SigningKey key = make_signing_key();
  const Bytes message = as_bytes("rules");
  Signature good = sign(key, message);
  EXPECT_TRUE(verify(key.public_key, message, good));
  EXPECT_FALSE(verify(key.public_key, as_bytes("rule"), good));
  EXPECT_FALSE(verify(make_signing_key().public_key, message, good));
  good[63] ^= std::byte{1};
  EXPECT_FALSE(verify(key.public_key, message, good));
}

// RFC 8032 section 7.1, test 2.
TEST(signature, it_is_the_one_of_the_specification) {
  std::string seed;
  for (const int b : {0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3, 0x46, 0xec, 0x11, 0x4e, 0x0f,
                      0x5b, 0x8a, 0x31, 0x9f, 0x35, 0xab, 0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8, 0xa6, 0xfb}) {
    seed += static_cast<char>(b);
  }
  SigningKey key;
  key.seed = Secret(seed);
  const auto again = parse_private_pem(private_pem(key).reveal());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(hex_encode(again->public_key), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  EXPECT_EQ(hex_encode(sign(key, as_bytes("\x72"))),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d"
            "291612bb0c00");
}

TEST(signature, keys_are_read_back_from_pem) {
  const SigningKey key = make_signing_key();
  const Secret pem = private_pem(key);
  EXPECT_TRUE(pem.reveal().starts_with("-----BEGIN " "PRIVATE KEY-----\n"));
  const auto read = parse_private_pem(pem.reveal());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->public_key, key.public_key);

  const SigningKey next = make_signing_key();
  const std::string both = "# the old one\n" + public_pem(key.public_key) + "\n# the next one\n" + public_pem(next.public_key);
  const auto keys = parse_public_pem(both);
  ASSERT_TRUE(keys) << keys.error().message;
  EXPECT_EQ(*keys, (std::vector{key.public_key, next.public_key}));
  EXPECT_EQ(key_id(key.public_key).size(), 16U);
}

TEST(signature, what_is_no_key_is_refused) {
  const SigningKey key = make_signing_key();
  const std::string good = public_pem(key.public_key);
  for (const std::string& bad : {std::string(), std::string("key"), good.substr(0, 40), good + "more", "more\n" + good,
                                 std::string(private_pem(key).reveal()), std::string(key_file_size_max + 1, '#')}) {
    EXPECT_FALSE(parse_public_pem(bad)) << bad.substr(0, 40);
  }
  for (const std::string& bad : {std::string(), good, std::string("-----BEGIN " "PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")}) {
    EXPECT_FALSE(parse_private_pem(bad)) << bad.substr(0, 40);
  }
  std::string many;
  for (size_t i = 0; i <= public_keys_max; ++i) many += good;
  EXPECT_FALSE(parse_public_pem(many));
}

}  // namespace
}  // namespace sluice
