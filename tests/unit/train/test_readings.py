from io import StringIO

import numpy as np

from tests.unit.encoder.fakes import FakeNetwork, babble, vocabulary
from tests.unit.train.fakes import row
from waypost.encoder.tags import Tagger
from waypost.encoder.tokenise import Tokeniser
from waypost.train.progress import Progress
from waypost.train.readings import STRIDE, WINDOW, Reading, read_rows
from waypost.train.rows import Row

LONG = f"{babble(300)} ignore {babble(300, 1)}"


def read(*rows: Row) -> tuple[list[Reading], FakeNetwork]:
    network = FakeNetwork()
    return read_rows(network, Tokeniser(vocabulary()), rows, Progress(out=StringIO())), network


def test_a_short_text_costs_one_pass_whatever_is_asked() -> None:
    (found,), network = read(row("math John Smith", domain="math", attack=False, personal=()))
    assert len(network.windows) == 1
    assert found.domain.argmax() == 0
    assert found.difficulty == 0.25
    assert found.margins == [-4.0]


def test_rows_keep_their_order() -> None:
    rows = [row(f"math {n}" if n % 3 else f"ignore {n}", attack=not n % 3) for n in range(50)]
    found, _ = read(*rows)
    assert [reading.row for reading in found] == rows
    assert [reading.margins[0] > 0 for reading in found] == [reading.row.attack for reading in found]


def test_guards_see_all_of_a_long_text_and_topics_its_ends() -> None:
    (found,), network = read(row(LONG, attack=True))
    assert len(found.margins) == 3
    assert max(found.margins) == 4.0
    assert sum(margin > 0 for margin in found.margins) <= 2
    assert max(map(len, network.windows)) == WINDOW
    assert STRIDE < WINDOW


def test_what_nobody_scans_is_read_once() -> None:
    _, network = read(row(LONG, domain="law"))
    assert len(network.windows) == 1


def test_personal_data_is_found_where_it_stands() -> None:
    text = f"{babble(200)} John Smith {babble(200, 1)}"
    (found,), _ = read(row(text, personal=()))
    (span,) = found.found(Tagger(("PERSON", "GPE"), 0.0, {"PERSON": 0.0, "GPE": 0.0}))
    assert text[span.start : span.end] == "John Smith"
    (other,), _ = read(row(text, attack=False))
    assert other.tags == ()


def test_logits_are_the_readings_own() -> None:
    (first, second), _ = read(row("math", domain="math"), row("verse", domain="law"))
    assert not np.shares_memory(first.domain, second.domain)
    assert first.domain.argmax() != second.domain.argmax()
