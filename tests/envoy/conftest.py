"""The world of these tests: providers that misbehave on request, and gateways in front of them."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.envoy.faulty import Upstream, event_loop, refusing_port
from tests.envoy.gateway import Gateway, serve
from tests.envoy.speaking import answers
from tests.envoy.world import DEAD, MIXED, World, config, mixed


@pytest.fixture(scope="session")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with event_loop() as loop:
        yield loop


@pytest.fixture(scope="session")
def whole_world(loop: asyncio.AbstractEventLoop) -> Iterator[World]:
    names = ("in1", "in2", "out1", "out2", "out3")
    with refusing_port() as dead_inside, refusing_port() as dead_outside:
        upstreams = {name: Upstream(name, loop) for name in names}
        yield World(upstreams, {"indead": dead_inside, "outdead": dead_outside})
        for upstream in upstreams.values():
            upstream.close()


@pytest.fixture
def world(whole_world: World) -> World:
    """The providers, healthy, with nothing recorded."""
    for upstream in whole_world.upstreams.values():
        upstream.clear()
    return whole_world


@pytest.fixture(scope="session")
def shared_gateway(whole_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serve(tmp_path_factory.mktemp("gateway"), config(whole_world)) as gateway:
        yield gateway
        assert sum(gateway.stats("rejected_header_mutations").values()) == 0


@pytest.fixture
def gateway(shared_gateway: Gateway, world: World) -> Gateway:
    """A gateway that waits long for its providers; shared, so a test must leave it running."""
    return shared_gateway


@pytest.fixture(scope="session")
def shared_impatient(whole_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    settings = {"timeouts": {"connect_seconds": 1, "idle_seconds": 1}}
    with serve(tmp_path_factory.mktemp("impatient"), config(whole_world) | settings) as gateway:
        yield gateway


@pytest.fixture
def impatient(shared_impatient: Gateway, world: World) -> Gateway:
    """A gateway that gives a provider up after one second of silence; shared."""
    return shared_impatient


@pytest.fixture
def fresh(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Gateway]]:
    """Start a gateway for one test alone; keyword arguments are settings of its file."""
    with ExitStack() as stack:

        def start(**settings: Any) -> Gateway:
            return stack.enter_context(serve(tmp_path_factory.mktemp("fresh"), config(world) | settings))

        yield start


@pytest.fixture(scope="session")
def whole_mixed_world(loop: asyncio.AbstractEventLoop) -> Iterator[World]:
    with ExitStack() as stack:
        dead = {name: stack.enter_context(refusing_port()) for name in DEAD}
        upstreams = {name: Upstream(name, loop) for name in MIXED}
        yield World(upstreams, dead)
        for upstream in upstreams.values():
            upstream.close()


@pytest.fixture
def mixed_world(whole_mixed_world: World) -> World:
    """Providers of every kind, healthy, with nothing recorded."""
    for name, upstream in whole_mixed_world.upstreams.items():
        upstream.clear()
        upstream.behaviour = answers(f"This is {name}")
    return whole_mixed_world


@pytest.fixture(scope="session")
def shared_mixed(whole_mixed_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serve(tmp_path_factory.mktemp("mixed"), mixed(whole_mixed_world)) as gateway:
        yield gateway
        assert sum(gateway.stats("rejected_header_mutations").values()) == 0


@pytest.fixture
def mixed_gateway(shared_mixed: Gateway, mixed_world: World) -> Gateway:
    """A gateway in front of providers of every kind; shared, so a test must leave it running."""
    return shared_mixed


@pytest.fixture(scope="session")
def shared_hasty(whole_mixed_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    settings = {"timeouts": {"connect_seconds": 1, "idle_seconds": 0.5}}
    with serve(tmp_path_factory.mktemp("hasty"), mixed(whole_mixed_world) | settings) as gateway:
        yield gateway


@pytest.fixture
def hasty(shared_hasty: Gateway, mixed_world: World) -> Gateway:
    """Such a gateway that gives a provider up after half a second of silence; shared."""
    return shared_hasty


@pytest.fixture
def fresh_mixed(
    mixed_world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Gateway]]:
    """Start one for a test alone; keyword arguments are settings of its file."""
    with ExitStack() as stack:

        def start(**settings: Any) -> Gateway:
            return stack.enter_context(serve(tmp_path_factory.mktemp("fresh"), mixed(mixed_world) | settings))

        yield start
