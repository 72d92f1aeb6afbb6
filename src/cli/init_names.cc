#include "cli/init_names.h"

#include <string>

namespace sluice::cli {
namespace {

struct Word {
  std::string_view name;  ///< Whole words, with _ between them.
  std::string_view label;
};

// The first that fits counts.
constexpr Word words[] = {
    {"ssn", "us-ssn"},               {"social_security", "us-ssn"},   {"passport", "passport"},
    {"iban", "bank-account"},        {"account_number", "bank-account"}, {"bank_account", "bank-account"},
    {"card", "card"},                {"card_number", "card"},         {"credit_card", "card"},
    {"pan", "card"},                 {"cvv", "card"},                 {"cvc", "card"},
    {"password", "secret"},          {"passwd", "secret"},            {"pwd", "secret"},
    {"password_hash", "secret"},     {"secret", "secret"},            {"token", "secret"},
    {"api_key", "secret"},           {"private_key", "secret"},       {"email", "email"},
    {"e_mail", "email"},             {"mail", "email"},               {"phone", "phone"},
    {"mobile", "phone"},             {"telephone", "phone"},          {"birth", "birth-date"},
    {"birthday", "birth-date"},      {"birthdate", "birth-date"},     {"dob", "birth-date"},
    {"salary", "salary"},            {"wage", "salary"},              {"tax_id", "tax-number"},
    {"vat_number", "tax-number"},    {"national_id", "national-id"},  {"diagnosis", "health"},
    {"patient", "health"},           {"street", "postal-address"},    {"address", "postal-address"}};

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

// "firstName", "first name" and "first-name" to "_first_name_".
std::string in_words(std::string_view column) {
  std::string out = "_";
  for (size_t i = 0; i < column.size(); ++i) {
    const char c = column[i];
    if (is_upper(c)) {
      if (i > 0 && !is_upper(column[i - 1])) out += '_';
      out += static_cast<char>(c - 'A' + 'a');
    } else {
      out += c == ' ' || c == '-' || c == '.' ? '_' : c;
    }
  }
  return out + "_";
}

}  // namespace

std::string_view sensitive_name(std::string_view column) {
  const std::string name = in_words(column);
  for (const Word& word : words) {
    if (name.contains("_" + std::string(word.name) + "_")) return word.label;
  }
  return {};
}

}  // namespace sluice::cli
