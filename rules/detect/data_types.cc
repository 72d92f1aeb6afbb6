#include <algorithm>

#include "base/assert.h"
#include "rules/detect/checks.h"
#include "rules/detect/data_type.h"
#include "rules/detect/detectors.h"
#include "rules/detect/forms.h"
#include "rules/detect/shipped_types.h"

namespace sluice::rules {
namespace {

constexpr size_t pattern_size_max = 1024;
constexpr uint32_t user_value_size_max = 4096;

bool equal_in_any_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    const auto folded = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
    return folded(x) == folded(y);
  });
}

std::string joined(const std::vector<std::string_view>& words) {
  std::string text;
  for (const std::string_view word : words) text += (text.empty() ? "" : ", ") + std::string(word);
  return text;
}

// Sizes follow from the shapes, so no row says them twice.
const std::vector<DataTypeSpec>& shipped_specs() {
  static const std::vector<DataTypeSpec> specs = [] {
    std::vector<DataTypeSpec> all;
    for (const auto table : {shipped_numbers(), shipped_secrets()}) all.insert(all.end(), table.begin(), table.end());
    for (DataTypeSpec& spec : all) {
      if (spec.engine != Engine::Forms) continue;
      const ShapeSizes sizes = sizes_of_shapes(spec.shape);
      spec.size_min = sizes.min;
      spec.size_max = sizes.max;
      spec.needs_context = sizes.needs_context;
    }
    SLUICE_ASSERT(all.size() < data_types_max);
    SLUICE_ASSERT(all[static_cast<size_t>(DataType::CreditCard)].id == "CREDIT_CARD");
    SLUICE_ASSERT(all[static_cast<size_t>(DataType::EmailAddress)].id == "EMAIL_ADDRESS");
    SLUICE_ASSERT(all[static_cast<size_t>(DataType::UsSsn)].id == "US_SSN");
    return all;
  }();
  return specs;
}

constexpr std::string_view pack_names[] = {"pii", "financial", "health", "secrets"};

}  // namespace

std::string_view name_of(Pack pack) { return pack_names[static_cast<size_t>(pack)]; }

std::vector<std::string_view> parts_of(std::string_view list) {
  std::vector<std::string_view> parts;
  while (!list.empty()) {
    const size_t bar = std::min(list.find('|'), list.size());
    parts.push_back(list.substr(0, bar));
    list.remove_prefix(std::min(bar + 1, list.size()));
  }
  return parts;
}

// What a spec's views look at, for a type that was added.
struct DataTypes::Owned {
  UserType type;
  std::string context;
  DataTypeSpec spec;
};

const DataTypes& DataTypes::shipped() {
  static const DataTypes types;
  return types;
}

size_t DataTypes::size() const { return shipped_specs().size() + own_.size(); }

const DataTypeSpec& DataTypes::spec(DataType type) const {
  const auto index = static_cast<size_t>(type);
  SLUICE_ASSERT(index < size());
  return index < shipped_specs().size() ? shipped_specs()[index] : own_[index - shipped_specs().size()]->spec;
}

TypeSet DataTypes::all() const {
  TypeSet types;
  for (size_t i = 0; i < size(); ++i) types.add(static_cast<DataType>(i));
  return types;
}

std::optional<DataType> DataTypes::find(std::string_view name) const {
  for (size_t i = 0; i < size(); ++i) {
    const auto type = static_cast<DataType>(i);
    if (equal_in_any_case(spec(type).id, name)) return type;
  }
  for (size_t i = 0; i < size(); ++i) {
    const auto type = static_cast<DataType>(i);
    const auto is_name = [&](std::string_view alias) { return equal_in_any_case(alias, name); };
    if (std::ranges::any_of(parts_of(spec(type).aliases), is_name)) return type;
  }
  return std::nullopt;
}

std::optional<TypeSet> DataTypes::pack(std::string_view name) const {
  const auto* found = std::ranges::find(pack_names, name);
  if (found == std::end(pack_names)) return std::nullopt;
  TypeSet types;
  for (size_t i = 0; i < size(); ++i) {
    const auto type = static_cast<DataType>(i);
    if (name_of(spec(type).pack) == name) types.add(type);
  }
  return types;
}

Expected<DataType> DataTypes::add(const UserType& type, bool tried) {
  const auto wrong = [&](std::string what) { return fail("data type " + type.id + ": " + std::move(what)); };
  if (type.id.empty()) return fail("expected a data type with an id, found one without");
  if (const auto taken = find(type.id)) return wrong("expected an id that is free, found one of " + std::string(spec(*taken).id));
  if (size() == data_types_max) return wrong("expected at most 256 data types, found one more");
  if (type.pattern.empty() || type.pattern.size() > pattern_size_max) {
    return wrong("expected a pattern of 1 to 1024 bytes, found " + std::to_string(type.pattern.size()));
  }
  if (type.size_max == 0 || type.size_max > user_value_size_max) {
    return wrong("expected a largest size of 1 to 4096 bytes, found " + std::to_string(type.size_max));
  }
  const Check check = type.validator.empty() ? checks::any : named_check(type.validator);
  if (check == nullptr) {
    return wrong("expected a validator (" + joined(validator_names()) + "), found \"" + type.validator + "\"");
  }
  if (type.needs_context && type.context.empty()) return wrong("expected context words, found none");

  auto owned = std::make_shared<Owned>();
  owned->type = type;
  for (const std::string& word : type.context) {
    std::string plain;
    for (const char c : word) {
      if (c >= 'A' && c <= 'Z') plain += static_cast<char>(c | 0x20);
      if ((c >= 'a' && c <= 'z') || static_cast<uint8_t>(c) >= 0x80) plain += c;
    }
    if (plain.empty()) return wrong("expected context words of letters, found \"" + word + "\"");
    owned->context += (owned->context.empty() ? "" : "|") + plain;
  }
  owned->spec = {.id = owned->type.id, .engine = Engine::Pattern, .shape = owned->type.pattern, .check = check,
                 .context = owned->context, .needs_context = type.needs_context, .size_min = 1,
                 .size_max = type.size_max, .keep_max = type.keep_max};
  DataTypes with = *this;
  with.own_.push_back(owned);
  const auto added = static_cast<DataType>(with.size() - 1);
  if (!tried) {
    auto judged = judge_user_type(with, added, owned->type);
    if (!judged) return wrong(judged.error().message);
  }
  *this = std::move(with);
  return added;
}

}  // namespace sluice::rules
