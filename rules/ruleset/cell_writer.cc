#include "rules/ruleset/cell_writer.h"

#include <algorithm>

#include "base/assert.h"
#include "rules/mask/decode.h"
#include "rules/mask/operators.h"

namespace sluice::rules {
namespace {

constexpr MaskSpec whole{MaskOperator::Mask, 0, 0, '*'};

struct Range {
  size_t begin = 0;
  size_t end = 0;
  MaskSpec spec;
};

// Takes the hits that overlap off the front as one range. Two rules that meet in the same bytes show
// nothing of them: what one keeps is what the other hides.
Range take_range(std::span<const CellHit>& hits, std::span<const MaskSpec> specs) {
  Range range{hits[0].begin, hits[0].end, specs[static_cast<size_t>(hits[0].type)]};
  DataType type = hits[0].type;
  hits = hits.subspan(1);
  for (; !hits.empty() && hits[0].begin < range.end; hits = hits.subspan(1)) {
    range.end = std::max(range.end, hits[0].end);
    const bool redacts = range.spec.op == MaskOperator::Redact ||
                         specs[static_cast<size_t>(hits[0].type)].op == MaskOperator::Redact;
    if (hits[0].type != type) range.spec = redacts ? MaskSpec{} : whole;
    type = hits[0].type;
  }
  return range;
}

void append(std::string_view text, std::vector<char>& out) { out.insert(out.end(), text.begin(), text.end()); }

bool in_number(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

// Text with a syntax around it cannot lose a value without a trace.
MaskSpec one_for_one(const MaskSpec& spec) { return spec.op == MaskOperator::Redact ? whole : spec; }

}  // namespace

// `start`: where the new value begins in `out`.
void CellWriter::copy(std::string_view text, size_t from, size_t to, size_t start, std::vector<char>& out) {
  const size_t at = out.size() - start;
  for (const Written& w : before_) {
    const size_t begin = std::max(w.begin, from);
    const size_t end = std::min(w.end, to);
    if (begin < end) written_.push_back({at + begin - from, at + end - from});
  }
  append(text.substr(from, to - from), out);
}

void CellWriter::write_mask(const MaskSpec& spec, std::string_view value, Characters characters, size_t start,
                            std::vector<char>& out) {
  const size_t begin = out.size() - start;
  append_masked(spec, value, characters, hasher_, out);
  written_.push_back({begin, out.size() - start});
}

void CellWriter::write_text(std::string_view text, std::span<const CellHit> hits, std::vector<char>& out) {
  const bool structured = hits[0].form == CellForm::Structured;
  const size_t start = out.size();
  size_t copied = 0;
  while (!hits.empty()) {
    const Range range = take_range(hits, specs_);
    copy(text, copied, range.begin, start, out);
    write_mask(structured ? one_for_one(range.spec) : range.spec, text.substr(range.begin, range.end - range.begin),
               Characters::Utf8, start, out);
    copied = range.end;
  }
  copy(text, copied, text.size(), start, out);
}

void CellWriter::write_json(std::string_view text, std::span<const CellHit> hits) {
  const size_t start = out_.size();
  size_t copied = 0;
  size_t walked = 0;
  bool in_string = false;
  while (!hits.empty()) {
    Range range = take_range(hits, specs_);
    for (; walked < range.begin; ++walked) {
      if (text[walked] == '\\' && in_string) {
        walked += 1;
      } else if (text[walked] == '"') {
        in_string = !in_string;
      }
    }
    if (range.begin < copied) continue;  // In a number that is already gone.
    if (in_string) {
      copy(text, copied, range.begin, start, out_);
      write_mask(one_for_one(range.spec), text.substr(range.begin, range.end - range.begin), Characters::JsonEscaped, start,
                 out_);
    } else {
      while (range.begin > copied && in_number(text[range.begin - 1])) range.begin -= 1;
      while (range.end < text.size() && in_number(text[range.end])) range.end += 1;
      copy(text, copied, range.begin, start, out_);
      append("null", out_);
    }
    copied = range.end;
  }
  copy(text, copied, text.size(), start, out_);
}

bool CellWriter::write(std::span<const CellHit> hits, std::span<const Written> before) {
  SLUICE_ASSERT(!hits.empty());
  before_ = before;
  const auto becomes_null = [&](const CellHit& hit) {
    return hit.form == CellForm::NullOnHit || specs_[static_cast<size_t>(hit.type)].op == MaskOperator::Null;
  };
  if (std::ranges::any_of(hits, becomes_null)) return false;

  const auto text = as_text({hits[0].cell.data, static_cast<size_t>(hits[0].cell.size)});
  switch (hits[0].form) {
    case CellForm::Text:
    case CellForm::Structured: write_text(text, hits, out_); return true;
    case CellForm::Json: write_json(text, hits); return true;
    case CellForm::JsonbBinary:
      out_.push_back(text[0]);
      write_json(text.substr(1), hits);
      return true;
    case CellForm::HexBytea: {
      bytes_.clear();
      masked_.clear();
      const bool decoded = append_unhexed(text, bytes_);
      SLUICE_ASSERT(decoded);
      write_text({bytes_.data(), bytes_.size()}, hits, masked_);
      append_hexed({masked_.data(), masked_.size()}, out_);
      return true;
    }
    case CellForm::NullOnHit: break;
  }
  SLUICE_ASSERT(false);
}

}  // namespace sluice::rules
