#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/rules_changes.h"
#include "cli/rules_judge.h"
#include "cli/rules_recorded.h"
#include "cli/rules_tools.h"
#include "control/files.h"

namespace sluice::cli {
namespace {

constexpr size_t statements_file_max = 256U << 20;

struct DiffOptions {
  std::string config;
  std::string before;
  std::string after;
  CallerOptions caller;
  std::string statements;
  std::string sessions;
  bool json = false;
};

std::vector<std::string_view> split_statements(std::string_view text) {
  const char separator = text.contains('\0') ? '\0' : '\n';
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const size_t end = text.find(separator);
    std::string_view one = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (one.ends_with('\r')) one.remove_suffix(1);
    if (one.find_first_not_of(" \t\n") != std::string_view::npos) out.push_back(one);
  }
  return out;
}

std::string masks_in_words(const std::vector<MaskedColumn>& masks) {
  std::string out;
  for (const MaskedColumn& m : masks) out += fmt::format("{}{} {}", out.empty() ? "" : "; ", m.column, m.mask);
  return out.empty() ? "none" : out;
}

void compare(const Judged& before, const Judged& after, const std::string& subject, std::string_view target,
             std::string_view text, Changes& changes) {
  changes.count_judged();
  const Decision& then = before.why.decision;
  const Decision& now = after.why.decision;
  Changes::Group group{ChangeKind::Masks, subject, std::string(target), {}, {}};
  if (then.verdict != now.verdict) {
    group.kind = change_to(now.verdict);
    group.before = in_words(then);
    group.after = in_words(now);
    return changes.add(group, text);
  }
  const auto same = [](const MaskedColumn& a, const MaskedColumn& b) { return a.column == b.column && a.mask == b.mask; };
  if (std::ranges::equal(before.masks, after.masks, same)) return;
  group.before = masks_in_words(before.masks);
  group.after = masks_in_words(after.masks);
  changes.add(group, text);
}

int diff_statements(const DiffOptions& o, const TriedRules& before, const TriedRules& after, Changes& changes) {
  const auto asker = asker_of(o.caller);
  if (!asker) return complain(Usage, asker.error().message);
  const auto target = target_of(before, o.caller);
  if (!target) return complain(Usage, target.error().message);
  if (const auto also = target_of(after, o.caller); !also) return complain(Usage, also.error().message);
  const auto text = control::read_file(o.statements, statements_file_max);
  if (!text) return complain(BadConfig, text.error().message);
  const auto statements = split_statements(*text);
  Judge old_judge(before.set);
  Judge new_judge(after.set);
  const auto old_bound = before.set->bind(target->name, target->default_verdict, asker->caller());
  const auto new_bound = after.set->bind(target->name, target->default_verdict, asker->caller());
  Progress progress("judging", statements.size());
  for (const std::string_view statement : statements) {
    compare(old_judge.judge(old_bound, statement, target->trusted_functions),
            new_judge.judge(new_bound, statement, target->trusted_functions), {}, {}, statement, changes);
    progress.advance();
  }
  return Ok;
}

int diff_sessions(const DiffOptions& o, const TriedRules& before, const TriedRules& after, Changes& changes) {
  const Verdict by_default = o.caller.by_default == "allow" ? Verdict::Allow : Verdict::Deny;
  RecordedJudge old_judge(before, by_default);
  RecordedJudge new_judge(after, by_default);
  Progress progress("statements judged:", 0);
  const auto done = each_recorded(o.sessions, {}, [&](const RecordedStatement& s) {
    progress.advance();
    if (!s.replayable) return changes.count_unreadable();
    compare(old_judge.judge(s), new_judge.judge(s), s.asker.principal.subject, s.target, s.text, changes);
  });
  return done ? Ok : complain(Failed, done.error().message);
}

int diff_rules(const DiffOptions& o) {
  const auto before = load_rules_from(o.config, {o.before}, 1);
  if (!before) return complain(BadConfig, before.error().message);
  const auto after = load_rules_from(o.config, {o.after}, 2);
  if (!after) return complain(BadConfig, after.error().message);
  Changes changes;
  const int code = o.sessions.empty() ? diff_statements(o, *before, *after, changes)
                                      : diff_sessions(o, *before, *after, changes);
  if (code != Ok) return code;
  o.json ? changes.print_json() : changes.print_text();
  return Ok;
}

}  // namespace

void add_rules_diff(CLI::App& rules, Invocation& invocation) {
  CLI::App* command = rules.add_subcommand("diff", "Say which statements two rule sets judge otherwise.");
  const auto o = std::make_shared<DiffOptions>();
  command->add_option("-c,--config", o->config, "Configuration file: its targets.");
  auto* statements = command->add_option("--statements", o->statements, "File of statements, one a line or NUL between them.");
  auto* sessions = command->add_option("--sessions", o->sessions, "Folder of an audit log: the statements recorded there.");
  statements->excludes(sessions);
  add_caller_options(*command, o->caller);
  command->add_flag("--json", o->json, "Print JSON.");
  command->add_option("old", o->before, "Rule file or folder.")->required();
  command->add_option("new", o->after, "Rule file or folder.")->required();
  command->callback([&invocation, o] {
    if (o->statements.empty() && o->sessions.empty()) throw CLI::RequiredError("--statements or --sessions");
    invocation.run = [o] { return on_big_stack([o] { return diff_rules(*o); }); };
  });
}

}  // namespace sluice::cli
