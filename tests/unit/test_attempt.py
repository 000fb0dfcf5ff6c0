"""One attempt, from the headers Envoy shows to the edits it is told."""

from dataclasses import replace

import pytest

from waypost.attempt import HOPS, Attempt, attempt, hops_of
from waypost.errors import ProtocolError
from waypost.mutations.target import Use, target
from waypost.policy import Policy
from waypost.providers.chain import MAX_CHAIN, hop_id
from waypost.providers.provider import Endpoint, Provider, Secret
from waypost.providers.sign import CREDENTIALS
from waypost.testing import policies

POLICY = policies.policy({"a": "external", "b": "internal"}, {}, ())
A, B = POLICY.endpoints["a"], POLICY.endpoints["b"]


def at(endpoint: Endpoint, **changes: object) -> Endpoint:
    return replace(endpoint, provider=replace(endpoint.provider, **changes))  # type: ignore[arg-type]


def plan(
    number: int, chain: str = "ab", cluster: str = "", path: str = "/v1/chat/completions", **hops: Endpoint
) -> Attempt:
    """The attempt `number` of a chain, with other endpoints behind the names where given."""
    changed = {hop_id("test", name): target(endpoint, Use(), None) for name, endpoint in hops.items()}
    known = hops_of(POLICY) | changed
    headers = {header: hop_id("test", name) for header, name in zip(HOPS, chain, strict=False)}
    headers |= {"x-envoy-attempt-count": str(number), ":path": path}
    tried = known[hop_id("test", chain[number - 1])]
    return attempt(known, cluster or tried.endpoint.provider.cluster, headers)


def test_the_first_attempt_of_several() -> None:
    first = plan(1, a=at(A, api_key=Secret("key-a")))
    assert (first.number, first.target.endpoint.name, first.needs_body) == (1, "a", False)
    assert dict(first.set_headers) == {
        ":path": "/v1/chat/completions",
        ":authority": "a-host.invalid",
        "authorization": "Bearer key-a",
    }
    assert set(first.remove_headers) == set(CREDENTIALS) - {"authorization"}


def test_the_last_attempt_takes_the_hops_away() -> None:
    last = plan(2)
    assert (last.number, last.target.endpoint.name, last.needs_body) == (2, "b", True)
    assert set(last.remove_headers) == {*CREDENTIALS, *HOPS}
    assert last.body(b'{"model" : "a", "x": 1E5}') == b'{"model" : "b", "x": 1E5}'


def test_a_chain_as_long_as_envoys_matcher_ends() -> None:
    assert set(HOPS) <= set(plan(MAX_CHAIN, chain="ab" * (MAX_CHAIN // 2)).remove_headers)


@pytest.mark.parametrize(
    ("path", "base", "sent"),
    [
        ("/v1/chat/completions", "/v1", "/v1/chat/completions"),
        ("/v1/chat/completions?key=secret", "/openai", "/openai/chat/completions"),
        ("/v1/embeddings", "", "/embeddings"),
        # What an earlier attempt left: attempts share one header map.
        ("/some/where/else/v1/embeddings", "/v1", "/v1/embeddings"),
        ("/chat/completions", "/a/b", "/a/b/chat/completions"),
    ],
)
def test_the_path_follows_from_its_end(path: str, base: str, sent: str) -> None:
    assert dict(plan(1, path=path, a=at(A, base_path=base)).set_headers)[":path"] == sent


@pytest.mark.parametrize("path", ["", "/v1/models", "/v1/chat/completions/x", "/v1/x?y=/chat/completions"])
def test_no_other_path_is_signed(path: str) -> None:
    with pytest.raises(ProtocolError):
        plan(1, path=path)


@pytest.mark.parametrize("count", ["", "0", "-1", "1x", "x", str(MAX_CHAIN + 1), "01", "٢", "3"])
def test_a_count_that_names_no_hop_is_refused(count: str) -> None:
    headers = {
        "x-waypost-hop-1": hop_id("test", "a"),
        "x-envoy-attempt-count": count,
        ":path": "/v1/embeddings",
    }
    with pytest.raises(ProtocolError, match="names no endpoint"):
        attempt(hops_of(POLICY), "a-host", headers)


def test_without_a_count_nothing_is_sent() -> None:
    with pytest.raises(ProtocolError):
        attempt(
            hops_of(POLICY), "a-host", {"x-waypost-hop-1": hop_id("test", "a"), ":path": "/v1/embeddings"}
        )


def test_a_hop_of_an_unknown_revision_is_refused() -> None:
    other = hops_of(replace(POLICY, revision="other"))
    headers = {
        "x-waypost-hop-1": hop_id("test", "a"),
        "x-envoy-attempt-count": "1",
        ":path": "/v1/embeddings",
    }
    with pytest.raises(ProtocolError):
        attempt(other, A.provider.cluster, headers)


def test_a_cluster_that_is_not_the_endpoints_own_is_refused() -> None:
    with pytest.raises(ProtocolError, match=f"not at {B.provider.cluster!r}"):
        plan(1, cluster=B.provider.cluster)


def test_a_provider_that_moved_is_not_tried_at_its_old_address() -> None:
    with pytest.raises(ProtocolError, match="not at"):
        plan(1, cluster=A.provider.cluster, a=at(A, host="elsewhere.invalid"))


def test_no_provider_sees_anything_of_another() -> None:
    """Every ordered pair: what the second attempt leaves in the shared headers is its own or nobody's."""
    full: Provider = replace(A.provider, api_key=Secret("key-a"), organization="org-a", project="proj-a")
    for first, second in ((full, B.provider), (B.provider, full), (full, replace(full, name="b-host"))):
        ends = {"a": replace(A, provider=replace(first, name="a-host")), "b": replace(B, provider=second)}
        shared: dict[str, str] = {}
        for number in (1, 2):
            step = plan(number, cluster=ends["ab"[number - 1]].provider.cluster, **ends)
            shared = {k: v for k, v in shared.items() if k not in step.remove_headers} | dict(
                step.set_headers
            )
        fresh = plan(1, chain="b", cluster=ends["b"].provider.cluster, **ends)
        assert shared == dict(fresh.set_headers)


def test_hops_of_names_every_endpoint() -> None:
    policy: Policy = POLICY
    assert hops_of(policy) == {hop_id("test", e.name): target(e, Use(), None) for e in (A, B)}
