// Checksums that many types share, and numbers of money and of things.
#include <algorithm>
#include <array>
#include <cmath>

#include "base/crypto.h"
#include "rules/detect/check_tools.h"
#include "rules/detect/checks.h"

namespace sluice::rules {

double entropy(std::string_view text) {
  if (text.empty()) return 0;
  std::array<uint32_t, 256> counts{};
  // log2(size) less the mean of log2(count), of which most are of one: so the sum grows with each repetition.
  double sum = 0;
  for (const char c : text) {
    const auto count = static_cast<double>(++counts[static_cast<uint8_t>(c)]);
    if (count > 1) sum += count * std::log2(count) - (count - 1) * std::log2(count - 1);
  }
  const auto size = static_cast<double>(text.size());
  return std::log2(size) - sum / size;
}

namespace checks {
namespace {

constexpr size_t base58_size_max = 35;

bool base58check(std::string_view value) {
  constexpr std::string_view alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  constexpr size_t decoded_size = 25;  // Version, 20 bytes of hash, 4 of checksum.
  if (value.size() > base58_size_max) return false;
  std::array<uint8_t, decoded_size> bytes{};
  for (const char c : value) {
    const size_t digit = alphabet.find(c);
    if (digit == std::string_view::npos) return false;
    auto carry = static_cast<uint32_t>(digit);
    for (auto at = bytes.rbegin(); at != bytes.rend(); ++at) {
      carry += uint32_t{*at} * 58;
      *at = static_cast<uint8_t>(carry & 0xFF);
      carry >>= 8;
    }
    if (carry != 0) return false;
  }
  if (bytes[0] != 0 && bytes[0] != 5) return false;
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  const Digest twice = sha256(sha256({data, decoded_size - 4}));
  return std::equal(twice.begin(), twice.begin() + 4, data + decoded_size - 4);
}

// BIP 173 and BIP 350.
bool bech32(std::string_view value) {
  constexpr std::string_view alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
  constexpr std::array<uint32_t, 5> generator = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
  constexpr std::array<uint8_t, 5> prefix = {3, 3, 0, 2, 3};  // "bc", expanded.
  uint32_t checksum = 1;
  const auto step = [&](uint32_t digit) {
    const uint32_t top = checksum >> 25;
    checksum = (checksum & 0x1ffffff) << 5 ^ digit;
    for (size_t i = 0; i < generator.size(); ++i) checksum ^= (top >> i & 1) != 0 ? generator[i] : 0;
  };
  for (const uint8_t digit : prefix) step(digit);
  const bool upper = value.starts_with("BC1");
  for (const char c : value.substr(3)) {
    if (upper ? c >= 'a' && c <= 'z' : is_upper(c)) return false;
    const size_t digit = alphabet.find(upper && is_upper(c) ? static_cast<char>(c | 0x20) : c);
    if (digit == std::string_view::npos) return false;
    step(static_cast<uint32_t>(digit));
  }
  return checksum == 1 || checksum == 0x2bc830a3;
}

}  // namespace

bool any(std::string_view) { return true; }

bool luhn(std::string_view value) {
  constexpr std::array<int, 10> doubled = {0, 2, 4, 6, 8, 1, 3, 5, 7, 9};
  if (!all_digits(value)) return false;
  int sum = 0;
  for (size_t i = 0; i < value.size(); ++i) {
    const int digit = value[value.size() - 1 - i] - '0';
    sum += i % 2 == 0 ? digit : doubled[static_cast<size_t>(digit)];
  }
  return sum % 10 == 0 && !one_character(value);
}

bool verhoeff(std::string_view value) {
  constexpr std::string_view product[10] = {"0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
                                            "5987604321", "6598710432", "7659821043", "8765932104", "9876543210"};
  constexpr std::string_view permutation[8] = {"0123456789", "1576283094", "5803796142", "8916043527",
                                               "9453126870", "4286573901", "2793806415", "7046913258"};
  if (!all_digits(value)) return false;
  size_t check = 0;
  for (size_t i = 0; i < value.size(); ++i) {
    const auto digit = static_cast<size_t>(value[value.size() - 1 - i] - '0');
    const auto moved = static_cast<size_t>(permutation[i % 8][digit] - '0');
    check = static_cast<size_t>(product[check][moved] - '0');
  }
  return check == 0;
}

bool mod11_10(std::string_view value) {
  if (!all_digits(value) || value.size() < 2) return false;
  int product = 10;
  for (const char c : value.substr(0, value.size() - 1)) {
    int sum = (c - '0' + product) % 10;
    if (sum == 0) sum = 10;
    product = sum * 2 % 11;
  }
  return (product + value.back() - '0') % 10 == 1;
}

bool mod97_10(std::string_view value) {
  int rest = 0;
  for (const char c : value) {
    const int digit = base36(c);
    if (digit < 0) return false;
    rest = (rest * (digit < 10 ? 10 : 100) + digit) % 97;
  }
  return rest == 1;
}

bool hex_address(std::string_view value) {
  if (value.size() != 42 || !value.starts_with("0X")) return false;
  const auto digits = value.substr(2);
  return digits.find_first_not_of("0123456789ABCDEF") == std::string_view::npos && !one_character(digits);
}

bool high_entropy(std::string_view value) { return entropy(value) >= 3.5; }

// ISO 13616: the four characters in front go to the end.
bool iban(std::string_view value) {
  struct Country {
    char code[3];
    uint8_t size;
  };
  static constexpr Country countries[] = {
      {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22}, {"BH", 22},
      {"BI", 27}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24}, {"DE", 22}, {"DJ", 27},
      {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18}, {"FK", 18}, {"FO", 18}, {"FR", 27},
      {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27}, {"GT", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22},
      {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32},
      {"LI", 21}, {"LT", 20}, {"LU", 20}, {"LV", 21}, {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19},
      {"MN", 20}, {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NI", 28}, {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24},
      {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"RU", 33}, {"SA", 24}, {"SC", 31},
      {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25}, {"SV", 28}, {"TL", 23},
      {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20}, {"YE", 30}};
  if (value.size() < 15 || !is_digit(value[2]) || !is_digit(value[3])) return false;
  const auto is_of = [&](const Country& country) {
    return value.substr(0, 2) == std::string_view(country.code, 2) && value.size() == country.size;
  };
  if (std::ranges::none_of(countries, is_of)) return false;
  int rest = 0;
  for (size_t i = 0; i < value.size(); ++i) {
    const int digit = base36(value[(i + 4) % value.size()]);
    if (digit < 0) return false;
    rest = (rest * (digit < 10 ? 10 : 100) + digit) % 97;
  }
  return rest == 1;
}

bool aba_routing(std::string_view value) {
  if (value.size() != 9 || !all_digits(value)) return false;
  const int64_t district = number(value.substr(0, 2));
  const bool issued = district <= 12 || (district >= 21 && district <= 32) ||
                      (district >= 61 && district <= 72) || district == 80;
  return issued && weighted<9>(value, {3, 7, 1, 3, 7, 1, 3, 7, 1}) % 10 == 0;
}

bool bitcoin(std::string_view value) {
  if (value.size() > 3 && (value.starts_with("bc1") || value.starts_with("BC1"))) return bech32(value);
  return !value.empty() && (value[0] == '1' || value[0] == '3') && base58check(value);
}

bool cusip(std::string_view value) {
  if (value.size() != 9 || !is_digit(value[8])) return false;
  int sum = 0;
  for (size_t i = 0; i < 8; ++i) {
    const int digit = base36(value[i]);
    if (digit < 0) return false;
    const int twice = i % 2 == 0 ? digit : digit * 2;
    sum += twice / 10 + twice % 10;
  }
  return (10 - sum % 10) % 10 == value[8] - '0' && !one_character(value);
}

bool isin(std::string_view value) {
  if (value.size() != 12 || !is_upper(value[0]) || !is_upper(value[1])) return false;
  std::array<char, 24> digits{};
  size_t size = 0;
  for (const char c : value) {
    const int digit = base36(c);
    if (digit < 0) return false;
    if (digit > 9) digits[size++] = static_cast<char>('0' + digit / 10);
    digits[size++] = static_cast<char>('0' + digit % 10);
  }
  return luhn({digits.data(), size});
}

bool lei(std::string_view value) { return value.size() == 20 && mod97_10(value); }

bool siren(std::string_view value) {
  if (!luhn(value)) {
    // Branches of La Poste, which has more than Luhn leaves room for.
    int sum = 0;
    for (const char c : value) sum += c - '0';
    return value.size() == 14 && value.starts_with("356000000") && all_digits(value) && sum % 5 == 0;
  }
  return value.size() == 9 || (value.size() == 14 && luhn(value.substr(0, 9)));
}

bool de_vat(std::string_view value) {
  return value.size() == 11 && value.starts_with("DE") && value[2] != '0' && mod11_10(value.substr(2));
}

bool it_vat(std::string_view value) {
  if (value.starts_with("IT")) value.remove_prefix(2);
  if (value.size() != 11 || !luhn(value) || number(value.substr(0, 7)) == 0) return false;
  const int64_t office = number(value.substr(7, 3));
  return (office >= 1 && office <= 100) || office == 120 || office == 121 || office == 888 || office == 999;
}

bool gb_vat(std::string_view value) {
  if (value.size() != 11 || !value.starts_with("GB") || !all_digits(value.substr(2))) return false;
  const int sum = weighted<7>(value.substr(2), {8, 7, 6, 5, 4, 3, 2}) + static_cast<int>(number(value.substr(9)));
  if (sum % 97 == 0) return sum > 0;
  return number(value.substr(2, 3)) >= 100 && (sum % 97 == 42 || sum % 97 == 55);  // Issued since 2009.
}

bool au_abn(std::string_view value) {
  if (value.size() != 11 || !all_digits(value) || value[0] == '0') return false;
  return (weighted<11>(value, {10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19}) - 10) % 89 == 0;
}

bool au_acn(std::string_view value) {
  if (value.size() != 9 || !all_digits(value) || one_character(value)) return false;
  return (10 - weighted<8>(value, {8, 7, 6, 5, 4, 3, 2, 1}) % 10) % 10 == value[8] - '0';
}

bool pl_nip(std::string_view value) {
  if (value.size() != 10 || !all_digits(value) || one_character(value)) return false;
  return weighted<9>(value, {6, 5, 7, 2, 3, 4, 5, 6, 7}) % 11 == value[9] - '0';
}

bool pt_nif(std::string_view value) {
  if (value.size() != 9 || !all_digits(value) || value[0] == '0' || (value[0] == '4' && value[1] != '5')) return false;
  const int rest = weighted<8>(value, {9, 8, 7, 6, 5, 4, 3, 2}) % 11;
  return (rest < 2 ? 0 : 11 - rest) == value[8] - '0';
}

bool in_gstin(std::string_view value) {
  if (value.size() != 15 || !all_digits(value.substr(0, 2))) return false;
  const int64_t state = number(value.substr(0, 2));
  if (state < 1 || (state > 38 && state != 97 && state != 99)) return false;
  int sum = 0;
  for (size_t i = 0; i < 14; ++i) {
    const int digit = base36(value[i]);
    if (digit < 0) return false;
    const int times = digit * (i % 2 == 0 ? 1 : 2);
    sum += times / 36 + times % 36;
  }
  return (36 - sum % 36) % 36 == base36(value[14]);
}

bool ru_inn(std::string_view value) {
  if (!all_digits(value) || one_character(value)) return false;
  if (value.size() == 10) {
    return weighted<9>(value, {2, 4, 10, 3, 5, 9, 4, 6, 8}) % 11 % 10 == value[9] - '0';
  }
  return value.size() == 12 && weighted<10>(value, {7, 2, 4, 10, 3, 5, 9, 4, 6, 8}) % 11 % 10 == value[10] - '0' &&
         weighted<11>(value, {3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8}) % 11 % 10 == value[11] - '0';
}

bool co_nit(std::string_view value) {
  if (value.size() != 10 || !all_digits(value) || one_character(value)) return false;
  const int rest = weighted<9>(value, {41, 37, 29, 23, 19, 17, 13, 7, 3}) % 11;
  return (rest < 2 ? rest : 11 - rest) == value[9] - '0';
}

bool mx_rfc(std::string_view value) {
  if (value.size() != 12 && value.size() != 13) return false;
  const auto date = value.substr(value.size() - 9, 6);
  if (!all_digits(date) || !is_short_date(date)) return false;
  // The alphabet has '&' behind N, and a blank behind Z, which stands before a company's eleven.
  int sum = value.size() == 12 ? 37 * 13 : 0;
  const auto body = value.substr(0, value.size() - 1);
  for (size_t i = 0; i < body.size(); ++i) {
    const int digit = base36(body[i]);
    if (digit < 0) return false;
    sum += (digit > 23 ? digit + 1 : digit) * static_cast<int>(13 - (i + 12 - body.size()));
  }
  const int check = (11 - sum % 11) % 11;
  return base36(value.back()) == check;
}

bool br_cnpj(std::string_view value) {
  if (value.size() != 14 || !all_digits(value) || one_character(value)) return false;
  const auto digit = [](int sum) { return sum % 11 < 2 ? 0 : 11 - sum % 11; };
  return digit(weighted<12>(value, {5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2})) == value[12] - '0' &&
         digit(weighted<13>(value, {6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2})) == value[13] - '0';
}

bool ar_cuit(std::string_view value) {
  constexpr std::array<int64_t, 10> prefixes = {20, 23, 24, 27, 30, 33, 34, 50, 51, 55};
  if (value.size() != 11 || !all_digits(value)) return false;
  if (std::ranges::find(prefixes, number(value.substr(0, 2))) == prefixes.end()) return false;
  const int rest = 11 - weighted<10>(value, {5, 4, 3, 2, 7, 6, 5, 4, 3, 2}) % 11;
  return (rest == 11 ? 0 : rest == 10 ? 9 : rest) == value[10] - '0';
}

bool pe_ruc(std::string_view value) {
  constexpr std::array<int64_t, 5> prefixes = {10, 15, 16, 17, 20};
  if (value.size() != 11 || !all_digits(value)) return false;
  if (std::ranges::find(prefixes, number(value.substr(0, 2))) == prefixes.end()) return false;
  return (11 - weighted<10>(value, {5, 4, 3, 2, 7, 6, 5, 4, 3, 2}) % 11) % 10 == value[10] - '0';
}

bool imei(std::string_view value) { return value.size() == 15 && luhn(value); }

bool iccid(std::string_view value) {
  return (value.size() == 19 || value.size() == 20) && value.starts_with("89") && luhn(value);
}

bool vin(std::string_view value) {
  constexpr std::array<int, 17> weights = {8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2};
  constexpr std::string_view letters = "ABCDEFGHJKLMNPRSTUVWXYZ";
  constexpr std::string_view values = "12345678123457923456789";
  if (value.size() != 17) return false;
  int sum = 0;
  bool letter = false;
  for (size_t i = 0; i < value.size(); ++i) {
    if (is_digit(value[i])) {
      sum += (value[i] - '0') * weights[i];
      continue;
    }
    const size_t at = letters.find(value[i]);
    if (at == std::string_view::npos) return false;
    letter = true;
    sum += (values[at] - '0') * weights[i];
  }
  const int check = sum % 11;
  return letter && (check == 10 ? value[8] == 'X' : value[8] == '0' + check) && all_digits(value.substr(13));
}

}  // namespace checks
}  // namespace sluice::rules
