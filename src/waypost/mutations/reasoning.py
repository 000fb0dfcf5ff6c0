"""How hard a model is to think, said in the words of its server; and which LoRA adapter is to answer.

Rule 1: where nobody decided anything, the body stays as the client sent it.
Rule 2: what the file switches on overrides the client; what it switches off is for clients that say nothing.
Rule 3: requests for a model that the client named are not touched; who calls sees to that.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, assert_never, cast

from waypost.configurable import configurable
from waypost.dialects.splice import Drop, Edit, Put
from waypost.providers.provider import ProviderKind
from waypost.signals.base import Lint

Effort = Literal["minimal", "low", "medium", "high", "xhigh", "max"]
EFFORTS: Final[tuple[Effort, ...]] = ("minimal", "low", "medium", "high", "xhigh", "max")
"""From least to most."""

DEFAULT_EFFORT: Final[Effort] = "medium"
"""Where neither the model of a category nor `default_reasoning_effort` says."""

UseReasoning = bool | Literal["auto"]

FamilyType = Literal[
    "chat_template_kwargs",
    "reasoning_effort",
    "top_level_reasoning_effort",
    "thinking",
    "anthropic_adaptive",
    "anthropic_budget",
    "gemini_level",
    "gemini_budget",
]
_EFFORT_TYPES: Final = frozenset({"reasoning_effort", "top_level_reasoning_effort"})
_TRANSLATED: Final[frozenset[ProviderKind]] = frozenset({"anthropic", "gemini"})
"""Kinds that do not speak OpenAI's form."""

_Path = tuple[str, ...]
_KWARGS: Final = "chat_template_kwargs"
_EFFORT: Final = "reasoning_effort"


# --- what a file says ------------------------------------------------------------------------------------


@configurable
class ReasoningFamily:
    """How models of one kind are told to think."""

    type: FamilyType
    """`chat_template_kwargs`: a switch for the chat template of an open model. `reasoning_effort`: an effort,
    where `effort_in` says. `top_level_reasoning_effort`: an effort, never among the template's arguments.
    `thinking`: the switch of DeepSeek's and Z.ai's own APIs. `anthropic_adaptive`, `anthropic_budget`: Claude
    since 4.6, and before. `gemini_level`, `gemini_budget`: Gemini 3, and 2.5."""

    parameter: str | None = None
    """Name of the switch, or of the effort (default: `reasoning_effort`). A dot leads into an object:
    `reasoning.effort` is `{"reasoning": {"effort": ...}}`."""

    effort_in: Literal["top", "kwargs", "both"] = "top"
    """For `reasoning_effort`: whether the effort stands in the request itself, in its `chat_template_kwargs`,
    or in both. OpenAI and Ollama read the request only."""

    efforts: tuple[Effort, ...] = ("low", "medium", "high")
    """Efforts that the models know. Another one becomes the next higher of these, or the highest. Empty, for
    `thinking`: there is a switch and no effort."""

    @property
    def path(self) -> _Path:
        """Where the parameter stands, inside the request or its template arguments."""
        name = _EFFORT if self.parameter is None else self.parameter
        return tuple(name.split("."))

    def sends(self, effort: Effort) -> Effort | None:
        """The effort that reaches the model; None = none does."""
        if self.type == _KWARGS or not self.efforts:
            return None
        known = sorted(self.efforts, key=EFFORTS.index)
        for each in known:
            if EFFORTS.index(each) >= EFFORTS.index(effort):
                return each
        return known[-1]

    def lint(self) -> Iterator[Lint]:
        """What cannot work, and what has no effect."""
        takes_name = self.type in {_KWARGS, *_EFFORT_TYPES}
        if self.parameter is None and self.type == _KWARGS:
            yield Lint(
                "parameter", "the switch has no name", "write `parameter`, for example `enable_thinking`"
            )
        if self.parameter is not None and not takes_name:
            yield Lint("parameter", f"{self.type!r} has names of its own", "remove it", "warning")
        elif not all(self.path):
            yield Lint("parameter", f"{self.parameter!r} has an empty name in it")
        if not self.efforts and self.type not in {_KWARGS, "thinking"}:
            yield Lint("efforts", f"{self.type!r} needs an effort to send", "list at least one")
        if self.effort_in != "top" and self.type != _EFFORT:
            yield Lint("effort_in", f"{self.type!r} does not read it", "remove it", "warning")


def _switch(parameter: str) -> ReasoningFamily:
    return ReasoningFamily(type="chat_template_kwargs", parameter=parameter)


FAMILIES: Final[Mapping[str, ReasoningFamily]] = {
    "qwen3": _switch("enable_thinking"),
    "glm": _switch("enable_thinking"),
    "deepseek": _switch("thinking"),
    "granite": _switch("thinking"),
    "gpt-oss": ReasoningFamily(type="reasoning_effort"),
    "gpt": ReasoningFamily(type="reasoning_effort"),
    "mistral": ReasoningFamily(type="top_level_reasoning_effort", efforts=("high",)),
    "claude": ReasoningFamily(type="anthropic_adaptive"),
    "claude-4.5": ReasoningFamily(type="anthropic_budget", efforts=EFFORTS),
    "gemini": ReasoningFamily(type="gemini_level"),
    "gemini-2.5": ReasoningFamily(type="gemini_budget", efforts=EFFORTS),
    "gemini-2.5-pro": ReasoningFamily(type="gemini_budget", efforts=EFFORTS),
}
"""Families that need no block in the file; a block of the same name replaces one.

Efforts are those that every model of a family takes: GPT-5 knows `minimal` and its successors do not, later
models know `xhigh`, and some of Claude `max`.

Source: vLLM documentation 0.26, Reasoning Outputs (Qwen 3, DeepSeek V3.1, Granite 3.2); GLM-4.5 model card;
OpenAI API reference, `reasoning_effort`; Mistral documentation, Reasoning (only `high` and `none`); Claude
API documentation, Effort and Adaptive thinking; Gemini API documentation, Thinking.
"""

_OWN_API: Final[Mapping[str, ReasoningFamily]] = {
    "api.deepseek.com": ReasoningFamily(type="thinking", efforts=("low", "high", "max")),
    "api.z.ai": ReasoningFamily(type="thinking", efforts=()),
    "open.bigmodel.cn": ReasoningFamily(type="thinking", efforts=()),
}


def at_host(family: ReasoningFamily, host: str) -> ReasoningFamily:
    """The family as this host wants it: vendors of open models have a switch of their own on their own API.

    Source: DeepSeek API documentation, Thinking Mode; Z.ai documentation, Thinking Mode (both 2026).
    """
    is_open = family.type in {_KWARGS, *_EFFORT_TYPES}
    return _OWN_API.get(host.lower(), family) if is_open else family


# --- what is decided for one request ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What was decided for one model on one road.

    Attributes:
        on: None = could not be judged; client and model are left alone.
        effort: as the file says, before a family fits it; None unless `on`.
        because: one clause for trace and audit.
    """

    on: bool | None
    effort: Effort | None
    because: str


def decide(
    use_reasoning: UseReasoning | None,
    effort: Effort | None = None,
    p_hard: float | None = None,
    threshold: float = 0.5,
) -> Reasoning | None:
    """Whether the chosen model is to think.

    Args:
        use_reasoning: of the pair of rule or category and model; None = the file says nothing.
        effort: of that pair, else the file's `default_reasoning_effort`.
        p_hard: what the complexity head found, in [0, 1]; None = it could not be asked. Read for `auto` only.
        threshold: smallest `p_hard` at which `auto` is on.

    Returns:
        None where the file says nothing.
    """
    if use_reasoning is None:
        return None
    if use_reasoning == "auto":
        if p_hard is None:
            return Reasoning(None, None, "use_reasoning: auto, but the complexity is not known: left as sent")
        is_hard = p_hard >= threshold
        because = f"use_reasoning: auto, complexity {p_hard:.2f}, threshold {threshold:g}"
    else:
        is_hard = use_reasoning
        because = f"use_reasoning: {str(use_reasoning).lower()}"
    return Reasoning(is_hard, (effort or DEFAULT_EFFORT) if is_hard else None, because)


def selected_headers(reasoning: Reasoning | None, family: ReasoningFamily | None) -> dict[str, str]:
    """What an answer tells of it: whether thinking was switched on here, and the effort that was sent.

    Source: response headers of vLLM Semantic Router, 2025-10, for the name and words of the first.
    """
    is_on = reasoning is not None and reasoning.on is True
    found = {"x-vsr-selected-reasoning": "on" if is_on else "off"}
    sent = _effort(reasoning, family) if reasoning is not None and family is not None else None
    return {**found, "x-waypost-reasoning": sent} if sent else found


def _effort(reasoning: Reasoning, family: ReasoningFamily) -> Effort | None:
    return family.sends(reasoning.effort or DEFAULT_EFFORT) if reasoning.on else None


# --- bodies of OpenAI's shape ----------------------------------------------------------------------------


def reasoning_edits(
    family: ReasoningFamily | None,
    kind: ProviderKind,
    reasoning: Reasoning | None,
    document: Mapping[str, Any],
) -> tuple[Edit, ...]:
    """The edits that make a body say what was decided; none where it says so already.

    Switched on, what the file says is sent, also where the client said otherwise. Switched off, a client that
    said anything itself keeps it, and no effort is made up for one that did not. What a client sent beside it
    stays, and so does what is no object where one belongs, for the provider to refuse. `null` is not sent.

    Args:
        family: as `at_host` gives it; None = nobody knows how to tell the model, the body stays.
        kind: of the provider the body is for.
        reasoning: what was decided.
        document: the client's body, parsed; only read.
    """
    if family is None or reasoning is None or reasoning.on is None:
        return ()
    if kind in _TRANSLATED:
        return _translated(family, reasoning, document)
    return _by_family(family, kind, reasoning, document, on=reasoning.on)


def _by_family(
    family: ReasoningFamily,
    kind: ProviderKind,
    reasoning: Reasoning,
    document: Mapping[str, Any],
    *,
    on: bool,
) -> tuple[Edit, ...]:
    match family.type:
        case "chat_template_kwargs":
            return _switched(family, kind, document, on=on)
        case "thinking":
            return _thinking(family, reasoning, document)
        case "reasoning_effort":
            return _effort_edits(family, kind, reasoning, document)
        case "top_level_reasoning_effort":
            return _top_level(family, reasoning, document)
        case "anthropic_adaptive" | "anthropic_budget" | "gemini_level" | "gemini_budget":
            # gateways that serve them in OpenAI's shape read it here
            return _put(document, (_EFFORT,), _effort(reasoning, family))
        case _:
            assert_never(family.type)


def _translated(
    family: ReasoningFamily, reasoning: Reasoning, document: Mapping[str, Any]
) -> tuple[Edit, ...]:
    """Bodies that are written anew for the provider: there, an effort becomes what its model understands.

    Such models may think unless they are told not to, and `none` is the word for that; for one that cannot
    stop it means as little as it can. A family with a switch only has no efforts of its own.
    """
    if reasoning.on:
        return _put(document, (_EFFORT,), _effort(reasoning, family) or reasoning.effort or DEFAULT_EFFORT)
    return _put(document, (_EFFORT,), "none") if _at(document, (_EFFORT,)) is None else ()


def _switched(
    family: ReasoningFamily, kind: ProviderKind, document: Mapping[str, Any], *, on: bool
) -> tuple[Edit, ...]:
    """An explicit `false` where it is off: such models may think unless they are told not to.

    Ollama passes no arguments to templates. There, thinking is on by default and `none` switches it off; an
    effort would switch it on, but models without levels refuse every one.

    Source: ollama/ollama, issues 14820 and 12561 (2026).
    """
    if kind == "ollama":
        return () if on or _at(document, (_EFFORT,)) is not None else _put(document, (_EFFORT,), "none")
    path = (_KWARGS, *family.path)
    return _put(document, path, on) if on or _at(document, path) is None else ()


def _effort_edits(
    family: ReasoningFamily, kind: ProviderKind, reasoning: Reasoning, document: Mapping[str, Any]
) -> tuple[Edit, ...]:
    """In the request, in the template's arguments, or both; and where the client has one: no two differ."""
    top, inner = family.path, (_KWARGS, *family.path)
    effort = _effort(reasoning, family)
    if kind in {"openai", "ollama"}:
        return _put(document, top, effort)
    in_top = family.effort_in != "kwargs" or _at(document, top) is not None
    in_kwargs = family.effort_in != "top" or _at(document, inner) is not None
    return (
        *(_put(document, top, effort) if in_top else ()),
        *(_put(document, inner, effort) if in_kwargs else ()),
    )


def _top_level(
    family: ReasoningFamily, reasoning: Reasoning, document: Mapping[str, Any]
) -> tuple[Edit, ...]:
    """For servers whose template would take the effort for an argument it does not know."""
    effort = _effort(reasoning, family)
    if effort is None:
        return ()
    inner = (_KWARGS, *family.path)
    return (*_put(document, family.path, effort), *([Drop(inner)] if _holds(document, inner) else []))


def _thinking(family: ReasoningFamily, reasoning: Reasoning, document: Mapping[str, Any]) -> tuple[Edit, ...]:
    """The vendor's own API, which has no chat template to pass arguments to."""
    path = ("thinking", "type")
    drop = [Drop((_KWARGS,))] if _KWARGS in document else []
    if reasoning.on:
        effort = _put(document, (_EFFORT,), _effort(reasoning, family))
        return (*_put(document, path, "enabled"), *effort, *drop)
    sent = document.get(path[0]) is not None
    return (*(() if sent else _put(document, path, "disabled")), *drop)


def _at(document: Mapping[str, Any], path: _Path) -> object:
    """What stands at `path`; None = nothing, or `null`."""
    value: object = document
    for name in path:
        value = cast("dict[str, object]", value).get(name) if isinstance(value, Mapping) else None
    return value


def _holds(document: Mapping[str, Any], path: _Path) -> bool:
    holder = _at(document, path[:-1])
    return isinstance(holder, Mapping) and path[-1] in holder


def _put(document: Mapping[str, Any], path: _Path, value: object) -> tuple[Edit, ...]:
    """Set the member at `path`, around what the client sent beside it; nothing for None."""
    if value is None:
        return ()
    holders = (_at(document, path[:depth]) for depth in range(1, len(path)))
    if not all(holder is None or isinstance(holder, Mapping) for holder in holders):
        return ()
    # `is` for the switch: 1 equals true, but not to every template
    stands = _at(document, path)
    if stands is value or (isinstance(value, str) and stands == value):
        return ()
    return (Put(path, value),)


# --- LoRA ------------------------------------------------------------------------------------------------


@configurable
class Lora:
    """A LoRA adapter that the server of a model has loaded."""

    name: str
    """Name that categories and rules use. Clients may name it too: that names its model."""

    description: str = ""
    """For people."""

    model: str | None = None
    """What stands in `model` on the wire. Default: the name, as vLLM and Ollama want it; SGLang wants
    `<base model>:<name>`."""


def wire_model(model: str, lora: Lora | None) -> str:
    """What stands in `model` on the wire; everything else is looked up under the base model.

    Args:
        model: what the provider calls the base model.
        lora: the chosen adapter, if any.

    Source: vLLM documentation, LoRA Adapters; SGLang documentation, LoRA Serving.
    """
    return model if lora is None else lora.model or lora.name
