"""Items of an answer of OpenAI's Responses as they grow: events for a stream, and the item at its end.

Rule 1: a stream and an answer in one piece are made by the same code, so that they say the same.

Source: OpenAI Responses API, streaming events, as the types of SDK 3.51.0 have them.
"""

from dataclasses import dataclass
from typing import Any, Literal

from waypost.dialects.thoughts import seal

Event = tuple[str, dict[str, Any]]
"""Its type, and its members but for that and the number."""

Status = Literal["in_progress", "completed", "incomplete"]
PartKind = Literal["output_text", "refusal"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item stands.

    Attributes:
        index: in the output, from 0.
        ident: of the item.
    """

    index: int
    ident: str

    def at(self, **more: object) -> dict[str, Any]:
        """Members of an event about what is in the item."""
        return {"item_id": self.ident, "output_index": self.index} | more

    def event(self, name: str, item: dict[str, Any]) -> Event:
        """An event about the item itself."""
        return f"response.output_item.{name}", {"output_index": self.index, "item": item}


class Thought:
    """What a model thought, in the words it tells, and sealed as its provider wants it back."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._texts: list[str] = []
        self._blocks: list[dict[str, Any]] = []

    def begin(self) -> list[Event]:
        """It is there."""
        item: dict[str, Any] = {"id": self._place.ident, "type": "reasoning", "summary": []}
        return [self._place.event("added", item)]

    def say(self, text: str) -> list[Event]:
        """More of its text."""
        events: list[Event] = []
        if not self._texts:
            events.append(("response.reasoning_summary_part.added", self._part("")))
        self._texts.append(text)
        at = self._place.at(summary_index=0, delta=text)
        return [*events, ("response.reasoning_summary_text.delta", at)]

    def sign(self, blocks: list[dict[str, Any]]) -> None:
        """Whole blocks of it."""
        self._blocks += blocks

    def end(self, status: Status) -> list[Event]:
        """It is whole."""
        done = self._place.event("done", self.item(status))
        if not self._texts:
            return [done]
        text = "".join(self._texts)
        return [
            ("response.reasoning_summary_text.done", self._place.at(summary_index=0, text=text)),
            ("response.reasoning_summary_part.done", self._part(text)),
            done,
        ]

    def item(self, _: Status) -> dict[str, Any]:
        """As it is so far."""
        text = "".join(self._texts)
        return {
            "id": self._place.ident,
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": text}] if text else [],
            "encrypted_content": seal(self._blocks),
        }

    def _part(self, text: str) -> dict[str, Any]:
        return self._place.at(summary_index=0, part={"type": "summary_text", "text": text})


class Message:
    """What a model says to the user: text, or why it refuses."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._parts: list[tuple[PartKind, list[str]]] = []

    def begin(self) -> list[Event]:
        """It is there."""
        return [self._place.event("added", self.item("in_progress"))]

    def say(self, kind: PartKind, text: str) -> list[Event]:
        """More of it; another kind is another part."""
        events: list[Event] = []
        if not self._parts or self._parts[-1][0] != kind:
            events += self._end_part()
            self._parts.append((kind, []))
            events.append(("response.content_part.added", self._at(part=_part(kind, ""))))
        self._parts[-1][1].append(text)
        if kind == "refusal":
            return [*events, ("response.refusal.delta", self._at(delta=text))]
        return [*events, ("response.output_text.delta", self._at(delta=text, logprobs=[]))]

    def end(self, status: Status) -> list[Event]:
        """It is whole."""
        return [*self._end_part(), self._place.event("done", self.item(status))]

    def item(self, status: Status) -> dict[str, Any]:
        """As it is so far."""
        return {
            "id": self._place.ident,
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": [_part(kind, "".join(texts)) for kind, texts in self._parts],
        }

    def _end_part(self) -> list[Event]:
        if not self._parts:
            return []
        kind, texts = self._parts[-1]
        text = "".join(texts)
        done: Event = (
            ("response.refusal.done", self._at(refusal=text))
            if kind == "refusal"
            else ("response.output_text.done", self._at(text=text, logprobs=[]))
        )
        return [done, ("response.content_part.done", self._at(part=_part(kind, text)))]

    def _at(self, **more: object) -> dict[str, Any]:
        return self._place.at(content_index=len(self._parts) - 1, **more)


class Call:
    """A call of a function."""

    def __init__(self, place: Place, call_id: str, name: str) -> None:
        self._place = place
        self._call_id = call_id
        self._name = name
        self._arguments: list[str] = []

    def begin(self) -> list[Event]:
        """It is there."""
        return [self._place.event("added", self.item("in_progress"))]

    def say(self, text: str) -> list[Event]:
        """More of its arguments."""
        self._arguments.append(text)
        return [("response.function_call_arguments.delta", self._place.at(delta=text))]

    def end(self, status: Status) -> list[Event]:
        """It is whole, or cut; a whole one that gives nothing has an empty object."""
        events = self.say("{}") if status == "completed" and not any(map(str.strip, self._arguments)) else []
        arguments = "".join(self._arguments)
        return [
            *events,
            ("response.function_call_arguments.done", self._place.at(arguments=arguments)),
            self._place.event("done", self.item(status)),
        ]

    def item(self, status: Status) -> dict[str, Any]:
        """As it is so far."""
        return {
            "id": self._place.ident,
            "type": "function_call",
            "status": status,
            "call_id": self._call_id,
            "name": self._name,
            "arguments": "".join(self._arguments),
        }


def _part(kind: PartKind, text: str) -> dict[str, Any]:
    if kind == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
