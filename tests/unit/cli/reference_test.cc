// The manual page, the command line reference and the configuration reference name everything there is
// and nothing else.
#include <CLI/CLI.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "cli/cli.h"
#include "cli/completion.h"
#include "control/config_keys.h"

namespace sluice::cli {
namespace {

std::string read_source(const std::string& path) {
  std::ostringstream out;
  std::ifstream file(std::string(SLUICE_SOURCE_ROOT) + "/" + path);
  EXPECT_TRUE(file.good()) << path;
  out << file.rdbuf();
  return out.str();
}

struct Tree {
  Tree() { build(app, invocation); }
  void each(const std::function<void(const CLI::App&, const std::string& path)>& visit) const { walk(app, "sluice", visit); }

  CLI::App app;
  Invocation invocation;

 private:
  static void walk(const CLI::App& at, const std::string& path,
                   const std::function<void(const CLI::App&, const std::string&)>& visit) {
    visit(at, path);
    for (const CLI::App* c : at.get_subcommands({})) walk(*c, path + " " + c->get_name(), visit);
  }
};

TEST(reference, of_the_command_line_shows_every_help_text_as_it_is) {
  const std::string text = read_source("docs/reference/cli.md");
  Tree().each([&](const CLI::App& app, const std::string& path) {
    EXPECT_NE(text.find("## " + path + "\n"), std::string::npos) << path;
    std::string help = app.help(path.substr(0, path.size() - app.get_name().size() - (path == "sluice" ? 0 : 1)));
    while (help.ends_with('\n')) help.pop_back();
    EXPECT_NE(text.find(help), std::string::npos) << help;
  });
}

TEST(reference, the_manual_page_has_every_subcommand_and_flag) {
  std::string page = read_source("docs/man/sluice.1");
  for (size_t at; (at = page.find("\\-")) != std::string::npos;) page.erase(at, 1);
  Tree().each([&](const CLI::App& app, const std::string& path) {
    EXPECT_TRUE(path == "sluice" || page.contains(".SS " + path + "\n")) << path;
    for (const CLI::Option* o : app.get_options()) {
      for (const std::string& name : o->get_lnames()) EXPECT_NE(page.find("--" + name), std::string::npos) << path << " --" << name;
    }
  });
}

TEST(reference, completions_know_every_subcommand_and_flag) {
  const Tree tree;
  for (const std::string_view shell : {"bash", "zsh", "fish"}) {
    const std::string script = completion_script(tree.app, shell);
    tree.each([&](const CLI::App& app, const std::string& path) {
      EXPECT_NE(script.find(path.substr(6)), std::string::npos) << shell << path;
      for (const CLI::Option* o : app.get_options()) {
        const std::string dash = shell == "fish" ? " -l " : "--";
        for (const std::string& name : o->get_lnames()) EXPECT_NE(script.find(dash + name), std::string::npos) << shell << name;
      }
    });
  }
}

TEST(reference, of_the_configuration_names_exactly_the_keys_the_loader_knows) {
  const std::string text = read_source("docs/reference/config.md");
  std::set<std::string> known, written;
  for (const auto& k : control::config_keys()) known.emplace(k.path);
  static const std::regex row(R"re(\n\| `([a-z_.\[\]]+)` \|)re");
  for (auto at = std::sregex_iterator(text.begin(), text.end(), row); at != std::sregex_iterator(); ++at) {
    EXPECT_TRUE(written.insert((*at)[1]).second) << (*at)[1] << " twice";
  }
  EXPECT_EQ(written, known);
  for (const auto& k : control::config_keys()) {
    EXPECT_NE(text.find(k.summary), std::string::npos) << k.path << ": " << k.summary;
  }
}

void collect(const nlohmann::json& schema, const std::string& path, std::set<std::string>& out) {
  if (schema.contains("items")) collect(schema["items"], path + "[]", out);
  if (!schema.contains("properties")) return;
  EXPECT_EQ(schema.value("additionalProperties", true), false) << path << ": unknown keys are refused";
  for (const auto& [name, child] : schema["properties"].items()) {
    const std::string at = path.empty() ? name : path + "." + name;
    EXPECT_TRUE(child.contains("description")) << at;
    out.insert(at);
    collect(child, at, out);
  }
}

TEST(reference, the_json_schema_names_exactly_the_keys_the_loader_knows) {
  const auto schema = nlohmann::json::parse(read_source("docs/reference/config.schema.json"), nullptr, false);
  ASSERT_TRUE(schema.is_object());
  std::set<std::string> known, written;
  for (const auto& k : control::config_keys()) known.emplace(k.path);
  collect(schema, "", written);
  EXPECT_EQ(written, known);
}

}  // namespace
}  // namespace sluice::cli
