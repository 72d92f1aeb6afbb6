#include "rules/compile/names.h"
#include "rules/ruleset/ruleset_data.h"
#include "support.h"

namespace sluice::rules {
namespace {

const CompileContext context{{"orders", "billing"}};

std::string error_of(std::string_view text) {
  const SourceFile file{"r.yaml", std::string(text)};
  const auto set = compile({&file, 1}, context, 1, nullptr);
  return set ? "" : set.error().message;
}

struct Case {
  std::string_view why;
  std::string_view text;
  std::string_view want;  // The error begins so.
};

template <size_t n>
void expect_errors(const Case (&cases)[n]) {
  for (const Case& c : cases) {
    const std::string got = error_of(c.text);
    EXPECT_TRUE(got.starts_with(c.want)) << c.why << "\n  got:  " << got << "\n  want: " << c.want;
  }
}

TEST(Compile, errors_say_where_what_was_expected_and_what_was_found) {
  const Case cases[] = {
      {"not YAML", "rules:\n  - id: a\n   bad: x\n", "r.yaml:3:4: expected YAML, found an error: "},
      {"nothing", "", "r.yaml:1:1: expected one YAML document, found none"},
      {"two documents", "rules: []\n---\nrules: []\n", "r.yaml:1:1: expected one YAML document, found more"},
      {"bug class 22: documents without end", ",x}", "r.yaml:1:1: expected one YAML document, found more"},
      {"a list for a file", "- id: a\n", "r.yaml:1:1: expected a rule file as a mapping, found a list"},
      {"no rules", "{}\n", "r.yaml:1:1: expected rules, found none"},
      {"an empty list of rules", "rules: []\n", "r.yaml:1:8: expected a list of rules, found an empty list"},
      {"a misspelt key", "rules:\n  - id: typo\n    statment: {kinds: [drop]}\n    verdict: deny\n",
       "r.yaml:3:5: expected a key of a rule (id, target, when, except, mode, statement, result, session, "
       "verdict, message, hint, mask), "
       "found \"statment\"; did you mean \"statement\"?"},
      {"the same key twice", "rules:\n  - {id: a, id: b}\n", "r.yaml:2:13: expected each key once, found \"id\" again"},
      {"no id", "rules:\n  - {verdict: deny}\n", "r.yaml:2:5: expected id in a rule, found none"},
      {"an id in capitals", "rules:\n  - {id: Ab}\n", "r.yaml:2:10: expected an id of at most 64 letters a-z, digits and "
                                                      "dashes, found \"Ab\""},
      {"the same id twice",
       "rules:\n  - {id: a, statement: {kinds: [drop]}, verdict: deny}\n  - {id: a, statement: {kinds: [load]}, verdict: deny}\n",
       "r.yaml:3:10: expected an id of its own, found \"a\", which r.yaml:2:10 has"},
      {"an unknown target", "rules:\n  - {id: a, target: oders}\n",
       "r.yaml:2:21: expected the name of a target (orders, billing), found \"oders\"; did you mean \"orders\"?"},
      {"an empty target", "rules:\n  - {id: a, target: }\n", "r.yaml:2:21: expected a target's name, found nothing"},
      {"an unknown kind", "rules:\n  - {id: a, statement: {kinds: [dorp]}, verdict: deny}\n",
       "r.yaml:2:33: expected a statement kind (other, select, insert,"},
      {"a kind twice", "rules:\n  - {id: a, statement: {kinds: [drop, drop]}, verdict: deny}\n",
       "r.yaml:2:39: expected each of statement kinds once, found \"drop\" again"},
      {"a text for a list", "rules:\n  - {id: a, statement: {kinds: drop}, verdict: deny}\n",
       "r.yaml:2:32: expected a list of statement kinds, found \"drop\""},
      {"neither statement nor result", "rules:\n  - {id: a}\n", "r.yaml:2:5: expected exactly one of statement, result and session, found none"},
      {"both", "rules:\n  - {id: a, statement: {kinds: [drop]}, result: {types: [US_SSN]}}\n",
       "r.yaml:2:5: expected exactly one of statement, result and session, found more"},
      {"no verdict", "rules:\n  - {id: a, statement: {kinds: [drop]}}\n", "r.yaml:2:13: expected verdict beside statement, found none"},
      {"a misspelt verdict", "rules:\n  - {id: a, statement: {kinds: [drop]}, verdict: dney}\n",
       "r.yaml:2:50: expected deny, hold, allow or alert, found \"dney\"; did you mean \"deny\"?"},
      {"three parts for a relation", "rules:\n  - {id: a, statement: {relations: [a.b.c]}, verdict: deny}\n",
       "r.yaml:2:37: expected schema.table, table or schema.*, found \"a.b.c\""},
      {"a mask on a statement", "rules:\n  - {id: a, statement: {kinds: [drop]}, verdict: deny, mask: {operator: redact}}\n",
       "r.yaml:2:56: expected mask beside result, found it beside statement"},
      {"a verdict on a result", "rules:\n  - {id: a, result: {types: [US_SSN]}, verdict: deny, mask: {operator: redact}}\n",
       "r.yaml:2:40: expected verdict beside statement, found it beside result"},
      {"no mask", "rules:\n  - {id: a, result: {types: [US_SSN]}}\n", "r.yaml:2:13: expected mask beside result, found none"},
      {"types and columns", "rules:\n  - {id: a, result: {types: [US_SSN], columns: [a.b.c]}, mask: {operator: redact}}\n",
       "r.yaml:2:21: expected exactly one of types and columns, found both"},
      {"an unknown type", "rules:\n  - {id: a, result: {types: [US_SNS]}, mask: {operator: redact}}\n",
       "r.yaml:2:30: expected a data type, found \"US_SNS\"; did you mean \"US_SSN\"?"},
      {"a column without a schema", "rules:\n  - {id: a, result: {columns: [b.c]}, mask: {operator: redact}}\n",
       "r.yaml:2:32: expected schema.table.column, where * stands for any characters, found \"b.c\""},
      {"an unknown operator", "rules:\n  - {id: a, result: {columns: [a.b.c]}, mask: {operator: vanish}}\n",
       "r.yaml:2:58: expected an operator (redact, replace, mask, hash, null, keep), found \"vanish\""},
      {"null without quotes", "rules:\n  - {id: a, result: {columns: [a.b.c]}, mask: {operator: null}}\n",
       "r.yaml:2:58: expected an operator, found nothing; YAML reads null without quotes"},
      {"a number that is none", "rules:\n  - {id: a, result: {columns: [a.b.c]}, mask: {operator: mask, keep_last: -1}}\n",
       "r.yaml:2:75: expected a whole number from 0 to 64, found \"-1\""},
      {"a masking character that could break JSON",
       "rules:\n  - {id: a, result: {columns: [a.b.c]}, mask: {operator: mask, masking_char: '\"'}}\n",
       "r.yaml:2:78: expected one of *#xX~!?=^ , found"},
      {"inference is a word about columns", "rules:\n  - {id: a, result: {types: [US_SSN], inference: allow}, mask: {operator: redact}}\n",
       "r.yaml:2:39: expected inference beside columns, found it beside types"},
      {"an alias to itself", "rules: &a\n  - *a\n", "r.yaml:"},
  };
  expect_errors(cases);
}

TEST(Compile, promise_04_a_rule_that_can_never_fire_does_not_load) {
  const Case cases[] = {
      {"an empty list of kinds", "rules:\n  - {id: a, statement: {kinds: []}, verdict: deny}\n",
       "r.yaml:2:32: expected a list of statement kinds, found an empty list"},
      {"an empty list of groups", "rules:\n  - {id: a, when: {groups: []}, statement: {kinds: [drop]}, verdict: deny}\n",
       "r.yaml:2:28: expected a list of group names, found an empty list"},
      {"an empty statement", "rules:\n  - {id: a, statement: {}, verdict: deny}\n",
       "r.yaml:2:24: expected at least one of kinds, other_kinds_than, where, limit, opaque, relations, reads, writes, "
       "functions, columns, used, pattern, found none"},
      {"kinds that have no WHERE", "rules:\n  - {id: a, statement: {kinds: [update, insert], where: absent}, verdict: deny}\n",
       "r.yaml:2:57: expected kinds that have a where (update, delete) beside where: absent, found insert"},
      {"everybody it speaks of is excepted",
       "rules:\n  - {id: a, when: {groups: [x]}, except: {groups: [x, y]}, statement: {kinds: [drop]}, verdict: deny}\n",
       "r.yaml:2:34: expected a group of when that except leaves, found none"},
      {"a pattern with a literal, which canonical text has not", "rules:\n  - {id: a, statement: {pattern: \"= 'x'\"}, verdict: deny}\n",
       "r.yaml:2:34: expected a pattern for canonical text"},
      {"a name longer than names are",
       "rules:\n  - {id: a, statement: {relations: [aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]}, verdict: deny}\n",
       "r.yaml:2:37: expected schema.table"},
  };
  expect_errors(cases);
}

TEST(Compile, promise_04_a_rule_that_cannot_be_enforced_does_not_load) {
  const Case cases[] = {
      {"a pattern that matches the empty text", "rules:\n  - {id: a, statement: {pattern: 'x*'}, verdict: deny}\n",
       "r.yaml:2:34: expected a pattern that needs at least one character"},
      {"bug class 21: an invalid pattern is an error, not a rule skipped", "rules:\n  - {id: a, statement: {pattern: 'drop (table'}, verdict: deny}\n",
       "r.yaml:2:34: expected a regular expression that Hyperscan takes, found: Missing close parenthesis"},
      {"a back-reference, which Hyperscan has not", "rules:\n  - {id: a, statement: {pattern: '(a)\\1'}, verdict: deny}\n",
       "r.yaml:2:34: expected a regular expression that Hyperscan takes, found: "},
      {"a pattern too large to compile", "rules:\n  - {id: a, statement: {pattern: '(\\b[a-z0-9._%+-]{5,30}@[a-z0-9-]{5,60}\\.[a-z]{2,10}){20}'}, verdict: deny}\n",
       "r.yaml:2:34: expected a regular expression that Hyperscan takes, found: "},
      {"an operator that keeps nothing told to keep", "rules:\n  - {id: a, result: {columns: [a.b.c]}, mask: {operator: redact, keep_first: 2}}\n",
       "r.yaml:2:66: expected operator mask beside keep_first, found redact"},
      {"a mask that leaves the value standing", "rules:\n  - {id: a, result: {types: [US_SSN]}, mask: {operator: mask, keep_first: 3, keep_last: 4}}\n",
       "r.yaml:2:46: expected keep_first + keep_last of at most 4 for US_SSN, found 7"},
      {"an allow rule by relation, while unqualified names may be anything",
       "rules:\n  - {id: a, statement: {kinds: [select], relations: [a]}, verdict: allow}\n",
       "r.yaml:2:42: expected schema.table or schema.* in an allow rule, found a name without its schema"},
      {"an allow rule by pattern alone", "rules:\n  - {id: a, statement: {pattern: '^select'}, verdict: allow}\n",
       "r.yaml:2:24: expected kinds in an allow rule, found none"},
      {"COPY data is not judged", "rules:\n  - {id: a, statement: {kinds: [copy-in], copy_data: [x]}, verdict: deny}\n",
       "r.yaml:2:43: \"copy_data\" is not available in this version"},
  };
  expect_errors(cases);
}

TEST(Compile, a_hash_names_a_key_of_the_configuration_and_nothing_else_does) {
  const Case cases[] = {
      {"no key", "rules:\n  - {id: a, result: {columns: [a.b.c]}, mask: {operator: hash}}\n",
       "r.yaml:2:47: expected key beside operator hash, and only there, found hash"},
      {"a key beside another operator", "rules:\n  - {id: a, result: {columns: [a.b.c]}, mask: {operator: mask, key: people}}\n",
       "r.yaml:2:47: expected key beside operator hash, and only there, found mask"},
      {"a key that is not there", "rules:\n  - {id: a, result: {columns: [a.b.c]}, mask: {operator: hash, key: people}}\n",
       "r.yaml:2:69: expected a name of mask_keys in the configuration, found \"people\""},
      {"kept characters", "rules:\n  - {id: a, result: {columns: [a.b.c]}, mask: {operator: hash, keep_last: 4}}\n",
       "r.yaml:2:47: expected key beside operator hash, and only there, found hash"},
      {"a salt, as other programs have it", "rules:\n  - {id: a, result: {columns: [a.b.c]}, mask: {operator: hash, salt: x}}\n",
       "r.yaml:2:64: \"salt\" is not available in this version"},
  };
  expect_errors(cases);
}

TEST(Compile, what_a_later_version_may_know_is_refused_by_name) {
  const Case cases[] = {
      {"approval", "rules:\n  - {id: a, approval: {count: 1}}\n", "r.yaml:2:13: \"approval\" is not available in this version"},
      {"http", "rules:\n  - {id: a, http: {methods: [GET]}}\n", "r.yaml:2:13: \"http\" is not available in this version"},
      {"parameters", "rules:\n  - {id: a, statement: {parameters: x}}\n", "r.yaml:2:25: \"parameters\" is not available in this version"},
      {"another operator", "rules:\n  - {id: a, result: {columns: [a.b.c]}, mask: {operator: fpe}}\n",
       "r.yaml:2:58: operator \"fpe\" is not available in this version"},
      {"another type", "rules:\n  - {id: a, result: {types: [PHONE_NUMBER]}, mask: {operator: redact}}\n",
       "r.yaml:2:30: data type \"PHONE_NUMBER\" is not available in this version"},
  };
  expect_errors(cases);
}

TEST(Compile, ids_are_unique_across_files_and_the_hash_covers_every_byte) {
  const std::string rule = "rules:\n  - {id: a, statement: {kinds: [drop]}, verdict: deny}\n";
  const std::string other = "rules:\n  - {id: b, statement: {kinds: [drop]}, verdict: deny}\n";
  const std::vector<SourceFile> twice{{"1.yaml", rule}, {"2.yaml", rule}};
  EXPECT_EQ(compile(twice, context, 1, nullptr).error().message,
            "2.yaml:2:10: expected an id of its own, found \"a\", which 1.yaml:2:10 has");
  const std::vector<SourceFile> both{{"1.yaml", rule}, {"2.yaml", other}};
  const auto set = compile(both, context, 7, nullptr);
  ASSERT_TRUE(set);
  EXPECT_EQ((*set)->generation(), 7U);
  EXPECT_EQ((*set)->rule_count(), 2U);
  const std::vector<SourceFile> comment{{"1.yaml", rule + "#"}, {"2.yaml", other}};
  EXPECT_NE((*compile(comment, context, 7, nullptr))->hash(), (*set)->hash());
  EXPECT_EQ((*compile(both, context, 8, nullptr))->hash(), (*set)->hash());
}

TEST(Compile, no_files_make_an_empty_set) {
  const auto set = compile({}, context, 1, nullptr);
  ASSERT_TRUE(set);
  EXPECT_EQ((*set)->rule_count(), 0U);
}

TEST(Compile, every_part_of_a_rule_arrives) {
  const auto set = testing::rules_of(R"(
rules:
  - id: a-1
    target: orders
    when: {groups: [x]}
    except: {groups: [y]}
    statement: {kinds: [update, delete], where: absent, relations: [a.b, c, 'd.*'], pattern: "set x"}
    verdict: deny
    message: m
    hint: h
  - id: b-2
    result: {columns: ['HR.Employees."Salary"'], inference: allow}
    mask: {operator: mask, keep_first: 1, keep_last: 2, masking_char: "#"}
  - {id: c-3, statement: {kinds: [copy]}, verdict: deny}
)");
  const auto& rules = set->data().rules;
  ASSERT_EQ(rules.size(), 3U);
  EXPECT_EQ(rules[0].target, "orders");
  EXPECT_EQ(rules[0].when.groups, std::vector<std::string>{"x"});
  EXPECT_EQ(rules[0].except->groups, std::vector<std::string>{"y"});
  EXPECT_TRUE(rules[0].statement.where_absent);
  EXPECT_TRUE(rules[0].statement.pattern.has_value());
  ASSERT_EQ(rules[0].statement.relations.size(), 3U);
  EXPECT_TRUE(rules[0].statement.relations[2].every_name);
  EXPECT_EQ(rules[1].result.columns[0].schema.text, "hr");
  EXPECT_EQ(rules[1].result.columns[0].column.text, "Salary");
  EXPECT_EQ(rules[1].result.mask, (MaskSpec{MaskOperator::Mask, 1, 2, '#', {}}));
  for (const auto kind : {StatementKind::CopyIn, StatementKind::CopyOut, StatementKind::CopyFile, StatementKind::CopyProgram}) {
    EXPECT_TRUE(rules[2].statement.kinds.has(kind)) << "copy means all of them";
  }
}

TEST(Compile, warnings_name_what_loads_and_still_surprises) {
  std::vector<std::string> warnings;
  const SourceFile file{"r.yaml",
                        "rules:\n"
                        "  - {id: a, statement: {relations: ['hr.*']}, verdict: deny}\n"
                        "  - {id: c, result: {columns: [a.b.c], inference: allow}, mask: {operator: redact}}\n"};
  ASSERT_TRUE(compile({&file, 1}, context, 1, &warnings));
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(warnings[0].starts_with("r.yaml:2:25: schema.* also matches every unqualified name"));
}

TEST(Compile, promise_10_sizes_are_bounded) {
  EXPECT_TRUE(error_of(std::string(source_size_max + 1, '#')).starts_with("r.yaml:1:1: expected at most 1048576 bytes"));
  EXPECT_TRUE(error_of("rules:\n  - {id: a, statement: {pattern: " + std::string(pattern_size_max + 1, 'a') + "}, verdict: deny}\n")
                  .starts_with("r.yaml:2:34: expected a pattern of at most 1000 bytes"));
  std::string many = "rules:\n";
  for (size_t i = 0; i <= rules_max; ++i) many += "  - {id: r" + std::to_string(i) + ", statement: {kinds: [drop]}, verdict: deny}\n";
  EXPECT_TRUE(error_of(many).ends_with("expected at most 16384 rules, found more"));
  EXPECT_FALSE(error_of(std::string(100'000, '[')).empty()) << "nesting ends in an error, not in a crash";
}

TEST(Names, are_folded_and_unquoted_as_the_server_does) {
  const auto join = [](std::string_view text) {
    const auto parts = parse_name(text);
    if (!parts) return std::string("-");
    std::string out;
    for (const auto& part : *parts) out += "[" + (part.every ? "*" : part.text) + "]";
    return out;
  };
  EXPECT_EQ(join("Hr.Employees"), "[hr][employees]");
  EXPECT_EQ(join("hr.\"Emp.\"\"x\"\"\""), "[hr][Emp.\"x\"]");
  EXPECT_EQ(join("hr.*"), "[hr][*]");
  EXPECT_EQ(join("_a$1"), "[_a$1]");
  for (const std::string_view bad : {"", ".", "a.", ".a", "a b", "1a", "\"", "\"\"", "a\"b\"", "a.\"b", "a-b"}) {
    EXPECT_EQ(join(bad), "-") << bad;
  }
}

TEST(Names, the_nearest_word_is_offered_only_when_it_is_near) {
  EXPECT_EQ(nearest("statment", {"statement", "result"}), "statement");
  EXPECT_EQ(nearest("foo", {"statement", "result"}), "");
  EXPECT_EQ(nearest("", {"id"}), "");
}

}  // namespace
}  // namespace sluice::rules
