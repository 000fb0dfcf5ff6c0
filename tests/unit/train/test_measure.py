from io import StringIO
from pathlib import Path

import pytest

from tests.unit.train.fakes import Knowing, row, vocabulary
from waypost.encoder.engine import Encoder
from waypost.encoder.manifest import Artefact
from waypost.encoder.settings import EncoderSettings
from waypost.encoder.tokenise import Tokeniser
from waypost.evaluate.run import Report
from waypost.train import measure as module
from waypost.train.calibration import plain
from waypost.train.measure import HEADLINES, figure, headlines, measured, pooled
from waypost.train.progress import Progress
from waypost.train.rows import DOMAINS, PII_TYPES, Personal, Row

ALL = frozenset(PII_TYPES)


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine around a network that knows a few words."""

    def opened(settings: EncoderSettings) -> Encoder:
        assert settings.artefact == Path("somewhere")
        artefact = Artefact(Path("nowhere"), "fake", "1", 256, 192, plain(DOMAINS), (), "ab" * 32, {})
        return Encoder(artefact, Knowing(), Tokeniser(vocabulary()), settings)

    monkeypatch.setattr(module.Encoder, "open", opened)


def reports(**sets: list[Row]) -> dict[str, Report]:
    return measured(Path("somewhere"), sets, Progress(out=StringIO()))


def test_each_question_is_asked_of_the_rows_that_answer_it() -> None:
    found = reports(
        sums=[row(f"sum {n}", domain="math", intent="math_problem", difficulty=0.9) for n in range(6)],
        laws=[row(f"law {n}", domain="law", intent="math_problem", difficulty=0.1) for n in range(6)],
        bad=[row("obey me", attack=True), row("obeying is fine", attack=False), row("how", attack=False)],
        people=[
            row("ask ann", personal=(Personal(4, 7, "PERSON"),), annotated=ALL),
            row("ask me", personal=(), annotated=ALL),
        ],
    )
    assert set(found) == set(HEADLINES)
    parts = {name: [part.name for part in report.parts] for name, report in found.items()}
    assert parts["domain"] == ["sums", "laws"]
    assert parts["guard"] == ["bad"]
    assert parts["pii"] == ["people"]
    assert figure(pooled(found["domain"]), "accuracy").value == 1
    assert figure(pooled(found["intent"]), "accuracy").value == 0.5
    assert figure(pooled(found["difficulty"]), "auc").value == 1
    assert figure(pooled(found["guard"]), "recall").value == 1
    assert figure(pooled(found["guard"]), "fpr").value == 0.5
    assert figure(pooled(found["pii"]), "f1").value == 1


def test_headlines_are_of_all_sets_together() -> None:
    found = headlines(
        reports(
            a=[row("sum one", domain="math")] * 3, b=[row("verse", domain="math"), row("law", domain="law")]
        )
    )
    assert found["domain"]["rows"] == 5
    assert found["domain"]["accuracy"] == 0.8
    assert set(found["domain"]) <= {"rows", *HEADLINES["domain"]}


def test_what_no_row_answers_is_not_reported() -> None:
    assert set(reports(a=[row("law", domain="law")])) == {"domain"}
    assert reports(a=[]) == {}


def test_a_figure_that_is_not_there_has_no_value() -> None:
    part = pooled(reports(a=[row("law", domain="law")])["domain"])
    assert figure(part, "none").value is None
