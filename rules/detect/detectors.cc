#include "rules/detect/detectors.h"

#include <algorithm>
#include <climits>

#include "base/assert.h"
#include "rules/detect/secrets.h"

namespace sluice::rules {
namespace {

// For a validator: without separators, letters in upper case.
std::string normalised(std::string_view value) {
  std::string plain;
  for (const char c : value) {
    if (c >= 'a' && c <= 'z') plain += static_cast<char>(c & ~0x20);
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')) plain += c;
  }
  return plain;
}

// Values of one type that share bytes (`a@b.co@d.com`) become one match: masking one would leave the other.
// Hyperscan promises no order within a scan.
void join_overlaps(std::vector<Match>& out, size_t first) {
  const auto begin = out.begin() + static_cast<std::ptrdiff_t>(first);
  const auto key = [](const Match& match) { return std::pair(match.type, match.begin); };
  if (!std::ranges::is_sorted(begin, out.end(), {}, key)) std::ranges::sort(begin, out.end(), {}, key);
  size_t kept = first;
  for (size_t i = first; i < out.size(); ++i) {
    if (kept > first && out[kept - 1].type == out[i].type && out[kept - 1].end > out[i].begin) {
      out[kept - 1].end = std::max(out[kept - 1].end, out[i].end);
    } else {
      out[kept++] = out[i];
    }
  }
  out.resize(kept);
}

}  // namespace

// One database over one text. A pattern of a rule set's own may match across cells; such a cell is then
// read again alone, since the match may have hidden one that begins in it.
struct Detectors::TriggerScan {
  const Detectors* detectors;
  bool patterns;
  std::string_view text;
  const Search& search;
  std::vector<Match>& out;
  size_t offset = 0;                                // Of `text` in what the caller gave ...
  size_t stretch_begin = 0;                         // ... and in `text` of what Hyperscan reads.
  std::vector<std::pair<size_t, size_t>> crossed;  // Cells, rising.
};

Detectors::Detectors(DataTypes types, const TypeSet& used)
    : types_(std::move(types)), used_(used), forms_(types_, used_), words_(types_, used_) {}

Expected<std::shared_ptr<const Detectors>> Detectors::make(DataTypes types, const TypeSet& used, const GroupingOptions& options) {
  std::shared_ptr<Detectors> made(new Detectors(std::move(types), used));
  auto grouping = group_triggers(made->types_, made->used_, options);
  if (!grouping) return fail("detectors cannot be compiled: " + grouping.error().message);
  made->databases_ = std::move(grouping->databases);
  made->costs_ = std::move(grouping->costs);
  return made;
}

Expected<std::shared_ptr<const Detectors>> Detectors::load(DataTypes types, const TypeSet& used, std::span<const TriggerBlob> blobs) {
  std::shared_ptr<Detectors> made(new Detectors(std::move(types), used));
  TypeSet covered;
  for (const TriggerBlob& blob : blobs) {
    auto database = load_triggers(made->types_, blob);
    if (!database) return std::unexpected(database.error());
    if (covered.intersects(database->set)) return fail("expected each data type in one group of detectors, found one in two");
    covered |= database->set;
    made->databases_.push_back(std::move(*database));
  }
  std::optional<DataType> missing;
  used.each([&](DataType type) {
    const Engine engine = made->types_.spec(type).engine;
    if ((engine == Engine::Trigger || engine == Engine::Pattern) && !covered.has(type)) missing = type;
  });
  if (missing) return fail("expected a detector of " + std::string(made->types_.spec(*missing).id) + ", found none");
  return made;
}

Expected<std::vector<TriggerBlob>> Detectors::save() const {
  std::vector<TriggerBlob> blobs;
  for (const TriggerDatabase& database : databases_) {
    auto blob = save_triggers(database);
    if (!blob) return std::unexpected(blob.error());
    blobs.push_back(std::move(*blob));
  }
  return blobs;
}

bool Detectors::grow(HsScratch& scratch) const {
  for (const TriggerDatabase& database : databases_) {
    hs_scratch_t* raw = scratch.release();  // Moved by hs_alloc_scratch when it must grow.
    const auto result = hs_alloc_scratch(database.database.get(), &raw);
    scratch.reset(raw);
    if (result != HS_SUCCESS) return false;
  }
  return true;
}

Search Detectors::search(const TypeSet& live, const TypeSet& in_context) const {
  Search search;
  search.live = live & used_;
  search.in_context = in_context & search.live;
  search.cards = search.live.has(DataType::CreditCard);
  search.size_min = UINT32_MAX;
  search.live.each([&](DataType type) { search.size_min = std::min(search.size_min, types_.spec(type).size_min); });
  forms_.prepare(search);
  return search;
}

void Detectors::add_trigger(TriggerScan& scan, DataType type, size_t to) const {
  const Trigger& trigger = *types_.spec(type).trigger;
  const auto match = trigger.extend(trigger, scan.text, to);
  if (match) scan.out.push_back({scan.offset + match->begin, scan.offset + match->end, type});
}

void Detectors::add_pattern(TriggerScan& scan, DataType type, size_t from, size_t to) const {
  const auto value = scan.text.substr(from, to - from);
  if (value.find(cell_separator) != std::string_view::npos) {
    size_t begin = to;
    while (begin > 0 && scan.text[begin - 1] != cell_separator) begin -= 1;
    const size_t end = std::min(scan.text.find(cell_separator, to), scan.text.size());
    if (scan.crossed.empty() || scan.crossed.back().first != begin) scan.crossed.emplace_back(begin, end);
    return;
  }
  const DataTypeSpec& spec = types_.spec(type);
  if (value.size() > spec.size_max || !spec.check(normalised(value))) return;
  if (spec.needs_context && !scan.search.in_context.has(type) && !words_.types_before(scan.text, from).has(type)) return;
  scan.out.push_back({scan.offset + from, scan.offset + to, type});
}

int Detectors::on_trigger(unsigned id, unsigned long long from, unsigned long long to, unsigned, void* context) {
  auto& scan = *static_cast<TriggerScan*>(context);
  const auto type = static_cast<DataType>(id);
  if (!scan.search.live.has(type)) return 0;
  if (scan.patterns) {
    scan.detectors->add_pattern(scan, type, from, to);
  } else {
    scan.detectors->add_trigger(scan, type, scan.stretch_begin + to);
  }
  return 0;
}

void Detectors::find_triggers(const TriggerDatabase& database, TriggerScan& scan, const Stretch& stretch, hs_scratch_t* scratch) {
  scan.stretch_begin = stretch.begin;
  const auto result = hs_scan(database.database.get(), scan.text.data() + stretch.begin,
                              static_cast<unsigned>(stretch.end - stretch.begin), 0, scratch, on_trigger, &scan);
  SLUICE_ASSERT(result == HS_SUCCESS);
}

void Detectors::find_everywhere(const TriggerDatabase& database, std::string_view text, const Search& search,
                                hs_scratch_t* scratch, std::vector<Match>& out) const {
  TriggerScan scan{this, database.patterns, text, search, out, 0, 0, {}};
  find_triggers(database, scan, {0, text.size(), {}}, scratch);
  for (const auto& [begin, end] : scan.crossed) {
    if (begin == end) continue;
    TriggerScan alone{this, true, text.substr(begin, end - begin), search, out, begin, 0, {}};
    find_triggers(database, alone, {0, end - begin, {}}, scratch);
  }
}

void Detectors::find(std::string_view text, const Search& search, hs_scratch_t* scratch, std::vector<Match>& out) const {
  SLUICE_ASSERT(text.size() <= UINT_MAX);
  if (text.empty()) return;  // Its data may be null, which hs_scan() refuses.
  forms_.find(text, search, words_, out);
  const size_t first = out.size();
  MarkSet marks;
  for (const TriggerDatabase& database : databases_) {
    if (!database.set.intersects(search.live)) continue;
    if (database.marks.has(Mark::Anywhere)) {
      find_everywhere(database, text, search, scratch, out);
    } else {
      marks |= database.marks;
    }
  }
  if (!marks.empty()) find_in_stretches(text, marks, search, scratch, out);
  if (out.size() - first > 1) join_overlaps(out, first);
}

void Detectors::find_in_stretches(std::string_view text, MarkSet marks, const Search& search, hs_scratch_t* scratch,
                                  std::vector<Match>& out) const {
  TriggerScan scan{this, false, text, search, out, 0, 0, {}};
  Sieve sieve(text);
  while (const auto stretch = sieve.next(marks)) {
    for (const TriggerDatabase& database : databases_) {
      const bool asked = database.marks.intersects(stretch->marks) && !database.marks.has(Mark::Anywhere);
      if (asked && database.set.intersects(search.live)) find_triggers(database, scan, *stretch, scratch);
    }
  }
}

Expected<bool> judge_user_type(const DataTypes& types, DataType added, const UserType& type) {
  hs_expr_info_t* raw_info = nullptr;
  hs_compile_error_t* raw_error = nullptr;
  const auto known = hs_expression_info(type.pattern.c_str(), HS_FLAG_DOTALL, &raw_info, &raw_error);
  const std::unique_ptr<hs_expr_info_t, void (*)(void*)> info(raw_info, std::free);
  const HsCompileError error(raw_error);
  if (known != HS_SUCCESS) return fail("expected an expression of Hyperscan, found one it refuses: " + std::string(error->message));
  if (info->min_width == 0) return fail("expected a pattern that matches something, found one that matches nothing at all");
  TypeSet used;
  used.add(added);
  const auto detectors = Detectors::make(types, used);
  if (!detectors) return std::unexpected(detectors.error());
  HsScratch scratch;
  if (!(*detectors)->grow(scratch)) return fail("detectors cannot be compiled: no memory");
  const Search search = (*detectors)->search(used, used);
  const auto finds = [&](const std::string& text) {
    std::vector<Match> matches;
    (*detectors)->find(text, search, scratch.get(), matches);
    return !matches.empty();
  };
  for (const std::string& example : type.examples) {
    if (!finds(example)) return fail("expected a match in the example \"" + example + "\", found none");
  }
  for (const std::string& negative : type.negatives) {
    if (finds(negative)) return fail("expected no match in the negative \"" + negative + "\", found one");
  }
  return true;
}

}  // namespace sluice::rules
