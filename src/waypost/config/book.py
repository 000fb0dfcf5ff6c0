"""Everything in the file that has a name: keyword lists, providers, models."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any, Final, TypeVar

from waypost.config import schema
from waypost.config.document import Findings, Node, Path
from waypost.config.providers import provider_of
from waypost.config.validate import check, found, nearest
from waypost.decision.engine import EXPLICIT, GUARD, PII, SEMANTIC
from waypost.providers.provider import DEFAULT_ZONE, Endpoint, Provider

T = TypeVar("T")

RESERVED: Final = frozenset({SEMANTIC, EXPLICIT, GUARD, PII})


def blocks(cls: type[T], key: str, findings: Findings) -> Iterator[tuple[Path, T]]:
    """The valid blocks of a top-level list or mapping, with their paths."""
    node = findings.root.mapping.get(key)
    if node is None or node.value is None:
        return
    wants_list = key in {"routing_rules", "categories", "test_cases"}
    if not isinstance(node.value, list if wants_list else dict):
        wanted = "a list" if wants_list else "a mapping from names to blocks"
        findings.error((key,), f"must be {wanted}, not {found(node)}")
        return
    children = enumerate(node.items) if wants_list else node.mapping.items()
    for step, child in children:
        block = check(cls, child, (key, step), findings)
        if block is not None:
            yield (key, step), block


@dataclass(frozen=True, slots=True)
class Lists:
    """Named keyword lists.

    Attributes:
        terms: by every name a condition may use; a short name that two groups share is not among them.
        paths: where the list stands, by the same names.
        shared: the full names behind each ambiguous short name.
    """

    terms: Mapping[str, tuple[str, ...]]
    paths: Mapping[str, Path]
    shared: Mapping[str, tuple[str, ...]]


def keyword_lists(findings: Findings) -> Lists:
    """Read `keywords` and every `<any>_keywords`: list `<group>`, also `<any>_keywords.<group>`."""
    terms: dict[str, tuple[str, ...]] = {}
    paths: dict[str, Path] = {}
    full_names: dict[str, list[str]] = {}
    for key, node in findings.root.mapping.items():
        if key != "keywords" and not key.endswith(schema.LIST_SUFFIX):
            continue
        if not isinstance(node.value, dict):
            findings.error((key,), f"must be a mapping from list names to keywords, not {found(node)}")
        for group, child in node.mapping.items():
            words = check(tuple[schema.Text, ...], child, (key, group), findings)
            full = f"{key}.{group}"
            terms[full], paths[full] = words or (), (key, group)
            full_names.setdefault(group, []).append(full)
    for group, (full, *others) in full_names.items():
        if not others:
            terms[group], paths[group] = terms[full], paths[full]
    shared = {group: tuple(names) for group, names in full_names.items() if len(names) > 1}
    return Lists(terms, paths, shared)


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that has a name.

    Attributes:
        declared: names of models and of providers in the file, blocks that failed included.
        blocks: what the file says about each endpoint.
    """

    findings: Findings
    lists: Lists
    providers: dict[str, Provider]
    endpoints: dict[str, Endpoint]
    declared: Mapping[str, tuple[str, ...]]
    blocks: dict[str, schema.Model] = field(default_factory=dict[str, schema.Model])

    @classmethod
    def open(cls, findings: Findings, lists: Lists, folder: File) -> "Book":
        """Read `providers` and `models`; relative paths start in `folder`."""
        declared: dict[str, tuple[str, ...]] = {}
        shapes: dict[str, Any] = {"providers": schema.ProviderName, "models": schema.Name}
        for key, shape in shapes.items():
            node = findings.root.mapping.get(key)
            names = tuple(node.mapping) if node else ()
            declared[key] = names
            for name in names:
                spelling = Findings(Node(findings.root.at, name))
                check(shape, spelling.root, (), spelling)
                for problem in spelling.problems:
                    findings.error((key, name), f"the name {problem.message}", key=True)
        book = cls(findings, lists, {}, {}, declared)
        for path, block in blocks(schema.Provider, "providers", findings):
            provider = provider_of(str(path[-1]), block, path, findings, folder)
            if provider is not None:
                book.providers[provider.name] = provider
        for path, model in blocks(schema.Model, "models", findings):
            book.enter(str(path[-1]), model, path)
        return book

    def enter(self, name: str, block: schema.Model, path: Path) -> None:
        """Add a logical model."""
        if name in {SEMANTIC, EXPLICIT}:
            self.findings.error(path, f"the name {name!r} is reserved", "choose another", key=True)
        if block.provider in self.providers:
            provider = self.providers[block.provider]
            self.endpoints[name] = Endpoint(
                name,
                provider,
                block.name or name,
                block.description,
                block.context_window,
                block.max_output_tokens,
            )
            self.blocks[name] = block
        elif block.provider not in self.declared["providers"]:
            remedy = nearest(block.provider, self.declared["providers"])
            self.findings.error((*path, "provider"), f"{block.provider!r} is not a provider", remedy)

    def resolve(self, name: str, path: Path) -> str | None:
        """The logical model an endpoint names: a model, else a provider that has exactly one."""
        if name in self.declared["models"]:
            return name if name in self.endpoints else None
        if name not in self.declared["providers"]:
            if known := [*self.declared["models"], *self.declared["providers"]]:
                self.findings.error(path, f"endpoint {name!r} is not a model", nearest(name, known))
            return None  # with nothing to name, the missing models are the one error there is
        served = [e.name for e in self.endpoints.values() if e.provider.name == name]
        if len(served) == 1:
            return served[0]
        if name in self.providers:
            what = f"the models {', '.join(served)}" if served else "no model"
            remedy = "name one of them" if served else f"add a model with `provider: {name}`"
            self.findings.error(path, f"endpoint {name!r} is a provider with {what}", remedy)
        return None

    def boundary(
        self, names: Sequence[str], written: Sequence[str] | None, path: Path
    ) -> frozenset[str] | None:
        """The zones no attempt may leave; where none is written, the first endpoint's own."""
        zones = [self.endpoints[name].zone for name in names]
        if written is not None:
            boundary = frozenset(written)
            known = dict.fromkeys(endpoint.zone for endpoint in self.endpoints.values())
            unknown = next((nearest(zone, known) for zone in written if zone not in known), "")
            for name, zone in zip(names, zones, strict=True):
                if zone not in boundary:
                    message = f"endpoint {name!r} is in zone {zone!r}, outside the boundary"
                    remedy = unknown or f"widen the boundary or remove {name!r}"
                    self.findings.error((*path, "boundary"), message, remedy)
            return boundary
        if len(set(zones)) > 1:
            message = f"the endpoints are in several zones ({', '.join(dict.fromkeys(zones))})"
            remedy = "write `boundary: [zone, …]` with every zone this request may enter"
            self.findings.error((*path, "endpoints"), message, remedy)
        return frozenset(zones[:1]) if zones and zones[0] != DEFAULT_ZONE else None
