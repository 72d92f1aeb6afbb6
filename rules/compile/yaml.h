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

/// Collects the first error of one file.
class YamlErrors {
 public:
  explicit YamlErrors(std::string path) : path_(std::move(path)) {}
  /// Remembers `sentence` if it is the first. `mark` counts from 0, as yaml-cpp does.
  void fail(const YAML::Mark& mark, const std::string& sentence);
  [[nodiscard]] std::string at(const YAML::Mark& mark, const std::string& sentence) const;
  [[nodiscard]] bool failed() const { return !first_.empty(); }
  [[nodiscard]] const std::string& first() const { return first_; }

 private:
  std::string path_;
  std::string first_;
};

/// What a value is, in words: "a list", "\"abc\"", "nothing".
[[nodiscard]] std::string describe(const YAML::Node& node);

struct YamlKeys {
  std::vector<std::string_view> known;
  std::vector<std::string_view> later;  ///< Of a later version of the language: refused by name.
};

/// A mapping whose keys have been checked.
class YamlMap {
 public:
  /// `what`: the thing the mapping describes, for messages ("a rule").
  YamlMap(const YAML::Node& node, std::string_view what, const YamlKeys& keys, YamlErrors& errors);
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
[[nodiscard]] std::string read_text(const YAML::Node& node, std::string_view expected, YamlErrors& errors);
/// A whole number from 0 to `max`.
[[nodiscard]] uint32_t read_number(const YAML::Node& node, uint32_t max, YamlErrors& errors);
/// A list of one or more texts, none twice; with where each stands.
struct YamlText {
  std::string text;
  YAML::Mark mark;
};
[[nodiscard]] std::vector<YamlText> read_texts(const YAML::Node& node, std::string_view expected, YamlErrors& errors);

/// `", did you mean \"x\"?"`, or nothing.
[[nodiscard]] std::string suggestion(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace sluice::rules
