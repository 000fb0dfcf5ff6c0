"""What Envoy says of clusters, read; the shapes are those of Envoy 1.40."""

import json
import re
from typing import Any

import pytest

from waypost.observe.upstreams import FILTER, STATS, HostState, Upstream, read
from waypost.providers.provider import Host, Provider

ONE = Provider("one", "vllm", "http", (Host("127.0.0.1", 9),), "/v1")
TWO = Provider("two.with-dots", "openai", "https", (Host("::1", 443), Host("a.example", 443)), "/v1")


def host(ip: str, port: int, numbers: dict[str, int] | None = None, **fields: Any) -> dict[str, Any]:
    stats = [
        {"name": name, "type": "GAUGE" if name.endswith("active") else "COUNTER"}
        | ({"value": str(number)} if number else {})
        for name, number in (numbers or {}).items()
    ]
    place = {"socket_address": {"address": ip, "port_value": port} if port else {"address": ip}}
    return {"address": place, "stats": stats, "health_status": {"eds_health_status": "HEALTHY"}, **fields}


def clusters(**hosts: list[dict[str, Any]]) -> bytes:
    names = {"one": ONE.cluster, "two": TWO.cluster}
    told = [{"name": names.get(name, name), "host_statuses": found} for name, found in hosts.items()]
    return json.dumps({"cluster_statuses": told}).encode()


def stats(**numbers: int) -> bytes:
    told: list[dict[str, Any]] = [
        {"name": f"cluster.{ONE.cluster}.{name.replace('retry__', 'retry.')}", "value": number}
        for name, number in numbers.items()
    ]
    told.append({"histograms": {"supported_quantiles": []}})
    return json.dumps({"stats": told}).encode()


REFUSING = host("127.0.0.1", 0, {"cx_connect_fail": 7}, priority=1)


def test_numbers_of_addresses_and_of_the_whole() -> None:
    seen = {
        "rq_active": 2,
        "rq_total": 40,
        "rq_error": 3,
        "cx_connect_fail": 1,
        "cx_active": 5,
        "rq_timeout": 0,
    }
    (told,) = read(
        [ONE],
        clusters(waypost_router=[], one=[host("10.0.0.5", 8000, seen), REFUSING]),
        stats(
            upstream_rq_2xx=30,
            upstream_rq_4xx=6,
            upstream_rq_429=2,
            upstream_rq_5xx=1,
            retry__upstream_rq_5xx=3,
            upstream_rq_retry=3,
            upstream_rq_timeout=1,
            upstream_rq_per_try_idle_timeout=2,
            upstream_rq_retry_overflow=1,
            upstream_rq_pending_overflow=4,
        ),
    )
    assert told == Upstream(
        "one",
        (HostState("10.0.0.5:8000", False, 2, 40, 3, 1),),
        {"2xx": 30, "4xx": 6, "429": 2, "5xx": 4},
        retries=3,
        timeouts=3,
        overflows=5,
    )
    assert (told.state, told.active, told.connect_failures) == ("ok", 2, 1)


@pytest.mark.parametrize(
    ("ejected", "state"), [((False, False), "ok"), ((True, False), "degraded"), ((True, True), "down")]
)
def test_a_provider_is_as_good_as_the_addresses_that_are_not_ejected(
    ejected: tuple[bool, ...], state: str
) -> None:
    hosts = [host("::1", 443, health_status={"failed_outlier_check": True} if out else {}) for out in ejected]
    (told,) = read([TWO], clusters(two=hosts), stats())
    assert told.state == state
    assert [each.address for each in told.hosts] == ["[::1]:443"] * 2


def test_a_name_that_does_not_resolve_has_no_address() -> None:
    (told,) = read([TWO], clusters(two=[REFUSING]), stats())
    assert (told.hosts, told.state, told.connect_failures) == ((), "down", 0)


def test_statistics_of_another_cluster_are_not_taken() -> None:
    """A name with dots, and one that begins like another."""
    text = json.dumps({"stats": [{"name": f"cluster.x.{ONE.cluster}.upstream_rq_2xx", "value": 9}]})
    (told,) = read([ONE], clusters(one=[]), text.encode())
    assert (told.statuses or {})["2xx"] == 0


def test_a_provider_that_envoy_does_not_know_is_left_out() -> None:
    assert read([ONE, TWO], clusters(two=[]), stats())[0].provider == "two.with-dots"
    assert read([], clusters(one=[]), stats()) == ()


@pytest.mark.parametrize("wrong", [b"", b"LIVE\n", b"[]", b"{", b"\xff"])
def test_what_envoy_never_says_is_an_error(wrong: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of the JSON reader or ours
        read([ONE], wrong, stats())


def test_holes_count_as_nothing() -> None:
    odd = {
        "host_statuses": [{}, "x", {"address": [], "stats": [{}], "health_status": None}],
        "name": ONE.cluster,
    }
    (told,) = read(
        [ONE], json.dumps({"cluster_statuses": [odd, 1]}).encode(), b'{"stats": [{"value": null}]}'
    )
    assert [each.requests for each in told.hosts] == [0, 0]


def test_the_filter_takes_what_is_read_and_nothing_else() -> None:
    assert all(re.fullmatch(FILTER, f"cluster.{TWO.cluster}.{name}") for name in STATS)
    assert not re.fullmatch(FILTER, f"cluster.{ONE.cluster}.upstream_cx_total")
    assert not re.fullmatch(FILTER, "http.main.upstream_rq_2xx")
