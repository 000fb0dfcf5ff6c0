"""Numbers that somebody could check."""

import base64
import ipaddress
import json
import re
from collections.abc import Callable

import pytest

from waypost.train.synth import personal_ids as ids
from waypost.train.synth.draw import Generator, generator

# Lengths with country code and check digits, from the registry of ISO 13616.
IBAN_LENGTHS = {
    "DE": 22, "GB": 22, "FR": 27, "NL": 18, "ES": 24, "IT": 27, "PL": 28, "BR": 29, "BE": 16, "AT": 20,
    "CH": 21, "SE": 24, "PT": 25, "TR": 26, "IE": 22, "DK": 18, "NO": 15, "CZ": 24,
}  # fmt: skip


def many(make: Callable[[Generator], str]) -> list[str]:
    rng = generator(5, "ids")
    return [make(rng) for _ in range(300)]


@pytest.mark.parametrize("digits", ["79927398713", "4111111111111111", "378282246310005"])
def test_luhn_accepts_published_numbers_and_no_other_last_digit(digits: str) -> None:
    assert [last for last in ids.DIGITS if ids.luhn(digits[:-1] + last)] == [digits[-1]]


def test_cards_pass_luhn_and_have_a_length_in_use() -> None:
    for text in many(ids.card):
        digits = re.sub(r"[ -]", "", text)
        assert digits.isdigit()
        assert 12 <= len(digits) <= 19
        assert ids.luhn(digits)


def test_the_check_digits_of_a_published_iban() -> None:
    assert ids.iban_digits("GB", "WEST12345698765432") == "82"


def test_ibans_are_one_modulo_97_and_have_their_country_s_length() -> None:
    for text in many(ids.iban):
        whole = text.replace(" ", "")
        assert len(whole) == IBAN_LENGTHS[whole[:2]]
        assert int("".join(str(int(c, 36)) for c in whole[4:] + whole[:4])) % 97 == 1


def test_an_iban_is_mostly_of_the_country_asked_for() -> None:
    countries = [text[:2] for text in many(lambda rng: ids.iban(rng, "PL"))]
    assert 0.6 < countries.count("PL") / len(countries) < 0.95


def test_routing_numbers_have_their_check_digit() -> None:
    for text in many(ids.routing):
        assert sum(int(d) * w for d, w in zip(text, (3, 7, 1) * 3, strict=True)) % 10 == 0


def test_social_security_numbers_are_in_issued_ranges() -> None:
    for text in many(ids.ssn):
        digits = re.sub(r"[ -]", "", text)
        assert len(digits) == 9
        assert digits[:3] not in {"000", "666"}
        assert digits[0] != "9"
        assert digits[3:5] != "00"
        assert digits[5:] != "0000"


def test_national_insurance_numbers_begin_with_issued_letters() -> None:
    for text in many(ids.nino):
        assert re.fullmatch(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]( ?\d\d){3} ?[A-Z]", text), text
        assert text[:2] not in {"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"}


def test_addresses_of_hosts_are_neither_loopback_nor_for_documents() -> None:
    kept = [
        ipaddress.ip_network(n)
        for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
    ]
    versions: set[int] = set()
    for text in many(ids.ip):
        host = ipaddress.ip_address(text)
        versions.add(host.version)
        assert not any((host.is_loopback, host.is_unspecified, host.is_multicast))
        assert not any(host in network for network in kept if network.version == host.version)
    assert versions == {4, 6}


def test_hardware_addresses_have_twelve_digits() -> None:
    assert all(len(re.sub(r"[:.-]", "", text)) == 12 for text in many(ids.mac))


def test_tokens_are_json_behind_base64() -> None:
    for text in many(ids.token)[:20]:
        head, claims, signature = text.split(".")
        assert json.loads(base64.urlsafe_b64decode(head + "=="))["typ"] == "JWT"
        assert json.loads(base64.urlsafe_b64decode(claims + "=="))["sub"].isdigit()
        assert len(signature) == 43


def test_keys_are_long_enough_to_be_secret() -> None:
    assert min(len(text) for text in many(ids.api_key) + many(ids.secret)) >= 20


def test_a_british_licence_begins_with_the_surname() -> None:
    text = ids.licence(generator(1, "x"), "en_GB", "O'Neil").replace(" ", "")
    assert text.startswith("ONEIL")
    assert len(text) == 16


def test_the_letter_of_a_spanish_number_is_the_remainder() -> None:
    for text in many(lambda rng: ids.national(rng, "es_ES")):
        assert text[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(text[:8]) % 23]


def test_shapes_and_groups() -> None:
    assert re.fullmatch(r"[1-9]\d[A-Z]#-", ids.shape(generator(1, "x"), "%#?@-"))
    assert ids.grouped("1234567890", (4, 2), " ") == "1234 56 78 90"


@pytest.mark.parametrize("make", [ids.account, ids.sort_code, ids.record, ids.labelled_record])
def test_the_rest_is_never_empty_or_always_the_same(make: Callable[[Generator], str]) -> None:
    texts = many(make)
    assert all(texts)
    assert len(set(texts)) > 200
