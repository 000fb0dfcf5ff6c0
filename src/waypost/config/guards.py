"""Guards of every level become checks of every endpoint: one question for each set of settings."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from waypost.config import schema
from waypost.config.book import Book
from waypost.config.conditions import Conditions
from waypost.config.document import Path
from waypost.config.validate import nearest
from waypost.decision.engine import GUARD, PII
from waypost.guards.judge import Check
from waypost.guards.settings import PROTECTED, AttackAction, AttackLevel, PiiAction, PiiLevel, narrowest
from waypost.providers.provider import DEFAULT_ZONE, Endpoint
from waypost.signals.jailbreak import JailbreakDetection
from waypost.signals.pii import PRIVATE, PiiDetection


@dataclass(frozen=True, slots=True)
class Level:
    """What one level says about both guards.

    Attributes:
        path: where it stands in the file; () = it is built in.
    """

    path: Path
    pii: PiiLevel | None = None
    attack: AttackLevel | None = None


@dataclass(slots=True)
class Guards:
    """Where levels become checks; equal settings share one question.

    Attributes:
        wide: levels of the whole file, of zones and of models.
    """

    document: schema.Document
    book: Book
    conditions: Conditions
    zones: Mapping[str, Level] = field(default_factory=dict[str, Level])
    models: Mapping[str, Level] = field(default_factory=dict[str, Level])

    @classmethod
    def open(cls, document: schema.Document, book: Book, conditions: Conditions) -> "Guards":
        """Read the levels of zones and models."""
        zones = {name: Level(("zones", name), z.pii, z.prompt_guard) for name, z in document.zones.items()}
        known = dict.fromkeys(e.zone for e in book.endpoints.values())
        for name in zones:
            if name not in known:
                book.findings.warn(("zones", name), f"no model is in zone {name!r}", nearest(name, known))
        models = {
            name: Level(("models", name), block.pii, block.prompt_guard)
            for name, block in book.blocks.items()
        }
        return cls(document, book, conditions, zones, models)

    def checks(self, own: Level | None = None) -> dict[str, tuple[Check, ...]]:
        """Checks by endpoint, for requests that a rule or category with these settings decides."""
        return {name: tuple(self._of(own, e)) for name, e in self.book.endpoints.items()}

    def _of(self, own: Level | None, endpoint: Endpoint) -> Iterator[Check]:
        wider = (own, self.models.get(endpoint.name), self.zones.get(endpoint.zone))
        levels = [level for level in wider if level is not None]
        if (found := self._pii(levels, endpoint.zone)) is not None:
            yield found
        if (found := self._attack(levels, endpoint.zone)) is not None:
            yield found

    def _pii(self, levels: list[Level], zone: str) -> Check | None:
        written = [(level.path, level.pii) for level in levels if level.pii is not None]
        if self.document.pii is not None:
            written.append(((PII,), self.document.pii))
        if not written and zone == DEFAULT_ZONE:
            written = [((), PROTECTED)]
        said = narrowest(level for _, level in written)
        action = _action(((path, level.action) for path, level in written), zone) or "block"
        if not written or not said.get("enabled", True) or action == "allow":
            return None
        unread = "fail" if written[0][0] and not self.conditions.ignores_unreadable else "ignore"
        allowed = frozenset(said.get("allowed_types", ()))
        types = tuple(name for name in said.get("types", PRIVATE) if name not in allowed)
        usual = self.conditions.thresholds.get("pii_detection")
        signal = PiiDetection(
            scope="all",
            unreadable=unread,
            types=types if allowed or "types" in said else None,
            threshold=said.get("threshold", usual or PiiDetection().threshold),
            method=said.get("method", "hybrid"),
        )
        name = self._named(signal, PII, (*written[0][0], *_at(written[0][0], PII)))
        return Check("pii", name, action, is_default=not written[0][0])

    def _attack(self, levels: list[Level], zone: str) -> Check | None:
        wide = self.document.prompt_guard
        written = [(level.path, level.attack) for level in levels if level.attack is not None]
        said: dict[str, Any] = narrowest(level for _, level in written)
        # A level below that says anything means the guard to be on there.
        enabled = said.get("enabled", wide.enabled or bool(said))
        actions: list[tuple[Path, Action | None]] = [(path, level.action) for path, level in written]
        actions.append(((GUARD,), wide.action))
        action = _action(actions, zone) or "block"
        if not enabled or action == "allow":
            return None
        signal = JailbreakDetection(scope="all", unreadable="ignore")
        settings = {key: said.get(key, getattr(wide, key)) for key in _SETTINGS}
        signal = replace(signal, **{key: value for key, value in settings.items() if value is not None})
        path = (*written[0][0], GUARD) if written else (GUARD,)
        return Check("prompt_guard", self._named(signal, GUARD, path), action)

    def _named(self, signal: PiiDetection | JailbreakDetection, name: str, path: Path) -> str:
        """The name of a question; that of an equal condition of a rule, where there is one."""
        conditions = self.conditions
        if signal not in conditions.names:
            conditions.counts[name] += 1
            number = conditions.counts[name]
            name = name if number == 1 else f"{name}#{number}"
        return conditions.enter(signal, signal.kind, path, name).signal


Action = PiiAction | AttackAction


def _action(written: Iterable[tuple[Path, Action | None]], zone: str) -> Action | None:
    """What the most telling level says that says something; None = no level does.

    A rule or the whole file that reroutes sends what is found away from zones called external. Taken for the
    others as well it would leave nobody to send it to, so there the next wider level counts, and where none
    says more, the request may stay. A model or zone that reroutes means itself.
    """
    said: list[tuple[Path, Action]] = [(path, action) for path, action in written if action is not None]
    for path, action in said:
        if _concerns(path, action, zone):
            return action
    return "allow" if said else None


def _concerns(path: Path, action: Action, zone: str) -> bool:
    return action != "reroute" or zone == DEFAULT_ZONE or path[:1] in {("models",), ("zones",)}


_SETTINGS: Final = ("threshold", "document_threshold", "method", "patterns")
"""What a level of the guard says about its question."""


def _at(path: Path, key: str) -> tuple[str, ...]:
    """The key behind the path of a level; the level of the whole file is the key itself."""
    return () if path in {(), (key,)} else (key,)
