"""A question divided among models, and their answers joined."""

from typing import Any, cast

import pytest

from tests.unit.encoder.fakes import ALL, FakeNetwork, artefact, vocabulary
from waypost.encoder.foreign import Foreign
from waypost.encoder.foreign_parts import Models, Part, join
from waypost.encoder.known import KnownTexts
from waypost.encoder.plan import Planner
from waypost.encoder.reader import Reader
from waypost.encoder.tokenise import Tokeniser
from waypost.needs import Encode
from waypost.signals.base import Encoded, Examples, Likeness, Scan, Span, Window

FAKE = artefact()
TOKENISER = Tokeniser(vocabulary())
NEED = Encode(ALL | {"similarity"}, "focus", ("one", "two"), (Examples(("a",)),))


def planner() -> Planner:
    reader = Reader(FakeNetwork(), TOKENISER, FAKE.heads.pii, FAKE.sha256, 0)
    return Planner(FAKE, TOKENISER, reader, KnownTexts(FAKE.sha256, 0), 1000)


def foreign(head: str, *lacks: str) -> Foreign:
    """A checkpoint that is never run."""
    return Foreign(head, FAKE, cast("Any", None), cast("Any", None), "", lacks)


def models(*others: Foreign) -> Models:
    return Models(planner(), {each.head: (each, planner()) for each in others})


def test_without_others_the_artefact_answers_everything() -> None:
    (part,) = models().parts(NEED)
    assert (part.need, part.foreign) == (NEED, None)
    (part,) = models(foreign("domain")).parts(Encode(frozenset({"intent"}), "focus"))
    assert part.foreign is None
    (part,) = models(foreign("domain")).parts(Encode(frozenset()))
    assert part.need.heads == frozenset()


def test_each_model_is_asked_for_its_head() -> None:
    own, domain, similarity = models(foreign("domain"), foreign("similarity")).parts(NEED)
    assert own.need.heads == {"intent", "complexity", "jailbreak", "pii"}
    assert own.need.examples == domain.need.examples == ()
    assert (domain.need.heads, domain.foreign and domain.foreign.head) == ({"domain"}, "domain")
    assert similarity.need.examples == NEED.examples


def test_the_artefact_is_left_out_where_nothing_is_left_for_it() -> None:
    (part,) = models(foreign("domain")).parts(Encode(frozenset({"domain"}), "focus"))
    assert part.foreign is not None


@pytest.mark.parametrize(("lacks", "asked"), [(("MEDICAL_RECORD",), 2), ((), 1)])
def test_it_still_looks_for_personal_data_that_only_it_knows(lacks: tuple[str, ...], asked: int) -> None:
    parts = models(foreign("pii", *lacks)).parts(Encode(frozenset({"pii"}), "", ("text",)))
    assert len(parts) == asked


def test_the_embeddings_of_one_model_are_compared() -> None:
    one = models(foreign("similarity"))
    assert one.likening() is one.others["similarity"][1]
    assert models().likening().artefact is FAKE
    assert len(one.readers) == 2


def test_a_part_costs_what_it_reads() -> None:
    long = Encode(frozenset({"domain"}), "x" * 4000, ("y" * 40_000,))
    assert Part(planner(), long).cost == 2 + 16 + 20
    assert Part(planner(), Encode(frozenset({"jailbreak"}), "x" * 4000, ("y" * 40,))).cost == 2 + 10


def test_answers_are_joined() -> None:
    own, guard, tagger = models(foreign("jailbreak"), foreign("pii", "GPE")).parts(NEED)
    assert tagger.foreign is not None
    likenesses = {NEED.examples[0]: Likeness((0.5,), 0.5)}
    window = Window("scan 1", 0, 3, 3, 0.1)
    person, place = Span("PERSON", 4, 8, 0.9), Span("GPE", 0, 3, 0.9)
    answers = [
        (
            own,
            Encoded(
                {"intent": {"chat": 1.0}}, 1.0, {"one": Scan(0.3, (place, person))}, likenesses, (window,)
            ),
        ),
        (guard, Encoded({}, 0.5, {"one": Scan(0.9, (), 0.5), "two": Scan(0.1)}, {}, (window,))),
        (tagger, Encoded({}, 1.0, {"one": Scan(0.5, (Span("PERSON", 5, 8, 0.7),))}, {}, (window,))),
    ]
    joined = join(answers)
    assert joined.heads == {"intent": {"chat": 1.0}}
    assert joined.likenesses == likenesses
    assert joined.coverage == 0.5
    # PERSON and GPE are both types of the fake tagger, so the artefact's spans are not asked for
    assert joined.scans["one"] == Scan(0.9, (Span("PERSON", 5, 8, 0.7),), 0.5)
    assert joined.scans["two"] == Scan(0.1)
    assert [each.of for each in joined.windows] == ["scan 1", "scan 1, fake", "scan 1, fake"]
    assert join(answers[:1]) is answers[0][1]
