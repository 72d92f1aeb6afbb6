#include "rules/sql/copy_options.h"

#include <algorithm>
#include <optional>

namespace sluice::rules::sql {
namespace {

std::string letters_and_digits(std::string_view text) {
  std::string low;
  for (const char c : text) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
      low.push_back(upper ? static_cast<char>(c | 0x20) : c);
  }
  return low;
}

// As the server's defGetBoolean() reads it.
std::optional<bool> boolean(JsonObject option) {
  const auto value = field(option, "arg");
  if (!value) return true;
  if (const auto node = as_node(*value, "Boolean")) return flag_field(*node, "boolval");
  if (const auto node = as_node(*value, "Integer")) {
    const auto number = field(*node, "ival");
    if (!number) return false;  // The tree leaves out zeros.
    int64_t one = 0;
    return number->get(one) == simdjson::SUCCESS && one == 1 ? std::optional(true) : std::nullopt;
  }
  const std::string word = letters_and_digits(as_string(*value));
  if (word == "true" || word == "on") return true;
  if (word == "false" || word == "off") return false;
  return std::nullopt;
}

std::optional<std::string_view> text(JsonObject option) {
  const auto value = field(option, "arg");
  if (!value || !as_node(*value, "String")) return std::nullopt;
  return as_string(*value);
}

bool read_byte(JsonObject option, std::optional<char>& into) {
  const auto value = text(option);
  if (!value || value->size() != 1 || into) return false;
  into = value->front();
  return true;
}

struct Options {
  std::optional<std::string_view> format;
  std::optional<std::string_view> null_text;
  std::optional<char> delimiter;
  std::optional<char> quote;
  std::optional<char> escape;
  bool header = false;

  // False: not understood. The server refuses what is there twice.
  bool read(JsonObject option) {
    const std::string_view name = text_field(option, "defname");
    if (name == "format") {
      const bool again = format.has_value();
      format = text(option);
      return format && !again;
    }
    if (name == "null") {
      const bool again = null_text.has_value();
      null_text = text(option);
      return null_text && !again;
    }
    if (name == "delimiter") return read_byte(option, delimiter);
    if (name == "quote") return read_byte(option, quote);
    if (name == "escape") return read_byte(option, escape);
    if (name == "header") {
      const auto on = boolean(option);
      header = header || on.value_or(false);
      return on.has_value();
    }
    if (name == "encoding") {
      const std::string encoding = letters_and_digits(text(option).value_or(""));
      return encoding == "utf8" || encoding == "unicode";
    }
    // Which values are quoted that need not be: quotes say it where they stand.
    return name == "force_quote";
  }
};

// What the server would refuse too: rows could not be read back.
bool consistent(const CopyOut& copy) {
  const auto line_end = [](char c) { return c == '\n' || c == '\r' || c == '\0'; };
  if (line_end(copy.delimiter) || std::ranges::any_of(copy.null_text, line_end)) return false;
  if (copy.null_text.find(copy.delimiter) != std::string::npos) return false;
  // A mask writes it for each value that becomes NULL: it must not make much of little.
  constexpr size_t null_text_size_max = 64;
  if (copy.null_text.size() > null_text_size_max) return false;
  if (copy.format == CopyOut::Format::Csv) {
    return copy.delimiter != copy.quote && !line_end(copy.quote) && !line_end(copy.escape) &&
           copy.null_text.find(copy.quote) == std::string::npos;
  }
  // Another backslash in it could be read as an escape of what follows.
  if (copy.null_text != "\\N" && copy.null_text.contains('\\')) return false;
  constexpr std::string_view taken_by_escapes = "\\.abcdefghijklmnopqrstuvwxyz0123456789";
  return taken_by_escapes.find(copy.delimiter) == std::string_view::npos;
}

}  // namespace

CopyOut read_copy_out(JsonObject node) {
  CopyOut copy;
  if (const auto relation = object_field(node, "relation")) {
    copy.schema = text_field(*relation, "schemaname");
    copy.relation = text_field(*relation, "relname");
  }
  if (const auto columns = array_field(node, "attlist")) {
    for (const JsonValue column : *columns) copy.columns.emplace_back(as_string(column));
  }
  Options options;
  if (const auto list = array_field(node, "options")) {
    for (const JsonValue value : *list) {
      const auto option = as_node(value, "DefElem");
      if (!option || !options.read(*option)) return copy;
    }
  }
  const std::string_view format = options.format.value_or("text");
  const bool csv = format == "csv";
  if (!csv && (format != "text" || options.quote || options.escape)) return copy;
  copy.format = csv ? CopyOut::Format::Csv : CopyOut::Format::Text;
  copy.header = options.header;
  copy.delimiter = options.delimiter.value_or(csv ? ',' : '\t');
  copy.null_text = options.null_text.value_or(csv ? "" : "\\N");
  copy.quote = options.quote.value_or('"');
  copy.escape = options.escape.value_or(copy.quote);
  if (!consistent(copy)) copy.format = CopyOut::Format::Unknown;
  return copy;
}

}  // namespace sluice::rules::sql
