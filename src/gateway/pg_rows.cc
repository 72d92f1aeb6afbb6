// Rows from the server, of results (DataRow) and of COPY TO STDOUT (CopyData): looked at many at a time, and sent on
// from where they lie unless a mask changed them.
#include <algorithm>
#include <array>

#include "gateway/pg_session.h"
#include "protocols/postgres/copy_rows.h"
#include "protocols/postgres/messages.h"

namespace sluice::gateway {
namespace {

constexpr size_t batch_rows_max = 1024;
constexpr size_t batch_bytes_max = 256U << 10;

}  // namespace

const BoundPlan* PgSession::row_plan() {
  const Entry& entry = pipeline_.front();
  if (entry.kind == EntryKind::Query) return query_plan_.get();
  // A plan made by other rules than those this execution was judged by is none.
  const BoundPlan* plan = entry.portal ? entry.portal->plan.get() : nullptr;
  return plan != nullptr && plan->rules.epoch() == entry.rules.epoch() ? plan : nullptr;
}

bool PgSession::pump_row(const pg::Header& header, size_t available) {
  const size_t frame_size = header.frame_size();
  if (pipeline_.empty() || pipeline_.front().refusal ||
      (pipeline_.front().kind != EntryKind::Query && pipeline_.front().kind != EntryKind::Execute)) {
    (void)server_violation("a row for nothing");
    return false;
  }
  if (pipeline_.front().rules->masks_live()) {
    const BoundPlan* plan = row_plan();
    if (plan == nullptr) {
      (void)server_violation("rows that it did not describe");
      return false;
    }
    // What only alerts lets a row pass that is too large to be looked at.
    const bool too_large = frame_size > target_settings().limits.masked_row_size_max;
    if (!plan->plan.passes_all && (!too_large || plan->rules->changes_results())) {
      if (too_large) {
        fatal("54000", "a row is too large to be masked", "limits.masked_row_size of the target is the cap.");
        return false;
      }
      if (available < frame_size) {
        server_.want(server_run_ + frame_size);
        return false;
      }
      return mask_rows(*plan);
    }
  }
  // Drivers believe these counts; a row that lies about itself ends here. What does not fit a slab is
  // judged by its column count alone, since it streams.
  const io::SliceQueue& in = server_.inbox();
  LaneScratch& scratch = lane_.scratch();
  const Entry& entry = pipeline_.front();
  const int columns = entry.kind == EntryKind::Query ? query_columns_ : entry.portal ? entry.portal->columns : -1;
  if (entry.kind == EntryKind::Query && columns < 0) {
    (void)server_violation("rows that it did not describe");
    return false;
  }
  if (available < std::min(frame_size, pg::header_size + 2)) return false;
  bool valid = header.body_size >= 2;
  if (available >= frame_size && frame_size <= io::slab_size) {
    scratch.rows.resize(std::max<size_t>(scratch.rows.size(), 1));
    valid = pg::parse_data_row(in.view(server_run_ + pg::header_size, header.body_size, scratch.message),
                               scratch.rows[0]) &&
            (columns < 0 || scratch.rows[0].size() == static_cast<size_t>(columns));
  } else if (valid) {
    const uint16_t count = load_u16(in.view(server_run_ + pg::header_size, 2, scratch.header).data());
    valid = columns < 0 || count == columns;
  }
  if (!valid) {
    (void)server_violation("a row that does not fit its description");
    return false;
  }
  pipeline_.front().bytes += frame_size;
  if (available >= frame_size) {
    server_run_ += frame_size;
  } else {
    server_run_ += pg::header_size;
    server_stream_left_ = header.body_size;
  }
  if (server_run_ >= io::slab_size) flush_server_run();
  return true;
}

size_t PgSession::next_row(size_t offset, pg::Backend type, Bytes& body) {
  const io::SliceQueue& in = server_.inbox();
  LaneScratch& scratch = lane_.scratch();
  const size_t available = in.bytes() - offset;
  const auto header = pg::backend_header(in.view(offset, std::min(available, pg::header_size), scratch.header));
  if (!header || !*header || (*header)->backend() != type) return 0;
  const size_t size = (*header)->frame_size();
  if (available < size || size > target_settings().limits.masked_row_size_max) return 0;
  body = in.view(offset + pg::header_size, (*header)->body_size, scratch.message);
  return size;
}

template <typename Write>
bool PgSession::send_rows(std::span<const uint32_t> sizes, Write write) {
  Entry& entry = pipeline_.front();
  const rules::ResultMasker& masker = lane_.masker();
  entry.masked_cells += masker.masked_cells();
  entry.alerted_values += masker.alerted_values();
  lane_.metrics().masked_cells.add(masker.masked_cells());
  lane_.metrics().alerts.add(masker.alerted_values());
  std::vector<std::byte>& out = lane_.scratch().out;  // Goes before whatever is in the run.
  out.clear();
  const auto send_out = [&] {
    entry.bytes += out.size();
    return out.empty() || send_client(out);
  };
  for (size_t row = 0; row < sizes.size(); ++row) {
    if (!masker.row_changed(row)) {
      server_run_ += sizes[row];
      entry.bytes += sizes[row];
      continue;
    }
    if (server_run_ > 0) {
      if (!send_out()) return false;
      flush_server_run();
    }
    write(row, out);
    server_.inbox().drop(sizes[row]);
  }
  // `out` precedes the rows in the run.
  if (!send_out()) return false;
  if (server_run_ >= io::slab_size) flush_server_run();
  return true;
}

bool PgSession::mask_rows(const BoundPlan& bound) {
  LaneScratch& scratch = lane_.scratch();
  rules::ResultMasker& masker = lane_.masker();
  masker.begin(*bound.rules, bound.plan);
  std::array<uint32_t, batch_rows_max> sizes;
  size_t count = 0;
  const size_t start = server_run_;
  size_t offset = start;
  bool straddled = false;
  while (count < batch_rows_max && offset - start < batch_bytes_max && !straddled) {
    Bytes body;
    const size_t size = next_row(offset, pg::Backend::DataRow, body);
    if (size == 0) break;
    // A row that lies across two slabs was gathered in the one scratch there is: it ends the batch.
    straddled = body.data() == scratch.message.data();
    if (scratch.rows.size() <= count) scratch.rows.resize(count + 1);
    std::vector<pg::CellView>& cells = scratch.rows[count];
    if (!pg::parse_data_row(body, cells) || cells.size() != bound.plan.columns.size()) {
      (void)server_violation("a row that does not fit its description");
      return false;
    }
    scratch.cells.clear();
    for (const pg::CellView& cell : cells) scratch.cells.push_back({cell.data, cell.size});
    masker.add_row(scratch.cells);
    sizes[count++] = static_cast<uint32_t>(size);
    offset += size;
  }
  SLUICE_ASSERT(count > 0);
  masker.finish();
  return send_rows(std::span(sizes).first(count), [&](size_t row, std::vector<std::byte>& out) {
    ByteWriter writer(out);
    writer.u8('D');
    const size_t length_at = out.size();
    writer.u32(0);
    const std::vector<pg::CellView>& cells = scratch.rows[row];
    writer.u16(static_cast<uint16_t>(cells.size()));
    for (size_t column = 0; column < cells.size(); ++column) {
      if (const rules::Replacement* r = masker.replacement(row, column)) {
        writer.u32(r->null ? UINT32_MAX : static_cast<uint32_t>(r->value.size()));
        if (!r->null) writer.bytes(r->value);
      } else {
        writer.u32(static_cast<uint32_t>(cells[column].size));
        if (!cells[column].null()) writer.bytes({cells[column].data, static_cast<size_t>(cells[column].size)});
      }
    }
    writer.patch_u32(length_at, static_cast<uint32_t>(out.size() - length_at));
  });
}

PgSession::Answer PgSession::begin_copy_out(Entry& entry, Bytes body) {
  const auto response = pg::parse_copy_response(body);
  if (!response) return server_violation("malformed CopyOutResponse");
  server_in_copy_out_ = true;
  const Facts& facts = *entry.statement->facts;
  const size_t number = entry.copies_out++;
  if (number >= facts.copies_out.size()) return server_violation("COPY that was not asked for");
  if (!entry.rules->masks_live()) return Answer::Keep;
  const CopyOut& format = facts.copies_out[number];
  if (format.format == CopyOut::Format::Unknown && !entry.rules->changes_results()) return Answer::Keep;
  // Such a text was refused, so this is not its answer.
  if (format.format == CopyOut::Format::Unknown || response->binary) return server_violation("COPY in another format");
  auto masks = std::make_unique<CopyMasks>();
  masks->rules = entry.rules;
  masks->bound = entry.rules->plan_copy(facts, format, response->column_formats.size(), catalog());
  masks->format = format;
  masks->header_due = format.header;
  if (!masks->bound.plan.passes_all) copy_masks_ = std::move(masks);
  return Answer::Keep;
}

void PgSession::leave_copy_out() {
  server_in_copy_out_ = false;
  copy_masks_.reset();
}

bool PgSession::pump_copy_row(const pg::Header& header, size_t available) {
  if (!server_in_copy_out_) {
    (void)server_violation("CopyData outside COPY");
    return false;
  }
  const size_t frame_size = header.frame_size();
  // What only alerts lets a row pass that is too large to be looked at.
  const bool too_large = frame_size > target_settings().limits.masked_row_size_max;
  if (!copy_masks_ || (too_large && !copy_masks_->rules->changes_results())) {
    if (copy_masks_) copy_masks_->header_due = false;
    pipeline_.front().bytes += frame_size;
    server_run_ += pg::header_size;
    server_stream_left_ = header.body_size;
    return true;
  }
  if (too_large) {
    fatal("54000", "a row is too large to be masked", "limits.masked_row_size of the target is the cap.");
    return false;
  }
  if (available < frame_size) {
    server_.want(server_run_ + frame_size);
    return false;
  }
  return copy_masks_->header_due ? take_copy_header() : mask_copy_rows();
}

bool PgSession::take_copy_header() {
  LaneScratch& scratch = lane_.scratch();
  Bytes body;
  const size_t size = next_row(server_run_, pg::Backend::CopyData, body);
  scratch.copy_decoded.clear();
  scratch.copy_decoded.reserve(body.size());
  const auto& [plan, names] = copy_masks_->bound;
  if (!pg::split_copy_row(as_text(body), copy_masks_->format, scratch.copy_cells, scratch.copy_decoded) ||
      scratch.copy_cells.size() != plan.columns.size()) {
    (void)server_violation("a row that does not fit its COPY");
    return false;
  }
  if (!names.empty() && !std::ranges::equal(scratch.copy_cells, names, {}, &pg::CopyCell::value)) {
    fatal("40001", "the table changed a moment ago: which of its columns are masked is not known yet", "Try again.");
    return false;
  }
  copy_masks_->header_due = false;
  pipeline_.front().bytes += size;
  server_run_ += size;
  return true;
}

bool PgSession::mask_copy_rows() {
  LaneScratch& scratch = lane_.scratch();
  rules::ResultMasker& masker = lane_.masker();
  const CopyMasks& masks = *copy_masks_;
  const rules::MaskPlan& plan = masks.bound.plan;
  masker.begin(*masks.rules, plan);
  std::array<uint32_t, batch_rows_max> sizes;
  std::array<const char*, batch_rows_max> rows;
  size_t count = 0;
  const size_t start = server_run_;
  size_t offset = start;
  bool straddled = false;
  scratch.copy_decoded.clear();
  while (count < batch_rows_max && !straddled) {
    Bytes body;
    const size_t size = next_row(offset, pg::Backend::CopyData, body);
    if (size == 0) break;
    // Decoded values must stay where they are until the batch is over, so their room is made once.
    if (count == 0) scratch.copy_decoded.reserve(std::max(batch_bytes_max, size));
    if (offset + size - start > std::max(batch_bytes_max, size_t{count == 0} * size)) break;
    straddled = body.data() == scratch.message.data();
    if (!pg::split_copy_row(as_text(body), masks.format, scratch.copy_cells, scratch.copy_decoded) ||
        scratch.copy_cells.size() != plan.columns.size()) {
      (void)server_violation("a row that does not fit its COPY");
      return false;
    }
    scratch.cells.resize(plan.columns.size());
    std::ranges::transform(scratch.copy_cells, scratch.cells.begin(), [](const pg::CopyCell& cell) {
      return rules::Cell{as_bytes(cell.value).data(), cell.null ? -1 : static_cast<int32_t>(cell.value.size())};
    });
    masker.add_row(scratch.cells);
    rows[count] = as_text(body).data();
    sizes[count++] = static_cast<uint32_t>(size);
    offset += size;
  }
  SLUICE_ASSERT(count > 0);
  masker.finish();
  return send_rows(std::span(sizes).first(count), [&](size_t row, std::vector<std::byte>& out) {
    // Split again: few rows change, so none keep their cells.
    scratch.copy_decoded.clear();
    const std::string_view body(rows[row], sizes[row] - pg::header_size);
    const bool again = pg::split_copy_row(body, masks.format, scratch.copy_cells, scratch.copy_decoded);
    SLUICE_ASSERT(again);
    ByteWriter writer(out);
    writer.u8('d');
    const size_t length_at = out.size();
    writer.u32(0);
    for (size_t column = 0; column < scratch.copy_cells.size(); ++column) {
      if (column > 0) writer.u8(static_cast<uint8_t>(masks.format.delimiter));
      const rules::Replacement* r = masker.replacement(row, column);
      if (r == nullptr || (r->null && scratch.copy_cells[column].null)) {
        writer.bytes(as_bytes(scratch.copy_cells[column].raw));
      } else if (r->null) {
        writer.bytes(as_bytes(masks.format.null_text));
      } else {
        pg::append_copy_value(as_text(r->value), masks.format, out);
      }
    }
    writer.u8('\n');
    writer.patch_u32(length_at, static_cast<uint32_t>(out.size() - length_at));
  });
}

}  // namespace sluice::gateway
