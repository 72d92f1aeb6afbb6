#include <algorithm>
#include <array>

#include "base/text.h"
#include "protocols/postgres/startup.h"

namespace sluice::pg {
namespace {

/// Settings that cannot change what a statement means or whom it runs as. In the server's spelling.
constexpr std::array<std::string_view, 9> forwarded_settings = {
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "extra_float_digits",
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "transaction_timeout",
};
constexpr std::string_view auth_setting = "sluice.auth";
constexpr size_t shown_name_size_max = 64;

/// isspace() in the C locale, which is what pg_split_opts splits at.
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string shown(std::string_view name) {
  while (name.size() > shown_name_size_max || !utf8_valid(name)) name.remove_suffix(1);
  return "\"" + printable(name) + "\"";
}

/// The server's pg_split_opts: words split at white space, a backslash takes the next character as it is.
std::vector<std::string> split_options(std::string_view text) {
  std::vector<std::string> words;
  size_t at = 0;
  while (true) {
    while (at < text.size() && is_space(text[at])) ++at;
    if (at == text.size()) return words;
    std::string word;
    bool escaped = false;
    for (; at < text.size() && (escaped || !is_space(text[at])); ++at) {
      if (!escaped && text[at] == '\\') {
        escaped = true;
      } else {
        escaped = false;
        word.push_back(text[at]);
      }
    }
    words.push_back(std::move(word));
  }
}

class AllowList {
 public:
  /// One setting, wherever it was written.
  Expected<void> setting(std::string_view name, std::string_view value, bool in_options) {
    if (same_setting_name(name, "application_name")) {
      if (!once("application_name")) return twice(name);
      options_.application_name = value;
      return {};
    }
    if (same_setting_name(name, "client_encoding")) {
      if (!once("client_encoding")) return twice(name);
      if (is_utf8_encoding_name(value)) return {};
      return fail("client_encoding " + shown(value) + " is not available: use UTF8");
    }
    if (in_options && same_setting_name(name, auth_setting)) {
      if (!once(auth_setting)) return twice(name);
      options_.auth_method_hint = value;
      return {};
    }
    for (const std::string_view allowed : forwarded_settings) {
      if (!same_setting_name(name, allowed)) continue;
      if (!once(allowed)) return twice(name);
      options_.forwarded.emplace_back(allowed, value);
      return {};
    }
    return fail("startup parameter " + shown(name) +
                " is not allowed: set it after login, or leave it out (allowed: user, database, application_name, "
                "client_encoding, DateStyle, IntervalStyle, TimeZone, extra_float_digits, *_timeout, options)");
  }

  /// `options`: what the server's process_postgres_switches would read, of which only settings pass.
  Expected<void> command_line(std::string_view text) {
    const std::vector<std::string> words = split_options(text);
    for (size_t i = 0; i < words.size(); ++i) {
      std::string_view assignment;
      if (words[i].starts_with("--") && words[i].size() > 2) {
        assignment = std::string_view(words[i]).substr(2);
      } else if (words[i] == "-c" && i + 1 < words.size()) {
        assignment = words[++i];
      } else if (words[i].starts_with("-c") && words[i].size() > 2) {
        assignment = std::string_view(words[i]).substr(2);
      } else {
        return fail("startup options: " + shown(words[i]) + " is not allowed: only -c name=value and --name=value are");
      }
      const size_t equals = assignment.find('=');
      if (equals == std::string_view::npos || equals == 0) {
        return fail("startup options: " + shown(assignment) + " is not of the form name=value");
      }
      // The server's ParseLongOption does the same: --statement-timeout=1s is a way to write it.
      std::string name(assignment.substr(0, equals));
      std::ranges::replace(name, '-', '_');
      if (auto done = setting(name, assignment.substr(equals + 1), true); !done) return done;
    }
    return {};
  }

  Expected<void> parameter(std::string_view name, std::string_view value) {
    if (name.starts_with("_pq_.")) return {};
    if (same_setting_name(name, "user")) {
      options_.user = value;
      return {};
    }
    if (same_setting_name(name, "database")) {
      options_.database = value;
      return {};
    }
    if (same_setting_name(name, "options")) return command_line(value);
    if (same_setting_name(name, "replication")) {
      return fail("startup parameter \"replication\" is not allowed: replication is not available here");
    }
    return setting(name, value, false);
  }

  StartupOptions take() { return std::move(options_); }

 private:
  /// Names differ in case and may come by two ways, so the parser's own check for duplicates is not enough.
  bool once(std::string_view name) {
    if (std::ranges::find(seen_, name) != seen_.end()) return false;
    seen_.push_back(name);
    return true;
  }
  static Expected<void> twice(std::string_view name) {
    return fail("startup parameter " + shown(name) + " is given twice");
  }

  StartupOptions options_;
  std::vector<std::string_view> seen_;  // Only names of ours, which are static.
};

}  // namespace

bool is_utf8_encoding_name(std::string_view name) {
  std::string kept;
  for (const char c : name) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) kept.push_back(c);
  }
  return same_setting_name(kept, "utf8") || same_setting_name(kept, "unicode");
}

Expected<StartupOptions> apply_startup_allow_list(const StartupMessage& message) {
  AllowList list;
  for (const auto& [name, value] : message.parameters) {
    if (auto done = list.parameter(name, value); !done) return std::unexpected(std::move(done.error()));
  }
  StartupOptions options = list.take();
  if (options.user.empty()) return fail("no user name is given in the startup packet");
  return options;
}

}  // namespace sluice::pg
