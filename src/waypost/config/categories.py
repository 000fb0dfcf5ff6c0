"""Categories become rules behind the operator's own: one for each, that hold when their category is best."""

from collections.abc import Sequence
from typing import Final

from waypost.config import schema
from waypost.config.book import Book, blocks
from waypost.config.conditions import Conditions
from waypost.config.document import Findings, Path, step
from waypost.config.shapes import Picked, Shapes, optional
from waypost.config.validate import nearest
from waypost.decision.engine import SEMANTIC, Route, Rule
from waypost.providers.chain import MAX_CHAIN
from waypost.providers.provider import DEFAULT_ZONE
from waypost.signals.category import NAMED, Category, Entry
from waypost.signals.labelled import known
from waypost.signals.labels import DOMAINS, INTENTS

OTHER: Final = "other"
"""The category that takes what no other one claims."""

_THRESHOLD: Final = 0.5


def categories(document: schema.Document, book: Book, conditions: Conditions, shapes: Shapes) -> list[Rule]:
    """The rules of the semantic fallback, in file order; the one of `other` last.

    Args:
        document: holds the default threshold.
        book: the models that categories name.
        conditions: gets one signal for each category.
        shapes: gets what categories say about their requests, by the key of their rule.
    """
    findings = book.findings
    threshold = document.classifier.category_model.threshold or _THRESHOLD
    first: dict[str, Path] = {}
    found: list[tuple[Path, schema.Category, Entry | None]] = []
    for path, block in blocks(schema.Category, "categories", findings):
        if block.name in first:
            remedy = f"the first one is at {findings.place((*first[block.name], 'name'))}"
            findings.error((*path, "name"), f"a category named {block.name!r} exists already", remedy)
            continue
        first[block.name] = path
        found.append((path, block, _entry(block, path, threshold, findings)))
    entries = tuple(entry for _, _, entry in found if entry is not None)
    rules: list[Rule] = []
    for path, block, entry in sorted(found, key=lambda each: each[2] is None):
        picks = _picks(block, path, book)
        route = _route(block, path, picks, book)
        if route is None or (entry is None and (block.name != OTHER or not entries)):
            continue
        signal = Category(name=block.name, entries=entries)
        when = conditions.enter(signal, Category.kind, path, f"{NAMED}{block.name}")
        rules.append(Rule(SEMANTIC, when, route, block.description, category=block.name))
        node = step(step(findings.root, "categories") or findings.root, path[1])
        labels = (*entry.domains, *entry.intents) if entry else ()
        shapes.enter(rules[-1].key, block, node, path, picks, labels)
    return rules


def _entry(block: schema.Category, path: Path, threshold: float, findings: Findings) -> Entry | None:
    """What the category stands for; None for the one that takes the rest, and where something is wrong."""
    domains = _labels(block.domain, DOMAINS, (*path, "domain"), findings)
    intents = _labels(block.intent, INTENTS, (*path, "intent"), findings)
    if block.name == OTHER and not (domains or intents or block.examples):
        return None
    if not (block.domain or block.intent or block.examples):
        domain, intent = known(block.name, DOMAINS), known(block.name, INTENTS)
        if domain is None and intent is None:
            message = f"{block.name!r} is neither a domain nor an intent, so nothing says what it stands for"
            near = nearest(block.name, [*DOMAINS, *INTENTS])
            remedy = f"{near}; or add `domain`, `intent` or three to ten `examples`"
            findings.error((*path, "name"), message, remedy)
            return None
        domains, intents = (domain,) if domain else (), (intent,) if intent else ()
    own = block.threshold or threshold
    return Entry(name=block.name, domains=domains, intents=intents, examples=block.examples, threshold=own)


def _labels(
    written: tuple[str, ...], labels: tuple[str, ...], path: Path, findings: Findings
) -> tuple[str, ...]:
    found: list[str] = []
    for number, name in enumerate(written):
        label = known(name, labels)
        if label is None:
            findings.error((*path, number), f"{name!r} is unknown to the classifiers", nearest(name, labels))
        else:
            found.append(label)
    return tuple(found)


def _picks(block: schema.Category, path: Path, book: Book) -> list[Picked]:
    """Its models, the best first, each once."""
    picks: dict[str, Picked] = {}
    for number, score in enumerate(block.model_scores):
        at = (*path, "model_scores", number)
        if score.model not in book.declared["models"]:
            remedy = nearest(score.model, book.declared["models"])
            book.findings.error((*at, "model"), f"{score.model!r} is not a model", remedy)
        elif score.model in book.endpoints:
            pick = Picked(score.model, at, score.score, score.percent, score, score.optional)
            known = picks.get(score.model)
            if known is None or (known.score or 0.0) < score.score:
                picks[score.model] = pick
    return sorted(picks.values(), key=lambda pick: -(pick.score or 0.0))[:MAX_CHAIN]


def _route(block: schema.Category, path: Path, picks: Sequence[Picked], book: Book) -> Route | None:
    """To its models; inside their zone where they share one that is not the default."""
    names = tuple(pick.endpoint for pick in picks)
    if not names:
        return None
    zones = {book.endpoints[name].zone for name in names}
    boundary = frozenset(zones) if len(zones) == 1 and DEFAULT_ZONE not in zones else None
    if block.boundary is not None:
        boundary = book.boundary(names, block.boundary, path)
    return Route(names, boundary, optional=optional(picks, book.findings))
