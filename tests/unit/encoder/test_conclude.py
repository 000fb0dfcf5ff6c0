"""Answers from what was read: with gaps where there are gaps, and offsets of the text as sent."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.encoder.fakes import ALL, GUARDS, HEADS, FakeNetwork, artefact, vocabulary
from waypost.encoder.conclude import LATE, WIDTH, conclude
from waypost.encoder.known import Known, KnownTexts
from waypost.encoder.plan import Plan, Planner
from waypost.encoder.reader import Done, Reader
from waypost.encoder.tokenise import Tokeniser
from waypost.needs import Encode, Failed
from waypost.signals.base import Encoded, Examples, Scan, Window

TOKENISER = Tokeniser(vocabulary())
FAKE = artefact()
READER = Reader(FakeNetwork(), TOKENISER, HEADS.pii, FAKE.sha256, 0)
NOTHING = KnownTexts(FAKE.sha256, 0)
PLANNER = Planner(FAKE, TOKENISER, READER, NOTHING, 1000)
LONG = " ".join("abcdefghijklmnopqrstuvwxyz0123456789")


def planned(need: Encode) -> Plan:
    return PLANNER.draw(need, (), lambda: True)


def read(plan: Plan, only: int = 1000) -> dict[bytes, Done]:
    """The first windows of a plan, in the order in which they are read."""
    pieces = [*plan.about(), *plan.guarded()]
    return {piece.input.key: PLANNER.reader.read(piece.input) for piece in pieces[:only]}


def answered(need: Encode, only: int = 1000) -> Encoded:
    plan = planned(need)
    answer = conclude(need, plan, read(plan, only), {}, HEADS)
    assert isinstance(answer, Encoded)
    return answer


def test_every_head_that_was_asked_for_answers() -> None:
    encoded = answered(Encode(ALL, "some math", ("some math",)))
    assert encoded.heads["domain"]["math"] > 0.9
    assert list(encoded.heads["intent"]) == ["ask", "chat", "write"]
    assert encoded.heads["complexity"]["hard"] == pytest.approx(0.25)
    assert encoded.coverage == 1
    assert set(answered(Encode(frozenset({"intent"}), "some math")).heads) == {"intent"}


def test_guards_learn_about_every_text() -> None:
    encoded = answered(Encode(GUARDS, "", ("ignore that", "I am John Smith.", "")))
    bad, person, empty = encoded.scans.values()
    assert bad.attack > 0.9
    assert person.attack < 0.1
    (span,) = person.spans
    assert (span.type, span.start, span.end) == ("PERSON", 5, 15)
    assert span.score > 0.9
    assert (empty.attack, empty.coverage) == (0, 1)


def test_spans_are_those_of_the_text_as_sent() -> None:
    text = "\u200bI\u00a0  am \uff2aoh\u200bn   Smith!"
    (span,) = answered(Encode(GUARDS, "", (text,))).scans[text].spans
    assert text[span.start : span.end] == "\uff2aoh\u200bn   Smith"


def test_a_person_across_windows_is_found_once() -> None:
    for shift in range(2, 30):
        text = " ".join(["x"] * shift + ["John Smith"] + ["y"] * 20)
        (span,) = answered(Encode(GUARDS, "", (text,))).scans[text].spans
        assert text[span.start : span.end] == "John Smith", shift


def test_coverage_is_the_share_of_tokens_read() -> None:
    encoded = answered(Encode(GUARDS, "", (LONG,)), only=1)
    assert encoded.coverage == encoded.scans[LONG].coverage == pytest.approx(14 / 36)
    assert len(encoded.windows) == 1
    assert answered(Encode(GUARDS, "", (LONG,))).coverage == 1


def test_what_was_found_before_the_deadline_stands() -> None:
    text = f"ignore John Smith {LONG}"
    scan = answered(Encode(GUARDS, "", (text,)), only=1).scans[text]
    assert scan.attack > 0.9
    assert scan.spans
    assert scan.coverage < 1


def test_a_text_nobody_looked_at_is_not_covered() -> None:
    need = Encode(GUARDS, "", ("old", "new"))
    times = iter([True, False])
    plan = PLANNER.draw(need, (), lambda: next(times))
    encoded = conclude(need, plan, read(plan), {}, HEADS)
    assert isinstance(encoded, Encoded)
    assert [scan.coverage for scan in encoded.scans.values()] == [0, 1]
    assert encoded.coverage == 0


def test_a_text_cut_before_it_was_tokenised_is_not_covered() -> None:
    need = Encode(GUARDS, "", (LONG,))
    small = Planner(FAKE, TOKENISER, READER, NOTHING, 36)
    plan = small.draw(need, (), lambda: True)
    encoded = conclude(need, plan, read(plan), {}, HEADS)
    assert isinstance(encoded, Encoded)
    assert encoded.coverage == pytest.approx(36 / len(LONG))


def test_without_the_focus_there_is_no_answer() -> None:
    need = Encode(ALL, "math", ("something else",))
    plan = planned(need)
    assert conclude(need, plan, {}, {}, HEADS) == Failed(LATE)
    guarded = {piece.input.key: PLANNER.reader.read(piece.input) for piece in plan.guarded()}
    assert conclude(need, plan, guarded, {}, HEADS) == Failed(LATE)


def test_without_any_window_there_is_no_answer() -> None:
    need = Encode(GUARDS, "", ("text",))
    assert conclude(need, planned(need), {}, {}, HEADS) == Failed(LATE)


def test_likeness_to_examples_prepared_or_not() -> None:
    near, far = Examples(("a b c", "x")), Examples(("0 1 2",))
    need = Encode(frozenset({"similarity"}), "a b c", (), (near, far))
    encoded = answered(need)
    assert encoded.likenesses[near].cosines[0] == pytest.approx(1)
    assert encoded.likenesses[near].probability > 0.9 > encoded.likenesses[far].probability
    plan = PLANNER.draw(need, [near, far], lambda: True)
    rows = {
        each: PLANNER.reader.read(PLANNER.sample(each.texts[0]).input).reading.embedding.reshape(1, WIDTH)
        for each in (near, far)
    }
    prepared = conclude(need, plan, read(plan), rows, HEADS)
    assert isinstance(prepared, Encoded)
    assert prepared.likenesses[far] == encoded.likenesses[far]


def test_a_window_with_two_uses_costs_once() -> None:
    first, second = answered(Encode(ALL, "hello", ("hello",))).windows
    assert (first.of, second.of) == ("focus", "scan 1")
    assert first.seconds > 0 == second.seconds
    assert (first.remembered, second.remembered) == (False, True)


def test_a_known_text_answers_for_itself_in_one_line_of_the_trace() -> None:
    need = Encode(GUARDS, "", ("old", "new"))
    plan = planned(need)
    known = replace(plan, scans={**plan.scans, "old": Known(Scan(0.7), 300, 900)})
    encoded = conclude(need, known, read(known), {}, HEADS)
    assert isinstance(encoded, Encoded)
    assert encoded.scans["old"] == Scan(0.7)
    assert encoded.windows[0] == Window("scan 1", 0, 900, 300, 0.0, remembered=True)
    assert encoded.windows[1].of == "scan 2"
    nothing_new = replace(plan, scans={"old": Known(Scan(0.7), 300, 900)})
    assert isinstance(conclude(Encode(GUARDS, "", ("old",)), nothing_new, {}, {}, HEADS), Encoded)


NAMES = st.sampled_from(["John Smith", "J\u200bohn Smith", "\uff2aohn  Smith", "john smith"])
DULL = st.text(st.sampled_from("ab ,.\u00e4\u0301\u200b\ufb01\n\U0001f600"), max_size=60)


@given(DULL, NAMES, DULL)
def test_a_name_is_found_wherever_it_stands(before: str, name: str, after: str) -> None:
    text = f"{before} {name} {after}"
    (span,) = answered(Encode(GUARDS, "", (text,))).scans[text].spans
    assert text[span.start : span.end].strip("\u200b\u0301") == name
