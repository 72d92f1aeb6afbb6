#include "protocols/proxy_protocol.h"

#include <gtest/gtest.h>

#include "tests/unit/protocols/postgres/wire.h"

namespace sluice {
namespace {
using namespace pg::test;

const std::string signature = std::string("\r\n\r\n\0\r\nQUIT\n"sv);

std::string proxy(uint8_t version_command, uint8_t family, std::string_view rest) {
  return signature + static_cast<char>(version_command) + static_cast<char>(family) +
         be16(static_cast<uint16_t>(rest.size())) + std::string(rest);
}
const std::string four = std::string("\x0A\x01\x02\x03\xC0\x00\x02\x01"sv) + be16(51'000) + be16(6432);
const std::string six = std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"sv) + std::string(16, '\x02') +
                        be16(443) + be16(6432);
std::string field(std::string_view value) {
  return "\x04" + be16(static_cast<uint16_t>(value.size())) + std::string(value);
}

TEST(ProxyV2, gives_the_source_of_tcp_over_ipv4_and_ipv6) {
  const std::string wire = proxy(0x21, 0x11, four) + "client bytes";
  const auto got = parse_proxy_v2(as_bytes(wire));
  ASSERT_TRUE(got && *got);
  EXPECT_EQ((*got)->size, 28U);
  EXPECT_EQ((*got)->source->host, "10.1.2.3");
  EXPECT_EQ((*got)->source->port, 51'000);
  const auto v6 = parse_proxy_v2(as_bytes(proxy(0x21, 0x21, six)));
  ASSERT_TRUE(v6 && *v6);
  EXPECT_EQ((*v6)->source->host, "2001:db8::1");
  EXPECT_EQ((*v6)->source->port, 443);
}

TEST(ProxyV2, local_says_nothing_about_the_source_whatever_family_it_names) {
  for (const uint8_t family : {uint8_t{0x00}, uint8_t{0x11}, uint8_t{0x31}}) {
    const auto got = parse_proxy_v2(as_bytes(proxy(0x20, family, "anything")));
    ASSERT_TRUE(got && *got);
    EXPECT_FALSE((*got)->source);
    EXPECT_EQ((*got)->size, 24U);
  }
}

TEST(ProxyV2, is_the_same_wherever_the_network_splits_it) {
  const std::string wire = proxy(0x21, 0x21, six + field("x") + field(""));
  for (size_t split = 0; split < wire.size(); ++split) {
    const std::string prefix = wire.substr(0, split);
    const auto got = parse_proxy_v2(as_bytes(prefix));
    ASSERT_TRUE(got) << split;
    EXPECT_FALSE(*got) << split;
  }
  ASSERT_TRUE(*parse_proxy_v2(as_bytes(wire)));
}

TEST(ProxyV2, malformed_headers_are_refused) {
  const struct {
    const char* why;
    std::string wire;
    ProxyError want;
  } rows[] = {
      {"version 1 of the protocol", "PROXY TCP4 ", ProxyError::NotProxyV2},
      {"one wrong byte is enough", "\r\n\r\n\r", ProxyError::NotProxyV2},
      {"a PostgreSQL client that comes past the balancer", pg::test::startup(196608, "user"), ProxyError::NotProxyV2},
      {"version 3", proxy(0x31, 0x11, four), ProxyError::BadVersion},
      {"command 2", proxy(0x22, 0x11, four), ProxyError::BadVersion},
      {"UDP", proxy(0x21, 0x12, four), ProxyError::BadFamily},
      {"unspecified family", proxy(0x21, 0x00, ""), ProxyError::BadFamily},
      {"a UNIX socket", proxy(0x21, 0x31, std::string(216, 'x')), ProxyError::BadFamily},
      {"IPv6 with room for IPv4 only", proxy(0x21, 0x21, four), ProxyError::LengthTooSmall},
      {"no addresses", proxy(0x21, 0x11, ""), ProxyError::LengthTooSmall},
      {"a field longer than the header", proxy(0x21, 0x11, four + "\x04" + be16(9) + "x"), ProxyError::BadField},
      {"half a field", proxy(0x21, 0x11, four + "\x04"), ProxyError::BadField},
      {"64 KiB promised, none sent", signature + "\x21\x11" + be16(0xFFFF), ProxyError::LengthTooLarge},
      {"one more than the cap", signature + "\x21\x11" + be16(521), ProxyError::LengthTooLarge},
  };
  for (const auto& row : rows) {
    const auto got = parse_proxy_v2(as_bytes(row.wire));
    ASSERT_FALSE(got) << row.why;
    EXPECT_EQ(got.error(), row.want) << row.why << ": " << explain(got.error());
  }
  const auto most = parse_proxy_v2(as_bytes(signature + "\x21\x11" + be16(520)));
  ASSERT_TRUE(most);
  EXPECT_FALSE(*most);
}

}  // namespace
}  // namespace sluice
