// The sieve in front of Hyperscan: nothing that a trigger leads to may hide from it.
#include <algorithm>
#include <random>

#include "rules/detect/samples.h"
#include "rules/detect/secrets.h"
#include "rules/detect/sieve.h"
#include "support.h"

namespace sluice::rules {
namespace {

using testing::find;

const DataTypes& types() { return DataTypes::shipped(); }

TypeSet all_triggered() {
  TypeSet triggered;
  types().all().each([&](DataType type) {
    if (types().spec(type).engine == Engine::Trigger) triggered.add(type);
  });
  return triggered;
}

struct Everything {
  std::string_view text;
  std::vector<Match> matches;
};

/// What every trigger leads to, wherever it is in the text: overlapping values of a type as one.
std::vector<Match> without_sieve(const Detectors& detectors, hs_scratch_t* scratch, std::string_view text) {
  Everything everything{text, {}};
  const auto on_match = [](unsigned id, unsigned long long, unsigned long long to, unsigned, void* context) {
    auto& its = *static_cast<Everything*>(context);
    const Trigger& trigger = *types().spec(static_cast<DataType>(id)).trigger;
    if (auto match = trigger.extend(trigger, its.text, to)) {
      match->type = static_cast<DataType>(id);
      its.matches.push_back(*match);
    }
    return 0;
  };
  for (const TriggerDatabase& database : detectors.databases()) {
    EXPECT_EQ(hs_scan(database.database.get(), text.data(), static_cast<unsigned>(text.size()), 0, scratch, on_match,
                      &everything),
              HS_SUCCESS);
  }
  std::ranges::sort(everything.matches, {}, [](const Match& m) { return std::tuple(m.type, m.begin, m.end); });
  std::vector<Match> joined;
  for (const Match& match : everything.matches) {
    if (!joined.empty() && joined.back().type == match.type && joined.back().end > match.begin) {
      joined.back().end = std::max(joined.back().end, match.end);
    } else {
      joined.push_back(match);
    }
  }
  return joined;
}

/// Cells that are values, nearly values, what triggers are made of, and neither.
std::string random_cell(std::mt19937& random, const std::vector<std::string>& values) {
  constexpr std::string_view signs = "@@::://----n:  .,_=+/$azAZ059\xC3\xA9";
  std::string cell;
  switch (random() % 8) {
    case 0:
    case 1:
    case 2:
      cell = values[random() % values.size()];
      break;
    case 3:
      cell = make_sample(Sample::Prose, random() % 40);
      break;
    case 4:
      for (size_t i = random() % 40; i > 0; --i) cell += signs[random() % signs.size()];
      break;
    case 5:
      for (size_t i = random() % 60; i > 0; --i) cell += static_cast<char>(random() % 256);
      break;
    case 6:
      cell = make_sample(Sample::Digits, random() % 30);
      break;
    default:
      cell = "authorization: bearer http://a:b@c eyJ AKIA";
  }
  for (size_t i = random() % 4; i > 0 && !cell.empty(); --i) {
    const size_t at = random() % cell.size();
    switch (random() % 4) {
      case 0:
        cell.erase(at, 1 + random() % 3);
        break;
      case 1:
        cell.insert(at, 1, signs[random() % signs.size()]);
        break;
      case 2:
        cell.insert(0, random() % 20, static_cast<char>(random() % 2 == 0 ? ' ' : 'a'));
        break;
      default:
        cell.resize(at);
    }
  }
  return cell;
}

std::vector<std::string> all_examples() {
  std::vector<std::string> examples;
  all_triggered().each([&](DataType type) {
    for (const auto example : parts_of(types().spec(type).examples)) examples.emplace_back(example);
    for (const auto negative : parts_of(types().spec(type).negatives)) examples.emplace_back(negative);
  });
  return examples;
}

TEST(Sieve, a_million_generated_and_mutated_cells_hold_the_same_values_with_it_and_without) {
  constexpr size_t cells = 1'000'000;
  const auto& detectors = testing::all_detectors();
  const auto values = all_examples();
  const Search search = detectors.search(all_triggered());
  HsScratch scratch;
  ASSERT_TRUE(detectors.grow(scratch));
  std::mt19937 random(20261121);
  size_t found = 0;
  std::vector<Match> matches;
  for (size_t done = 0; done < cells;) {
    std::string text;
    for (size_t i = 1 + random() % 40; i > 0; --i, ++done) {
      text += random_cell(random, values);
      text += random() % 4 == 0 ? ' ' : cell_separator;
    }
    matches.clear();
    detectors.find(text, search, scratch.get(), matches);
    std::ranges::sort(matches, {}, [](const Match& m) { return std::tuple(m.type, m.begin, m.end); });
    ASSERT_EQ(matches, without_sieve(detectors, scratch.get(), text)) << text;
    found += matches.size();
  }
  EXPECT_GT(found, cells / 10);
}

TEST(Sieve, every_example_is_found_at_every_offset_and_at_the_ends_of_a_text) {
  all_triggered().each([](DataType type) {
    for (const std::string_view example : parts_of(types().spec(type).examples)) {
      for (size_t before = 0; before < 300; ++before) {
        const std::string text = std::string(before, before % 2 == 0 ? ' ' : '.') + " " + std::string(example);
        ASSERT_EQ(testing::values(text, type, false).size(), 1U) << types().spec(type).id << " behind " << before;
      }
    }
  });
}

TEST(Sieve, no_trigger_with_a_mark_is_wider_than_what_is_looked_at_around_one) {
  all_triggered().each([](DataType type) {
    const DataTypeSpec& spec = types().spec(type);
    if (spec.trigger->mark == Mark::Anywhere) return;
    hs_expr_info_t* raw = nullptr;
    hs_compile_error_t* error = nullptr;
    const std::string expression(spec.trigger->expression);
    ASSERT_EQ(hs_expression_info(expression.c_str(), HS_FLAG_DOTALL, &raw, &error), HS_SUCCESS);
    const std::unique_ptr<hs_expr_info_t, void (*)(void*)> info(raw, std::free);
    EXPECT_LE(info->max_width, trigger_size_max) << spec.id;
    const bool has_blank = expression.find(' ') != std::string::npos;
    EXPECT_TRUE(spec.trigger->mark != Mark::Token || !has_blank) << spec.id << ": a token has no blank";
  });
}

TEST(Sieve, every_shipped_trigger_has_a_mark_so_prose_is_not_for_hyperscan) {
  all_triggered().each(
      [](DataType type) { EXPECT_NE(types().spec(type).trigger->mark, Mark::Anywhere) << types().spec(type).id; });
  Sieve sieve("It was, as everybody knows, a dark and stormy night; the rain fell in torrents.");
  EXPECT_FALSE(sieve.next({Mark::Token, Mark::At, Mark::Scheme, Mark::Header, Mark::Dashes}));
}

TEST(Sieve, stretches_rise_do_not_overlap_and_have_what_was_asked_for) {
  std::mt19937 random(20261122);
  const auto values = all_examples();
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    while (text.size() < 2000) text += random_cell(random, values) + std::string(random() % 300, ' ');
    const MarkSet wanted = round % 2 == 0 ? MarkSet{Mark::At} : MarkSet{Mark::Token, Mark::Scheme};
    Sieve sieve(text);
    size_t last = 0;
    while (const auto stretch = sieve.next(wanted)) {
      ASSERT_TRUE(stretch->marks.intersects(wanted));
      ASSERT_LT(stretch->begin, stretch->end);
      ASSERT_LE(stretch->end, text.size());
      ASSERT_TRUE(last == 0 || stretch->begin > last);
      last = stretch->end;
    }
  }
}

}  // namespace
}  // namespace sluice::rules
