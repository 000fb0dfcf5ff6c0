"""Which providers there are, what they are called, and the rules that lead to them.

A text chooses its chain: `chain("out1", "in2")` is a word that a rule routes to out1, then in2. Zones: `in*`
is internal, `out*` external; `indead` and `outdead` refuse every connection.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from tests.artefact import FOLDER
from tests.envoy.faulty import Upstream


@dataclass(frozen=True, slots=True)
class World:
    """Running upstreams and the ports of the dead ones, by provider name."""

    upstreams: dict[str, Upstream]
    dead: dict[str, int]

    def __getitem__(self, name: str) -> Upstream:
        return self.upstreams[name]

    def got(self) -> dict[str, int]:
        """How many requests each provider received; those that got none are left out."""
        return {name: len(up.requests) for name, up in self.upstreams.items() if up.requests}


# Unequal in whatever could leak from one attempt into the next: path, key, headers, length of the name.
PATHS = {
    "in1": "/v1",
    "in2": "/tenants/blue/api/v1",
    "out1": "/v1",
    "out2": "/a/much/longer/prefix/v1",
    "out3": "/v3",
    "indead": "/v1",
    "outdead": "/v1",
}
KEYS = {
    "in1": "sk-in1",
    "in2": "sk-in2-with-a-longer-key",
    "out1": "sk-out1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "out2": "sk-out2",
    "indead": "sk-indead",
    "outdead": "sk-outdead",
}
ACCOUNTS = {
    "out1": {"organization": "org-of-out1", "project": "proj-of-out1"},
    "out2": {"organization": "org-of-out2"},
}
WIRE_NAMES = {
    "in1": "i",
    "in2": "vendor/in2-a-long-model-name-with-a-suffix:2026-01-01",
    "out1": "m1-mini",
    "out2": "o2",
    "out3": 'name-"quoted"-ü',
    "indead": "x",
    "outdead": "x",
}


def model(provider: str) -> str:
    """Logical model that the provider serves."""
    return f"model-{provider}"


def chain(*providers: str) -> str:
    """A word that a rule routes along these providers."""
    return f"via{''.join(providers)}"


PAIRS = tuple(permutations(("in1", "in2", "out1", "out2", "out3"), 2))
CHAINS = (
    *((name,) for name in KEYS | {"out3": ""}),
    *PAIRS,
    ("out1", "out2", "out3"),
    ("outdead", "out1"),
    ("outdead", "out2", "out3"),
    ("out1", "outdead", "out3"),
)
EIGHTFOLD = "eightfold"
"""A word that a rule routes along the longest chain there may be; three providers come twice."""
_EIGHT = ("out1", "out2", "out3", "in1", "in2", "second-out1", "second-in2", "second-out3")

INSIDE_CHAINS = (("in1", "in2"), ("indead", "in1"), ("in1",), ("indead",))


def vault(*providers: str) -> str:
    """A word that a rule routes along these providers and that may not leave the zone `internal`."""
    return f"vault{''.join(providers)}"


def _provider(world: World, name: str) -> dict[str, Any]:
    port = world.dead.get(name) or world[name].port
    provider: dict[str, Any] = {
        "kind": "openai_compatible",
        "base_url": f"http://127.0.0.1:{port}{PATHS[name]}",
    }
    if name in KEYS:
        provider["api_key"] = KEYS[name]
    if name in ACCOUNTS:
        provider |= {"kind": "openai", **ACCOUNTS[name]}
    if name.startswith("in"):
        provider["zone"] = "internal"
    return provider


def _route(name: str, word: str, providers: tuple[str, ...], **action: Any) -> dict[str, Any]:
    return {
        "name": name,
        "conditions": [{"type": "keyword_match", "keywords": [word]}],
        "action": {"type": "route", "endpoints": [model(p) for p in providers], **action},
    }


def config(world: World) -> dict[str, Any]:
    """The file, without addresses and folders."""
    names = [*world.upstreams, *world.dead]
    forbidden = {"type": "block", "status": 403, "message": "Not here."}
    fixed = {"type": "respond", "message": 'We open at nine. "Quoted" ü.'}
    everywhere = ["internal", "external"]
    return {
        "providers": {name: _provider(world, name) for name in names},
        "models": {
            **{model(name): {"provider": name, "name": WIRE_NAMES[name]} for name in names},
            **{model(f"second-{name}"): {"provider": name, "name": f"second-{name}"} for name in PATHS},
        },
        "routing_rules": [
            {
                "name": "forbidden",
                "conditions": [{"type": "keyword_match", "keywords": ["forbidden"]}],
                "action": forbidden,
            },
            *(
                _route(vault(*chain_), vault(*chain_), chain_, boundary="internal")
                for chain_ in INSIDE_CHAINS
            ),
            _route("strict", "strictsecret", ("in1",), boundary="internal", on_explicit="refuse"),
            {
                "name": "opening-hours",
                "conditions": [{"type": "keyword_match", "keywords": ["opening hours"]}],
                "action": fixed,
            },
            _route(EIGHTFOLD, EIGHTFOLD, _EIGHT, boundary=everywhere),
            *(_route(chain(*chain_), chain(*chain_), chain_, boundary=everywhere) for chain_ in CHAINS),
        ],
        "default_model": model("out1"),
    }


CATEGORIES = {
    "mathematics": {"domain": "math", "intent": "math_problem"},
    "code": {"intent": ["code_generation", "code_debugging"]},
    "small talk": {"intent": "general_chat"},
    "travel": {
        "examples": [
            "Which train gets me from Vienna to Venice?",
            "Suggest a hotel for a weekend in Lisbon.",
            "What must we see in Kyoto in three days?",
        ]
    },
}
"""What no rule claims goes to `expert-<category>`; travel to in2 alone, which keeps it inside."""

EXPERTS = {
    "mathematics": ("out1", "out2"),
    "code": ("out2",),
    "small talk": ("out3",),
    "travel": ("in2",),
}


def expert(category: str, provider: str = "") -> str:
    """Logical model of a category; the first one of its chain."""
    return f"{category.replace(' ', '-')}-at-{provider or EXPERTS[category][0]}"


def semantic(world: World, **settings: Any) -> dict[str, Any]:
    """A file whose rules are a word and names of people, both kept inside; what is left goes by category.

    The classifiers may take almost as long as Envoy waits: these tests are about answers, not about time.
    """
    names = [*world.upstreams, *world.dead]
    models = {model(name): {"provider": name, "name": WIRE_NAMES[name]} for name in names}
    for category, providers in EXPERTS.items():
        models |= {expert(category, p): {"provider": p, "name": f"expert-{p}"} for p in providers}
    people = [{"type": "pii_detection", "types": ["PERSON"]}]
    inside = {"type": "route", "endpoints": [model("in1"), model("indead")]}
    return {
        "encoder": {"artefact": str(FOLDER), "deadline_seconds": 9, **settings.pop("encoder", {})},
        "providers": {name: _provider(world, name) for name in names},
        "models": models,
        "routing_rules": [
            _route("word", "ledger", ("in1",)),
            {"name": "people", "conditions": people, "action": inside},
        ],
        "categories": [
            {
                "name": category,
                **bound,
                "model_scores": [
                    {"model": expert(category, p), "score": 1 / n} for n, p in enumerate(EXPERTS[category], 1)
                ],
            }
            for category, bound in CATEGORIES.items()
        ],
        "default_model": model("out3"),
        **settings,
    }


@dataclass(frozen=True, slots=True)
class Site:
    """A provider of a kind; unequal to the others in whatever could leak from one attempt into the next.

    Attributes:
        path: of its base URL.
        key: what all its keys begin with. It has many, because one that was refused or is over its limit is
            left alone for longer than all tests of a file take.
        wire: what it calls its model.
        extra: more of its block in the file.
    """

    kind: str
    path: str
    key: str
    wire: str
    zone: str = "external"
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def dialect(self) -> str:
        """What it speaks: `openai`, `anthropic` or `gemini`."""
        return self.kind if self.kind in {"anthropic", "gemini"} else "openai"

    @property
    def keys(self) -> list[str]:
        return [f"{self.key}-k{n:02}" for n in range(64)]

    @property
    def key_header(self) -> str:
        """Where it wants to see its key."""
        names = {"anthropic": "x-api-key", "gemini": "x-goog-api-key", "azure_openai": "api-key"}
        return names.get(self.kind, "authorization")


MIXED = {
    "openai1": Site(
        "openai",
        "/v1",
        "sk-of-openai1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "gpt-4o",
        extra=(("organization", "org-of-openai1"), ("project", "project-of-openai1")),
    ),
    "openai2": Site(
        "openai", "/openai2/a/longer/prefix/v1", "sk-of-openai2", "gpt-4.1-mini-2025-04-14", "eu"
    ),
    "claude1": Site("anthropic", "/v1", "sk-ant-of-claude1-bbbbbbbbbbbb", "claude-sonnet-4-5"),
    "claude2": Site("anthropic", "/claude2/v1", "sk-ant-of-claude2", "claude-haiku-4-5-20251001", "eu"),
    "gemini1": Site("gemini", "/v1beta", "AIza-of-gemini1-cccccccccccccccccccccc", "gemini-2.5-flash"),
    "gemini2": Site("gemini", "/gemini2/v1beta", "AIza-of-gemini2", "gemini-3-pro-preview", "eu"),
    "azure": Site("azure_openai", "/openai/v1", "key-of-azure-ddddddd", "deployment-of-azure"),
}
"""Providers of the mixed world; those that end in 2 stand in the zone `eu`."""

FIRST = {"openai": "openai1", "anthropic": "claude1", "gemini": "gemini1"}
SECOND = {"openai": "openai2", "anthropic": "claude2", "gemini": "gemini2"}
"""By dialect: who fails, and who answers then."""

DIALECT_PAIRS = tuple((FIRST[a], SECOND[b]) for a in FIRST for b in SECOND)
"""Every ordered pair of dialects, a dialect with itself included."""

DEAD = {f"{name}dead": name for name in FIRST.values()}
"""Providers that refuse every connection, each like another one but for its address."""

EU_CHAIN = ("openai2", "claude2", "gemini2")


def over(*providers: str) -> str:
    """A word that a rule routes along these providers of the mixed world."""
    return f"over{''.join(providers)}"


def _mixed_chains() -> Iterator[tuple[str, ...]]:
    yield from ((name,) for name in MIXED)
    yield from permutations(MIXED, 2)
    yield from permutations(FIRST.values(), 3)
    yield from ((dead, name) for dead in DEAD for name in SECOND.values())
    yield from ((name,) for name in DEAD)


def mixed(world: World) -> dict[str, Any]:
    """The file of the mixed world, without addresses and folders."""
    sites = MIXED | {dead: MIXED[name] for dead, name in DEAD.items()}
    providers = {
        name: {
            "kind": site.kind,
            "base_url": f"http://127.0.0.1:{world.dead.get(name) or world[name].port}{site.path}",
            "api_keys": site.keys,
            "retries": 0,
            "zone": site.zone,
            **dict(site.extra),
        }
        for name, site in sites.items()
    }
    return {
        "providers": providers,
        "models": {model(name): {"provider": name, "name": site.wire} for name, site in sites.items()},
        "routing_rules": [
            _route("kept-in-eu", "europeonly", EU_CHAIN, boundary="eu"),
            *(
                _route(over(*chain_), over(*chain_), chain_, boundary=["external", "eu"])
                for chain_ in _mixed_chains()
            ),
        ],
        "default_model": model("openai1"),
    }
