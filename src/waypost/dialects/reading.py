"""A client's request in whatever form it speaks, as one that every signal can read.

Rule 1: a string that may leave is in some readable part: those of the neutral form, and what only the
client's own form has a place for.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from waypost.dialects.clients import CLIENTS
from waypost.dialects.foreign import mapping, sequence
from waypost.dialects.openai_chat import parse
from waypost.dialects.strict import load
from waypost.dialects.texts import Texts, words
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
    for where, text in _strings(load(body), is_native=is_native):
        if text not in seen:
            seen.add(text)
            for part in texts.text(text, f"{BESIDE}{where}"):
                yield replace(part, again=True)


def _strings(document: object, *, is_native: bool) -> Iterator[tuple[str, str]]:
    """Every string and key with its path, but for media, and arguments of calls that the neutral form has."""
    stack: list[tuple[str, object]] = [("", document)]
    while stack:
        place, found = stack.pop()
        if isinstance(found, str):
            yield place, found
        elif (members := mapping(found)) is not None:
            passed = _media(members)
            if not is_native and members.get("type") == "tool_use" and place.startswith("messages["):
                passed |= {"input"}
            stack += [(_path(place, name), item) for name, item in members.items() if name not in passed]
            yield from ((place, name) for name in members)
        elif (items := sequence(found)) is not None:
            stack += [(f"{place}[{n}]", item) for n, item in enumerate(items)]


def _media(members: dict[str, Any]) -> set[str]:
    """The member that is media by the type of what it stands in, if it is no text."""
    kind = members.get("type")
    name = _MEDIA.get(kind, "") if isinstance(kind, str) else ""
    value = members.get(name)
    return {name} if isinstance(value, str) and _OPAQUE.fullmatch(value) else set()


def _path(where: str, name: str) -> str:
    shown = name if name.isidentifier() and name.isascii() else "*"
    return f"{where}.{shown}" if where else shown


_MEDIA: Final = {
    "base64": "data",
    "input_image": "image_url",
    "input_file": "file_data",
    "thinking": "signature",
    "redacted_thinking": "data",
    "reasoning": "encrypted_content",
}
"""What is not read once more, by the type of what it stands in: pictures, files and what is sealed."""

_OPAQUE: Final = re.compile(r"(?:data:[\w/+.;=-]{1,100},)?[A-Za-z0-9+/_=.-]+", re.ASCII)
"""One word, as it is of such; another place may have the same names, and a text there is read."""

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
