"""What Anthropic's Messages API takes: shapes of bodies and what must hold among fields.

Source: Anthropic Messages API, version 2023-06-01 (2026); types of anthropic 2.11.0.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from waypost.demo.checks import Base64, Ratio, Schema, Shape, invalid
from waypost.dialects.foreign import mapping, sequence

_LEAST_BUDGET: Final = 1024
_MOST_MARKS: Final = 4
_THINKING: Final = ("thinking", "redacted_thinking")
_LEAST_TOP_P: Final = 0.95

Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]
Ident = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]+$")]
Words = Annotated[str, Field(min_length=1, pattern=r"\S")]


@dataclass(frozen=True, slots=True)
class Traits:
    """What one model of the demo takes.

    Attributes:
        max_tokens: most that may be asked for.
        thinking: types of `thinking` that it knows.
        unasked: it thinks where nothing is said of it.
        samples: takes `temperature`, `top_p` and `top_k`.
        prefills: goes on with an assistant's message.
        forces: can be made to call a tool.
    """

    max_tokens: int
    thinking: frozenset[str]
    unasked: bool = False
    samples: bool = False
    prefills: bool = False
    forces: bool = True


TRAITS: Final[Mapping[str, Traits]] = {
    "claude-haiku-4-5": Traits(64_000, frozenset({"enabled", "disabled"}), samples=True, prefills=True),
    "claude-opus-4-7": Traits(128_000, frozenset({"adaptive", "disabled"})),
    "claude-sonnet-5-5": Traits(
        128_000, frozenset({"adaptive", "between_tools"}), unasked=True, forces=False
    ),
}
_OFF: Final = frozenset({"disabled", "between_tools"})
_FORCED: Final = frozenset({"any", "tool"})


def sign(thoughts: str) -> str:
    """The signature of thoughts; only what the demo thought itself has the right one."""
    return base64.b64encode(hashlib.sha256(b"demo anthropic " + thoughts.encode()).digest()).decode()


# --- blocks -----------------------------------------------------------------------------------------------


class CacheControl(Shape):
    """The prompt up to here may be cached."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class Marked(Shape):
    """What a mark for the cache can stand on."""

    cache_control: CacheControl | None = None


class Text(Marked):
    """Words; empty ones are refused."""

    type: Literal["text"]
    text: Words
    citations: list[Any] | None = None


class Base64Image(Shape):
    """A picture itself."""

    type: Literal["base64"]
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    data: Base64


class Url(Shape):
    """Where something is."""

    type: Literal["url"]
    url: Annotated[str, Field(pattern=r"^https?://")]


class Image(Marked):
    """A picture."""

    type: Literal["image"]
    source: Annotated[Base64Image | Url, Field(discriminator="type")]


class Pdf(Shape):
    """A PDF itself."""

    type: Literal["base64"]
    media_type: Literal["application/pdf"]
    data: Base64


class Plain(Shape):
    """A text file."""

    type: Literal["text"]
    media_type: Literal["text/plain"]
    data: Annotated[str, Field(min_length=1)]


class Document(Marked):
    """A file."""

    type: Literal["document"]
    source: Annotated[Pdf | Plain | Url, Field(discriminator="type")]
    title: str | None = None
    context: str | None = None
    citations: dict[str, bool] | None = None


class ToolUse(Marked):
    """A call."""

    type: Literal["tool_use"]
    id: Ident
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]
    input: dict[str, Any]


class ToolResult(Marked):
    """A result of a call."""

    type: Literal["tool_result"]
    tool_use_id: Ident
    content: str | list[Annotated[Text | Image | Document, Field(discriminator="type")]] | None = None
    is_error: bool | None = None


class Thinking(Shape):
    """Thoughts, with the signature they came with."""

    type: Literal["thinking"]
    thinking: str
    signature: Annotated[str, Field(min_length=1)]


class Redacted(Shape):
    """Thoughts that nobody may read."""

    type: Literal["redacted_thinking"]
    data: Annotated[str, Field(min_length=1)]


Block = Annotated[
    Text | Image | Document | ToolUse | ToolResult | Thinking | Redacted, Field(discriminator="type")
]


class Turn(Shape):
    """One turn."""

    role: Literal["user", "assistant"]
    content: str | list[Block]

    @property
    def blocks(self) -> Sequence[Block]:
        """Its content, which a text alone stands for too."""
        return [] if isinstance(self.content, str) else self.content

    def of(self, *kinds: str) -> list[Any]:
        """Blocks of these types."""
        return [block for block in self.blocks if block.type in kinds]

    @property
    def text(self) -> str:
        """What can be read of it, results included."""
        if isinstance(self.content, str):
            return self.content
        return "".join(_readable(self.content))


def _readable(blocks: Sequence[Any]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Text):
            yield block.text
        elif isinstance(block, ToolResult):
            yield block.content if isinstance(block.content, str) else "".join(_readable(block.content or ()))


# --- the rest of a body -----------------------------------------------------------------------------------


class Tool(Marked):
    """A function on offer; tools of the provider's own are none of the demo."""

    name: Name
    description: str | None = None
    input_schema: Schema
    strict: bool | None = None
    type: Literal["custom"] | None = None


class ToolChoice(Shape):
    """`tool_choice`."""

    type: Literal["auto", "any", "none", "tool"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class ThinkingConfig(Shape):
    """`thinking`."""

    type: Literal["enabled", "adaptive", "disabled", "between_tools"]
    budget_tokens: int | None = None
    display: Literal["summarized", "omitted"] | None = None


class JsonFormat(Shape):
    """`output_config.format`."""

    type: Literal["json_schema"]
    json_schema: Annotated[Schema, Field(alias="schema")]


class OutputConfig(Shape):
    """`output_config`."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: JsonFormat | None = None


class Metadata(Shape):
    """`metadata`."""

    user_id: Annotated[str, Field(max_length=256)] | None = None


class Count(Marked):
    """`POST /v1/messages/count_tokens`."""

    model: Annotated[str, Field(min_length=1)]
    messages: Annotated[list[Turn], Field(min_length=1)]
    system: str | Annotated[list[Text], Field(min_length=1)] | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: ThinkingConfig | None = None
    output_config: OutputConfig | None = None

    @property
    def is_forced(self) -> bool:
        """Whether a tool must be called."""
        return self.tool_choice is not None and self.tool_choice.type in _FORCED

    @property
    def is_told_to_think(self) -> bool:
        """Whether thinking is asked for."""
        return self.thinking is not None and self.thinking.type not in _OFF

    @property
    def text(self) -> str:
        """What can be read of it."""
        system = self.system or ""
        first = system if isinstance(system, str) else "\n".join(block.text for block in system)
        return "\n".join(filter(None, [first, *(turn.text for turn in self.messages)]))

    @property
    def marks(self) -> int:
        """How often it is marked for the cache."""
        holders: list[object] = [self, *(self.tools or ())]
        holders += self.system if isinstance(self.system, list) else []
        for turn in self.messages:
            for block in turn.blocks:
                within = block.content if isinstance(block, ToolResult) else None
                holders += [block, *(within if isinstance(within, list) else ())]
        return sum(getattr(holder, "cache_control", None) is not None for holder in holders)


class Body(Count):
    """`POST /v1/messages`."""

    max_tokens: Annotated[int, Field(ge=1)]
    stream: bool | None = None
    stop_sequences: list[Words] | None = None
    temperature: Ratio | None = None
    top_p: Ratio | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    metadata: Metadata | None = None
    service_tier: Literal["auto", "standard_only"] | None = None


# --- what must hold among fields --------------------------------------------------------------------------


def check(body: Count, traits: Traits) -> None:
    """What no field can say of itself.

    Raises:
        RefusedError: 400.
    """
    if body.marks > _MOST_MARKS:
        raise invalid(f"At most {_MOST_MARKS} blocks can be marked for the cache.", "cache_control")
    _check_tools(body)
    _check_turns(body.messages)
    _check_thinking(body, traits)
    if body.output_config and body.output_config.format:
        _check_closed(body.output_config.format.json_schema)
    if body.messages[-1].role == "assistant":
        _check_prefill(body, traits)
    if isinstance(body, Body):
        _check_sampling(body, traits)


def _check_tools(body: Count) -> None:
    tools, choice = body.tools or [], body.tool_choice
    names = [tool.name for tool in tools]
    if len(set(names)) < len(names):
        raise invalid("Names of tools must differ.", "tools")
    for n, tool in enumerate(tools):
        if tool.input_schema.get("type") != "object":
            raise invalid("Its type must be `object`.", f"tools.{n}.input_schema.type")
        if tool.strict:
            _check_closed(tool.input_schema)
    if not tools and any(turn.of("tool_use", "tool_result") for turn in body.messages):
        raise invalid("Who speaks of tools must offer tools.", "tools")
    if choice is None:
        return
    if not tools:
        raise invalid("`tool_choice` needs `tools`.", "tool_choice")
    if (choice.type == "tool") != (choice.name is not None) or choice.name not in {None, *names}:
        raise invalid("It must name a tool on offer, if it is of type `tool`.", "tool_choice.name")
    if choice.type == "none" and choice.disable_parallel_tool_use is not None:
        raise invalid("This is no field of the type `none`.", "tool_choice.disable_parallel_tool_use")


def _check_closed(schema: object) -> None:
    """Objects of a schema that answers must follow have no other properties."""
    found = mapping(schema)
    if found is None:
        for item in sequence(schema) or ():
            _check_closed(item)
        return
    if found.get("type") == "object" and found.get("additionalProperties") is not False:
        raise invalid("An object must have `additionalProperties: false`.", "schema")
    for value in found.values():
        _check_closed(value)


def _check_turns(turns: Sequence[Turn]) -> None:
    """Users and assistants in turn; each call has its result in the next turn, in front of all else."""
    if turns[0].role != "user":
        raise invalid("The first message must be a user's.", "messages.0.role")
    used: set[str] = set()
    waiting: list[str] = []
    for n, turn in enumerate(turns):
        param = f"messages.{n}"
        _check_turn(turn, param, is_last=n == len(turns) - 1)
        results = [block.tool_use_id for block in turn.of("tool_result")]
        if sorted(results) != sorted(waiting):
            raise invalid("Results must be those of the calls in the message before.", param)
        if any(block.type == "tool_result" for block in turn.blocks[len(results) :]):
            raise invalid("Results must stand in front of all else.", param)
        waiting = [block.id for block in turn.of("tool_use")]
        if len({*waiting} - used) < len(waiting):
            raise invalid("Ids of calls must differ.", param)
        used |= {*waiting}
    if waiting:
        raise invalid("The last calls have no results.", "messages")


def _check_turn(turn: Turn, param: str, *, is_last: bool) -> None:
    if not turn.content and not (is_last and turn.role == "assistant"):
        raise invalid("Every message needs content, but the assistant's last.", f"{param}.content")
    if isinstance(turn.content, str) and turn.content and not turn.content.strip():
        raise invalid("White space alone is no content.", f"{param}.content")
    alien = ("tool_use", *_THINKING) if turn.role == "user" else ("tool_result", "image", "document")
    if turn.of(*alien):
        raise invalid("A block of this type cannot stand in a message of this role.", f"{param}.content")
    for block in turn.of("thinking"):
        if block.signature != sign(block.thinking):
            raise invalid("The signature of the thoughts is not theirs.", f"{param}.content")


def _check_prefill(body: Count, traits: Traits) -> None:
    last = body.messages[-1]
    if not traits.prefills:
        raise invalid("The model does not continue an assistant's message.", "messages")
    text = last.content if isinstance(last.content, str) else getattr(last.content[-1], "text", "")
    if text != text.rstrip():
        raise invalid("The last message must not end in white space.", "messages")
    if body.is_told_to_think:
        raise invalid("An answer that was begun is not thought about.", "thinking")


def _check_thinking(body: Count, traits: Traits) -> None:
    thinking = body.thinking
    if body.is_forced and (body.is_told_to_think or not traits.forces):
        raise invalid("A model that thinks cannot be made to call.", "tool_choice")
    if thinking is None:
        return
    if thinking.type not in traits.thinking:
        raise invalid("The model does not know this.", "thinking.type")
    if thinking.type != "enabled":
        if thinking.budget_tokens is not None:
            raise invalid("A budget goes with the type `enabled`.", "thinking.budget_tokens")
        return
    budget = thinking.budget_tokens or 0
    if budget < _LEAST_BUDGET or (isinstance(body, Body) and budget >= body.max_tokens):
        message = f"It must be at least {_LEAST_BUDGET} and less than `max_tokens`."
        raise invalid(message, "thinking.budget_tokens")
    calls = [turn for turn in body.messages if turn.role == "assistant"][-1:]
    is_open = body.messages[-1].of("tool_result")
    if is_open and calls[0].of("tool_use") and calls[0].blocks[0].type not in _THINKING:
        raise invalid("While it thinks, its calls must come with the thoughts in front of them.", "messages")


def _check_sampling(body: Body, traits: Traits) -> None:
    if body.max_tokens > traits.max_tokens:
        raise invalid(f"The model gives at most {traits.max_tokens} tokens.", "max_tokens")
    given = {name: getattr(body, name) for name in ("temperature", "top_p", "top_k")}
    asked = [name for name, value in given.items() if value is not None]
    if asked and not traits.samples:
        raise invalid("The model does not take this.", asked[0])
    if body.temperature is not None and body.top_p is not None:
        raise invalid("The model takes `temperature` or `top_p`, not both.", "top_p")
    if not body.is_told_to_think:
        return
    if body.temperature not in (None, 1) or body.top_k is not None or (body.top_p or 1) < _LEAST_TOP_P:
        raise invalid("Not while it thinks.", asked[0])
