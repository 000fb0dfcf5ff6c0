"""Identifiers that prove themselves: each type has a cheap pattern, then a check only real ones pass.

A detector reads folded text and yields (start, end, score), score in [0, 1]. Patterns are linear in the
text; checks cost more, so their number per request is bounded.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from itertools import pairwise
from typing import Final

from waypost.signals.candidates import CHECK, DASHES, DIGITS, IN_IBAN, Budget, Found, stands_alone
from waypost.signals.credentials import api_keys
from waypost.signals.linear import compiled
from waypost.signals.phones import phones


def detect(kind: str, text: str, regions: Sequence[str], budget: Budget) -> Iterator[Found]:
    """Identifiers of one of `TYPES`; `regions` are those whose national phone numbers count."""
    return phones(text, regions, budget) if kind == "PHONE_NUMBER" else _DETECTORS[kind](text, budget)


def emails(text: str, budget: Budget) -> Iterator[Found]:
    """Mail addresses with a plausible top-level domain."""
    if "@" not in text:
        return
    for start, end in budget.candidates(_EMAIL, text):
        local, _, domain = text[start:end].partition("@")
        is_remote = local == "git" and text[end : end + 1] in {":", "/"}
        if domain.rpartition(".")[2].lower() not in _FILE_ENDINGS and not is_remote:
            yield Found(start, end, 0.95)


_EMAIL: Final = compiled(r"[\pL\pN_][\pL\pN._%+'\-]*@(?:[\pL\pN](?:[\pL\pN\-]*[\pL\pN])?\.)+\pL{2,24}")
_FILE_ENDINGS: Final = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "js", "css", "ts", "tsx", "py"})


def cards(text: str, budget: Budget) -> Iterator[Found]:
    """Payment cards: issuer prefix and length, Luhn sum, grouped as people write them."""
    for first, last in budget.candidates(_CARD, text):
        done = first
        for found in _CARD_HERE.finditer(text, first, last):
            if found.start() >= done and budget.spend(CHECK):
                for card in _card_at(text, found.start(), found.end(1)):
                    done = card.end
                    yield card


def _card_at(text: str, start: int, end: int) -> Iterator[Found]:
    """The first card that starts here: a number in one, or its first three to five groups."""
    if IN_IBAN.search(text, max(0, start - 40), start):
        return
    number = ""
    for group in DIGITS.finditer(text, start, end):
        number += group[0]
        if _is_card(number) and stands_alone(text, start, group.end()):
            yield Found(start, group.end(), 0.95)
            return


def _is_card(number: str) -> bool:
    fits = any(
        low <= int(number[: len(str(low))]) <= high and len(number) in sizes for low, high, sizes in _ISSUERS
    )
    return fits and _luhn(number)


def _luhn(number: str) -> bool:
    odd, even = number[-1::-2], number[-2::-2]
    return (sum(map(int, odd)) + sum(sum(divmod(2 * int(digit), 10)) for digit in even)) % 10 == 0


_CARD: Final = compiled(rf"[0-9](?:[ {DASHES}]?[0-9]){{11,}}")
_CARD_HERE: Final = re.compile(
    r"(?<![0-9])(?=([0-9]{12,19}|[0-9]{4}(?:[ \-\u2010-\u2015][0-9]{3,6}){2,4})(?![0-9]))"
)

# Lowest and highest prefix, and lengths (ISO/IEC 7812 ranges as the schemes publish them).
_ISSUERS: Final = (
    (4, 4, {13, 16, 19}),
    (51, 55, {16}),
    (2221, 2720, {16}),
    (34, 34, {15}),
    (37, 37, {15}),
    (300, 305, {14, 16}),
    (36, 36, {14, 16}),
    (38, 39, {14, 16}),
    (6011, 6011, {16, 19}),
    (644, 659, {16, 19}),
    (62, 62, {16, 17, 18, 19}),
    (35, 35, {16, 19}),
    (1800, 1800, {15}),
    (2131, 2131, {15}),
    (5018, 5038, range(12, 20)),
    (56, 58, range(12, 20)),
    (6304, 6304, range(12, 20)),
    (6759, 6763, range(12, 20)),
)


def ibans(text: str, budget: Budget) -> Iterator[Found]:
    """International bank account numbers: length of the country and check digits."""
    done = 0
    for start, _ in budget.candidates(_IBAN, text):
        size = _IBAN_SIZES.get(text[start : start + 2].upper())
        if size is None or start < done or text[start - 1 : start].isalnum() or not budget.spend(CHECK):
            continue
        kept = [m.start() + start for m in _ALNUM.finditer(text[start : start + 2 * size])][:size]
        end = kept[-1] + 1
        gaps = (text[a + 1 : b] for a, b in pairwise(kept))
        if len(kept) < size or not _GAPS.issuperset(gaps):
            continue
        number = "".join(text[at] for at in kept).upper()
        digits = "".join(str(int(char, 36)) for char in number[4:] + number[:4])
        if int(digits) % 97 == 1 and not text[end : end + 1].isalnum():
            done = end
            yield Found(start, end, 0.95)


_IBAN: Final = compiled(r"\b[A-Za-z]{2}[0-9]{2}[ -]?[A-Za-z0-9]{3}")
_GAPS: Final = frozenset({"", " ", "-"})
_ALNUM: Final = re.compile("[A-Za-z0-9]")

# SWIFT IBAN registry: length, and the countries that have it.
_IBAN_LENGTHS: Final = (
    (15, "NO"),
    (16, "BE"),
    (18, "DK FI FK FO GL NL SD"),
    (19, "MK SI"),
    (20, "AT BA EE KZ LT LU MN XK"),
    (21, "CH HR LI LV"),
    (22, "BG BH CR DE GB GE IE ME RS VA"),
    (23, "AE GI IL IQ OM SO TL"),
    (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
    (25, "LY PT ST"),
    (26, "IS TR"),
    (27, "BI DJ FR GR IT MC MR SM"),
    (28, "AL AZ BY CY DO GT HN HU LB NI PL SV"),
    (29, "BR EG PS QA UA"),
    (30, "JO KW MU YE"),
    (31, "MT SC"),
    (32, "LC"),
    (33, "RU"),
)
_IBAN_SIZES: Final = {country: size for size, countries in _IBAN_LENGTHS for country in countries.split()}


def social_security_numbers(text: str, budget: Budget) -> Iterator[Found]:
    """US social security numbers in issued ranges; without dashes only near a word that names them."""
    for start, end in budget.candidates(_SSN, text):
        digits = "".join(DIGITS.findall(text[start:end]))
        if len(digits) != _SSN_DIGITS:
            continue
        area, group, serial = digits[:3], digits[3:5], digits[5:]
        if area in {"000", "666"} or area >= "900" or group == "00" or serial == "0000":
            continue
        if not stands_alone(text, start, end):
            continue
        is_named = _SSN_WORDS.search(text, max(0, start - 40), start) is not None
        separator = text[start + 3]
        if separator.isdigit():
            score = 0.7 if is_named else 0.0
        else:
            score = 0.85 if separator not in " ." else 0.75 if is_named else 0.5
        if score:
            yield Found(start, end, score)


_SSN: Final = compiled(
    rf"[0-9]{{3}} [0-9]{{2}} [0-9]{{4}}|[0-9]{{3}}\.[0-9]{{2}}\.[0-9]{{4}}"
    rf"|[0-9]{{3}}[{DASHES}][0-9]{{2}}[{DASHES}][0-9]{{4}}|[0-9]{{9,}}"
)
_SSN_DIGITS: Final = 9
_SSN_WORDS: Final = re.compile(r"\bssn\b|social[ -]security|\bss#", re.IGNORECASE)


def insurance_numbers(text: str, budget: Budget) -> Iterator[Found]:
    """British national insurance numbers, with letters as issued (HMRC manual NIM39110) or behind their name.

    Without gaps they look like part numbers, and count little where a word says that they are one.
    """
    for start, end in budget.candidates(_NINO, text):
        number = text[start:end]
        if not stands_alone(text, start, end):
            continue
        if _NINO_WORDS.search(text, max(0, start - 40), start):
            yield Found(start, end, 0.95 if _is_issued(number) else 0.75)
        elif _is_issued(number):
            is_part = _PART_WORDS.search(text, max(0, start - 24), start) or not number.isupper()
            yield Found(start, end, 0.85 if not number.isalnum() else 0.4 if is_part else 0.75)


def _is_issued(number: str) -> bool:
    first, second, last = "".join(filter(str.isalpha, number)).upper()
    letters = {first, second}.isdisjoint("DFIQUV") and second != "O"
    return letters and last in "ABCD" and first + second not in _NEVER_ISSUED


_NINO: Final = compiled(
    rf"(?i)\b[A-Z]{{2}}(?:[0-9]{{6}}|[ {DASHES}]?[0-9]{{2}}(?:[ {DASHES}][0-9]{{2}}){{2}}[ {DASHES}]?)[A-Z]\b"
)
_NEVER_ISSUED: Final = frozenset({"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"})
_NINO_WORDS: Final = re.compile(r"national insurance|\bnino\b|\bn\.?i\.? ?(?:number|no\b|#|:)", re.IGNORECASE)
_PART_WORDS: Final = re.compile(
    r"\b(?:part|order|model|serial|item|product|invoice|booking|batch|lot|ref(?:erence)?|sku|flight|ticket|asset)"
    r"\b[^.!?]{0,12}$",
    re.IGNORECASE,
)


def ip_addresses(text: str, budget: Budget) -> Iterator[Found]:
    """IP addresses; networks, masks and this very machine count little, version numbers do not count."""
    for start, end in budget.candidates(_IP, text):
        candidate = text[start:end].rstrip(".")
        if candidate.endswith(":") and not candidate.endswith("::"):
            candidate = candidate[:-1]
        last = start + len(candidate)
        if text[start - 1 : start].isalnum() or text[start - 1 : start] in {"_", "-", "$"}:
            continue
        score = _v6_score(candidate) if ":" in candidate else _v4_score(text, start, last)
        if score and not text[last : last + 1].isalnum():
            yield Found(start, last, score)


def _v4_score(text: str, start: int, end: int) -> float:
    try:
        address = IPv4Address(text[start:end])
    except AddressValueError:
        return 0.0
    if _VERSION.search(text, max(0, start - 32), start):
        return 0.0
    is_network = text[end : end + 1] == "/" and text[end + 1 : end + 2].isdigit()
    is_special = address.is_loopback or address.is_unspecified or address.is_multicast or address.is_reserved
    return 0.4 if is_network or is_special else 0.95


def _v6_score(candidate: str) -> float:
    try:
        address = IPv6Address(candidate)
    except AddressValueError:
        return 0.0
    if address.is_loopback or address.is_unspecified:
        return 0.4
    # Names joined by `::` parse as addresses, too, and so do bytes joined by colons.
    is_code = not any(map(str.isdigit, candidate)) or _NOT_V6.fullmatch(candidate)
    return 0.0 if is_code else 0.95


_IP: Final = compiled(
    r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}[0-9.]*|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]*"
)
_NOT_V6: Final = re.compile("[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})+|::[0-9A-Fa-f]+|[0-9A-Fa-f]+::")
_VERSION: Final = re.compile(
    r"\b(?:v|ver|versions?|release|build|section|chapter)[. :=]*(?:from )?(?:[0-9.]+ (?:to|and|or|-) )?$"
    r"|[A-Za-z]/$",
    re.IGNORECASE,
)


def mac_addresses(text: str, budget: Budget) -> Iterator[Found]:
    """Hardware addresses of six bytes; longer rows of bytes are fingerprints or world-wide names."""
    for start, end in budget.candidates(_MAC, text):
        address = text[start:end]
        gaps = {char for char in address if not char.isalnum()}
        if (
            len(gaps) > 1
            or _BYTE_BEFORE.search(text, max(0, start - 2), start)
            or _BYTE_AFTER.match(text, end)
        ):
            continue
        digits = address.translate(_NO_GAPS).lower()
        is_special = len(set(digits)) == 1  # nobody's, or everybody's
        is_plain_number = digits.isdigit() and ":" not in gaps
        is_named = _MAC_WORDS.search(text, max(0, start - 24), start)
        yield Found(start, end, 0.4 if is_special or (is_plain_number and not is_named) else 0.95)


_MAC: Final = compiled(
    r"(?i)[0-9a-f]{2}(?:[:\-][0-9a-f]{2}){5}|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}",
)
_BYTE_BEFORE: Final = re.compile(r"[A-Za-z0-9_][:.\-]?$")
_BYTE_AFTER: Final = re.compile(r"[:.\-]?[A-Za-z0-9_]")
_NO_GAPS: Final = str.maketrans("", "", ":-.")
_MAC_WORDS: Final = re.compile(r"\bmac\b|hardware|ether|bssid|wi-?fi", re.IGNORECASE)


_DETECTORS: Final[dict[str, Callable[[str, Budget], Iterator[Found]]]] = {
    "EMAIL_ADDRESS": emails,
    "CREDIT_CARD": cards,
    "IBAN_CODE": ibans,
    "US_SSN": social_security_numbers,
    "UK_NINO": insurance_numbers,
    "IP_ADDRESS": ip_addresses,
    "MAC_ADDRESS": mac_addresses,
    "API_KEY": api_keys,
}

TYPES: Final = (
    "EMAIL_ADDRESS",
    "PHONE_NUMBER",
    "CREDIT_CARD",
    "IBAN_CODE",
    "US_SSN",
    "UK_NINO",
    "IP_ADDRESS",
    "MAC_ADDRESS",
    "API_KEY",
)
