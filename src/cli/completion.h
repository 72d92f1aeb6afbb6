// Shell completion scripts, made from the parser itself so that they cannot fall behind it.
#pragma once
#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace sluice::cli {

/// `shell`: bash, zsh or fish.
[[nodiscard]] std::string completion_script(const CLI::App& app, std::string_view shell);

}  // namespace sluice::cli
