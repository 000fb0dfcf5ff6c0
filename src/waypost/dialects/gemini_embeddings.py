"""OpenAI's embeddings asked of Gemini: `batchEmbedContents`, one content for each input.

Rule 1: numbers of a vector keep their digits, but where the client wants them as base64.
Rule 2: usage that Gemini does not tell is not told either; 0 tokens would be wrong.

Source: Gemini API reference, `batchEmbedContents` (v1beta, 2026); types of google-genai 3.4.0.
"""

import base64
import struct
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final, NoReturn
from urllib.parse import quote

from waypost.dialects import digits, failures
from waypost.dialects.failures import broken
from waypost.dialects.foreign import Notes, Reply, Written, dump, encode, mapping, says_nothing, sequence
from waypost.dialects.gemini_errors import told
from waypost.dialects.gemini_response import load
from waypost.errors import RequestError

_HEADERS: Final = (("content-type", "application/json"), ("accept-encoding", "identity"))
_READ: Final = frozenset({"model", "input", "dimensions", "encoding_format"})
_MAX_DIMENSIONS: Final = 2**16


def write_request(document: Mapping[str, Any], model: str, *, strict: bool) -> Written:
    """Write a request.

    Args:
        document: an embeddings request of OpenAI's; numbers may all be floats.
        model: what the provider calls it.
        strict: refuse what would otherwise be left out with a warning.

    Raises:
        RequestError: 400; `param` names the field.
    """
    notes = Notes(strict=strict)
    for name, value in document.items():
        if name not in _READ and not says_nothing(name, value):
            notes.add(name, "not sent, this provider does not know it")
    _check_format(document.get("encoding_format"))
    name = model if "/" in model else f"models/{model}"
    dimensions = _dimensions(document.get("dimensions"))
    tail = f',"outputDimensionality":{dimensions}}}' if dimensions else "}"
    head = f'{{"model":{dump(name)},"content":{{"parts":[{{"text":'
    asked = ",".join(f"{head}{dump(text)}}}]}}{tail}" for text in _inputs(document.get("input")))
    path = f"/{quote(name, safe='/')}:batchEmbedContents"
    return Written(encode(f'{{"requests":[{asked}]}}'), path, _HEADERS, notes.all())


def read_response(body: bytes, reply: Reply) -> bytes:
    """An answer as a list of embeddings, or an error of OpenAI's shape if it is none."""
    document = load(body) or {}
    if document.get("error"):
        return failures.body(told(mapping(document["error"]))[1])
    found = [_vector(item, reply) for item in sequence(document.get("embeddings")) or ()]
    if not found or None in found:
        return failures.body(broken())
    rows = (f'{{"object":"embedding","index":{n},"embedding":{text}}}' for n, text in enumerate(found))
    usage = _usage(mapping(document.get("usageMetadata")) or {})
    return encode(f'{{"object":"list","data":[{",".join(rows)}],"model":{dump(reply.model)}{usage}}}')


def _check_format(value: object) -> None:
    if value not in (None, "float", "base64"):
        _refuse("must be float or base64", "encoding_format")


def _dimensions(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or not 1 <= value <= _MAX_DIMENSIONS or value != value // 1:
        _refuse(f"must be a whole number from 1 to {_MAX_DIMENSIONS}", "dimensions")
    return int(value)


def _inputs(value: object) -> list[str]:
    items = [value] if isinstance(value, str) else sequence(value)
    if not items:
        _refuse("must be a string or a list of strings", "input")
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) < len(items):
        _refuse("must be text; this provider has other tokens than yours", "input")
    return texts


def _vector(item: object, reply: Reply) -> str | None:
    """JSON of one embedding; None = it cannot be read."""
    values = sequence((mapping(item) or {}).get("values"))
    if not values or not {int, digits.Digits}.issuperset(map(type, values)) or not all(map(isfinite, values)):
        return None
    if not reply.is_base64:
        return digits.dumps(values)
    try:
        packed = struct.pack(f"<{len(values)}f", *values)
    except OverflowError:  # no number of 32 bits
        return None
    return dump(base64.b64encode(packed).decode())


def _usage(counted: Mapping[str, Any]) -> str:
    count = counted.get("promptTokenCount")
    is_known = isinstance(count, int) and not isinstance(count, bool) and count >= 0
    return f',"usage":{{"prompt_tokens":{count},"total_tokens":{count}}}' if is_known else ""


def _refuse(message: str, where: str) -> NoReturn:
    raise RequestError(f"`{where}` {message}.", 400, "invalid_value", where)
