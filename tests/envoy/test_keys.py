"""A key that is over its limit or refused makes room for the next one, in this request and in later ones."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.envoy.faulty import Behaviour, Exchange, Upstream, answers, fails, respond
from tests.envoy.gateway import Gateway
from tests.envoy.words import provider, served, told, words

NAMES = ("turns", "refused", "spent", "alone", "spare", "crowd", "filed", "pays", "back")
LIMITED = b'{"error": {"message": "Slow down.", "type": "requests", "code": "rate_limit_exceeded"}}'


def keyed(name: str) -> list[str]:
    return [f"sk-{name}-one", f"sk-{name}-two"]


@pytest.fixture(scope="module")
def upstreams(loop: asyncio.AbstractEventLoop) -> dict[str, Upstream]:
    return {name: Upstream(name, loop) for name in NAMES}


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("secrets") / "key"
    file.write_text("sk-filed-old\n")
    return file


@pytest.fixture(scope="module")
def gateway(
    upstreams: dict[str, Upstream], key_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    own = {name: {"api_keys": keyed(name)} for name in ("turns", "refused", "spent", "crowd", "pays")}
    own |= {name: {"api_key": f"sk-{name}"} for name in ("alone", "spare", "back")}
    own["filed"] = {"api_key_file": str(key_file)}
    config = words(
        {name: provider(upstreams[name], **own[name]) for name in NAMES},
        {name: (name,) for name in NAMES}
        | {
            "aloneorspare": ("alone", "spare"),
            "backorspare": ("back", "spare"),
            "refusedorspare": ("refused", "spare"),
        },
    )
    with served(tmp_path_factory.mktemp("keys"), config, upstreams.values()) as gateway:
        yield gateway
        log = gateway.log.read_text()
        assert "sk-" not in log, "a key is in the log"


def signed(upstream: Upstream) -> list[str]:
    """Last parts of the keys it was asked with, in order."""
    return [(request.header("authorization") or "").rpartition("-")[2] for request in upstream.requests]


def only(key: str, otherwise: Behaviour, text: str) -> Behaviour:
    """Answers requests that are signed with one key."""

    async def behaviour(exchange: Exchange) -> None:
        is_right = (exchange.request.header("authorization") or "").endswith(key)
        await (answers(text) if is_right else otherwise)(exchange)

    return behaviour


def test_over_a_limit_the_next_key_is_tried_at_once_and_kept(
    gateway: Gateway, upstreams: dict[str, Upstream]
) -> None:
    turns = upstreams["turns"]
    turns.behaviour = only("two", respond(429, LIMITED, retry_after="30"), "Yes")
    assert told(gateway.ask("turns")) == (200, "turns", "2")
    assert told(gateway.ask("turns")) == (200, "turns", "1")
    assert signed(turns) == ["one", "two", "two"]
    assert all(request.json["model"] == "wire-turns" for request in turns.requests)


def test_a_refused_key_is_told_once_and_the_next_one_taken(
    gateway: Gateway, upstreams: dict[str, Upstream]
) -> None:
    refused = upstreams["refused"]
    refused.behaviour = only("two", fails(401), "Yes")
    assert told(gateway.ask("refusedorspare")) == (200, "refused", "2")
    assert told(gateway.ask("refusedorspare")) == (200, "refused", "1")
    assert signed(refused) == ["one", "two", "two"]
    gateway.until(lambda: "refuses key 1 of 2 (status 401)" in gateway.log.read_text(), "an alarm")
    assert gateway.log.read_text().count("provider 'refused' refuses") == 1


@pytest.mark.parametrize("status", [400, 403, 429])
def test_an_unpaid_account_is_as_good_as_no_key(
    gateway: Gateway, upstreams: dict[str, Upstream], status: int
) -> None:
    """Also as a 400, which Envoy would not go on with."""
    pays = upstreams["pays"]
    unpaid = b'{"error": {"message": "Pay.", "type": "insufficient_quota", "code": "insufficient_quota"}}'
    pays.behaviour = only("two", respond(status, unpaid, retry_after="1"), "Yes")
    assert told(gateway.ask("pays"))[:2] == (200, "pays")
    assert signed(pays)[-1] == "two"


def test_where_all_keys_are_over_their_limit_the_request_goes_out_all_the_same(
    gateway: Gateway, upstreams: dict[str, Upstream]
) -> None:
    spent = upstreams["spent"]
    spent.behaviour = respond(429, LIMITED, retry_after="30")
    first = gateway.ask("spent")
    assert (first.status, first.header("x-waypost-attempts")) == (429, "2")
    assert first.header("retry-after") == "30"
    assert signed(spent) == ["one", "two"]
    spent.behaviour = answers("Again")
    assert told(gateway.ask("spent")) == (200, "spent", "1")


def test_who_is_over_its_limit_comes_behind_the_others(
    gateway: Gateway, upstreams: dict[str, Upstream]
) -> None:
    """Also where the answer was the last of its chain: then only the router role sees it."""
    alone, spare = upstreams["alone"], upstreams["spare"]
    spare.clear()
    alone.behaviour = respond(429, LIMITED, retry_after="30")
    assert gateway.ask("alone").status == 429
    assert told(gateway.ask("aloneorspare")) == (200, "spare", "1")
    assert len(alone.requests) == 1
    spare.behaviour = fails(500)
    alone.behaviour = answers("Yes")
    assert told(gateway.ask("aloneorspare")) == (200, "alone", "2")
    spare.clear()


def test_it_comes_back_when_its_time_is_over(gateway: Gateway, upstreams: dict[str, Upstream]) -> None:
    back = upstreams["back"]
    back.script = [respond(429, LIMITED, retry_after_ms="300")]
    assert told(gateway.ask("backorspare")) == (200, "spare", "2")
    gateway.until(lambda: told(gateway.ask("backorspare")) == (200, "back", "1"), "the first one again")


def test_a_key_in_a_file_is_read_again(
    gateway: Gateway, upstreams: dict[str, Upstream], key_file: Path
) -> None:
    assert gateway.ask("filed").status == 200
    key_file.write_text("sk-filed-new\n")

    def is_new() -> bool:
        assert gateway.ask("filed").status == 200
        return signed(upstreams["filed"])[-1] == "new"

    gateway.until(is_new, "the new key")
    key_file.unlink()
    assert gateway.ask("filed").status == 200
    assert signed(upstreams["filed"])[0] == "old"
    assert signed(upstreams["filed"])[-1] == "new"


def test_forty_at_once_find_the_key_that_works(gateway: Gateway, upstreams: dict[str, Upstream]) -> None:
    crowd = upstreams["crowd"]
    crowd.behaviour = only("two", respond(429, LIMITED, retry_after="30"), "Yes")
    with ThreadPoolExecutor(40) as pool:
        found = list(pool.map(lambda _: gateway.ask("crowd").status, range(40)))
    assert found == [200] * 40
    assert signed(crowd).count("two") == 40
