"""Both fronts carry the product. Every other test here runs on h2, which `waypost serve` uses."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.envoy.faulty import fails
from tests.envoy.gateway import Gateway, free_port, is_alive, run_serve, wait_until
from tests.envoy.world import World, chain, config, vault


@pytest.fixture(scope="module", params=["grpc", "h2"])
def either(
    request: pytest.FixtureRequest, whole_world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway with each front."""
    folder, port, admin = tmp_path_factory.mktemp(request.param), free_port(), free_port()
    own = {"listen": f"127.0.0.1:{port}", "admin": f"127.0.0.1:{admin}", "state_dir": str(folder)}
    file = folder / "waypost.yaml"
    file.write_text(json.dumps(own | config(whole_world)))
    with run_serve(["-c", str(file), "--front", request.param], folder, port, admin) as gateway:
        command = gateway.children()[gateway.worker]
        assert command[command.index("--front") + 1] == request.param
        yield gateway
        assert sum(gateway.stats("rejected_header_mutations").values()) == 0


def test_a_rule_leads_to_its_provider(either: Gateway, world: World) -> None:
    assert either.ask(chain("in2")).header("x-waypost-decision") == chain("in2")
    assert world.got() == {"in2": 1}


def test_the_next_of_a_chain_answers(either: Gateway, world: World) -> None:
    world["out1"].behaviour = fails(500)
    assert either.ask(chain("out1", "out2", "out3")).header("x-waypost-attempts") == "2"


def test_a_block_and_a_list_reach_no_provider(either: Gateway, world: World) -> None:
    assert either.ask("this is forbidden").error["code"] == "blocked"
    assert either.request("GET", "/v1/models").status == 200
    assert world.got() == {}


@pytest.mark.parametrize("size", [100_000, 5_000_000])
def test_a_large_body_fails_over(either: Gateway, world: World, size: int) -> None:
    world["in1"].behaviour = fails(500)
    response = either.ask(f"{vault('in1', 'in2')} {'word ' * (size // 5)}")
    assert response.status == 200
    assert len(world["in2"].wait().body) > size


def test_a_hundred_at_once(either: Gateway, world: World) -> None:
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _: either.ask(chain("out3")).status, range(100)))
    assert answers == [200] * 100


def test_a_killed_worker_is_replaced(either: Gateway, world: World) -> None:
    worker = either.worker
    either.kill(worker)
    either.until(lambda: either.ready() == 200, "ready again")
    assert either.ask("hello").status == 200
    assert either.worker != worker


def test_requests_wait_while_the_worker_is_away(fresh: Callable[..., Gateway], world: World) -> None:
    """Its sockets are the supervisor's, so nobody is refused."""
    gateway = fresh()
    worker = gateway.worker
    gateway.kill(worker)
    wait_until(lambda: not is_alive(worker), "the end of the worker")
    wait_until(
        lambda: not sum(gateway.stats("cluster.waypost_router.upstream_cx_active").values()),
        "Envoy to know that it has gone",
    )
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: gateway.ask("hello").status, range(20)))
    assert answers == [200] * 20
