"""A string that a boundary rule cannot see is a leak: every one that would leave is in a readable part."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from waypost.dialects.openai_chat import parse
from waypost.errors import RequestError
from waypost.request.chat import ChatRequest, Part

FORMAT = [
    *("role", "content", "name", "type", "text", "image_url", "url", "data", "file", "file_data", "filename"),
    *("tool_calls", "function", "arguments", "metadata", "properties", "parameters", "description", "enum"),
    *(
        "tools",
        "user",
        "stop",
        "response_format",
        "prediction",
        "logit_bias",
        "tool_choice",
        "input",
        "model",
    ),
]
keys = st.sampled_from(FORMAT) | st.text(max_size=8).filter(lambda key: key.casefold() not in FORMAT)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
# What nobody but the caller can have written; the words of the format are another matter.
plain = st.integers(0, 999).map(lambda n: f"secret-{n}")
odd = st.text('s\u00e9\\n"/ \U0001f600', min_size=1).map(lambda text: f"!{text}")
secrets = plain | odd
values = st.recursive(
    scalars | secrets,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=10,
)
kinds = st.sampled_from(["text", "image_url", "file", "hologram"])
parts = st.builds(lambda rest, kind: rest | {"type": kind}, st.dictionaries(keys, values, max_size=4), kinds)
contents = secrets | st.none() | st.lists(parts | secrets, max_size=3)
messages = st.builds(
    lambda rest, content: rest | {"role": "user", "content": content},
    st.dictionaries(keys, values, max_size=4),
    contents,
)
bodies = st.builds(
    lambda rest, found: rest | {"model": "auto", "messages": found},
    st.dictionaries(keys, values, max_size=5),
    st.lists(messages, min_size=1, max_size=3),
)


def strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from strings(item)
        case dict():
            for item in value.values():
                yield from strings(item)
        case _:
            pass


def media(value: Any) -> Iterator[str]:
    """What stands where a format has base64."""
    match value:
        case list():
            for item in value:
                yield from media(item)
        case dict():
            yield from (text for key in ("data", "file_data") for text in strings(value.get(key)))
            for item in value.values():
                yield from media(item)
        case _:
            pass


def all_parts(request: ChatRequest) -> list[Part]:
    return [*request.fields, *(part for message in request.messages for part in message.parts)]


@given(bodies, st.sampled_from([True, False]))
def test_every_string_is_in_a_readable_part(body: dict[str, Any], ascii_only: bool) -> None:  # noqa: FBT001
    found = all_parts(parse(json.dumps(body, ensure_ascii=ascii_only).encode()))
    sent = {text for text in strings({**body, "model": None}) if text.startswith(("secret-", "!"))}
    unseen = sent - {part.text for part in found if part.is_readable}
    assert unseen <= set(media(body))
    assert not unseen or any(not part.is_readable for part in found)


@given(bodies)
def test_no_text_is_read_that_was_not_sent(body: dict[str, Any]) -> None:
    written = json.dumps(body, ensure_ascii=False)
    for part in all_parts(parse(written.encode())):
        assert part.again or json.dumps(part.text, ensure_ascii=False)[1:-1] in written


@given(st.binary(max_size=60) | st.text('{}[]",:\\ua1 ').map(str.encode))
def test_any_bytes_are_a_request_or_a_400(body: bytes) -> None:
    with contextlib.suppress(RequestError):
        assert parse(body).original == body
