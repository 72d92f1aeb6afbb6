// Facts while they are being gathered: keeps them unique and within bounds of the text.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/facts.h"
#include "rules/sql/canonical.h"
#include "rules/sql/names.h"

namespace sluice::rules::sql {

enum class Use : uint8_t { Read, Write, ReadWrite };

class Collector {
 public:
  /// Borrows everything; `facts` is filled in as things are found.
  Collector(std::string_view text, const LexedText& lexed, const std::vector<std::string>& trusted, Facts& facts)
      : text_(text), lexed_(lexed), trusted_(trusted), facts_(facts) {}

  void kind(StatementKind kind) { facts_.kinds.add(kind); }
  [[nodiscard]] KindSet kinds() const { return facts_.kinds; }
  void where_absent() { facts_.where_absent = true; }
  void limit_absent() { facts_.limit_absent = true; }
  void copy_out(CopyOut copy) { facts_.copies_out.push_back(std::move(copy)); }
  void leaves_read_only() { facts_.leaves_read_only = true; }
  void relation(QualifiedName name, Use use);
  void function(QualifiedName name);
  /// Opaque, unless somebody vouches for the name. The first cause is kept.
  void unknown_code(std::string_view what, QualifiedName name);
  void opaque(std::string because);
  /// The first guard is kept.
  void guard(Guard guard, std::string_view detail);

  /// What a literal says may change what the statement does or how it is judged.
  void literal_matters() { literals_matter_ = true; }
  [[nodiscard]] bool literals_matter() const { return literals_matter_; }

  /// Blanks the string literal whose token starts at this byte.
  void secret_at(uint32_t location);
  /// Blanks the first string literal within three tokens of the token that starts at this byte.
  void secret_after(uint32_t location);
  /// Blanks every string literal that follows the key word `word` in [start, end).
  void secrets_after_word(std::string_view word, uint32_t start, uint32_t end);

  /// Writes relations, functions and the text to record into the facts. Call once, last.
  void finish();

 private:
  void blank(const Token& token);
  [[nodiscard]] size_t token_at(uint32_t location) const;

  std::string_view text_;
  const LexedText& lexed_;
  TrustedNames trusted_;
  Facts& facts_;
  std::map<std::pair<std::string, std::string>, RelationUse> relations_;
  std::set<std::string> functions_;
  std::set<std::pair<uint32_t, uint32_t>> secrets_;  // Byte ranges; sorted, so replacing is one pass.
  bool withhold_all_ = false;
  bool literals_matter_ = false;
};

}  // namespace sluice::rules::sql
