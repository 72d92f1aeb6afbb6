// Numbers of persons, Europe.
#include <algorithm>

#include "rules/detect/check_tools.h"
#include "rules/detect/checks.h"

namespace sluice::rules::checks {
namespace {

bool digits(std::string_view value, size_t size) {
  return value.size() == size && all_digits(value) && !one_character(value);
}

// ddmmyy of either century.
bool is_day_first(std::string_view ddmmyy, int64_t day_offset = 0, int64_t month_offset = 0) {
  const int64_t day = number(ddmmyy.substr(0, 2));
  const int64_t month = number(ddmmyy.substr(2, 2));
  const int64_t year = number(ddmmyy.substr(4, 2));
  const int64_t plain = day > day_offset ? day - day_offset : day;
  const int64_t plain_month = month > month_offset ? month - month_offset : month;
  return is_date(1900 + year, plain_month, plain) || is_date(2000 + year, plain_month, plain);
}

// The cross sum of each product, as the German numbers take it.
template <size_t n>
int cross_sums(std::string_view text, const std::array<int, n>& weights) {
  int sum = 0;
  for (size_t i = 0; i < n && i < text.size(); ++i) {
    const int product = (text[i] - '0') * weights[i];
    sum += product / 10 + product % 10;
  }
  return sum;
}

constexpr std::string_view spanish_letters = "TRWAGMYFPDXBNJZSQVHLCKE";

}  // namespace

bool uk_nino(std::string_view value) {
  constexpr std::string_view never[] = {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"};
  if (value.size() != 9 || !all_digits(value.substr(2, 6)) || !is_upper(value[0]) || !is_upper(value[1])) return false;
  if (std::string_view("DFIQUV").find(value[0]) != std::string_view::npos) return false;
  if (std::string_view("DFIOQUV").find(value[1]) != std::string_view::npos) return false;
  return std::ranges::find(never, value.substr(0, 2)) == std::end(never) && value[8] >= 'A' && value[8] <= 'D';
}

bool uk_utr(std::string_view value) {
  if (!digits(value, 10)) return false;
  const int rest = weighted<9>(value.substr(1), {6, 7, 8, 9, 10, 5, 4, 3, 2}) % 11;
  return std::string_view("21987654321")[static_cast<size_t>(rest)] == value[0];
}

// Five of the surname (filled with 9), decade, month (+50: a woman), day, year, initials, two more.
bool uk_driving_licence(std::string_view value) {
  if (value.size() != 16 || !all_digits(value.substr(5, 6))) return false;
  const auto surname = value.substr(0, 5);
  const size_t letters = std::min(surname.find('9'), surname.size());
  if (letters == 0 || !std::ranges::all_of(surname.substr(0, letters), is_upper)) return false;
  if (surname.substr(letters).find_first_not_of('9') != std::string_view::npos) return false;
  const int64_t month = number(value.substr(6, 2));
  const int64_t plain = month > 50 ? month - 50 : month;
  const int64_t year = (value[5] - '0') * 10 + (value[10] - '0');
  const int64_t day = number(value.substr(8, 2));
  if (!is_date(1900 + year, plain, day) && !is_date(2000 + year, plain, day)) return false;
  const auto initial = [](char c) { return is_upper(c) || c == '9'; };
  return is_upper(value[11]) && initial(value[12]) && base36(value[13]) >= 0 && is_upper(value[14]) && is_upper(value[15]);
}

bool ie_ppsn(std::string_view value) {
  if ((value.size() != 8 && value.size() != 9) || !all_digits(value.substr(0, 7))) return false;
  int sum = weighted<7>(value, {8, 7, 6, 5, 4, 3, 2});
  if (value.size() == 9) {
    if (std::string_view("ABHWTX").find(value[8]) == std::string_view::npos) return false;
    sum += 9 * (value[8] == 'W' ? 0 : value[8] - 'A' + 1);
  }
  return std::string_view("WABCDEFGHIJKLMNOPQRSTUV")[static_cast<size_t>(sum % 23)] == value[7];
}

// Of the first ten digits one stands twice or thrice, the others once at most.
bool de_tax_id(std::string_view value) {
  if (!digits(value, 11) || value[0] == '0') return false;
  std::array<int, 10> counts{};
  for (const char c : value.substr(0, 10)) counts[static_cast<size_t>(c - '0')] += 1;
  const auto repeated = std::ranges::count_if(counts, [](int count) { return count > 1; });
  return repeated == 1 && *std::ranges::max_element(counts) <= 3 && mod11_10(value);
}

// Area, date of birth, letter, serial, check digit; the letter counts as two digits.
bool de_social_security(std::string_view value) {
  if (value.size() != 12 || !all_digits(value.substr(0, 8)) || !is_upper(value[8]) || !all_digits(value.substr(9))) {
    return false;
  }
  if (!is_day_first(value.substr(2, 6), 50)) return false;
  const int letter = value[8] - 'A' + 1;
  const int letters = letter / 10 * 2 / 10 + letter / 10 * 2 % 10 + letter % 10;
  const int sum = cross_sums<8>(value, {2, 1, 2, 5, 7, 1, 2, 1}) + letters + cross_sums<2>(value.substr(9), {2, 1});
  return sum % 10 == value[11] - '0';
}

// ICAO 9303: weights 7, 3, 1 over digits and letters.
bool de_document(std::string_view value) {
  constexpr std::string_view first = "CFGHJKLMNPRTVWXYZ";
  if (value.size() != 10 || first.find(value[0]) == std::string_view::npos || !is_digit(value[9])) return false;
  constexpr std::array<int, 3> weights = {7, 3, 1};
  int sum = 0;
  for (size_t i = 0; i < 9; ++i) {
    if (!is_digit(value[i]) && first.find(value[i]) == std::string_view::npos) return false;
    sum += base36(value[i]) * weights[i % 3];
  }
  return sum % 10 == value[9] - '0';
}

bool fr_nir(std::string_view value) {
  if (value.size() != 15 || std::string_view("123478").find(value[0]) == std::string_view::npos) return false;
  std::array<char, 15> plain{};
  std::ranges::copy(value, plain.begin());
  int64_t offset = 0;
  if (value[5] == '2' && (value[6] == 'A' || value[6] == 'B')) {  // Corsica.
    offset = value[6] == 'A' ? 1'000'000 : 2'000'000;
    plain[6] = '0';
  }
  const std::string_view text(plain.data(), plain.size());
  if (!all_digits(text)) return false;
  const int64_t month = number(text.substr(3, 2));
  if (month == 0 || (month > 12 && month < 20) || (month > 42 && month < 50)) return false;
  return 97 - (number(text.substr(0, 13)) - offset) % 97 == number(text.substr(13));
}

bool fr_nif(std::string_view value) {
  return digits(value, 13) && value[0] <= '3' && number(value.substr(0, 10)) % 511 == number(value.substr(10));
}

bool es_nif(std::string_view value) {
  if (value.size() != 9 || !all_digits(value.substr(0, 8)) || one_character(value.substr(0, 8))) return false;
  return spanish_letters[static_cast<size_t>(number(value.substr(0, 8)) % 23)] == value[8];
}

bool es_nie(std::string_view value) {
  if (value.size() != 9 || value[0] < 'X' || value[0] > 'Z' || !all_digits(value.substr(1, 7))) return false;
  const int64_t whole = (value[0] - 'X') * int64_t{10'000'000} + number(value.substr(1, 7));
  return spanish_letters[static_cast<size_t>(whole % 23)] == value[8];
}

bool it_fiscal_code(std::string_view value) {
  constexpr std::array<int, 26> odd = {1,  0,  5,  7,  9, 13, 15, 17, 19, 21, 2,  4,  18,
                                       20, 11, 3,  6,  8, 12, 14, 16, 10, 22, 25, 24, 23};
  if (value.size() != 16 || std::string_view("ABCDEHLMPRST").find(value[8]) == std::string_view::npos) return false;
  int sum = 0;
  for (size_t i = 0; i < 15; ++i) {
    const int digit = base36(value[i]);
    if (digit < 0) return false;
    const int place = digit > 9 ? digit - 10 : digit;  // A digit counts as the letter of its place.
    sum += i % 2 == 0 ? odd[static_cast<size_t>(place)] : place;
  }
  return value[15] == 'A' + sum % 26;
}

bool nl_bsn(std::string_view value) {
  return digits(value, 9) && weighted<9>(value, {9, 8, 7, 6, 5, 4, 3, 2, -1}) % 11 == 0;
}

bool be_nrn(std::string_view value) {
  if (!digits(value, 11)) return false;
  const int64_t month = number(value.substr(2, 2)) % 20;  // +20 and +40: a number before it was sure.
  if (month > 12 || number(value.substr(4, 2)) > 31) return false;
  const int64_t body = number(value.substr(0, 9));
  const int64_t check = number(value.substr(9));
  return 97 - body % 97 == check || 97 - (body + 2'000'000'000) % 97 == check;
}

bool pl_pesel(std::string_view value) {
  if (!digits(value, 11)) return false;
  const int64_t month = number(value.substr(2, 2));
  const int64_t century = month > 80 ? 1800 : 1900 + month / 20 * 100;
  if (!is_date(century + number(value.substr(0, 2)), month % 20, number(value.substr(4, 2)))) return false;
  return (10 - weighted<10>(value, {1, 3, 7, 9, 1, 3, 7, 9, 1, 3}) % 10) % 10 == value[10] - '0';
}

bool se_personnummer(std::string_view value) {
  if (digits(value, 12)) {
    if (!value.starts_with("19") && !value.starts_with("20")) return false;
    value.remove_prefix(2);
  }
  if (!digits(value, 10)) return false;
  const int64_t day = number(value.substr(4, 2));  // +60: a number for who is not registered.
  const int64_t year = number(value.substr(0, 2));
  return is_date(2000 + year - year % 4, number(value.substr(2, 2)), day > 60 ? day - 60 : day) && luhn(value);
}

// ddmmyy, the century's sign, three digits, a check character. The sign may have been a separator.
bool fi_pic(std::string_view value) {
  constexpr std::string_view characters = "0123456789ABCDEFHJKLMNPRSTUVWXY";
  if (value.size() == 11) {
    if (std::string_view("ABCDEFYXWVU").find(value[6]) == std::string_view::npos) return false;
  } else if (value.size() != 10) {
    return false;
  }
  const auto serial = value.substr(value.size() - 4, 3);
  if (!all_digits(value.substr(0, 6)) || !all_digits(serial) || number(serial) < 2) return false;
  if (!is_day_first(value.substr(0, 6))) return false;
  const int64_t whole = number(value.substr(0, 6)) * 1000 + number(serial);
  return characters[static_cast<size_t>(whole % 31)] == value.back();
}

bool no_fnr(std::string_view value) {
  if (!digits(value, 11) || !is_day_first(value.substr(0, 6), 40, 40)) return false;
  const int first = (11 - weighted<9>(value, {3, 7, 6, 1, 8, 9, 4, 5, 2}) % 11) % 11;
  const int second = (11 - weighted<10>(value, {5, 4, 3, 2, 7, 6, 5, 4, 3, 2}) % 11) % 11;
  return first == value[9] - '0' && second == value[10] - '0';
}

bool ch_ahv(std::string_view value) {
  if (!digits(value, 13) || !value.starts_with("756")) return false;
  return weighted<13>(value, {1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1}) % 10 == 0;
}

bool at_svnr(std::string_view value) {
  if (!digits(value, 10) || value[0] == '0' || number(value.substr(4, 2)) > 31 || number(value.substr(6, 2)) > 15) {
    return false;
  }
  return weighted<10>(value, {3, 7, 9, 0, 5, 8, 4, 2, 1, 6}) % 11 == value[3] - '0';
}

bool cz_rc(std::string_view value) {
  if (!digits(value, 10)) return false;
  const int64_t month = number(value.substr(2, 2)) % 50;  // +50: a woman; +20: the day's numbers ran out.
  const int64_t plain = month > 20 ? month - 20 : month;
  const int64_t year = number(value.substr(0, 2));
  if (!is_date((year < 54 ? 2000 : 1900) + year, plain, number(value.substr(4, 2)))) return false;
  return number(value.substr(0, 9)) % 11 % 10 == value[9] - '0';
}

bool ro_cnp(std::string_view value) {
  if (!digits(value, 13) || value[0] == '0' || !is_short_date(value.substr(1, 6))) return false;
  const int64_t county = number(value.substr(7, 2));
  if (county < 1 || (county > 52 && county != 70)) return false;
  const int rest = weighted<12>(value, {2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9}) % 11;
  return (rest == 10 ? 1 : rest) == value[12] - '0';
}

bool bg_egn(std::string_view value) {
  if (!digits(value, 10)) return false;
  const int64_t month = number(value.substr(2, 2));
  const int64_t century = month > 40 ? 2000 : month > 20 ? 1800 : 1900;
  if (month > 52 || !is_date(century + number(value.substr(0, 2)), month % 20, number(value.substr(4, 2)))) return false;
  return weighted<9>(value, {2, 4, 8, 5, 10, 9, 7, 3, 6}) % 11 % 10 == value[9] - '0';
}

bool gr_amka(std::string_view value) { return digits(value, 11) && is_day_first(value.substr(0, 6)) && luhn(value); }

bool ee_ik(std::string_view value) {
  if (!digits(value, 11) || value[0] < '1' || value[0] > '8' || !is_short_date(value.substr(1, 6))) return false;
  int rest = weighted<10>(value, {1, 2, 3, 4, 5, 6, 7, 8, 9, 1}) % 11;
  if (rest == 10) rest = weighted<10>(value, {3, 4, 5, 6, 7, 8, 9, 1, 2, 3}) % 11 % 10;
  return rest == value[10] - '0';
}

bool si_emso(std::string_view value) {
  if (!digits(value, 13)) return false;
  const int64_t year = number(value.substr(4, 3));
  if (!is_date((year > 800 ? 1000 : 2000) + year, number(value.substr(2, 2)), number(value.substr(0, 2)))) return false;
  return (11 - weighted<12>(value, {7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2}) % 11) % 11 % 10 == value[12] - '0';
}

bool hu_taj(std::string_view value) {
  return digits(value, 9) && weighted<8>(value, {3, 7, 3, 7, 3, 7, 3, 7}) % 10 == value[8] - '0';
}

bool is_kt(std::string_view value) {
  if (!digits(value, 10) || !is_day_first(value.substr(0, 6), 40)) return false;
  if (value[9] != '8' && value[9] != '9' && value[9] != '0') return false;
  return (11 - weighted<8>(value, {3, 2, 7, 6, 5, 4, 3, 2}) % 11) % 11 == value[8] - '0';
}

bool tr_national_id(std::string_view value) {
  if (!digits(value, 11) || value[0] == '0') return false;
  const int odd = weighted<9>(value, {1, 0, 1, 0, 1, 0, 1, 0, 1});
  const int even = weighted<8>(value, {0, 1, 0, 1, 0, 1, 0, 1});
  const int tenth = ((odd * 7 - even) % 10 + 10) % 10;
  return tenth == value[9] - '0' && (odd + even + tenth) % 10 == value[10] - '0';
}

}  // namespace sluice::rules::checks
