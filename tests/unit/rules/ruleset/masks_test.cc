// Column masks: planning by origin, taint by name, and what is refused because no mask can be carried.
#include "rules/ruleset/analyzer.h"
#include "support.h"

namespace sluice::rules {
namespace {

using enum StatementKind;
using testing::Bound;
using testing::facts_of;

constexpr uint32_t text_oid = 25;
constexpr uint32_t int4_oid = 23;
constexpr uint32_t int8_oid = 20;

constexpr std::string_view rules_text = R"(
rules:
  - {id: salaries, result: {columns: [hr.employees.salary]}, mask: {operator: "null"}}
  - {id: numbers, result: {columns: [hr.employees.ssn]}, mask: {operator: mask, keep_last: 4}}
  - {id: log, result: {columns: [app.log_2026.line]}, mask: {operator: redact}}
)";

enum Oid : uint32_t { Employees = 20001, Pay = 20002, PayNames = 20003, Heirs = 20004, Log = 20005, Log2026 = 20006,
                      Plain = 20007, LogView = 20008, PublicEmployees = 20009, Log2025 = 20010 };

Catalog catalog_of_hr() {
  Catalog catalog;
  catalog.version = 1;
  const auto add = [&](CatalogRelation relation) { catalog.relations.emplace(relation.oid, std::move(relation)); };
  const std::vector<CatalogColumn> people{{"id", 1, int4_oid}, {"name", 2, text_oid}, {"ssn", 4, text_oid}, {"salary", 5, int4_oid}};
  add({Employees, "hr", "employees", 'r', people, {}});
  add({Pay, "hr", "pay", 'v', {{"who", 1, text_oid}, {"amount", 2, int4_oid}}, {Employees}});
  add({PayNames, "app", "pay_names", 'm', {{"who", 1, text_oid}}, {Pay}});
  // A child has the same columns under other numbers.
  add({Heirs, "hr", "heirs", 'r', {{"salary", 2, int4_oid}, {"id", 3, int4_oid}, {"ssn", 7, text_oid}}, {Employees}});
  add({Log, "app", "log", 'p', {{"line", 1, text_oid}, {"at", 2, int4_oid}}, {}});
  add({Log2026, "app", "log_2026", 'r', {{"line", 1, text_oid}, {"at", 2, int4_oid}}, {Log}});
  add({Log2025, "app", "log_2025", 'r', {{"line", 1, text_oid}, {"at", 2, int4_oid}}, {Log}});
  add({LogView, "app", "log_view", 'v', {{"x", 1, text_oid}}, {Log}});
  add({Plain, "public", "plain", 'r', {{"a", 1, text_oid}, {"b", 2, int4_oid}}, {}});
  add({PublicEmployees, "public", "employees", 'r', people, {}});
  return catalog;
}

struct Hr : ::testing::Test {
  Catalog catalog = catalog_of_hr();
  Bound bound{rules_text};

  ColumnPlan plan(ResultColumn column, bool tainted = false) {
    return bound.rules.plan({std::move(column)}, tainted, &catalog).columns.at(0);
  }
  CellAction action(uint32_t table, uint16_t attribute, uint32_t type = text_oid, bool tainted = false) {
    return plan({"c", table, attribute, type, false}, tainted).action;
  }
  bool reads(std::vector<RelationUse> relations) { return bound.rules.reads_masked(facts_of({{Select}, std::move(relations), ""}), &catalog); }
  Decision judge(testing::FactsOf facts) { return bound.rules.judge_masks(facts_of(std::move(facts)), &catalog); }
  Decision judge(std::string_view sql) { return bound.rules.judge_masks(*analyze(sql, {}, {}), &catalog); }
};

TEST_F(Hr, promise_06_a_column_is_masked_by_origin_whatever_its_name) {
  const ColumnPlan ssn = plan({"harmless", Employees, 4, text_oid, false});
  EXPECT_EQ(ssn.action, CellAction::Mask);
  EXPECT_EQ(ssn.spec, (MaskSpec{.op = MaskOperator::Mask, .keep_last = 4}));
  EXPECT_EQ(ssn.rule, "numbers");
  EXPECT_EQ(action(Employees, 5, int4_oid), CellAction::Null);
  EXPECT_EQ(action(Employees, 2), CellAction::Pass);
  EXPECT_EQ(action(PublicEmployees, 4), CellAction::Pass) << "the same name in another schema";
  EXPECT_EQ(action(Plain, 1), CellAction::Pass);
}

TEST_F(Hr, masking_evasion_01_aliases_and_stars_keep_the_origin) {
  const MaskPlan all = bound.rules.plan({{"a", Employees, 1, int4_oid, false}, {"ssn", Employees, 2, text_oid, false},
                                         {"b", Employees, 4, text_oid, true}, {"c", Employees, 5, int4_oid, true}},
                                        true, &catalog);
  EXPECT_FALSE(all.passes_all);
  const CellAction want[] = {CellAction::Pass, CellAction::Pass, CellAction::Mask, CellAction::Null};
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(all.columns[i].action, want[i]) << i;
}

TEST_F(Hr, masking_evasion_02_to_07_expressions_have_no_origin_and_are_null_in_a_tainted_statement) {
  EXPECT_EQ(action(0, 0, text_oid, true), CellAction::Null);
  EXPECT_EQ(action(0, 0, int4_oid, true), CellAction::Null);
  EXPECT_EQ(action(0, 0, text_oid, false), CellAction::Pass);
}

TEST_F(Hr, masking_evasion_05_a_whole_row_is_null) {
  EXPECT_EQ(action(Employees, 0, 20100), CellAction::Null);
  EXPECT_EQ(action(Pay, 0, 20101), CellAction::Null);
  EXPECT_EQ(action(Plain, 0, 20102), CellAction::Pass);
}

TEST_F(Hr, masking_evasion_08_views_materialised_views_children_and_partitions) {
  EXPECT_EQ(action(Pay, 1), CellAction::Null) << "every column of a view that reaches the table";
  EXPECT_EQ(action(PayNames, 1), CellAction::Null) << "a materialised view of the view";
  EXPECT_EQ(action(Heirs, 2, int4_oid), CellAction::Null) << "a child, by name";
  EXPECT_EQ(action(Heirs, 7), CellAction::Mask);
  EXPECT_EQ(action(Heirs, 3, int4_oid), CellAction::Pass) << "the number of a masked column of the parent is not that column";
  EXPECT_EQ(action(Log2026, 1), CellAction::Mask);
  EXPECT_EQ(action(Log, 1), CellAction::Mask) << "rows of a masked partition are read through its parent";
  EXPECT_EQ(action(LogView, 1), CellAction::Null);
  EXPECT_EQ(action(Log2025, 1), CellAction::Pass) << "a sister partition has no rule";
}

TEST_F(Hr, masking_evasion_14_a_type_that_cannot_hold_the_mask_becomes_null) {
  for (const uint32_t type : {114U, 3802U, 142U, 17U, 1009U, 20U, 1700U, 701U, 18U, 16500U}) {
    EXPECT_EQ(action(Employees, 4, type), CellAction::Null) << type;
  }
  for (const uint32_t type : {25U, 1043U, 1042U, 19U, 705U}) EXPECT_EQ(action(Employees, 4, type), CellAction::Mask) << type;
}

TEST_F(Hr, promise_01_an_unknown_relation_is_masked_whole_while_column_masks_live) {
  EXPECT_EQ(action(29999, 1), CellAction::Null) << "made in this transaction, or a second ago";
  EXPECT_EQ(action(1259, 2), CellAction::Pass) << "pg_class is PostgreSQL's own";
  EXPECT_TRUE(reads({{"", "just_made", true, false}}));
  EXPECT_FALSE(reads({{"pg_catalog", "pg_class", true, false}, {"", "pg_class", true, false}, {"information_schema", "tables", true, false}}));
  EXPECT_TRUE(reads({{"pg_toast", "pg_toast_20001", true, false}}));
}

TEST_F(Hr, promise_01_without_a_catalog_whatever_is_tainted_is_null) {
  EXPECT_EQ(bound.rules.plan({{"a", Plain, 1, text_oid, false}}, true, nullptr).columns[0].action, CellAction::Null);
  EXPECT_TRUE(bound.rules.reads_masked(facts_of({{Select}, {{"public", "plain", true, false}}, ""}), nullptr));
  EXPECT_FALSE(bound.rules.reads_masked(facts_of({{Select}, {}, "select $1"}), nullptr));
  EXPECT_EQ(ColumnPlan{}.action, CellAction::Null) << "zeroed memory passes no value";
}

TEST_F(Hr, promise_01_a_view_of_something_the_catalog_lacks_is_masked_whole) {
  catalog.version = 2;
  catalog.relations.emplace(30000, CatalogRelation{30000, "public", "odd", 'v', {{"a", 1, text_oid}}, {29998}});
  catalog.relations.emplace(30001, CatalogRelation{30001, "public", "stat", 'v', {{"a", 1, text_oid}}, {1259}});
  EXPECT_EQ(action(30000, 1), CellAction::Null);
  EXPECT_EQ(action(30001, 1), CellAction::Pass);
}

TEST_F(Hr, reads_masked_by_name_through_views_and_by_opaque_code) {
  EXPECT_TRUE(reads({{"hr", "employees", true, false}}));
  EXPECT_TRUE(reads({{"", "employees", true, false}})) << "unqualified: it may be the one in hr";
  EXPECT_FALSE(reads({{"public", "employees", true, false}}));
  EXPECT_TRUE(reads({{"app", "pay_names", true, false}}));
  EXPECT_FALSE(reads({{"", "plain", true, false}, {"app", "log_2025", true, false}}));
  EXPECT_FALSE(reads({}));
  EXPECT_TRUE(bound.rules.reads_masked(facts_of({{Select}, {}, "select app.f()", true}), &catalog));
}

TEST_F(Hr, a_renamed_column_hides_the_table_and_raises_the_alarm) {
  catalog.version = 2;
  catalog.relations.at(Employees).columns[3].name = "pay";
  EXPECT_EQ(action(Employees, 5, int4_oid), CellAction::Null);
  EXPECT_EQ(action(Employees, 2), CellAction::Null) << "which column it is now, nobody knows";
  EXPECT_EQ(unresolved_columns(*bound.set, catalog, "orders"), std::vector<std::string>{"salaries: hr.employees.salary"});
  EXPECT_TRUE(unresolved_columns(*bound.set, catalog_of_hr(), "orders").empty());
}

TEST_F(Hr, promise_06_a_mask_follows_its_table_and_column_through_renames) {
  Catalog renamed = catalog_of_hr();
  renamed.version = 2;
  for (auto& [oid, relation] : renamed.relations) {
    if (relation.schema == "hr") relation.schema = "hr_old";
  }
  renamed.relations.at(Employees).name = "staff";
  renamed.relations.at(Employees).columns[3].name = "pay";
  keep_former_names(catalog, renamed);
  catalog = renamed;
  EXPECT_EQ(action(Employees, 5, int4_oid), CellAction::Null);
  EXPECT_EQ(action(Employees, 4), CellAction::Mask);
  EXPECT_EQ(action(Employees, 2), CellAction::Pass) << "the renamed column is known, so the others show";
  EXPECT_EQ(action(Heirs, 2, int4_oid), CellAction::Null);
  EXPECT_EQ(action(Pay, 2, int4_oid), CellAction::Null);
  EXPECT_TRUE(reads({{"hr_old", "staff", true, false}}));
  EXPECT_EQ(action(PublicEmployees, 4), CellAction::Pass);
}

TEST_F(Hr, a_schema_is_not_renamed_under_column_masks) {
  EXPECT_EQ(judge({{Alter}, {}, "alter schema hr rename to old"}).verdict, Verdict::Deny);
  EXPECT_EQ(judge({{Alter, Select}, {}, "select $1; alter schema hr rename to old"}).verdict, Verdict::Deny);
  EXPECT_EQ(judge({{Alter}, {{"public", "plain", false, true}}, "alter table plain rename to p"}).verdict, Verdict::Allow);
}

TEST_F(Hr, a_principal_outside_the_rule_sees_everything) {
  Bound fraud(R"(
rules:
  - {id: a, except: {groups: [payroll]}, result: {columns: [hr.employees.salary]}, mask: {operator: "null"}}
  - {id: b, target: other, result: {columns: [hr.employees.ssn]}, mask: {operator: "null"}}
)", Verdict::Allow, {"payroll"});
  EXPECT_FALSE(fraud.rules.masks_live());
  EXPECT_FALSE(fraud.rules.reads_masked(facts_of({{Select}, {{"hr", "employees", true, false}}, ""}), &catalog));
  EXPECT_TRUE(fraud.rules.plan({{"a", Employees, 5, int4_oid, false}}, false, &catalog).passes_all);
}

TEST_F(Hr, two_rules_on_one_column_leave_what_both_leave) {
  for (const std::string_view order : {"ab", "ba"}) {
    const std::string a = "  - {id: a, result: {columns: [hr.employees.ssn]}, mask: {operator: mask, keep_first: 3, keep_last: 4}}\n";
    const std::string b = "  - {id: b, result: {columns: [hr.employees.ssn]}, mask: {operator: mask, keep_last: 2}}\n";
    Bound both("rules:\n" + (order == "ab" ? a + b : b + a));
    const auto column = both.rules.plan({{"x", Employees, 4, text_oid, false}}, true, &catalog).columns[0];
    EXPECT_EQ(column.spec, (MaskSpec{.op = MaskOperator::Mask, .keep_last = 2}));
  }
}

TEST_F(Hr, masking_evasion_12_copy_is_refused_where_its_format_or_its_columns_are_not_known) {
  const auto refused = [&](std::string_view sql) {
    const Decision decision = judge(sql);
    EXPECT_EQ(decision.verdict == Verdict::Allow, decision.hint.empty()) << sql;
    return decision.reason == Reason::Unmaskable;
  };
  for (const std::string_view sql :
       {"copy hr.employees to stdout binary", "copy plain to stdout (format binary)", "copy hr.employees to stdout (encoding 'LATIN1')",
        "copy (select * from hr.employees) to stdout", "copy (select name from hr.employees) to stdout csv", "copy (table hr.pay) to stdout",
        "copy (select 1) to stdout; copy hr.employees to stdout", "copy (select app.f()) to stdout", "copy employees to stdout",
        "copy app.nosuch to stdout", "copy plain to stdout; copy (select count(*) from hr.employees) to stdout"}) {
    EXPECT_TRUE(refused(sql)) << sql;
  }
  for (const std::string_view sql :
       {"copy hr.employees to stdout", "copy hr.employees (ssn, id) to stdout csv header", "copy hr.heirs to stdout", "copy plain to stdout",
        "copy (select * from plain) to stdout", "copy app.log to stdout; copy public.employees to stdout"}) {
    EXPECT_FALSE(refused(sql)) << sql;
  }
  Bound values("rules:\n  - {id: a, result: {types: [US_SSN]}, mask: {operator: redact}}\n");
  EXPECT_EQ(values.rules.judge_masks(*analyze("copy t to stdout (format binary)", {}, {}), nullptr).verdict, Verdict::Deny);
  EXPECT_EQ(values.rules.judge_masks(*analyze("copy t to stdout", {}, {}), nullptr).verdict, Verdict::Allow);
  EXPECT_EQ(values.rules.judge_masks(facts_of({{CopyOut}, {}, ""}), &catalog).verdict, Verdict::Deny) << "nothing known of the COPY";
  Bound none("rules:\n  - {id: a, statement: {kinds: [drop]}, verdict: deny}\n");
  EXPECT_EQ(none.rules.judge_masks(*analyze("copy t to stdout binary", {}, {}), nullptr).verdict, Verdict::Allow);
}

struct CopyOfHr : Hr {
  std::vector<CellAction> actions(std::string_view sql, size_t columns, const Catalog* known) {
    const FactsPtr facts = analyze(sql, {}, {});
    std::vector<CellAction> actions;
    for (const ColumnPlan& column : bound.rules.plan_copy(*facts, facts->copies_out.at(0), columns, known).plan.columns) {
      actions.push_back(column.action);
    }
    return actions;
  }
};

TEST_F(CopyOfHr, masking_evasion_12_columns_of_a_copied_table_are_masked_as_in_a_select) {
  using enum CellAction;
  using Actions = std::vector<CellAction>;
  EXPECT_EQ(actions("copy hr.employees to stdout", 4, &catalog), (Actions{Pass, Pass, Mask, Null}));
  EXPECT_EQ(actions("copy hr.employees (salary, ssn) to stdout", 2, &catalog), (Actions{Null, Mask}));
  EXPECT_EQ(actions("copy hr.heirs (id, salary) to stdout", 2, &catalog), (Actions{Pass, Null})) << "a child";
  EXPECT_EQ(actions("copy public.employees to stdout", 4, &catalog), (Actions{Pass, Pass, Pass, Pass}));
  EXPECT_EQ(actions("copy (select * from plain) to stdout", 2, &catalog), (Actions{Pass, Pass}));
}

TEST_F(CopyOfHr, masking_evasion_12_what_is_not_known_is_null) {
  using enum CellAction;
  using Actions = std::vector<CellAction>;
  EXPECT_EQ(actions("copy hr.employees to stdout", 5, &catalog), (Actions{Null, Null, Null, Null, Null})) << "a column was added";
  EXPECT_EQ(actions("copy hr.employees (nosuch, id) to stdout", 2, &catalog), (Actions{Null, Null}));
  EXPECT_EQ(actions("copy employees to stdout", 2, &catalog), (Actions{Null, Null}));
  EXPECT_EQ(actions("copy hr.employees to stdout", 4, nullptr), (Actions{Null, Null, Null, Null}));
  EXPECT_EQ(actions("copy (select * from hr.employees) to stdout", 1, &catalog), (Actions{Null}));
  catalog.relations.at(Employees).columns[1].generated = true;
  catalog.relations.at(Employees).columns[1].computed_from = {1};
  catalog.version = 2;
  EXPECT_EQ(actions("copy hr.employees to stdout", 3, &catalog), (Actions{Pass, Mask, Null})) << "COPY leaves generated columns out";
}

TEST_F(Hr, masking_evasion_02_a_column_computed_from_a_masked_one_is_null) {
  constexpr uint16_t computed = 6;
  CatalogRelation& employees = catalog.relations.at(Employees);
  employees.columns.push_back({.name = "masked_too", .attribute = computed, .type_oid = text_oid, .generated = true, .computed_from = {4}});
  catalog.version = 2;
  EXPECT_EQ(action(Employees, computed), CellAction::Null);
  EXPECT_EQ(judge("select id from hr.employees where masked_too = 'x'").reason, Reason::Unmaskable);
  employees.columns.back().computed_from = {1, 2};
  catalog.version = 3;
  EXPECT_EQ(action(Employees, computed), CellAction::Pass) << "of others";
  employees.columns.back().computed_from = {};
  catalog.version = 4;
  EXPECT_EQ(action(Employees, computed), CellAction::Null) << "nobody says of what";
  EXPECT_EQ(plan({"ssn", Employees, 4, text_oid, false}).action, CellAction::Mask) << "its own mask is as before";
}

TEST_F(Hr, a_copied_query_is_looked_at_in_the_context_of_every_word_it_names) {
  Bound values("rules:\n  - {id: a, result: {types: [US_SSN]}, mask: {operator: redact}}\n");
  const auto in_context = [&](std::string_view sql) {
    const FactsPtr facts = analyze(sql, {}, {});
    const CopyPlan made = values.rules.plan_copy(*facts, facts->copies_out.at(0), 1, &catalog);
    EXPECT_EQ(made.plan.columns.at(0).action, CellAction::Scan) << sql;
    return !made.plan.searches.empty() && made.plan.searches[made.plan.columns[0].search].in_context.has(DataType::UsSsn);
  };
  const std::string long_text = "copy (select a, " + std::string(300, 'x') + ", ssn, " + std::string(300, 'y') + " from plain) to stdout";
  for (const std::string_view sql :
       {std::string_view("copy (select ssn from t) to stdout"), std::string_view("copy (select a as \"Ssn\" from plain) to stdout"),
        std::string_view(long_text), std::string_view("copy (select * from hr.employees) to stdout"),
        std::string_view("copy (table hr.employees) to stdout"), std::string_view("copy (select * from nosuch) to stdout"),
        std::string_view("copy (select * from f()) to stdout"), std::string_view("copy hr.employees (ssn) to stdout"),
        std::string_view("copy employees to stdout"), std::string_view("copy nosuch to stdout"),
        std::string_view("copy plain to stdout"), std::string_view("copy (select count(*) from hr.employees) to stdout"),
        std::string_view("copy (select x from hr.employees as s(i, n, x, o)) to stdout"), std::string_view("copy (select (a)[1].* from plain) to stdout"),
        std::string_view("copy (select a.b.* from plain a) to stdout"), std::string_view("copy (select (a).* from plain) to stdout")}) {
    EXPECT_TRUE(in_context(sql)) << sql;
  }
  for (const std::string_view sql : {"copy (select a from plain) to stdout", 
                                     "copy (select * from plain) to stdout", "copy (select plain.* from plain) to stdout",
                                     "copy hr.employees (name) to stdout", "copy nosuch (name) to stdout"}) {
    EXPECT_FALSE(in_context(sql)) << sql;
  }
}

TEST_F(Hr, masking_evasion_10_and_18_what_would_take_masked_rows_elsewhere_is_refused) {
  const RelationUse read{"hr", "employees", true, false};
  const RelationUse plain_read{"", "plain", true, false};
  const RelationUse plain_written{"", "plain", false, true};
  const RelationUse masked_written{"hr", "employees", false, true};
  const struct {
    std::string_view why;
    testing::FactsOf facts;
    bool denied;
  } cases[] = {
      {"CREATE TABLE AS", {{Create, Select}, {read, {"", "loot", false, true}}, ""}, true},
      {"CREATE TABLE AS of another table", {{Create, Select}, {plain_read}, ""}, false},
      {"CREATE VIEW", {{Create, Select}, {{"", "pay", true, false}}, ""}, true},
      {"CREATE TABLE AS EXECUTE", {{Create, Execute}, {}, ""}, true},
      {"INSERT SELECT", {{Insert, Select}, {read, plain_written}, ""}, true},
      {"INSERT SELECT into it", {{Insert, Select}, {plain_read, masked_written}, ""}, false},
      {"MERGE from it", {{Merge, Update}, {read, plain_written}, ""}, true},
      {"DELETE RETURNING fed to an INSERT", {{Delete, Insert, Select}, {masked_written, plain_written}, ""}, true},
      {"COPY TO a file", {{CopyFile}, {read}, ""}, true},
      {"COPY TO PROGRAM", {{CopyProgram}, {read}, ""}, true},
      {"COPY FROM STDIN", {{CopyIn}, {masked_written}, ""}, false},
      {"EXPLAIN", {{Explain, Select}, {read}, ""}, true},
      {"EXPLAIN of another table", {{Explain, Select}, {plain_read}, ""}, false},
      {"ALTER of the table", {{Alter}, {masked_written}, ""}, true},
      {"ALTER of another table", {{Alter}, {plain_written}, ""}, false},
      {"DO", {{Do}, {}, "", true}, true},
      {"CREATE FUNCTION", {{Create}, {}, "", true}, true},
      {"CREATE TABLE", {{Create}, {{"public", "plain", false, true}}, ""}, false},
      {"an existing function is its owner's", {{Select}, {}, "", true}, false},
      {"pg_notify of a masked value", {{Select}, {read}, "", false, false, {"pg_notify"}}, true},
      {"set_config of a masked value", {{Select}, {read}, "", false, false, {"pg_catalog.set_config"}}, true},
      {"a lock that shows its key", {{Select}, {read}, "", false, false, {"pg_advisory_xact_lock"}}, true},
      {"set_config of something else", {{Select}, {}, "", false, false, {"set_config"}}, false},
      {"pg_stats", {{Select}, {{"", "pg_stats", true, false}}, ""}, true},
      {"pg_statistic, qualified", {{Select}, {{"pg_catalog", "pg_statistic", true, false}}, ""}, true},
  };
  for (const auto& c : cases) {
    const Decision got = judge(c.facts);
    EXPECT_EQ(got.verdict, c.denied ? Verdict::Deny : Verdict::Allow) << c.why << ": " << got.message;
    EXPECT_EQ(got.message.empty(), !c.denied) << c.why;
  }
}

TEST_F(Hr, masking_evasion_10_17_and_25_what_a_text_does_with_masked_columns_is_read_off_it) {
  const struct {
    std::string_view why, sql;
    bool denied;
  } cases[] = {
      {"a plain read", "select salary from hr . employees", false},
      {"INSERT VALUES into it", "insert into hr . employees ( id , ssn ) values ( 1 , 1 )", false},
      {"UPDATE FROM it", "update plain set a = e . ssn from hr . employees e", true},
      {"UPDATE RETURNING fed to an UPDATE", "with x as ( update hr . employees set id = id returning ssn ) update plain set a = x . ssn", true},
      {"two writes that share nothing", "insert into hr . employees values ( 1 ) ; insert into plain values ( 1 )", false},
      {"UPDATE of an open column by key", "update hr . employees set name = 1 where id = 1", false},
      {"UPDATE of the masked column", "update hr . employees set name = 1 , salary = 1 where id = 1", false},
      {"UPDATE that copies it", "update hr . employees set name = ssn where id = 1", true},
      {"UPDATE that compares it", "update hr . employees set name = 1 where salary > 1", true},
      {"ON CONFLICT that copies it", "insert into hr . employees ( id ) values ( 1 ) on conflict ( id ) do update set name = employees . ssn", true},
      {"a longer name is another name", "update hr . employees set name = ssn_state where id = 1", false},
      {"UPDATE behind an INSERT", "insert into hr . employees ( id ) values ( 1 ) ; update hr . employees set name = ssn", true},
      {"UPDATE from a view of it", "update hr . employees set name = p . who from hr . pay p", true},
      {"UPDATE that copies a whole row", "update hr . employees e set name = e :: text", true},
      {"UPDATE that copies a whole row by its star", "update hr . employees e set name = row ( e . * ) :: text", true},
      {"UPDATE that copies a row of the table's own name", "update hr . employees set name = to_json ( employees ) :: text", true},
      {"UPDATE that joins the table with itself", "update hr . employees e set name = f :: text from hr . employees f", true},
      {"UPDATE by a quoted alias", "update hr . employees as \"My E\" set name = \"My E\" :: text", true},
      {"UPDATE by an alias, of open columns", "update hr . employees e set name = 'x' where e . id = 1", false},
      {"ON CONFLICT that copies a whole row", "insert into hr . employees as e ( id ) values ( 1 ) on conflict ( id ) do update set name = e :: text", true},
      {"ON CONFLICT that takes what it was given", "insert into hr . employees as e ( id , ssn ) values ( 1 , 'x' ) on conflict ( id ) do update set name = excluded . name", false},
      {"MERGE that copies a whole row", "merge into hr . employees e using plain p on p . b = e . id when matched then update set name = e :: text", true},
      {"WHERE", "select id from hr.employees where salary > 100", true},
      {"WHERE of another column", "select salary from hr.employees where id = 1", false},
      {"WHERE without its schema, of any", "select id from employees where salary > 100", true},
      {"an alias", "select e.id from hr.employees as e where e.salary > 100", true},
      {"a renamed column of a derived table", "select x from (select id, salary as x from hr.employees) d where x > 100", true},
      {"a renamed column of a WITH", "with d(i, s) as (select id, salary from hr.employees) select i from d where s > 1", true},
      {"ORDER BY", "select id from hr.employees order by salary", true},
      {"ORDER BY its place in the list", "select id, salary from hr.employees order by 2", true},
      {"ORDER BY its new name", "select id, salary as s from hr.employees order by s", true},
      {"ORDER BY another", "select id, salary from hr.employees order by id", false},
      {"GROUP BY", "select count(*) from hr.employees group by salary", true},
      {"DISTINCT", "select distinct salary from hr.employees", true},
      {"HAVING", "select id from hr.employees group by id having max(salary) > 1", true},
      {"a join", "select a.id from hr.employees a join hr.employees b on a.salary = b.salary", true},
      {"USING", "select 1 from hr.employees a join hr.employees b using (salary)", true},
      {"NATURAL", "select 1 from hr.employees a natural join hr.employees b", true},
      {"CASE", "select case when salary > 100 then 1 end from hr.employees", true},
      {"a subquery", "select 1 from public.plain where b in (select salary from hr.employees)", true},
      {"EXISTS", "select 1 from public.plain where exists (select 1 from hr.employees where ssn like '5%')", true},
      {"a whole row", "select 1 from hr.employees e where e::text like '%5%'", true},
      {"DELETE", "delete from hr.employees where salary > 100", true},
      {"DELETE by key", "delete from hr.employees where id = 1", false},
      {"a window", "select id, row_number() over (order by salary) from hr.employees", true},
      {"FILTER", "select count(*) filter (where salary > 1) from hr.employees", true},
      {"UNION, which compares", "select ssn from hr.employees union select 'x'", true},
      {"UNION ALL", "select ssn from hr.employees union all select 'x'", false},
      {"a column of that name elsewhere", "select id from public.employees where salary > 100", false},
      {"a predicate on a view that reaches it", "select who from hr.pay where amount > 100", true},
      {"mask text written back", "update hr.employees set ssn = '*******4399' where id = 1", true},
      {"mask text written back by INSERT", "insert into hr.employees (id, ssn) values (1, '***********')", true},
      {"mask text written back without names", "insert into hr.employees values (1, 'x', '*******4399')", true},
      {"mask text in another column", "update hr.employees set name = '***' where id = 1", false},
      {"another value", "update hr.employees set ssn = '536-90-4399' where id = 1", false},
      {"a star of its own", "update hr.employees set ssn = '5*' where id = 1", false},
  };
  for (const auto& c : cases) {
    const Decision got = judge(c.sql);
    EXPECT_EQ(got.verdict, c.denied ? Verdict::Deny : Verdict::Allow) << c.why << ": " << got.message;
    EXPECT_EQ(got.message.empty(), !c.denied) << c.why;
  }
}

TEST_F(Hr, masking_evasion_17_inference_can_be_allowed_by_the_rule) {
  Bound open("rules:\n  - {id: a, result: {columns: [hr.employees.salary], inference: allow}, mask: {operator: \"null\"}}\n");
  const auto facts = analyze("select id from hr.employees where salary > 100 order by salary", {}, {});
  EXPECT_EQ(open.rules.judge_masks(*facts, &catalog).verdict, Verdict::Allow);
}

TEST_F(Hr, masking_evasion_25_parameters_that_write_a_mask_back_are_refused) {
  const auto facts = analyze("update hr.employees set ssn = $1, name = $2 where id = $3", {}, {});
  const std::string_view back[] = {"*******4399", "a", "1"};
  const std::string_view other[] = {"536-90-4399", "a", "1"};
  EXPECT_EQ(bound.rules.judge_written(*facts, back, &catalog).verdict, Verdict::Deny);
  EXPECT_EQ(bound.rules.judge_written(*facts, other, &catalog).verdict, Verdict::Allow);
}

TEST_F(Hr, a_column_rule_that_only_alerts_masks_nothing_and_is_told_of_statements_that_show_the_column) {
  for (const std::string_view alerting : {"mode: alert, result: {columns: [hr.employees.salary]}, mask: {operator: redact}",
                                          "result: {columns: [hr.employees.salary]}, mask: {operator: keep}"}) {
    Bound open("rules:\n  - {id: a, " + std::string(alerting) + "}\n");
    EXPECT_FALSE(open.rules.masks_live());
    const auto alerts_of = [&](std::string_view sql) {
      Alerts alerts;
      open.rules.add_alerts(*analyze(sql, {}, {}), &catalog, alerts);
      return alerts.count;
    };
    EXPECT_EQ(alerts_of("select salary, salary from hr.employees"), 1U);
    EXPECT_EQ(alerts_of("select * from employees"), 1U);
    EXPECT_EQ(alerts_of("select id from hr.employees where salary > 1"), 0U);
    EXPECT_EQ(alerts_of("select a from plain"), 0U);
  }
}

TEST_F(Hr, columns_may_be_named_by_pattern) {
  Bound open("rules:\n  - {id: a, result: {columns: [\"*.*.s*n\", \"app.*.line\"]}, mask: {operator: redact}}\n");
  const auto masked = [&](uint32_t table, uint16_t attribute) {
    return open.rules.plan({{"c", table, attribute, text_oid, false}}, false, &catalog).columns[0].action == CellAction::Mask;
  };
  EXPECT_TRUE(masked(Employees, 4));
  EXPECT_TRUE(masked(PublicEmployees, 4));
  EXPECT_TRUE(masked(Heirs, 7));
  EXPECT_TRUE(masked(Log2025, 1));
  EXPECT_FALSE(masked(Employees, 2));
  EXPECT_FALSE(masked(Log2025, 2));
  EXPECT_EQ(open.rules.plan({{"c", Pay, 1, text_oid, false}}, false, &catalog).columns[0].action, CellAction::Null)
      << "a view of such a table";
}

TEST_F(Hr, the_guard_of_statistics_bites_only_while_column_masks_live) {
  Facts facts = facts_of({{Select}, {{"", "pg_stats", true, false}}, ""});
  facts.guard = Guard::StatisticsOfMasked;
  EXPECT_EQ(bound.rules.judge_masks(facts, &catalog).reason, Reason::Guard);
  Bound values("rules:\n  - {id: a, result: {types: [US_SSN]}, mask: {operator: redact}}\n");
  EXPECT_EQ(values.rules.judge_masks(facts, &catalog).verdict, Verdict::Allow);
}

TEST_F(Hr, value_rules_look_at_every_other_column_whose_type_can_hold_one) {
  Bound both(std::string(rules_text) + "  - {id: v, result: {types: [CREDIT_CARD]}, mask: {operator: redact}}\n");
  Bound mail("rules:\n  - {id: v, result: {types: [EMAIL_ADDRESS]}, mask: {operator: redact}}\n");
  const struct {
    std::string_view why;
    uint32_t type;
    CellAction cards;
    CellAction mails;
  } cases[] = {
      {"text", 25, CellAction::Scan, CellAction::Scan},
      {"json", 114, CellAction::Scan, CellAction::Scan},
      {"bytea", 17, CellAction::Scan, CellAction::Scan},
      {"text[]", 1009, CellAction::Scan, CellAction::Scan},
      {"a type of the user's", 16999, CellAction::Scan, CellAction::Scan},
      {"a type the table does not name", 4096, CellAction::Scan, CellAction::Scan},
      {"int8 holds cards only", int8_oid, CellAction::Scan, CellAction::Pass},
      {"numeric holds cards only", 1700, CellAction::Scan, CellAction::Pass},
      {"int4", int4_oid, CellAction::Pass, CellAction::Pass},
      {"bool", 16, CellAction::Pass, CellAction::Pass},
      {"timestamptz", 1184, CellAction::Pass, CellAction::Pass},
      {"uuid", 2950, CellAction::Pass, CellAction::Pass},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(both.rules.plan({{"a", Plain, 1, c.type, false}}, false, &catalog).columns[0].action, c.cards) << c.why;
    EXPECT_EQ(mail.rules.plan({{"a", Plain, 1, c.type, false}}, false, nullptr).columns[0].action, c.mails) << c.why;
  }
  EXPECT_EQ(both.rules.plan({{"a", Employees, 5, int8_oid, false}}, false, &catalog).columns[0].action, CellAction::Null)
      << "the column rule comes first";
}

TEST_F(Hr, another_version_or_lineage_of_the_catalog_is_planned_afresh) {
  EXPECT_EQ(action(Plain, 1), CellAction::Pass);
  Catalog changed = catalog;
  changed.version = 2;
  changed.relations.at(Plain).kind = 'v';
  changed.relations.at(Plain).reads_from = {Employees};
  Catalog elsewhere = catalog_of_hr();
  elsewhere.relations.at(Plain).reads_from = {Employees};
  elsewhere.relations.at(Plain).kind = 'v';
  const ResultShape shape{{"a", Plain, 1, text_oid, false}};
  EXPECT_EQ(bound.rules.plan(shape, false, &changed).columns[0].action, CellAction::Null);
  EXPECT_EQ(bound.rules.plan(shape, false, &elsewhere).columns[0].action, CellAction::Null);
  EXPECT_EQ(bound.rules.plan(shape, false, &catalog).columns[0].action, CellAction::Pass);
}

TEST_F(Hr, promise_12_a_catalog_with_loops_and_deep_chains_ends) {
  catalog.version = 3;
  constexpr uint32_t depth = 20'000;
  for (uint32_t i = 0; i < depth; ++i) {
    const char kind = i % 2 == 0 ? 'v' : 'r';
    catalog.relations.emplace(40'000 + i, CatalogRelation{40'000 + i, "x", "n" + std::to_string(i), kind, {{"salary", 1, text_oid}},
                                                          {i == 0 ? Employees : 40'000 + i - 1, 40'000 + (i + 1) % depth}});
  }
  EXPECT_EQ(action(40'000, 1), CellAction::Null);
}

}  // namespace
}  // namespace sluice::rules
