"""`conversation`: the shape of a request: turns, tools, images."""

from collections.abc import Iterator
from typing import ClassVar

from waypost.configurable import configurable
from waypost.request.chat import ChatRequest
from waypost.signals.base import Lint, Signal, Verdict


@configurable
class Conversation(Signal):
    """Holds when the request has all the properties that are given."""

    kind: ClassVar[str] = "conversation"

    min_turns: int | None = None
    """Smallest number of user messages."""

    max_turns: int | None = None
    """Largest number of user messages."""

    has_tools: bool | None = None
    """Whether the client offers tools."""

    has_images: bool | None = None
    """Whether a message holds an image."""

    def evaluate(self, request: ChatRequest, encoded: object) -> Verdict:
        """Compare what is there with what is asked for."""
        turns = sum(message.role == "user" for message in request.messages)
        has_tools = bool(request.tools)
        has_images = any(part.kind == "image" for message in request.messages for part in message.parts)
        if self.has_images is not None and not has_images and _has_unknown(request):
            because = "a part of a kind that is not known may be an image"
            return Verdict(None, 0.0, because, failed="unscannable")
        holds = (
            (self.min_turns is None or turns >= self.min_turns)
            and (self.max_turns is None or turns <= self.max_turns)
            and self.has_tools in {None, has_tools}
            and self.has_images in {None, has_images}
        )
        seen = [f"{turns} user turn{'' if turns == 1 else 's'}"]
        if self.has_tools is not None:
            seen.append("tools offered" if has_tools else "no tools")
        if self.has_images is not None:
            seen.append("with images" if has_images else "no images")
        return Verdict("conversation" if holds else None, float(holds), ", ".join(seen))

    def sentence(self) -> str:
        """The condition as a clause."""
        clauses: list[str] = []
        if self.min_turns is not None:
            clauses.append(f"at least {self.min_turns} user turns")
        if self.max_turns is not None:
            clauses.append(f"at most {self.max_turns} user turns")
        for wanted, what in ((self.has_tools, "tools"), (self.has_images, "images")):
            if wanted is not None:
                clauses.append(what if wanted else f"no {what}")
        return f"the conversation has {' and '.join(clauses)}"

    def lint(self) -> Iterator[Lint]:
        """Nothing asked for, or turns that no conversation can have."""
        if {self.min_turns, self.max_turns, self.has_tools, self.has_images} == {None}:
            yield Lint("min_turns", "no property is asked for", "give at least one field")
        if self.max_turns is not None and self.max_turns < (self.min_turns or 0):
            yield Lint("max_turns", f"max_turns is {self.max_turns}", "this condition can never hold")


def _has_unknown(request: ChatRequest) -> bool:
    return any(part.kind == "unknown" for message in request.messages for part in message.parts)
