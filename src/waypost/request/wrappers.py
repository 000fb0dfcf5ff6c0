"""What stands around a human's words in a user turn: the marks that harnesses and front ends leave.

Rule 1: a mark is a tag, a code fence, a quotation, or a line that says what follows; nothing is guessed from
the words in between.
Rule 2: one walk from the front, linear in the text; no mark is looked for twice.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, Literal

Kind = Literal["said", "asked", "tagged", "given", "noise"]
"""Whose words: the human's; the human's, marked as the ask; the same, surely marked by a front end; those of
something handed along; a harness's."""

Piece = tuple[Kind, str]

SHORT: Final = 400
"""Characters up to which something handed along stays where it is: a pasted loop is part of the question."""

_ASKING: Final = frozenset(
    {"ask", "feedback", "instruction", "instructions", "query", "question", "request", "task"}
)
"""Tags around the ask; humans use them too, so they count only where something else is marked."""

_ASKING_ALONE: Final = re.compile(
    r"user_(?:input|instructions?|message|prompt|query|question|request)|command_args"
)
"""Tags around the ask that no human types."""

_HARNESS_WORDS: Final = """
    budget command cwd date directory env environment function hook info memory metadata notification output
    permission permissions reminder result results rules session settings shell stderr stdout status system
    time timestamp tool usage
"""
_HARNESS: Final = frozenset(_HARNESS_WORDS.split())
"""Words in compound names of tags around what only a harness says: `system-reminder`, `tool_result`."""

_HARNESS_ALONE: Final = frozenset({"cwd", "env", "observation", "reminder", "stderr", "stdout"})
"""The same for names of one word; the others are common in files that humans paste."""

_DOCUMENTS: Final = frozenset({"search_results", "retrieval_results", "query_results"})
"""Results that tell what a question is about."""

_TAG: Final = r"<(?P<close>/?)(?P<name>[a-z][\w.:-]{0,40})(?:\s[^<>\n]{0,300})?>"
_TAGS: Final = re.compile(_TAG, re.IGNORECASE)
_FENCE: Final = re.compile(r"^[ \t]{0,3}(?:```|~~~)[^\n]*", re.MULTILINE)

_START: Final = re.compile(
    _TAG
    + r"""
    |^[ \t]{0,3}(?=\S)(?:
        (?P<fence>(?:```|~~~)[^\n]*)
        |(?P<quote>>[^\n]*(?:\n[ \t]{0,3}>[^\n]*)*)
        |(?P<mail>-{2,12}[ ]?(?:original\ message|forwarded\ message|ursprüngliche\ nachricht
                |weitergeleitete\ nachricht|message\ d.origine|message\ transféré|mensaje\ original)
            |(?:on|am|le|el)\ [^\n]{5,160}(?:wrote|schrieb|a\ écrit|escribió)[^\n]{0,80}:[ ]*$
            |(?:from|von|de):[^\n]{1,200}\n(?:sent|date|to|subject|cc|gesendet|an|betreff|envoyé|para|asunto):)
        |(?P<line>[\[(*_-]{0,3}(?:
                (?:the\ )?(?:current|local|today's)\ (?:date|time|datetime|date\ and\ time|working\ directory)
                |working\ directory|cwd|time\ ?zone|os\ version|knowledge\ cutoff|exit\ code
                |user\ (?:name|id|locale|language)|(?:conversation|session|message)\ id)
            (?:\ ?[*_]{0,3}:|\ is:?\ (?=[^\n]{0,40}\d\d))[^\n]*$
            |(?:helpful\ |final\ |your\ )?(?:answer|response|assistant):\s*\Z)
        |(?P<result>\[\w{3,40}(?:\ for\ '[^\n]{0,300}')?\]\ result:)
        |(?P<decor>[#*=\[_-]{0,6})\ ?
            (?:(?:the|my|our|retrieved|relevant|provided|original|user|user's|following)\ ){0,2}
            (?:(?P<given>contexte?|contexto|kontext|documents?|documentos?|dokumente?|sources?|fuentes|quellen
                |passages?|references|excerpts?|articles?|texte?|texto|input|e-?mail(?:\ thread)?|transcript
                |search\ results?|knowledge(?:\ base)?|background|attachments?|attached\ files?|files?
                |logs?|output|stack\ ?trace)
            |(?P<noise>(?:tool|function|command|execution|terminal)\ (?:results?|outputs?|calls?)
                |environment\ details|system\ (?:reminder|information|note)|open\ tabs|visible\ files
                |recently\ viewed\ files)
            |(?P<asked>question|query|task|request|instructions?|frage|aufgabe|pregunta|tâche|tarea|demande))
            (?:\ \d{1,3})?[ ]?[*_\]=-]{0,8}[ ]?(?P<colon>:[*_]{0,3}|$)
    )""",
    re.MULTILINE | re.IGNORECASE | re.VERBOSE,
)
"""Every mark. All but tags stand at the beginning of a line."""


def pieces(text: str) -> Iterator[Piece]:
    """The text in order, cut at its marks; what stands between them is of the kind the last heading told."""
    ends = _ends(text)
    kind: Kind = "said"
    begin = place = 0
    while mark := _START.search(text, place):
        place = mark.end()
        section = _section(mark)
        block = None if section else _block(text, mark, ends)
        if block and block[0] == "given" and (kind in {"given", "noise"} or len(block[1]) <= SHORT):
            # Part of what it stands in; headings inside it are none.
            place = block[2]
        elif block and (block[0] in {"asked", "tagged"} or kind not in {"given", "noise"} or mark["name"]):
            yield kind, text[begin : mark.start()]
            yield block[0], block[1]
            begin = place = block[2]
        elif section:
            yield kind, text[begin : mark.start()]
            kind, begin = section, place
    yield kind, text[begin:]


def _section(mark: re.Match[str]) -> Kind | None:
    """What the lines behind a mark are, up to the next heading."""
    if mark["result"]:
        return "noise"
    if mark["mail"]:
        return "given"
    decor = mark["decor"] or ""
    if mark["colon"] or "#" in decor or "[" in decor or len(decor) > 1:
        return next((kind for kind in ("given", "noise", "asked") if mark[kind]), None)
    return None


def _block(
    text: str, mark: re.Match[str], ends: Mapping[int, tuple[int, int]]
) -> tuple[Kind, str, int] | None:
    """What has an end of its own: its kind, what it holds, and where it ends."""
    if mark["name"]:
        if mark.start() not in ends:
            return None
        inside, end = ends[mark.start()]
        kind = _tagged(mark["name"].lower().replace("-", "_"))
        if kind == "given" and text[max(0, mark.start() - 4) : mark.start()].rpartition("\n")[2].strip():
            return None  # inside a sentence
        return kind, "" if kind == "noise" else text[mark.end() : inside], end
    if mark["fence"]:
        close = _FENCE.search(text, mark.end())
        inside, end = close.span() if close else (len(text), len(text))
        return "given", text[mark.end() : inside], end
    if mark["quote"]:
        return "given", mark["quote"], mark.end()
    return ("noise", "", mark.end()) if mark["line"] else None


def _tagged(name: str) -> Kind:
    if _ASKING_ALONE.fullmatch(name):
        return "tagged"
    if name in _ASKING:
        return "asked"
    words = re.split(r"[_.:]+", name)
    is_harness = not _HARNESS.isdisjoint(words) if len(words) > 1 else name in _HARNESS_ALONE
    return "noise" if is_harness and name not in _DOCUMENTS else "given"


def _ends(text: str) -> dict[int, tuple[int, int]]:
    """By the place of an opening tag: where its closing tag begins and ends."""
    ends: dict[int, tuple[int, int]] = {}
    opened: dict[str, list[int]] = {}
    for tag in _TAGS.finditer(text) if "</" in text else ():
        places = opened.setdefault(tag["name"].lower(), [])
        if not tag["close"]:
            places.append(tag.start())
        elif places:
            ends[places.pop()] = tag.span()
    return ends
