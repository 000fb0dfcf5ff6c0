"""What a failover drill is made of: one rule's chain, policies in which its first endpoints fail, a verdict.

Rule 1: pure. `rehearsal` runs what is made here.
Rule 2: everything but the addresses of those who fail is as configured: kinds, zones, names, order, limits.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from waypost.decision.engine import Route, Rule
from waypost.decision.expr import All
from waypost.policy import Policy
from waypost.providers.provider import Account, Endpoint, Host, Provider, ProviderKind, Secret, Tls

STAND_IN_KEY: Final = "stand-in"
"""What providers of a dry run want to see."""

PLAYED: Final[Mapping[ProviderKind, str]] = {"anthropic": "claude-haiku-4-5", "gemini": "gemini-2.5-flash"}
"""Models that stand-ins of these kinds have; they are as strict as real ones, each in its own way."""

_BASES: Final = {"gemini": "/v1beta"}


def find(policy: Policy, name: str) -> Rule | None:
    """A rule by its name, or by that of the category it stands for."""
    rules = [rule for rule in policy.rules if not rule.category and rule.name == name]
    return next(iter((*rules, *(rule for rule in policy.rules if rule.category == name))), None)


def names(policy: Policy) -> list[str]:
    """Whatever has a chain."""
    return [rule.category or rule.name for rule in policy.rules if isinstance(rule.action, Route)]


def alone(policy: Policy, rule: Rule) -> Policy:
    """A policy in which every request is decided by one rule; what guards forbid stays forbidden."""
    return replace(policy, rules=(replace(rule, when=All(())),))


def fixed(policy: Policy, rule: Rule, chain: Sequence[str]) -> Policy:
    """A policy in which a rule has this chain, whatever it would choose by.

    Choices rest on how endpoints did lately, and in a drill they do badly.
    """
    rules = tuple(
        replace(each, action=replace(each.action, endpoints=tuple(chain)))
        if each.key == rule.key and isinstance(each.action, Route)
        else each
        for each in policy.rules
    )
    choices = {key: choice for key, choice in policy.choices.items() if key != rule.key}
    return replace(policy, rules=rules, choices=choices)


def failing(policy: Policy, chain: Sequence[str], faults: Sequence[Host], count: int) -> Policy:
    """A policy in which the first `count` endpoints of a chain are at addresses that fail.

    No credential goes there.
    """
    endpoints, providers = dict(policy.endpoints), dict(policy.providers)
    for n, name in enumerate(chain[:count]):
        down = replace(
            endpoints[name].provider,
            name=f"drill-{n + 1}",
            scheme="http",
            hosts=(faults[n % len(faults)],),
            account=Account(),
            tls=Tls(),
        )
        providers[down.name] = down
        endpoints[name] = replace(endpoints[name], provider=down)
    revision = f"{policy.revision}-drill-{count}"
    return replace(policy, endpoints=endpoints, providers=providers, revision=revision)


def played(policy: Policy, ports: Mapping[str, int]) -> Policy:
    """A policy whose providers are played by stand-ins on this machine.

    Args:
        policy: the real one.
        ports: of a stand-in, by provider; the others stay.
    """
    providers = {
        name: _played(provider, ports[name]) if name in ports else provider
        for name, provider in policy.providers.items()
    }
    endpoints = {
        name: replace(
            endpoint,
            provider=providers[endpoint.provider.name],
            model=PLAYED.get(endpoint.provider.kind, endpoint.model),
        )
        if endpoint.provider.name in ports
        else endpoint
        for name, endpoint in policy.endpoints.items()
    }
    return replace(policy, providers=providers, endpoints=endpoints)


def _played(provider: Provider, port: int) -> Provider:
    return replace(
        provider,
        kind="openai" if provider.kind == "azure_openai" else provider.kind,
        scheme="http",
        hosts=(Host("127.0.0.1", port),),
        base_path=_BASES.get(provider.kind, "/v1"),
        account=Account((Secret(STAND_IN_KEY),)),
        tls=Tls(),
        api_version="",
        paths={},
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """What the client saw.

    Attributes:
        answered: endpoint, where it answered well; None = nobody did.
        code: of an error.
    """

    status: int
    answered: str | None
    attempts: int
    milliseconds: float
    code: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One request of a drill.

    Attributes:
        failed: endpoints that were made to fail.
        expected: who had to answer; None = nobody could.
        problem: what is not as configured; empty = all is.
    """

    failed: tuple[str, ...]
    expected: str | None
    seen: Seen
    problem: str


def judge(policy: Policy, rule: Rule, chain: Sequence[str], count: int, seen: Seen) -> Row:
    """Compare what happened with the configuration.

    Args:
        policy: the one without faults.
        rule: whose chain it is.
        chain: endpoints in order.
        count: how many of them were made to fail.
        seen: what happened.
    """
    left = chain[count:]
    return Row(
        tuple(chain[:count]), next(iter(left), None), seen, "; ".join(_problems(policy, rule, left, seen))
    )


def _problems(policy: Policy, rule: Rule, left: Sequence[str], seen: Seen) -> Iterator[str]:
    route = rule.action if isinstance(rule.action, Route) else Route(())
    endpoint = policy.endpoints.get(seen.answered or "")
    zone = endpoint.zone if endpoint else None
    if route.boundary is not None and zone is not None and zone not in route.boundary:
        yield f"{seen.answered!r} is in zone {zone!r}, outside the boundary"
    # Who is optional may not be there, and then the next one answers.
    sure = next((n for n, name in enumerate(left) if name not in route.optional), len(left))
    if seen.answered not in (left[: sure + 1] or [None]):
        who = (
            repr(seen.answered) if seen.answered else f"nobody ({seen.status} {seen.code})".replace(" )", ")")
        )
        wanted = f"expected {left[0]!r}" if left else "nobody was left"
        yield f"{wanted}, and {who} answered"


def name_limit(endpoints: Iterable[Endpoint]) -> str:
    """What the limit of an answer is called: newer models of OpenAI know one word, others the other."""
    kinds = {endpoint.provider.kind for endpoint in endpoints}
    return "max_completion_tokens" if kinds & {"openai", "azure_openai"} else "max_tokens"
