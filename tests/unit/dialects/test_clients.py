"""What each client sends and reads, by its dialect."""

import json
from typing import get_args

import pytest

from waypost.dialects.clients import CLIENTS
from waypost.dialects.openai_chat import parse
from waypost.request.chat import Dialect

CHAT = {"id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "m"}
ASK = {"role": "user", "content": "hi"}
REQUESTS = {
    "openai_chat": {"messages": [ASK]},
    "openai_completions": {"prompt": "hi"},
    "openai_responses": {"input": "hi"},
    "anthropic_messages": {"messages": [ASK], "max_tokens": 9},
}


def test_they_are_dialects() -> None:
    assert set(CLIENTS) == set(REQUESTS) < set(get_args(Dialect))


@pytest.mark.parametrize("dialect", list(CLIENTS))
def test_each_asks_and_is_answered(dialect: Dialect) -> None:
    form = CLIENTS[dialect]
    sent = json.dumps({"model": "m", **REQUESTS[dialect]}).encode()
    inbound = form.read_request(sent)
    assert inbound.native is None
    assert parse(inbound.neutral).messages[0].parts[0].text == "hi"
    message = {"role": "assistant", "content": "hello"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    assert b"hello" in form.write_response(json.dumps({**CHAT, "choices": [choice]}).encode(), sent)
    choice = {"index": 0, "delta": message, "finish_reason": "stop"}
    part = form.stream(sent)
    out = part.feed(b"data: %b\n\n" % json.dumps({**CHAT, "choices": [choice]}).encode())
    assert b"hello" in out + part.end()
    error = {"message": "m", "type": "invalid_request_error", "param": None, "code": None}
    assert json.loads(form.write_error(400, json.dumps({"error": error}).encode()))["error"]["message"] == "m"


def test_what_is_neutral_stays_as_it_is() -> None:
    form = CLIENTS["openai_chat"]
    body = b'{"model": "m" }'
    assert form.read_request(body).neutral is body
    assert form.write_response(body, b"") is body
    assert form.write_error(400, body) is body
    part = form.stream(b"")
    assert (part.feed(body), part.end()) == (body, b"")
