import unicodedata
from itertools import islice

import pytest

from waypost.train.synth import benign_compose as compose
from waypost.train.synth.benign_banks import frames, table
from waypost.train.synth.benign_compose import Span
from waypost.train.synth.draw import generator

MEDIUM, LONG = Span(120, 600), Span(600, 3000)


def test_a_span_holds_what_it_aims_at() -> None:
    rng = generator(0)
    assert 120 in MEDIUM
    assert 600 not in MEDIUM
    assert all(130 <= MEDIUM.target(rng) <= 600 for _ in range(200))


def test_framed_takes_every_frame_of_its_length_in_turn() -> None:
    short = Span(1, 120)
    wanted = {frame.group for frame in frames("unsafe") if frame.length in short}
    drafts = islice(compose.framed("x", "unsafe")(generator(0), short), len(wanted))
    assert {draft.group for draft in drafts} == wanted


def test_no_frame_of_the_length_wanted_is_an_error() -> None:
    with pytest.raises(ValueError, match="no frame has 9000 to 9001"):
        next(compose.framed("x", "unsafe")(generator(0), Span(9000, 9001)))


def test_verbatim_keeps_code_as_it_is() -> None:
    drafts = list(islice(compose.verbatim("code", "code", "snippet")(generator(0), MEDIUM), 60))
    assert any("set -euo pipefail\n" in draft.text for draft in drafts)
    assert {draft.kind for draft in drafts} == {"code"}


def test_an_explained_frame_is_longer_than_the_frame() -> None:
    usual = {frame.group: frame.length for frame in frames("trigger")}
    drafts = list(islice(compose.explained("x", "trigger")(generator(0), LONG), 40))
    assert sum(len(draft.text) > 2 * usual[draft.group] for draft in drafts) > 35


def test_foreign_texts_stay_in_their_script() -> None:
    scripts = {
        "ru": "CYRILLIC",
        "ar": "ARABIC",
        "hi": "DEVANAGARI",
        "zh": "CJK",
        "de": "LATIN",
        "tr": "LATIN",
    }
    for draft in islice(compose.foreign(generator(0), MEDIUM), 400):
        letters = [unicodedata.name(letter) for letter in draft.text if letter.isalpha()]
        script = scripts.get(draft.language, "")
        assert sum(name.startswith(script) for name in letters) > len(letters) / 2


@pytest.mark.parametrize(
    ("maker", "kind"),
    [
        (compose.assistants, "prompting"),
        (compose.specifications, "code"),
        (compose.talks, "documents"),
        (compose.briefs, "writing"),
    ],
)
@pytest.mark.parametrize("span", [MEDIUM, LONG])
def test_composed_texts_come_near_their_length(maker: compose.Maker, kind: str, span: Span) -> None:
    drafts = list(islice(maker(generator(1), span), 60))
    assert {draft.kind for draft in drafts} == {kind}
    assert sum(len(draft.text) in span for draft in drafts) > 30
    assert len({draft.text for draft in drafts}) == 60


def test_an_assistant_has_each_of_its_own_rules_at_most_once() -> None:
    facts = [fact for *_, fact in table("prompting")["records"]["assistants"]]
    for draft in islice(compose.assistants(generator(2), LONG), 60):
        assert sum(draft.text.count(fact) for fact in facts) <= 1


def test_chosen_lines_differ_and_stop_at_the_room_there_is() -> None:
    lines = [f"line {letter}" for letter in "abcdefgh"]
    assert compose.chosen(generator(0), -1, lines) == []
    said = compose.chosen(generator(0), 20, lines)
    assert len(said) == len(set(said)) == 4


def test_two_lines_are_no_list() -> None:
    assert {compose.listed(generator(seed), ["One.", "Two."]) for seed in range(20)} == {"One. Two."}
    assert "1. One.\n2. Two.\n3. Three." in {
        compose.listed(generator(seed), ["One.", "Two.", "Three."]) for seed in range(40)
    }
