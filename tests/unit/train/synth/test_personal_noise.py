"""Values that must not pass for personal data."""

import ipaddress
import re
import uuid

import pytest

from waypost.train.synth.draw import generator
from waypost.train.synth.personal_ids import luhn
from waypost.train.synth.personal_noise import LOOSE, NOISE

KEPT = [
    ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]


def many(name: str) -> list[str]:
    rng = generator(4, "noise")
    return [NOISE[name](rng) for _ in range(200)]


@pytest.mark.parametrize("name", sorted(NOISE))
def test_every_slot_is_filled_in_more_than_one_way(name: str) -> None:
    texts = many(name)
    assert all(text and text == text.strip() for text in texts)
    assert len(set(texts)) > 5


def test_numbers_as_long_as_a_card_s_fail_luhn() -> None:
    for text in many("not_a_card"):
        digits = re.sub(r"[ -]", "", text)
        assert 13 <= len(digits) <= 19
        assert not luhn(digits)


def test_addresses_are_nobody_s() -> None:
    for text in many("nobodys_ip"):
        host = ipaddress.ip_address(text)
        broadcast = text == "255.255.255.255"
        kept = any(host in network for network in KEPT if network.version == host.version)
        assert host.is_loopback or host.is_unspecified or broadcast or kept


def test_books_have_their_check_digit() -> None:
    for text in many("isbn"):
        digits = text.replace("-", "")
        assert len(digits) == 13
        assert sum(int(d) * (1 + 2 * (i % 2)) for i, d in enumerate(digits)) % 10 == 0


def test_uuids_are_of_version_4() -> None:
    assert {uuid.UUID(text).version for text in many("uuid")} == {4}


def test_slots_that_need_care_exist() -> None:
    assert set(NOISE) > LOOSE
