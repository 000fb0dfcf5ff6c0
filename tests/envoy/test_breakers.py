"""A provider that keeps failing is asked after the others, and again when its rest is over."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from tests.envoy.faulty import Upstream, answers, fails, respond
from tests.envoy.gateway import Gateway
from tests.envoy.words import provider, served, told, words

NAMES = ("weak", "spare", "short")
TOO_LONG = b'{"error": {"message": "Too long.", "type": "t", "code": "context_length_exceeded"}}'


@pytest.fixture(scope="module")
def upstreams(loop: asyncio.AbstractEventLoop) -> dict[str, Upstream]:
    return {name: Upstream(name, loop) for name in NAMES}


@pytest.fixture(scope="module")
def gateway(upstreams: dict[str, Upstream], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = words(
        {name: provider(upstreams[name]) for name in NAMES},
        {"weakorspare": ("weak", "spare"), "shortorspare": ("short", "spare")},
    )
    config["timeouts"] = config.get("timeouts", {}) | {"cooldown_seconds": 2}
    with served(tmp_path_factory.mktemp("breakers"), config, upstreams.values()) as gateway:
        yield gateway


def test_it_comes_behind_the_others_and_back_again(gateway: Gateway, upstreams: dict[str, Upstream]) -> None:
    upstreams["weak"].behaviour = fails(503)
    for _ in range(5):
        assert told(gateway.ask("weakorspare")) == (200, "spare", "2")
    began = time.monotonic()
    assert told(gateway.ask("weakorspare")) == (200, "spare", "1")
    assert len(upstreams["weak"].requests) == 5
    time.sleep(max(0.0, began + 2.5 - time.monotonic()))
    assert told(gateway.ask("weakorspare")) == (200, "spare", "2")  # one try, and one failure is enough
    assert told(gateway.ask("weakorspare")) == (200, "spare", "1")
    upstreams["weak"].behaviour = answers("weak")
    time.sleep(2.5)
    for _ in range(3):
        assert told(gateway.ask("weakorspare")) == (200, "weak", "1")


def test_requests_that_are_too_long_are_no_failures_of_it(
    gateway: Gateway, upstreams: dict[str, Upstream]
) -> None:
    upstreams["short"].behaviour = respond(400, TOO_LONG)
    for _ in range(12):
        assert told(gateway.ask("shortorspare")) == (200, "spare", "2")
