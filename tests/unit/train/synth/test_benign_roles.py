from itertools import islice

from waypost.train.synth.benign_banks import table
from waypost.train.synth.benign_compose import Span
from waypost.train.synth.benign_roles import roles
from waypost.train.synth.draw import generator

MEDIUM, LONG = Span(120, 600), Span(600, 3000)


def test_every_role_has_its_turn() -> None:
    count = len(table("roleplay")["records"]["roles"])
    drafts = list(islice(roles(generator(0), MEDIUM), count))
    assert count > 100
    assert len({draft.group for draft in drafts}) == count
    assert {draft.kind for draft in drafts} == {"roleplay"}


def test_long_texts_have_more_than_rules() -> None:
    texts = [draft.text for draft in islice(roles(generator(1), LONG), 120)]
    assert sum(len(text) in LONG for text in texts) > 80
    for sign in ("/start", "tep", "Example", "character", "## "):
        assert any(sign in text for text in texts), sign


def test_names_have_no_article() -> None:
    texts = " ".join(draft.text for draft in islice(roles(generator(2), MEDIUM), 500))
    figures = table("slots")["slots"]["figure"]
    assert any(figure in texts for figure in figures)
    assert not [figure for figure in figures if f" a {figure}" in texts or "¬" in texts]
