"""Invented people: who they are, how a text names them, where they live and how they are reached."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from waypost.train.synth.draw import Generator, chance, pick
from waypost.train.synth.personal_banks import lists, words
from waypost.train.synth.personal_ids import DIGITS, shape, some


@dataclass(frozen=True, slots=True)
class Someone:
    """An invented person.

    Attributes:
        language: of the text that speaks of them, ISO 639-1.
        locale: where they live; addresses, telephone and documents follow it.
        first: given name.
        middle: a second given name, seldom said.
        last: surname, of the origin of the given name, not of the locale.
    """

    language: str
    locale: str
    first: str
    middle: str
    last: str


def _shapes(table: str, key: str) -> tuple[str, ...]:
    return lists("shapes")[table][key]


def _country(who: Someone) -> Mapping[str, tuple[str, ...]]:
    return lists("places")[who.locale]


def someone(rng: Generator, language: str) -> Someone:
    """Somebody a text in `language` may speak of; one in five bears a name from elsewhere."""
    locale = pick(rng, _shapes("homes", language))
    names = lists("names")[pick(rng, _shapes("near", "far" if chance(rng, 0.2) else locale))]
    last = _surname(rng, names)
    if chance(rng, float(names["two"][0])):
        last += names["join"][0] + _surname(rng, names)
    return Someone(language, locale, pick(rng, names["first"]), pick(rng, names["first"]), last)


def _surname(rng: Generator, names: Mapping[str, tuple[str, ...]]) -> str:
    """A surname of the list, or, one time in five, one put together."""
    if "made" in names and chance(rng, 0.2):
        heads, tails = names["made"]
        return pick(rng, words(heads)) + pick(rng, words(tails))
    return pick(rng, names["last"])


def _local_surname(rng: Generator, locale: str) -> str:
    return _surname(rng, lists("names")[pick(rng, _shapes("near", locale))])


@cache
def _letters() -> Mapping[int, str]:
    return str.maketrans(dict(pair.split("=") for pair in _shapes("letters", "plain")))


def ascii_only(text: str) -> str:
    """`text` without accents, as people type names into addresses."""
    return unicodedata.normalize("NFKD", text.translate(_letters())).encode("ascii", "ignore").decode()


def full(_rng: Generator, who: Someone) -> str:
    """Given name and surname."""
    return f"{who.first} {who.last}"


def titled(rng: Generator, who: Someone) -> str:
    """A form of address and the surname, seldom the full name; the title belongs to the span."""
    return f"{pick(rng, _shapes('titles', who.language))} {full(rng, who) if chance(rng, 0.2) else who.last}"


def turned(rng: Generator, who: Someone) -> str:
    """Surname first, as lists have it."""
    last = who.last.upper() if chance(rng, 0.3) else who.last
    return f"{last}{', ' if chance(rng, 0.75) else ' '}{who.first}"


def initialled(rng: Generator, who: Someone) -> str:
    """The surname with initials before or behind it."""
    one, two = who.first[0], who.middle[0]
    before = (f"{one}.", f"{one}. {two}.", f"{who.first} {two}.", f"{who.first} {two}", one)
    return pick(rng, (*(f"{given} {who.last}" for given in before), f"{who.last} {one}."))


def suffixed(rng: Generator, who: Someone) -> str:
    """A name with a generation or a degree behind it."""
    return full(rng, who) + pick(rng, _shapes("said", "suffixes"))


def nick(rng: Generator, who: Someone) -> str:
    """What friends call them: the name cut short, or something else altogether."""
    cut = who.first[: int(rng.integers(2, 5))]
    return pick(rng, (cut, cut + "y", cut + "i", cut + "o", *_shapes("said", "nicks")))


def capital(rng: Generator, who: Someone) -> str:
    """The full name in capitals."""
    return full(rng, who).upper()


def low(rng: Generator, who: Someone) -> str:
    """The full name in small letters."""
    return full(rng, who).lower()


_MANNERS: Final = (
    *(full,) * 10, *(titled,) * 4, *(initialled,) * 2, suffixed, turned, capital, low,
)  # fmt: skip


def person(rng: Generator, who: Someone) -> str:
    """A name in any of the ways above, most often plain; sometimes one word or three."""
    if chance(rng, 0.15):
        first, middle, last = who.first, who.middle, who.last
        return pick(rng, (first, first, last, f"{first} {middle} {last}", f"{first}-{middle} {last}"))
    return pick(rng, _MANNERS)(rng, who)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z]", "", ascii_only(text).lower()) or "mail"


def email(rng: Generator, who: Someone) -> str:
    """A mail address, in most cases made from the name; also under the domains kept for examples."""
    first, last = _slug(who.first), _slug(who.last)
    said = {"first": first, "last": last, "f": first[0], "First": first.title(), "Last": last.title()}
    pattern, handle = pick(rng, _shapes("said", "mails")), pick(rng, _shapes("said", "handles"))
    return f"{pattern.format(yy=some(rng, DIGITS, 2), handle=handle, **said)}@{_domain(rng, who)}"


def _domain(rng: Generator, who: Someone) -> str:
    """A mail domain: three in five of a large service, one in five kept for examples, one their own."""
    match int(rng.integers(5)):
        case 0:
            return f"example.{pick(rng, ('com', 'org', 'net'))}"
        case 1:
            name = _slug(who.last) if chance(rng, 0.3) else _coined(rng).lower()
            return (
                name
                + pick(rng, ("", "", "-group", "-it", "consult", "-law"))
                + "."
                + pick(rng, _country(who)["tld"])
            )
        case _:
            return pick(rng, _country(who)["mail"])


def spelled_email(rng: Generator, who: Someone) -> str:
    """A mail address written out against robots."""
    at, dot = pick(rng, ((" at ", " dot "), (" (at) ", "."), ("[at]", "[dot]"), (" AT ", " DOT ")))
    return email(rng, who).replace("@", at).replace(".", dot)


def phone(rng: Generator, who: Someone) -> str:
    """A telephone number in a form used where they live."""
    return shape(rng, pick(rng, _country(who)["phones"]))


def url(rng: Generator, who: Someone) -> str:
    """The page of a person or of their small firm."""
    first, last, word, other = _slug(who.first), _slug(who.last), _coined(rng), _coined(rng)
    said = {"first": first, "last": last, "f": first[0], "word": word.lower(), "Word": word, "Other": other}
    pattern = pick(rng, _shapes("said", "pages"))
    return pattern.format(tld=pick(rng, _country(who)["tld"]), yy=some(rng, DIGITS, 2), **said)


def _coined(rng: Generator) -> str:
    bank = lists("places")["firm_words"]
    return pick(rng, bank["w"]) + (pick(rng, bank["y"]) if chance(rng, 0.6) else "")


def org(rng: Generator, who: Someone) -> str:
    """A firm where they live: surnames with a legal form, or coined words."""
    bank = lists("places")["firm_words"]
    slots = {key: pick(rng, bank[key]) for key in "wxy"} | {
        key: _local_surname(rng, who.locale) for key in "abc"
    }
    return pick(rng, _country(who)["firms"]).format(city=city(rng, who), **slots)


def city(rng: Generator, who: Someone) -> str:
    """A town of the country where they live; one in six is on no map."""
    if chance(rng, 1 / 6):
        names = lists("names")[pick(rng, _shapes("near", who.locale))]
        base = pick(rng, names["first"]) if chance(rng, 0.4) else pick(rng, names["last"])
        return base + pick(rng, _country(who)["towns"])
    return pick(rng, _country(who)["cities"])


def nation(rng: Generator, who: Someone) -> str:
    """A country, in the language of the text."""
    return pick(rng, lists("places")["countries"][who.language])


def _street(rng: Generator, who: Someone) -> str:
    country, names = _country(who), lists("names")[pick(rng, _shapes("near", who.locale))]
    if chance(rng, 0.12):
        return pick(rng, country["streets"])
    first, last = pick(rng, names["first"]), _surname(rng, names)
    word = pick(rng, (first, last, f"{first} {last}") if chance(rng, 0.25) else country["words"])
    return country["compose"][0].format(word=word, kind=pick(rng, country["kinds"]))


def _located(rng: Generator, who: Someone, pattern: str) -> str:
    """`pattern` with number, street, unit, post code, town, region and country filled in."""
    country = _country(who)
    banks = {"n": "numbers", "post": "post", "unit": "units"}
    slots = {key: shape(rng, pick(rng, country[bank])) for key, bank in banks.items()}
    slots |= {"street": _street(rng, who), "city": city(rng, who), "region": pick(rng, country["regions"])}
    return pattern.format(country=" ".join(country["country"]), **slots)


def address(rng: Generator, who: Someone) -> str:
    """An address on one line: street and number, mostly with town and post code, all one span."""
    strange = chance(rng, 0.05)
    return _located(rng, who, pick(rng, _shapes("said", "foreign") if strange else _country(who)["address"]))


def address_lines(rng: Generator, who: Someone) -> str:
    """An address as on an envelope, one span over its lines."""
    return _located(rng, who, pick(rng, _country(who)["lines"]))


def street(rng: Generator, who: Someone) -> str:
    """Street and number alone."""
    return _located(rng, who, pick(rng, _country(who)["short"]))


def corner(rng: Generator, who: Someone) -> str:
    """Two streets that meet."""
    forms = lists("shapes")["corners"]
    pattern = pick(rng, forms.get(who.language, forms["other"]))
    return pattern.format(one=_street(rng, who), two=_street(rng, who))


def post_code(rng: Generator, who: Someone) -> str:
    """A post code alone; counts as part of an address."""
    return shape(rng, pick(rng, _country(who)["post"]))


def box(rng: Generator, who: Someone) -> str:
    """A post office box."""
    return _located(rng, who, shape(rng, pick(rng, _country(who)["boxes"])))
