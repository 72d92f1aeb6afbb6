// The kinds of sensitive data that are found by value: those that ship, and those that a rule set adds.
#pragma once
#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice::rules {

/// An index into a DataTypes: shipped types first, in the order of their table, a rule set's own behind.
enum class DataType : uint16_t { CreditCard, EmailAddress, UsSsn, None = UINT16_MAX };

inline constexpr size_t data_types_max = 256;

/// A set of data types. Plain value.
class TypeSet {
 public:
  constexpr void add(DataType t) { words_[index(t) / 64] |= bit(t); }
  [[nodiscard]] constexpr bool has(DataType t) const { return (words_[index(t) / 64] & bit(t)) != 0; }
  [[nodiscard]] constexpr bool empty() const { return (words_[0] | words_[1] | words_[2] | words_[3]) == 0; }
  [[nodiscard]] constexpr size_t count() const {
    size_t count = 0;
    for (const uint64_t word : words_) count += static_cast<size_t>(std::popcount(word));
    return count;
  }
  [[nodiscard]] constexpr bool intersects(const TypeSet& other) const { return !(*this & other).empty(); }
  constexpr TypeSet& operator|=(const TypeSet& other) {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
    return *this;
  }
  friend constexpr TypeSet operator|(TypeSet a, const TypeSet& b) { return a |= b; }
  friend constexpr TypeSet operator&(TypeSet a, const TypeSet& b) {
    for (size_t i = 0; i < a.words_.size(); ++i) a.words_[i] &= b.words_[i];
    return a;
  }
  /// What `a` has and `b` has not.
  friend constexpr TypeSet operator-(TypeSet a, const TypeSet& b) {
    for (size_t i = 0; i < a.words_.size(); ++i) a.words_[i] &= ~b.words_[i];
    return a;
  }
  /// Calls `visit` with each type, rising.
  template <typename Visit>
  void each(Visit visit) const {
    for (size_t word = 0; word < words_.size(); ++word) {
      for (uint64_t rest = words_[word]; rest != 0; rest &= rest - 1) {
        visit(static_cast<DataType>(word * 64 + static_cast<size_t>(std::countr_zero(rest))));
      }
    }
  }
  bool operator==(const TypeSet&) const = default;

 private:
  static constexpr size_t index(DataType t) { return static_cast<size_t>(t) % data_types_max; }
  static constexpr uint64_t bit(DataType t) { return uint64_t{1} << (index(t) % 64); }
  std::array<uint64_t, data_types_max / 64> words_{};
};

enum class Pack : uint8_t { Pii, Financial, Health, Secrets };
[[nodiscard]] std::string_view name_of(Pack pack);

/// Which machinery finds a type's values.
enum class Engine : uint8_t {
  Cards,    ///< Digits in any grouping: find_cards_in_run().
  Forms,    ///< Fixed shapes of digits and letters: rules/detect/forms.h.
  Trigger,  ///< A short Hyperscan expression, then code: rules/detect/triggers.h.
  Pattern,  ///< A rule set's own expression, with the start of its match.
};

/// Judges a value without its separators, letters in upper case. Pure.
using Check = bool (*)(std::string_view value);

struct Trigger;  // rules/detect/secrets.h

/// Lists are words with a bar between them: `a|b`. Views last as long as the DataTypes they came from.
struct DataTypeSpec {
  std::string_view id;       ///< As presidio names it, secrets as gitleaks does.
  std::string_view aliases;  ///< As other tools name it.
  Pack pack = Pack::Pii;
  Engine engine = Engine::Forms;
  /// For Forms: see forms.h. For Pattern: the expression.
  std::string_view shape;
  Check check = nullptr;
  /// For Trigger.
  const Trigger* trigger = nullptr;
  /// Lower-case words, those of several words joined: `socialsecurity`.
  std::string_view context;
  bool needs_context = false;  ///< Found only where one of the context words stands (every form of it).
  std::string_view examples;   ///< Each is found whole, beside a context word where one is needed.
  std::string_view negatives;  ///< In none of these is anything found, context or not.
  uint32_t size_min = 0;       ///< No value of the type has fewer bytes ...
  uint32_t size_max = 0;       ///< ... or more.
  /// keep_first + keep_last of a mask may be no more: what is kept must not be a value of the type, nor
  /// nearly all of one.
  uint32_t keep_max = 0;
};

/// The parts of a list.
[[nodiscard]] std::vector<std::string_view> parts_of(std::string_view list);

/// A type of a rule set's own.
struct UserType {
  std::string id;
  std::string pattern;    ///< A Hyperscan expression; the longest match is the value.
  std::string validator;  ///< One of validator_names(), or empty: every match is a value.
  uint32_t size_max = 256;
  uint32_t keep_max = 0;
  std::vector<std::string> context;
  bool needs_context = false;
  std::vector<std::string> examples;
  std::vector<std::string> negatives;
};

/// The table of types. Copies share what was added before; adding to one does not change another.
class DataTypes {
 public:
  DataTypes() = default;  ///< What ships.
  [[nodiscard]] static const DataTypes& shipped();

  [[nodiscard]] size_t size() const;
  [[nodiscard]] const DataTypeSpec& spec(DataType type) const;
  /// By id, or by an alias, in any case.
  [[nodiscard]] std::optional<DataType> find(std::string_view name) const;
  /// Every type of a pack; nullopt: no such pack.
  [[nodiscard]] std::optional<TypeSet> pack(std::string_view name) const;
  [[nodiscard]] TypeSet all() const;

  /// Refuses, with a sentence: an id that is taken, an expression that Hyperscan rejects or that matches
  /// nothing at all, an unknown validator, an example that is not found, a negative that is. `tried`: the expression
  /// and what it finds were judged before; only the rest is.
  Expected<DataType> add(const UserType& type, bool tried = false);

 private:
  struct Owned;
  std::vector<std::shared_ptr<const Owned>> own_;
};

/// What a UserType's validator may be.
[[nodiscard]] std::vector<std::string_view> validator_names();

}  // namespace sluice::rules
