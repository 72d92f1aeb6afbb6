#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <ctime>
#include <memory>

#include "audit/sessions.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/rules_changes.h"
#include "cli/rules_judge.h"
#include "cli/rules_recorded.h"
#include "cli/rules_tools.h"
#include "control/config_reader.h"
#include "control/keys.h"

namespace sluice::cli {
namespace {

struct ReplayOptions {
  std::string config;
  std::vector<std::string> rules;
  std::string since;
  std::string session;
  bool json = false;
};

std::map<std::string, PrincipalKind> kinds_of_subjects(const Settings& settings) {
  std::map<std::string, PrincipalKind> kinds;
  const auto subjects = control::load_keys(settings.identity.access_keys_file);
  if (!subjects) return kinds;  // Subjects of certificates have no kind, and the file may be another user's.
  for (const AccessSubject& s : *subjects) kinds[s.subject] = principal_kind(s.kind).value_or(PrincipalKind::Unknown);
  return kinds;
}

void compare(const RecordedStatement& recorded, RecordedJudge& judge, Changes& changes) {
  if (!recorded.replayable) return changes.count_unreadable();
  changes.count_judged();
  const Judged judged = judge.judge(recorded);
  const Decision& now = judged.why.decision;
  if (now.verdict == recorded.decision.verdict) return;
  changes.add({change_to(now.verdict), recorded.asker.principal.subject, std::string(recorded.target),
               in_words(recorded.decision), in_words(now)},
              recorded.text);
}

int replay(const ReplayOptions& o) {
  const auto loaded = load_rules_from(o.config, o.rules, 1);
  if (!loaded) return complain(BadConfig, loaded.error().message);
  const std::string& directory = loaded->settings.audit.directory;
  RecordedFilter filter;
  filter.kinds = kinds_of_subjects(loaded->settings);
  if (!o.since.empty()) {
    const auto ms = control::parse_duration_ms(o.since);
    if (!ms) return complain(Usage, "--since: expected a duration such as 15m or 2d");
    filter.since_unix_ns = (int64_t{std::time(nullptr)} * 1000 - static_cast<int64_t>(*ms)) * 1'000'000;
  }
  if (!o.session.empty()) {
    const auto id = audit::find_session(directory, o.session);
    if (!id) return complain(Failed, id.error().message);
    filter.session = *id;
  }
  Changes changes;
  RecordedJudge judge(*loaded, Verdict::Deny);
  {
    Progress progress("statements judged:", 0);
    const auto done = each_recorded(directory, filter, [&](const RecordedStatement& recorded) {
      compare(recorded, judge, changes);
      progress.advance();
    });
    if (!done) return complain(Failed, done.error().message);
  }
  o.json ? changes.print_json() : changes.print_text();
  return Ok;
}

}  // namespace

void add_rules_replay(CLI::App& rules, Invocation& invocation) {
  CLI::App* command = rules.add_subcommand("replay", "Judge recorded statements by other rules.");
  const auto o = std::make_shared<ReplayOptions>();
  command->add_option("-c,--config", o->config, "Configuration file: its targets and its audit log.")->required();
  command->add_option("--rules", o->rules, "A rule file or a folder of them to judge by; repeatable.")
      ->required()
      ->allow_extra_args(false);
  command->add_option("--since", o->since, "Only statements of this time, such as 15m or 2d.");
  command->add_option("--session", o->session, "Only this session: its id, or its first digits.");
  command->add_flag("--json", o->json, "Print JSON.");
  command->callback([&invocation, o] { invocation.run = [o] { return on_big_stack([o] { return replay(*o); }); }; });
}

}  // namespace sluice::cli
