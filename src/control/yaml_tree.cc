#include "control/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <istream>
#include <optional>
#include <streambuf>

#include "base/assert.h"
#include "base/text.h"

namespace sluice::control {
namespace {

uint32_t one_based(int zero_based) { return zero_based < 0 ? 1 : static_cast<uint32_t>(zero_based) + 1; }
Position position_of(const YAML::Mark& mark) { return {one_based(mark.line), one_based(mark.column)}; }

/// Thrown through yaml-cpp, which has no other way to stop: one problem is enough for one text.
struct Stop {};

class Builder : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    check(mark, "", anchor);
    add(mark, YamlNode::Kind::Null);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    stop(mark, "expected a value, found an alias (*name): write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check(mark, tag, anchor);
    YamlNode& node = add(mark, YamlNode::Kind::Scalar);
    node.quoted = tag == "!";
    node.scalar = value;
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check(mark, tag, anchor);
    open(mark, YamlNode::Kind::Sequence);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check(mark, tag, anchor);
    open(mark, YamlNode::Kind::Map);
  }
  void OnMapEnd() override { close(); }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    stop(mark, "expected a value, found an anchor (&name): write the value out where it is used");
  }

  std::optional<YamlProblem> problem;
  YamlNode root;

 private:
  [[noreturn]] void stop(const YAML::Mark& mark, std::string message) {
    problem = YamlProblem{position_of(mark), std::move(message)};
    throw Stop{};
  }

  void check(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) stop(mark, "expected a value, found an anchor (&name): write the value out where it is used");
    if (!tag.empty() && tag != "?" && tag != "!") {
      stop(mark, fmt::format("expected a plain value, found the tag \"{}\"", printable(tag.substr(0, 40))));
    }
    if (++nodes_ > yaml_nodes_max) stop(mark, fmt::format("expected at most {} values, found more", yaml_nodes_max));
  }

  /// The open container may move while its parent grows, but a parent never grows while a child is open.
  YamlNode& add(const YAML::Mark& mark, YamlNode::Kind kind) {
    YamlNode* into = &root;
    if (!open_.empty()) {
      YamlNode& parent = *open_.back();
      const bool is_key = parent.kind == YamlNode::Kind::Map && parent.keys.size() == parent.items.size();
      if (is_key && kind != YamlNode::Kind::Scalar) stop(mark, "expected a name as the key, found something else");
      into = is_key ? &parent.keys.emplace_back() : &parent.items.emplace_back();
    }
    into->kind = kind;
    into->at = position_of(mark);
    return *into;
  }
  void open(const YAML::Mark& mark, YamlNode::Kind kind) {
    if (open_.size() >= yaml_depth_max) stop(mark, fmt::format("expected at most {} levels, found more", yaml_depth_max));
    open_.push_back(&add(mark, kind));
  }
  void close() {
    SLUICE_ASSERT(!open_.empty());
    open_.pop_back();
  }

  std::vector<YamlNode*> open_;
  size_t nodes_ = 0;
};

class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): never written, as no put area is set.
    char* begin = const_cast<char*>(text.data());
    setg(begin, begin, begin + text.size());
  }
};

}  // namespace

Result<YamlNode, YamlProblem> parse_yaml(std::string_view text) {
  const auto bad = [](Position at, std::string message) {
    return std::unexpected(YamlProblem{at, std::move(message)});
  };
  if (text.size() > yaml_size_max) {
    return bad({}, fmt::format("expected at most {} bytes, found {}", yaml_size_max, text.size()));
  }
  Position at;
  for (size_t i = 0; i < text.size();) {  // yaml-cpp guesses UTF-16 and UTF-32; only UTF-8 is let through.
    const size_t n = utf8_sequence_size(text.substr(i));
    if (n == 0 || text[i] == '\0') return bad(at, "expected UTF-8 text, found a byte that is not");
    if (text[i] == '\n') {
      ++at.line;
      at.column = 1;
    } else {
      at.column += static_cast<uint32_t>(n);
    }
    i += n;
  }
  Builder builder;
  try {
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    if (parser.HandleNextDocument(builder)) {
      Builder rest;
      if (parser.HandleNextDocument(rest)) return bad(rest.root.at, "expected one document, found another (---)");
    }
  } catch (const Stop&) {
    if (builder.problem) return std::unexpected(std::move(*builder.problem));
    return bad({}, "expected one document, found another (---)");
  } catch (const YAML::Exception& e) {
    // A container that never ends carries no mark: the end of the text is where it is missed.
    return bad(e.mark.is_null() ? at : position_of(e.mark), fmt::format("expected YAML, found: {}", printable(e.msg)));
  }
  return std::move(builder.root);
}

}  // namespace sluice::control
