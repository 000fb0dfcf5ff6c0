"""How one rule or category chooses among its models."""

from dataclasses import dataclass, field

from waypost.request.chat import ChatRequest
from waypost.request.text import read
from waypost.selection.base import Candidate, Facts, Method, Selection
from waypost.selection.capabilities import Capability, needs, output_tokens
from waypost.selection.methods import select
from waypost.selection.static import Static
from waypost.selection.sticky import Sticky, conversation, in_tool_loop

_BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Choosing:
    """The candidates of one rule or category, and the way to choose.

    Attributes:
        sticky: None = every request is chosen for anew.
        requires: what a model must be able to do, whatever the request asks for.
    """

    candidates: tuple[Candidate, ...]
    method: Method = field(default_factory=Static)
    sticky: Sticky | None = None
    requires: tuple[Capability, ...] = ()

    @property
    def remembers(self) -> bool:
        """Whether it wants to know what happened before: who served the conversation, how endpoints do."""
        return self.sticky is not None or not isinstance(self.method, Static)

    def facts(self, request: ChatRequest, p_hard: float | None) -> Facts:
        """What the request itself says; who asks adds what is remembered.

        Tokens are estimated by bytes of what can be read, four each; a picture counts for nothing.
        """
        parts = (part for part in read(request, "all") if not part.again)
        size = sum(len(part.text.encode(errors="replace")) for part in parts)
        return Facts(
            prompt_tokens=-(-size // _BYTES_PER_TOKEN),
            output_tokens=output_tokens(request),
            needs=needs(request, self.requires),
            p_hard=p_hard,
            key=conversation(request) if self.remembers else None,
            in_tool_loop=self.sticky is not None and in_tool_loop(request),
        )

    def select(self, facts: Facts, boundary: frozenset[str] | None) -> Selection:
        """Choose."""
        return select(self.method, self.candidates, facts, boundary, self.sticky)
