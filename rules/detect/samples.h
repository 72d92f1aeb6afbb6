// Text to measure detectors on: the same for the grouping of triggers, for what operators are shown, and for
// the benchmarks.
#pragma once
#include <string>
#include <string_view>

namespace sluice::rules {

/// Prose; rows of numbers and timestamps; rows in which two of three cells are a value.
enum class Sample { Prose, Digits, Dense };
inline constexpr size_t sample_count = 3;
[[nodiscard]] std::string_view name_of(Sample sample);

/// About `size` bytes, 0x1E between cells. The same for the same arguments.
[[nodiscard]] std::string make_sample(Sample sample, size_t size);

}  // namespace sluice::rules
