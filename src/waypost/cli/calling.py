"""`waypost doctor --providers`: every provider at the same time, told in the order of the file."""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from waypost.cli.examine import Finding
from waypost.config.document import parse
from waypost.config.load import Loaded
from waypost.decision.engine import Route
from waypost.envoy.roots import find_ca_file
from waypost.probe.run import Probe
from waypost.probe.wire import Patience
from waypost.probe.words import Check
from waypost.providers.provider import Credential, SecretFile

MOST_SECONDS: Final = 60.0
"""For one answer, where the configuration allows longer: loading a model first takes that long."""


def call(loaded: Loaded, names: Sequence[str]) -> Iterator[Finding]:
    """Ask providers; none named = all."""
    limits = loaded.settings.timeouts
    patience = Patience(limits.connect_seconds, min(limits.idle_seconds, MOST_SECONDS))
    routes = [rule.action for rule in loaded.policy.rules if isinstance(rule.action, Route)]
    optional = frozenset[str]().union(*(route.optional for route in routes))
    probe = Probe(find_ca_file(), patience, _named(loaded), optional)
    for check in asyncio.run(_all(probe, loaded, names)):
        yield Finding(check.name, check.status, check.found, check.fix, check.figures)


async def _all(probe: Probe, loaded: Loaded, names: Sequence[str]) -> list[Check]:
    policy = loaded.policy
    asked = [
        probe.provider(
            provider,
            [each for each in policy.endpoints.values() if each.provider.name == provider.name],
        )
        for name, provider in policy.providers.items()
        if not names or name in names
    ]
    return [check for checks in await asyncio.gather(*asked) for check in checks]


def _named(loaded: Loaded) -> Callable[[Credential], str]:
    """What the operator calls a key: the variable it was put in from, or its file."""
    variables: dict[str, str] = {}
    for file, text in loaded.texts.items():
        variables |= parse(text, file, os.environ).expanded

    def named(credential: Credential) -> str:
        if isinstance(credential, SecretFile):
            return credential.path
        written = next(
            (name for value, name in variables.items() if value.strip() == credential.reveal()), ""
        )
        return written.removeprefix("${").removesuffix("}")

    return named
