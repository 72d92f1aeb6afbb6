// What one lane counts. Written by that lane's thread only, read by the admin thread: single writer,
// so a relaxed load and store is enough and costs what a plain increment costs.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>

#include "model/verdict.h"

namespace sluice {

class Counter {
 public:
  void add(uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Gauge {
 public:
  void set(uint64_t v) { value_.store(v, std::memory_order_relaxed); }
  void add(uint64_t n = 1) { set(get() + n); }
  void subtract(uint64_t n = 1) { set(get() - n); }
  [[nodiscard]] uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

/// Upper bounds in nanoseconds of the decision latency buckets; the last bucket has no bound.
inline constexpr std::array<uint64_t, 13> decision_bounds_ns = {50,    100,    250,    500,    1'000,   2'500,    5'000,
                                                                10'000, 25'000, 50'000, 100'000, 250'000, 1'000'000};

class DecisionHistogram {
 public:
  void observe(uint64_t ns) {
    size_t at = 0;
    while (at < decision_bounds_ns.size() && ns > decision_bounds_ns[at]) ++at;
    buckets_[at].add();
    sum_ns_.add(ns);
  }
  /// Not cumulative; index decision_bounds_ns.size() is the bucket without a bound.
  [[nodiscard]] uint64_t bucket(size_t i) const { return buckets_[i].get(); }
  [[nodiscard]] uint64_t sum_ns() const { return sum_ns_.get(); }

 private:
  std::array<Counter, decision_bounds_ns.size() + 1> buckets_;
  Counter sum_ns_;
};

inline constexpr size_t reason_count = static_cast<size_t>(Reason::Count_);
inline constexpr size_t verdict_count = static_cast<size_t>(Verdict::Count_);

/// Aligned so that two lanes never write to one cache line.
struct alignas(64) LaneMetrics {
  Gauge sessions_open;
  Counter sessions_total;
  Counter logins_failed;
  std::array<Counter, verdict_count> statements;  ///< By Verdict.
  Counter alerts;                                 ///< Matches of rules that only alert.
  std::array<Counter, reason_count> refusals;     ///< By Reason; refused statements only.
  Counter masked_cells;
  Counter rows;
  Counter bytes_from_client;
  Counter bytes_to_client;
  Counter copied_bytes;             ///< User-space copies of bytes that no mask changed.
  Gauge buffers_free;
  Gauge buffers_total;
  Counter starved_total;            ///< Times a receive had to wait for a free buffer.
  Gauge ring_fill_permille;         ///< Audit ring, 0..1000.
  DecisionHistogram decision_ns;
  Counter facts_cache_hits;
  Counter facts_cache_misses;
  Counter upstream_connect_failures;
  Counter recv_enobufs;
  Counter sacrificed;  ///< Connections closed because they held buffers that others starved for.
  Counter handshake_timeouts;
  Gauge rule_generation;            ///< The rule set new statements on this lane are judged by.
};

}  // namespace sluice
