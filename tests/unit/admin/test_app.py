"""Health says that this process answers, ready says that traffic would succeed."""

from collections.abc import Mapping, Sequence

import pytest
from starlette.testclient import TestClient

from waypost.admin.app import create


def client(children: Mapping[str, Mapping[str, int | None]], reasons: Sequence[str] = ()) -> TestClient:
    async def not_ready() -> Sequence[str]:
        return reasons

    async def providers() -> Mapping[str, object]:
        return {"schema": "s"}

    async def metrics() -> bytes:
        return b"waypost_requests_total 1.0\n"

    return TestClient(create(lambda: children, not_ready, providers, metrics))


def test_health_names_every_child() -> None:
    children = {"envoy": {"pid": 12, "restarts": 1}, "worker": {"pid": 13, "restarts": 0}}
    answer = client(children).get("/health")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "children": children}


def test_a_child_that_is_being_restarted_is_no_reason_to_kill_this_process() -> None:
    answer = client({"envoy": {"pid": None, "restarts": 2}}).get("/health")

    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"


def test_ready() -> None:
    answer = client({}).get("/ready")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "reasons": []}


def test_not_ready_says_why() -> None:
    answer = client({}, ["the worker does not listen"]).get("/ready")

    assert answer.status_code == 503
    assert answer.json() == {"status": "not_ready", "reasons": ["the worker does not listen"]}


def test_providers_and_metrics_are_told_as_they_are_now() -> None:
    providers, metrics = (client({}).get(path) for path in ("/api/v1/providers", "/metrics"))
    assert providers.json() == {"schema": "s"}
    assert metrics.text == "waypost_requests_total 1.0\n"
    assert metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert {each.headers["cache-control"] for each in (providers, metrics)} == {"no-store"}
    assert client({}).post("/api/v1/providers").status_code == 405


@pytest.mark.parametrize("path", ["/", "/v1/models", "/ready/x", "/api", "/api/v1"])
def test_nothing_else_is_served(path: str) -> None:
    assert client({}).get(path).status_code == 404
