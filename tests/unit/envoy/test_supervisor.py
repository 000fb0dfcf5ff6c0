"""The plan becomes commands and documents; readiness is judged. Real processes: tests/envoy/test_serve.py."""

import asyncio
import json
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from waypost.config.settings import Address, Settings
from waypost.decision.engine import SEMANTIC, Route, Rule
from waypost.decision.expr import All
from waypost.envoy import supervisor
from waypost.envoy.child import Command, EndedError
from waypost.envoy.supervisor import NotReadyError, Plan, Supervisor
from waypost.policy import Policy
from waypost.providers.provider import Endpoint, Host, Provider

PROVIDER = Provider("p", "openai_compatible", "http", (Host("127.0.0.1", 9),), "/v1")
SECRETS = {"PATH": "/bin", "HOME": "/root", "OPENAI_API_KEY": "sk-canary"}


def policy(revision: str = "r1", **providers: Provider) -> Policy:
    known = {"p": PROVIDER, **providers}
    endpoints = {f"m-{name}": Endpoint(f"m-{name}", provider, "n") for name, provider in known.items()}
    return Policy(revision, known, endpoints, {}, (Rule(SEMANTIC, All(()), Route(("m-p",))),))


def plan(folder: Path, **fields: Any) -> Plan:
    made = Plan(
        folder,
        Path("/bin/false"),
        policy(),
        Settings(),
        ("/bin/sh", "-c", "exec sleep 60"),
        lambda: None,
        "/etc/ca.pem",
    )
    return replace(made, **fields)


def told() -> tuple[list[str], Callable[..., None]]:
    events: list[str] = []
    return events, lambda event, **_: events.append(event)


def made(folder: Path, **fields: Any) -> Supervisor:
    return Supervisor(plan(folder, **fields), SECRETS, told()[1])


def command(of: Supervisor, name: str) -> Command:
    return next(child.command for child in of._children() if child.command.name == name)


def document(folder: Path, kind: str) -> Any:
    return json.loads((folder / kind / "document.json").read_text())


def test_envoy_gets_no_key_and_the_worker_gets_what_its_configuration_names(tmp_path: Path) -> None:
    one = made(tmp_path)

    assert command(one, "envoy").environ == {"PATH": "/bin", "HOME": "/root"}
    assert command(one, "worker").environ == SECRETS


@pytest.mark.parametrize("front", ["grpc", "h2"])
def test_both_sides_are_told_the_same_sockets(tmp_path: Path, front: str) -> None:
    one = made(tmp_path, front=front)
    one._publish()
    found = command(one, "worker")
    clusters = json.dumps(document(tmp_path, "cds"))

    for role in ("router", "upstream"):
        path = f"{tmp_path}/{role}.sock"
        address = found.argv[found.argv.index(f"--{role}") + 1]
        assert json.dumps({"pipe": {"path": path}})[1:-1] in clusters
        if front == "grpc":
            assert address == f"unix:{path}"
        else:
            number = int(address.removeprefix("fd:"))
            assert number in found.keep
            with socket.socket(fileno=os.dup(number)) as held:
                assert held.getsockname() == path
    assert found.argv[found.argv.index("--front") + 1] == front


def test_the_worker_holds_a_pipe_that_ends_with_us(tmp_path: Path) -> None:
    found = command(made(tmp_path), "worker")

    assert str(found.keep[0]) == found.argv[found.argv.index("--parent-fd") + 1]


def test_everything_envoy_starts_with_lies_there_before(tmp_path: Path) -> None:
    made(tmp_path)._publish()

    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.json")} == {
        "bootstrap.json",
        "cds/document.json",
        "lds/document.json",
        "rds/document.json",
    }


def test_an_edited_configuration_is_followed_and_the_old_hops_stay(tmp_path: Path) -> None:
    other = Provider("q", "openai_compatible", "http", (Host("127.0.0.1", 10),), "/v1")
    fresh = policy("r2", q=other)
    moved = Settings(listen=Address("127.0.0.1", 1), max_body_bytes=2048)
    events, tell = told()
    one = Supervisor(plan(tmp_path, reload=lambda: (fresh, moved)), SECRETS, tell)
    one._publish()
    before = document(tmp_path, "rds")

    one._follow()
    one._follow()

    routes, clusters = json.dumps(document(tmp_path, "rds")), json.dumps(document(tmp_path, "cds"))
    old = before["resources"][0]["virtual_hosts"][0]["routes"][0]["route"]["inline_cluster_specifier_plugin"]
    hops = old["extension"]["typed_config"]["cluster_matcher"]["matcher_tree"]["exact_match_map"]["map"]
    assert all(hop in routes for hop in hops)
    assert '"port_value": 10' in clusters
    assert events == ["config_changed"]
    listener = document(tmp_path, "lds")["resources"][0]
    assert listener["address"]["socket_address"]["port_value"] == 8801, "a listener never moves while it runs"
    assert listener["per_connection_buffer_limit_bytes"] == 2048


def test_a_configuration_that_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    one = made(tmp_path)
    one._publish()
    before = document(tmp_path, "rds")

    one._follow()

    assert document(tmp_path, "rds") == before


def listening(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    return listener


def test_readiness_names_the_first_thing_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = Address("127.0.0.1", probe.getsockname()[1])
    one = made(tmp_path, awaited=(nobody,), front="grpc")
    live, status = True, 200

    async def is_live() -> bool:
        return live

    async def get_models(address: Address) -> int:
        return status

    def reasons(of: Supervisor = one) -> list[str]:
        return asyncio.run(of.not_ready())

    assert reasons() == ["the worker does not listen"]
    with listening(tmp_path / "router.sock"), listening(tmp_path / "upstream.sock"):
        assert reasons() == [f"nothing listens on {nobody}"]
        two = made(tmp_path, front="grpc")
        assert reasons(two)[0].startswith("Envoy does not answer: ")
        monkeypatch.setattr(two._control, "is_live", is_live)
        monkeypatch.setattr(supervisor, "get_models", get_models)
        assert reasons(two) == []
        status = 503
        assert reasons(two) == ["GET /v1/models through the listener answers 503"]
        live = False
        assert reasons(two) == ["Envoy is not live"]
        two.stop()
        assert reasons(two) == ["stopping"]


def test_sockets_that_are_ours_say_nothing_of_the_worker(tmp_path: Path) -> None:
    one = made(tmp_path)

    assert asyncio.run(one.not_ready()) == ["the worker does not listen"]
    assert all((tmp_path / f"{role}.sock").is_socket() for role in ("router", "upstream"))


def test_a_child_that_does_not_start_ends_everything(tmp_path: Path) -> None:
    one = made(tmp_path)

    with pytest.raises(EndedError, match="envoy ended with exit code 1 before it was ready"):
        asyncio.run(one.run(lambda: pytest.fail("never ready")))

    assert one.children() == {
        "worker": {"pid": None, "restarts": 0},
        "envoy": {"pid": None, "restarts": 0},
    }


def test_what_never_becomes_ready_is_an_error_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "START_SECONDS", 0.05)
    patient = tmp_path / "envoy"
    patient.write_text("#!/bin/sh\nexec sleep 60\n")
    patient.chmod(0o755)
    one = made(tmp_path, envoy=patient, front="grpc")

    with pytest.raises(NotReadyError, match=r"not ready after 0\.05 s: the worker does not listen"):
        asyncio.run(one.run(lambda: pytest.fail("never ready")))

    assert {child["pid"] for child in one.children().values()} == {None}


def test_told_to_stop_before_it_is_ready_it_stops(tmp_path: Path) -> None:
    patient = tmp_path / "envoy"
    patient.write_text("#!/bin/sh\nexec sleep 60\n")
    patient.chmod(0o755)
    one = made(tmp_path, envoy=patient)

    async def scenario() -> None:
        asyncio.get_running_loop().call_soon(one.stop)
        await one.run(lambda: pytest.fail("never ready"))

    asyncio.run(scenario())

    assert {child["pid"] for child in one.children().values()} == {None}
