#include "rules/ruleset/json_pieces.h"

#include <simdjson.h>

#include <algorithm>

namespace sluice::rules {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr int depth_max = 64;

// Behind the last byte of the string's content. The text is padded, and simdjson has seen its quotes.
size_t end_of_string(std::string_view text, size_t begin) {
  size_t end = begin;
  while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
  return std::min(end, text.size());
}

class Walk {
 public:
  Walk(std::string_view text, const Detectors& detectors, std::vector<JsonPiece>& out)
      : text_(text), detectors_(detectors), out_(out) {}

  bool value(ondemand::value value, const TypeSet& context, int depth) {
    ondemand::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return false;
    switch (type) {
      case ondemand::json_type::object: return object(value, context, depth);
      case ondemand::json_type::array: return array(value, context, depth);
      case ondemand::json_type::string: {
        const size_t begin = offset_of(value.raw_json_token()) + 1;
        out_.push_back({begin, end_of_string(text_, begin), context});
        return true;
      }
      case ondemand::json_type::number: {
        const std::string_view token = value.raw_json_token();
        const size_t begin = offset_of(token);
        const size_t size = std::min(token.find_first_not_of("0123456789+-.eE"), token.size());
        out_.push_back({begin, begin + size, context});
        return true;
      }
      case ondemand::json_type::boolean:
      case ondemand::json_type::null: return true;
    }
    return false;
  }

 private:
  [[nodiscard]] size_t offset_of(std::string_view token) const { return static_cast<size_t>(token.data() - text_.data()); }

  bool object(ondemand::value& value, const TypeSet& context, int depth) {
    ondemand::object object;
    if (depth == depth_max || value.get_object().get(object) != simdjson::SUCCESS) return false;
    for (auto next : object) {
      ondemand::field field;
      if (std::move(next).get(field) != simdjson::SUCCESS) return false;
      const auto begin = static_cast<size_t>(field.key().raw() - text_.data());
      const size_t end = end_of_string(text_, begin);
      out_.push_back({begin, end, context});
      const TypeSet below = context | detectors_.context_of(text_.substr(begin, end - begin));
      if (!this->value(field.value(), below, depth + 1)) return false;
    }
    return true;
  }

  bool array(ondemand::value& value, const TypeSet& context, int depth) {
    ondemand::array array;
    if (depth == depth_max || value.get_array().get(array) != simdjson::SUCCESS) return false;
    for (auto next : array) {
      ondemand::value element;
      if (std::move(next).get(element) != simdjson::SUCCESS) return false;
      if (!this->value(element, context, depth + 1)) return false;
    }
    return true;
  }

  std::string_view text_;
  const Detectors& detectors_;
  std::vector<JsonPiece>& out_;
};

}  // namespace

struct JsonPieces::Impl {
  ondemand::parser parser;
  std::vector<char> padded;
  std::vector<JsonPiece> pieces;
};

JsonPieces::JsonPieces() : impl_(std::make_unique<Impl>()) {}
JsonPieces::~JsonPieces() = default;

const std::vector<JsonPiece>* JsonPieces::walk(std::string_view text, const Detectors& detectors) {
  Impl& impl = *impl_;
  impl.pieces.clear();
  impl.padded.assign(text.size() + simdjson::SIMDJSON_PADDING, ' ');
  std::ranges::copy(text, impl.padded.begin());
  const std::string_view copy(impl.padded.data(), text.size());
  ondemand::document document;
  ondemand::value root;
  const simdjson::padded_string_view view(copy, impl.padded.size());
  if (impl.parser.iterate(view).get(document) != simdjson::SUCCESS) return nullptr;
  if (document.get_value().get(root) != simdjson::SUCCESS) return nullptr;
  if (!Walk(copy, detectors, impl.pieces).value(root, {}, 0)) return nullptr;
  // An error says that nothing is left.
  const char* behind = nullptr;
  if (document.current_location().get(behind) == simdjson::SUCCESS && behind < copy.data() + copy.size()) return nullptr;
  return &impl.pieces;
}

}  // namespace sluice::rules
