"""Numbers and keys that belong to one person or account, valid where their kind has a check digit."""

import base64
import json
from collections.abc import Sequence
from typing import Final

from waypost.train.synth.draw import Generator, chance, pick
from waypost.train.synth.personal_banks import lists

UPPER: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS: Final = "0123456789"
HEX: Final = "0123456789abcdef"
LETTERS: Final = UPPER + UPPER.lower()


def number(rng: Generator, low: int, high: int) -> int:
    """An integer from `low` to `high`, exclusive."""
    return int(rng.integers(low, high))


def some(rng: Generator, alphabet: str, length: int) -> str:
    """`length` characters of `alphabet`, drawn independently."""
    return "".join(alphabet[i] for i in rng.integers(len(alphabet), size=length))


def shape(rng: Generator, pattern: str) -> str:
    """`pattern` with # = digit, % = digit but 0, ? = capital letter, @ = a number sign."""
    kinds = {"#": DIGITS, "%": DIGITS[1:], "?": UPPER, "@": "#"}
    return "".join(some(rng, kinds[c], 1) if c in kinds else c for c in pattern)


def grouped(text: str, sizes: Sequence[int], separator: str) -> str:
    """`text` cut into groups of these sizes; the last size repeats."""
    parts: list[str] = []
    at = 0
    while at < len(text):
        size = sizes[min(len(parts), len(sizes) - 1)]
        parts.append(text[at : at + size])
        at += size
    return separator.join(parts)


def _shaped(rng: Generator, table: str, key: str) -> str:
    return shape(rng, pick(rng, lists("shapes")[table][key]))


def luhn(digits: str) -> bool:
    """Whether the last digit is right by ISO/IEC 7812-1, annex B."""
    doubled = "0246813579"  # the digit sum of twice the digit
    total = sum(int(doubled[int(d)] if i % 2 else d) for i, d in enumerate(reversed(digits)))
    return total % 10 == 0


_BRANDS: Final = (
    ("4", 16), ("4", 16), ("4", 16), ("4", 13), ("4", 19), ("51", 16), ("52", 16), ("53", 16), ("54", 16),
    ("55", 16), ("2221", 16), ("2450", 16), ("2703", 16), ("34", 15), ("37", 15), ("37", 15), ("6011", 16),
    ("65", 16), ("3528", 16), ("3566", 16), ("1800", 15), ("2131", 15), ("36", 14), ("301", 14), ("38", 14),
    ("5018", 12), ("6304", 12), ("5038", 13), ("6759", 18),
)  # fmt: skip
"""First digits and length."""


def card(rng: Generator) -> str:
    """A payment card number that passes Luhn, plain, spaced or with hyphens."""
    prefix, length = pick(rng, _BRANDS)
    body = prefix + some(rng, DIGITS, length - len(prefix) - 1)
    whole = next(body + d for d in DIGITS if luhn(body + d))
    sizes = (4, 6, 5) if prefix.startswith("3") and chance(rng, 0.3) else (4,)
    return grouped(whole, sizes, pick(rng, ("", "", "", " ", " ", " ", "-", "-")))


def iban_digits(country: str, account: str) -> str:
    """The two check digits of ISO 13616: the whole, rearranged, leaves 1 on division by 97."""
    return f"{98 - int(''.join(str(int(c, 36)) for c in f'{account}{country}00')) % 97:02d}"


def iban(rng: Generator, country: str = "") -> str:
    """An IBAN with right check digits, mostly of `country`; compact or in groups of four."""
    known = lists("shapes")["iban"]
    code = country if country in known and chance(rng, 0.75) else pick(rng, tuple(known))
    account = _shaped(rng, "iban", code)
    whole = code + iban_digits(code, account) + account
    return grouped(whole, (4,), " ") if chance(rng, 0.45) else whole


def account(rng: Generator) -> str:
    """A bank account number without a country: 8 to 12 digits, or bank letters and digits."""
    return _shaped(rng, "accounts", "account")


def routing(rng: Generator) -> str:
    """An ABA routing number: nine digits whose sum weighted 3, 7, 1 is a multiple of ten."""
    body = f"{number(rng, 1, 13):02d}" + some(rng, DIGITS, 6)
    return body + str(-sum(int(d) * (3, 7, 1)[i % 3] for i, d in enumerate(body)) % 10)


def sort_code(rng: Generator) -> str:
    """A British sort code."""
    return _shaped(rng, "accounts", "sort_code")


_UNISSUED: Final = 666
_AREAS: Final = 899


def ssn(rng: Generator) -> str:
    """A US social security number as issued: area neither 000, 666 nor above 899, no part all zero."""
    area = number(rng, 1, _AREAS)
    area += area >= _UNISSUED
    parts = (f"{area:03d}", f"{number(rng, 1, 100):02d}", f"{number(rng, 1, 10000):04d}")
    return pick(rng, ("-", "-", "-", "-", "-", " ", "")).join(parts)


_RESERVED: Final = frozenset({"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"})


def nino(rng: Generator) -> str:
    """A British national insurance number: letters in front as issued, suffix mostly A to D."""
    pair = "ZZ"
    while pair in _RESERVED:
        pair = some(rng, "ABCEGHJKLMNOPRSTWXYZ", 1) + some(rng, "ABCEGHJKLMNPRSTWXYZ", 1)
    suffix = some(rng, "ABCD" if chance(rng, 0.7) else UPPER, 1)
    parts = (pair, *(some(rng, DIGITS, 2) for _ in range(3)), suffix)
    return pick(rng, (" ", " ", "")).join(parts)


def passport(rng: Generator, locale: str) -> str:
    """A passport number in the shape of the country of `locale`."""
    return _shaped(rng, "passport", locale)


def licence(rng: Generator, locale: str, last: str) -> str:
    """A driving licence number as in the country of `locale`; a British one begins with the surname."""
    if locale != "en_GB":
        return _shaped(rng, "licence", locale)
    letters = "".join(c for c in last.upper() if c in UPPER)
    birth = f"{number(rng, 1, 10)}{number(rng, 1, 13):02d}{number(rng, 1, 29):02d}{number(rng, 0, 10)}"
    whole = (letters + "99999")[:5] + birth + shape(rng, "??%??")
    return grouped(whole, (5, 6, 5), " ") if chance(rng, 0.3) else whole


def national(rng: Generator, locale: str) -> str:
    """The number by which the state of `locale` knows a person, in its usual shape."""
    if locale in {"en_US", "en_GB"}:
        return ssn(rng)
    text = _shaped(rng, "national", locale)
    if locale == "es_ES":  # the letter is the remainder by 23
        text += pick(rng, ("", "-")) + "TRWAGMYFPDXBNJZSQVHLCKE"[int(text) % 23]
    return text


def record(rng: Generator) -> str:
    """A hospital's number for a patient, without a word in front."""
    return _shaped(rng, "accounts", "record")


def labelled_record(rng: Generator) -> str:
    """A hospital's number with the letters MRN as part of it."""
    return _shaped(rng, "accounts", "labelled")


def mac(rng: Generator) -> str:
    """A hardware address; with colons, hyphens or dots, either case."""
    size, separator = pick(rng, ((2, ":"), (2, ":"), (2, "-"), (4, ".")))
    text = grouped(some(rng, HEX, 12), (size,), separator)
    return text.upper() if chance(rng, 0.4) else text


def ip(rng: Generator) -> str:
    """An address of a host, IPv4 in four of five; never loopback and never one kept for documents."""
    if chance(rng, 0.2):
        groups = [f"{number(rng, 1, 65536):x}" for _ in range(8)]
        short = (
            "fe80::" + ":".join(groups[4:]),
            f"2a0{groups[0][:1]}:" + ":".join(groups[1:4]) + f"::{groups[7]}",
        )
        return pick(rng, (*short, ":".join(groups), ":".join(groups)))
    public = (str(number(rng, 11, 126)), str(number(rng, 128, 191)), str(number(rng, 204, 223)))
    head = pick(rng, (*public, *public, "10", "192.168", f"172.{number(rng, 16, 32)}"))
    tail = [str(number(rng, 1, 255)) for _ in range(3 - head.count("."))]
    return ".".join([head, *tail])


_ALNUM: Final = LETTERS + DIGITS
_KEYS: Final = (
    ("sk-", _ALNUM, 48), ("sk-proj-", _ALNUM + "_-", 60), ("sk-ant-api03-", _ALNUM + "_-", 70),
    ("ghp_", _ALNUM, 36), ("gho_", _ALNUM, 36), ("github_pat_", _ALNUM, 50), ("glpat-", _ALNUM + "_-", 20),
    ("AKIA", UPPER + "234567", 16), ("ASIA", UPPER + "234567", 16), ("AIza", _ALNUM + "_-", 35),
    ("sk_live_", _ALNUM, 24), ("pk_live_", _ALNUM, 24), ("hf_", LETTERS, 34), ("npm_", _ALNUM, 36),
    ("dop_v1_", HEX, 64), ("SG.", _ALNUM, 44), ("xoxp-", DIGITS, 36), ("key-", HEX, 32), ("gsk_", _ALNUM, 52),
)  # fmt: skip
"""First letters, alphabet and length of the keys of known services."""


def api_key(rng: Generator) -> str:
    """A key as services issue them: a prefix that names the service, or a signed token."""
    if chance(rng, 0.1):
        middle = "-".join(some(rng, DIGITS, 12) for _ in range(2))
        return f"xox{pick(rng, 'bpa')}-{middle}-{some(rng, _ALNUM, 24)}"
    if chance(rng, 0.12):
        return token(rng)
    prefix, alphabet, length = pick(rng, _KEYS)
    return prefix + some(rng, alphabet, length)


def token(rng: Generator) -> str:
    """A JSON web token with random claims and a random signature."""
    claims = {"sub": some(rng, DIGITS, 8), "iat": number(rng, 1_600_000_000, 1_900_000_000)}
    parts = ({"alg": pick(rng, ("HS256", "RS256")), "typ": "JWT"}, claims)
    plain = (json.dumps(part, separators=(",", ":")).encode() for part in parts)
    coded = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in plain]
    return ".".join([*coded, some(rng, _ALNUM + "_-", 43)])


_SECRETS: Final = (
    (HEX, 32), (HEX, 40), (HEX, 64), (_ALNUM, 24), (_ALNUM, 32), (_ALNUM + "+/", 40), (UPPER + DIGITS, 20),
)  # fmt: skip


def secret(rng: Generator) -> str:
    """A key without a tell-tale prefix; only the word in front of it says what it is."""
    alphabet, length = pick(rng, _SECRETS)
    return some(rng, alphabet, length)
