// Rows in, replacements out. Cells that detectors must see are gathered into one buffer, 0x1E between
// them, and scanned together: a scan costs tens of nanoseconds before its first byte. A frame is never
// scanned as it came, since its length bytes look like digits and letters.
//
//   add_row -> gather -> (buffer full) scan -> hits -> finish: hits -> replacements, by row and column
//
// What is masked is read again: `4111111111111111-536-90-4399` hides its second number behind the first,
// and characters that a mask keeps can meet what stands behind them. It is read twice then: as it is, and with stars
// for what masks have written, since `1111` or the end of a hash hide what follows them as well as digits did.
#include <algorithm>
#include <functional>

#include "base/assert.h"
#include "rules/mask/decode.h"
#include "rules/mask/operators.h"
#include "rules/mask/shadow.h"
#include "rules/mask/types.h"
#include "rules/ruleset/cell_writer.h"
#include "rules/ruleset/json_pieces.h"
#include "rules/ruleset/ruleset.h"
#include "rules/ruleset/ruleset_data.h"
#include "rules/ruleset/scratch.h"

namespace sluice::rules {
namespace {

constexpr size_t batch_size_max = 256U << 10;
// A larger value that needs a decoded copy before it can be read is sent as NULL.
constexpr size_t copied_cell_size_max = 4U << 20;
// A value in which something new appears after each of so many readings is sent as NULL.
constexpr size_t readings_max = 3;
constexpr char separator = '\x1E';
constexpr uint32_t no_map = UINT32_MAX;

// A stretch of the scanned text that is (part of) one cell, read in one way.
struct Piece {
  size_t begin = 0;
  size_t end = 0;
  uint64_t key = 0;          // Row and column.
  Cell cell;                 // The server's bytes.
  uint32_t map = no_map;     // Where this piece's offsets begin in the shadow's map.
  CellForm form = CellForm::Text;
  bool replaced_by_shadow = false;  // Escapes: offsets of this reading could cut one in two.
  size_t offset = 0;         // Of this piece in the cell's text.
};

// RFC 8259 section 7, as far as masks need: quotes around it, and none within that is not escaped.
bool is_json_string(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return false;
  size_t at = 1;
  while (at + 1 < text.size() && text[at] != '"' && static_cast<uint8_t>(text[at]) >= 0x20) at += text[at] == '\\' ? 2 : 1;
  return at + 1 == text.size();
}

// Whether what masks made of a cell is longer than its column's type allows.
bool overflows(const ColumnPlan& column, std::string_view value) {
  if (column.characters_max == 0 || value.size() <= column.characters_max) return false;
  const auto continues = [](char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; };
  return value.size() - static_cast<size_t>(std::ranges::count_if(value, continues)) > column.characters_max;
}

// Cells that are searched for the same.
struct Batch {
  Search search;
  std::vector<char> text;
  std::vector<Piece> pieces;
  std::vector<uint32_t> map;   // Of shadows.
  void clear() {
    text.clear();
    pieces.clear();
    map.clear();
  }
};

struct Entry {
  uint64_t key = 0;
  size_t reading = 0;  // Which arena holds the value, and where, until finish() fixes addresses.
  size_t offset = 0;
  size_t size = 0;
  CellForm form = CellForm::NullOnHit;  // NullOnHit: not to be read again.
  Replacement replacement;
  size_t written = 0;  // What masks wrote in it: the first of so many in `written`.
  size_t written_count = 0;
};

uint64_t key_of(size_t row, size_t column) { return uint64_t{row} << 16 | column; }

bool has_special_byte(std::string_view text) {
  uint8_t special = 0;
  for (const char c : text) special |= static_cast<uint8_t>((static_cast<uint8_t>(c) & 0x80) | (c == '\\'));
  return special != 0;
}

}  // namespace

struct ResultMasker::Impl {
  explicit Impl(Scratch& lane_scratch) : scratch(lane_scratch) {}

  void scan_cell(const Cell& cell, const ColumnPlan& column, TypeClass type, uint64_t key);
  void gather(std::string_view text, const Cell& cell, CellForm form, uint64_t key, size_t offset = 0);
  void gather_json(std::string_view text, const Cell& cell, CellForm form, uint64_t key);
  [[nodiscard]] size_t batch_for(const TypeSet& context);
  void flush(Batch& batch);
  void flush_all();
  void gather_decoded(const Cell& cell, CellForm form, uint64_t key);
  void gather_binary(const Cell& cell, uint64_t key);
  void gather_bytea(std::string_view text, const Cell& cell, uint64_t key);
  void add_shadows(std::string_view text, std::vector<Piece>& pieces);
  void scan_shadows();
  void scan(std::string_view text, const Search& search, const std::vector<Piece>& pieces,
            const std::vector<uint32_t>& map);
  void whole_cell(uint64_t key, const ColumnPlan& column, std::string_view value);
  void null_cell(uint64_t key);
  void unreadable(uint64_t key);
  void gather_unknown(std::string_view text, const Cell& cell, uint64_t key);
  void gather_form(std::string_view value, std::span<const Written> hidden, CellForm form, uint64_t key);
  void write_hits(size_t reading);
  void write_cell(std::span<const CellHit> cell_hits, CellWriter& writer, size_t reading);
  void sort_entries();
  void read_again();
  void index_rows();
  [[nodiscard]] std::string_view value_of(const Entry& entry) const {
    return {arenas[entry.reading].data() + entry.offset, entry.size};
  }

  Scratch& scratch;
  const MaskPlan* plan = nullptr;
  const Detectors* detectors = nullptr;
  std::span<const MaskSpec> specs;
  std::vector<TypeClass> types;  // By column.
  size_t size_min = 0;  // Shorter text holds no value of a live type.

  size_t rows = 0;
  std::array<Batch, searches_max> batches;
  size_t batch_count = 0;
  size_t current = 0;  // The batch of the column at hand.
  Batch shadows;
  JsonPieces json_pieces;
  std::vector<char> decoded;
  std::vector<Match> matches;
  std::vector<CellHit> hits;
  std::vector<Entry> entries;
  std::vector<Written> written;
  std::array<std::vector<char>, readings_max> arenas;  // Values, by the reading that wrote them.
  std::vector<uint32_t> row_starts;  // Index into entries of each row's first, and one more; empty: no entries.
  uint64_t gathered = 0;
  uint64_t alerted = 0;
  bool masks_values = false;
  bool hashes = false;  // Some mask of a value hashes, ...
  bool hashed = false;  // ... and has done so in what is read now.
};

// What cannot be looked into is hidden; where rules only alert, nothing is.
void ResultMasker::Impl::unreadable(uint64_t key) {
  if (masks_values) null_cell(key);
}

void ResultMasker::Impl::null_cell(uint64_t key) {
  entries.push_back({key, 0, 0, 0, CellForm::NullOnHit, {true, {}}});
}

void ResultMasker::Impl::whole_cell(uint64_t key, const ColumnPlan& column, std::string_view value) {
  std::vector<char>& arena = arenas[0];
  const size_t offset = arena.size();
  append_masked(column.spec, value, Characters::Utf8, scratch.impl_->hasher, arena);
  if (overflows(column, {arena.data() + offset, arena.size() - offset})) {
    arena.resize(offset);
    return null_cell(key);
  }
  entries.push_back({key, 0, offset, arena.size() - offset, CellForm::NullOnHit, {}});
}

void ResultMasker::Impl::gather(std::string_view text, const Cell& cell, CellForm form, uint64_t key, size_t offset) {
  Batch& batch = batches[current];
  if (text.size() > batch_size_max) {
    // Alone, and where it stands.
    shadows.search = batch.search;
    std::vector<Piece> alone{{0, text.size(), key, cell, no_map, form, false, offset}};
    if (has_special_byte(text)) add_shadows(text, alone);
    scan(text, batch.search, alone, {});
    scan_shadows();
    return;
  }
  if (batch.text.size() + text.size() + 1 > batch_size_max) flush(batch);
  const size_t begin = batch.text.size();
  batch.text.insert(batch.text.end(), text.begin(), text.end());
  batch.pieces.push_back({begin, batch.text.size(), key, cell, no_map, form, false, offset});
  batch.text.push_back(separator);
  gathered += text.size();
}

// The batch of what is searched for in this context, which the first that needs it makes.
size_t ResultMasker::Impl::batch_for(const TypeSet& context) {
  const TypeSet wanted = context & batches[0].search.live;
  for (size_t i = 0; i < batch_count; ++i) {
    if (batches[i].search.in_context == wanted) return i;
  }
  if (batch_count < searches_max) {
    batches[batch_count].clear();
    batches[batch_count].search = detectors->search(batches[0].search.live, wanted);
    return batch_count++;
  }
  // More context can only mask more.
  Batch& last = batches[batch_count - 1];
  if (wanted - last.search.in_context != TypeSet{}) {
    flush(last);
    last.search = detectors->search(last.search.live, last.search.in_context | wanted);
  }
  return batch_count - 1;
}

// Keys are context for what stands below them. Where no live type asks for context, the text as a whole
// says as much, and so it does where it is no JSON or too large: there the nearest key is still near.
void ResultMasker::Impl::gather_json(std::string_view text, const Cell& cell, CellForm form, uint64_t key) {
  const TypeSet& live = batches[0].search.live;
  const bool walks = text.size() <= batch_size_max && live.intersects(detectors->contextual());
  const auto* pieces = walks ? json_pieces.walk(text, *detectors) : nullptr;
  if (pieces == nullptr) return gather(text, cell, form, key);
  const size_t column = current;
  const TypeSet given = batches[column].search.in_context;
  for (const JsonPiece& piece : *pieces) {
    if (piece.end - piece.begin < size_min) continue;
    current = batch_for(given | piece.context);
    gather(text.substr(piece.begin, piece.end - piece.begin), cell, form, key, piece.begin);
  }
  current = column;
}

void ResultMasker::Impl::gather_decoded(const Cell& cell, CellForm form, uint64_t key) {
  gathered += decoded.size();
  gather({decoded.data(), decoded.size()}, cell, form, key);
}

// Raw, and once more without what looks like framing: either reading may be the true one.
void ResultMasker::Impl::gather_binary(const Cell& cell, uint64_t key) {
  const auto text = as_text({cell.data, static_cast<size_t>(cell.size)});
  gather(text, cell, CellForm::NullOnHit, key);
  if (text.find('\0') == std::string_view::npos) return;
  if (text.size() > copied_cell_size_max) return unreadable(key);
  decoded.clear();
  append_without_framing(text, decoded);
  gather_decoded(cell, CellForm::NullOnHit, key);
}

// Text output of bytea. What is no hex is looked at as it is.
void ResultMasker::Impl::gather_bytea(std::string_view text, const Cell& cell, uint64_t key) {
  if (text.size() > copied_cell_size_max) return unreadable(key);
  decoded.clear();
  if (!append_unhexed(text, decoded)) return gather(text, cell, CellForm::Structured, key);
  gather_decoded(cell, CellForm::HexBytea, key);
}

// A domain's or an unknown type, or a copied query's: bytea or JSON may be below.
void ResultMasker::Impl::gather_unknown(std::string_view text, const Cell& cell, uint64_t key) {
  if (text.starts_with("\\x")) {
    if (text.size() > copied_cell_size_max) return unreadable(key);
    decoded.clear();
    if (append_unhexed(text, decoded)) {
      gather_decoded(cell, CellForm::HexBytea, key);
      return gather(text, cell, CellForm::NullOnHit, key);  // Or it is text that begins so.
    }
  }
  const bool may_be_json = (text.front() == '{' || text.front() == '[') && text.size() <= copied_cell_size_max;
  if (is_json_string(text) || (may_be_json && json_pieces.walk(text, *detectors) != nullptr)) {
    return gather_json(text, cell, CellForm::Json, key);
  }
  gather(text, cell, CellForm::Structured, key);
}

void ResultMasker::Impl::scan_cell(const Cell& cell, const ColumnPlan& column, TypeClass type, uint64_t key) {
  const Bytes bytes{cell.data, static_cast<size_t>(cell.size)};
  const auto text = as_text(bytes);
  decoded.clear();
  if (column.binary) {
    switch (type) {
      case TypeClass::Integer:
        if (!append_int8(bytes, decoded)) return unreadable(key);
        return gather_decoded(cell, CellForm::NullOnHit, key);
      case TypeClass::Numeric:
        if (!append_numeric(bytes, decoded)) return unreadable(key);
        return gather_decoded(cell, CellForm::NullOnHit, key);
      case TypeClass::Jsonb:
        if (text.size() <= size_min) return;
        return gather_json(text.substr(1), cell, CellForm::JsonbBinary, key);
      case TypeClass::Text:
      case TypeClass::Bytea: break;
      case TypeClass::Json: break;
      case TypeClass::Structured:
        if (column.type_oid == xml_oid) break;
        return gather_binary(cell, key);
      case TypeClass::Opaque:
      case TypeClass::NullOnHit:
      case TypeClass::Skip: return gather_binary(cell, key);
    }
  }
  if (text.empty() || text.size() < size_min) return;
  switch (type) {
    case TypeClass::Text: return gather(text, cell, CellForm::Text, key);
    case TypeClass::Json:
    case TypeClass::Jsonb: return gather_json(text, cell, CellForm::Json, key);
    case TypeClass::Structured: return gather(text, cell, CellForm::Structured, key);
    case TypeClass::Bytea:
      if (column.binary) return gather(text, cell, CellForm::Text, key);
      return gather_bytea(text, cell, key);
    case TypeClass::Opaque: return gather_unknown(text, cell, key);
    case TypeClass::Integer:
    case TypeClass::Numeric:
    case TypeClass::NullOnHit:
    case TypeClass::Skip: return gather(text, cell, CellForm::NullOnHit, key);
  }
}

void ResultMasker::Impl::add_shadows(std::string_view text, std::vector<Piece>& pieces) {
  for (Piece& piece : pieces) {
    const auto value = text.substr(piece.begin, piece.end - piece.begin);
    if (!has_special_byte(value)) continue;
    const bool json = is_json(piece.form);
    const bool escaped = json ? value.find('\\') != std::string_view::npos : value.find("\\u") != std::string_view::npos;
    if (value.size() > copied_cell_size_max) {
      unreadable(piece.key);
      continue;
    }
    if (shadows.text.size() + value.size() > batch_size_max) {
      scan_shadows();
    }
    const size_t begin = shadows.text.size();
    const auto map = static_cast<uint32_t>(shadows.map.size());
    if (!append_shadow(value, escaped ? Escapes::Json : Escapes::None, shadows.text, shadows.map)) continue;
    shadows.pieces.push_back({begin, shadows.text.size(), piece.key, piece.cell, map, piece.form, false, piece.offset});
    shadows.text.push_back(separator);
    piece.replaced_by_shadow = json && escaped;
    gathered += shadows.text.size() - begin;
  }
}

void ResultMasker::Impl::scan_shadows() {
  scan({shadows.text.data(), shadows.text.size()}, shadows.search, shadows.pieces, shadows.map);
  shadows.clear();
}

void ResultMasker::Impl::flush(Batch& batch) {
  if (batch.pieces.empty()) return;
  const std::string_view text{batch.text.data(), batch.text.size()};
  if (has_special_byte(text)) {
    shadows.search = batch.search;
    add_shadows(text, batch.pieces);
    scan_shadows();
  }
  scan(text, batch.search, batch.pieces, batch.map);
  batch.clear();
}

void ResultMasker::Impl::flush_all() {
  for (size_t i = 0; i < batch_count; ++i) flush(batches[i]);
}

void ResultMasker::Impl::scan(std::string_view text, const Search& search, const std::vector<Piece>& pieces,
                              const std::vector<uint32_t>& map) {
  if (pieces.empty()) return;
  matches.clear();
  detectors->find(text, search, scratch.impl_->hyperscan.get(), matches);
  for (const Match& match : matches) {
    const auto behind = std::ranges::upper_bound(pieces, match.begin, {}, &Piece::begin);
    SLUICE_ASSERT(behind != pieces.begin());
    const Piece& piece = *(behind - 1);
    SLUICE_ASSERT(match.end <= piece.end);  // No value holds a separator.
    if (piece.replaced_by_shadow) continue;
    // What looks like a value by chance in a hash that stands there by now is none.
    if (hashed && lies_in_hash_text(text.substr(0, piece.end), match.begin, match.end)) continue;
    if (specs[static_cast<size_t>(match.type)].op == MaskOperator::Keep) {
      alerted += 1;
      continue;
    }
    size_t begin = match.begin - piece.begin;
    size_t end = match.end - piece.begin;
    if (piece.map != no_map) {
      begin = map[piece.map + begin];
      end = map[piece.map + end];
    }
    hits.push_back({piece.key, piece.cell, piece.form, piece.offset + begin, piece.offset + end, match.type});
  }
}

void ResultMasker::Impl::write_cell(std::span<const CellHit> cell_hits, CellWriter& writer, size_t reading) {
  const size_t offset = arenas[reading].size();
  const ColumnPlan& column = plan->columns[cell_hits[0].key & UINT16_MAX];
  const auto earlier = std::ranges::lower_bound(entries, cell_hits[0].key, {}, &Entry::key);
  std::vector<Written> before;
  if (reading > 0) {
    const auto first = written.begin() + static_cast<ptrdiff_t>(earlier->written);
    before.assign(first, first + static_cast<ptrdiff_t>(earlier->written_count));
  }
  const size_t first_written = written.size();
  bool kept = writer.write(cell_hits, before);
  if (kept && overflows(column, {arenas[reading].data() + offset, arenas[reading].size() - offset})) {
    arenas[reading].resize(offset);
    kept = false;
  }
  const Entry entry{.key = cell_hits[0].key,
                    .reading = reading,
                    .offset = offset,
                    .size = arenas[reading].size() - offset,
                    .form = cell_hits[0].form,
                    .replacement = {!kept, {}},
                    .written = first_written,
                    .written_count = written.size() - first_written};
  if (reading == 0) {
    entries.push_back(entry);
  } else {
    *earlier = entry;
  }
}

void ResultMasker::Impl::write_hits(size_t reading) {
  std::ranges::sort(hits, {}, [](const CellHit& hit) { return std::pair(hit.key, hit.begin); });
  CellWriter writer(specs, scratch.impl_->hasher, arenas[reading], written);
  for (size_t first = 0; first < hits.size();) {
    size_t last = first + 1;
    while (last < hits.size() && hits[last].key == hits[first].key) last += 1;
    write_cell(std::span(hits).subspan(first, last - first), writer, reading);
    first = last;
  }
  hits.clear();
}

void ResultMasker::Impl::sort_entries() {
  if (std::ranges::adjacent_find(entries, std::greater_equal{}, &Entry::key) == entries.end()) return;
  // NULL first, so that it wins over a masked value of the same cell.
  std::ranges::sort(entries, {}, [](const Entry& e) { return std::pair(e.key, !e.replacement.null); });
  const auto repeated = std::ranges::unique(entries, {}, &Entry::key);
  entries.erase(repeated.begin(), repeated.end());
}

// Offsets are those of the value, whatever is hidden behind stars.
void ResultMasker::Impl::gather_form(std::string_view value, std::span<const Written> hidden, CellForm form, uint64_t key) {
  const Cell cell{as_bytes(value).data(), static_cast<int32_t>(value.size())};
  const size_t front = form == CellForm::JsonbBinary ? 1 : 0;
  decoded.clear();
  if (form == CellForm::HexBytea) {
    const bool hex = append_unhexed(value, decoded);
    SLUICE_ASSERT(hex);
  } else if (!hidden.empty()) {
    decoded.assign(value.begin(), value.end());
  }
  for (const Written& w : hidden) {
    std::fill(decoded.begin() + static_cast<ptrdiff_t>(front + w.begin), decoded.begin() + static_cast<ptrdiff_t>(front + w.end), '*');
  }
  if (form == CellForm::HexBytea) return gather_decoded(cell, form, key);
  const auto text = (hidden.empty() ? value : std::string_view{decoded.data(), decoded.size()}).substr(front);
  if (is_json(form)) return gather_json(text, cell, form, key);
  gather(text, cell, form, key);
}

void ResultMasker::Impl::read_again() {
  hashed = hashes;
  for (size_t reading = 1; reading <= readings_max; ++reading) {
    for (const Entry& entry : entries) {
      if (entry.replacement.null || entry.form == CellForm::NullOnHit || entry.reading != reading - 1) continue;
      const auto value = value_of(entry);
      const auto stars = static_cast<size_t>(std::ranges::count(value, '*'));
      current = plan->columns[entry.key & UINT16_MAX].search;
      if (value.size() - stars < size_min) continue;
      gather_form(value, {}, entry.form, entry.key);
      const auto hidden = std::span(written).subspan(entry.written, entry.written_count);
      if (!hidden.empty()) gather_form(value, hidden, entry.form, entry.key);
    }
    flush_all();
    if (hits.empty()) return;
    if (reading < readings_max) {
      write_hits(reading);
      continue;
    }
    for (const CellHit& hit : hits) {
      Entry& entry = *std::ranges::lower_bound(entries, hit.key, {}, &Entry::key);
      entry.replacement.null = true;
    }
    hits.clear();
  }
}

void ResultMasker::Impl::index_rows() {
  if (entries.empty()) return;
  row_starts.assign(rows + 1, 0);
  for (Entry& entry : entries) {
    if (!entry.replacement.null) entry.replacement.value = as_bytes(value_of(entry));
    row_starts[(entry.key >> 16) + 1] += 1;
  }
  for (size_t row = 0; row < rows; ++row) row_starts[row + 1] += row_starts[row];
}

ResultMasker::ResultMasker(Scratch& scratch) : impl_(std::make_unique<Impl>(scratch)) {}
ResultMasker::~ResultMasker() = default;

void ResultMasker::begin(const BoundRules& rules, const MaskPlan& plan) {
  SLUICE_ASSERT(plan.columns.size() <= UINT16_MAX);
  Impl& impl = *impl_;
  impl.plan = &plan;
  impl.detectors = rules.rule_set().data().detectors.get();
  impl.specs = rules.value_specs_;
  impl.size_min = rules.search_.size_min;
  SLUICE_ASSERT(plan.searches.size() <= searches_max);
  impl.batch_count = std::max<size_t>(plan.searches.size(), 1);
  for (size_t i = 0; i < impl.batch_count; ++i) {
    impl.batches[i].clear();
    impl.batches[i].search = plan.searches.empty() ? rules.search_ : plan.searches[i];
  }
  impl.types.clear();
  for (const ColumnPlan& column : plan.columns) impl.types.push_back(type_class(column.type_oid));
  impl.rows = 0;
  impl.gathered = 0;
  impl.alerted = 0;
  impl.masks_values = rules.value_masks_;
  impl.hashes = std::ranges::find(rules.value_specs_, MaskOperator::Hash, &MaskSpec::op) != rules.value_specs_.end();
  impl.hashed = false;
  impl.shadows.clear();
  impl.hits.clear();
  impl.entries.clear();
  impl.written.clear();
  for (std::vector<char>& arena : impl.arenas) arena.clear();
  impl.row_starts.clear();
}

void ResultMasker::add_row(std::span<const Cell> cells) {
  Impl& impl = *impl_;
  SLUICE_ASSERT(cells.size() == impl.plan->columns.size());
  for (size_t i = 0; i < cells.size(); ++i) {
    const ColumnPlan& column = impl.plan->columns[i];
    if (column.action == CellAction::Pass || cells[i].size < 0) continue;
    const uint64_t key = key_of(impl.rows, i);
    switch (column.action) {
      case CellAction::Pass: break;
      case CellAction::Scan:
        SLUICE_ASSERT(column.search < impl.batch_count);
        impl.current = column.search;
        impl.scan_cell(cells[i], column, impl.types[i], key);
        break;
      case CellAction::Mask: {
        impl.whole_cell(key, column, as_text({cells[i].data, static_cast<size_t>(cells[i].size)}));
        break;
      }
      case CellAction::Null: impl.null_cell(key); break;
    }
  }
  impl.rows += 1;
}

void ResultMasker::finish() {
  impl_->flush_all();
  impl_->write_hits(0);
  impl_->sort_entries();
  impl_->read_again();
  impl_->index_rows();
}

bool ResultMasker::row_changed(size_t row) const {
  SLUICE_ASSERT(row < impl_->rows);
  return !impl_->row_starts.empty() && impl_->row_starts[row] != impl_->row_starts[row + 1];
}

const Replacement* ResultMasker::replacement(size_t row, size_t column) const {
  SLUICE_ASSERT(row < impl_->rows);
  if (impl_->row_starts.empty()) return nullptr;
  const uint64_t key = key_of(row, column);
  for (size_t i = impl_->row_starts[row]; i < impl_->row_starts[row + 1]; ++i) {
    if (impl_->entries[i].key == key) return &impl_->entries[i].replacement;
  }
  return nullptr;
}

uint64_t ResultMasker::masked_cells() const { return impl_->entries.size(); }
uint64_t ResultMasker::alerted_values() const { return impl_->alerted; }
uint64_t ResultMasker::gathered_bytes() const { return impl_->gathered; }

std::string mask_text(const BoundRules& rules, Scratch& scratch, std::string_view text) {
  if (rules.value_types_.empty() || text.size() > INT32_MAX) return std::string(rules.value_types_.empty() ? text : "");
  constexpr uint32_t text_oid = 25;
  MaskPlan plan;
  plan.columns.push_back({.action = CellAction::Scan, .spec = {}, .type_oid = text_oid, .rule = {}});
  ResultMasker masker(scratch);
  masker.begin(rules, plan);
  const Cell cell{as_bytes(text).data(), static_cast<int32_t>(text.size())};
  masker.add_row({&cell, 1});
  masker.finish();
  const Replacement* replacement = masker.replacement(0, 0);
  if (replacement == nullptr) return std::string(text);
  return std::string(as_text(replacement->value));
}

}  // namespace sluice::rules
