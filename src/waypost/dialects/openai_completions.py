"""OpenAI's completions, the form before chats: a request as a chat, and the answer of a chat as its answer.

Rule 1: one prompt is what a user says. Several of them, tokens, and what looks into the prompt itself
(`echo`, `suffix`, `logprobs`, `best_of`) are for a provider of this form.

Source: OpenAI API, `POST /v1/completions`, as the types of SDK 3.51.0 have it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from waypost.dialects import digits, sse
from waypost.dialects.anthropic_content import invalid
from waypost.dialects.chunks import Chunks, Done, Fault, Step, texts_of
from waypost.dialects.failures import UNREADABLE, error
from waypost.dialects.foreign import encode, mapping, sequence
from waypost.dialects.forms import Inbound
from waypost.dialects.native import UNREAD, Native, is_nothing
from waypost.dialects.strict import load
from waypost.errors import RequestError

DEFAULT_TOKENS: Final = 16
"""What this API gives where a request sets no limit; a chat has none then."""

_SAME: Final = (
    *("model", "n", "stream", "stream_options", "stop", "temperature", "top_p", "seed", "user"),
    *("presence_penalty", "frequency_penalty", "logit_bias"),
)
_READ: Final = frozenset({*_SAME, "prompt", "max_tokens", "best_of"})
_FINISH: Final = ("stop", "length", "content_filter")


def read_request(body: bytes) -> Inbound:
    """Read it.

    Raises:
        RequestError: 400, it is malformed; `param` names the field.
    """
    document = load(body, exact=True)
    native = Native()
    native.beyond(document, _READ)
    if document.get("logprobs") is not None:  # 0 asks for those of what was chosen
        native.add("logprobs")
    native.unless(document.get("best_of"), (1, document.get("n")), "best_of")
    if not isinstance(document.get("stream"), bool | None):
        invalid("`stream` must be true or false.", "stream")
    neutral = {name: document[name] for name in _SAME if document.get(name) is not None}
    limit = document.get("max_tokens")
    neutral["max_completion_tokens"] = DEFAULT_TOKENS if limit is None else limit
    neutral["messages"] = [{"role": "user", "content": _content(document.get("prompt"), native)}]
    try:
        written = encode(digits.dumps(neutral))
    except ValueError as wrong:
        raise RequestError("The request body is nested too deeply.", 400, "body_too_complex") from wrong
    return Inbound(written, native.param)


def _content(prompt: object, native: Native) -> str | list[dict[str, Any]]:
    if isinstance(prompt, str):
        return prompt
    prompts = sequence(prompt)
    if not prompts:
        invalid("`prompt` must be a string or a non-empty list.", "prompt")
    kinds = set(map(type, prompts))
    if kinds == {str}:
        if len(prompts) == 1:
            return prompts[0]
        native.add("prompt")
        return [{"type": "text", "text": text} for text in prompts]
    if kinds != {int} and not (
        kinds == {list} and all(set(map(type, tokens)) == {int} for tokens in prompts)
    ):
        invalid("`prompt` must hold only strings, only tokens or only lists of tokens.", "prompt")
    native.add("prompt")
    return [{"type": UNREAD}]


def write_response(answer: bytes, _: bytes) -> bytes:
    """A `chat.completion` as a `text_completion`; an error stays one."""
    try:
        document = mapping(digits.loads(answer)) or {}
    except ValueError:
        return error(UNREADABLE)
    if not is_nothing(document.get("error")):
        return answer
    choices = [mapping(item) or {} for item in sequence(document.get("choices")) or ()]
    if not choices or any(mapping(choice.get("message")) is None for choice in choices):
        return error(UNREADABLE)
    written = _head(document) | {"choices": list(_choices(choices, "message"))}
    if document.get("usage"):
        written["usage"] = document["usage"]
    try:
        return encode(digits.dumps(written))
    except ValueError:
        return error(UNREADABLE)


def write_error(_: int, body: bytes) -> bytes:
    """An error of OpenAI's shape, which is this form's too."""
    return body


def _head(document: Mapping[str, Any]) -> dict[str, Any]:
    ident = document.get("id")
    plain = ident.removeprefix("chatcmpl-") if isinstance(ident, str) else ""
    return {
        "id": f"cmpl-{plain}",
        "object": "text_completion",
        "created": document.get("created") or 0,
        "model": document.get("model"),
    }


def _choices(choices: list[dict[str, Any]], name: str) -> Iterator[dict[str, Any]]:
    for number, choice in enumerate(choices):
        index, reason = choice.get("index"), choice.get("finish_reason")
        if isinstance(reason, str) or name == "message":
            reason = reason if reason in _FINISH else "stop"
        yield {
            "text": _text(mapping(choice.get(name)) or {}),
            "index": index if type(index) is int else number,
            "logprobs": None,
            "finish_reason": reason,
        }


def _text(message: Mapping[str, Any]) -> str:
    """What is said; thoughts and calls have no place in this form."""
    said = "".join(texts_of(message.get("content")))
    refusal = message.get("refusal")
    return said or (refusal if isinstance(refusal, str) else "")


class StreamWriter:
    """A stream of chunks of a chat completion as one of completions."""

    def __init__(self, _: bytes) -> None:
        self._chunks = Chunks()

    def feed(self, chunk: bytes) -> bytes:
        """The next bytes of the stream."""
        return b"".join(map(self._write, self._chunks.feed(chunk)))

    def end(self) -> bytes:
        """The stream is over; had it not come to its end, this is said."""
        return b"".join(map(self._write, self._chunks.end()))

    def _write(self, step: Step) -> bytes:
        match step:
            case Done():
                return sse.DONE
            case Fault():
                return sse.write(error(step.message, step.kind, step.code))
            case _:
                try:
                    return _chunk(step)
                except ValueError:
                    return self._write(self._chunks.fail(Fault(UNREADABLE)))


def _chunk(document: dict[str, Any]) -> bytes:
    choices = [mapping(item) or {} for item in sequence(document.get("choices")) or ()]
    usage = document.get("usage")
    said = [choice for choice in _choices(choices, "delta") if choice["text"] or choice["finish_reason"]]
    if not said and (choices or not usage):
        return b""
    written = _head(document) | {"choices": said}
    if "usage" in document:
        written["usage"] = usage
    return sse.write(encode(digits.dumps(written)))
