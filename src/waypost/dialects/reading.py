"""A client's request in whatever form it speaks, as one that every signal can read.

Rule 1: a string that may leave is in some readable part: those of the neutral form, and what only the
client's own form has a place for. Where media stand that the neutral form does not have, an unreadable part
says so.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from waypost.dialects.clients import CLIENTS
from waypost.dialects.foreign import mapping, sequence
from waypost.dialects.openai_chat import parse
from waypost.dialects.strict import load
from waypost.dialects.texts import MAX_DEPTH, NO_TEXT, Texts, join, too_complex, words
from waypost.request.chat import BESIDE, ChatRequest, Dialect, Identity, Part, Sent

NEUTRAL: Final = frozenset({"openai_chat", "openai_embeddings"})
"""Forms that are read as they come."""


def read_request(
    body: bytes,
    dialect: Dialect,
    *,
    headers: tuple[tuple[str, str], ...] = (),
    identity: Identity | None = None,
) -> ChatRequest:
    """Read a request of any client's form.

    Raises:
        RequestError: 400 in every case; `param` names the field as the client's form has it, or as the
            neutral form has it where that is stricter.
    """
    if dialect in NEUTRAL:
        return parse(body, dialect, headers=headers, identity=identity)
    inbound = CLIENTS[dialect].read_request(body)
    request = parse(inbound.neutral, headers=headers, identity=identity)
    beside = tuple(_beside(request, body, is_native=inbound.native is not None))
    return replace(
        request,
        dialect=dialect,
        fields=(*request.fields, *beside),
        sent=Sent(body, inbound.native, inbound.is_mixed),
    )


def _beside(request: ChatRequest, body: bytes, *, is_native: bool) -> Iterator[Part]:
    """What the body says and the neutral form does not, once each."""
    parts = (part for message in request.messages for part in message.parts)
    seen = {part.text for part in (*parts, *request.fields)} | {request.model} | _WORDS
    texts = Texts()
    is_hidden = False
    for where, text in _strings(load(body), is_native=is_native):
        if text is None:
            if not is_hidden:
                yield Part("unknown", "", f"{BESIDE}{where}", again=True)
            is_hidden = True
        elif text not in seen:
            seen.add(text)
            for part in texts.text(text, f"{BESIDE}{where}"):
                yield replace(part, again=True)


def _strings(document: object, *, is_native: bool) -> Iterator[tuple[str, str | None]]:
    """Every string and key with its path, but for media, and arguments of calls that the neutral form has.

    Media that the neutral form does not have for certain are None.
    """
    # Of iterators: a long list deep within must not become as many long paths.
    stack: list[Iterator[tuple[str, object]]] = [iter((("", document),))]
    while stack:
        place, found = next(stack[-1], _OVER)
        if found is _OVER[1]:
            stack.pop()
        elif len(stack) > MAX_DEPTH + 1:
            raise too_complex()
        elif isinstance(found, str):
            yield place, found
        elif (members := mapping(found)) is not None:
            passed = _sealed(members)
            is_ours = not is_native and place.startswith(_TURNS)
            if media := _media(members):
                passed |= media
                if not is_ours:
                    yield place, None
            if is_ours and members.get("type") == "tool_use":
                passed |= {"input"}
            yield from ((place, name) for name in members)
            stack.append(_members(members, passed, place))
        elif (items := sequence(found)) is not None:
            stack.append(_items(items, place))


def _members(
    members: Mapping[str, object], passed: Collection[str], where: str
) -> Iterator[tuple[str, object]]:
    for name, item in members.items():
        if name not in passed and type(item) not in NO_TEXT:
            yield join(where, name), item


def _items(items: Sequence[object], where: str) -> Iterator[tuple[str, object]]:
    if not set(map(type, items)) <= NO_TEXT:  # long lists of tokens are looked at in C
        for n, item in enumerate(items):
            if type(item) not in NO_TEXT:
                yield f"{where}[{n}]", item


def _media(members: dict[str, Any]) -> set[str]:
    """The member that is media by the type of what it stands in, if it is no text."""
    return _member(members, _MEDIA, _OPAQUE)


def _sealed(members: dict[str, Any]) -> set[str]:
    """The member that a provider sealed, likewise."""
    return _member(members, _SEALED, _LONG)


def _member(members: dict[str, Any], names: Mapping[str, str], looks: re.Pattern[str]) -> set[str]:
    kind = members.get("type")
    name = names.get(kind, "") if isinstance(kind, str) else ""
    value = members.get(name)
    return {name} if isinstance(value, str) and looks.fullmatch(value) else set()


_OVER: Final = ("", object())
"""Nothing more stands there."""

_MEDIA: Final = {
    "base64": "data",
    "input_image": "image_url",
    "input_file": "file_data",
}
"""What is not read, by the type of what it stands in: pictures and files."""

_SEALED: Final = {
    "thinking": "signature",
    "redacted_thinking": "data",
    "reasoning": "encrypted_content",
}
"""What is not read either: a provider alone can."""

_OPAQUE: Final = re.compile(r"(?:data:[\w/+.;=-]{1,100},)?[A-Za-z0-9+/_=.-]+", re.ASCII)
"""One word, as it is of such; another place may have the same names, and a text there is read."""

_LONG: Final = re.compile(r"[A-Za-z0-9+/_=.-]{64,}", re.ASCII)
"""What is sealed is long; a shorter word may be one that a rule looks for, a key or a card's number."""

_TURNS: Final = ("messages[", "input[")
"""Where the neutral form has media and calls as the client's own form does, if it has all of it."""

_WORDS: Final = words("""
    model messages system max_tokens stop_sequences stream temperature top_p top_k tools tool_choice thinking
    budget_tokens display output_config effort format metadata user_id role user assistant content type text
    image document source base64 url file media_type data title context citations enabled tool_use tool_result
    tool_use_id is_error id name input input_schema cache_control ephemeral ttl 5m 1h signature
    redacted_thinking adaptive disabled omitted summarized auto any none tool disable_parallel_tool_use
    service_tier standard_only json_schema schema description strict properties required object string array
    number integer boolean null additionalProperties items enum const anyOf oneOf allOf $ref $defs $schema
    image/png image/jpeg image/gif image/webp application/pdf text/plain
    instructions max_output_tokens parallel_tool_calls previous_response_id reasoning summary store truncation
    include background conversation prompt prompt_cache_key safety_identifier verbosity input_text output_text
    input_image input_file image_url file_data file_id file_url filename detail low medium high xhigh minimal
    max annotations refusal status completed in_progress incomplete message function_call call_id arguments
    function_call_output output function item_reference encrypted_content summary_text developer required
    allowed_tools mode json_object logprobs phase top_logprobs stream_options include_obfuscation
    suffix echo best_of n stop presence_penalty frequency_penalty logit_bias seed include_usage
""")
"""Words of the forms themselves."""
