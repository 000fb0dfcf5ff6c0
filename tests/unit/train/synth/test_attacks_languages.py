"""Attacks in other languages."""

from collections import Counter
from itertools import islice

import pytest

from waypost.train.synth.attacks_banks import Draft, table
from waypost.train.synth.attacks_languages import FILES, KINDS, foreign, languages
from waypost.train.synth.draw import generator

SPOKEN = {code: entry for file in FILES for code, entry in table(file).items()}
WIDE = ("de", "fr", "es", "it", "pt", "nl", "pl")


@pytest.fixture(scope="module")
def batches() -> list[list[Draft]]:
    return list(islice(foreign(generator(0, "foreign")), 900))


@pytest.mark.parametrize("code", SPOKEN)
def test_each_language_has_enough_frames_and_none_twice(code: str) -> None:
    frames = [frame for kind in KINDS for frame in SPOKEN[code][kind]]
    assert len(frames) >= (25 if code in WIDE else 10)
    assert len(set(frames)) == len(frames)


def test_thirteen_languages() -> None:
    assert set(languages()) == {*WIDE, "ru", "tr", "zh", "ja", "hi", "ar"}


def test_every_frame_is_used_before_one_returns(batches: list[list[Draft]]) -> None:
    count = sum(len(entry[kind]) for entry in SPOKEN.values() for kind in KINDS)
    assert len({batch[0].group for batch in batches[:count]}) == count


def test_a_text_is_in_one_language_throughout(batches: list[list[Draft]]) -> None:
    chinese = [draft.text for batch in batches for draft in batch if draft.language == "zh"]
    assert chinese
    assert all(any("\u4e00" <= c <= "\u9fff" for c in text) for text in chinese)


def test_a_mail_differs_from_its_twin_in_one_line(batches: list[list[Draft]]) -> None:
    mails = [batch for batch in batches if batch[0].kind == "indirect"]
    assert len(mails) > 20
    for attack, twin in mails:
        assert (twin.kind, twin.group, twin.language) == ("indirect_twin", attack.group, attack.language)
        shared = Counter(attack.text.split("\n")) & Counter(twin.text.split("\n"))
        assert sum(shared.values()) == len(twin.text.split("\n")) - 1
