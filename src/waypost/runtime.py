"""The composition root of a worker: from a loaded configuration to open sockets, and back."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

from waypost.attempt import Hops, hops_of
from waypost.config.settings import Settings
from waypost.encoder.settings import EncoderSettings, ForeignModel
from waypost.errors import EngineError
from waypost.needs import Encode, Failed
from waypost.observe.audit import AuditLog
from waypost.observe.metrics import Metrics
from waypost.policy import Policy
from waypost.signals.base import Encoded, Examples
from waypost.transport.breakers import REST_SECONDS, Breakers
from waypost.transport.driver import Ports
from waypost.transport.fronts import Front, listen
from waypost.transport.keys import Keys
from waypost.transport.router import Router, Routing
from waypost.transport.upstream import Upstream

if TYPE_CHECKING:
    from waypost.encoder.engine import Encoder

REVISIONS: Final = 4
"""How many policies keep their hop ids: the one in force, and those requests under way may still name."""

DRAIN_SECONDS: Final = 10.0
"""How long requests under way may take to reach their response headers when a worker stops."""


class Policies:
    """The policy in force and the hops of its predecessors; replaced whole, never changed."""

    def __init__(self, first: Policy) -> None:
        self._policies = (first,)
        self._hops = hops_of(self._policies)

    def current(self) -> Policy:
        """The policy new requests get."""
        return self._policies[0]

    def hops(self) -> Hops:
        """What attempts look up, of every revision still in use."""
        return self._hops

    def install(self, policy: Policy) -> None:
        """Put another policy in force; requests under way keep theirs."""
        older = [p for p in self._policies if p.revision != policy.revision]
        self._policies = (policy, *older[: REVISIONS - 1])
        self._hops = hops_of(self._policies)


class Classifiers:
    """The encoder of one process, loaded when the first question needs it or beforehand."""

    def __init__(self, settings: EncoderSettings, foreign: Mapping[str, ForeignModel] | None = None) -> None:
        """`foreign` are checkpoints in place of built-in heads; see `checkpoints`."""
        self._settings = settings
        self._foreign = foreign or {}
        self._encoder: Encoder | None = None

    async def answer(self, need: Encode) -> Encoded | Failed:
        """Answer a need; an artefact that cannot be used answers none."""
        try:
            encoder = self._encoder or await asyncio.to_thread(self.load)
        except EngineError as error:
            return Failed(str(error))
        return await encoder.answer(need)

    def load(self, policy: Policy | None = None) -> "Encoder":
        """Load the artefact, half a second, and checkpoints; read the examples of a policy; once is enough.

        Raises:
            EngineError: the artefact, or the checkpoint of a guard, cannot be used.
        """
        from waypost.encoder.engine import Encoder  # noqa: PLC0415 - numpy and onnxruntime take 0.2 s

        if self._encoder is None:
            self._encoder = Encoder.open(self._settings, self._foreign)
        if policy is not None:
            self._encoder.prepare(_examples(policy))
        return self._encoder

    def close(self) -> None:
        """Stop its threads."""
        if self._encoder is not None:
            self._encoder.close()


def asks_classifiers(policy: Policy) -> bool:
    """Whether anything in a policy reads a head; where nothing does, the classifiers are never loaded."""
    return bool(_heads(policy))


def checkpoints(policy: Policy, settings: Settings) -> Mapping[str, ForeignModel]:
    """Checkpoints of somebody else's that a question of the policy is put to, by head."""
    asked = _heads(policy)
    return {head: model for head, model in settings.foreign.items() if head in asked}


def _heads(policy: Policy) -> frozenset[str]:
    """What questions, choices and edits read."""
    compares = any(shape.tools and shape.tools.mode != "off" for shape in policy.shapes.values())
    likeness = {"similarity"} if compares else set[str]()
    return policy.reads.union(likeness, *(signal.heads for signal in policy.signals.values()))


def _examples(policy: Policy) -> Iterator[Examples]:
    """Texts that requests are compared with, whoever sends them."""
    for signal in policy.signals.values():
        yield from signal.likened
    for shape in policy.shapes.values():
        if shape.catalogue is not None:
            yield shape.catalogue.examples


@asynccontextmanager
async def worker(
    policy: Policy, settings: Settings, router: str, upstream: str, front: Front | None = None
) -> AsyncGenerator[Policies]:
    """Serve both roles until the block ends, then drain.

    Args:
        policy: the first one in force.
        settings: audit and limits.
        router: where the router role listens: `host:port`, `unix:/path` or `fd:N`.
        upstream: where the upstream role listens, likewise.
        front: who serves both; None = the usual one for each address.

    Raises:
        EngineError: an address, the audit log or a model of the classifiers cannot be used.
    """
    policies = Policies(policy)
    limit = settings.max_body_bytes
    async with AsyncExitStack() as stack:
        audit = AuditLog.open(settings.audit, settings.state_dir, revision=policy.revision)
        stack.push_async_callback(audit.close)
        classifiers = Classifiers(settings.encoder, checkpoints(policy, settings))
        stack.callback(classifiers.close)
        if asks_classifiers(policy):
            await asyncio.to_thread(classifiers.load, policy)
        now = time.time  # noqa: TID251 - the wall clock is asked here, at the rim; below it is a value
        metrics = Metrics(policies.current, now)
        keys = Keys(time.monotonic, metrics.cooling, settings.timeouts.cooldown_seconds)
        breakers = Breakers(time.monotonic, min(REST_SECONDS, settings.timeouts.cooldown_seconds))
        # Requests that are decided still have attempts before them, so the upstream role stops last.
        server = await listen(upstream, lambda: Upstream(policies.hops, keys, breakers, now), limit, front)
        stack.push_async_callback(server.stop, 1)
        routing = Routing(
            policies.current,
            audit,
            now,
            Ports(classifiers.answer),
            started=int(now()),
            keys=keys,
            breakers=breakers,
            metrics=metrics,
        )
        server = await listen(router, lambda: Router(routing), limit, front)
        stack.push_async_callback(server.stop, DRAIN_SECONDS)
        yield policies
