// Any text is a rule file. It loads, or an error says where: nothing else. What loads can be bound and
// asked, and gives the same answer twice.
#include <string_view>

#include "base/assert.h"
#include "rules/compile/compile.h"

using namespace sluice;
using namespace sluice::rules;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t input_size_max = 8192;  // Compile time of patterns grows with them; the bound keeps runs short.
  if (size > input_size_max) return 0;
  const SourceFile file{"rules.yaml", std::string(reinterpret_cast<const char*>(data), size)};
  static const CompileContext context{{"orders"}};
  std::vector<std::string> warnings;
  const auto set = compile({&file, 1}, context, 1, &warnings);
  if (!set) {
    SLUICE_ASSERT(set.error().message.starts_with("rules.yaml:") || set.error().message.starts_with("the patterns"));
    return 0;
  }
  Principal principal;
  principal.groups = {"a"};
  const BoundRules bound = (*set)->bind("orders", Verdict::Deny, {.principal = principal, .client_address = "192.0.2.7:1"});
  Scratch scratch;
  scratch.prepare(**set);
  Facts facts;
  facts.understood = true;
  facts.statement_count = 1;
  facts.kinds.add(StatementKind::Select);
  facts.relations = {{"hr", "employees", true, false}};
  facts.canonical = "select name from hr.employees where id = $1";
  const Decision first = bound.judge(facts, "select 1", scratch);
  const Decision second = bound.judge(facts, "select 1", scratch);
  SLUICE_ASSERT(first.verdict == second.verdict && first.rule == second.rule);
  (void)bound.judge_masks(facts, nullptr);
  (void)bound.plan({{"name", 1, 1, 25, false}}, true, nullptr);
  return 0;
}
