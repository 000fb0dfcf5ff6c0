"""Blocks of content; what each part becomes stands in the tests of requests."""

import pytest

from waypost.dialects.anthropic_content import blocks, invalid, marked, texts
from waypost.dialects.foreign import Notes
from waypost.errors import RequestError

NOTES = Notes(strict=True)


def test_a_string_is_a_part() -> None:
    assert list(blocks("a", "x", NOTES)) == list(blocks(["a"], "x", NOTES)) == [{"type": "text", "text": "a"}]


def test_no_content_has_no_blocks() -> None:
    assert (
        list(blocks(None, "x", NOTES))
        == list(blocks([], "x", NOTES))
        == list(blocks(" \n", "x", NOTES))
        == []
    )


def test_a_refusal_is_text() -> None:
    assert list(texts([{"type": "refusal", "refusal": "no"}], "x", NOTES)) == [{"type": "text", "text": "no"}]


def test_only_text_where_only_text_may_stand() -> None:
    part = {"type": "image_url", "image_url": "https://x/y"}
    assert next(blocks([part], "x", NOTES))["type"] == "image"
    with pytest.raises(RequestError):
        list(texts([part], "x", NOTES))


@pytest.mark.parametrize("mark", [None, 7, {}, {"type": "persistent"}])
def test_other_marks_are_none(mark: object) -> None:
    assert marked([{"a": 1}], {"cache_control": mark}) == [{"a": 1}]


def test_a_mark_is_of_the_last_block() -> None:
    source = {"cache_control": {"type": "ephemeral", "ttl": "5m", "other": 1}}
    sent = {"type": "ephemeral", "ttl": "5m"}
    assert marked([{}, {}], source) == [{}, {"cache_control": sent}]
    assert marked([], source) == []


def test_a_refusal_names_the_field() -> None:
    with pytest.raises(RequestError) as refused:
        invalid("no", "x.y")
    assert (refused.value.status, refused.value.param, refused.value.code) == (400, "x.y", "invalid_value")


@pytest.mark.parametrize(
    ("detail", "is_noted"), [("high", True), ("low", True), ("auto", False), (None, False)]
)
def test_how_closely_to_look_cannot_be_said(detail: str | None, is_noted: object) -> None:
    notes = Notes(strict=False)
    part = {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": detail}}
    (block,) = blocks([part], "messages[0].content", notes)
    assert block == {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}
    warning = "messages[0].content[0].image_url.detail: not sent, the API has no such parameter"
    assert notes.all() == ((warning,) if is_noted else ())
