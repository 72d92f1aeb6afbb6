#include "rules/compile/patterns.h"

#include <fmt/format.h>

#include <cstdlib>
#include <memory>

#include "rules/compile/compile.h"

namespace sluice::rules {
namespace {

struct Free {
  // NOLINTNEXTLINE(cppcoreguidelines-no-malloc): Hyperscan makes it with malloc() and leaves it to the caller.
  void operator()(void* memory) const { std::free(memory); }
};

}  // namespace

std::string check_pattern(const std::string& pattern, PatternText text) {
  if (pattern.size() > pattern_size_max) {
    return fmt::format("expected a pattern of at most {} bytes, found {}", pattern_size_max, pattern.size());
  }
  if (text == PatternText::Canonical && pattern.find('\'') != std::string::npos) {
    return "expected a pattern for canonical text, where placeholders stand for literals, found a quote, so the rule could "
           "never fire";
  }
  hs_expr_info_t* raw_info = nullptr;
  hs_compile_error_t* raw_error = nullptr;
  const auto result = hs_expression_info(pattern.c_str(), pattern_flags, &raw_info, &raw_error);
  const std::unique_ptr<hs_expr_info_t, Free> info(raw_info);
  const HsCompileError error(raw_error);
  if (result != HS_SUCCESS) {
    return fmt::format("expected a regular expression that Hyperscan takes, found: {}",
                       error ? error->message : "no reason given");
  }
  if (info->min_width == 0) return "expected a pattern that needs at least one character, found one that matches nothing";

  // What hs_expression_info takes may still be too large to compile: then alone, where it can be named.
  hs_database_t* database = nullptr;
  hs_compile_error_t* raw_compile_error = nullptr;
  const auto compiled =
      hs_compile(pattern.c_str(), pattern_flags, HS_MODE_BLOCK, nullptr, &database, &raw_compile_error);
  const HsDatabase owner(database);
  const HsCompileError compile_error(raw_compile_error);
  if (compiled == HS_SUCCESS) return {};
  return fmt::format("expected a regular expression that Hyperscan takes, found: {}",
                     compile_error ? compile_error->message : "no reason given");
}

Expected<HsDatabase> compile_patterns(std::span<const NumberedPattern> patterns) {
  if (patterns.empty()) return HsDatabase();
  std::vector<const char*> texts;
  std::vector<unsigned> flags(patterns.size(), pattern_flags);
  std::vector<unsigned> ids;
  for (const NumberedPattern& pattern : patterns) {
    texts.push_back(pattern.text.c_str());
    ids.push_back(pattern.id);
  }
  hs_database_t* database = nullptr;
  hs_compile_error_t* raw_error = nullptr;
  const auto result = hs_compile_multi(texts.data(), flags.data(), ids.data(), static_cast<unsigned>(texts.size()),
                                       HS_MODE_BLOCK, nullptr, &database, &raw_error);
  const HsCompileError error(raw_error);
  if (result != HS_SUCCESS) {
    return fail(fmt::format("the patterns cannot be compiled together: {}", error ? error->message : "no reason given"));
  }
  return HsDatabase(database);
}

Expected<HsDatabase> load_patterns(std::span<const NumberedPattern> patterns, Bytes bytes) {
  if (patterns.empty() && bytes.empty()) return HsDatabase();
  hs_database_t* database = nullptr;
  const auto result = hs_deserialize_database(reinterpret_cast<const char*>(bytes.data()), bytes.size(), &database);
  HsDatabase owner(database);
  if (patterns.empty() || result != HS_SUCCESS) {
    return fail(fmt::format("expected patterns of Hyperscan {} for this machine, found others", hs_version()));
  }
  return owner;
}

Expected<std::vector<std::byte>> save_patterns(const HsDatabase& database) {
  if (database == nullptr) return std::vector<std::byte>();
  char* bytes = nullptr;
  size_t size = 0;
  if (hs_serialize_database(database.get(), &bytes, &size) != HS_SUCCESS) {
    return fail("patterns cannot be written: Hyperscan gives no reason");
  }
  const std::unique_ptr<char, Free> owner(bytes);
  const auto* first = reinterpret_cast<const std::byte*>(bytes);
  return std::vector(first, first + size);
}

}  // namespace sluice::rules
