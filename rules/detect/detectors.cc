#include "rules/detect/detectors.h"

#include <algorithm>
#include <climits>

#include "base/assert.h"
#include "rules/detect/digit_scan.h"

namespace sluice::rules {
namespace {

// A trigger, not a grammar: what stands on both sides is email_at()'s work. Bytes over 0x7F belong to
// internationalised addresses.
constexpr const char* email_trigger = R"([A-Za-z0-9_%+\x80-\xff-]@[A-Za-z0-9\x80-\xff-])";
constexpr size_t email_trigger_behind = 2;  // From the '@' to the end of the trigger.

struct EmailScan {
  std::string_view text;
  std::vector<Match>* out;
};

int on_email(unsigned, unsigned long long, unsigned long long to, unsigned, void* context) {
  auto& scan = *static_cast<EmailScan*>(context);
  const auto match = email_at(scan.text, to - email_trigger_behind);
  if (match) scan.out->push_back(*match);
  return 0;
}

}  // namespace

Expected<std::shared_ptr<const Detectors>> Detectors::make() {
  hs_database_t* database = nullptr;
  hs_compile_error_t* raw_error = nullptr;
  const auto result = hs_compile(email_trigger, HS_FLAG_DOTALL, HS_MODE_BLOCK, nullptr, &database, &raw_error);
  const HsCompileError error(raw_error);
  if (result != HS_SUCCESS) {
    return fail(std::string("detectors cannot be compiled: ") + (error ? error->message : "Hyperscan gives no reason"));
  }
  return std::shared_ptr<const Detectors>(new Detectors(HsDatabase(database)));
}

void Detectors::find(std::string_view text, TypeSet live, hs_scratch_t* scratch, std::vector<Match>& out) const {
  SLUICE_ASSERT(text.size() <= UINT_MAX);
  if (text.empty()) return;  // Its data may be null, which hs_scan() refuses.
  find_digit_values(text, live, out);
  if (!live.has(DataType::EmailAddress)) return;

  const size_t first = out.size();
  EmailScan scan{text, &out};
  const auto result =
      hs_scan(email_.get(), text.data(), static_cast<unsigned>(text.size()), 0, scratch, on_email, &scan);
  SLUICE_ASSERT(result == HS_SUCCESS);

  // Addresses that share bytes (`a@b.co@d.com`) become one match: masking one would leave the other.
  // Hyperscan promises no order within a scan.
  const auto emails = out.begin() + first;
  if (!std::is_sorted(emails, out.end(), [](const Match& a, const Match& b) { return a.begin < b.begin; })) {
    std::sort(emails, out.end(), [](const Match& a, const Match& b) { return a.begin < b.begin; });
  }
  size_t kept = first;
  for (size_t i = first; i < out.size(); ++i) {
    if (kept > first && out[kept - 1].end > out[i].begin) {
      out[kept - 1].end = std::max(out[kept - 1].end, out[i].end);
    } else {
      out[kept++] = out[i];
    }
  }
  out.resize(kept);
}

}  // namespace sluice::rules
