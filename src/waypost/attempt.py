"""One attempt at one provider: what must change in the request so that this provider understands it.

Rule 1: pure and stateless. It is built from what Envoy says about this attempt; it never refers to another.
Rule 2: attempts share one header map, so each one says everything again: path, authority, all credentials.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from waypost.dialects.spans import replace_model
from waypost.dialects.splice import splice
from waypost.errors import ProtocolError
from waypost.mutations.shape import read
from waypost.mutations.target import Target
from waypost.policy import Policy
from waypost.providers.chain import MAX_CHAIN, hop_id
from waypost.providers.provider import Secret
from waypost.providers.sign import CREDENTIALS, credentials

ATTEMPT_COUNT: Final = "x-envoy-attempt-count"
HOPS: Final = tuple(f"x-waypost-hop-{k}" for k in range(1, MAX_CHAIN + 1))
"""Headers that carry the chain, in order."""

_OPERATIONS: Final = ("/chat/completions", "/embeddings")

Hops = Mapping[str, Target]
"""Target by hop id."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What Envoy is told about one attempt.

    Attributes:
        number: 1-based.
        target: who is tried, and how.
        set_headers: overwritten or added; holds a credential in clear text, so it is never logged.
        remove_headers: taken away.
        needs_body: the body was written for another endpoint, or for any, and must be edited.
    """

    number: int
    target: Target
    set_headers: tuple[tuple[str, str], ...]
    remove_headers: tuple[str, ...]
    needs_body: bool

    def body(self, neutral: bytes) -> bytes:
        """The body as this provider must get it; `neutral` is the one the router filter left."""
        if not self.target.says_more:
            return replace_model(neutral, self.target.model)
        return splice(neutral, self.target.edits(read(neutral)))


def hops_of(policy: Policy) -> dict[str, Target]:
    """The hop ids of one revision."""
    return {hop_id(policy.revision, target.key): target for target in policy.targets()}


def attempt(hops: Hops, cluster: str, headers: Mapping[str, str]) -> Attempt:
    """Plan the attempt that these headers announce.

    Args:
        hops: of every policy revision still in use.
        cluster: where Envoy is about to send it.
        headers: request headers as they stand, names in lower case.

    Raises:
        ProtocolError: they name nobody, or somebody who does not live at `cluster`; nothing may be sent.
    """
    count = headers.get(ATTEMPT_COUNT, "")
    number = int(count) if count in _NUMBERS else 0
    target = hops.get(headers.get(HOPS[number - 1], "")) if number else None
    if target is None:
        raise ProtocolError(f"attempt {count!r} at cluster {cluster!r} names no endpoint of a known revision")
    endpoint = target.endpoint
    if endpoint.provider.cluster != cluster:
        raise ProtocolError(
            f"endpoint {endpoint.name!r} lives at {endpoint.provider.cluster!r}, not at {cluster!r}"
        )
    path = headers.get(":path", "").partition("?")[0]
    operation = next((name for name in _OPERATIONS if path.endswith(name)), None)
    if operation is None:
        raise ProtocolError("the path is none that providers serve")
    keys = [key for key in endpoint.provider.account.keys if isinstance(key, Secret)]
    signed = credentials(endpoint.provider, keys[0].reveal() if keys else None)
    is_last = number == MAX_CHAIN or HOPS[number] not in headers
    return Attempt(
        number=number,
        target=target,
        set_headers=(
            (":path", endpoint.provider.base_path + operation),
            (":authority", endpoint.provider.authority),
            *signed.items(),
        ),
        remove_headers=(*(name for name in CREDENTIALS if name not in signed), *(HOPS if is_last else ())),
        # The router filter writes the first endpoint's model into the body, and nothing else of its own.
        needs_body=number > 1 or target.says_more,
    )


_NUMBERS: Final = frozenset(str(n) for n in range(1, MAX_CHAIN + 1))
