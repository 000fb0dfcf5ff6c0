"""A model that a provider does not have yet is passed over, and tried again later."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.envoy.faulty import Upstream, fails
from tests.envoy.gateway import Gateway
from tests.envoy.words import provider, served, told, words

NAMES = ("newest", "newer", "old", "wrong", "ghost", "shade")


@pytest.fixture(scope="module")
def upstreams(loop: asyncio.AbstractEventLoop) -> dict[str, Upstream]:
    return {name: Upstream(name, loop) for name in NAMES}


@pytest.fixture(scope="module")
def gateway(upstreams: dict[str, Upstream], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    def maybe(name: str) -> dict[str, object]:
        return {"model": name, "optional": True}

    config = words(
        {name: provider(upstreams[name]) for name in NAMES},
        {
            "latest": (maybe("newest"), maybe("newer"), "old"),
            "mistaken": ("wrong", "old"),
            "ghosts": (maybe("ghost"), maybe("shade")),
        },
    )
    with served(tmp_path_factory.mktemp("optional"), config, upstreams.values()) as gateway:
        yield gateway


def test_a_model_that_is_not_there_is_passed_over_from_then_on(
    gateway: Gateway, upstreams: dict[str, Upstream]
) -> None:
    upstreams["newest"].behaviour = fails(404, "model_not_found")
    assert told(gateway.ask("latest")) == (200, "newer", "2")
    assert told(gateway.ask("latest")) == (200, "newer", "1")
    assert len(upstreams["newest"].requests) == 1
    upstreams["newer"].behaviour = fails(404, "model_not_found")
    assert told(gateway.ask("latest")) == (200, "old", "2")
    assert told(gateway.ask("latest")) == (200, "old", "1")
    warned = "provider 'newest' does not know model 'wire-newest'"
    gateway.until(lambda: warned in gateway.log.read_text(), "a warning")
    assert gateway.log.read_text().count(warned) == 1


def test_a_client_that_names_it_gets_its_answer(gateway: Gateway, upstreams: dict[str, Upstream]) -> None:
    upstreams["newest"].behaviour = fails(404, "model_not_found")
    response = gateway.ask("latest", "newest")
    assert response.status == 502
    assert response.error["code"] == "provider_model_not_found"


def test_one_that_is_not_optional_is_asked_every_time(
    gateway: Gateway, upstreams: dict[str, Upstream]
) -> None:
    upstreams["wrong"].behaviour = fails(404, "model_not_found")
    for _ in range(2):
        assert told(gateway.ask("mistaken")) == (200, "old", "2")
    assert len(upstreams["wrong"].requests) == 2


def test_where_there_is_nobody_else_they_are_asked_all_the_same(
    gateway: Gateway, upstreams: dict[str, Upstream]
) -> None:
    for name in ("ghost", "shade"):
        upstreams[name].behaviour = fails(404, "model_not_found")
    assert gateway.ask("ghosts").status == 502
    upstreams["ghost"].clear()
    assert told(gateway.ask("ghosts")) == (200, "ghost", "1")
