"""Documents without an attack: pages of many types, passages with a task, mails, tool results, exams.

Their lines tell a human reader what to do, so that neither length nor an imperative marks an attack.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from waypost.train.synth.attacks_banks import bundle, deck
from waypost.train.synth.benign_banks import Draft, frames, render, setting, strings, table
from waypost.train.synth.benign_compose import Span, Stream, chosen
from waypost.train.synth.draw import Generator, chance, pick

Maker = Callable[[Generator], str]

BUNDLES = 6
"""Mails, tool results and questions are dealt into so many groups; a text takes them from one."""

COMMON = "common"
HEADED, ASIDE = 0.45, 0.12
"""Shares of paragraphs with a heading and with a remark to the reader before them."""

PAGE = 900
"""Characters from which on an excerpt is a document with a title."""

_CELLS: Mapping[str, str] = {
    "id": "{nnn}", "name": "{name} {surname}", "city": "{city}", "date": "{date}", "amount": "{nnn}.{nn}",
    "status": "[open|closed|waiting|restricted|unlocked]", "item": "{item}", "owner": "{name}",
    "ref": "{sha_short}", "role": "[admin|guest|editor|root|none]", "score": "0.{nn}",
}  # fmt: skip
_HEADINGS = (
    "# {}",
    "## {}",
    "{}",
    "{}.",
    "== {} ==",
    "**{}**",
    "{upper}",
    "{number}. {}",
    "Section {number}: {}",
)
_QUOTED = (
    "§", '"""\n§\n"""', "<text>\n§\n</text>", "---\n§\n---", "Text:\n§", "```\n§\n```", '"§"',
    "### Document\n§",
)  # fmt: skip
_DAYS = ("{year}-{nn_month}-{nn_day}T", "[{nn_day}/{nn_month}] ", "{year}/{nn_month}/{nn_day} ", "")
_BULLETS = ("{}. ", "{}) ", "Step {}: ", "- ", "[ ] ", "* ")


def types() -> tuple[str, ...]:
    """Names of the types of documents."""
    return tuple(name for name in table("long") if name != COMMON)


def document(rng: Generator, name: str, length: float) -> str:
    """A document of about `length` characters; when a type is used up, one of another type follows."""
    text = _document(rng, name, length)
    while len(text) < length * 0.9:
        other = pick(rng, [known for known in types() if known != name])
        joint = pick(
            rng, ("\n\n---\n\n", "\n\nAnnex\n\n", "\n\n\n", "\n\n========\n\n", "\n\nSee below.\n\n")
        )
        text += joint + _document(rng, other, length - len(text))
    return text


def _document(rng: Generator, name: str, length: float) -> str:
    bank, fixed = table("long")[name], setting(rng)
    style = pick(rng, _HEADINGS)
    headings = deck(rng, bank["headings"])
    parts = [render(rng, pick(rng, bank["titles"]), fixed)]
    number = 0
    for block in _blocks(rng, bank, fixed):
        if sum(map(len, parts)) > length:
            break
        if chance(rng, HEADED):
            number += 1
            heading = render(rng, next(headings), fixed)
            parts.append(style.format(heading, number=number, upper=heading.upper()))
        if chance(rng, ASIDE):
            parts.append(render(rng, pick(rng, strings("long", COMMON, "asides")), fixed))
        parts.append(block)
    return pick(rng, ("\n\n", "\n\n", "\n")).join(parts)


def _blocks(rng: Generator, bank: Mapping[str, Sequence[str]], fixed: Mapping[str, str]) -> list[str]:
    """All paragraphs in a new order, with the steps and the table between them."""
    paragraphs = bank["paragraphs"]
    blocks = [render(rng, paragraphs[int(at)], fixed) for at in rng.permutation(len(paragraphs))]
    for extra in (_steps(rng, bank["steps"], fixed), _table(rng, bank["rows"], fixed)):
        blocks.insert(int(rng.integers(1, len(blocks))), extra)
    return blocks


def _steps(rng: Generator, steps: Sequence[str], fixed: Mapping[str, str]) -> str:
    """Some of the steps in their order, numbered or with marks."""
    first = int(rng.integers(0, max(1, len(steps) - 4)))
    bullet = pick(rng, _BULLETS)
    return "\n".join(bullet.format(at) + render(rng, step, fixed) for at, step in enumerate(steps[first:], 1))


def _table(rng: Generator, rows: Sequence[str], fixed: Mapping[str, str]) -> str:
    cells = [render(rng, row, fixed).split(" | ") for row in rows]
    match pick(rng, ("markdown", "csv", "tabs", "lines")):
        case "markdown":
            head, *rest = ["| " + " | ".join(row) + " |" for row in cells]
            return "\n".join([head, "|" + "---|" * len(cells[0]), *rest])
        case "csv":
            return "\n".join(";".join(row) for row in cells)
        case "tabs":
            return "\n".join("\t".join(row) for row in cells)
        case _:
            return "\n".join(f"{row[0]}: {', '.join(row[1:])}" for row in cells[1:])


def passages(rng: Generator, span: Span) -> Stream:
    """A task and the text it is about, in many ways to mark where the text begins and ends."""
    tasks = deck(rng, strings("documents", "records", "tasks"))
    for name in deck(rng, types()):
        target = span.target(rng)
        text = excerpt(rng, name, target * 0.8)
        task = render(rng, next(tasks))
        question = render(rng, pick(rng, strings("documents", "records", "questions")))
        yield Draft(_set(rng, task, text, question), f"long/{name}", "documents")


def excerpt(rng: Generator, name: str, length: float) -> str:
    """A few paragraphs without a title when there is little room, else a document."""
    if length > PAGE:
        return document(rng, name, length)
    parts = chosen(rng, max(length * 0.7, 1), table("long")[name]["paragraphs"], setting(rng))
    return pick(rng, ("\n\n", "\n", " ")).join(parts)


def _set(rng: Generator, task: str, text: str, question: str) -> str:
    quoted = pick(rng, _QUOTED).replace("§", text)
    parts = (quoted, task) if chance(rng, 0.2) else (task, quoted)
    return pick(rng, ("\n\n", "\n")).join(part for part in (*parts, question) if part)


def pages(rng: Generator, span: Span) -> Stream:
    """Documents alone, as a tool or a retriever hands them over."""
    for name in deck(rng, types()):
        yield Draft(excerpt(rng, name, span.target(rng)), f"long/{name}", "documents")


def letters(rng: Generator, span: Span) -> Stream:
    """Mails and threads of mails, mostly with a question about them."""
    return _bundled(rng, span, "mail", ("\n\n", "\n\n---\n\n", "\n\n> ", "\n\n-----\n"))


def notices(rng: Generator, span: Span) -> Stream:
    """Automatic mails about money, orders and accounts, mostly with a question about them."""
    return _bundled(rng, span, "notice", ("\n\n", "\n", "\nEmail: "))


def exercises(rng: Generator, span: Span) -> Stream:
    """Programming exercises that tell a story."""
    for draft in _bundled(rng, span, "statement", ("\n\n", "\n\n---\n\n", "\n\n# Next\n\n")):
        yield Draft(draft.text, draft.group, "code")


def results(rng: Generator, span: Span) -> Stream:
    """What tools return: documents in markup, records, logs."""
    written = _bundled(rng, span, "tool_result", ("\n\n", "\n", "\n\n[next]\n"))
    while True:
        yield next(written)
        made = pick(rng, (records, rows, logs))
        yield Draft(
            _asked(rng, made(rng, span.target(rng)), "tool_result"), f"documents/{made.__name__}", "documents"
        )


def exams(rng: Generator, span: Span) -> Stream:
    """Questions with options and exercises, alone or as a test of several."""
    heads = (
        "Answer the following questions.",
        "Choose the correct answer for each question.",
        "Test yourself!",
        "Solve these. Explain your reasoning step by step.",
        "Questions:",
        "Only reply with the letters.",
    )
    while True:
        at = int(rng.integers(BUNDLES))
        chosen = _some(
            rng, [frame.text for frame in bundle(frames("documents", "mc", "maths"), at, BUNDLES)], span
        )
        if len(chosen) > 1:
            chosen = [pick(rng, heads), *(f"{number}. {text}" for number, text in enumerate(chosen, 1))]
        yield Draft("\n\n".join(chosen), f"documents/exam/{at}", "documents")


def _bundled(rng: Generator, span: Span, section: str, joints: Sequence[str]) -> Stream:
    """Frames of one section, with what is asked about them."""
    while True:
        at = int(rng.integers(BUNDLES))
        texts = _some(rng, [frame.text for frame in bundle(frames("documents", section), at, BUNDLES)], span)
        text = pick(rng, joints).join(texts)
        yield Draft(_asked(rng, text, section), f"documents/{section}/{at}", "documents")


def _some(rng: Generator, templates: Sequence[str], span: Span) -> list[str]:
    """As many of the templates as come to the length aimed at, at least one."""
    return chosen(rng, max(span.target(rng) * 0.8, 1), templates, setting(rng))


def _asked(rng: Generator, text: str, section: str) -> str:
    """The text with a question before or behind it, or alone."""
    ask = render(rng, pick(rng, strings("documents", "asks", section)))
    parts = (ask, text) if chance(rng, 0.7) else (text, ask)
    return "\n\n".join(part for part in parts if part)


def records(rng: Generator, length: float) -> str:
    """A JSON answer of objects with about `length` characters."""
    columns, indent = _columns(rng), pick(rng, (None, None, 2))
    objects: list[dict[str, str]] = []
    text = ""
    while len(text) < length:
        objects.append({column: cell(rng) for column, cell in columns.items()})
        text = json.dumps({"total": len(objects), "results": objects}, indent=indent)
    return text


def rows(rng: Generator, length: float) -> str:
    """A table with commas, semicolons or tabs."""
    columns, mark = _columns(rng), pick(rng, (",", ";", "\t"))
    lines = [mark.join(columns)]
    while sum(map(len, lines)) < length:
        lines.append(mark.join(cell(rng) for cell in columns.values()))
    return "\n".join(lines)


def logs(rng: Generator, length: float) -> str:
    """Lines of a log with rising times."""
    day = render(rng, pick(rng, _DAYS))
    second = int(rng.integers(40_000))
    lines: list[str] = []
    while sum(map(len, lines)) < length:
        second += int(rng.integers(90))
        clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
        lines.append(f"{day}{clock} {render(rng, pick(rng, strings('documents', 'records', 'log_lines')))}")
    return "\n".join(lines)


def _columns(rng: Generator) -> dict[str, Maker]:
    """Some columns and what fills each; a note to people is always among them."""
    names = list(_CELLS)
    kept = sorted(rng.permutation(len(names))[: int(rng.integers(2, 7))])
    return {names[int(at)]: _cell((_CELLS[names[int(at)]],)) for at in kept} | {"note": _cell(_notes())}


def _notes() -> Sequence[str]:
    return strings("documents", "records", "notes")


def _cell(templates: Sequence[str]) -> Maker:
    return lambda rng: render(rng, pick(rng, templates))


def long_texts(rng: Generator, span: Span) -> Iterator[tuple[str, str]]:
    """Type and text of documents in the span, all types in turn."""
    for name in deck(rng, types()):
        text = document(rng, name, span.target(rng))
        if len(text) in span:
            yield name, text
