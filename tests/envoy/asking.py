"""Clients of three forms: the official SDKs, and bare HTTP where a test must see every byte as it comes."""

import contextlib
import http.client
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import anthropic
import openai

from tests.envoy.gateway import Gateway

FormName = Literal["chat", "messages", "responses"]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}
SYSTEM = "Answer in one sentence."


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream; `data` is JSON or, where it is none, text."""

    name: str
    data: Any


@dataclass(frozen=True, slots=True)
class Form:
    """What clients of one form send and read.

    Attributes:
        body: a request of one user message, with everything each form has: instructions, a tool, a limit.
        text: of an answer's JSON.
        piece: text of an event of a stream; empty = it has none.
        is_end: whether an event says that the answer is complete.
        is_error: whether an event says that it failed.
        error: the error of a body, checked to be of this form: its type and its message.
    """

    name: FormName
    path: str
    body: Callable[[str], dict[str, Any]]
    text: Callable[[Any], str]
    piece: Callable[[Event], str]
    is_end: Callable[[Event], bool]
    is_error: Callable[[Event], bool]
    error: Callable[[Any], tuple[str, str]]

    @property
    def native(self) -> str:
        """Kind of provider that understands it as it is."""
        return "anthropic" if self.name == "messages" else "openai"


def _chat_body(text: str) -> dict[str, Any]:
    function = {"name": "weather", "description": "Looks it up.", "parameters": SCHEMA}
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
    tools = [{"type": "function", "function": function}]
    return {
        "model": "auto",
        "messages": messages,
        "tools": tools,
        "max_completion_tokens": 321,
        "stop": ["END"],
    }


def _messages_body(text: str) -> dict[str, Any]:
    return {
        "model": "auto",
        "system": SYSTEM,
        "messages": [{"role": "user", "content": text}],
        "tools": [{"name": "weather", "description": "Looks it up.", "input_schema": SCHEMA}],
        "max_tokens": 321,
        "stop_sequences": ["END"],
    }


def _responses_body(text: str) -> dict[str, Any]:
    tool = {"type": "function", "name": "weather", "description": "Looks it up.", "parameters": SCHEMA}
    return {
        "model": "auto",
        "instructions": SYSTEM,
        "input": text,
        "tools": [tool | {"strict": False}],
        "max_output_tokens": 321,
    }


def _chat_piece(event: Event) -> str:
    choices = event.data.get("choices") if isinstance(event.data, dict) else None
    return (choices[0]["delta"].get("content") or "") if choices else ""


def _messages_piece(event: Event) -> str:
    delta = event.data.get("delta", {}) if event.name == "content_block_delta" else {}
    return delta.get("text", "")


def _responses_piece(event: Event) -> str:
    return event.data["delta"] if event.name == "response.output_text.delta" else ""


def _responses_text(body: Any) -> str:
    parts = [part for item in body["output"] if item["type"] == "message" for part in item["content"]]
    return "".join(part["text"] for part in parts)


def _openai_error(body: Any) -> tuple[str, str]:
    error = body["error"]
    assert error.keys() == {"message", "type", "param", "code"}, error
    assert error["code"] is None or isinstance(error["code"], str)
    return error["type"], error["message"]


ANTHROPIC_TYPES = frozenset(
    {
        *("invalid_request_error", "authentication_error", "billing_error", "permission_error"),
        *("not_found_error", "request_too_large", "rate_limit_error", "timeout_error", "api_error"),
        *("overloaded_error",),
    }
)


def _anthropic_error(body: Any) -> tuple[str, str]:
    assert body["type"] == "error", body
    assert body.keys() <= {"type", "error", "request_id"}
    error = body["error"]
    assert error.keys() == {"type", "message"}, error
    assert error["type"] in ANTHROPIC_TYPES
    return error["type"], error["message"]


CHAT = Form(
    "chat",
    "/v1/chat/completions",
    _chat_body,
    lambda body: body["choices"][0]["message"]["content"] or "",
    _chat_piece,
    lambda event: event.data == "[DONE]",
    lambda event: isinstance(event.data, dict) and bool(event.data.get("error")),
    _openai_error,
)
MESSAGES = Form(
    "messages",
    "/v1/messages",
    _messages_body,
    lambda body: "".join(block["text"] for block in body["content"] if block["type"] == "text"),
    _messages_piece,
    lambda event: event.name == "message_stop",
    lambda event: event.name == "error",
    _anthropic_error,
)
RESPONSES = Form(
    "responses",
    "/v1/responses",
    _responses_body,
    _responses_text,
    _responses_piece,
    lambda event: event.name in {"response.completed", "response.incomplete"},
    lambda event: event.name in {"error", "response.failed"},
    _openai_error,
)
FORMS = (CHAT, MESSAGES, RESPONSES)


# --- official SDKs -----------------------------------------------------------------------------------------


def openai_sdk(gateway: Gateway) -> openai.OpenAI:
    """One client for all tests of a gateway: making one takes longer than a test."""
    found = (client for client in gateway.clients if type(client) is openai.OpenAI)
    shared = next((client for client in found if client.api_key == "shared-key"), None)
    return shared or gateway.sdk(api_key="shared-key")


def anthropic_sdk(gateway: Gateway) -> anthropic.Anthropic:
    """Likewise."""
    found: list[Any] = [client for client in gateway.clients if isinstance(client, anthropic.Anthropic)]
    if not found:
        found.append(anthropic.Anthropic(base_url=gateway.url, api_key="client-key", max_retries=0))
        gateway.clients.append(found[0])
    return found[0]


@dataclass(frozen=True, slots=True)
class Answered:
    """What an SDK made of an answer."""

    text: str
    headers: Mapping[str, str]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Client:
    """An official SDK, and whether it asks for a stream."""

    form: Form
    stream: bool

    def __str__(self) -> str:
        return f"{self.form.name}-{'sse' if self.stream else 'json'}"

    def ask(self, gateway: Gateway, text: str) -> Answered:
        """Ask; exceptions of the SDK pass."""
        body = self.form.body(text)
        if self.form.name == "messages":
            return _ask_messages(anthropic_sdk(gateway), body, stream=self.stream)
        if self.form.name == "chat":
            return _ask_chat(openai_sdk(gateway), body, stream=self.stream)
        return _ask_responses(openai_sdk(gateway), body, stream=self.stream)


CLIENTS = tuple(Client(form, stream) for form in FORMS for stream in (False, True))


def _ask_chat(sdk: openai.OpenAI, body: Any, *, stream: bool) -> Answered:
    raw = sdk.chat.completions.with_raw_response.create(**body, stream=stream)
    if not stream:
        choice = raw.parse().choices[0]
        return Answered(choice.message.content or "", raw.headers, choice.finish_reason == "stop")
    choices = [chunk.choices[0] for chunk in raw.parse() if chunk.choices]
    words = "".join(choice.delta.content or "" for choice in choices)
    return Answered(words, raw.headers, choices[-1].finish_reason == "stop")


def _ask_messages(sdk: anthropic.Anthropic, body: Any, *, stream: bool) -> Answered:
    raw = sdk.messages.with_raw_response.create(**body, stream=stream)
    if not stream:
        message = raw.parse()
        words = "".join(block.text for block in message.content if block.type == "text")
        return Answered(words, raw.headers, message.stop_reason == "end_turn")
    events = list(raw.parse())
    deltas = [event.delta for event in events if event.type == "content_block_delta"]
    words = "".join(delta.text for delta in deltas if delta.type == "text_delta")
    return Answered(words, raw.headers, events[-1].type == "message_stop")


def _ask_responses(sdk: openai.OpenAI, body: Any, *, stream: bool) -> Answered:
    raw = sdk.responses.with_raw_response.create(**body, stream=stream)
    if not stream:
        response = raw.parse()
        return Answered(response.output_text, raw.headers, response.status == "completed")
    events = list(raw.parse())
    words = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    return Answered(words, raw.headers, events[-1].type == "response.completed")


# --- bare HTTP ---------------------------------------------------------------------------------------------


_BORDER = re.compile(rb"\r?\n\r?\n")


@dataclass
class Streaming:
    """A stream as it arrives.

    Attributes:
        raw: all bytes so far.
        is_cut: the transfer broke before its end.
    """

    response: http.client.HTTPResponse
    raw: bytearray = field(default_factory=bytearray)
    is_cut: bool = False
    _read: int = 0

    @property
    def status(self) -> int:
        return self.response.status

    def __iter__(self) -> Iterator[Event]:
        """Each event as soon as it is whole; comments are left out."""
        while True:
            try:
                data = self.response.read1(65536)
            except (http.client.HTTPException, ConnectionError):
                self.is_cut = True
                return
            if not data:
                return
            start = max(0, len(self.raw) - 3)  # where a border may begin that ends in the new bytes
            self.raw += data
            borders = list(_BORDER.finditer(self.raw, max(start, self._read)))
            for border in borders:
                found = _event(bytes(self.raw[self._read : border.start()]))
                self._read = border.end()
                if found:
                    yield found

    def pieces(self, form: Form) -> Iterator[str]:
        """Texts as they come."""
        return (piece for event in self if (piece := form.piece(event)))


def _event(block: bytes) -> Event | None:
    name, data = "", []
    for line in re.split(r"\r?\n", block.decode()):
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
    text = "\n".join(data)
    if not data:
        return None
    with contextlib.suppress(ValueError):
        return Event(name, json.loads(text))
    return Event(name, text)


@contextlib.contextmanager
def streaming(gateway: Gateway, form: Form, text: str, **fields: Any) -> Iterator[Streaming]:
    """Ask for a stream."""
    body = json.dumps(form.body(text) | {"stream": True} | fields)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("POST", form.path, body, {"content-type": "application/json"})
        with connection.getresponse() as response:
            yield Streaming(response)
