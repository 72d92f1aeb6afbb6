// Facts for other programs: statements on standard input, each ended by a NUL; a line of JSON for each on
// standard output. For tests that hold facts against a live server. Literals are left out: may be secret.
#include <cstdio>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

#include "base/big_stack_thread.h"
#include "rules/ruleset/analyzer.h"
#include "rules/sql/names.h"

namespace {

using sluice::ColumnUse;
using sluice::Facts;
using sluice::FunctionClass;
using sluice::StatementKind;

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

// Members of an object or array, commas between them.
class Json {
 public:
  explicit Json(char open) : text_(1, open) {}
  void member(std::string_view name, std::string_view value) {
    comma();
    text_ += json_text(name) + ':' + std::string(value);
  }
  void element(std::string_view value) {
    comma();
    text_ += value;
  }
  [[nodiscard]] std::string end(char close) const { return text_ + close; }

 private:
  void comma() {
    if (text_.size() > 1) text_ += ',';
  }
  std::string text_;
};

std::string_view flag(bool value) { return value ? "true" : "false"; }

template <typename Enum, typename Set>
std::string names_in(const Set& set) {
  Json names('[');
  for (size_t i = 0; i < static_cast<size_t>(Enum::Count_); ++i) {
    if (set.has(static_cast<Enum>(i))) names.element(json_text(name_of(static_cast<Enum>(i))));
  }
  return names.end(']');
}

std::string dump(const Facts& facts) {
  Json relations('[');
  for (const sluice::RelationUse& use : facts.relations) {
    Json relation('{');
    relation.member("schema", json_text(use.schema));
    relation.member("name", json_text(use.name));
    relation.member("read", flag(use.read));
    relation.member("write", flag(use.write));
    relations.element(relation.end('}'));
  }
  Json columns('[');
  for (const sluice::ColumnReference& use : facts.columns) {
    Json column('{');
    column.member("schema", json_text(use.schema));
    column.member("table", json_text(use.table));
    column.member("name", json_text(use.name));
    column.member("uses", names_in<ColumnUse>(use.uses));
    columns.element(column.end('}'));
  }
  Json functions('[');
  for (const std::string& name : facts.functions) functions.element(json_text(name));
  Json out('{');
  out.member("understood", flag(facts.understood));
  out.member("error", json_text(facts.parse_error));
  out.member("statements", std::to_string(facts.statement_count));
  out.member("kinds", names_in<StatementKind>(facts.kinds));
  out.member("relations", relations.end(']'));
  out.member("columns", columns.end(']'));
  out.member("columns_unknown", flag(facts.columns_unknown));
  out.member("functions", functions.end(']'));
  out.member("function_classes", names_in<FunctionClass>(facts.function_classes));
  out.member("opaque", json_text(facts.opaque_because));
  out.member("guard", json_text(explain(facts.guard)));
  out.member("where_absent", flag(facts.where_absent));
  out.member("literal_independent", flag(facts.literal_independent));
  out.member("canonical", json_text(facts.canonical));
  return out.end('}');
}

// With --catalogue: every function that has a class, one a line.
void print_catalogue() {
  for (const auto& [name, family, function_class] : sluice::rules::sql::function_catalogue()) {
    std::cout << name << (family ? "*" : "") << ' ' << name_of(function_class) << '\n';
  }
}

void read_and_dump() {
  const std::string input{std::istreambuf_iterator<char>(std::cin), {}};
  for (size_t from = 0; from < input.size();) {
    const size_t end = std::min(input.find('\0', from), input.size());
    std::cout << dump(*sluice::rules::analyze(std::string_view(input).substr(from, end - from), {}, {})) << '\n';
    from = end + 1;
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 2 && std::string_view(arguments[1]) == "--catalogue") {
    print_catalogue();
    return 0;
  }
  auto thread = sluice::BigStackThread::start("facts", read_and_dump);
  if (!thread) return 1;
  thread->join();
  return 0;
}
