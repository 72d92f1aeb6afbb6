// Strict reading of YAML: every key is known, every value has the expected shape, and every complaint
// says where. Readers stop at the first error; what they return after it means nothing.
#pragma once
#include <yaml-cpp/yaml.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::rules {

/// A text of a list and where it stands.
struct YamlText {
  std::string text;
  YAML::Mark mark;
};

/// Named lists of a rule set: `lists:`.
using YamlLists = std::map<std::string, std::vector<std::string>, std::less<>>;

/// One file as it is read: collects its first error, and knows the lists that its texts may name.
class YamlFile {
 public:
  /// `lists` is borrowed; null: no list can be named.
  explicit YamlFile(std::string path, const YamlLists* lists = nullptr) : path_(std::move(path)), lists_(lists) {}
  /// Remembers `sentence` if it is the first. `mark` counts from 0, as yaml-cpp does.
  void fail(const YAML::Mark& mark, const std::string& sentence);
  [[nodiscard]] std::string at(const YAML::Mark& mark, const std::string& sentence) const;
  [[nodiscard]] bool failed() const { return !first_.empty(); }
  [[nodiscard]] const std::string& first() const { return first_; }
  [[nodiscard]] const YamlLists* lists() const { return lists_; }

 private:
  std::string path_;
  const YamlLists* lists_;
  std::string first_;
};

/// What a value is, in words: "a list", "\"abc\"", "nothing".
[[nodiscard]] std::string describe(const YAML::Node& node);

struct YamlKeys {
  std::vector<std::string_view> known;
  std::vector<std::string_view> later;  ///< Of a later version of the language: refused by name.
};

/// What the whole of a file is called in errors.
inline constexpr std::string_view a_rule_file = "a rule file";

/// A mapping whose keys have been checked.
class YamlMap {
 public:
  /// `what`: the thing the mapping describes, for messages ("a rule").
  YamlMap(const YAML::Node& node, std::string_view what, const YamlKeys& keys, YamlFile& file);
  [[nodiscard]] bool has(std::string_view key) const { return values_.contains(key); }
  /// The key must be there.
  [[nodiscard]] const YAML::Node& operator[](std::string_view key) const { return values_.find(key)->second; }
  /// Where the key itself stands.
  [[nodiscard]] YAML::Mark key_mark(std::string_view key) const { return key_marks_.find(key)->second; }
  [[nodiscard]] const YAML::Mark& mark() const { return mark_; }

 private:
  std::map<std::string, YAML::Node, std::less<>> values_;
  std::map<std::string, YAML::Mark, std::less<>> key_marks_;
  YAML::Mark mark_;
};

/// A text that is not empty.
[[nodiscard]] std::string read_text(const YAML::Node& node, std::string_view expected, YamlFile& file);
/// A whole number from 0 to `max`.
[[nodiscard]] uint32_t read_number(const YAML::Node& node, uint32_t max, YamlFile& file);
/// A list of one or more texts, none twice; with where each stands. An item `$name` stands for the items
/// of that list.
[[nodiscard]] std::vector<YamlText> read_texts(const YAML::Node& node, std::string_view expected, YamlFile& file);

/// One of `words`; nullopt after complaining.
[[nodiscard]] std::optional<size_t> read_choice(const YAML::Node& node, const std::vector<std::string_view>& words,
                                                YamlFile& file);

/// `", did you mean \"x\"?"`, or nothing.
[[nodiscard]] std::string suggestion(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace sluice::rules
