"""How one rule or category shapes its requests, and what that makes of one body.

Rule 1: each change reads what the one before it left, so none can undo another: masks, then tools, then the
system prompt, then parameters.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from waypost.dialects.splice import Edit, splice
from waypost.mutations.headers import Headers
from waypost.mutations.parameters import Adjustment, RequestParameters, parameter_edits
from waypost.mutations.system_prompt import Mode, system_prompt_edits
from waypost.mutations.target import Use
from waypost.mutations.tools import Catalogue, Chosen, ToolSettings

_NO_HEADERS: Final = Headers()


@dataclass(frozen=True, slots=True)
class Shape:
    """What a rule or category says about requests it routes.

    Attributes:
        prompt: system prompt; empty = none.
        mode: what becomes of the client's own.
        request: headers toward the provider.
        response: headers toward the client.
        catalogue: tools that may be added; None = none is configured.
        uses: how its models are used, by endpoint; a model that is missing is used as it comes.
    """

    prompt: str = ""
    mode: Mode = "insert"
    parameters: RequestParameters | None = None
    request: Headers = _NO_HEADERS
    response: Headers = _NO_HEADERS
    tools: ToolSettings | None = None
    catalogue: Catalogue | None = field(default=None, repr=False)
    uses: Mapping[str, Use] = field(default_factory=dict[str, Use])

    @property
    def heads(self) -> frozenset[str]:
        """Heads of the encoder that it reads."""
        auto = any(use.use_reasoning == "auto" for use in self.uses.values())
        return frozenset({"complexity"}) if auto else frozenset()


PLAIN: Final = Shape()
"""Nothing is changed."""


@dataclass(frozen=True, slots=True)
class Shaped:
    """A request as it leaves, before an attempt makes it one provider's.

    Attributes:
        body: None = as the client sent it.
        prompted: the system prompt is there.
        adjustments: parameters that are not as the client sent them.
        tools: what became of the tools; None = they were not looked at.
    """

    body: bytes | None = field(default=None, repr=False)
    prompted: bool = False
    adjustments: tuple[Adjustment, ...] = ()
    tools: Chosen | None = None


UNSHAPED: Final = Shaped()
"""As the client sent it."""


def shaped(original: bytes, masks: tuple[Edit, ...], shape: Shape, tools: Chosen | None) -> Shaped:
    """Make the changes.

    Args:
        original: the client's body.
        masks: what hides personal data, in places of `original`.
        shape: of the rule or category that decided.
        tools: what was chosen; its edits are in places of `original` that masks do not touch the number of.
    """
    body = splice(original, masks)
    if tools is not None and tools.edits:
        body = splice(body, tools.edits)
    prompted = False
    adjustments: tuple[Adjustment, ...] = ()
    if shape.prompt or shape.parameters is not None:
        document = read(body)
        prompted = bool(shape.prompt) and "messages" in document
        prompt = system_prompt_edits(shape.prompt, shape.mode, document)
        changes: tuple[Edit, ...] = ()
        if shape.parameters is not None:
            changes, adjustments = parameter_edits(shape.parameters, document)
        body = splice(body, (*prompt, *changes))
    return Shaped(None if body is original else body, prompted, adjustments, tools)


def read(body: bytes) -> dict[str, Any]:
    """A body that was parsed before, as plain values; numbers are floats, as the parser read them."""
    document: dict[str, Any] = json.loads(body, parse_int=float)
    return document
