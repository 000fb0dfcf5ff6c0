import base64
import re
from collections import Counter

import pytest

from waypost.train.synth.benign_banks import FILES, MAKERS, Words, frames, render, setting, slots, table
from waypost.train.synth.draw import generator

FRAMED = [name for name in FILES if "frames" in table(name)]


def texts(found: object) -> list[str]:
    """All strings of a file."""
    if isinstance(found, str):
        return [found]
    items = found.values() if isinstance(found, dict) else found
    assert isinstance(items, list | type({}.values()))
    return [text for item in items for text in texts(item)]


@pytest.mark.parametrize("name", FILES)
def test_every_slot_of_every_file_has_a_bank(name: str) -> None:
    given = {"who", "give", "do", "first", "biz", "help", "never", "fact", "lang_program", "work"}
    used = {slot for text in texts(table(name)) for slot in re.findall(r"\{([a-z_]+)\}", text)} - given
    known = Words(generator(0), {})
    assert {slot for slot in used if not known[slot]} == set()


@pytest.mark.parametrize("name", FRAMED)
def test_no_frame_occurs_twice(name: str) -> None:
    counts = Counter(frame.text for frame in frames(name))
    assert [text for text, count in counts.items() if count > 1] == []
    assert len({frame.group for frame in frames(name)}) == len(counts)


def test_there_are_many_frames() -> None:
    assert sum(len(frames(name)) for name in FRAMED) > 1900
    by_language = Counter(frame.language for frame in frames("foreign"))
    assert all(by_language[code] >= 20 for code in ("de", "fr", "es", "it", "pt", "nl", "pl"))
    assert min(by_language.values()) >= 10


def test_an_unknown_slot_is_an_error() -> None:
    with pytest.raises(KeyError, match="nonsense"):
        render(generator(0), "a {nonsense} slot")


def test_choices_are_made_and_lists_in_code_are_left_alone() -> None:
    texts = {render(generator(seed), "[one|two|] of x[0] and [y]") for seed in range(20)}
    assert texts == {"one of x[0] and [y]", "two of x[0] and [y]", " of x[0] and [y]"}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("A(n) elf", "An elf"),
        ("a(n) user", "a user"),
        ("a(n) dog and a(n) 'owl'", "a dog and an 'owl'"),
        ("Act as a(n) ¬Napoleon.", "Act as Napoleon."),
    ],
)
def test_articles(template: str, expected: str) -> None:
    assert render(generator(0), template) == expected


def test_what_is_fixed_stays_fixed_and_can_begin_a_sentence() -> None:
    assert (
        render(generator(0), "{device_cap}: the {device}", {"device": "old oven"}) == "Old oven: the old oven"
    )


def test_a_setting_names_one_thing_for_a_whole_document() -> None:
    fixed = setting(generator(4))
    assert render(generator(5), "{device} {device}", fixed) == f"{fixed['device']} {fixed['device']}"


def test_codes_are_what_they_look_like() -> None:
    rng = generator(7)
    plain = set(table("encoded")["records"]["plain"])
    assert base64.b64decode(MAKERS["b_sixty_four"](rng)).decode() in plain
    assert bytes.fromhex(MAKERS["hex"](rng)).decode() in plain
    assert MAKERS["reversed"](rng)[::-1] in plain
    assert re.fullmatch(r"[0-9a-f]{64}", MAKERS["sha"](rng))
    assert re.fullmatch(r"[.\- ]+", MAKERS["morse"](rng))


def test_words_can_be_counted_and_listed() -> None:
    words = Words(generator(0), {"a": "b"})
    assert len(words) == len(list(words)) == len(MAKERS) + len(slots()) + 1
    assert words["a"] == ("b",)
