"""Identifiers that prove themselves: each type has a cheap pattern, then a check only real ones pass.

A detector reads folded text and yields (start, end, score), score in [0, 1]. Patterns are linear in the
text; checks cost more, so their number per request is bounded.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from itertools import pairwise
from typing import Final, NamedTuple

import re2

from waypost.signals.linear import compiled, encode, spans


class Found(NamedTuple):
    """One identifier: character offsets and how sure the detector is."""

    start: int
    end: int
    score: float


@dataclass(slots=True)
class Budget:
    """How much may still be looked at: a text full of candidates must not hold up everybody else.

    Attributes:
        left: in units of about 3 us, the cost of a match; below 0 when a candidate went unchecked.
    """

    left: int = 50_000

    def spend(self, units: int = 1) -> bool:
        """Take from the budget; False when it is used up."""
        self.left -= units
        return self.left >= 0

    def candidates(self, pattern: "re2.Pattern", text: str) -> Iterator[tuple[int, int]]:
        """Matches in characters, as long as the budget lasts."""
        for span in spans(pattern, encode(text)):
            # A long row of numbers is one match, and is looked through.
            if not self.spend(1 + (span[1] - span[0]) // _CHARACTERS):
                return
            yield span


def detect(kind: str, text: str, regions: Sequence[str], budget: Budget) -> Iterator[Found]:
    """Identifiers of one of `TYPES`; `regions` are those whose national phone numbers count."""
    return phones(text, regions, budget) if kind == "PHONE_NUMBER" else _DETECTORS[kind](text, budget)


_CHECK: Final = 10
_CHARACTERS: Final = 64
_DASHES: Final = r"\-\x{2010}-\x{2015}"


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
            if found.start() >= done and budget.spend(_CHECK):
                for card in _card_at(text, found.start(), found.end(1)):
                    done = card.end
                    yield card


def _card_at(text: str, start: int, end: int) -> Iterator[Found]:
    """The first card that starts here: a number in one, or its first three to five groups."""
    if _IN_IBAN.search(text, max(0, start - 40), start):
        return
    number = ""
    for group in _DIGITS.finditer(text, start, end):
        number += group[0]
        if _is_card(number) and _stands_alone(text, start, group.end()):
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


_CARD: Final = compiled(rf"[0-9](?:[ {_DASHES}]?[0-9]){{11,}}")
_DIGITS: Final = re.compile("[0-9]+")
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
        if size is None or start < done or text[start - 1 : start].isalnum() or not budget.spend(_CHECK):
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
        digits = "".join(_DIGITS.findall(text[start:end]))
        if len(digits) != _SSN_DIGITS:
            continue
        area, group, serial = digits[:3], digits[3:5], digits[5:]
        if area in {"000", "666"} or area >= "900" or group == "00" or serial == "0000":
            continue
        if not _stands_alone(text, start, end):
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
    rf"|[0-9]{{3}}[{_DASHES}][0-9]{{2}}[{_DASHES}][0-9]{{4}}|[0-9]{{9,}}"
)
_SSN_DIGITS: Final = 9
_SSN_WORDS: Final = re.compile(r"\bssn\b|social[ -]security|\bss#", re.IGNORECASE)


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


def phones(text: str, regions: Sequence[str], budget: Budget) -> Iterator[Found]:
    """Phone numbers: international ones, national ones of the regions, others where a word names them."""
    is_american = not _NORTH_AMERICA.isdisjoint(regions)
    for start, end in budget.candidates(_PHONE, text):
        american = [found.span() for found in _AMERICAN.finditer(text, start, end)] if is_american else []
        if american:
            for first, last in american:
                # In a long row of numbers, three groups and two spaces are no sign of a phone number.
                is_row = end - start > _LONGEST and text[first:last].replace(" ", "").isdigit()
                if not is_row and _stands_alone(text, first, last):
                    yield Found(first, last, 0.8)
            continue
        candidate = text[start:end]
        if not _is_phone_like(candidate) or not _stands_alone(text, start, end):
            continue
        if not _IN_IBAN.search(text, max(0, start - 40), start) and budget.spend(_PHONE_CHECK):
            is_named = _PHONE_BEFORE.search(text, max(0, start - 40), start) or _PHONE_AFTER.match(text, end)
            yield from _checked_phone(candidate, start, regions, is_named=bool(is_named))


def _is_phone_like(candidate: str) -> bool:
    """Enough digits, in groups as people write phone numbers; no date, no table of figures."""
    groups = _DIGITS.findall(candidate)
    if sum(map(len, groups)) < _FEWEST_DIGITS or _NO_PHONE.fullmatch(candidate):
        return False
    if candidate[0] == "+":
        return True
    is_mixed = "." in candidate and not set(candidate).isdisjoint(" -/")
    return len(groups) <= _MOST_GROUPS and sum(len(group) == 1 for group in groups) <= 1 and not is_mixed


def _checked_phone(candidate: str, start: int, regions: Sequence[str], *, is_named: bool) -> Iterator[Found]:
    """Validate a candidate, then what is left of it without its last groups: a number may follow a number."""
    tried = candidate
    for _ in range(3 if is_named or candidate[0] == "+" else 1):
        score = _phone_score(tried, regions, is_named=is_named)
        if score:
            yield Found(start, start + len(tried), score)
            return
        tried = tried.rpartition(" ")[0].rstrip(" -./(")
    if is_named and sum(map(str.isdigit, candidate)) <= _MOST_DIGITS:
        yield Found(start, start + len(candidate), 0.7)


def _phone_score(number: str, regions: Sequence[str], *, is_named: bool) -> float:
    import phonenumbers  # noqa: PLC0415 - 10 MB that only this type needs

    is_international = number.startswith(("+", "00"))
    if number.startswith("00"):
        number = f"+{number[2:]}"
    for region in (None,) if is_international else regions:
        if region in _NORTH_AMERICA and not number.isdigit():
            continue  # written in groups it had to look American
        if not is_named and sum(map(str.isdigit, number)) < _FEWEST_UNNAMED:
            continue
        try:
            parsed = phonenumbers.parse(number, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(parsed):
            if is_international:
                return 0.95
            return 0.75 if is_named or not number.isdigit() else 0.4
        if is_international and phonenumbers.is_possible_number(parsed):
            return 0.75
    return 0.0


_PHONE_CHECK: Final = 20

_FEWEST_DIGITS: Final = 7
_FEWEST_UNNAMED: Final = 9
_MOST_DIGITS: Final = 15
_MOST_GROUPS: Final = 6
_LONGEST: Final = 32
_PHONE: Final = compiled(
    rf"\+?\(?[0-9](?:[ ./(){_DASHES}]{{0,3}}[0-9])+\)?(?: ?(?i:x|ext\.?) ?[0-9]{{1,5}})?"
)
_PHONE_BEFORE: Final = re.compile(
    r"phone|\b(?:tel\b|telef|mobile|cell\b|fax|call\b|calling|text (?:me|him|her|us)|[u,] text|sms\b|whatsapp"
    r"|dial\b|reach|contact\b|desk\b|office\b|answering|messages to|m[óo]vil|celular|handy|portable|komórk"
    r"|my number|num[ée]ro)|@[\w.\-]+['\", ;|]*$",
    re.IGNORECASE,
)
_PHONE_AFTER: Final = re.compile(r"\W{0,3}(?:office|desk|mobile|cell|fax|home)\b", re.IGNORECASE)
_AMERICAN: Final = re.compile(
    r"(?<![0-9(])(?:(?:\+|00)?1[ .-]?)?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}([ .-]))[0-9]{3}[ .-][0-9]{4}"
    r"(?: ?(?:x|ext\.?) ?[0-9]{1,5})?(?![0-9])",
    re.IGNORECASE,
)
_NORTH_AMERICA: Final = frozenset({"US", "CA"})
_NO_PHONE: Final = re.compile(
    r"[0-9]{4}[-./][0-9]{1,2}[-./][0-9]{1,2}(?: .*)?|[0-9]{1,2}[-./][0-9]{1,2}[-./][0-9]{4}(?: .*)?"
    r"|[0-9]{4}-[0-9]{4}|[0-9]{3}[- ][0-9]{2}[- ][0-9]{4}|[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9]+[./][0-9]+"
)


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether no letter or digit touches the span, not even across a point, dash or slash."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if before[-1:].isalnum() or before[-1:] in {"_", "$", "€", "£"} or after[:1].isalnum():
        return False
    joined_before = before[-1:] in _JOINTS and before[:1].isdigit()
    return not joined_before and not (after[:1] in _JOINTS and after[1:].isdigit())


_JOINTS: Final = frozenset({".", "-", "/"})
_IN_IBAN: Final = re.compile(r"\b[A-Za-z]{2}[0-9]{2}(?: [A-Za-z0-9]{4})* ?$")


_DETECTORS: Final[dict[str, Callable[[str, Budget], Iterator[Found]]]] = {
    "EMAIL_ADDRESS": emails,
    "CREDIT_CARD": cards,
    "IBAN_CODE": ibans,
    "US_SSN": social_security_numbers,
    "IP_ADDRESS": ip_addresses,
}

TYPES: Final = ("EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "IP_ADDRESS")
