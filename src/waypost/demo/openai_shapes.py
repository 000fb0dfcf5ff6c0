"""What OpenAI's API takes, and servers compatible with it: shapes of bodies and what must hold among fields.

Source: OpenAI API reference, chat completions, completions and embeddings (2026); types of openai 3.51.0.
"""

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from waypost.demo.checks import Base64, Loose, Ratio, Schema, invalid
from waypost.dialects.foreign import mapping, sequence

_STOPS: Final = 4
_LONGEST_ID: Final = 40
_PICTURE: Final = re.compile(r"https?://|data:[\w.+-]+/[\w.+-]+;base64,", re.ASCII)
_JSON: Final = re.compile("json", re.IGNORECASE)

Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
Penalty = Annotated[float, Field(ge=-2, le=2)]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


# --- messages ---------------------------------------------------------------------------------------------


class Text(Loose):
    """A part of type `text`."""

    type: Literal["text"]
    text: str


class Refusal(Loose):
    """A part of an assistant's message."""

    type: Literal["refusal"]
    refusal: str


class Url(Loose):
    """Where a picture is, or the picture."""

    url: Annotated[str, Field(min_length=1)]
    detail: Literal["low", "high", "auto", "original"] | None = None


class Image(Loose):
    """A picture."""

    type: Literal["image_url"]
    image_url: Url


class Sound(Loose):
    """Audio data."""

    data: Base64
    format: Literal["wav", "mp3"]


class Audio(Loose):
    """A part of type `input_audio`."""

    type: Literal["input_audio"]
    input_audio: Sound


class Document(Loose):
    """A file's data, or its id."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class File(Loose):
    """A part of type `file`."""

    type: Literal["file"]
    file: Document


Part = Annotated[Text | Refusal | Image | Audio | File, Field(discriminator="type")]


class CalledFunction(Loose):
    """The function of a call."""

    name: Annotated[str, Field(min_length=1)]
    arguments: str


class ToolCall(Loose):
    """A call of the assistant's."""

    id: Annotated[str, Field(min_length=1)]
    type: Literal["function"]
    function: CalledFunction


class Message(Loose):
    """One turn."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: Annotated[list[ToolCall], Field(min_length=1)] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None

    @property
    def text(self) -> str:
        """What can be read of it."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content if isinstance(part, Text))
        return self.content or ""


# --- tools ------------------------------------------------------------------------------------------------


class Function(Loose):
    """A function on offer."""

    name: Name
    description: str | None = None
    parameters: Schema | None = None
    strict: bool | None = None


class Tool(Loose):
    """A tool on offer."""

    type: Literal["function"]
    function: Function


class JsonSchema(Loose):
    """`response_format.json_schema`."""

    name: Name
    json_schema: Annotated[Schema, Field(alias="schema")]
    description: str | None = None
    strict: bool | None = None


class Format(Loose):
    """`response_format`."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(Loose):
    """How a stream is to look."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


# --- bodies -----------------------------------------------------------------------------------------------


class Sampling(Loose):
    """What chat and plain completions share."""

    model: Annotated[str, Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    stop: str | list[str] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Ratio | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, float] | None = None
    seed: int | None = None
    user: str | None = None

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end the answer."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())


class Chat(Sampling):
    """`POST /v1/chat/completions`."""

    messages: Annotated[list[Message], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    reasoning_effort: Effort | None = None
    response_format: Format | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    tools: list[Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    modalities: list[str] | None = None
    audio: dict[str, Any] | None = None
    prediction: dict[str, Any] | None = None
    moderation: dict[str, Any] | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: dict[str, Any] | None = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    web_search_options: dict[str, Any] | None = None

    @property
    def chosen(self) -> tuple[str, tuple[str, ...]]:
        """`auto`, `none` or `required`, and the functions that it is about; none = all of them."""
        return choice(self.tool_choice, [tool.function.name for tool in self.tools or ()])


class Completion(Sampling):
    """`POST /v1/completions`."""

    prompt: str | list[str] | list[int] | list[list[int]]
    echo: bool | None = None
    best_of: int | None = None
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    suffix: str | None = None


class Embeddings(Loose):
    """`POST /v1/embeddings`: a text, token ids, or a list of either."""

    model: Annotated[str, Field(min_length=1)]
    input: Annotated[str | list[str] | list[int] | list[list[int]], Field(min_length=1)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1, le=4096)] | None = None
    user: str | None = None


# --- what must hold among fields --------------------------------------------------------------------------


def check_chat(body: Chat, *, is_openai: bool) -> None:
    """What no field can say of itself.

    Args:
        body: of the right shape.
        is_openai: it is OpenAI's own, which takes less.

    Raises:
        RefusedError: 400.
    """
    _check_sampling(body, is_openai=is_openai)
    if body.top_logprobs is not None and not body.logprobs:
        raise invalid("`top_logprobs` needs `logprobs`.", "top_logprobs")
    if is_openai and body.max_tokens is not None and body.max_completion_tokens is not None:
        raise invalid("`max_tokens` and `max_completion_tokens` exclude each other.", "max_tokens")
    _check_tools(body)
    _check_format(body, is_openai=is_openai)
    check_turns(body.messages)
    for n, message in enumerate(body.messages):
        _check_message(message, f"messages[{n}]", is_openai=is_openai)


def _check_sampling(body: Sampling, *, is_openai: bool) -> None:
    if body.stream_options is not None and not body.stream:
        raise invalid("`stream_options` needs `stream`.", "stream_options")
    if is_openai and len(body.stops) > _STOPS:
        raise invalid(f"At most {_STOPS} texts can stop an answer.", "stop")


def _check_tools(body: Chat) -> None:
    if body.tools is not None and not body.tools:
        raise invalid("A list of tools must not be empty.", "tools")
    if not body.tools:
        for name in ("tool_choice", "parallel_tool_calls"):
            if getattr(body, name) not in (None, "none"):
                raise invalid(f"`{name}` needs `tools`.", name)
        return
    _ = body.chosen
    for n, tool in enumerate(body.tools):
        if tool.function.strict:
            _check_strict(tool.function.parameters or {}, f"tools[{n}].function.parameters")


def choice(value: object, names: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """A tool choice: its mode, and the functions that it is about.

    Raises:
        RefusedError: 400; it names none that is on offer, or is none.
    """
    if value is None or value in ("auto", "none", "required"):
        return str(value or "auto"), ()
    found = mapping(value) or {}
    chosen = [found]
    mode: object = "required"
    if found.get("type") == "allowed_tools":
        allowed = mapping(found.get("allowed_tools")) or found
        chosen = [mapping(item) or {} for item in sequence(allowed.get("tools")) or ()]
        mode = allowed.get("mode")
    # Chat completions nest the name, responses do not.
    called = [(mapping(item.get("function")) or item).get("name") for item in chosen]
    wanted = tuple(name for name in called if isinstance(name, str) and name in names)
    if mode not in ("auto", "required") or not wanted or len(wanted) < len(called):
        raise invalid("This is no tool choice, or one of a tool that is not on offer.", "tool_choice")
    return str(mode), wanted


def _check_format(body: Chat, *, is_openai: bool) -> None:
    wanted = body.response_format
    if wanted is None:
        return
    if (wanted.type == "json_schema") != (wanted.json_schema is not None):
        raise invalid("`json_schema` goes with the type of that name.", "response_format.json_schema")
    if wanted.json_schema is not None and wanted.json_schema.strict:
        _check_strict(wanted.json_schema.json_schema, "response_format.json_schema.schema")
    texts = (message.text for message in body.messages)
    if wanted.type == "json_object" and is_openai and not any(map(_JSON.search, texts)):
        raise invalid("Who wants JSON must say so in a message too.", "messages")


def _check_strict(schema: dict[str, Any], param: str) -> None:
    """Strictly is promised only what forbids additional properties and requires all others."""
    properties = mapping(schema.get("properties")) or {}
    if schema.get("additionalProperties") is not False:
        raise invalid("A strict schema must have `additionalProperties: false`.", param)
    if set(properties) != set(sequence(schema.get("required")) or ()):
        raise invalid("A strict schema must require every property.", param)


def check_turns(messages: Sequence[Message]) -> None:
    """Every call has its result, right behind it, and every result its call.

    Raises:
        RefusedError: 400.
    """
    waiting: set[str] = set()
    for n, message in enumerate(messages):
        param = f"messages[{n}]"
        if message.role == "tool":
            if message.tool_call_id not in waiting:
                raise invalid("A result of a tool must follow the call that it is of.", param)
            waiting.remove(message.tool_call_id)
        elif waiting:
            raise invalid("Results of all calls must follow the message that has them.", param)
        waiting |= {call.id for call in message.tool_calls or ()}
    if waiting:
        raise invalid("Results of all calls must follow the message that has them.", "messages")


def _check_message(message: Message, param: str, *, is_openai: bool) -> None:
    parts = message.content if isinstance(message.content, list) else []
    if message.role == "assistant":
        if message.content is None and not message.tool_calls and message.refusal is None:
            raise invalid("An assistant's message needs content or calls.", f"{param}.content")
        for call in message.tool_calls or ():
            if is_openai and len(call.id) > _LONGEST_ID:
                raise invalid(f"An id has at most {_LONGEST_ID} characters.", f"{param}.tool_calls")
            if not is_openai and not _is_object(call.function.arguments):
                raise invalid("Arguments must be a JSON object.", f"{param}.tool_calls")
        return
    if message.content is None or (isinstance(message.content, list) and not parts):
        raise invalid("A message needs content.", f"{param}.content")
    if message.tool_calls:
        raise invalid("Only an assistant calls tools.", f"{param}.tool_calls")
    if message.role != "user" and any(not isinstance(part, Text) for part in parts):
        raise invalid("Only a user's message can have more than text.", f"{param}.content")
    for n, part in enumerate(parts):
        _check_part(part, f"{param}.content[{n}]")


def _check_part(part: object, param: str) -> None:
    if isinstance(part, Refusal):
        raise invalid("Only an assistant refuses.", param)
    if isinstance(part, Image) and not _PICTURE.match(part.image_url.url):
        raise invalid("A picture is a web address, or a data URL in base64.", param)
    if isinstance(part, File) and not (part.file.file_data or part.file.file_id):
        raise invalid("A file needs data or an id.", param)


def _is_object(text: str) -> bool:
    """Nothing at all stands for no arguments."""
    try:
        return isinstance(json.loads(text or "{}"), dict)
    except (ValueError, RecursionError):
        return False
