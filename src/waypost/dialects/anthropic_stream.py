"""Streams of Anthropic's Messages API as chunks of a chat completion, and such chunks as its streams.

Rule 1: an event goes out with the byte that ends the one it comes from, but for what the other form must
have whole: signatures of thoughts, and calls whose arguments come in turns.
Rule 2: a stream ends as it should only if it came to its end. An error, an event that cannot be read and a
missing end become an error event; no finish reason and no `[DONE]` or `message_stop` stand behind it.
Rule 3: what is held back is bounded by `sse.MAX_EVENT`.

Source: Anthropic Messages API, streaming, version 2023-06-01, as the types of SDK 2.11.0 have it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from waypost.dialects import digits, sse
from waypost.dialects.anthropic_request import JSON_TOOL, thoughts_of
from waypost.dialects.anthropic_response import (
    BAD_ANSWER,
    arguments,
    call_id,
    error_from,
    error_to,
    finish_from,
    message_id,
    stop_from,
    usage_from,
    usage_to,
)
from waypost.dialects.chunks import (
    Calls,
    Chunks,
    Done,
    Fault,
    Step,
    arguments_of,
    choice_of,
    is_preface,
    reasoning_of,
    texts_of,
)
from waypost.dialects.failures import ENDED_EARLY, error
from waypost.dialects.foreign import Reply, encode, mapping, sequence
from waypost.dialects.sse import Event, SseReader

_STRUCTURE: Final = re.compile(r'["\\{}\[\]]')


# --- toward a client of OpenAI's form ---------------------------------------------------------------------


@dataclass(slots=True)
class _Block:
    """The block that is open.

    Attributes:
        kind: its type; `json` = the call that stands for an answer in JSON.
        native: as it began.
        text: of thoughts, kept to go out once more with their signature.
        size: of both.
        is_begun: there was something of a call's arguments.
    """

    kind: str
    native: Mapping[str, Any]
    text: list[str] = field(default_factory=list[str])
    size: int = 0
    signature: list[str] = field(default_factory=list[str])
    is_begun: bool = False

    def keep(self, pieces: list[str], text: str) -> None:
        """Keep a piece of a thought or its signature; of one that is too long nothing is kept."""
        self.size += len(text)
        if self.size > sse.MAX_EVENT:
            self.text.clear()
            self.signature.clear()
        else:
            pieces.append(text)


class StreamReader:
    """A provider's stream as chunks of a chat completion.

    Args:
        reply: what the provider does not say of the answer.
    """

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._events = SseReader()
        self._head = ""  # of every chunk; empty = nothing was sent
        self._block: _Block | None = None
        self._calls = 0
        self._usage: dict[str, Any] = {}
        self._end: dict[str, Any] = {}
        self._is_over = False
        self._readers: dict[object, Callable[[Mapping[str, Any]], str]] = {
            "message_start": self._start,
            "content_block_start": self._block_start,
            "content_block_delta": self._block_delta,
            "content_block_stop": self._block_stop,
            "message_delta": self._message_delta,
            "message_stop": self._message_stop,
            "ping": _ping,
            "error": self._error,
        }

    @property
    def usage(self) -> dict[str, Any] | None:
        """As OpenAI counts it; what is known so far, also of a stream that broke off."""
        return usage_from(self._usage)

    def feed(self, chunk: bytes) -> bytes:
        """The next bytes of the stream."""
        return b"".join(map(self._event, self._events.feed(chunk)))

    def end(self) -> bytes:
        """The stream is over; had it not come to its end, this is said."""
        out = b"".join(map(self._event, self._events.end()))
        return out if self._is_over else out + self._fail(error(ENDED_EARLY))

    def _event(self, event: Event) -> bytes:
        if self._is_over:
            return b""
        document = _document(event)
        if document is None:
            return self._fail(error(BAD_ANSWER))
        kind = document.get("type")
        read = self._readers.get(kind) if isinstance(kind, str) else None
        try:
            return encode(read(document)) if read else b""
        except ValueError:
            return self._fail(error(BAD_ANSWER))

    def _fail(self, body: bytes) -> bytes:
        self._is_over = True
        return sse.write(body)

    def _error(self, document: Mapping[str, Any]) -> str:
        return self._fail(error_from(document.get("error"))).decode()

    def _start(self, document: Mapping[str, Any]) -> str:
        message = mapping(document.get("message")) or {}
        self._count(message.get("usage"))
        return self._begin(message.get("id"), message.get("model"))

    def _begin(self, ident: object = None, model: object = None) -> str:
        """The first chunk, unless it was sent."""
        if self._head:
            return ""
        head = {
            "id": ident if isinstance(ident, str) and ident else self._reply.ident,
            "object": "chat.completion.chunk",
            "created": self._reply.created,
            "model": self._reply.model_of(model),
        }
        self._head = f"data: {digits.dumps(head)[:-1]}"
        return self._chunk({"role": "assistant", "content": ""})

    def _chunk(self, delta: Mapping[str, Any]) -> str:
        begin = self._begin()
        usage = ',"usage":null' if self._reply.include_usage else ""
        choice = f'{{"index":0,"delta":{digits.dumps(delta)},"logprobs":null,"finish_reason":null}}'
        return f'{begin}{self._head},"choices":[{choice}]{usage}}}\n\n'

    def _count(self, usage: object) -> None:
        """Counts are of the whole answer so far, so a later one stands for an earlier one."""
        known = (mapping(usage) or {}).items()
        self._usage |= {name: value for name, value in known if value is not None}

    # blocks

    def _block_start(self, document: Mapping[str, Any]) -> str:
        out = self._block_stop(document)
        native = mapping(document.get("content_block")) or {}
        kind = native.get("type")
        if kind == "tool_use":
            if native.get("name") == JSON_TOOL:
                kind = "json"
            else:
                out += self._chunk({"tool_calls": [_call(native, self._calls)]})
                self._calls += 1
        self._block = _Block(kind if isinstance(kind, str) else "", native)
        if kind == "text":
            return out + self._say("content", native.get("text"))
        return out + (self._think(native.get("thinking")) if kind == "thinking" else "")

    def _block_delta(self, document: Mapping[str, Any]) -> str:
        delta = mapping(document.get("delta")) or {}
        match delta.get("type"):
            case "text_delta":
                return self._say("content", delta.get("text"))
            case "thinking_delta":
                return self._think(delta.get("thinking"))
            case "signature_delta" if self._block:
                self._block.keep(self._block.signature, _string(delta.get("signature")))
                return ""
            case "input_json_delta":
                return self._argue(_string(delta.get("partial_json")))
            case _:
                return ""

    def _say(self, name: str, text: object) -> str:
        return self._chunk({name: text}) if isinstance(text, str) and text else ""

    def _think(self, text: object) -> str:
        if self._block and isinstance(text, str):
            self._block.keep(self._block.text, text)
        return self._say("reasoning_content", text)

    def _argue(self, text: str) -> str:
        block = self._block
        if not block or not text:
            return ""
        if block.kind == "json":
            block.is_begun = True
            return self._say("content", text)
        if block.kind != "tool_use":
            return ""
        block.is_begun = True
        return self._chunk({"tool_calls": [{"index": self._calls - 1, "function": {"arguments": text}}]})

    def _block_stop(self, document: Mapping[str, Any]) -> str:
        block, self._block = self._block, None
        if block is None:
            return ""
        if block.kind in {"tool_use", "json"} and not block.is_begun:
            self._block = block
            out = self._argue(arguments(block.native.get("input")))
            self._block = None
            return out
        if block.kind == "thinking":
            thought = {
                "type": "thinking",
                "thinking": "".join(block.text),
                "signature": "".join(block.signature) or block.native.get("signature"),
            }
            return self._thoughts(thought) if block.size <= sse.MAX_EVENT else ""
        return self._thoughts(block.native) if block.kind == "redacted_thinking" else ""

    def _thoughts(self, block: Mapping[str, Any]) -> str:
        whole = thoughts_of({"thinking_blocks": [block]})
        return self._chunk({"thinking_blocks": whole}) if whole else ""

    # the end

    def _message_delta(self, document: Mapping[str, Any]) -> str:
        self._count(document.get("usage"))
        delta = mapping(document.get("delta")) or {}
        if isinstance(delta.get("stop_reason"), str):
            self._end = delta
        return ""

    def _message_stop(self, document: Mapping[str, Any]) -> str:
        if not self._end:
            return self._fail(error(ENDED_EARLY)).decode()
        out = self._block_stop(document) + self._begin()
        self._is_over = True
        end = finish_from(self._end, has_calls=self._calls > 0)
        choice: dict[str, Any] = {"index": 0, "delta": {}, "logprobs": None, **end}
        usage = self.usage if self._reply.include_usage else None
        null = ',"usage":null' if self._reply.include_usage else ""
        out += f'{self._head},"choices":[{digits.dumps(choice)}]{null}}}\n\n'
        if usage:
            out += f'{self._head},"choices":[],"usage":{digits.dumps(usage)}}}\n\n'
        return f"{out}data: [DONE]\n\n"


def _call(native: Mapping[str, Any], index: int) -> dict[str, Any]:
    function = {"name": _string(native.get("name")), "arguments": ""}
    return {"index": index, "id": _string(native.get("id")), "type": "function", "function": function}


def _ping(_: Mapping[str, Any]) -> str:
    return ": ping\n\n"


def _document(event: Event) -> dict[str, Any] | None:
    try:
        return mapping(digits.loads(event.data or b""))
    except ValueError:
        return None


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


# --- toward a client of Anthropic's form ------------------------------------------------------------------


class _Extent:
    """Says when a JSON object that comes in pieces is at its end, in linear time."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = -1  # offset in the next piece of a character behind a backslash
        self.is_whole = False

    def feed(self, text: str) -> None:
        """The next piece."""
        for found in _STRUCTURE.finditer(text):
            if found.start() != self._escaped:
                self._step(found[0], found.end())
        self._escaped -= len(text)

    def _step(self, char: str, end: int) -> None:
        if char == '"':
            self._in_string = not self._in_string
        elif self._in_string:
            self._escaped = end if char == "\\" else self._escaped
        elif char != "\\":
            self._depth += 1 if char in "{[" else -1
            self.is_whole = self.is_whole or self._depth == 0


@dataclass(slots=True)
class _Call:
    """A call of a tool, whose block may have to wait for that of another to end.

    Attributes:
        waiting: arguments that did not go out.
        is_closed: its block came to its end.
    """

    ident: str
    name: str
    waiting: list[str] = field(default_factory=list[str])
    extent: _Extent = field(default_factory=_Extent)
    is_closed: bool = False


class StreamWriter:
    """A stream of chunks of a chat completion as one of Anthropic's.

    One block is open at a time. A call is streamed while it is the only one that lacks something; one that
    begins before another has its end waits for it. The end of the message waits for the usage, which comes
    behind the finish reason.
    """

    def __init__(self) -> None:
        self._chunks = Chunks()
        self._ident = ""  # of the message; empty = it did not begin
        self._index = -1  # of the block begun last
        self._open = ""  # what is in it; empty = none is open
        self._calls: dict[int, _Call] = {}
        self._numbers = Calls()
        self._live: int | None = None  # the call whose block is open
        self._size = 0  # of all arguments
        self._usage: object = None
        self._choice: dict[str, Any] = {}  # the one that says why it ended

    def feed(self, chunk: bytes) -> bytes:
        """The next bytes of the stream."""
        return b"".join(map(self._write, self._chunks.feed(chunk)))

    def end(self) -> bytes:
        """The stream is over; had it not come to its end, this is said."""
        return b"".join(map(self._write, self._chunks.end()))

    def _write(self, step: Step) -> bytes:
        match step:
            case Done():
                return encode(self._finish())
            case Fault():
                kind = "overloaded_error" if step.code == "overloaded" else "api_error"
                return sse.write(error_to(kind, step.message), "error")
            case _:
                try:
                    return encode("".join(self._chunk(step)))
                except ValueError:
                    return self._write(self._chunks.fail(Fault(BAD_ANSWER)))

    def _chunk(self, document: dict[str, Any]) -> Iterator[str]:
        if document.get("usage"):
            self._usage = document["usage"]
        if not self._ident and not is_preface(document):
            self._ident = message_id(document.get("id"))
            yield self._begin(document)
        choice = choice_of(document)
        delta = mapping(choice.get("delta")) or {}
        yield from self._thoughts(delta)
        for text in (*texts_of(delta.get("content")), *texts_of(delta.get("refusal"))):
            yield from self._into("text", {"type": "text", "text": ""})
            yield self._delta({"type": "text_delta", "text": text})
        for item in sequence(delta.get("tool_calls")) or ():
            yield from self._call(mapping(item) or {})
        if isinstance(choice.get("finish_reason"), str):
            self._choice = choice

    def _begin(self, document: Mapping[str, Any]) -> str:
        message: dict[str, Any] = {
            "id": self._ident,
            "type": "message",
            "role": "assistant",
            "model": document.get("model"),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_to(document.get("usage")),
        }
        return _written({"type": "message_start", "message": message})

    # blocks

    def _into(self, kind: str, block: Mapping[str, Any]) -> Iterator[str]:
        """Begin a block, unless one of its kind is open."""
        if self._open != kind:
            yield from self._close()
            self._index += 1
            self._open = kind
            yield _written({"type": "content_block_start", "index": self._index, "content_block": block})

    def _delta(self, delta: Mapping[str, Any]) -> str:
        return _written({"type": "content_block_delta", "index": self._index, "delta": delta})

    def _close(self) -> Iterator[str]:
        if self._open:
            if self._live is not None:
                self._calls[self._live].is_closed = True
                self._live = None
            self._open = ""
            yield _written({"type": "content_block_stop", "index": self._index})

    def _thoughts(self, delta: Mapping[str, Any]) -> Iterator[str]:
        if text := reasoning_of(delta):
            yield from self._into("thinking", {"type": "thinking", "thinking": "", "signature": ""})
            yield self._delta({"type": "thinking_delta", "thinking": text})
        for block in thoughts_of(delta):
            if block["type"] == "redacted_thinking":
                yield from self._into("redacted", block)
            else:
                if self._open != "thinking":
                    yield from self._into("thinking", {"type": "thinking", "thinking": "", "signature": ""})
                    yield self._delta({"type": "thinking_delta", "thinking": block["thinking"]})
                yield self._delta({"type": "signature_delta", "signature": block["signature"]})
            yield from self._close()

    def _call(self, item: Mapping[str, Any]) -> Iterator[str]:
        function = mapping(item.get("function")) or {}
        number = self._numbers.number(item)
        call = self._calls.get(number)
        if call is None:
            call = _Call(call_id(item, self._ident, number), _string(function.get("name")))
            self._calls[number] = call
        text = arguments_of(function)
        self._size += len(text)
        if call.is_closed and text.strip():
            raise ValueError("arguments behind their end")
        if self._size > sse.MAX_EVENT:
            raise ValueError("too many arguments")
        call.extent.feed(text)
        call.waiting.append(text)
        if self._live is None or (self._live != number and self._calls[self._live].extent.is_whole):
            yield from self._go_on()
        if self._live == number:
            yield from self._drain(call)

    def _go_on(self) -> Iterator[str]:
        """Open the blocks of calls that wait, in order, up to the first that lacks something."""
        for number, call in self._calls.items():
            if call.is_closed or number == self._live:
                continue
            yield from self._close()
            yield from self._into(
                f"tool {number}", {"type": "tool_use", "id": call.ident, "name": call.name, "input": {}}
            )
            self._live = number
            yield from self._drain(call)
            if not call.extent.is_whole:
                return

    def _drain(self, call: _Call) -> Iterator[str]:
        text = "".join(call.waiting)
        call.waiting.clear()
        if text:
            yield self._delta({"type": "input_json_delta", "partial_json": text})

    # the end

    def _finish(self) -> str:
        out: list[str] = []
        while any(not call.is_closed and number != self._live for number, call in self._calls.items()):
            out += self._go_on()
        out += self._close()
        delta = stop_from(self._choice, has_calls=bool(self._calls))
        out.append(_written({"type": "message_delta", "delta": delta, "usage": usage_to(self._usage)}))
        out.append(_written({"type": "message_stop"}))
        return "".join(out)


def _written(event: dict[str, Any]) -> str:
    return f"event: {event['type']}\ndata: {digits.dumps(event)}\n\n"
