// Compiling rules in a process of its own, under limits: a pattern that takes all memory or never ends takes nothing
// from who is served.
#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/settings.h"
#include "rules/compile/compile.h"

namespace sluice::cli {

/// The program's name, argv[0], in that process.
inline constexpr std::string_view compile_child_name = "sluice-compile-rules";

/// What compile() of the same sources and context takes as CompileContext::stored. Waits for the process: at most
/// wall_clock_factor times the limit on time, and no longer than until `cancel` (-1: none) can be read from. Errors are
/// those of compile(), or say which limit was met and what to do.
[[nodiscard]] Expected<rules::StoredDatabases> compile_in_child(std::span<const rules::SourceFile> sources,
                                                                const rules::CompileContext& context,
                                                                const CompileLimits& limits, int cancel);

/// What that process does: reads sources on standard input, writes what came of them on standard output. The exit code.
[[nodiscard]] int run_compile_child(std::span<char*> arguments);

/// On a machine that does other things too, a second of the processor takes longer than a second.
inline constexpr int wall_clock_factor = 3;

}  // namespace sluice::cli
