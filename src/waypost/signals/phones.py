"""Phone numbers: written in too many ways for one pattern, so what looks like one is asked of a library."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from waypost.signals.candidates import DASHES, DIGITS, IN_IBAN, Budget, Found, stands_alone
from waypost.signals.linear import compiled


def phones(text: str, regions: Sequence[str], budget: Budget) -> Iterator[Found]:
    """Phone numbers: international ones, national ones of the regions, others where a word names them."""
    is_american = not _NORTH_AMERICA.isdisjoint(regions)
    for start, end in budget.candidates(_PHONE, text):
        american = [found.span() for found in _AMERICAN.finditer(text, start, end)] if is_american else []
        if american:
            for first, last in american:
                # In a long row of numbers, three groups and two spaces are no sign of a phone number.
                is_row = end - start > _LONGEST and text[first:last].replace(" ", "").isdigit()
                if not is_row and stands_alone(text, first, last):
                    yield Found(first, last, 0.8)
            continue
        candidate = text[start:end]
        if not _is_phone_like(candidate) or not stands_alone(text, start, end):
            continue
        if not IN_IBAN.search(text, max(0, start - 40), start) and budget.spend(_PHONE_CHECK):
            is_named = _PHONE_BEFORE.search(text, max(0, start - 40), start) or _PHONE_AFTER.match(text, end)
            yield from _checked_phone(candidate, start, regions, is_named=bool(is_named))


def _is_phone_like(candidate: str) -> bool:
    """Enough digits, in groups as people write phone numbers; no date, no table of figures."""
    groups = DIGITS.findall(candidate)
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
_PHONE: Final = compiled(rf"\+?\(?[0-9](?:[ ./(){DASHES}]{{0,3}}[0-9])+\)?(?: ?(?i:x|ext\.?) ?[0-9]{{1,5}})?")
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
