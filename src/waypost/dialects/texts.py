"""Every string that would leave in a JSON request, as parts a rule can read.

Left out are only the words of the format itself (`"role": "user"`, the key `messages`) where the format puts
them, and media inside a part that is marked unreadable.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, cast

from waypost.dialects.signatures import find
from waypost.errors import RequestError
from waypost.request.chat import Part, PartKind

MAX_DEPTH: Final = 100
"""Deepest nesting of a body."""

MAX_TEXTS: Final = 50_000
"""Most strings and keys of a caller in one body."""

MAX_PATHS: Final = 2**23
"""Most characters of all their paths: a small body may hold many strings, each behind a hundred long keys."""


def words(text: str) -> frozenset[str]:
    """A set of words that are written in a row."""
    return frozenset(text.split())


_CALLERS_OWN: Final = words("metadata logit_bias chat_template_kwargs extra_body")
"""Fields whose whole content is the caller's, like every field the format does not know."""

_NAMES: Final = words("properties patternProperties $defs definitions dependentSchemas")
"""Objects of a JSON Schema whose keys are names and whose values are schemas again."""

_KEYS: Final = words("""
    messages model stream stream_options include_usage temperature top_p top_k min_p n stop max_tokens
    max_completion_tokens presence_penalty frequency_penalty repetition_penalty logit_bias logprobs
    top_logprobs user seed tools tool_choice parallel_tool_calls response_format functions metadata store
    service_tier reasoning_effort modalities voice prediction chat_template_kwargs input encoding_format
    dimensions prompt_cache_key safety_identifier verbosity web_search_options extra_body
    thinking_blocks thinking signature is_error file_url top_k native_finish_reason
    role content name type text refusal audio image_url url detail input_audio data format file file_id
    filename file_data id tool_calls tool_call_id function function_call arguments reasoning_content reasoning
    cache_control annotations json_schema schema strict description parameters custom grammar syntax
    definition
    properties required items enum const anyOf oneOf allOf not if then else $ref $defs $schema $id definitions
    additionalProperties patternProperties dependentSchemas default examples title pattern minimum maximum
    exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength minItems maxItems uniqueItems nullable
""")

_VALUES: Final = {
    "role": words("system developer user assistant tool function"),
    "type": words("""
        text input_text output_text refusal image_url input_image image input_audio audio_url video_url
        thinking redacted_thinking file input_file function custom grammar content ephemeral
        json_schema json_object
        string object array integer number boolean null
    """),
    "detail": words("auto low high original"),
    "tool_choice": words("auto none required"),
    "function_call": words("auto none"),
    "reasoning_effort": words("none minimal low medium high xhigh"),
    "encoding_format": words("float base64"),
    "service_tier": words("auto default flex priority scale"),
}

_MEDIA: Final = words("data file_data")
_IDS: Final = words("id tool_call_id")
_OPAQUE: Final = re.compile(r"[A-Za-z0-9+/_=-]{64,}", re.ASCII)
NO_TEXT: Final = {float, bool, type(None)}
_LONE: Final = re.compile("[\ud800-\udfff]")
_NO_ESCAPE: Final = re.compile(r"\\(?![/bfnrt]|u[0-9a-fA-F]{4})")
_PATH_NAME: Final = re.compile(r"[A-Za-z_$][\w$-]{0,63}", re.ASCII)


def too_complex() -> RequestError:
    """More structure than any real request has."""
    return RequestError(
        "The request body is nested too deeply or holds too many values.", 400, "body_too_complex"
    )


class Texts:
    """Collects the strings of one request; their number and paths are bounded over all calls.

    Values are what `json.loads` makes, with floats for every number.
    """

    def __init__(self) -> None:
        self._left = MAX_TEXTS
        self._room = MAX_PATHS

    def text(self, text: str, where: str, kind: PartKind = "text") -> Iterator[Part]:
        """One string as sent, and once more without JSON escapes if it has any.

        Tool arguments and results are often JSON in a string: an escaped letter in it is that letter to the
        model, and a word behind an escaped line break does not begin with `n`.

        Raises:
            RequestError: too many of them.
        """
        self._left -= 1
        self._room -= len(where)
        if self._left < 0 or self._room < 0:
            raise too_complex()
        if not text.isascii():
            text = _LONE.sub("\ufffd", text)  # one for one, so offsets stay; half an emoji cannot be encoded
        yield Part(kind, text, where)
        for _ in range(3):  # JSON in JSON in JSON
            if "\\" not in text or (plain := _unescape(text)) == text:
                return
            text = plain
            yield Part(kind, text, f"{where} (unescaped)", again=True)

    def within(
        self, value: object, where: str, kind: PartKind = "text", *, media: bool = False
    ) -> Iterator[Part]:
        """Every string and every key of the caller's below `value`, in order.

        Args:
            value: a string, object or list.
            where: its JSON path; empty for the request itself.
            kind: of the parts.
            media: images, audio or files stand here: `data:` URLs and base64 are passed over.

        Raises:
            RequestError: too many of them, or too deep.
        """
        # A stack of its own: the depth of a body must not become the depth of Python's. Of iterators, so that
        # a long list costs nothing before it is looked at.
        stack = [iter((_Node(value, where, "", free=False),))]
        while stack:
            node = next(stack[-1], None)
            if node is None:
                stack.pop()
            elif len(stack) > MAX_DEPTH + 1:
                raise too_complex()
            elif isinstance(node.value, str):
                if not (media and _is_media(node)) and not _is_format(node):
                    yield from self.text(_said(node), node.where, kind)
            elif isinstance(node.value, dict):
                for name in _callers_keys(node):
                    yield from self.text(name, f"{join(node.where, name)} (key)", kind)
                stack.append(_members(node))
            else:
                stack.append(_items(node))


class _Node(NamedTuple):
    """A string, object or list on the way; `free`: its keys and words are the caller's, not the format's."""

    value: Any
    where: str
    key: str
    free: bool


def _callers_keys(node: _Node) -> list[str]:
    everything = node.free or node.key in _NAMES
    return [name for name in node.value if everything or name not in _KEYS]


def _members(node: _Node) -> Iterator[_Node]:
    named = node.key in _NAMES and not node.free
    for name, value in node.value.items():
        if type(value) not in NO_TEXT:
            free = not named and (node.free or name in _CALLERS_OWN or name not in _KEYS)
            yield _Node(value, join(node.where, name), "" if named else name, free)


def _items(node: _Node) -> Iterator[_Node]:
    values = cast("list[Any]", node.value)
    if not set(map(type, values)) <= NO_TEXT:  # long lists of tokens are looked at in C
        for n, value in enumerate(values):
            if type(value) not in NO_TEXT:
                yield _Node(value, f"{node.where}[{n}]", node.key, node.free)


def _is_media(node: _Node) -> bool:
    return node.key in _MEDIA or node.value[:5].lower() == "data:"


def _is_format(node: _Node) -> bool:
    return not node.free and node.value in _VALUES.get(node.key, ())


def _said(node: _Node) -> str:
    """The text of a string without what a provider signed: random letters look like a key."""
    if node.key == "signature" and _OPAQUE.fullmatch(node.value):
        return ""
    return find(node.value)[0] if node.key in _IDS else node.value


def _unescape(text: str) -> str:
    """Decode JSON escapes in any text. All of it runs in C: a text may be nothing but escapes.

    Three control characters stand in for what must not be decoded; where the text has them itself they come
    back as backslash or quote.
    """
    text = text.replace("\\\\", "\0").replace('\\"', "\1").replace('"', "\1")
    plain: str = json.loads('"' + _NO_ESCAPE.sub("\2", text) + '"', strict=False)
    return _LONE.sub("\ufffd", plain.replace("\0", "\\").replace("\1", '"').replace("\2", "\\"))


def join(where: str, key: str) -> str:
    """The JSON path of a member of what stands at `where`."""
    name = key if _PATH_NAME.fullmatch(key) else "*"  # a path goes into logs, and an odd key may say anything
    return f"{where}.{name}" if where else name
