"""What a guard against attacks reads of a request.

Texts as sent, what is under their disguises, and user messages as one text where an attack may have been cut
over several.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from waypost.request.chat import ChatRequest, Message, Part
from waypost.request.disguises import LOOKED_AT, across, disguises
from waypost.request.text import Scope, read

_RETURNED: Final = frozenset({"tool", "function"})
"""Roles whose messages hold what tools returned, documents they found among it."""

_LEAST: Final = 64
"""Characters that a text counts as, however short: many short ones cost something too."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """One text to be judged.

    Attributes:
        text: as sent, or without its disguise.
        part: where it stands; of several messages the last one.
        how: names of the disguises that were taken off; empty = as sent.
        document: nobody in the conversation wrote it: a tool returned it.
    """

    text: str
    part: Part
    how: str = ""
    document: bool = False


def suspects(request: ChatRequest, scope: Scope) -> Sequence[Suspect]:
    """Every readable text of a scope in order, each followed by its other readings; made once per request."""
    return request.once(("suspects", scope), lambda: tuple(_suspects(request, scope)))


def _suspects(request: ChatRequest, scope: Scope) -> Iterator[Suspect]:
    returned = {
        part.where.partition(".")[0]
        for message in request.messages
        if message.role in _RETURNED
        for part in message.parts
    }
    sent = [
        Suspect(part.text, part, document=part.where.partition(".")[0] in returned)
        for part in read(request, scope)
        if part.text
    ]
    if scope != "last_user" and (whole := across(request.messages)):
        sent.append(Suspect(whole, _last(request.messages), "the last user messages read as one"))
    left = LOOKED_AT
    groups: list[list[Suspect]] = []
    for suspect in reversed(sent):  # the newest first, as the classifiers do
        left -= max(_LEAST, min(len(suspect.text), LOOKED_AT))
        groups.append([suspect, *(_undisguised(suspect) if left >= 0 else ())])
    for group in reversed(groups):
        yield from group


def _undisguised(suspect: Suspect) -> Iterator[Suspect]:
    for reading in disguises(suspect.text):
        how = f"{suspect.how}, {reading.how}" if suspect.how else reading.how
        yield Suspect(reading.text, suspect.part, how, suspect.document)


def _last(messages: Sequence[Message]) -> Part:
    """The last text that a user wrote."""
    texts = (part for message in messages if message.role == "user" for part in message.parts if part.text)
    *_, last = texts
    return last
