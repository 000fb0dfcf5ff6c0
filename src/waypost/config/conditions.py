"""Conditions become signals and expressions; equal conditions share one signal."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from waypost.config.book import Lists
from waypost.config.document import Findings, Node, Path
from waypost.config.schema import GROUPS
from waypost.config.validate import check_tagged, nearest
from waypost.decision.expr import All, Any, Expr, Is, Not
from waypost.signals.base import Signal, TextSignal
from waypost.signals.jailbreak import JailbreakDetection
from waypost.signals.metadata import Metadata
from waypost.signals.pii import PiiDetection
from waypost.signals.similarity import Similarity

_STEP: Final = re.compile(r"[^.\[\]]+")
_ONE_GROUP: Final = "write each as a condition of its own in the list"


@dataclass(slots=True)
class Conditions:
    """Where conditions become signals; equal ones become one.

    Attributes:
        paths: every place a signal stands at, by its name.
        used: full or short names of the keyword lists that conditions name.
        thresholds: by condition type: what a condition without a threshold of its own gets.
    """

    kinds: Mapping[str, type[Signal]]
    lists: Lists
    findings: Findings
    ignores_unreadable: bool
    identity_headers: frozenset[str] = frozenset()
    thresholds: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    signals: dict[str, Signal] = field(default_factory=dict[str, Signal])
    names: dict[Signal, str] = field(default_factory=dict[Signal, str])
    counts: Counter[str] = field(default_factory=Counter[str])
    paths: dict[str, list[Path]] = field(default_factory=dict[str, list[Path]])
    used: set[str] = field(default_factory=set[str])

    def several(
        self, nodes: Sequence[Node], path: Path, *, guards: bool, denied: bool = False
    ) -> tuple[Expr, ...]:
        """Expressions of a list of conditions; what failed is left out."""
        made = (self.one(node, (*path, n), guards=guards, denied=denied) for n, node in enumerate(nodes))
        return tuple(e for e in made if e is not None)

    def one(self, node: Node, path: Path, *, guards: bool, denied: bool = False) -> Expr | None:
        """One condition or group; a rule that `guards` reads everything that would leave."""
        group = next((key for key in node.mapping if key in GROUPS), None)
        if group is None:
            return self.signal(node, path, guards=guards, denied=denied)
        for key in node.mapping:
            if key != group:
                self.findings.error(
                    (*path, key), f"{key!r} cannot stand beside {group!r}", _ONE_GROUP, key=True
                )
        inner = node.mapping[group]
        if not inner.items:
            self.findings.error((*path, group), f"{group!r} takes a list of at least one condition")
            return None
        denied = denied or group == "none_of"
        operands = self.several(inner.items, (*path, group), guards=guards, denied=denied)
        if group == "all_of":
            return All(operands)
        return Not(Any(operands)) if group == "none_of" else Any(operands)

    def signal(self, node: Node, path: Path, *, guards: bool, denied: bool) -> Is | None:
        """One condition as a signal, under a name that equal conditions share."""
        tag = str(node.mapping["type"].value) if "type" in node.mapping else ""
        signal = check_tagged(self.kinds, node, path, self.findings, noun="condition")
        if signal is None:
            return None
        usual = self.thresholds.get(tag)
        is_general = usual is not None and "threshold" not in node.mapping
        if is_general and isinstance(signal, PiiDetection | JailbreakDetection | Similarity):
            signal = replace(signal, threshold=usual)
        if isinstance(signal, TextSignal):
            # Absence is certain only where everything was read, whatever the rule does.
            everything = guards or denied or signal.reads_all
            unread = "fail" if everything and not self.ignores_unreadable else "ignore"
            scope = signal.scope or ("all" if everything else "conversation")
            signal = replace(signal, scope=scope, unreadable=signal.unreadable or unread)
        if isinstance(signal, Metadata) and (signal.header or "").lower() in self.identity_headers:
            signal = replace(signal, trusted=True)
        self.lists_of(signal, path)
        return self.enter(signal, tag, path)

    def enter(self, signal: Signal, tag: str, path: Path, name: str | None = None) -> Is:
        """Give a signal its name, or find that of an equal one."""
        known = self.names.get(signal)
        if known is None:
            self.counts[tag] += 1
            known = name or f"{tag}#{self.counts[tag]}"
            self.names[signal], self.signals[known] = known, signal
            self.remarks(signal, path)
        self.paths.setdefault(known, []).append(path)
        return Is(known)

    def lists_of(self, signal: Signal, path: Path) -> None:
        """Check the keyword lists a condition names."""
        lists, findings = self.lists, self.findings
        for n, name in enumerate(getattr(signal, "lists", ())):
            at = (*path, "lists", n)
            self.used.add(name)
            if name in lists.shared:
                self.used.update(lists.shared[name])
                message = f"keyword list {name!r} exists more than once"
                findings.error(at, message, f"name one in full: {', '.join(lists.shared[name])}")
            elif name not in lists.terms:
                findings.error(at, f"{name!r} is not a keyword list", nearest(name, lists.terms))

    def remarks(self, signal: Signal, path: Path) -> None:
        """Pass on what a signal says about its own configuration."""
        for lint in signal.lint():
            steps = (int(step) if step.isdigit() else step for step in _STEP.findall(lint.field))
            self.findings.add(lint.severity, (*path, *steps), lint.message, lint.help)

    def bound(self) -> dict[str, Signal]:
        """All signals in written order, prepared class by class; their further remarks are passed on."""
        bound: dict[str, Signal] = {}
        for cls in {type(s): None for s in self.signals.values()}:
            names = [name for name, s in self.signals.items() if type(s) is cls]
            peers = cls.bind([self.signals[name] for name in names], self.lists.terms)
            bound |= dict(zip(names, peers, strict=True))
        for name in self.signals:
            self.remarks(bound[name], self.paths[name][0])
        return {name: bound[name] for name in self.signals}
