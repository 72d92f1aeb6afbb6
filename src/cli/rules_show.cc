// `sluice rules show`: what a compiled file holds, and who signed it.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/load_rules.h"
#include "cli/rules_tools.h"
#include "control/config.h"
#include "control/files.h"

namespace sluice::cli {
namespace {

using nlohmann::ordered_json;

struct ShowOptions {
  std::string file;
  std::string config;
  std::string verify_key;
  bool sources = false;
  bool json = false;
};

enum class Trust : uint8_t {
  Unsigned,   ///< And nobody asked for a signature.
  Unchecked,  ///< Signed, and nobody said whose signature counts.
  Refused,    ///< Unsigned, where a signature is asked for.
  Unknown,
  Known,
};

bool may_be_used(Trust trust) { return trust != Trust::Refused && trust != Trust::Unknown; }

std::string_view words_of(Trust trust) {
  switch (trust) {
    case Trust::Unsigned: return "not signed";
    case Trust::Refused: return "none, and one is asked for";
    case Trust::Unchecked: return "good; whether that key counts was not asked: give -c or --verify-key";
    case Trust::Unknown: return "good, but of a key that does not count here";
    case Trust::Known: return "good, of a key that counts";
  }
  return "not signed";
}

Expected<Trust> trust_in(const ShowOptions& o, const rules::Artefact& artefact) {
  std::string file = o.verify_key;
  if (!o.config.empty()) {
    const auto settings = control::load_config(o.config, {.check_files = false});
    if (!settings) return std::unexpected(settings.error());
    file = settings->rules_verify_key_file;
    if (file.empty()) return fail(fmt::format("{}: has no rules_verify_key: give --verify-key", o.config));
  }
  if (file.empty()) return artefact.signed_by ? Trust::Unchecked : Trust::Unsigned;
  const auto keys = control::read_public_keys(file);
  if (!keys) return std::unexpected(keys.error());
  if (!artefact.signed_by) return Trust::Refused;
  return std::ranges::find(*keys, *artefact.signed_by) == keys->end() ? Trust::Unknown : Trust::Known;
}

size_t database_size(const rules::StoredDatabases& databases) {
  size_t sum = 0;
  for (const auto& pattern : databases.patterns) sum += pattern.size();
  for (const auto& group : databases.triggers) sum += group.bytes.size();
  return sum;
}

void print_json(const rules::Artefact& artefact, Trust trust) {
  ordered_json sources = ordered_json::array();
  for (const rules::SourceFile& s : artefact.sources) sources.push_back({{"path", s.path}, {"bytes", s.text.size()}});
  ordered_json groups = ordered_json::array();
  for (const auto& group : artefact.databases.triggers) groups.push_back({{"types", group.types.size()}, {"bytes", group.bytes.size()}});
  ordered_json out{{"format", rules::artefact_format},
                   {"hash", hex_encode(artefact.hash)},
                   {"sluice", artefact.stamp.sluice},
                   {"hyperscan", artefact.stamp.hyperscan},
                   {"cpu_features", artefact.stamp.cpu_features},
                   {"usable_here", artefact.stamp == rules::stamp_here()},
                   {"sources", std::move(sources)},
                   {"detector_groups", std::move(groups)},
                   {"database_bytes", database_size(artefact.databases)},
                   {"signed_by", nullptr},
                   {"trusted", nullptr}};
  if (artefact.signed_by) out["signed_by"] = key_id(*artefact.signed_by);
  if (trust == Trust::Known || !may_be_used(trust)) out["trusted"] = trust == Trust::Known;
  fmt::print("{}\n", out.dump(2, ' ', false, ordered_json::error_handler_t::replace));
}

void print_text(const rules::Artefact& artefact, Trust trust) {
  const bool here = artefact.stamp == rules::stamp_here();
  fmt::print("rules       {}\n", hex_encode(artefact.hash));
  fmt::print("format      {}\n", rules::artefact_format);
  fmt::print("compiled    by sluice {} with Hyperscan {}, processor features {:#x}\n", printable(artefact.stamp.sluice),
             printable(artefact.stamp.hyperscan), artefact.stamp.cpu_features);
  fmt::print("here        {}\n", here ? "its databases are used" : "other: the sources are compiled again when it is loaded");
  fmt::print("databases   {} bytes; data types in {} groups\n", database_size(artefact.databases), artefact.databases.triggers.size());
  fmt::print("signature   {}\n", words_of(trust));
  if (artefact.signed_by) fmt::print("key         {}\n", key_id(*artefact.signed_by));
  for (const rules::SourceFile& s : artefact.sources) fmt::print("source      {} ({} bytes)\n", printable(s.path), s.text.size());
}

// As they are; but a terminal is shown nothing that it would take for a command.
void print_sources(const std::vector<rules::SourceFile>& sources) {
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  for (const rules::SourceFile& s : sources) {
    fmt::print("# {}\n", printable(s.path));
    for (std::string_view left = s.text; !left.empty();) {
      const auto line = left.substr(0, left.find('\n'));
      fmt::print("{}\n", terminal ? printable(line) : std::string(line));
      left.remove_prefix(std::min(line.size() + 1, left.size()));
    }
  }
}

int show(const ShowOptions& o) {
  const auto files = read_rules({o.file});
  if (!files) return complain(BadConfig, files.error().message);
  const auto artefact = artefact_of(*files);
  if (!artefact) return complain(BadConfig, artefact.error().message);
  if (!*artefact) return complain(BadConfig, fmt::format("{}: expected compiled rules, found something else", o.file));
  const auto trust = trust_in(o, **artefact);
  if (!trust) return complain(BadConfig, trust.error().message);
  if (o.sources) {
    print_sources((*artefact)->sources);
  } else {
    o.json ? print_json(**artefact, *trust) : print_text(**artefact, *trust);
  }
  return may_be_used(*trust) ? Ok : BadConfig;
}

}  // namespace

void add_rules_show(CLI::App& rules, Invocation& invocation) {
  CLI::App* command = rules.add_subcommand("show", "Show what a compiled file holds, and who signed it.");
  const auto o = std::make_shared<ShowOptions>();
  command->add_option("file", o->file, "A compiled file.")->required();
  auto* config = command->add_option("-c,--config", o->config, "Configuration file: its rules_verify_key says whose signature counts.");
  auto* key = command->add_option("--verify-key", o->verify_key, "File of public keys, instead of -c.");
  config->excludes(key);
  command->add_flag("--sources", o->sources, "Print the sources in it, and nothing else.");
  command->add_flag("--json", o->json, "Print JSON.");
  command->callback([&invocation, o] { invocation.run = [o] { return show(*o); }; });
}

}  // namespace sluice::cli
