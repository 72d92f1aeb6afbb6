// Recall and false masks of every type over generated values and near misses, and the reference page that
// states them. SLUICE_WRITE_DATA_TYPES=<file> writes the page.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include "rules/detect/checks.h"
#include "rules/detect/measure.h"
#include "rules/detect/secrets.h"
#include "support.h"

namespace sluice::rules {
namespace {

using testing::find;
using testing::only;

constexpr uint32_t seed = 20261121;
constexpr size_t values_per_type = 200;
constexpr size_t near_miss_cells = 1'000'000;

struct Figures {
  size_t values = 0;
  size_t found = 0;
  size_t wrong_digits = 0;       // Values with one digit changed, in context ...
  size_t wrong_digits_found = 0; // ... that were found all the same.
  size_t false_masks = 0;        // Among near_miss_cells cells without a value.
};

const DataTypes& types() { return DataTypes::shipped(); }

char random_of(char shape, std::mt19937& random) {
  constexpr std::string_view alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  return shape >= '0' && shape <= '9' ? alphabet[random() % 10] : alphabet[10 + random() % 26];
}

std::string plain(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) out += static_cast<char>(std::toupper(c));
  }
  return out;
}

std::string digits(std::mt19937& random, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += static_cast<char>('0' + random() % 10);
  return out;
}

/// A card number of any issuer, grouped as people do, with what they write in front.
std::string card(std::mt19937& random) {
  constexpr std::pair<std::string_view, size_t> issuers[] = {
      {"4", 16}, {"4", 13}, {"4", 19}, {"51", 16}, {"2221", 16}, {"2720", 16}, {"34", 15}, {"37", 15}, {"300", 14}, {"36", 14},
      {"3528", 16}, {"3589", 16}, {"6011", 16}, {"65", 16}, {"62", 16}, {"62", 19}, {"2204", 16}, {"6759", 13}, {"6304", 19},
      {"50", 16}, {"81", 16}};
  constexpr std::string_view in_front[] = {"", "", "", "card ", "card:", "x", "cc", "PAN=", "visa-", "#", "no. ", "2026-11-21 "};
  const auto& [prefix, size] = issuers[random() % std::size(issuers)];
  std::string number = std::string(prefix) + digits(random, size - prefix.size() - 1);
  number += '0';
  for (; !checks::luhn(number); ++number.back()) {
  }
  const char separator = " -"[random() % 2];
  const auto group = [&](std::initializer_list<size_t> ends) {
    size_t added = 0;
    for (const size_t end : ends) {
      if (end < size) number.insert(end + added++, 1, separator);
    }
  };
  switch (random() % 4) {
    case 0: size == 14 || size == 15 ? group({4, 10}) : group({4, 8, 12, 16}); break;
    case 1: group({4, 8, 12, 16}); break;
    default: break;
  }
  return std::string(in_front[random() % std::size(in_front)]) + number;
}

/// A token of a trigger's prefix and a tail of its own.
std::string token(const DataTypeSpec& spec, std::mt19937& random) {
  constexpr std::string_view alphabets[] = {"0123456789abcdef", "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
                                            "0123456789abcdefABCXYZ_-", "0123456789abcdefABCXYZ+/", "0123456789abcdefABCXYZ_-."};
  const Trigger& trigger = *spec.trigger;
  const auto alphabet = alphabets[static_cast<size_t>(trigger.charset)];
  std::string text(parts_of(spec.examples)[0].substr(0, trigger.prefix_size));
  const size_t tail = trigger.tail_min + random() % (trigger.tail_max - trigger.tail_min + 1U);
  for (size_t i = 0; i < tail; ++i) text += alphabet[random() % alphabet.size()];
  return text;
}

/// Values of a type: an example with some of its digits, and of its letters, drawn anew, until its check digits
/// are right again. Examples alone where that practically never happens.
std::vector<std::string> generate(const DataTypeSpec& spec, std::mt19937& random) {
  std::vector<std::string> values;
  const auto examples = parts_of(spec.examples);
  const auto is_value = [&](const std::string& text) {
    return spec.engine == Engine::Forms ? spec.check(plain(text)) : testing::values(text, *types().find(spec.id), true).size() == 1;
  };
  while (spec.engine == Engine::Cards && values.size() < 10 * values_per_type) values.push_back(card(random));
  // Those with a check of their own are not drawn, and an entropy that a short random tail may not reach is waited for.
  if (spec.engine == Engine::Trigger && spec.trigger->tail_max > 0 && spec.trigger->judge == nullptr) {
    while (values.size() < values_per_type) {
      std::string text = token(spec, random);
      if (entropy(std::string_view(text).substr(spec.trigger->prefix_size)) >= spec.trigger->entropy_min) values.push_back(text);
    }
  }
  const bool draws = spec.engine == Engine::Forms && spec.id != "CRYPTO";
  for (int tries = 0; draws && tries < 100'000 && values.size() < values_per_type; ++tries) {
    std::string text(examples[random() % examples.size()]);
    for (char& c : text) {
      const bool digit = c >= '0' && c <= '9';
      const bool letter = c >= 'A' && c <= 'Z';
      if ((digit && random() % 3 == 0) || (letter && random() % 8 == 0)) c = random_of(c, random);
    }
    if (is_value(text)) values.push_back(text);
  }
  while (values.size() < 20) values.emplace_back(examples[values.size() % examples.size()]);
  return values;
}

/// What is in databases and looks like values: order numbers, milliseconds and microseconds, UUIDs, object
/// identifiers, stock codes, telephone numbers, timestamps, fractions, addresses, hashes.
std::string near_miss(std::mt19937& random) {
  const auto letters = [&](size_t count) {
    std::string out;
    for (size_t i = 0; i < count; ++i) out += random_of('A', random);
    return out;
  };
  const auto hex = [&](size_t count) {
    std::string out;
    for (size_t i = 0; i < count; ++i) out += "0123456789abcdef"[random() % 16];
    return out;
  };
  switch (random() % 14) {
    case 0: return digits(random, 8 + random() % 5);
    case 1: return "17" + digits(random, 11);
    case 2: return hex(8) + "-" + hex(4) + "-4" + hex(3) + "-a" + hex(3) + "-" + hex(12);
    case 3: return letters(3) + "-" + digits(random, 4) + "-" + letters(2);
    case 4: return "+1 555 " + digits(random, 3) + " " + digits(random, 4);
    case 5: return "2026-11-" + digits(random, 2) + " 03:14:" + digits(random, 2) + "." + digits(random, 6);
    case 6: return hex(64);
    case 7: return "10." + digits(random, 2) + "." + digits(random, 2) + "." + digits(random, 2);
    case 8: return letters(2) + digits(random, 6);
    case 9: return "17" + digits(random, 14);
    case 10: return hex(24);
    case 11: return "0." + digits(random, 16);
    case 12: return std::to_string(random() % 1000) + "-a" + hex(3) + "-" + digits(random, 16) + hex(2);
    default: return "0." + digits(random, 8);
  }
}

Figures figures_of(DataType type, std::mt19937& random) {
  const DataTypeSpec& spec = types().spec(type);
  Figures figures;
  for (const std::string& value : generate(spec, random)) {
    figures.values += 1;
    const bool in_context = spec.needs_context || spec.shape.find('?') != std::string_view::npos;
    figures.found += testing::values("note " + value + " end", type, in_context).size() == 1 ? 1U : 0U;
    std::string wrong = value;
    const size_t last = wrong.find_last_of("0123456789");
    if (spec.engine != Engine::Forms || last == std::string::npos) continue;
    wrong[last] = wrong[last] == '9' ? '0' : static_cast<char>(wrong[last] + 1);
    figures.wrong_digits += 1;
    figures.wrong_digits_found += testing::values(wrong, type, true).size();
  }
  return figures;
}

const std::vector<Figures>& all_figures() {
  static const std::vector<Figures> made = [] {
    std::mt19937 random(seed);
    std::vector<Figures> all;
    types().all().each([&](DataType type) { all.push_back(figures_of(type, random)); });
    const Search search = testing::all_detectors().search(types().all());
    for (size_t cells = 0; cells < near_miss_cells;) {
      std::string text;
      for (size_t i = 0; i < 5000; ++i, ++cells) text += near_miss(random) + cell_separator;
      for (const Match& match : find(testing::all_detectors(), text, search)) {
        all[static_cast<size_t>(match.type)].false_masks += 1;
      }
    }
    return all;
  }();
  return made;
}

TEST(Recall, every_type_finds_99_in_100_of_its_values_and_masks_10_in_a_million_others_at_most) {
  types().all().each([](DataType type) {
    const DataTypeSpec& spec = types().spec(type);
    const Figures& figures = all_figures()[static_cast<size_t>(type)];
    EXPECT_GE(figures.values, 20U) << spec.id;
    EXPECT_GE(static_cast<double>(figures.found), 0.99 * static_cast<double>(figures.values)) << spec.id;
    EXPECT_LE(figures.false_masks, 10U) << spec.id;
    const double precision = figures.found == 0 ? 0 : static_cast<double>(figures.found) / static_cast<double>(figures.found + figures.false_masks);
    fmt::print("{:<40} recall {:.3f} of {:>3}, precision {:.3f}, false masks a million {}, wrong digit found {} of {}\n",
               spec.id, static_cast<double>(figures.found) / static_cast<double>(figures.values), figures.values, precision,
               figures.false_masks, figures.wrong_digits_found, figures.wrong_digits);
  });
}

TEST(Recall, a_wrong_check_digit_is_no_value_even_in_context) {
  // Of these the last digit is no check digit.
  constexpr std::string_view unchecked[] = {"US_SSN", "US_ITIN", "UK_NINO", "UK_DRIVING_LICENCE", "IN_PAN", "US_MBI",
                                            "KR_RRN", "AU_MEDICARE", "UK_UTR", "ETHEREUM_ADDRESS", "IS_KT", "CRYPTO"};
  types().all().each([&](DataType type) {
    const DataTypeSpec& spec = types().spec(type);
    if (std::ranges::find(unchecked, spec.id) != std::end(unchecked)) return;
    const Figures& figures = all_figures()[static_cast<size_t>(type)];
    EXPECT_LE(static_cast<double>(figures.wrong_digits_found), 0.1 * static_cast<double>(figures.wrong_digits)) << spec.id;
  });
}

std::string page() {
  std::string out =
      "# Data types\n\n"
      "What `types:` of a result rule may name, by id or by one of the other names, in any case. Types that need context\n"
      "are found only where the name of the column (or its alias, or a key above the value in JSON) has one of the words,\n"
      "or one stands in the 40 bytes before the value. Of `partly`, only the form without separators asks for it.\n\n"
      "Recall is over values drawn from a seed, false masks are over a million cells that hold none: order numbers,\n"
      "milliseconds and microseconds, UUIDs, object identifiers, stock codes, telephone numbers, timestamps, fractions,\n"
      "addresses, hashes. A number of sixteen digits that begins as a card's and passes its check by chance, one in ten of\n"
      "those, is a card to everybody; none is among these. This page is written by the test that measures them.\n\n"
      "| id | other names | pack | needs context | words | recall | false masks a million |\n"
      "|---|---|---|---|---|---|---|\n";
  types().all().each([&](DataType type) {
    const DataTypeSpec& spec = types().spec(type);
    const Figures& figures = all_figures()[static_cast<size_t>(type)];
    const auto list = [](std::string_view text) {
      std::string joined;
      for (const auto part : parts_of(text)) joined += (joined.empty() ? "" : ", ") + std::string(part);
      return joined;
    };
    const bool partly = !spec.needs_context && spec.engine == Engine::Forms && spec.shape.find('?') != std::string_view::npos;
    out += fmt::format("| {} | {} | {} | {} | {} | {:.3f} | {} |\n", spec.id, list(spec.aliases), name_of(spec.pack),
                       spec.needs_context ? "yes" : partly ? "partly" : "no", list(spec.context),
                       static_cast<double>(figures.found) / static_cast<double>(figures.values), figures.false_masks);
  });
  return out;
}

TEST(Recall, the_reference_page_has_every_type_in_order_and_no_other) {
  if (const char* path = std::getenv("SLUICE_WRITE_DATA_TYPES"); path != nullptr) std::ofstream(path) << page();
  std::ifstream file(SOURCE_ROOT "/docs/reference/data-types.md");
  std::stringstream committed;
  committed << file.rdbuf();
  EXPECT_EQ(committed.str(), page()) << "write it anew with SLUICE_WRITE_DATA_TYPES=docs/reference/data-types.md";
}

TEST(Measure, says_what_each_type_costs_and_finds) {
  const auto costs = measure(types(), types().all(), std::chrono::seconds(60));
  ASSERT_TRUE(costs) << costs.error().message;
  ASSERT_EQ(costs->size(), types().size());
  double share = 0;
  for (const TypeCost& cost : *costs) {
    share += cost.share;
    EXPECT_EQ(cost.hits[static_cast<size_t>(Sample::Prose)], 0U) << types().spec(cost.type).id;
  }
  EXPECT_NEAR(share, 1, 0.001);
  EXPECT_GT((*costs)[static_cast<size_t>(DataType::EmailAddress)].hits[static_cast<size_t>(Sample::Dense)], 100U);
}

}  // namespace
}  // namespace sluice::rules
