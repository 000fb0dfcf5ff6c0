"""Are two questions one? What an embedding does not see: numbers, names, negation, opposites, order.

Rule 1: any doubt refuses: a refusal costs one call of a model, a wrong answer costs trust.
Rule 2: English only; a text that shows another language is refused, so only equal requests share its answers.
Rule 3: linear in the text; a text is parsed once, and what was parsed can be kept with the answer.

Numbers are compared as written, so 3.1 is not 3.10; names by their capital letters; closed lists of units,
countries, programming languages and the like by what they name. What lists cannot know is left to rules of
form: words may not only change places, one stretch alone may not be exchanged for another, and neither side
may say all that the other does and more.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal
from unicodedata import combining, normalize

from waypost.cache.words import ORDINALS, ROMAN, WORDS, stem

Check = Literal[
    "language", "length", "number", "entity", "slot", "negation", "antonym", "aspect", "question",
    "first_word", "order", "reorder", "exchange", "qualifier",
]  # fmt: skip
"""What may refuse, in the order it is asked:

- `language`: one of the texts is not English, or has no word with content.
- `length`: one of the texts is longer than what is compared.
- `number`: other numbers, in digits or in words, or another arithmetic.
- `entity`: a name on one side that the other does not know.
- `slot`: another unit, currency, country, programming language, format, month or the like; another sign.
- `negation`: one side is negated, the other is not.
- `antonym`: a word of one side is the opposite of a word of the other.
- `aspect`: something else is asked about the same thing.
- `question`: one side asks whether, the other what, how or why.
- `first_word`: the subjects that the texts open with differ.
- `order`: the same names and numbers in another order.
- `reorder`: the same words in another order.
- `exchange`: the same sentence with one word, or a few in a row, exchanged.
- `qualifier`: one side says all the other does and more.
"""

MAX_CHARACTERS: Final = 1000
"""Longest text that is compared: about what one window of the encoder reads."""

_JACCARD: Final = 0.6
"""Share of words in common from which a change of places is a change of meaning."""


@dataclass(frozen=True, slots=True)
class Features:
    """What is compared of a text.

    Attributes:
        text: without differences in form and white space; empty where it is too long.
        words: all of them in order, lower case, without accents.
        content: what stands for each word with content, in order.
        turned: the same without `of`: the population of Norway is the Norway population.
        numbers: sorted, with repetitions.
        names: words with a capital letter that is not due to their place, lower case.
        slots: kind and member, for each closed list.
        aspects: what is asked.
        anchors: numbers, names and members of lists in order of their first occurrence.
        first: first word, if it has content and is none to open an order with.
        negations: how many.
        refused: why the text cannot be compared with any other; None = it can.
    """

    text: str
    words: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    turned: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    slots: frozenset[tuple[str, str]] = frozenset()
    aspects: frozenset[str] = frozenset()
    anchors: tuple[str, ...] = ()
    first: str | None = None
    negations: int = 0
    refused: Check | None = None


@dataclass(frozen=True, slots=True)
class _Token:
    """A word or number: as written without accents, in lower case, and whether a sentence begins with it."""

    raw: str
    word: str
    opens: bool


_ARTICLES: Final = frozenset({"a", "an", "the"})
_APOSTROPHES: Final = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u2212": "-"})
_TOKEN: Final = re.compile(
    r"(?P<unit>(?<=[0-9])(?:°?[CFKcfk]|km|[mglh]|kg|cm|mm|ml)\b|(?<=[0-9] )(?:[CFKmglh])\b|°[CFcf]\b)"
    r"|(?P<power>\s?\^\s?[23](?![0-9.]))"
    r"|(?P<number>(?:(?<![\w)\]])-)?[0-9]+(?:[.,][0-9]+)*)"
    r"|(?P<sign>(?<=[0-9)])\s?(?:\*\*|[-+*/^\u00d7÷x])\s?(?=[0-9(]))"
    r"|(?P<mark>[$€£¥₹%√])"
    r"|(?P<word>[^\W\d_]+(?:[+#]+|'[^\W\d_]+)?)"
    r"|(?P<end>[.?!:\"]|=[\s?]*\Z)"
    r"|(?P<symbol>(?<=\s)[-/](?=\s)|[^\w\s.,?!:;'\"()\-/\u2013\u2014\u2026\u201c-\u201e`]+)"
)
_POWERS: Final = re.compile("[\u00b2\u00b3\u00b9\u2070-\u207f]+")
_DOTTED: Final = re.compile(r"\b(?:[A-Za-z]\.){2,}")
"""U.S. and its like."""

_PRICE: Final = re.compile(r"([$€£¥₹]) ?([0-9]+(?:[.,][0-9]+)*)")
"""What is written in front of the number and said behind it."""

_UNITS: Final = {
    "c": "celsius", "f": "fahrenheit", "k": "kelvin", "m": "metre", "g": "gram", "l": "litre", "h": "hour",
    "km": "kilometre", "kg": "kilogram", "cm": "centimetre", "mm": "millimetre", "ml": "millilitre",
}  # fmt: skip
_MARKS: Final = {
    "$": "dollar", "€": "euro", "£": "sterling", "¥": "yen", "₹": "rupee", "%": "percent", "√": "sqrt",
}  # fmt: skip
_SIGNS: Final = {
    "+": "plus", "-": "minus", "*": "times", "\u00d7": "times", "x": "times", "/": "divided", "÷": "divided",
    "^": "power", "**": "power",
}  # fmt: skip
_THOUSANDS: Final = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_LONGEST_TERM: Final = 2
_TENS: Final = 20
_SHORT_NAME: Final = 2
_ENDING: Final = 3
_ACCENTED: Final = 3
_FOREIGN: Final = 3
_TELLING: Final = 5
"""So many words without a plain English one among them are taken for another language."""

_STUMP: Final = 3
_STRETCH: Final = 3


def parse(text: str) -> Features:
    """What is compared of a text; at most its length in time."""
    if len(text) > MAX_CHARACTERS:
        return Features("", refused="length")
    plain = " ".join(normalize("NFKC", _POWERS.sub(_power, text)).translate(_APOSTROPHES).split())
    if not _is_latin(plain):
        return Features(plain, refused="language")
    tokens = tuple(_tokens(_PRICE.sub(r"\2 \1", _DOTTED.sub(_undotted, plain))))
    words = tuple(token.word for token in tokens)
    content = _content(tokens)
    tokens = tuple(_turned_of(tokens))
    if not _is_english(plain, words) or not content:
        return Features(plain, words, refused="language")
    places = dict(_slots([token.word for token in tokens]))
    slots = frozenset(places.values())
    names = frozenset(_names(tokens, places))
    numbers = tuple(_numbers(tokens))
    return Features(
        plain,
        words,
        content,
        _content(tokens),
        tuple(sorted(value for _, value in numbers)),
        names,
        slots,
        frozenset(word for word in words if word in WORDS.aspects),
        _anchors(tokens, names, places, dict(numbers)),
        _first(words),
        sum(_negates(word) for word in words),
    )


def refusal(a: Features, b: Features) -> Check | None:
    """The check that keeps two texts from sharing an answer; None = none does."""
    if a.text and a.text == b.text:
        return None
    if (unfit := a.refused or b.refused) is not None:
        return unfit
    return next((name for name, differs in _CHECKS.items() if differs(a, b)), None)


# --- parsing ----------------------------------------------------------------------------------------------


def _tokens(plain: str) -> Iterator[_Token]:
    opens = True
    for found in _TOKEN.finditer(plain):
        raw = found[0].strip()
        match found.lastgroup:
            case "end":
                opens = True
                continue
            case "unit":
                word = _UNITS[raw.lower().removeprefix("°")]
            case "power":
                word = "square" if raw[-1] == "2" else "cube"
            case "symbol":
                word = raw
            case "mark":
                word = _MARKS[raw]
            case "sign":
                word = _SIGNS[raw]
            case "number":
                word = raw.replace(",", "") if _THOUSANDS.fullmatch(raw) else raw
            case _:
                raw = _without_accents(raw)
                word = "usa" if raw == "US" else raw.lower().removesuffix("'s")
        if not word:
            continue
        yield _Token(raw, word, opens)
        opens = False


def _content(tokens: Iterable[_Token]) -> tuple[str, ...]:
    return tuple(_stands_for(token.word) for token in tokens if _has_content(token.word))


def _turned_of(tokens: Sequence[_Token]) -> Iterator[_Token]:
    """The order without `of`."""
    pending: list[list[_Token]] = []
    phrase: list[_Token] = []
    joined = False
    for token in tokens:
        if token.word == "of" and phrase:
            pending.append([*phrase, token])
            phrase, joined = [], True
        elif _has_content(token.word) or (joined and not phrase and token.word in _ARTICLES):
            if phrase and not _has_content(phrase[0].word):
                yield phrase.pop()
            phrase.append(token)
        else:
            yield from _unrolled(pending, phrase)
            pending, phrase, joined = [], [], False
            yield token
    yield from _unrolled(pending, phrase)


def _unrolled(pending: Sequence[Sequence[_Token]], phrase: Sequence[_Token]) -> Iterator[_Token]:
    yield from phrase
    for each in reversed(pending):
        yield from each


def _power(found: re.Match[str]) -> str:
    """What is written above the line, so that 5\u00b2 is not 52."""
    return "^" + normalize("NFKC", found[0])


def _undotted(found: re.Match[str]) -> str:
    return found[0].replace(".", "")


def _without_accents(word: str) -> str:
    if word.isascii():
        return word
    return "".join(char for char in normalize("NFKD", word) if not combining(char))


def _has_content(word: str) -> bool:
    return word not in WORDS.stop


@lru_cache(maxsize=16_384)
def _stands_for(word: str) -> str:
    short = stem(word)
    return WORDS.synonyms.get(short, short)


def _is_english(plain: str, words: Sequence[str]) -> bool:
    """Few letters with accents, and hardly a word of another language."""
    if not plain.isascii() and sum(not word.isascii() for word in plain.split()) * _ACCENTED > len(words):
        return False
    english = sum(word in WORDS.english for word in words)
    foreign = sum(word in WORDS.foreign for word in words)
    return foreign * _FOREIGN <= english and (english > 0 or len(words) < _TELLING)


def _is_latin(plain: str) -> bool:
    """Whether no letter is of another script."""
    return plain.isascii() or not any(
        char.isalpha() and not (char < "\u0250" or "\u1e00" <= char <= "\u1eff") for char in plain
    )


def _is_symbol(word: str) -> bool:
    return not word[0].isalnum() and not word[-1].isalnum()


def _slots(words: Sequence[str]) -> Iterator[tuple[int, tuple[str, str]]]:
    """Place and member; of terms that begin at one place the longest."""
    covered = 0
    for place in range(len(words)):
        if place < covered:
            continue
        if _is_symbol(words[place]):
            yield place, ("symbol", words[place])
            continue
        for length in range(_LONGEST_TERM, 0, -1):
            if found := WORDS.slots.get(tuple(words[place : place + length])):
                yield place, found
                covered = place + length
                break


def _names(tokens: Sequence[_Token], slots: Mapping[int, object]) -> Iterator[str]:
    for place, token in enumerate(tokens):
        raw = token.raw
        if not raw[0].isupper() or token.word in WORDS.stop or place in slots or raw in ROMAN:
            continue
        is_acronym = len(raw) > 1 and raw.isupper()
        if not token.opens or is_acronym:
            yield token.word


def _numbers(tokens: Sequence[_Token]) -> Iterator[tuple[int, str]]:
    """Place and digits; words that form one number count once, where they begin."""
    place = 0
    while place < len(tokens):
        token = tokens[place]
        value = ROMAN.get(token.raw) or WORDS.numbers.get(token.word)
        following = tokens[place + 1].word if place + 1 < len(tokens) else ""
        step = 1
        if token.word[-1].isdigit():
            is_ordinal = following in ORDINALS
            value, step = ("#" if is_ordinal else "") + token.word, 1 + is_ordinal
        elif value and value.isdecimal() and _TENS <= int(value) < 5 * _TENS:
            value, step = _compound(value, following)
        if value is not None:
            yield place, value
        place += step


def _compound(tens: str, following: str) -> tuple[str, int]:
    """Twenty, or twenty-one and twenty-first."""
    units = "1" if following == "one" else WORDS.numbers.get(following, "")
    digit = units.removeprefix("#")
    if len(digit) == 1 and digit not in {"", "0"}:
        return ("#" if units != digit else "") + str(int(tens) + int(digit)), 2
    return tens, 1


def _anchors(
    tokens: Sequence[_Token],
    names: frozenset[str],
    slots: Mapping[int, tuple[str, str]],
    numbers: Mapping[int, str],
) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for place, token in enumerate(tokens):
        if place in slots:
            found[slots[place][1]] = None
        elif place in numbers:
            found[numbers[place]] = None
        elif token.word in names:
            found[token.word] = None
    return tuple(found)


def _first(words: Sequence[str]) -> str | None:
    word = words[0]
    if word in WORDS.stop or word in WORDS.fillers or not word[0].isalpha():
        return None
    return word


def _negates(word: str) -> bool:
    return word in WORDS.negation or word.endswith("n't")


# --- checks -----------------------------------------------------------------------------------------------


def _number(a: Features, b: Features) -> bool:
    return a.numbers != b.numbers


def _entity(a: Features, b: Features) -> bool:
    return _unknown(a, b) or _unknown(b, a)


def _unknown(a: Features, b: Features) -> bool:
    """Whether a name of one side is neither a word of the other nor the beginning of one, as in Indian."""
    known = frozenset(b.words)
    return any(name not in known and not _begins(name, known) for name in a.names)


def _begins(name: str, known: Iterable[str]) -> bool:
    short = name.removesuffix("s")
    if len(short) <= _SHORT_NAME:
        return False
    return any(word.startswith(short) and len(word) - len(short) <= _ENDING for word in known)


def _slot(a: Features, b: Features) -> bool:
    return a.slots != b.slots


def _negation(a: Features, b: Features) -> bool:
    return a.negations % 2 != b.negations % 2


def _antonym(a: Features, b: Features) -> bool:
    only_a, only_b = _only(a, b), _only(b, a)
    here, there = frozenset(map(_stands_for, only_a)), frozenset(map(_stands_for, only_b))
    if any(WORDS.opposites.get(word, frozenset()) & there for word in here):
        return True
    if _bare(only_a) & _bare(only_b):
        return True
    return _turned(only_a, there) or _turned(only_b, here)


def _only(a: Features, b: Features) -> frozenset[str]:
    return frozenset(Counter(a.words) - Counter(b.words))


def _bare(words: Iterable[str]) -> frozenset[str]:
    """What is left of words without beginnings and endings that tell them apart."""
    affixes = WORDS.affixes
    words = [word.removesuffix("s") for word in words]
    ends = (word.removesuffix(e) + "-" for word in words for e in affixes.endings if word.endswith(e))
    begins = ("-" + word.removeprefix(b) for word in words for b in affixes.beginnings if word.startswith(b))
    return frozenset(rest for rest in (*ends, *begins) if len(rest) > _STUMP)


def _turned(words: Iterable[str], others: frozenset[str]) -> bool:
    """Whether a word is another one behind a prefix that turns it around, such as unsafe."""
    return any(
        word.startswith(prefix) and _stands_for(word.removeprefix(prefix)) in others
        for word in words
        for prefix in WORDS.affixes.turning
        if len(word) > len(prefix)
    )


def _aspect(a: Features, b: Features) -> bool:
    return bool(a.aspects and b.aspects) and not (_asked_by_both(a, b) and _asked_by_both(b, a))


def _asked_by_both(a: Features, b: Features) -> frozenset[str]:
    """Words of one side that ask for what some word of the other asks for."""
    asked = frozenset(line for word in b.aspects for line in WORDS.aspects[word])
    return frozenset(word for word in a.aspects if WORDS.aspects[word] & asked)


def _question(a: Features, b: Features) -> bool:
    return (_asks_whether(a) and b.words[0] in WORDS.frames.open) or (
        _asks_whether(b) and a.words[0] in WORDS.frames.open
    )


def _asks_whether(of: Features) -> bool:
    """Whether yes or no would answer it; can you tell me is no such question."""
    return of.words[0] in WORDS.frames.polar and of.words[1:2] != ("you",)


def _first_word(a: Features, b: Features) -> bool:
    first, other = a.first, b.first
    if first is None or other is None:
        return False
    return _stands_for(first) not in b.content and _stands_for(other) not in a.content


def _order(a: Features, b: Features) -> bool:
    if _crossed(a.anchors, b.anchors):
        return True
    return not (
        _behind(a, "from").isdisjoint(_behind(b, "to")) and _behind(a, "to").isdisjoint(_behind(b, "from"))
    )


def _behind(of: Features, mark: str) -> frozenset[str]:
    """Words that a mark of direction leads to, articles passed over: also here and may."""
    found: set[str] = set()
    marked = False
    for word in of.words:
        if marked and word not in _ARTICLES:
            found.add(word)
        marked = word == mark or (marked and word in _ARTICLES)
    return frozenset(found)


def _crossed(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether what stands once on either side stands there in another order."""
    here, there = Counter(one), Counter(other)
    place = {word: number for number, word in enumerate(other)}
    common = [place[word] for word in one if here[word] == 1 == there[word]]
    return any(first > second for first, second in pairwise(common))


def _reorder(a: Features, b: Features) -> bool:
    here, there = frozenset(a.content), frozenset(b.content)
    near = len(here & there) >= _JACCARD * len(here | there)
    return near and _moved(a.content, b.content) and _moved(a.turned, b.turned)


def _moved(one: Sequence[str], other: Sequence[str]) -> bool:
    one, other = ([word for word in each if word not in _DATED] for each in (one, other))
    if sorted(one) == sorted(other):
        return one != other
    return _crossed(one, other)


def _exchange(a: Features, b: Features) -> bool:
    """The same words but for a stretch that tells something on either side; or but for one, in any order."""
    compared = _asked_by_both(a, b) | _asked_by_both(b, a)
    here, there = _between(a.words, b.words)
    if 0 < max(len(here), len(there)) <= _STRETCH:
        told, other = (
            {said for word in words if word not in compared and (said := _telling(word))}
            for words in (here, there)
        )
        if told - other and other - told:
            return True
    told, other = _said_beside(a, compared), _said_beside(b, compared)
    return len(told - other) == 1 == len(other - told) and len(told & other) > 1


def _said_beside(of: Features, compared: frozenset[str]) -> frozenset[str]:
    """What stands for words with content that nothing else compares."""
    words = (word for word in of.words if word not in WORDS.stop and word not in compared)
    return frozenset(said for word in words if (said := _telling(word)))


def _between(one: Sequence[str], other: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """What is left of both without the words they begin and end with alike."""
    shorter = min(len(one), len(other))
    start = next((n for n in range(shorter) if one[n] != other[n]), shorter)
    room = shorter - start
    end = next((n for n in range(room) if one[-1 - n] != other[-1 - n]), room)
    return one[start : len(one) - end], other[start : len(other) - end]


def _telling(word: str) -> str | None:
    """What stands for a word that no other check compares; None = it says nothing, or another one does."""
    if word in WORDS.stop:
        return WORDS.frames.telling.get(word)
    known = word in WORDS.numbers or word in ORDINALS or word.upper() in ROMAN or (word,) in WORDS.slots
    said = _stands_for(word)
    return None if known or word[-1].isdigit() or said in _BESIDE else said


def _qualifier(a: Features, b: Features) -> bool:
    compared = _asked_by_both(a, b) | _asked_by_both(b, a)
    here, there = _said_beside(a, compared), _said_beside(b, compared)
    return here < there or there < here


_BESIDE: Final = frozenset(map(_stands_for, WORDS.fillers))
_DATED: Final = frozenset({"year", "date"})
"""Words that open a question as well as they close it."""

_CHECKS: Final[Mapping[Check, Callable[[Features, Features], bool]]] = {
    "number": _number,
    "entity": _entity,
    "slot": _slot,
    "negation": _negation,
    "antonym": _antonym,
    "aspect": _aspect,
    "question": _question,
    "first_word": _first_word,
    "order": _order,
    "reorder": _reorder,
    "exchange": _exchange,
    "qualifier": _qualifier,
}
