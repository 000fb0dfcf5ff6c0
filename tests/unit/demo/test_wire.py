"""What dialects and sockets of the demo share."""

import pytest

from waypost.demo.faults import NONE, Faults, marked
from waypost.demo.wire import (
    CONTEXT,
    QUOTA,
    Call,
    DemoProvider,
    RefusedError,
    dump,
    identifier,
    refuse_marked,
    refuse_strangers,
    whole,
)


def call(query: dict[str, str] | None = None, **headers: str) -> Call:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Call("POST", "/v1/x", query or {}, named, b"")


def test_a_port_of_the_environment_wins() -> None:
    provider = DemoProvider("a", "PORT", 1, "k", ())
    assert (provider.port({"PORT": "7"}), provider.port({"PORT": ""}), provider.port({})) == (7, 1, 1)


def test_a_call_is_a_method_and_a_path() -> None:
    assert call().operation == "POST /v1/x"


@pytest.mark.parametrize(
    ("text", "streams", "status", "code"),
    [
        ("503", True, 503, None),
        ("429 retry-after=3", False, 429, None),
        ("context", False, 400, CONTEXT),
        ("quota", False, 429, QUOTA),
        ("error", False, 500, None),
        ("nonsense", False, 400, "unknown_fault"),
    ],
)
def test_marks_that_want_an_error(text: str, *, streams: bool, status: int, code: str | None) -> None:
    with pytest.raises(RefusedError) as caught:
        refuse_marked(marked(f"[[fault {text}]]", "cloud"), streams=streams)
    assert (caught.value.status, caught.value.code) == (status, code)
    assert caught.value.retry_after == (3 if "=3" in text else None)


@pytest.mark.parametrize("faults", [NONE, Faults(frozenset({"error"})), Faults(frozenset({"cut", "split"}))])
def test_marks_that_want_an_answer(faults: Faults) -> None:
    refuse_marked(faults, streams=True)


def test_credentials_of_others_and_keys_in_urls_are_refused() -> None:
    own = frozenset({"x-api-key"})
    refuse_strangers(call(x_api_key="k", accept="x"), own)
    for stray in (call(x_api_key="k", authorization="b"), call({"key": "k"}), call(openai_project="p")):
        with pytest.raises(RefusedError) as caught:
            refuse_strangers(stray, own)
        assert caught.value.status == 400


def test_json_is_compact_and_any_text_can_be_written() -> None:
    assert dump({"a": ["\u00e9", "\ud800"]}) == b'{"a":["\xc3\xa9","\\ud800"]}'
    answer = whole({}, (("a", "b"),))
    assert (answer.pieces, answer.status, answer.headers[1]) == ((b"{}",), 200, ("a", "b"))


def test_ids_differ() -> None:
    assert len({identifier("x_", 8) for _ in range(100)}) == 100
    assert len(identifier("x_", 8)) == 10
