// Numbers of persons outside Europe, of health systems, and the names of all checks.
#include <algorithm>
#include <string>

#include "rules/detect/check_tools.h"
#include "rules/detect/checks.h"

namespace sluice::rules {
namespace checks {
namespace {

bool digits(std::string_view value, size_t size) {
  return value.size() == size && all_digits(value) && !one_character(value);
}

int cpf_digit(int sum) { return sum * 10 % 11 % 10; }

}  // namespace

bool us_ssn(std::string_view value) {
  if (value.size() != 9 || !all_digits(value)) return false;
  const auto area = value.substr(0, 3);
  if (area == "000" || area == "666" || area[0] == '9') return false;
  return value.substr(3, 2) != "00" && value.substr(5) != "0000";
}

bool us_itin(std::string_view value) {
  if (value.size() != 9 || !all_digits(value) || value[0] != '9') return false;
  const int64_t group = number(value.substr(3, 2));
  return (group >= 50 && group <= 65) || (group >= 70 && group <= 88) || (group >= 90 && group <= 92) || group >= 94;
}

bool ca_sin(std::string_view value) { return value.size() == 9 && value[0] != '0' && value[0] != '8' && luhn(value); }

bool br_cpf(std::string_view value) {
  return digits(value, 11) && cpf_digit(weighted<9>(value, {10, 9, 8, 7, 6, 5, 4, 3, 2})) == value[9] - '0' &&
         cpf_digit(weighted<10>(value, {11, 10, 9, 8, 7, 6, 5, 4, 3, 2})) == value[10] - '0';
}

bool mx_curp(std::string_view value) {
  constexpr std::string_view states = "AS|BC|BS|CC|CL|CM|CS|CH|DF|DG|GT|GR|HG|JC|MC|MN|MS|NT|NL|OC|PL|QT|QR|SP|SL|SR|TC|"
                                      "TS|TL|VZ|YN|ZS|NE";
  if (value.size() != 18 || !all_digits(value.substr(4, 6)) || !is_short_date(value.substr(4, 6))) return false;
  if (value[10] != 'H' && value[10] != 'M' && value[10] != 'X') return false;
  if (states.find(value.substr(11, 2)) == std::string_view::npos || !is_digit(value[17])) return false;
  int sum = 0;
  for (size_t i = 0; i < 17; ++i) {
    const int digit = base36(value[i]);
    if (digit < 0) return false;
    sum += (digit > 23 ? digit + 1 : digit) * static_cast<int>(18 - i);  // The alphabet has another letter behind N.
  }
  return (10 - sum % 10) % 10 == value[17] - '0';
}

bool cl_rut(std::string_view value) {
  if (value.size() < 8 || value.size() > 9 || !all_digits(value.substr(0, value.size() - 1))) return false;
  int sum = 0;
  int weight = 2;
  for (size_t i = value.size() - 1; i > 0; --i) {
    sum += (value[i - 1] - '0') * weight;
    weight = weight == 7 ? 2 : weight + 1;
  }
  const int check = (11 - sum % 11) % 11;
  return check == 10 ? value.back() == 'K' : value.back() == '0' + check;
}

bool ec_ci(std::string_view value) {
  if (!digits(value, 10) || value[2] > '6') return false;
  const int64_t province = number(value.substr(0, 2));
  return ((province >= 1 && province <= 24) || province == 30 || province == 50) && luhn(value);
}

bool uy_ci(std::string_view value) {
  return digits(value, 8) && (10 - weighted<7>(value, {2, 9, 8, 7, 6, 3, 4}) % 10) % 10 == value[7] - '0';
}

bool in_aadhaar(std::string_view value) {
  return digits(value, 12) && value[0] >= '2' && !std::equal(value.begin(), value.begin() + 6, value.rbegin()) &&
         verhoeff(value);
}

bool in_pan(std::string_view value) {
  return value.size() == 10 && all_digits(value.substr(5, 4)) && value.substr(5, 4) != "0000" &&
         std::string_view("ABCFGHJKLPT").find(value[3]) != std::string_view::npos;
}

bool cn_ric(std::string_view value) {
  if (value.size() != 18 || !all_digits(value.substr(0, 17))) return false;
  const int64_t region = number(value.substr(0, 2));
  const int64_t year = number(value.substr(6, 4));
  if (region < 11 || region > 83 || year < 1900 || year > 2099) return false;
  if (!is_date(year, number(value.substr(10, 2)), number(value.substr(12, 2)))) return false;
  const int sum = weighted<17>(value, {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2});
  return std::string_view("10X98765432")[static_cast<size_t>(sum % 11)] == value[17];
}

bool hk_id(std::string_view value) {
  if (value.size() != 8 && value.size() != 9) return false;
  int weight = 9;
  int sum = 0;
  if (value.size() == 8) {  // A blank before a single letter.
    sum = 36 * weight;
    weight -= 1;
  }
  const auto body = value.substr(0, value.size() - 1);
  if (!is_upper(body[0]) || !all_digits(body.substr(body.size() - 6))) return false;
  for (const char c : body) sum += base36(c) * weight--;
  const int check = (11 - sum % 11) % 11;
  return check == 10 ? value.back() == 'A' : value.back() == '0' + check;
}

bool tw_id(std::string_view value) {
  constexpr std::array<int, 26> letters = {10, 11, 12, 13, 14, 15, 16, 17, 34, 18, 19, 20, 21,
                                           22, 35, 23, 24, 25, 26, 27, 28, 29, 32, 30, 31, 33};
  if (value.size() != 10 || !is_upper(value[0]) || !all_digits(value.substr(1))) return false;
  if (std::string_view("1289").find(value[1]) == std::string_view::npos) return false;
  const int letter = letters[static_cast<size_t>(value[0] - 'A')];
  return (letter / 10 + letter % 10 * 9 + weighted<9>(value.substr(1), {8, 7, 6, 5, 4, 3, 2, 1, 1})) % 10 == 0;
}

bool jp_my_number(std::string_view value) {
  if (!digits(value, 12)) return false;
  const int rest = weighted<11>(value, {6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2}) % 11;
  return (rest <= 1 ? 0 : 11 - rest) == value[11] - '0';
}

// Since October 2020 the last digits are random: only the date and the sex can be judged.
bool kr_rrn(std::string_view value) {
  return digits(value, 13) && is_short_date(value.substr(0, 6)) && value[6] >= '1' && value[6] <= '8';
}

bool sg_nric(std::string_view value) {
  if (value.size() != 9 || !all_digits(value.substr(1, 7))) return false;
  int sum = weighted<7>(value.substr(1), {2, 7, 6, 5, 4, 3, 2});
  std::string_view letters;
  switch (value[0]) {
    case 'S': letters = "JZIHGFEDCBA"; break;
    case 'T': letters = "JZIHGFEDCBA"; sum += 4; break;
    case 'F': letters = "XWUTRQPNMLK"; break;
    case 'G': letters = "XWUTRQPNMLK"; sum += 4; break;
    case 'M': letters = "XWUTRQPNJLK"; sum += 3; break;
    default: return false;
  }
  return letters[static_cast<size_t>(sum % 11)] == value[8];
}

bool th_tnin(std::string_view value) {
  if (!digits(value, 13) || value[0] == '0' || value[0] == '9') return false;
  return (11 - weighted<12>(value, {13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2}) % 11) % 10 == value[12] - '0';
}

bool au_tfn(std::string_view value) {
  return digits(value, 9) && weighted<9>(value, {1, 4, 3, 7, 5, 8, 6, 9, 10}) % 11 == 0;
}

bool nz_ird(std::string_view value) {
  if ((value.size() != 8 && value.size() != 9) || !all_digits(value)) return false;
  const int64_t whole = number(value);
  if (whole < 10'000'000 || whole > 150'000'000) return false;
  std::string padded(9 - value.size(), '0');
  padded += value;
  int check = (11 - weighted<8>(padded, {3, 2, 7, 6, 5, 4, 3, 2}) % 11) % 11;
  if (check == 10) check = (11 - weighted<8>(padded, {7, 4, 3, 2, 5, 2, 7, 6}) % 11) % 11;
  return check == padded[8] - '0';
}

bool za_id(std::string_view value) {
  return digits(value, 13) && is_short_date(value.substr(0, 6)) && value[10] <= '2' && luhn(value);
}

bool il_id(std::string_view value) { return value.size() == 9 && luhn(value); }

bool uk_nhs(std::string_view value) {
  if (!digits(value, 10)) return false;
  return (11 - weighted<9>(value, {10, 9, 8, 7, 6, 5, 4, 3, 2}) % 11) % 11 == value[9] - '0';
}

// Luhn with 80840, the issuer of the United States' health numbers, before it: it adds 24.
bool us_npi(std::string_view value) {
  if (!digits(value, 10) || (value[0] != '1' && value[0] != '2')) return false;
  int sum = 24;
  for (size_t i = 0; i < 10; ++i) {
    const int digit = value[9 - i] - '0';
    sum += i % 2 == 0 ? digit : digit * 2 / 10 + digit * 2 % 10;
  }
  return sum % 10 == 0;
}

bool us_dea(std::string_view value) {
  if (value.size() != 9 || !all_digits(value.substr(2)) || !is_upper(value[1])) return false;
  if (std::string_view("ABCDEFGHJKLMPRSTUX").find(value[0]) == std::string_view::npos) return false;
  return weighted<6>(value.substr(2), {1, 2, 1, 2, 1, 2}) % 10 == value[8] - '0';
}

bool us_mbi(std::string_view value) {
  constexpr std::string_view classes = "CAXNAXNAANN";  // C: 1-9.
  if (value.size() != classes.size() || value[0] == '0') return false;
  for (size_t i = 0; i < value.size(); ++i) {
    const bool digit = is_digit(value[i]);
    const bool letter = is_upper(value[i]) && std::string_view("SLOIBZ").find(value[i]) == std::string_view::npos;
    const char wanted = classes[i];
    if (wanted == 'X' ? !digit && !letter : wanted == 'A' ? !letter : !digit) return false;
  }
  return true;
}

bool au_medicare(std::string_view value) {
  if ((value.size() != 10 && value.size() != 11) || !all_digits(value) || value[0] < '2' || value[0] > '6') return false;
  return weighted<8>(value, {1, 3, 7, 9, 1, 3, 7, 9}) % 10 == value[8] - '0';
}

bool de_health_insurance(std::string_view value) {
  if (value.size() != 10 || !is_upper(value[0]) || !all_digits(value.substr(1))) return false;
  const int letter = value[0] - 'A' + 1;
  int sum = letter / 10 + (letter % 10 * 2) / 10 + letter % 10 * 2 % 10;
  for (size_t i = 1; i < 9; ++i) {
    const int product = (value[i] - '0') * (i % 2 == 1 ? 1 : 2);
    sum += product / 10 + product % 10;
  }
  return sum % 10 == value[9] - '0';
}

bool ca_ohip(std::string_view value) {
  if (value.size() == 12 && is_upper(value[10]) && is_upper(value[11])) value.remove_suffix(2);
  return value.size() == 10 && value[0] != '0' && luhn(value);
}

bool ca_phn(std::string_view value) {
  if (!digits(value, 10) || value[0] != '9') return false;
  return 11 - weighted<8>(value.substr(1), {2, 4, 8, 5, 10, 9, 7, 3}) % 11 == value[9] - '0';
}

bool nz_nhi(std::string_view value) {
  constexpr std::string_view alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ";
  if (value.size() != 7 || !all_digits(value.substr(3))) return false;
  int sum = 0;
  for (size_t i = 0; i < 3; ++i) {
    const size_t at = alphabet.find(value[i]);
    if (at == std::string_view::npos) return false;
    sum += static_cast<int>(at + 1) * static_cast<int>(7 - i);
  }
  sum += weighted<3>(value.substr(3), {4, 3, 2});
  return sum % 11 != 0 && (11 - sum % 11) % 10 == value[6] - '0';
}

}  // namespace checks

namespace {

struct NamedCheck {
  std::string_view name;
  Check check;
};

constexpr NamedCheck named_checks[] = {
    {"luhn", checks::luhn},         {"verhoeff", checks::verhoeff}, {"iso7064-mod11-10", checks::mod11_10},
    {"iso7064-mod97-10", checks::mod97_10}, {"iban", checks::iban}, {"entropy", checks::high_entropy},
    {"aba-routing", checks::aba_routing},   {"us-ssn", checks::us_ssn},     {"vin", checks::vin},
    {"uk-nhs", checks::uk_nhs},     {"nl-bsn", checks::nl_bsn},     {"br-cpf", checks::br_cpf}};

}  // namespace

Check named_check(std::string_view name) {
  const auto* row = std::ranges::find(named_checks, name, &NamedCheck::name);
  return row == std::end(named_checks) ? nullptr : row->check;
}

std::vector<std::string_view> validator_names() {
  std::vector<std::string_view> names;
  for (const NamedCheck& row : named_checks) names.push_back(row.name);
  return names;
}

}  // namespace sluice::rules
