"""Who may share an answer: two keys over everything that shapes it.

Rule 1: membership is equality, never likeness: whatever is not known to change nothing about an answer is
part of both keys, members of the body that nobody knows included.
Rule 2: who shares is who a trusted hop vouches for, never what a client says of itself; where nobody vouches
and the scope needs somebody, there is no key and so no cache.
Rule 3: keys are keyed digests: names of tenants and short prompts could be guessed from plain ones.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, Final, cast
from unicodedata import normalize

from waypost.cache.settings import Sharing
from waypost.dialects import digits
from waypost.dialects.foreign import mapping, sequence
from waypost.request.chat import ChatRequest, Identity

TRANSPORT: Final = frozenset(
    {"stream", "stream_options", "user", "metadata", "store"}
    | {"safety_identifier", "prompt_cache_key", "prompt_cache_retention", "service_tier"}
)
"""Members of the body that change how an answer travels, is billed or logged, and not what it says."""


@dataclass(frozen=True, slots=True)
class Road:
    """What shapes an answer beside the request.

    Attributes:
        decision: key of the rule that decided.
        revision: of the policy; it stands for system prompts, tools and whatever else the policy adds.
        provider: that is asked.
        endpoint: logical model.
        model: its name on the wire.
        adapter: None = the model itself.
        effort: how hard it is told to think, in any spelling; empty = it is told nothing.
        epoch: number of the last invalidation that concerns the request.
    """

    decision: str
    revision: str
    provider: str
    endpoint: str
    model: str
    adapter: str | None = None
    effort: str = ""
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Shape:
    """A request apart from what its last user turn says.

    Attributes:
        whole: canonical form of all that counts, long texts as digests.
        rest: the same with a gap in place of `said`.
        said: text of the last user turn; its parts are lines.
    """

    whole: bytes
    rest: bytes
    said: str


def exact_key(secret: bytes, sharing: Sharing, request: ChatRequest, road: Road) -> bytes | None:
    """Key of requests that are one request: 32 bytes; None = nobody may share its answer."""
    who, shape = _who(sharing, request.identity), shape_of(request)
    if who is None or shape is None:
        return None
    return _digest(secret, ("exact", *who), _about(request, road), shape.whole)


def partition(
    secret: bytes, sharing: Sharing, request: ChatRequest, road: Road, embedder: str, language: str
) -> bytes | None:
    """Key of requests that differ in what the last user turn says and in nothing else: 32 bytes.

    Args:
        secret: of this installation, 32 random bytes.
        sharing: who shares answers.
        request: its neutral form and who sent it.
        road: what else shapes the answer.
        embedder: name and revision of what embeds the text: cosines of two of them mean nothing.
        language: of the last user turn.

    Returns:
        None = nobody may share its answer.
    """
    who, shape = _who(sharing, request.identity), shape_of(request)
    if who is None or shape is None:
        return None
    return _digest(secret, ("partition", embedder, language, *who), _about(request, road), shape.rest)


def document(request: ChatRequest) -> Mapping[str, Any] | None:
    """The neutral body, its numbers as they were written; None = it is nested too deeply to be compared."""

    def load() -> Mapping[str, Any] | None:
        try:
            return mapping(digits.loads(request.original))
        except ValueError:
            return None

    return request.once("cache document", load)


def shape_of(request: ChatRequest) -> Shape | None:
    """What the keys are made of; None = the body is nested too deeply, or does not hold all that leaves."""

    def shape() -> Shape | None:
        if request.sent is not None and request.sent.native is not None:
            return None
        body = document(request)
        try:
            return None if body is None else _shaped(body)
        except RecursionError:
            return None

    return request.once("cache shape", shape)


# --- who --------------------------------------------------------------------------------------------------


def _who(sharing: Sharing, identity: Identity) -> tuple[str | None, ...] | None:
    """Names that share; a user is one only within a tenant."""
    if sharing == "global":
        return ("global",)
    if not identity.trusted:
        return None
    if sharing == "tenant":
        return None if identity.tenant is None else ("tenant", identity.tenant)
    return None if identity.user is None else ("user", identity.tenant, identity.user)


def _about(request: ChatRequest, road: Road) -> tuple[object, ...]:
    # A text is continued otherwise than a chat is answered; all forms of chats share.
    kind = request.dialect if request.dialect in _APART else "chat"
    asked = sorted(pair for pair in request.headers if pair[0] in SHAPING_HEADERS)
    return (kind, asked, request.model, *astuple(road))


SHAPING_HEADERS: Final = frozenset({"anthropic-beta", "openai-beta"})
"""Headers of clients that reach providers and switch on what changes answers."""

_APART: Final = frozenset({"openai_completions", "openai_embeddings"})


def _digest(secret: bytes, who: tuple[object, ...], about: tuple[object, ...], shape: bytes) -> bytes:
    head = json.dumps([who, about], separators=(",", ":")).encode("ascii")
    # JSON ends where it ends, so nothing can move from the head into the body.
    return hmac.digest(secret, head + shape, "sha256")


# --- canonical form ---------------------------------------------------------------------------------------


class _Gap:
    """Stands for text that keys do not hold."""


_GAP: Final = _Gap()


def _shaped(body: Mapping[str, Any]) -> Shape:
    counts = {name: value for name, value in body.items() if name not in TRANSPORT}
    messages = sequence(body.get("messages"))
    if messages is None:
        whole = _canonical(counts)
        return Shape(whole, whole, "")
    plain = [_message(each) for each in messages]
    last = next((n for n in reversed(range(len(plain))) if _role(plain[n]) == "user"), None)
    gapped, said = list(plain), list[str]()
    if last is not None:
        message = cast("dict[str, Any]", plain[last])
        gapped[last] = message | {"content": _gapped(message.get("content"), said)}
    whole = _canonical(counts | {"messages": plain})
    return Shape(whole, _canonical(counts | {"messages": gapped}), "\n".join(said))


def _message(value: object) -> object:
    """A message whose text is composed; one part of plain text is the text."""
    message = mapping(value)
    if message is None or "content" not in message:
        return value
    content = message["content"]
    parts = sequence(content)
    if parts is not None:
        parts = [_part(part) for part in parts]
        single = _text(parts[0]) if len(parts) == 1 else None
        content = parts if single is None else single
    return message | {"content": normalize("NFC", content) if isinstance(content, str) else content}


def _part(value: object) -> object:
    text = _text(value)
    return value if text is None else {"type": "text", "text": normalize("NFC", text)}


def _text(value: object) -> str | None:
    """The text of a part that is nothing else."""
    part = mapping(value)
    if part is None or part.keys() != {"type", "text"} or part["type"] != "text":
        return None
    return part["text"] if isinstance(part["text"], str) else None


def _role(value: object) -> object:
    message = mapping(value)
    return None if message is None else message.get("role")


def _gapped(content: object, said: list[str]) -> object:
    """The content with gaps for its texts, which are added to `said`."""
    if isinstance(content, str):
        said.append(content)
        return _GAP
    parts = sequence(content)
    return content if parts is None else [_gapped_part(part, said) for part in parts]


def _gapped_part(value: object, said: list[str]) -> object:
    text = _text(value)
    if text is None:
        return value
    said.append(text)
    return {"type": "text", "text": _GAP}


def _canonical(value: object) -> bytes:
    """One spelling for equal values, and different spellings for different ones."""
    return json.dumps(_tagged(value), sort_keys=True, separators=(",", ":")).encode("ascii")


_LONG: Final = 4096
"""Characters from which a text stands there as its digest: pictures are not copied, escaped and kept."""


def _tagged(value: object) -> object:
    """JSON in which numbers are strings, told from strings by their first letter."""
    if isinstance(value, str):
        return f"s{value}" if len(value) <= _LONG else f"h{_digest_of(value)}"
    if isinstance(value, dict):
        return {name: _tagged(item) for name, item in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [_tagged(item) for item in cast("list[object]", value)]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, _Gap):
        return "gap"
    return f"n{_number(value.text if isinstance(value, digits.Digits) else str(value))}"


def _digest_of(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


_NUMBER: Final = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,9}))?", re.ASCII)


def _number(text: str) -> str:
    """Digits without zeros at either end, and a power of ten: 1, 1.0 and 1e0 are one number.

    A number with an exponent of more digits than anybody means stands for itself.
    """
    found = _NUMBER.fullmatch(text)
    if found is None:
        return text
    sign, whole, fraction, power = found.groups(default="")
    figures = (whole + fraction).lstrip("0")
    bare = figures.rstrip("0")
    if not bare:
        return "0"
    return f"{sign}{bare}e{int(power or 0) - len(fraction) + len(figures) - len(bare)}"
