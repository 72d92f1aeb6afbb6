// Hostile rows through every mask. The first byte picks the rules, the second the columns' types and
// formats; the rest is cells, 0xFE between them. Whatever they are: no value of a live type is left in
// what goes out, JSON stays JSON, and masking again changes nothing.
#include <nlohmann/json.hpp>

#include <array>
#include <map>
#include <string_view>

#include "base/assert.h"
#include "rules/compile/compile.h"
#include "rules/detect/detectors.h"
#include "rules/mask/shadow.h"

using namespace sluice;
using namespace sluice::rules;

namespace {

constexpr std::array<std::string_view, 4> rule_texts = {
    "rules: [{id: a, result: {types: [CREDIT_CARD, EMAIL_ADDRESS, US_SSN]}, mask: {operator: mask, keep_last: 4}}]",
    "rules: [{id: a, result: {types: [CREDIT_CARD, EMAIL_ADDRESS, US_SSN]}, mask: {operator: redact}}]",
    "rules: [{id: a, result: {types: [CREDIT_CARD]}, mask: {operator: mask, keep_first: 6, keep_last: 4}},"
    " {id: b, result: {types: [US_SSN]}, mask: {operator: \"null\"}}]",
    "rules: [{id: a, result: {types: [EMAIL_ADDRESS]}, mask: {operator: mask, masking_char: '#'}}]"};
constexpr std::array<uint32_t, 10> type_oids = {25, 114, 3802, 17, 20, 1700, 1009, 142, 2249, 16999};

struct World {
  explicit World(std::string_view text) {
    const SourceFile file{"rules.yaml", std::string(text)};
    set = *compile({&file, 1}, {}, 1, nullptr);
    const Principal nobody;
    bound = set->bind("orders", Verdict::Allow, {.principal = nobody});
    scratch.prepare(*set);
    detectors = *Detectors::make(DataTypes::shipped(), DataTypes::shipped().all());
    SLUICE_ASSERT(detectors->grow(detector_scratch));
  }
  std::shared_ptr<const RuleSet> set;
  BoundRules bound;
  Scratch scratch;
  std::shared_ptr<const Detectors> detectors;
  HsScratch detector_scratch;
};

World& world(size_t index) {
  static std::array<std::unique_ptr<World>, rule_texts.size()> worlds;
  if (!worlds[index]) worlds[index] = std::make_unique<World>(rule_texts[index]);
  return *worlds[index];
}

TypeSet live_types(size_t index) {
  TypeSet live;
  if (index != 3) {
    live.add(DataType::CreditCard);
    live.add(DataType::UsSsn);
  }
  if (index != 2) live.add(DataType::EmailAddress);
  return live;
}

bool holds_value(World& w, size_t rules, std::string_view text) {
  std::vector<Match> matches;
  w.detectors->find(text, w.detectors->search(live_types(rules)), w.detector_scratch.get(), matches);
  return !matches.empty();
}

void check_text(World& w, size_t rules, std::string_view out) {
  SLUICE_ASSERT(!holds_value(w, rules, out));
  std::vector<char> shadow;
  std::vector<uint32_t> map;
  if (append_shadow(out, Escapes::None, shadow, map)) SLUICE_ASSERT(!holds_value(w, rules, {shadow.data(), shadow.size()}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr char cell_end = '\xFE';
  if (size < 3) return 0;
  const size_t rules = data[0] % rule_texts.size();
  const uint32_t type = type_oids[data[1] % type_oids.size()];
  const bool binary = (data[1] & 0x80) != 0;
  World& w = world(rules);
  std::vector<std::string_view> values;
  std::string_view rest(reinterpret_cast<const char*>(data + 2), size - 2);
  for (size_t end = 0; end != std::string_view::npos; rest.remove_prefix(std::min(rest.size(), end + 1))) {
    end = rest.find(cell_end);
    values.push_back(rest.substr(0, end));
    if (end == std::string_view::npos) break;
  }

  const MaskPlan plan = w.bound.plan({{"c", 0, 0, type, binary}}, false, nullptr);
  ResultMasker masker(w.scratch);
  masker.begin(w.bound, plan);
  for (const auto value : values) {
    const Cell cell{as_bytes(value).data(), static_cast<int32_t>(value.size())};
    masker.add_row({&cell, 1});
  }
  masker.finish();

  const bool scanned = plan.columns[0].action == CellAction::Scan;
  for (size_t row = 0; row < values.size(); ++row) {
    const Replacement* replacement = masker.replacement(row, 0);
    SLUICE_ASSERT(masker.row_changed(row) == (replacement != nullptr));
    if (replacement != nullptr && replacement->null) continue;
    const auto out = replacement == nullptr ? values[row] : as_text(replacement->value);
    if (type == 25 && scanned) check_text(w, rules, out);
    const bool json = type == 114 || (type == 3802 && !binary);
    if (json && nlohmann::json::accept(values[row])) SLUICE_ASSERT(nlohmann::json::accept(out));
    if (type != 25 && type != 17 && replacement != nullptr && !json && !binary) SLUICE_ASSERT(out.size() <= values[row].size());
  }
  if (type == 25 && !binary) {
    const std::string once = mask_text(w.bound, w.scratch, values[0]);
    SLUICE_ASSERT(mask_text(w.bound, w.scratch, once) == once);
  }
  return 0;
}
