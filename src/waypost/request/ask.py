"""What a request is about: the human's own words, without what a harness or a front end put around them.

A turn that says nothing of its own, or leans on what was said before, is read behind the last turn that
stands alone.

Rule 1: a turn without wrappers is its own ask, character for character, unless it fills more than a window.
Rule 2: only classifiers that judge what a request is about read this; guards read everything (`text.read`).
Rule 3: work is linear in what is looked at, and what is looked at is bounded.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from waypost.request.chat import ChatRequest, Part
from waypost.request.follow_up import is_follow_up
from waypost.request.wrappers import SHORT, Piece, pieces

EXCERPT: Final = 400
"""Characters of what was handed along that are read, behind what the human says: about a hundred tokens."""

EARLIER: Final = 600
"""Characters of an earlier turn that stand in front of a follow-up, so that one window holds both."""

_EDGE: Final = 300
"""Longest first or last paragraph of a long text that is taken for the instruction."""

_LONG: Final = 1000
"""Characters from which a text fills more than one window, so that its middle goes unread anyway."""

_TURN: Final = 32_768
"""Characters of one turn that are looked at, half of them from its end."""

_WORK: Final = 131_072
"""Characters of all turns that are looked at, from the newest back."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One user turn.

    Attributes:
        said: the human's own words; empty if there are none.
        given: the beginning of what was handed along.
        whole: all of it, as far as it was looked at.
    """

    said: str
    given: str
    whole: str

    @property
    def ask(self) -> str:
        """Instruction first, then the excerpt."""
        return "\n".join(filter(None, (self.said, self.given)))


def focus(request: ChatRequest) -> str:
    """What the request is about; empty if no user said anything."""
    return request.once("focus", lambda: _focus(request))


def _focus(request: ChatRequest) -> str:
    texts = ["\n".join(_texts(m.parts)) for m in request.messages if m.role == "user"]
    newest: Turn | None = None
    before: Turn | None = None
    for turn in _newest_first(texts):
        if newest is None:
            if not turn.ask:
                continue  # a turn of a harness: what is asked stands before it
            newest = turn
        elif before is None and turn.said:
            before = turn
        if turn.said and not is_follow_up(turn.said):
            return turn.ask if turn is newest else _behind(turn, newest)
    if newest is None:
        return read_turn(texts[-1]).whole if texts else ""
    # Nothing stands alone; a conversation of two-word turns has a subject all the same.
    if before:
        return _behind(before, newest)
    return newest.ask if newest.said else newest.whole


def _newest_first(texts: list[str]) -> Iterator[Turn]:
    left = _WORK
    for text in reversed(texts):
        if left <= 0:
            return
        left -= min(len(text), _TURN)
        yield read_turn(text)


def _behind(earlier: Turn, follow_up: Turn) -> str:
    return f"{earlier.ask[:EARLIER]}\n{follow_up.ask}"


def _texts(parts: Iterable[Part]) -> Iterator[str]:
    return (part.text for part in parts if part.kind == "text" and not part.again and part.text)


def read_turn(text: str) -> Turn:
    """Cut a turn apart; whatever carries no mark of a wrapper is said by the human."""
    if len(text) > _TURN:
        text = f"{text[: _TURN // 2]}\n{text[-_TURN // 2 :]}"
    found = list(_settled(pieces(text.replace("\r\n", "\n"))))
    if not {"given", "noise", "tagged"} & {kind for kind, _ in found} and len(text) <= _LONG:
        return Turn(text if text.strip() else "", "", text)
    # Templates have instructions of their own; where they mark what the human asks, only that counts.
    said = next(filter(None, (_of(kind, found) for kind in ("tagged", "asked", "said"))), "")
    given = _of("given", found)
    if given and not said:
        given, said = _last_paragraph(given)
    elif len(said) > _LONG and not given:
        said, given = _instruction(said)
    return Turn(said, given[:EXCERPT].strip(), text)


def _of(kind: str, found: Iterable[Piece]) -> str:
    return "\n".join(piece.strip() for each, piece in found if each == kind)


def _settled(found: Iterable[Piece]) -> Iterator[Piece]:
    """A short section counts as said, and so does a question at the end of a long one."""
    for kind, piece in found:
        if not piece.strip():
            if kind == "noise":
                yield kind, ""
        elif kind not in {"given", "noise"}:
            yield kind, piece
        elif kind == "given" and len(piece) <= SHORT:
            yield "said", piece
        else:
            body, last = _last_paragraph(piece)
            is_question = last.endswith("?")
            yield kind, body if is_question else piece
            if is_question:
                yield "said", last


def _instruction(text: str) -> tuple[str, str]:
    """The short first and last paragraph around a long text, and that text."""
    first, _, rest = text.partition("\n\n")
    if len(first) > _EDGE:
        first, rest = "", text
    body, last = _last_paragraph(rest)
    if len(body) <= _LONG // 2 or not (first or last):
        return text, ""
    return "\n".join(filter(None, (first.strip(), last))), body.strip()


def _last_paragraph(text: str) -> tuple[str, str]:
    """A text without its last paragraph, and that paragraph; empty if it is long or all there is."""
    body, _, last = text.rstrip().rpartition("\n\n")
    return (body, last.strip()) if body.strip() and len(last) <= _EDGE else (text, "")
