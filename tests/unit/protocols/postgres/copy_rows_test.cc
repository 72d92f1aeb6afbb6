// Rows of COPY TO STDOUT: split, decoded, written again. What a reader would make of them is held against real
// servers and another CSV reader end to end; here are the rules of the format and what is no row.
#include "protocols/postgres/copy_rows.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>

namespace sluice::pg {
namespace {

CopyOut text_format() {
  CopyOut format;
  format.format = CopyOut::Format::Text;
  format.null_text = "\\N";
  return format;
}

CopyOut csv_format() {
  CopyOut format;
  format.format = CopyOut::Format::Csv;
  format.delimiter = ',';
  return format;
}

using Values = std::vector<std::optional<std::string>>;

std::optional<Values> split(std::string_view message, const CopyOut& format) {
  std::vector<CopyCell> cells;
  std::vector<char> decoded;
  decoded.reserve(message.size());
  if (!split_copy_row(message, format, cells, decoded)) return std::nullopt;
  Values values;
  for (const CopyCell& cell : cells)
    values.push_back(cell.null ? std::nullopt : std::optional<std::string>(cell.value));
  return values;
}

std::string row_of(const Values& values, const CopyOut& format) {
  std::vector<std::byte> out;
  std::string row;
  for (const auto& value : values) {
    if (&value != values.data()) row.push_back(format.delimiter);
    out.clear();
    if (value) append_copy_value(*value, format, out);
    row += value ? as_text(out) : std::string_view(format.null_text);
  }
  return row + '\n';
}

TEST(CopyText, cells_end_at_the_delimiter_and_escapes_are_decoded) {
  EXPECT_EQ(split("1\tab\t\n", text_format()), (Values{"1", "ab", ""}));
  EXPECT_EQ(split("\\N\t\\\\N\tx\\N\n", text_format()), (Values{std::nullopt, "\\N", "xN"}));
  EXPECT_EQ(split("\\b\\f\\n\\r\\t\\v\\\\\n", text_format()), (Values{"\b\f\n\r\t\v\\"}));
  EXPECT_EQ(split("\\101\\x42\\xzz\\0608\n", text_format()), (Values{"ABxzz08"}));
  EXPECT_EQ(split("a\\\tb\tc\n", text_format()), (Values{"a\tb", "c"}));
  EXPECT_EQ(split("\n", text_format()), (Values{""}));
}

TEST(CopyText, a_message_that_is_no_row_or_more_than_one_is_refused) {
  for (const std::string_view message : {"", "a", "a\tb", "a\nb\n", "\n\n", "a\\\n", "\\\n", "a\r\nb"}) {
    EXPECT_FALSE(split(message, text_format())) << message;
  }
}

TEST(CopyText, a_null_text_that_a_value_could_have_is_taken_for_a_value) {
  CopyOut format = text_format();
  format.null_text = "NULL";
  EXPECT_EQ(split("NULL\tx\n", format), (Values{"NULL", "x"}));
  format.null_text = "";
  EXPECT_EQ(split("\tx\n", format), (Values{std::nullopt, "x"}));
}

TEST(CopyCsv, quotes_hold_delimiters_line_ends_and_doubled_quotes) {
  EXPECT_EQ(split("1,ab,\n", csv_format()), (Values{"1", "ab", std::nullopt}));
  EXPECT_EQ(split("\"\",\"a,b\",\"a\nb\",\"a\"\"b\"\n", csv_format()), (Values{"", "a,b", "a\nb", "a\"b"}));
  EXPECT_EQ(split("\"\"\"\"\n", csv_format()), (Values{"\""}));
  EXPECT_EQ(split("\n", csv_format()), (Values{std::nullopt}));
  CopyOut format = csv_format();
  format.escape = '\\';
  EXPECT_EQ(split("\"a\\\"b\\\\\",\\x\n", format), (Values{"a\"b\\", "\\x"}));
  format.escape = ',';
  EXPECT_EQ(split("\"a,,b,\"c\",d\n", format), (Values{"a,b\"c", "d"}));
  format.null_text = "-";
  EXPECT_EQ(split("-,\"-\"\n", format), (Values{std::nullopt, "-"}));
}

TEST(CopyCsv, a_message_that_is_no_row_or_more_than_one_is_refused) {
  for (const std::string_view message :
       {"", "a", "a,b", "a\nb\n", "\n\n", "\"a\n", "\"a\"b\n", "a\"b\n", "a\"\n", "\"a\n,b\n", "\"a\"\n\"b\"\n"}) {
    EXPECT_FALSE(split(message, csv_format())) << message;
  }
}

TEST(CopyRows, no_prefix_of_a_row_is_a_row) {
  const Values values{"a\\b", "x\ty\nz", "q\"uo,te", std::nullopt, "", "last"};
  for (const CopyOut& format : {text_format(), csv_format()}) {
    const std::string row = row_of(values, format);
    ASSERT_EQ(split(row, format), values);
    for (size_t size = 0; size < row.size(); ++size) {
      const auto part = split(std::string_view(row).substr(0, size), format);
      // A line end inside quotes is the only other place where a message could end.
      EXPECT_FALSE(part && part->size() == values.size()) << size;
    }
  }
}

TEST(CopyRows, what_is_written_is_read_back_whatever_the_bytes_and_options) {
  std::mt19937 random(20260101);
  const std::string_view alphabet = "ab,;|\t\n\r\\\"'N.x0~\b\v\f \xC3\xA9";
  for (int round = 0; round < 20'000; ++round) {
    CopyOut format = round % 2 == 0 ? text_format() : csv_format();
    format.delimiter = std::string_view("\t,;|~'")[random() % 6];
    if (round % 2 == 1) {
      do format.quote = std::string_view("\"'|~x")[random() % 5];
      while (format.quote == format.delimiter);
      format.escape = std::string_view("\"'\\~,x")[random() % 6];
    }
    Values values(1 + random() % 5);
    for (auto& value : values) {
      if (random() % 6 == 0) continue;
      value.emplace();
      for (size_t n = random() % 12; n > 0; --n) value->push_back(alphabet[random() % alphabet.size()]);
    }
    const std::string row = row_of(values, format);
    ASSERT_EQ(split(row, format), values) << row;
  }
}

TEST(CopyRows, decoded_values_of_earlier_rows_stay_where_they_are) {
  std::vector<char> decoded;
  decoded.reserve(64);
  std::vector<CopyCell> first;
  std::vector<CopyCell> second;
  ASSERT_TRUE(split_copy_row("a\\tb\n", text_format(), first, decoded));
  ASSERT_TRUE(split_copy_row("c\\nd\n", text_format(), second, decoded));
  EXPECT_EQ(first[0].value, "a\tb");
  EXPECT_EQ(second[0].value, "c\nd");
}

}  // namespace
}  // namespace sluice::pg
