"""Which tools a request carries: the caller's own thinned to those that fit, or some of a catalogue added.

Two steps, because the encoder stands between them: `wanted` says what it must compare, `choose` decides.

Rule 1: what stays is never written anew; tools are dropped from, or added to, the body in place.
Rule 2: a tool that is needed is worse to lose than ten others are to send: what was forced, named or called
before stays, and where nothing is known of the tools all of them do.
Rule 3: `allow` and `block` are policy, not ranking: they hold whatever the mode, the encoder or the client
says.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, Self, cast

from waypost.configurable import configurable
from waypost.dialects.spans import top_level
from waypost.dialects.splice import Drop, Edit, Insert, Put
from waypost.mutations.ranking import Words, best, rank, terms
from waypost.request.chat import ChatRequest, Dialect
from waypost.signals.base import Examples

LEAST: Final = 3
"""Tools that `filter` always keeps: among three the right one is found in 98 % of cases, as the first in 88 %
(bench/quality/results/tools.md)."""

MOST: Final = 1024
"""Most tools of a request that are ranked; a longer list is left as it is. Providers take 128."""

EMBEDDED: Final = 64
"""Most tools of a request whose embeddings are asked for, a pass of some milliseconds for each that is new;
of a longer list those that share most words with the request."""

MAX_TEXT: Final = 512
"""Characters of a tool that are compared, about 128 tokens."""

MAX_QUERY: Final = 16_384
"""Characters of a request that count from its start, and as many from its end."""

MAX_CATALOGUE: Final = 2048
"""Most tools of a catalogue; all of them are embedded at load."""

_MAX_TOP: Final = 128
_MAX_NAME: Final = 256
_PARAMETERS: Final = 64
_TOKEN: Final = 4
"""Characters of JSON for a token, roughly."""

_EDGES: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_.\-:/\s]+")
_NAMED: Final = re.compile(r"\w[\w.:/\-]*")
_SHOWN: Final = re.compile(r"[A-Za-z0-9_.:/\-]{1,128}")
_LISTS: Final = ("tools", "functions")
_CHOICES: Final = ("tool_choice", "function_call")

Mode = Literal["off", "filter", "add"]
Why = Literal["ranked", "forced", "named", "used", "always", "unranked", "blocked"]


@configurable
class ToolSettings:
    """Which tools a request carries: all of its own, those of them that fit, or more from a catalogue.

    A tool is what stands in `tools`, or in `functions` of older clients.
    """

    mode: Mode = "off"
    """`filter` keeps those of the client's tools that fit the request best; `add` keeps all of them and adds
    the best of the catalogue; `off` does neither."""

    catalogue: Path | None = None
    """JSON file with the tools that `add` may add: a list of `{"tool": ..., "description": ...}`."""

    top_k: int = 5
    """How many tools are kept, or added, by rank. Those that the client forces, that the request names or
    that the conversation has called already come on top, and `filter` never keeps fewer than three."""

    floor: float = 0.1
    """Smallest cosine between request and tool, in [0, 1]. A higher one drops more useless tools, and useful
    ones too: at 0.3 one in ten."""

    always: tuple[str, ...] = ()
    """Names of tools that are kept, or added, with every request. `git_*` stands for all that begin so."""

    allow: tuple[str, ...] = ()
    """Names of the only tools that may reach a model, whatever the mode; empty = all. Tools without a name
    of their own, such as a provider's web search, go by their type."""

    block: tuple[str, ...] = ()
    """Names of tools that never reach a model, whatever the mode and whoever asks for them. `*` = all."""

    only_auto: bool = False
    """Filter and add only where the client says `"tool_choice": "auto"` in so many words. Default: wherever
    it offers tools, or has a `tool_choice` that is not `none`."""

    def __post_init__(self) -> None:
        if not 1 <= self.top_k <= _MAX_TOP:
            raise ValueError(f"top_k must be between 1 and {_MAX_TOP}")
        if not 0 <= self.floor <= 1:
            raise ValueError("floor must be between 0 and 1")
        if self.mode == "add" and self.catalogue is None:
            raise ValueError("mode add needs a catalogue")
        for name in (*self.always, *self.allow, *self.block):
            if not name or "*" in name[:-1]:
                raise ValueError("a tool is named as it is, or by its beginning and one * at the end")

    def permits(self, name: str) -> bool:
        """Whether a tool of this name may reach a model."""
        return not _listed(name, self.block) and (not self.allow or _listed(name, self.allow))


@dataclass(frozen=True, slots=True)
class Stocked:
    """A tool of the catalogue.

    Attributes:
        text: what requests are compared with.
        json: what is sent, as JSON.
    """

    name: str
    text: str
    json: str


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """Tools that may be added, ready to be searched.

    Attributes:
        examples: their texts, to be prepared by the encoder.
    """

    tools: tuple[Stocked, ...]
    words: Words
    examples: Examples

    @classmethod
    def of(cls, tools: Iterable[Stocked]) -> Self:
        """Index tools."""
        kept = tuple(tools)
        texts = tuple(tool.text for tool in kept)
        return cls(kept, Words.of(texts), Examples(texts))


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool of the client's.

    Attributes:
        name: its function's; the type of a tool that has none.
        text: what the request is compared with; empty = it cannot be ranked.
        key: of the list it stands in: `tools` or `functions`.
        place: in that list.
        size: characters of its JSON.
    """

    name: str
    text: str
    key: str
    place: int
    size: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What a client says about tools.

    Attributes:
        tools: in order.
        choice: "auto", "none", "required"; "some" where it names tools, None where it says nothing.
        forced: names in its choice.
        used: names called in the conversation.
        lists: which of `tools` and `functions` hold a list.
    """

    tools: tuple[Tool, ...] = ()
    choice: str | None = None
    forced: frozenset[str] = frozenset()
    used: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """A choice of tools that is open until it is known what fits.

    Attributes:
        examples: what the encoder must compare the request with; None = nothing, the choice is made by lists.
        places: for each text of `examples` the number of the client's tool; empty for a catalogue.
    """

    settings: ToolSettings
    offer: Offer
    query: str = ""
    catalogue: Catalogue | None = None
    examples: Examples | None = None
    places: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Scored:
    """One tool and its fate; for the trace.

    Attributes:
        name: `*` where it holds what no tool's name does.
        score: cosine and shared words; None = it was not compared.
    """

    name: str
    score: float | None
    why: Why


@dataclass(frozen=True, slots=True)
class Chosen:
    """The tools of one request.

    Attributes:
        edits: of the client's body; none = it stays as it is.
        saved_tokens: rough, four characters of JSON each; negative where tools were added.
    """

    kept: tuple[Scored, ...]
    added: tuple[Scored, ...]
    dropped: tuple[Scored, ...]
    saved_tokens: int
    edits: tuple[Edit, ...]

    @property
    def because(self) -> str:
        """The result as a clause."""
        said = [f"{len(self.kept)} of {len(self.kept) + len(self.dropped)} tools kept"]
        if self.added:
            said.append(f"{len(self.added)} added")
        saved = f"about {abs(self.saved_tokens):,} tokens {'saved' if self.saved_tokens >= 0 else 'more'}"
        return ", ".join((*said, saved))


# --- before the encoder -----------------------------------------------------------------------------------


_WITHOUT: Final[frozenset[Dialect]] = frozenset({"openai_embeddings", "openai_completions"})
"""Forms that know no tools."""


def wanted(
    settings: ToolSettings, request: ChatRequest, query: str, catalogue: Catalogue | None = None
) -> Wanted | None:
    """What there is to choose; None = nothing, whatever the encoder may say.

    Args:
        settings: of the rule, or of the file.
        request: as the client sent it.
        query: what the request is about; the text that `examples` will be compared with.
        catalogue: that of `settings`, for `add`.
    """
    if request.dialect in _WITHOUT or settings == _NOTHING:
        return None
    offer = offered(request)
    if _acts(settings, offer):
        if settings.mode == "filter" and (places := _compared(settings, offer, query)):
            examples = Examples(tuple(offer.tools[n].text for n in places))
            return Wanted(settings, offer, _ends(query), None, examples, places)
        if settings.mode == "add" and catalogue is not None and "functions" not in offer.lists:
            examples = None if offer.choice == "some" else catalogue.examples
            return Wanted(settings, offer, _ends(query), catalogue, examples)
    if any(not settings.permits(tool.name) for tool in offer.tools):
        return Wanted(settings, offer)
    return None


def offered(request: ChatRequest) -> Offer:
    """What the client says about tools; read once per request."""
    return request.once(("tools", "offer"), lambda: _offer(request))


def describe(name: str, description: object, parameters: object = None) -> str:
    """The text that stands for a tool: its name in words, what it does, what it takes."""
    text = f"{_EDGES.sub(' ', name[:_MAX_NAME]).strip().lower()}: "
    if isinstance(description, str):
        text += description[:MAX_TEXT].strip()
    properties = _object(_object(parameters).get("properties"))
    said: list[str] = []
    for key, value in islice(properties.items(), _PARAMETERS):
        about = _object(value).get("description")
        words = _EDGES.sub(" ", key[:_MAX_NAME]).strip().lower()
        said.append(f"{words} - {about[:MAX_TEXT]}" if isinstance(about, str) else words)
    if said:
        text = f"{text.rstrip('.')}. {'. '.join(said)}"
    return text[:MAX_TEXT]


def _acts(settings: ToolSettings, offer: Offer) -> bool:
    """Whether the client lets tools be chosen: it knows of them, and has not chosen itself."""
    if settings.only_auto:
        return offer.choice == "auto"
    return offer.choice != "none" and (bool(offer.tools) or offer.choice is not None)


def _compared(settings: ToolSettings, offer: Offer, query: str) -> tuple[int, ...]:
    """Numbers of the client's tools that must be compared with the request; none where all may stay."""
    ranked = [n for n, tool in enumerate(offer.tools) if tool.text and settings.permits(tool.name)]
    if len(ranked) <= max(LEAST, settings.top_k):
        return ()
    if len(ranked) > EMBEDDED:
        words = dict.fromkeys(terms(_ends(query)))
        shared = Words.of([offer.tools[n].text for n in ranked], words).scores(words)
        ranked = [ranked[n] for n in sorted(best(shared, EMBEDDED))]
    return tuple(ranked)


def _offer(request: ChatRequest) -> Offer:
    """Read the members that speak of tools; the rest of the body is not parsed again."""
    found: dict[str, Any] = {}
    for key, start, end in top_level(request.original):
        if key in _LISTS or key in _CHOICES:
            found[key] = json.loads(request.original[start:end], parse_int=float)
    lists = {key: cast("list[Any]", found[key]) for key in _LISTS if isinstance(found.get(key), list)}
    is_ranked = sum(map(len, lists.values())) <= MOST
    tools = tuple(
        _tool(value, key, place, is_ranked=is_ranked)
        for key, values in lists.items()
        for place, value in enumerate(values)
    )
    said = [found[key] for key in _CHOICES if found.get(key) is not None]
    forced = frozenset(name for value in said if not isinstance(value, str) for name in _names(value))
    choice = next((v if isinstance(v, str) else "some" for v in said), None)
    return Offer(tools, choice, forced, _used(request), frozenset(lists))


def _tool(value: object, key: str, place: int, *, is_ranked: bool) -> Tool:
    tool = _object(value)
    inner = _object(tool.get("function")) or _object(tool.get("custom")) or tool
    name, size = inner.get("name"), len(json.dumps(value, separators=(",", ":")))
    if not isinstance(name, str):
        kind = tool.get("type")
        return Tool(kind if isinstance(kind, str) else "", "", key, place, size)
    text = describe(name, inner.get("description"), inner.get("parameters")) if is_ranked else ""
    return Tool(name, text, key, place, size)


def _used(request: ChatRequest) -> frozenset[str]:
    return frozenset(
        part.text
        for message in request.messages
        for part in message.parts
        if part.kind == "tool_call" and part.where.endswith(".name") and not part.again
    )


def _names(value: object) -> Iterator[str]:
    """Names, and types of tools without one, anywhere in a `tool_choice`."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, list):
            waiting += cast("list[object]", found)
        else:
            members = _object(found)
            name = members.get("name", members.get("type"))
            if isinstance(name, str):
                yield name
            waiting += [each for each in members.values() if not isinstance(each, str)]


# --- behind it --------------------------------------------------------------------------------------------


def choose(wanted: Wanted, cosines: Sequence[float] | None) -> Chosen:
    """Decide, by the cosines of the request with `wanted.examples`; None = the encoder gave none.

    Without them nothing is dropped for its rank and nothing is added for it.
    """
    scores = _own_scores(wanted, cosines) if wanted.places else {}
    kept: list[tuple[Tool, Scored]] = []
    dropped: list[tuple[Tool, Scored]] = []
    whys = _reasons(wanted, scores, cosines)
    for number, tool in enumerate(wanted.offer.tools):
        why = whys.get(number, "ranked")
        stays = why != "blocked" and number in whys
        told = Scored(_shown(tool.name), scores.get(number), why)
        (kept if stays else dropped).append((tool, told))
    added = list(_additions(wanted, cosines))
    saved = sum(tool.size for tool, _ in dropped) - sum(len(tool.json) for tool, _ in added)
    return Chosen(
        tuple(told for _, told in kept),
        tuple(told for _, told in added),
        tuple(told for _, told in dropped),
        saved // _TOKEN,
        tuple(_edits(wanted.offer, [tool for tool, _ in dropped], [tool for tool, _ in added])),
    )


def _own_scores(wanted: Wanted, cosines: Sequence[float] | None) -> dict[int, float]:
    """Scores by number of the tool, of those that were compared."""
    if cosines is None or wanted.examples is None:
        return {}
    query = dict.fromkeys(terms(wanted.query))
    scores = rank(query, Words.of(wanted.examples.texts, query), cosines)
    return dict(zip(wanted.places, scores, strict=True))


def _reasons(wanted: Wanted, scores: Mapping[int, float], cosines: Sequence[float] | None) -> dict[int, Why]:
    """Why each tool stays, or is blocked; a tool that is missing here is dropped for its rank."""
    settings, offer = wanted.settings, wanted.offer
    whys: dict[int, Why] = {}
    named = _mentioned(wanted.query) if scores else frozenset[str]()
    for number, tool in enumerate(offer.tools):
        if not settings.permits(tool.name):
            whys[number] = "blocked"
        elif not scores or not tool.text:
            whys[number] = "unranked"
        elif tool.name in offer.forced:
            whys[number] = "forced"
        elif tool.name in offer.used:
            whys[number] = "used"
        elif _listed(tool.name, settings.always):
            whys[number] = "always"
        elif tool.name.lower() in named:
            whys[number] = "named"
    ordered = sorted(scores, key=lambda number: -scores[number])
    cosine = dict(zip(wanted.places, cosines or (), strict=False))
    for rank_, number in enumerate(ordered[: max(LEAST, settings.top_k)]):
        if rank_ < LEAST or cosine[number] >= settings.floor:
            whys.setdefault(number, "ranked")
    return whys


def _additions(wanted: Wanted, cosines: Sequence[float] | None) -> Iterator[tuple[Stocked, Scored]]:
    """What the catalogue adds: what the conversation has called or the client insists on, then by rank."""
    settings, offer, catalogue = wanted.settings, wanted.offer, wanted.catalogue
    if catalogue is None:
        return
    own = {tool.name for tool in offer.tools}
    free = {
        number: tool
        for number, tool in enumerate(catalogue.tools)
        if tool.name not in own and settings.permits(tool.name)
    }
    scores = [] if cosines is None else rank(terms(wanted.query), catalogue.words, cosines)
    whys: dict[int, Why] = {}
    for number, tool in free.items():
        if tool.name in offer.forced:
            whys[number] = "forced"
        elif tool.name in offer.used:
            whys[number] = "used"
        elif _listed(tool.name, settings.always):
            whys[number] = "always"
    fitting = [n for n in best(scores, len(scores)) if n in free and (cosines or ())[n] >= settings.floor]
    for number in fitting[: settings.top_k]:
        whys.setdefault(number, "ranked")
    for number, why in whys.items():
        score = scores[number] if scores else None
        yield free[number], Scored(_shown(free[number].name), score, why)


def _edits(offer: Offer, dropped: Sequence[Tool], added: Sequence[Stocked]) -> Iterator[Edit]:
    new = [json.loads(tool.json) for tool in added]
    gone = {key: [tool.place for tool in dropped if tool.key == key] for key in _LISTS}
    own = {key: sum(tool.key == key for tool in offer.tools) for key in _LISTS}
    empty = {
        key for key in _LISTS if gone[key] and len(gone[key]) == own[key] and not (key == "tools" and new)
    }
    for key in _LISTS:
        yield from [Drop((key,))] if key in empty else [Drop((key, place)) for place in gone[key]]
    if "tools" in offer.lists:
        yield from (Insert(("tools",), own["tools"], tool) for tool in new)
    elif new:
        yield Put(("tools",), new)
    # Providers refuse a choice among tools that are not there.
    is_lost = bool(offer.forced & {tool.name for tool in dropped})
    if is_lost or "tools" in empty:
        yield Drop(("tool_choice",))
    if "tools" in empty:
        yield Drop(("parallel_tool_calls",))
    if is_lost or "functions" in empty:
        yield Drop(("function_call",))


def _mentioned(query: str) -> frozenset[str]:
    """Words of a text that may be names of tools, in lower case."""
    return frozenset(word.rstrip(".:/-") for word in _NAMED.findall(query.lower()))


def _listed(name: str, names: Iterable[str]) -> bool:
    return any(name.startswith(each[:-1]) if each.endswith("*") else name == each for each in names)


def _shown(name: str) -> str:
    return name if _SHOWN.fullmatch(name) else "*"


def _ends(text: str) -> str:
    return text if len(text) <= 2 * MAX_QUERY else f"{text[:MAX_QUERY]}\n{text[-MAX_QUERY:]}"


def _object(value: object) -> Mapping[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


_NOTHING: Final = ToolSettings()
