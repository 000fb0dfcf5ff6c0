"""The composition root of a worker: from a loaded configuration to open sockets, and back."""

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from waypost.attempt import hops_of
from waypost.config.settings import Settings
from waypost.observe.audit import AuditLog
from waypost.policy import Policy
from waypost.providers.provider import Endpoint
from waypost.transport.fronts import Front, listen
from waypost.transport.router import Router, Routing
from waypost.transport.upstream import Upstream

REVISIONS: Final = 4
"""How many policies keep their hop ids: the one in force, and those requests under way may still name."""

DRAIN_SECONDS: Final = 10.0
"""How long requests under way may take to reach their response headers when a worker stops."""


class Policies:
    """The policy in force and the hops of its predecessors; replaced whole, never changed."""

    def __init__(self, first: Policy) -> None:
        self._policies = (first,)
        self._hops: Mapping[str, Endpoint] = hops_of(first)

    def current(self) -> Policy:
        """The policy new requests get."""
        return self._policies[0]

    def hops(self) -> Mapping[str, Endpoint]:
        """Endpoint by hop id, of every revision still in use."""
        return self._hops

    def install(self, policy: Policy) -> None:
        """Put another policy in force; requests under way keep theirs."""
        older = [p for p in self._policies if p.revision != policy.revision]
        self._policies = (policy, *older[: REVISIONS - 1])
        self._hops = {hop: e for kept in reversed(self._policies) for hop, e in hops_of(kept).items()}


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
        EngineError: an address or the audit log cannot be used.
    """
    policies = Policies(policy)
    limit = settings.max_body_bytes
    async with AsyncExitStack() as stack:
        audit = AuditLog.open(settings.audit, settings.state_dir, revision=policy.revision)
        stack.push_async_callback(audit.close)
        # Requests that are decided still have attempts before them, so the upstream role stops last.
        server = await listen(upstream, lambda: Upstream(policies.hops), limit, front)
        stack.push_async_callback(server.stop, 1)
        # The wall clock is asked here, at the rim; below it is a value.
        routing = Routing(policies.current, audit, time.time, started=int(time.time()))  # noqa: TID251
        server = await listen(router, lambda: Router(routing), limit, front)
        stack.push_async_callback(server.stop, DRAIN_SECONDS)
        yield policies
