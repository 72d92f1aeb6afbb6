#include "base/bytes.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> out;
  for (const int v : values) out.push_back(static_cast<std::byte>(v));
  return out;
}

TEST(ByteReader, reads_fields_in_network_order) {
  const auto input = bytes_of({0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 'h', 'i', 0, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0xFD});
  ByteReader reader(input);
  EXPECT_EQ(reader.u8(), 0x01);
  EXPECT_EQ(reader.u16(), 0x0203);
  EXPECT_EQ(reader.u32(), 0x04050607U);
  EXPECT_EQ(reader.c_string(), "hi");
  EXPECT_EQ(reader.i32(), -2);
  EXPECT_EQ(reader.i16(), -3);
  EXPECT_TRUE(reader.empty());
}

TEST(ByteReader, a_read_past_the_end_fails_and_moves_nothing) {
  const auto input = bytes_of({1, 2, 3});
  ByteReader reader(input);
  EXPECT_FALSE(reader.u32().has_value());
  EXPECT_FALSE(reader.i32().has_value());
  EXPECT_FALSE(reader.bytes(4).has_value());
  EXPECT_FALSE(reader.c_string().has_value()) << "there is no NUL to end it";
  EXPECT_EQ(reader.rest().size(), 3U);
  EXPECT_EQ(reader.u16(), 0x0102);
  EXPECT_FALSE(reader.u16().has_value());
  EXPECT_FALSE(reader.i16().has_value());
  EXPECT_EQ(reader.u8(), 3);
  EXPECT_FALSE(reader.u8().has_value());
}

TEST(ByteReader, views_borrow_from_the_input) {
  const auto input = bytes_of({'a', 'b', 0, 'c'});
  ByteReader reader(input);
  const auto text = reader.c_string();
  ASSERT_TRUE(text.has_value());
  EXPECT_EQ(static_cast<const void*>(text->data()), static_cast<const void*>(input.data()));
  const auto tail = reader.bytes(1);
  ASSERT_TRUE(tail.has_value());
  EXPECT_EQ(tail->data(), input.data() + 3);
}

TEST(ByteReader, an_enormous_length_does_not_wrap_around) {
  const auto input = bytes_of({1, 2, 3, 4});
  ByteReader reader(input);
  EXPECT_FALSE(reader.bytes(SIZE_MAX).has_value());
  EXPECT_FALSE(reader.bytes(SIZE_MAX - 3).has_value());
  EXPECT_TRUE(reader.bytes(4).has_value());
}

TEST(ByteReader, an_empty_string_is_a_string) {
  const auto input = bytes_of({0});
  ByteReader reader(input);
  EXPECT_EQ(reader.c_string(), "");
  EXPECT_TRUE(reader.empty());
}

TEST(ByteWriter, what_it_writes_the_reader_reads) {
  std::vector<std::byte> out;
  ByteWriter writer(out);
  writer.u8(7);
  writer.u16(0xBEEF);
  const size_t length_at = writer.size();
  writer.u32(0);
  writer.c_string("portal");
  writer.text("x");
  writer.bytes(bytes_of({9, 8}));
  writer.patch_u32(length_at, 0xCAFEF00D);

  ByteReader reader(out);
  EXPECT_EQ(reader.u8(), 7);
  EXPECT_EQ(reader.u16(), 0xBEEF);
  EXPECT_EQ(reader.u32(), 0xCAFEF00DU);
  EXPECT_EQ(reader.c_string(), "portal");
  EXPECT_EQ(reader.u8(), 'x');
  EXPECT_EQ(reader.u16(), 0x0908);
  EXPECT_TRUE(reader.empty());
}

TEST(ByteWriter, appends_to_what_the_caller_already_has) {
  std::vector<std::byte> out = bytes_of({1});
  ByteWriter writer(out);
  EXPECT_EQ(writer.size(), 1U);
  writer.u8(2);
  EXPECT_EQ(out, bytes_of({1, 2}));
}

TEST(ByteWriterDeathTest, a_name_with_a_nul_inside_is_our_own_mistake) {
  std::vector<std::byte> out;
  ByteWriter writer(out);
  EXPECT_DEATH(writer.c_string(std::string_view("a\0b", 3)), "broken invariant");
  EXPECT_DEATH(writer.patch_u32(0, 1), "broken invariant") << "nothing was written there";
}

TEST(Bytes, text_and_bytes_are_the_same_memory) {
  constexpr std::string_view text = "abc";
  EXPECT_EQ(as_text(as_bytes(text)), text);
  EXPECT_EQ(static_cast<const void*>(as_bytes(text).data()), static_cast<const void*>(text.data()));
}

}  // namespace
}  // namespace sluice
