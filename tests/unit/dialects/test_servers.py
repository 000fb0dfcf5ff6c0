"""What providers of other dialects are sent, and how they are read."""

import json
from typing import Any, get_args

import pytest

from waypost.dialects.foreign import Reply
from waypost.dialects.servers import SERVERS
from waypost.errors import RequestError
from waypost.request.chat import Dialect

REPLY = Reply("m", "id", 0)


def document_for(dialect: Dialect) -> dict[str, Any]:
    """A request of the form that the dialect is written from."""
    said = {"input": "hi"} if "embeddings" in dialect else {"messages": [{"role": "user", "content": "hi"}]}
    return {"model": "m", **said}


def test_only_dialects_that_are_not_openais_are_translated() -> None:
    assert set(SERVERS) == {name for name in get_args(Dialect) if not name.startswith("openai")}


@pytest.mark.parametrize("dialect", SERVERS)
def test_each_writes_a_request_and_refuses_in_strict_mode_what_it_cannot_say(dialect: Dialect) -> None:
    document = document_for(dialect) | {"unheard_of": 1}
    written = SERVERS[dialect].write_request(document, "some-model", False, None)
    assert json.loads(written.body)
    assert written.warnings[0].startswith("unheard_of: ")
    with pytest.raises(RequestError, match="unheard_of"):
        SERVERS[dialect].write_request(document, "some-model", True, None)


@pytest.mark.parametrize("dialect", SERVERS)
def test_each_takes_the_most_tokens_that_the_file_says(dialect: Dialect) -> None:
    is_chat = "embeddings" not in dialect
    document = document_for(dialect) | ({"max_tokens": 100} if is_chat else {})
    written = SERVERS[dialect].write_request(document, "some-model", False, 50)
    assert (b":50" in written.body) == is_chat
    assert bool(written.warnings) == is_chat


@pytest.mark.parametrize("dialect", SERVERS)
def test_each_tells_openais_error_where_it_cannot_read(dialect: Dialect) -> None:
    assert set(json.loads(SERVERS[dialect].read_response(b"<html>", REPLY))) == {"error"}
    status, body = SERVERS[dialect].read_error(502, b"<html>")
    assert status == 502
    assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("dialect", SERVERS)
def test_each_ends_a_stream_that_says_nothing_with_an_error(dialect: Dialect) -> None:
    part = SERVERS[dialect].stream(REPLY)
    out = part.feed(b"") + part.end()
    assert b'"error"' in out
    assert b"[DONE]" not in out
