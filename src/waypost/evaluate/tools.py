"""`tools`: are the tools that a request needs among those it is sent with."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np

from waypost.dialects.openai_chat import parse
from waypost.dialects.splice import splice
from waypost.encoder.engine import Encoder
from waypost.errors import RequestError
from waypost.evaluate.figures import Figure, Floats, ratio, resampled, share
from waypost.evaluate.files import BadRowError, Row
from waypost.evaluate.task import Measured, Task, encoded
from waypost.mutations.ranking import Words, best, rank, terms
from waypost.mutations.tools import Catalogue, ToolSettings, choose, offered, wanted
from waypost.needs import Encode
from waypost.request.chat import ChatRequest
from waypost.signals.base import Examples

DEPTHS: Final = (1, 3, 5, 10)
"""How many tools, best first, the recall is told for."""

FLOORS: Final = (0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40, 0.50)
"""Cosines below which a tool might be dropped."""


@dataclass(frozen=True, slots=True)
class Need:
    """A request with its own tools, if any, and the names of those that answer it; none = no tool does."""

    request: ChatRequest
    text: str
    gold: frozenset[str]


@dataclass(frozen=True, slots=True)
class Found:
    """How the tools of one request fared.

    Attributes:
        ranks: of each right tool, from 0.
        cosines: of each right tool.
        highest: cosine of the nearest tool, right or not.
        kept: right tools that are sent.
        sent: tools that are sent.
        saved: share of the characters of all tools that is not sent.
    """

    ranks: tuple[int, ...]
    cosines: tuple[float, ...]
    highest: float
    kept: int
    sent: int
    saved: float


class Tools(Task[Need, Found]):
    """Recall by rank, what the settings send, and what other floors would.

    Without a catalogue the tools of each row are filtered; with one they are looked for in it, as `add` does.
    """

    slices = ("split_name", "kind")

    def __init__(self, encoder: Encoder, settings: ToolSettings, catalogue: Catalogue | None = None) -> None:
        """`settings` with mode `filter`, or `add` and the catalogue: embedded here, a pass for each tool."""
        self._encoder = encoder
        self._settings = settings
        self._catalogue = catalogue
        if catalogue is not None:
            encoder.prepare([catalogue.examples])
            self._all = sum(len(tool.json) for tool in catalogue.tools)

    def read(self, row: Row) -> Need | None:
        """`text`; `gold`, a name or several; `tools` with name, description and perhaps parameters."""
        text, gold = row.text("text"), row.value("gold")
        if gold is None:
            return None
        names = [gold] if isinstance(gold, str) else gold
        if not isinstance(names, list) or not all(
            isinstance(each, str) for each in cast("list[object]", names)
        ):
            raise BadRowError("gold", "'gold' must be the name of a tool, or a list of names")
        request = parse(_body(text, [])) if self._catalogue else request_of(text, row.value("tools"))
        known = {tool.name for tool in (self._catalogue or offered(request)).tools}
        if any(name not in known for name in cast("list[str]", names)):
            raise BadRowError("gold", "'gold' names what is no tool", "names must be equal, case included")
        return Need(request, text, frozenset(cast("list[str]", names)))

    def ask(self, sample: Need) -> Found:
        """Compare with every tool there is, and choose as for a request."""
        stock = self._catalogue
        own = offered(sample.request).tools
        names = [tool.name for tool in (stock.tools if stock else own)]
        examples = stock.examples if stock else Examples(tuple(tool.text for tool in own))
        need = Encode(frozenset({"similarity"}), sample.text, examples=(examples,))
        cosines = encoded(self._encoder, need).likenesses[examples].cosines
        words = stock.words if stock else Words.of(examples.texts)
        order = best(rank(terms(sample.text), words, cosines), len(names))
        ranked = list(dict.fromkeys(names[number] for number in order))
        near = {
            name: max(c for n, c in zip(names, cosines, strict=True) if n == name) for name in sample.gold
        }
        body = self._sent(sample, cosines)
        sent = [tool.name for tool in offered(parse(body)).tools]
        return Found(
            tuple(ranked.index(name) for name in sorted(sample.gold)),
            tuple(near[name] for name in sorted(sample.gold)),
            max(cosines),
            len(sample.gold.intersection(sent)),
            len(sent),
            round(1 - (len(body) - len(_body(sample.text, []))) / self._size(sample), 3),
        )

    @property
    def name(self) -> str:
        """The question."""
        return "tools"

    @property
    def settings(self) -> Mapping[str, Any]:
        """What is sent depends on these."""
        return {name: getattr(self._settings, name) for name in ("mode", "top_k", "floor")}

    def measure(self, answers: Sequence[Found]) -> Measured:
        """Shares of right tools; bootstrap over rows, since those of one row are found or missed together."""
        needed = [answer for answer in answers if answer.ranks]
        useless = [answer for answer in answers if not answer.ranks]
        figures = {
            f"recall_at_{depth}": _pooled(
                [(sum(rank_ < depth for rank_ in each.ranks), len(each.ranks)) for each in needed]
            )
            for depth in DEPTHS
        }
        figures["kept"] = _pooled([(each.kept, len(each.ranks)) for each in needed])
        figures["all_kept"] = share(sum(each.kept == len(each.ranks) for each in needed), len(needed))
        figures["precision"] = _pooled([(each.kept, each.sent) for each in needed])
        figures["tools_sent"] = Figure(sum(each.sent for each in answers) / len(answers), len(answers))
        figures["tokens_saved"] = _pooled([(each.saved, 1) for each in answers])
        groups = {
            f"floor {floor:.2f}": {
                "kept": _pooled(
                    [(sum(c >= floor for c in each.cosines), len(each.cosines)) for each in needed]
                ),
                "useless_kept": share(sum(each.highest >= floor for each in useless), len(useless)),
            }
            for floor in FLOORS
        }
        return Measured(len(answers), figures, groups)

    def _sent(self, sample: Need, cosines: Sequence[float]) -> bytes:
        """The body as it would leave."""
        open_ = wanted(self._settings, sample.request, sample.text, self._catalogue)
        if open_ is None:
            return sample.request.original
        compared = [cosines[place] for place in open_.places] if open_.places else cosines
        return splice(sample.request.original, choose(open_, compared).edits)

    def _size(self, sample: Need) -> int:
        return self._all if self._catalogue else len(sample.request.original) - len(_body(sample.text, []))


def _body(text: str, tools: object) -> bytes:
    listed = [{"type": "function", "function": each} for each in cast("list[object]", tools)]
    request = {"model": "auto", "messages": [{"role": "user", "content": text}], "tool_choice": "auto"}
    return json.dumps({**request, "tools": listed}, separators=(",", ":")).encode("ascii")


def request_of(text: str, tools: object) -> ChatRequest:
    """What a client would send."""
    if not isinstance(tools, list) or tools == []:
        raise BadRowError(
            "tools", "'tools' must be a list that is not empty", 'of {"name": ..., "description": ...}'
        )
    try:
        return parse(_body(text, cast("list[object]", tools)))
    except RequestError as error:
        raise BadRowError("tools", f"no client could send this: {error}") from None


def _pooled(parts: Sequence[tuple[float, float]]) -> Figure:
    """The sum of first numbers by that of the second ones, rows resampled."""
    counts = Counter(parts)
    kinds = np.array(list(counts), np.float64).reshape(-1, 2)
    sizes = np.array(list(counts.values()), np.int64)

    def of(sums: Floats) -> Floats:
        return ratio(sums[:, 0], sums[:, 1])

    return resampled(kinds, sizes, of, int(sum(whole for _, whole in parts)))
