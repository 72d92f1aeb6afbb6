#include "rules/detect/triggers.h"

#include <algorithm>
#include <ctime>
#include <limits>

#include "base/assert.h"
#include "rules/detect/samples.h"
#include "rules/detect/secrets.h"

namespace sluice::rules {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t sample_size = 4096;
constexpr int measurements = 3;
constexpr size_t groups_max = 8;

bool has_trigger(const DataTypeSpec& spec) { return spec.engine == Engine::Trigger || spec.engine == Engine::Pattern; }

Mark mark_of(const DataTypeSpec& spec) { return spec.engine == Engine::Trigger ? spec.trigger->mark : Mark::Anywhere; }

struct Expression {
  std::string_view text;
  unsigned flags = HS_FLAG_DOTALL;
};

Expression expression_of(const DataTypeSpec& spec) {
  if (spec.engine == Engine::Pattern) return {spec.shape, HS_FLAG_DOTALL | HS_FLAG_SOM_LEFTMOST};
  return {spec.trigger->expression, HS_FLAG_DOTALL | (spec.trigger->any_case ? HS_FLAG_CASELESS : 0U)};
}

Expected<TriggerDatabase> compile(const DataTypes& types, std::vector<DataType> group) {
  std::vector<std::string> texts;
  std::vector<unsigned> flags;
  std::vector<unsigned> ids;
  TriggerDatabase made;
  for (const DataType type : group) {
    const DataTypeSpec& spec = types.spec(type);
    const bool pattern = spec.engine == Engine::Pattern;
    SLUICE_ASSERT(made.set.empty() || pattern == made.patterns);
    made.patterns = pattern;
    made.set.add(type);
    made.marks.add(mark_of(spec));
    const Expression expression = expression_of(spec);
    texts.emplace_back(expression.text);
    flags.push_back(expression.flags);
    ids.push_back(static_cast<unsigned>(type));
  }
  std::vector<const char*> expressions;
  expressions.reserve(texts.size());
  for (const std::string& text : texts) expressions.push_back(text.c_str());
  const unsigned mode = HS_MODE_BLOCK;
  hs_database_t* database = nullptr;
  hs_compile_error_t* raw_error = nullptr;
  const auto result = hs_compile_multi(expressions.data(), flags.data(), ids.data(), static_cast<unsigned>(ids.size()), mode,
                                       nullptr, &database, &raw_error);
  const HsCompileError error(raw_error);
  if (result != HS_SUCCESS) {
    const bool known = error && error->expression >= 0;
    const std::string which = known ? std::string(types.spec(group[static_cast<size_t>(error->expression)]).id) + ": " : "";
    return fail(which + "Hyperscan refuses the expression: " + (error ? error->message : "it gives no reason"));
  }
  made.database.reset(database);
  made.types = std::move(group);
  return made;
}

int count_match(unsigned, unsigned long long, unsigned long long, unsigned, void* context) {
  *static_cast<size_t*>(context) += 1;
  return 0;
}

// Time of this thread alone: the machine has other work too.
double cpu_ns() {
  timespec now{};
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// The fastest of a few, which is the one that was disturbed least.
double ns_per_kib(const hs_database_t* database, const std::string& text) {
  hs_scratch_t* raw = nullptr;
  if (hs_alloc_scratch(database, &raw) != HS_SUCCESS) return 0;
  const HsScratch scratch(raw);
  double best = std::numeric_limits<double>::max();
  size_t matches = 0;
  for (int i = 0; i < measurements; ++i) {
    constexpr int scans = 4;
    const double start = cpu_ns();
    for (int scan = 0; scan < scans; ++scan) {
      hs_scan(database, text.data(), static_cast<unsigned>(text.size()), 0, raw, count_match, &matches);
    }
    best = std::min(best, (cpu_ns() - start) / scans * 1024 / static_cast<double>(text.size()));
  }
  return best;
}

class Grouper {
 public:
  Grouper(const DataTypes& types, const GroupingOptions& options)
      : types_(types), end_(Clock::now() + options.budget), measures_(options.budget.count() > 0) {
    for (size_t i = 0; measures_ && i < sample_count; ++i) samples_[i] = make_sample(static_cast<Sample>(i), sample_size);
  }

  Expected<Grouping> run(const TypeSet& used) {
    std::vector<DataType> triggers;
    std::vector<DataType> patterns;
    used.each([&](DataType type) {
      const Engine engine = types_.spec(type).engine;
      if (engine == Engine::Trigger) triggers.push_back(type);
      if (engine == Engine::Pattern) patterns.push_back(type);
    });
    for (std::vector<DataType>* kind : {&triggers, &patterns}) {
      if (kind->empty()) continue;
      auto done = measures_ ? group_by_cost(*kind) : group_by_kind(*kind);
      if (!done) return std::unexpected(done.error());
    }
    return std::move(made_);
  }

 private:
  [[nodiscard]] bool time_is_up() const { return Clock::now() >= end_; }

  Expected<double> cost_of(const std::vector<DataType>& group, TriggerCost* details) {
    auto database = compile(types_, group);
    if (!database) return std::unexpected(database.error());
    double sum = 0;
    for (size_t i = 0; i < sample_count; ++i) {
      const double cost = ns_per_kib(database->database.get(), samples_[i]);
      if (details != nullptr) details->ns_per_kib[i] = cost;
      sum += cost;
    }
    return sum;
  }

  Expected<bool> keep(std::vector<DataType> group) {
    auto database = compile(types_, std::move(group));
    if (!database) return std::unexpected(database.error());
    made_.databases.push_back(std::move(*database));
    return true;
  }

  // Triggers with a literal are cheap together; mail addresses have none but a sign.
  Expected<bool> group_by_kind(const std::vector<DataType>& all) {
    std::vector<DataType> rest;
    for (const DataType type : all) {
      if (type != DataType::EmailAddress) {
        rest.push_back(type);
      } else if (auto kept = keep({type}); !kept) {
        return kept;
      }
    }
    return rest.empty() ? Expected<bool>(true) : keep(std::move(rest));
  }

  struct Group {
    std::vector<DataType> types;
    double cost = 0;
  };

  // The cheap half starts as one group; each of the others then joins where it adds least, or stands alone.
  Expected<bool> group_by_cost(const std::vector<DataType>& all) {
    std::vector<Group> alone;
    std::vector<DataType> unmeasured;
    for (const DataType type : all) {
      if (time_is_up()) {
        unmeasured.push_back(type);
        continue;
      }
      TriggerCost details{type, {}};
      auto cost = cost_of({type}, &details);
      if (!cost) return std::unexpected(cost.error());
      made_.costs.push_back(details);
      alone.push_back({{type}, *cost});
    }
    std::ranges::sort(alone, {}, &Group::cost);
    std::vector<Group> groups;
    const size_t cheap = (alone.size() + 1) / 2;
    if (cheap > 0) {
      Group first;
      for (size_t i = 0; i < cheap; ++i) first.types.push_back(alone[i].types[0]);
      auto cost = cost_of(first.types, nullptr);
      if (!cost) return std::unexpected(cost.error());
      first.cost = *cost;
      groups.push_back(std::move(first));
    }
    for (size_t i = cheap; i < alone.size(); ++i) {
      if (time_is_up()) {
        unmeasured.push_back(alone[i].types[0]);
      } else if (auto placed = place(alone[i], groups); !placed) {
        return placed;
      }
    }
    double sum = 0;
    for (const Group& group : groups) sum += group.cost;
    auto one = alone.empty() ? Expected<double>(0) : cost_of_kinds(all);
    if (!one) return std::unexpected(one.error());
    if (unmeasured.empty() && *one <= sum) return group_by_kind(all);
    for (Group& group : groups) {
      if (auto kept = keep(std::move(group.types)); !kept) return kept;
    }
    return unmeasured.empty() ? Expected<bool>(true) : group_by_kind(unmeasured);
  }

  // Each step of the other way is the best one, which need not end at the best of all.
  Expected<double> cost_of_kinds(const std::vector<DataType>& all) {
    std::vector<DataType> rest;
    double sum = 0;
    for (const DataType type : all) {
      if (type != DataType::EmailAddress) {
        rest.push_back(type);
        continue;
      }
      auto cost = cost_of({type}, nullptr);
      if (!cost) return cost;
      sum += *cost;
    }
    if (rest.empty()) return sum;
    auto cost = cost_of(rest, nullptr);
    return cost ? Expected<double>(sum + *cost) : cost;
  }

  Expected<bool> place(const Group& one, std::vector<Group>& groups) {
    size_t best = groups.size();
    double best_added = groups.size() < groups_max ? one.cost : std::numeric_limits<double>::max();
    double best_cost = 0;
    for (size_t i = 0; i < groups.size(); ++i) {
      std::vector<DataType> together = groups[i].types;
      together.push_back(one.types[0]);
      auto cost = cost_of(together, nullptr);
      if (!cost) return std::unexpected(cost.error());
      if (*cost - groups[i].cost >= best_added) continue;
      best = i;
      best_added = *cost - groups[i].cost;
      best_cost = *cost;
    }
    if (best == groups.size()) {
      groups.push_back(one);
    } else {
      groups[best].types.push_back(one.types[0]);
      groups[best].cost = best_cost;
    }
    return true;
  }

  const DataTypes& types_;
  Clock::time_point end_;
  bool measures_;
  std::string samples_[sample_count];
  Grouping made_;
};

}  // namespace

Expected<Grouping> group_triggers(const DataTypes& types, const TypeSet& used, const GroupingOptions& options) {
  return Grouper(types, options).run(used);
}

Expected<TriggerDatabase> load_triggers(const DataTypes& types, const TriggerBlob& blob) {
  TriggerDatabase made;
  for (const DataType type : blob.types) {
    if (static_cast<size_t>(type) >= types.size() || !has_trigger(types.spec(type))) {
      return fail("expected detectors of known data types, found number " + std::to_string(static_cast<size_t>(type)));
    }
    const bool pattern = types.spec(type).engine == Engine::Pattern;
    if (!made.set.empty() && pattern != made.patterns) return fail("expected detectors of one kind in a group, found two");
    made.patterns = pattern;
    if (made.set.has(type)) return fail("expected each data type once, found " + std::string(types.spec(type).id) + " twice");
    made.set.add(type);
    made.marks.add(mark_of(types.spec(type)));
  }
  made.types = blob.types;
  hs_database_t* database = nullptr;
  const auto result = hs_deserialize_database(reinterpret_cast<const char*>(blob.bytes.data()), blob.bytes.size(), &database);
  if (result != HS_SUCCESS) {
    return fail("expected detectors of Hyperscan " + std::string(hs_version()) + " for this machine, found others");
  }
  made.database.reset(database);
  return made;
}

Expected<TriggerBlob> save_triggers(const TriggerDatabase& database) {
  char* bytes = nullptr;
  size_t size = 0;
  if (hs_serialize_database(database.database.get(), &bytes, &size) != HS_SUCCESS) {
    return fail("detectors cannot be written: Hyperscan gives no reason");
  }
  const std::unique_ptr<char, void (*)(void*)> owner(bytes, std::free);
  const auto* first = reinterpret_cast<const std::byte*>(bytes);
  return TriggerBlob{database.types, {first, first + size}};
}

void add_expressions(const DataTypes& types, const TypeSet& used, ByteWriter& out) {
  used.each([&](DataType type) {
    const DataTypeSpec& spec = types.spec(type);
    if (!has_trigger(spec)) return;
    const Expression expression = expression_of(spec);
    out.u32(static_cast<uint32_t>(type));
    out.u32(expression.flags);
    out.u32(static_cast<uint32_t>(expression.text.size()));
    out.text(expression.text);
  });
}

}  // namespace sluice::rules
