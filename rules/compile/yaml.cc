#include "rules/compile/yaml.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "rules/compile/names.h"

namespace sluice::rules {
namespace {

constexpr size_t quoted_size_max = 60;

std::string quote(std::string_view text) {
  std::string shown = printable(text.substr(0, quoted_size_max));
  if (text.size() > quoted_size_max) shown += "...";
  return "\"" + shown + "\"";
}

}  // namespace

void YamlFile::fail(const YAML::Mark& mark, const std::string& sentence) {
  if (first_.empty()) first_ = at(mark, sentence);
}

std::string YamlFile::at(const YAML::Mark& mark, const std::string& sentence) const {
  return fmt::format("{}:{}:{}: {}", printable(path_), mark.line + 1, mark.column + 1, sentence);
}

std::string describe(const YAML::Node& node) {
  if (!node.IsDefined() || node.IsNull()) return "nothing";
  if (node.IsMap()) return "a mapping";
  if (node.IsSequence()) return node.size() == 0 ? "an empty list" : "a list";
  return quote(node.Scalar());
}

std::string suggestion(std::string_view word, const std::vector<std::string_view>& known) {
  const auto meant = nearest(word, known);
  return meant.empty() ? std::string() : fmt::format("; did you mean \"{}\"?", meant);
}

YamlMap::YamlMap(const YAML::Node& node, std::string_view what, const YamlKeys& keys, YamlFile& file)
    : mark_(node.Mark()) {
  if (!node.IsMap()) {
    // A file that is text as a whole may be a key in the wrong place: it is not quoted.
    const bool root = what == a_rule_file && node.IsScalar();
    file.fail(node.Mark(), fmt::format("expected {} as a mapping, found {}", what, root ? "text" : describe(node)));
    return;
  }
  for (const auto& entry : node) {
    if (file.failed()) return;
    const YAML::Mark where = entry.first.Mark();
    if (!entry.first.IsScalar()) {
      file.fail(where, fmt::format("expected a key of {}, found {}", what, describe(entry.first)));
      return;
    }
    const std::string& key = entry.first.Scalar();
    if (std::ranges::find(keys.later, key) != keys.later.end()) {
      file.fail(where, fmt::format("{} is not available in this version", quote(key)));
    } else if (std::ranges::find(keys.known, key) == keys.known.end()) {
      file.fail(where, fmt::format("expected a key of {} ({}), found {}{}", what, fmt::join(keys.known, ", "),
                                     quote(key), suggestion(key, keys.known)));
    } else if (!values_.emplace(key, entry.second).second) {
      file.fail(where, fmt::format("expected each key once, found {} again", quote(key)));
    }
    key_marks_.emplace(key, where);
  }
}

std::string read_text(const YAML::Node& node, std::string_view expected, YamlFile& file) {
  if (!node.IsScalar() || node.Scalar().empty()) {
    file.fail(node.Mark(), fmt::format("expected {}, found {}", expected, describe(node)));
    return {};
  }
  if (!utf8_valid(node.Scalar()) || node.Scalar().find('\0') != std::string::npos) {
    file.fail(node.Mark(), fmt::format("expected {}, found bytes that are not text", expected));
    return {};
  }
  return node.Scalar();
}

uint32_t read_number(const YAML::Node& node, uint32_t max, YamlFile& file) {
  uint32_t value = 0;
  if (node.IsScalar()) {
    const std::string& text = node.Scalar();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size() && value <= max) return value;
  }
  file.fail(node.Mark(), fmt::format("expected a whole number from 0 to {}, found {}", max, describe(node)));
  return 0;
}

std::vector<YamlText> read_texts(const YAML::Node& node, std::string_view expected, YamlFile& file) {
  std::vector<YamlText> texts;
  if (!node.IsSequence() || node.size() == 0) {
    file.fail(node.Mark(), fmt::format("expected a list of {}, found {}", expected, describe(node)));
    return texts;
  }
  const auto add = [&](YamlText text) {
    if (std::ranges::find(texts, text.text, &YamlText::text) != texts.end()) {
      file.fail(text.mark, fmt::format("expected each of {} once, found {} again", expected, quote(text.text)));
    }
    texts.push_back(std::move(text));
  };
  for (const auto& item : node) {
    YamlText text{read_text(item, expected, file), item.Mark()};
    if (file.lists() == nullptr || !text.text.starts_with('$')) {
      add(std::move(text));
      continue;
    }
    const auto list = file.lists()->find(std::string_view(text.text).substr(1));
    if (list == file.lists()->end()) {
      std::vector<std::string_view> known;
      for (const auto& [name, items] : *file.lists()) known.push_back(name);
      file.fail(text.mark, fmt::format("expected a list of lists: ({}), found {}{}", fmt::join(known, ", "),
                                         describe(item), suggestion(std::string_view(text.text).substr(1), known)));
      return texts;
    }
    for (const std::string& listed : list->second) add({listed, text.mark});
  }
  return texts;
}

std::optional<size_t> read_choice(const YAML::Node& node, const std::vector<std::string_view>& words, YamlFile& file) {
  const std::string last = fmt::format("{}{}", words.size() > 1 ? " or " : "", words.back());
  const std::string expected = fmt::format("{}{}", fmt::join(words.begin(), words.end() - 1, ", "), last);
  const std::string word = read_text(node, expected, file);
  if (file.failed()) return std::nullopt;
  const auto at = std::ranges::find(words, word);
  if (at != words.end()) return static_cast<size_t>(at - words.begin());
  file.fail(node.Mark(), fmt::format("expected {}, found {}{}", expected, describe(node), suggestion(word, words)));
  return std::nullopt;
}

}  // namespace sluice::rules
