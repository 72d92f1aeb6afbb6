#include "cli/completion.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <vector>

#include "cli/cli.h"

namespace sluice::cli {
namespace {

struct Flag {
  std::string long_name;   ///< Without dashes; may be empty.
  std::string short_name;
  std::string summary;
  bool takes_value = false;
};

struct Place {
  std::string path;        ///< " keys create"; empty at the top.
  std::vector<std::pair<std::string, std::string>> commands;
  std::vector<Flag> flags;
};

void walk(const CLI::App& app, const std::string& path, std::vector<Place>& out) {
  Place place{path, {}, {}};
  for (const CLI::Option* o : app.get_options()) {
    Flag flag;
    if (!o->get_lnames().empty()) flag.long_name = o->get_lnames().front();
    if (!o->get_snames().empty()) flag.short_name = o->get_snames().front();
    if (flag.long_name.empty() && flag.short_name.empty()) continue;  // An argument without a name.
    flag.summary = o->get_description();
    flag.takes_value = o->get_items_expected_max() > 0;
    place.flags.push_back(std::move(flag));
  }
  for (const CLI::App* c : app.get_subcommands({})) place.commands.emplace_back(c->get_name(), c->get_description());
  out.push_back(std::move(place));
  for (const CLI::App* c : app.get_subcommands({})) walk(*c, path + " " + c->get_name(), out);
}

std::string words_of(const Place& place) {
  std::vector<std::string> words;
  words.reserve(place.commands.size() + place.flags.size());
  for (const auto& [name, summary] : place.commands) words.push_back(name);
  for (const Flag& f : place.flags) words.push_back(f.long_name.empty() ? "-" + f.short_name : "--" + f.long_name);
  return fmt::format("{}", fmt::join(words, " "));
}

std::string bash_script(const std::vector<Place>& places) {
  std::string known, words;
  for (const Place& p : places) {
    if (!p.path.empty()) known += fmt::format("{}\"{}\"", known.empty() ? "" : "|", p.path);
    words += fmt::format("    \"{}\") words=\"{}\" ;;\n", p.path, words_of(p));
  }
  return fmt::format(R"(_sluice() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} path="" words="" word
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$path $word" in
      {}) path="$path $word" ;;
    esac
  done
  case "$path" in
{}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _sluice sluice
)", known, words);
}

std::string fish_quote(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string fish_script(const std::vector<Place>& places) {
  std::string known;
  std::string lines;
  for (const Place& p : places) {
    known += " " + fish_quote(p.path);
    const std::string at = fmt::format("complete -c sluice -n \"test (__sluice_path) = {}\"", fish_quote(p.path));
    for (const auto& [name, summary] : p.commands) lines += fmt::format("{} -f -a {} -d {}\n", at, name, fish_quote(summary));
    for (const Flag& f : p.flags) {
      lines += at;
      if (!f.short_name.empty()) lines += " -s " + f.short_name;
      if (!f.long_name.empty()) lines += " -l " + f.long_name;
      if (f.takes_value) lines += " -r";
      lines += fmt::format(" -d {}\n", fish_quote(f.summary));
    }
  }
  return fmt::format(R"(function __sluice_path
  set -l path ''
  for word in (commandline -opc)[2..-1]
    if contains -- "$path $word"{}
      set path "$path $word"
    end
  end
  printf '"%s"\n' $path | string trim -c '"'
end
{})", known, lines);
}

}  // namespace

std::string completion_script(const CLI::App& app, std::string_view shell) {
  std::vector<Place> places;
  walk(app, "", places);
  if (shell == "fish") return fish_script(places);
  std::string bash = bash_script(places);
  if (shell == "zsh") return "#compdef sluice\nautoload -U +X bashcompinit && bashcompinit\n" + bash;
  return bash;
}

void add_completion(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("completion", "Print a completion script for a shell.");
  const auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "bash, zsh or fish.")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([&app, &invocation, shell] {
    invocation.run = [&app, shell] {
      fmt::print("{}", completion_script(app, *shell));
      return Ok;
    };
  });
}

}  // namespace sluice::cli
