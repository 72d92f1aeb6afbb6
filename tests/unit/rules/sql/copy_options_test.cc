// The options of COPY TO STDOUT, in both syntaxes.
#include <gtest/gtest.h>

#include "tests/unit/rules/sql/facts_support.h"

namespace sluice::rules::sql {
namespace {

using Format = CopyOut::Format;

CopyOut copy_of(std::string_view text) {
  const FactsPtr facts = facts_of(text);
  EXPECT_TRUE(facts->understood) << text << ": " << facts->parse_error;
  EXPECT_EQ(facts->copies_out.size(), 1U) << text;
  return facts->copies_out.empty() ? CopyOut{} : facts->copies_out[0];
}

TEST(CopyOptions, what_is_copied_is_the_relation_and_its_columns_or_a_query) {
  EXPECT_EQ(copy_of("copy t to stdout"), (CopyOut{.format = Format::Text, .null_text = "\\N", .schema = "", .relation = "t", .columns = {}}));
  EXPECT_EQ(copy_of("COPY Hr.\"Emp\" (Id, \"Na me\") TO STDOUT"),
            (CopyOut{.format = Format::Text, .null_text = "\\N", .schema = "hr", .relation = "Emp", .columns = {"id", "Na me"}}));
  EXPECT_EQ(copy_of("copy (select 1) to stdout").relation, "");
}

TEST(CopyOptions, csv_has_its_own_defaults_and_both_syntaxes_say_the_same) {
  const CopyOut csv{.format = Format::Csv, .delimiter = ',', .null_text = "", .schema = "", .relation = "t", .columns = {}};
  EXPECT_EQ(copy_of("copy t to stdout (format csv)"), csv);
  EXPECT_EQ(copy_of("copy t to stdout with csv"), csv);
  EXPECT_EQ(copy_of("copy t to stdout (format 'csv', force_quote *)"), csv);
  CopyOut all{.format = Format::Csv, .header = true, .delimiter = ';', .quote = '\'', .escape = '~', .null_text = "nil",
              .schema = "", .relation = "t", .columns = {}};
  EXPECT_EQ(copy_of("copy t to stdout (format csv, header, delimiter ';', quote '''', escape '~', null 'nil', force_quote (a))"), all);
  EXPECT_EQ(copy_of("copy t to stdout delimiter as ';' null as 'nil' csv header quote as '''' escape as '~' force quote a"), all);
  all.escape = all.quote;
  EXPECT_EQ(copy_of("copy t to stdout (format csv, header on, delimiter ';', quote '''', null 'nil')"), all);
}

TEST(CopyOptions, a_header_is_there_when_the_server_writes_one) {
  for (const std::string_view on : {"header", "header true", "header 'TRUE'", "header on", "header 1"}) {
    EXPECT_TRUE(copy_of("copy t to stdout (format csv, " + std::string(on) + ")").header) << on;
  }
  for (const std::string_view off : {"header false", "header 'off'", "header 0", "header OFF"}) {
    const CopyOut copy = copy_of("copy t to stdout (format csv, " + std::string(off) + ")");
    EXPECT_FALSE(copy.header) << off;
    EXPECT_EQ(copy.format, Format::Csv) << off;
  }
  EXPECT_TRUE(copy_of("copy t to stdout (header)").header);
}

TEST(CopyOptions, what_is_not_understood_has_no_format) {
  for (const std::string_view options :
       {"(format binary)", "binary", "(format 'CSV')", "(format json)", "(encoding 'LATIN1')", "encoding 'SQL_ASCII'", "(nosuch 1)",
        "(header match)", "(header 2)", "(header '1')", "(delimiter 'ab')", "(delimiter '')", "(delimiter E'\\n')", "(delimiter 'a')",
        "(delimiter '.')", "(delimiter '\\')", "(null '\\X')", "(null E'a\\nb')", "(null 'a\tb')", "(quote '\"')", "(format csv, quote ',')",
        "(format csv, null '\"')", "(format csv, quote 'ab')", "(format csv, format text)", "(format csv, delimiter E'\\r')",
        "(delimiter ',', delimiter ';')", "(null 'a', null 'b')", "(format)", "(delimiter)", "(delimiter 1)"}) {
    EXPECT_EQ(copy_of("copy t to stdout " + std::string(options)).format, Format::Unknown) << options;
  }
  for (const std::string_view options : {"(encoding 'UTF8')", "(encoding 'utf-8')", "(encoding unicode)", "(delimiter 'Z')", "(null '')",
                                         "(null 'NULL')", "(format text)", "using delimiters ','"}) {
    EXPECT_EQ(copy_of("copy t to stdout " + std::string(options)).format, Format::Text) << options;
  }
  EXPECT_EQ(copy_of("copy binary t to stdout").format, Format::Unknown);
}

TEST(CopyOptions, each_copy_of_a_text_has_its_own_in_order_and_others_have_none) {
  const FactsPtr facts = facts_of("copy a to stdout; select 1; copy b to stdout csv; copy c from stdin; copy d to '/tmp/x'");
  ASSERT_EQ(facts->copies_out.size(), 2U);
  EXPECT_EQ(facts->copies_out[0].relation, "a");
  EXPECT_EQ(facts->copies_out[1].relation, "b");
  EXPECT_EQ(facts->copies_out[1].format, Format::Csv);
}

}  // namespace
}  // namespace sluice::rules::sql
