"""What Gemini's API takes: shapes of bodies and what must hold among fields.

Source: Gemini API reference, v1beta (2026); types of google-genai 3.4.0.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from waypost.demo.checks import Ratio, Schema, invalid
from waypost.demo.wire import dump

_DUMMIES: Final = frozenset({"skip_thought_signature_validator", "context_engineering_is_the_way_to_go"})
_ONE_OF: Final = ("text", "inline_data", "file_data", "function_call", "function_response")
_READ: Final = ("https://generativelanguage.googleapis.com/", "https://www.youtube.com/", "https://youtu.be/")

Name = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$")]
Mode = Literal["AUTO", "ANY", "NONE", "VALIDATED", "MODE_UNSPECIFIED"]
Level = Literal["minimal", "low", "medium", "high", "MINIMAL", "LOW", "MEDIUM", "HIGH"]
Resolution = Literal["MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM", "MEDIA_RESOLUTION_HIGH"]
Types = Literal["STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"]


@dataclass(frozen=True, slots=True)
class Traits:
    """What one model of the demo takes.

    Attributes:
        json_schema: takes JSON Schema; else only the subset of OpenAPI.
        has_both: takes functions and JSON as the type of the answer in one request.
        thinking: how it is told to think.
        budgets: least and most tokens of thought; 0 turns it off, -1 leaves it to the model.
        can_stop: need not think.
        levels: of thinking.
        signed: wants the signature of a call back.
    """

    json_schema: bool = True
    has_both: bool = True
    thinking: Literal["none", "budget", "level"] = "level"
    budgets: tuple[int, int] = (1, 32_768)
    can_stop: bool = False
    levels: tuple[str, ...] = ("low", "medium", "high")
    signed: bool = True


TRAITS: Final[Mapping[str, Traits]] = {
    "gemini-3-pro": Traits(levels=("low", "high")),
    "gemini-2.5-flash": Traits(
        has_both=False, thinking="budget", budgets=(1, 24_576), can_stop=True, signed=False
    ),
    "gemini-2.0-flash": Traits(json_schema=False, has_both=False, thinking="none", signed=False),
}


def _base64(text: str) -> str:
    """In the usual alphabet and with its end, which Google's own SDK does not send."""
    usual = text.translate(str.maketrans("-_", "+/")).rstrip("=")
    usual += "=" * (-len(usual) % 4)
    base64.b64decode(usual, validate=True)
    return usual


Base64 = Annotated[str, Field(min_length=1), AfterValidator(_base64)]


def sign(name: str, args: Mapping[str, Any]) -> str:
    """The signature of a call; only what the demo called itself has the right one."""
    text = f"demo gemini {name} {dump(sorted(args.items())).decode()}"
    return base64.b64encode(hashlib.sha256(text.encode(errors="replace")).digest()).decode()


class Camel(BaseModel):
    """A JSON object with these fields and no others, in camel or snake case: Google's own SDK mixes them."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True)


# --- contents ---------------------------------------------------------------------------------------------


class Blob(Camel):
    """Data itself."""

    mime_type: Annotated[str, Field(pattern=r"^(image|audio|video|text|application)/[\w.+-]+$")]
    data: Base64


class FileData(Camel):
    """Where data is that Google reads."""

    file_uri: Annotated[str, Field(min_length=1)]
    mime_type: str | None = None


class FunctionCall(Camel):
    """A call of the model's."""

    name: Name
    args: dict[str, Any] | None = None
    id: str | None = None


class FunctionResponse(Camel):
    """A result of a call."""

    name: Name
    response: dict[str, Any]
    id: str | None = None


class Part(Camel):
    """One piece of a turn; it has one kind of data."""

    text: str | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    thought: bool | None = None
    thought_signature: Base64 | None = None


class Content(Camel):
    """One turn."""

    role: Literal["user", "model", "function"] | None = None
    parts: Annotated[list[Part], Field(min_length=1)]

    @property
    def text(self) -> str:
        """What can be read of it, results included."""
        return "".join(_readable(self.parts))

    @property
    def said(self) -> str:
        """Its words alone."""
        return "".join(part.text or "" for part in self.parts)

    @property
    def calls(self) -> list[tuple[FunctionCall, str | None]]:
        """Calls, each with its signature."""
        return [(part.function_call, part.thought_signature) for part in self.parts if part.function_call]

    @property
    def results(self) -> list[FunctionResponse]:
        """Results of calls."""
        return [part.function_response for part in self.parts if part.function_response]


def _readable(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        if part.text:
            yield part.text
        if part.function_response:
            yield dump(part.function_response.response).decode()


# --- tools ------------------------------------------------------------------------------------------------


class OpenApi(Camel):
    """The subset of OpenAPI's schema."""

    type: Types | Literal["string", "number", "integer", "boolean", "array", "object", "null"] | None = None
    format: str | None = None
    title: str | None = None
    description: str | None = None
    nullable: bool | None = None
    enum: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)] | None = None
    items: "OpenApi | None" = None
    properties: "dict[str, OpenApi] | None" = None
    required: list[str] | None = None
    any_of: "Annotated[list[OpenApi], Field(min_length=1)] | None" = None
    property_ordering: list[str] | None = None
    default: Any = None
    example: Any = None
    pattern: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    min_items: int | str | None = None
    max_items: int | str | None = None
    min_length: int | str | None = None
    max_length: int | str | None = None
    min_properties: int | str | None = None
    max_properties: int | str | None = None


class Function(Camel):
    """A function on offer."""

    name: Name
    description: str | None = None
    parameters: OpenApi | None = None
    parameters_json_schema: Schema | None = None

    @property
    def schema_of(self) -> dict[str, Any]:
        """Schema of its parameters."""
        if self.parameters is not None:
            return self.parameters.model_dump(by_alias=True, exclude_none=True)
        return self.parameters_json_schema or {}


class Tool(Camel):
    """Functions on offer; tools of the provider's own are none of the demo."""

    function_declarations: Annotated[list[Function], Field(min_length=1)]


class CallingConfig(Camel):
    """`functionCallingConfig`."""

    mode: Mode | None = None
    allowed_function_names: Annotated[list[str], Field(min_length=1)] | None = None


class ToolConfig(Camel):
    """`toolConfig`."""

    function_calling_config: CallingConfig | None = None


# --- the rest of a body -----------------------------------------------------------------------------------


class ThinkingConfig(Camel):
    """`thinkingConfig`."""

    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    thinking_level: Level | None = None


class Generation(Camel):
    """`generationConfig`."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Ratio | None = None
    top_k: Annotated[int, Field(ge=1)] | None = None
    candidate_count: Annotated[int, Field(ge=1, le=8)] | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    stop_sequences: Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=5)] | None = None
    seed: Annotated[int, Field(ge=-(2**31), lt=2**31)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    response_logprobs: bool | None = None
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    response_mime_type: Literal["text/plain", "application/json"] | None = None
    response_schema: OpenApi | None = None
    response_json_schema: Schema | None = None
    media_resolution: Resolution | None = None
    thinking_config: ThinkingConfig | None = None

    @property
    def wanted(self) -> dict[str, Any] | None:
        """Schema of the JSON that is wanted; None = text is."""
        if self.response_mime_type != "application/json":
            return None
        if self.response_schema is not None:
            return self.response_schema.model_dump(by_alias=True, exclude_none=True)
        return self.response_json_schema or {}


class Body(Camel):
    """`generateContent` and `streamGenerateContent`."""

    contents: Annotated[list[Content], Field(min_length=1)]
    system_instruction: Content | None = None
    tools: list[Tool] | None = None
    tool_config: ToolConfig | None = None
    generation_config: Generation | None = None
    safety_settings: list[dict[str, str]] | None = None

    @property
    def text(self) -> str:
        """What can be read of it."""
        turns = [self.system_instruction, *self.contents] if self.system_instruction else self.contents
        return "\n".join(turn.text for turn in turns)

    @property
    def functions(self) -> list[Function]:
        """All functions on offer."""
        return [function for tool in self.tools or () for function in tool.function_declarations]

    @property
    def calling(self) -> CallingConfig:
        """How functions are to be called."""
        return (self.tool_config and self.tool_config.function_calling_config) or CallingConfig()


class CountBody(Camel):
    """`countTokens`."""

    contents: Annotated[list[Content], Field(min_length=1)]


class Embedded(Camel):
    """`embedContent`, and each of `batchEmbedContents`, which names the model again."""

    model: str | None = None
    content: Content
    task_type: str | None = None
    title: str | None = None
    output_dimensionality: Annotated[int, Field(ge=1, le=4096)] | None = None


class Batch(Camel):
    """`batchEmbedContents`."""

    requests: Annotated[list[Embedded], Field(min_length=1, max_length=2048)]


# --- what must hold among fields --------------------------------------------------------------------------


def check(body: Body, traits: Traits) -> None:
    """What no field can say of itself.

    Raises:
        RefusedError: 400.
    """
    _check_functions(body, traits)
    config = body.generation_config or Generation()
    _check_generation(config, traits)
    if body.tools and config.response_mime_type == "application/json" and not traits.has_both:
        raise invalid("The model takes no functions beside this type.", "generationConfig.responseMimeType")
    if body.system_instruction and any(part.text is None for part in body.system_instruction.parts):
        raise invalid("An instruction has text only.", "systemInstruction")
    for n, turn in enumerate(body.contents):
        for m, part in enumerate(turn.parts):
            _check_part(part, f"contents[{n}].parts[{m}]")
    _check_turns(body.contents)
    if traits.signed:
        _check_signatures(body.contents)


def _check_part(part: Part, param: str) -> None:
    if sum(getattr(part, name) is not None for name in _ONE_OF) != 1:
        raise invalid("A part has one kind of data.", param)
    if part.text == "" and part.thought_signature is None:
        raise invalid("A text must not be empty.", param)
    if part.file_data and not part.file_data.file_uri.startswith(_READ):
        raise invalid("Nothing is fetched from there.", f"{param}.fileData.fileUri")


def _check_turns(turns: Sequence[Content]) -> None:
    """As many results as calls, in the turn behind them; a call follows a user's turn."""
    waiting: list[FunctionCall] = []
    for n, turn in enumerate(turns):
        param = f"contents[{n}]"
        results = turn.results
        if len(results) != len(waiting):
            raise invalid("There must be as many results as calls in the turn before.", param)
        if sorted(item.name for item in results) != sorted(item.name for item in waiting):
            raise invalid("Results must name the functions that were called.", param)
        given = {item.id for item in results if item.id is not None}
        if not given <= {item.id for item in waiting}:
            raise invalid("Results must have the ids of their calls.", param)
        waiting = [call for call, _ in turn.calls]
        if waiting and turn.role != "model":
            raise invalid("Only the model calls.", param)
        if results and turn.role == "model":
            raise invalid("Results are a user's.", param)
        if waiting and (n == 0 or turns[n - 1].role == "model"):
            raise invalid("A call must follow a turn of a user or of results.", param)
    if waiting:
        raise invalid("The last calls have no results.", "contents")


def _check_signatures(turns: Sequence[Content]) -> None:
    """Since the user last spoke, the first call of each turn has its signature."""
    spoke = max((n for n, turn in enumerate(turns) if turn.role != "model" and turn.said), default=0)
    for n, turn in enumerate(turns):
        for m, (call, signature) in enumerate(turn.calls):
            param = f"contents[{n}]"
            if signature is None:
                if m == 0 and n > spoke:
                    raise invalid(f"The call of {call.name!r} is missing a thought_signature.", param)
            elif not _is_dummy(signature) and signature != sign(call.name, call.args or {}):
                raise invalid("The thought signature is not that of the call.", param)


def _is_dummy(signature: str) -> bool:
    return base64.b64decode(signature).decode(errors="replace") in _DUMMIES


def _check_functions(body: Body, traits: Traits) -> None:
    functions, calling = body.functions, body.calling
    names = [function.name for function in functions]
    if len(set(names)) < len(names):
        raise invalid("Names of functions must differ.", "tools")
    for function in functions:
        param = f"tools[0].functionDeclarations[{names.index(function.name)}]"
        if function.parameters is not None and function.parameters_json_schema is not None:
            raise invalid("`parameters` and `parametersJsonSchema` exclude each other.", param)
        if function.parameters_json_schema is not None and not traits.json_schema:
            raise invalid("The model does not take JSON Schema.", f"{param}.parametersJsonSchema")
        if function.parameters is not None:
            _check_schema(function.parameters, f"{param}.parameters")
    if calling.mode and not functions:
        raise invalid("It needs functions on offer.", "toolConfig.functionCallingConfig")
    allowed = calling.allowed_function_names
    if allowed is not None and (calling.mode not in {"ANY", "VALIDATED"} or not {*allowed} <= {*names}):
        param = "toolConfig.functionCallingConfig.allowedFunctionNames"
        raise invalid("It goes with the modes ANY and VALIDATED, and names functions on offer.", param)


def _check_schema(schema: OpenApi, param: str) -> None:
    kind = (schema.type or "").upper()
    if not kind and schema.any_of is None and schema.properties is not None:
        raise invalid("A schema with properties needs the type OBJECT.", param)
    if schema.enum is not None and kind != "STRING":
        raise invalid("Only strings have an enum.", f"{param}.enum")
    if kind == "ARRAY" and schema.items is None:
        raise invalid("An array needs `items`.", f"{param}.items")
    properties = schema.properties or {}
    if not {*(schema.required or ())} <= {*properties}:
        raise invalid("What is required must be a property.", f"{param}.required")
    for name, value in properties.items():
        _check_schema(value, f"{param}.properties[{name}]")
    for value in [schema.items, *(schema.any_of or ())]:
        if value is not None:
            _check_schema(value, param)


def _check_generation(config: Generation, traits: Traits) -> None:
    where = "generationConfig"
    if config.logprobs is not None and not config.response_logprobs:
        raise invalid("It needs `responseLogprobs`.", f"{where}.logprobs")
    schemas = (config.response_schema, config.response_json_schema)
    if all(schema is not None for schema in schemas):
        raise invalid("One schema is enough.", f"{where}.responseJsonSchema")
    if any(schema is not None for schema in schemas) and config.response_mime_type != "application/json":
        raise invalid("A schema needs the type application/json.", f"{where}.responseMimeType")
    if config.response_json_schema is not None and not traits.json_schema:
        raise invalid("The model does not take JSON Schema.", f"{where}.responseJsonSchema")
    if config.response_schema is not None:
        _check_schema(config.response_schema, f"{where}.responseSchema")
    if config.thinking_config is not None:
        _check_thinking(config.thinking_config, traits, f"{where}.thinkingConfig")


def _check_thinking(config: ThinkingConfig, traits: Traits, where: str) -> None:
    level, budget = config.thinking_level, config.thinking_budget
    if traits.thinking == "none":
        raise invalid("The model does not think.", where)
    if level is not None and budget is not None:
        raise invalid("A level and a budget exclude each other.", where)
    if level is not None and (traits.thinking != "level" or level.lower() not in traits.levels):
        raise invalid("The model does not know this level.", f"{where}.thinkingLevel")
    if budget is None or budget == -1 or (budget == 0 and traits.can_stop):
        return
    least, most = traits.budgets
    if not least <= budget <= most:
        raise invalid(f"It must be from {least} to {most}.", f"{where}.thinkingBudget")
