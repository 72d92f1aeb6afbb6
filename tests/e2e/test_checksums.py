"""What the detectors call a value, beside python-stdnum (LGPL; a test's oracle, linked with nothing), number by number."""
import datetime
import importlib
import json
import random
import string
import subprocess

import pytest
from stdnum.exceptions import ValidationError

from sluice_tools import gateway

# Type: stdnum's module, a column's name that is context for it, and a number to draw others from.
TYPES = {
    "CREDIT_CARD": ("luhn", "card", "4111111111111111"),
    "US_SSN": ("us.ssn", "ssn", "536904399"),
    "US_ITIN": ("us.itin", "itin", "912903456"),
    "IBAN_CODE": ("iban", "iban", "GB82WEST12345698765432"),
    "ABA_ROUTING_NUMBER": ("us.rtn", "aba", "021000021"),
    "CUSIP": ("cusip", "cusip", "037833100"),
    "ISIN": ("isin", "isin", "US0378331005"),
    "LEI": ("lei", "lei", "5493001KJTIIGC8Y1R12"),
    "FR_SIREN": ("fr.siren", "siren", "552008443"),
    "FR_SIRET": ("fr.siret", "siret", "73282932000074"),
    "DE_VAT_ID": ("de.vat", "vat", "DE136695976"),
    "IT_VAT_CODE": ("it.iva", "piva", "00743110157"),
    "GB_VAT": ("gb.vat", "vat", "GB980780684"),
    "AU_ABN": ("au.abn", "abn", "83914571673"),
    "AU_ACN": ("au.acn", "acn", "004085616"),
    "PL_NIP": ("pl.nip", "nip", "8567346215"),
    "PT_NIF": ("pt.nif", "nif", "501964843"),
    "IN_GSTIN": ("in_.gstin", "gst", "27AAPFU0939F1ZV"),
    "RU_INN": ("ru.inn", "inn", "7707083893"),
    "CO_NIT": ("co.nit", "nit", "2131234321"),
    "BR_CNPJ": ("br.cnpj", "cnpj", "16727230000197"),
    "AR_CUIT": ("ar.cuit", "cuit", "20055361682"),
    "PE_RUC": ("pe.ruc", "ruc", "20512333797"),
    "IMEI": ("imei", "imei", "490154203237518"),
    "ICCID": ("luhn", "iccid", "89014103211118510720"),
    "CA_SIN": ("ca.sin", "sin", "123456782"),
    "BR_CPF": ("br.cpf", "cpf", "39053344705"),
    "MX_CURP": ("mx.curp", "curp", "BOXW310820HNERXN09"),
    "CL_RUT": ("cl.rut", "rut", "76086428-5"),
    "EC_CI": ("ec.ci", "cedula", "1714307103"),
    "UK_UTR": ("gb.utr", "utr", "1955839661"),
    "IE_PPSN": ("ie.pps", "pps", "6433435F"),
    "DE_TAX_ID": ("de.idnr", "idnr", "36574261809"),
    "FR_NIR": ("fr.nir", "nir", "253072B07300470"),
    "ES_NIF": ("es.dni", "dni", "54362315K"),
    "ES_NIE": ("es.nie", "nie", "X2482300W"),
    "IT_FISCAL_CODE": ("it.codicefiscale", "cf", "RCCMNL83S18D969H"),
    "NL_BSN": ("nl.bsn", "bsn", "111222333"),
    "BE_NRN": ("be.nn", "nrn", "85073003328"),
    "PL_PESEL": ("pl.pesel", "pesel", "44051401359"),
    "SE_PERSONNUMMER": ("se.personnummer", "pnr", "8803200016"),
    "FI_PERSONAL_IDENTITY_CODE": ("fi.hetu", "hetu", "131052-308T"),
    "NO_FNR": ("no.fodselsnummer", "fnr", "15108695088"),
    "CH_AHV": ("ch.ssn", "ahv", "7569217076985"),
    "AT_SVNR": ("at.vnr", "svnr", "1237010180"),
    "CZ_RC": ("cz.rc", "rc", "7103192745"),
    "RO_CNP": ("ro.cnp", "cnp", "1630615123457"),
    "BG_EGN": ("bg.egn", "egn", "7523169263"),
    "HR_OIB": ("hr.oib", "oib", "33392005961"),
    "GR_AMKA": ("gr.amka", "amka", "01013099997"),
    "EE_IK": ("ee.ik", "ik", "36805280109"),
    "SI_EMSO": ("si.emso", "emso", "0101006500006"),
    "IS_KT": ("is_.kennitala", "kt", "1201743399"),
    "TR_NATIONAL_ID": ("tr.tckimlik", "tckn", "17291716060"),
    "IN_AADHAAR": ("in_.aadhaar", "aadhaar", "234123412346"),
    "IN_PAN": ("in_.pan", "pan", "ACUPA7085R"),
    "CN_RIC": ("cn.ric", "idcard", "360426199101010071"),
    "KR_RRN": ("kr.rrn", "rrn", "9710139019902"),
    "TH_TNIN": ("th.pin", "citizen", "3100600445635"),
    "AU_TFN": ("au.tfn", "tfn", "123456782"),
    "NZ_IRD": ("nz.ird", "ird", "49091850"),
    "ZA_ID_NUMBER": ("za.idnr", "idnumber", "7503305044089"),
    "IL_ID": ("il.idnr", "zehut", "039337423"),
    "NG_NIN": ("verhoeff", "nin", "12345678902"),
    "UK_NHS": ("gb.nhs", "nhs", "9434765919"),
}

# Characters in front that are not drawn anew: stdnum's checks of these know no issuers.
KEPT = {"CREDIT_CARD": 6, "ICCID": 2}


def in_range(number, begin, end, least, most):
    return least <= int(number[begin:end]) <= most


def is_region(number):
    try:
        return bool(importlib.import_module("stdnum.cn.ric").get_birth_place(number))
    except ValidationError:
        return False


# Where the two differ on purpose: why, and which numbers.
EXPLAINED = {
    "US_ITIN": ("groups 50 to 65 are issued too", lambda n: in_range(n, 3, 5, 50, 65)),
    "ABA_ROUTING_NUMBER": ("no bank is in other districts than 00-12, 21-32, 61-72 and 80",
                           lambda n: not (in_range(n, 0, 2, 0, 12) or in_range(n, 0, 2, 21, 32) or in_range(n, 0, 2, 61, 72)
                                          or n.startswith("80"))),
    "ISIN": ("any two letters may be a country", lambda n: n[:2] not in importlib.import_module("stdnum.isin")._country_codes),
    "PT_NIF": ("of those with 4 only 45 is issued", lambda n: n[0] == "4" and n[1] != "5"),
    "IN_GSTIN": ("collectors have other letters than Z", lambda n: n[13] != "Z"),
    "CA_SIN": ("0 is not issued and 8 is a business", lambda n: n[0] in "08"),
    "FR_NIR": ("neither sex nor month is looked at", lambda n: n[0] not in "123478" or in_range(n, 3, 5, 0, 0)
               or in_range(n, 3, 5, 13, 19) or in_range(n, 3, 5, 43, 49)),
    "BE_NRN": ("the date is not looked at, and years to come are not this century's",
               lambda n: int(n[2:4]) % 20 > 12 or int(n[4:6]) > 31 or 2000 + int(n[:2]) > datetime.date.today().year),
    "SE_PERSONNUMMER": ("who is not registered has a day that is 60 later", lambda n: in_range(n, 4, 6, 61, 91)),
    "FI_PERSONAL_IDENTITY_CODE": ("900 and more are temporary", lambda n: n[7] == "9"),
    "AT_SVNR": ("the date is not looked at", lambda n: int(n[4:6]) > 31 or int(n[6:8]) > 15),
    "CZ_RC": ("months end at 12, 32, 62 and 82", lambda n: int(n[2:4]) % 50 > 32),
    "RO_CNP": ("the county is not looked at", lambda n: not in_range(n, 7, 9, 1, 52) and n[7:9] != "70"),
    "IS_KT": ("8 is the nineteenth century", lambda n: n[9] == "8"),
    "CN_RIC": ("which regions and centuries are meant", lambda n: not in_range(n, 6, 10, 1900, 2099) or not is_region(n)),
    "KR_RRN": ("since 2020 the tail is random, and nobody with 9 or 0 is alive",
               lambda n: n[6] in "90" or importlib.import_module("stdnum.kr.rrn").calc_check_digit(n[:-1]) != n[-1]),
}

VALID = 500
NEAR_MISSES = 500


def redrawn(character, source):
    if character.isdigit():
        return source.choice(string.digits)
    if character.isupper():
        return source.choice(string.ascii_uppercase)
    return source.choice(string.ascii_lowercase) if character.islower() else character


def numbers(seed, kept, is_valid, source):
    """Valid and invalid numbers of the seed's form: valid ones by trying the last characters, and their neighbours."""
    valid, wrong = {seed} if is_valid(seed) else set(), set()
    known = sorted(valid) or [seed]
    for _ in range(400_000):
        if len(valid) >= VALID and len(wrong) >= NEAR_MISSES:
            break
        text = list(source.choice(known))
        for at in source.sample(range(kept, len(text)), source.choice((1, 1, 2, 3))):
            text[at] = redrawn(text[at], source)
        if source.random() < 0.7:
            text[-2:] = [redrawn(character, source) for character in text[-2:]]
        number = "".join(text)
        if not is_valid(number):
            if len(wrong) < NEAR_MISSES:
                wrong.add(number)
        elif number not in valid and len(valid) < VALID:
            valid.add(number)
            known.append(number)
    return sorted(valid), sorted(wrong)


def found_by_sluice(folder, type_id, column, candidates):
    """Those that are masked whole. What is neither masked nor left alone fails the test."""
    (folder / "rules.yaml").write_text(json.dumps({"rules": [{"id": "a", "result": {"types": [type_id]},
                                                              "mask": {"operator": "redact"}}]}))
    columns = [{"name": column, "type": "text"}]
    tests = [{"name": number, "result": {"columns": columns, "rows": [[number]]}, "expect": {"rows": [[""]]}}
             for number in candidates]
    (folder / "rules.test.yaml").write_text(json.dumps({"rules": ["rules.yaml"], "default": "allow", "tests": tests}))
    done = subprocess.run([gateway.binary(), "rules", "test", "--json", str(folder / "rules.test.yaml")],
                          capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in (0, 1), done.stderr
    failures = json.loads(done.stdout)["failures"]
    for failure in failures:
        assert json.loads(failure["found"]) == [failure["name"]], failure
    return set(candidates) - {failure["name"] for failure in failures}


@pytest.mark.parametrize("type_id", TYPES)
def test_a_number_is_a_value_of_a_type_exactly_where_an_independent_check_says_so(tmp_path, type_id):
    module, column, seed = TYPES[type_id]
    oracle = importlib.import_module(f"stdnum.{module}").is_valid
    judged = EXPLAINED.get(type_id, ("", lambda number: False))[1]
    valid, wrong = numbers(seed, KEPT.get(type_id, 0), oracle, random.Random(type_id))
    assert len(valid) + len(wrong) >= 1000, f"only {len(valid)} valid numbers and {len(wrong)} near misses were drawn"
    found = found_by_sluice(tmp_path, type_id, column, valid + wrong)
    missed = [number for number in valid if number not in found and not judged(number)]
    false = [number for number in wrong if number in found and not judged(number)]
    assert not missed and not false, f"missed {len(missed)}: {missed[:10]}; false {len(false)}: {false[:10]}"
