"""Numbers, codes and names that look personal and are not."""

import datetime as dt
import ipaddress
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from waypost.train.synth.draw import Generator, pick
from waypost.train.synth.personal_banks import lists
from waypost.train.synth.personal_dates import written
from waypost.train.synth.personal_ids import DIGITS, HEX, LETTERS, grouped, luhn, number, shape, some

Maker = Callable[[Generator], str]


def shaped(table: str, key: str) -> Maker:
    """A maker of strings in the shapes of that name."""
    return lambda rng: shape(rng, pick(rng, lists("shapes")[table][key]))


def chosen(key: str) -> Maker:
    """A maker of words from a list of the bank of things."""
    return lambda rng: pick(rng, lists("things")["things"][key])


def drawn(alphabet: str, length: int, before: str = "") -> Maker:
    """A maker of random strings behind fixed letters."""
    return lambda rng: before + some(rng, alphabet, length)


def between(low: int, high: int) -> Maker:
    """A maker of integers from `low` to `high`, exclusive."""
    return lambda rng: str(number(rng, low, high))


def version(rng: Generator) -> str:
    """A version of software: two to four parts, sometimes with a mark behind."""
    parts = [str(number(rng, 0, 20)) for _ in range(number(rng, 2, 5))]
    mark = pick(rng, ("", "", "", "", "", "-rc1", "-beta", ".dev0", "+build.7", "-SNAPSHOT"))
    return pick(rng, ("", "", "v")) + ".".join(parts) + mark


def not_a_card(rng: Generator) -> str:
    """Thirteen to nineteen digits that fail Luhn."""
    digits = some(rng, DIGITS, number(rng, 13, 20))
    while luhn(digits):
        digits = some(rng, DIGITS, number(rng, 13, 20))
    return grouped(digits, (4,), pick(rng, ("", "", "", " ", "-")))


def uuid(rng: Generator) -> str:
    """A random UUID, RFC 9562 version 4."""
    text = some(rng, HEX, 12) + "4" + some(rng, HEX, 3) + pick(rng, "89ab") + some(rng, HEX, 15)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def isbn(rng: Generator) -> str:
    """An ISBN-13 with its check digit."""
    body = pick(rng, ("978", "979")) + some(rng, DIGITS, 9)
    text = body + str(-sum(int(d) * (1 + 2 * (i % 2)) for i, d in enumerate(body)) % 10)
    return grouped(text, pick(rng, ((13,), (3, 10), (3, 1, 3, 5, 1))), "-")


def nobodys_ip(rng: Generator) -> str:
    """Loopback, unspecified, broadcast, or an address RFC 5737 and RFC 3849 keep for documents."""
    fixed = ("127.0.0.1", "127.0.0.1", str(ipaddress.IPv4Address(0)), "::1", "255.255.255.255", "127.0.1.1")
    kept = [f"{prefix}.{number(rng, 1, 255)}" for prefix in ("192.0.2", "198.51.100", "203.0.113")]
    return pick(rng, (*fixed, *kept, "2001:db8::1", f"2001:db8::{number(rng, 1, 999):x}"))


def measure(rng: Generator) -> str:
    """A quantity with its unit."""
    value = pick(
        rng, (str(number(rng, 1, 5000)), f"{number(rng, 1, 1000) / 10}", f"{number(rng, 1, 1000) / 1000}")
    )
    return value + pick(rng, (" ", " ", "")) + pick(rng, lists("things")["things"]["unit"])


def sequence(rng: Generator) -> str:
    """Four to eight numbers in a row."""
    return pick(rng, (", ", " ", ",")).join(str(number(rng, 0, 500)) for _ in range(number(rng, 4, 9)))


def sum_(rng: Generator) -> str:
    """An expression to compute."""
    a, b, c = (number(rng, 2, 9999) for _ in range(3))
    forms = (
        f"{a} * {b}",
        f"{a} + {b} - {c}",
        f"({a} - {b}) / {c}",
        f"{a}^2 mod {b}",
        f"{a}/{b}",
        f"{a} x {b}",
    )
    return pick(rng, (*forms, f"sqrt({a}{b})", f"{a}x + {b} = {c}"))


_HOSTS: Final = ("example.com", "docs.example.org", "localhost:8080", "api.example.com", "www.example.net")
_PATHS: Final = (
    "docs/install",
    "api/v2/users",
    "guide",
    "index.html",
    "v1/chat/completions",
    "search?q=test",
)


def docs_url(rng: Generator) -> str:
    """The address of a page of documentation or of an example."""
    return f"{pick(rng, ('https', 'http'))}://{pick(rng, _HOSTS)}/{pick(rng, _PATHS)}"


def a_date(rng: Generator) -> str:
    """A date without anybody, in English or in figures."""
    day = dt.date(number(rng, 1200, 2040), number(rng, 1, 13), number(rng, 1, 29))
    return written(rng, "en", day, pick(rng, ("long_dates", "short_dates")))


def a_stamp(rng: Generator) -> str:
    """A point in time in a log."""
    return (
        dt.datetime(2015, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=number(rng, 0, 500_000_000))
    ).isoformat()


def a_time(rng: Generator) -> str:
    """A time of day."""
    return f"{number(rng, 0, 24):02}:{number(rng, 0, 60):02}"


def percent(rng: Generator) -> str:
    """A share."""
    return f"{number(rng, 1, 100)}%"


def dims(rng: Generator) -> str:
    """The size of a picture."""
    return f"{number(rng, 2, 4000)}x{number(rng, 2, 4000)}"


_THINGS: Final = (
    "famous", "character", "brand", "product", "landmark", "place", "eponym", "job", "topic", "animal",
    "food", "tongue", "code_lang", "element", "sport", "nobody", "blank", "env",
)  # fmt: skip
_SHAPES: Final = (
    "order", "invoice", "ticket", "tracking", "serial", "part", "product_code", "flight", "train",
    "room", "port", "status", "iso", "rfc", "cve", "doi", "patent", "ean", "bic", "masked", "epoch",
    "nanos", "network", "chapter", "ratio", "cell", "score",
)  # fmt: skip

NOISE: Final[Mapping[str, Maker]] = MappingProxyType(
    {name: chosen(name) for name in _THINGS}
    | {name: shaped("noise", name) for name in _SHAPES}
    | {
        "price": shaped("prices", "all"),
        "percent": percent,
        "small": between(2, 60),
        "count": between(10, 5000),
        "big": between(10_000, 99_999_999),
        "ms": between(3, 90_000),
        "long_number": between(10**11, 10**14),
        "sha": drawn(HEX, 40),
        "short_sha": drawn(HEX, 7),
        "fingerprint": drawn(HEX, 32),
        "digest": drawn(HEX, 64, "sha256:"),
        "constant": drawn(HEX.upper(), 8, "0x"),
        "color": drawn(HEX, 6, "#"),
        "encoded": drawn(LETTERS + DIGITS, 22),
        "binary": drawn("01", 16),
        "dims": dims,
        "version": version,
        "not_a_card": not_a_card,
        "uuid": uuid,
        "isbn": isbn,
        "nobodys_ip": nobodys_ip,
        "measure": measure,
        "sequence": sequence,
        "sum": sum_,
        "docs_url": docs_url,
        "a_date": a_date,
        "a_stamp": a_stamp,
        "a_year": between(1066, 2040),
        "a_time": a_time,
        "an_age": between(3, 90),
    }
)
"""Slots whose filling is never marked."""

LOOSE: Final = frozenset({"brand", "place", "docs_url", "a_date", "a_stamp", "a_year", "a_time", "an_age"})
"""Those of them that have a type and stand unmarked; only templates that are not whole may use them."""
