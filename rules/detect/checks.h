// Checksums and ranges: is this value, without its separators and in upper case, one of the type? Pure;
// total: any text may be given. Each is the public rule of who issues the number.
#pragma once
#include <optional>
#include <string_view>

#include "rules/detect/data_type.h"

namespace sluice::rules {

/// Shannon entropy of the bytes, in bits a byte.
[[nodiscard]] double entropy(std::string_view text);

/// A check by its name in a rule file (`luhn`, `iban`, …); nullptr: there is none.
[[nodiscard]] Check named_check(std::string_view name);

namespace checks {

// General.
bool any(std::string_view value);
bool luhn(std::string_view value);
bool verhoeff(std::string_view value);
bool mod11_10(std::string_view value);     ///< ISO 7064, digits.
bool mod97_10(std::string_view value);     ///< ISO 7064, letters as 10 to 35.
bool hex_address(std::string_view value);  ///< 0x and hex digits, not all alike.
bool high_entropy(std::string_view value); ///< 3.5 bits a byte or more.

// Money.
bool iban(std::string_view value);
bool aba_routing(std::string_view value);
bool bitcoin(std::string_view value);  ///< base58check, bech32 or bech32m.
bool cusip(std::string_view value);
bool isin(std::string_view value);
bool lei(std::string_view value);
bool siren(std::string_view value);
bool de_vat(std::string_view value);
bool it_vat(std::string_view value);
bool gb_vat(std::string_view value);
bool au_abn(std::string_view value);
bool au_acn(std::string_view value);
bool pl_nip(std::string_view value);
bool pt_nif(std::string_view value);
bool in_gstin(std::string_view value);
bool ru_inn(std::string_view value);
bool co_nit(std::string_view value);
bool mx_rfc(std::string_view value);
bool br_cnpj(std::string_view value);
bool ar_cuit(std::string_view value);
bool pe_ruc(std::string_view value);

// Things.
bool imei(std::string_view value);
bool iccid(std::string_view value);
bool vin(std::string_view value);

// Persons, Americas.
bool us_ssn(std::string_view value);
bool us_itin(std::string_view value);
bool ca_sin(std::string_view value);
bool br_cpf(std::string_view value);
bool mx_curp(std::string_view value);
bool cl_rut(std::string_view value);
bool ec_ci(std::string_view value);
bool uy_ci(std::string_view value);

// Persons, Europe.
bool uk_nino(std::string_view value);
bool uk_utr(std::string_view value);
bool uk_driving_licence(std::string_view value);
bool ie_ppsn(std::string_view value);
bool de_tax_id(std::string_view value);
bool de_social_security(std::string_view value);
bool de_document(std::string_view value);
bool fr_nir(std::string_view value);
bool fr_nif(std::string_view value);
bool es_nif(std::string_view value);
bool es_nie(std::string_view value);
bool it_fiscal_code(std::string_view value);
bool nl_bsn(std::string_view value);
bool be_nrn(std::string_view value);
bool pl_pesel(std::string_view value);
bool se_personnummer(std::string_view value);
bool fi_pic(std::string_view value);
bool no_fnr(std::string_view value);
bool ch_ahv(std::string_view value);
bool at_svnr(std::string_view value);
bool cz_rc(std::string_view value);
bool ro_cnp(std::string_view value);
bool bg_egn(std::string_view value);
bool gr_amka(std::string_view value);
bool ee_ik(std::string_view value);
bool si_emso(std::string_view value);
bool hu_taj(std::string_view value);
bool is_kt(std::string_view value);
bool tr_national_id(std::string_view value);

// Persons, Asia, Africa, Oceania.
bool in_aadhaar(std::string_view value);
bool in_pan(std::string_view value);
bool cn_ric(std::string_view value);
bool hk_id(std::string_view value);
bool tw_id(std::string_view value);
bool jp_my_number(std::string_view value);
bool kr_rrn(std::string_view value);
bool sg_nric(std::string_view value);
bool th_tnin(std::string_view value);
bool au_tfn(std::string_view value);
bool nz_ird(std::string_view value);
bool za_id(std::string_view value);
bool il_id(std::string_view value);

// Health.
bool uk_nhs(std::string_view value);
bool us_npi(std::string_view value);
bool us_dea(std::string_view value);
bool us_mbi(std::string_view value);
bool au_medicare(std::string_view value);
bool de_health_insurance(std::string_view value);
bool ca_ohip(std::string_view value);
bool ca_phn(std::string_view value);
bool nz_nhi(std::string_view value);

}  // namespace checks
}  // namespace sluice::rules
