"""What has to be read: the focus first, the newest text before older ones, nothing twice."""

from tests.unit.encoder.fakes import ALL, GUARDS, FakeNetwork, artefact, vocabulary
from waypost.encoder.known import Known, KnownTexts
from waypost.encoder.plan import Planner, Scanned
from waypost.encoder.reader import Done, Reader
from waypost.encoder.tokenise import Tokeniser
from waypost.needs import Encode
from waypost.signals.base import Examples, Scan

TOKENISER = Tokeniser(vocabulary())
FAKE = artefact()
LONG = " ".join("abcdefghijklmnopqrstuvwxyz0123456789")


def planner(most: int = 1000) -> Planner:
    reader = Reader(FakeNetwork(), TOKENISER, FAKE.heads.pii, FAKE.sha256, 0)
    return Planner(FAKE, TOKENISER, reader, KnownTexts(FAKE.sha256, 100_000), most)


def yes() -> bool:
    return True


def test_one_turn_is_one_window_for_everything() -> None:
    plan = planner().draw(Encode(ALL, "hello", ("hello",)), (), yes)
    assert [piece.of for piece in plan.about()] == ["focus"]
    assert {piece.input.key for piece in (*plan.about(), *plan.guarded())} == {next(plan.about()).input.key}


def test_only_what_heads_need_is_read() -> None:
    plan = planner().draw(Encode(GUARDS, "hello", ("hello",)), (), yes)
    assert list(plan.about()) == []
    plan = planner().draw(Encode(frozenset({"domain"}), "hello", ("hello",)), (), yes)
    assert list(plan.guarded()) == []
    plan = planner().draw(Encode(frozenset({"similarity"}), "hello"), (), yes)
    assert list(plan.about()) == []


def test_a_long_focus_has_a_window_for_heads_and_one_for_its_embedding() -> None:
    plan = planner().draw(Encode(ALL | {"similarity"}, LONG, (LONG,), (Examples(("a",)),)), (), yes)
    focus, gist, sample = plan.about()
    assert focus.stretches == ((0, 12), (34, 36))
    assert gist.stretches == ((0, 14),)
    assert (focus.of, gist.of, sample.of) == ("focus", "focus", "example")
    first, *_ = plan.guarded()
    assert first.input.key == gist.input.key


def test_examples_read_beforehand_are_not_read_again() -> None:
    known, unknown = Examples(("a", "b")), Examples(("c",))
    need = Encode(frozenset({"similarity"}), "hello", (), (known, unknown))
    plan = planner().draw(need, [known], yes)
    assert {each: len(pieces) for each, pieces in plan.samples.items()} == {unknown: 1}


def test_the_newest_text_comes_first_and_keeps_its_number() -> None:
    plan = planner().draw(Encode(GUARDS, "", ("old", LONG)), (), yes)
    assert [piece.of for piece in plan.guarded()] == ["scan 2"] * 3 + ["scan 1"]
    assert list(plan.scans) == ["old", LONG]


def test_a_text_beyond_the_limit_is_cut_and_older_ones_are_left_out() -> None:
    plan = planner(36).draw(Encode(GUARDS, "", ("old", LONG)), (), yes)
    assert plan.scans["old"] is None
    scanned = plan.scans[LONG]
    assert isinstance(scanned, Scanned)
    assert scanned.text.share == 36 / len(LONG)
    assert len(scanned.text.tokens) == 18


def test_no_text_is_begun_once_time_is_up() -> None:
    times = iter([True, False, False])
    plan = planner().draw(Encode(GUARDS, "", ("a", "b", "c")), (), lambda: next(times))
    assert [text for text, scanned in plan.scans.items() if scanned] == ["c"]


def test_a_text_of_nothing_has_no_windows() -> None:
    plan = planner().draw(Encode(GUARDS, "", ("\u200b", "")), (), yes)
    assert [isinstance(scanned, Scanned) and scanned.pieces for scanned in plan.scans.values()] == [(), ()]


def test_only_the_ends_of_a_huge_focus_are_looked_at() -> None:
    huge = "x" + " a" * 500_000 + " z"
    plan = planner().draw(Encode(frozenset({"domain"}), huge), (), yes)
    assert plan.focus is not None
    assert len(plan.focus.text.tokens) < 70_000
    ids = plan.focus.input.ids
    assert (ids[0], ids[-1]) == (TOKENISER.read("x").ids[0], TOKENISER.read("z").ids[0])


def test_a_window_in_the_trace_says_where_it_is() -> None:
    plan = planner().draw(Encode(GUARDS, "", (LONG,)), (), yes)
    _, second, _ = plan.guarded()
    reading = planner().reader.read(second.input).reading
    shown = second.shown(Done(reading, 0.5, remembered=False))
    assert (shown.of, shown.start, shown.end) == ("scan 1", 24, 51)
    assert (shown.tokens, shown.seconds, shown.remembered) == (16, 0.5, False)


def test_an_empty_focus_is_a_window_of_its_own() -> None:
    plan = planner().draw(Encode(ALL), (), yes)
    assert plan.focus is not None
    assert plan.focus.tokens == 2


def test_a_text_read_to_its_end_is_not_looked_at_again() -> None:
    one, need = planner(), Encode(GUARDS, "", ("old", LONG))
    plan = one.draw(need, (), yes)
    one.keep(plan, {"old": Scan(0.2), LONG: Scan(0.1, (), 0.5)})
    old, new = one.draw(need, (), yes).scans.values()
    assert old == Known(Scan(0.2), 5, 3)
    assert isinstance(new, Scanned)


def test_what_is_known_costs_nothing_and_is_told_when_time_is_up() -> None:
    one, need = planner(40), Encode(GUARDS, "", ("a", "b" * 30, "c" * 30))
    one.keep(one.draw(need, (), yes), {text: Scan() for text in need.scan})
    scans = one.draw(Encode(GUARDS, "", (*need.scan, "d" * 30)), (), yes).scans
    assert isinstance(scans["d" * 30], Scanned)
    assert isinstance(scans["c" * 30], Known)
    scans = one.draw(Encode(GUARDS, "", (*need.scan, "e")), (), lambda: False).scans
    assert isinstance(scans["c" * 30], Known)
    assert scans["e"] is None
