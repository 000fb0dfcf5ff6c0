"""Providers on this machine, checked whole: which lines there are, in which order, and what was asked."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.probe.servers import (
    CHAT,
    EMBEDDED,
    GENERATED,
    KEY,
    MESSAGE,
    RESPONDED,
    Answering,
    Asked,
    Server,
    error,
    provider,
    server_side,
    serving,
)
from waypost.probe.run import Probe
from waypost.probe.wire import Patience
from waypost.probe.words import Check
from waypost.providers.provider import Account, Endpoint, Host, Provider, Secret, SecretFile, Tls

PROBE = Probe("", Patience(5, 5), lambda _: "")
CANARY = "canary-in-a-provider-sentence"


def check(
    answering: Answering,
    kind: Any = "openai_compatible",
    models: tuple[str, ...] = ("m",),
    change: Callable[[Provider], Provider] = lambda one: one,
    probe: Probe = PROBE,
) -> tuple[list[Check], list[Asked]]:
    """Check a provider that answers by function."""

    async def scenario() -> tuple[list[Check], Server]:
        async with serving(answering) as server:
            one = change(provider(server.port, kind))
            return await probe.provider(one, [Endpoint(f"l-{m}", one, m) for m in models]), server

    checks, server = asyncio.run(scenario())
    for each in checks:
        assert (each.status == "ok") == (not each.fix), each
        assert KEY not in str(each)
        assert CANARY not in str(each)
    return checks, server.asked


def statuses(checks: list[Check]) -> list[tuple[str, str]]:
    return [(each.name, each.status) for each in checks]


@pytest.mark.parametrize(
    ("kind", "answer", "header"),
    [
        ("openai", CHAT, "authorization"),
        ("openai_compatible", CHAT, "authorization"),
        ("anthropic", MESSAGE, "x-api-key"),
        ("gemini", GENERATED, "x-goog-api-key"),
        ("azure_openai", CHAT, "api-key"),
    ],
)
def test_a_sound_provider_of_each_kind(kind: str, answer: Any, header: str) -> None:
    checks, (asked,) = check(lambda _: (200, answer), kind)
    assert statuses(checks) == [("p", "ok"), ("p key", "ok"), ("p l-m", "ok")]
    assert KEY in asked.headers[header]
    assert checks[2].figures["status"] == 200


def test_a_provider_without_keys_is_sent_none() -> None:
    checks, (asked,) = check(
        lambda _: (200, CHAT), "vllm", change=lambda one: replace(one, account=Account())
    )
    assert statuses(checks) == [("p", "ok"), ("p l-m", "ok")]
    assert "authorization" not in asked.headers


def test_each_model_is_asked_once_and_each_key_tried_once() -> None:
    def answering(asked: Asked) -> tuple[int, Any]:
        return (200, CHAT) if asked.headers["authorization"] == "Bearer good" else (401, error(CANARY))

    keys = Account((Secret("bad"), Secret("good")))
    checks, asked = check(answering, models=("m", "n"), change=lambda one: replace(one, account=keys))
    assert statuses(checks) == [
        ("p", "ok"), ("p key", "fail"), ("p key", "ok"), ("p l-m", "ok"), ("p l-n", "ok"),
    ]  # fmt: skip
    assert checks[1].found == "key 1 of 2 is refused (401)"
    assert [(each.json["model"], each.headers["authorization"]) for each in asked] == [
        ("m", "Bearer bad"), ("m", "Bearer good"), ("n", "Bearer good"),
    ]  # fmt: skip


def test_a_refused_key_is_named_and_no_model_is_asked_with_it() -> None:
    probe = replace(PROBE, named=lambda _: "OPENAI_API_KEY")
    checks, asked = check(lambda _: (401, error(CANARY, KEY)), "openai", ("m", "n"), probe=probe)
    assert statuses(checks) == [("p", "ok"), ("p key", "fail")]
    assert checks[1].found == "OPENAI_API_KEY is refused (401)"
    assert len(asked) == 1


def test_a_provider_that_wants_a_key_and_has_none() -> None:
    checks, _ = check(lambda _: (401, {}), "vllm", change=lambda one: replace(one, account=Account()))
    assert statuses(checks) == [("p", "ok"), ("p key", "fail")]
    assert checks[1].found == "wants a key (401)"


def test_keys_in_files(tmp_path: Path) -> None:
    good, odd = tmp_path / "good", tmp_path / "odd"
    good.write_text("from-a-file\n")
    odd.write_text("two words")
    account = Account((SecretFile(str(good)), SecretFile(str(odd)), SecretFile(str(tmp_path / "none"))))
    checks, (asked,) = check(lambda _: (200, CHAT), change=lambda one: replace(one, account=account))
    assert statuses(checks) == [
        ("p", "ok"), ("p key", "fail"), ("p key", "fail"), ("p key", "ok"), ("p l-m", "ok"),
    ]  # fmt: skip
    assert "key 2 of 3 cannot be used" in checks[1].found
    assert asked.headers["authorization"] == "Bearer from-a-file"


@pytest.mark.parametrize(
    ("path", "answer", "form"),
    [
        ("/v1/embeddings", EMBEDDED, "openai_embeddings"),
        ("/v1/responses", RESPONDED, "openai_responses"),
    ],
)
def test_a_model_that_does_not_chat_is_asked_in_other_words(path: str, answer: Any, form: str) -> None:
    def answering(asked: Asked) -> tuple[int, Any]:
        return (200, answer) if asked.path == path else (404, error("model_not_found"))

    checks, _ = check(answering, "openai")
    assert statuses(checks)[-1] == ("p l-m", "ok")
    assert checks[-1].figures["form"] == form


def test_a_model_that_wants_the_older_word_for_its_limit() -> None:
    def answering(asked: Asked) -> tuple[int, Any]:
        return (200, CHAT) if "max_tokens" in asked.json else (400, error("unsupported_parameter"))

    checks, asked = check(answering, "openai")
    assert statuses(checks)[-1] == ("p l-m", "ok")
    assert len(asked) == 2


def test_an_unknown_model_is_told_with_its_neighbours() -> None:
    def answering(asked: Asked) -> tuple[int, Any]:
        if asked.method == "GET":
            return 200, {"data": [{"id": "m-large"}, {"id": "m-small"}, {"id": f"<b>{CANARY}"}]}
        return 404, error("model_not_found", CANARY)

    checks, asked = check(answering, models=("m-larg",))
    assert statuses(checks) == [("p", "ok"), ("p key", "ok"), ("p l-m-larg", "fail")]
    assert checks[2].fix.startswith("there are m-large")
    assert asked[-1].path == "/v1/models"
    assert asked[-1].headers["authorization"] == f"Bearer {KEY}"


def test_a_model_that_need_not_be_there_is_a_warning() -> None:
    probe = replace(PROBE, optional=frozenset({"l-m"}))
    checks, _ = check(lambda _: (404, error("model_not_found")), models=("m", "n"), probe=probe)
    assert statuses(checks)[-2:] == [("p l-m", "warn"), ("p l-n", "fail")]


def test_a_path_that_serves_nothing_is_not_blamed_on_the_model() -> None:
    checks, _ = check(lambda _: (404, b"<html>not here"))
    assert "or the path /v1/chat/completions is unknown (404)" in checks[-1].found
    assert "base_url" in checks[-1].fix


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (429, error("rate_limit_exceeded"), "warn"),
        (429, error("insufficient_quota"), "fail"),
        (503, b"<html>", "fail"),
        (302, b"", "fail"),
        (200, b"<html>welcome", "fail"),
        (400, error(CANARY, CANARY), "fail"),
    ],
)
def test_other_answers(status: int, body: Any, found: str) -> None:
    checks, _ = check(lambda _: (status, body))
    assert statuses(checks)[-1] == ("p l-m", found)


def test_a_key_is_not_called_accepted_where_nobody_knows() -> None:
    checks, _ = check(lambda _: (503, b""))
    assert statuses(checks) == [("p", "ok"), ("p l-m", "fail")]


def test_each_address_is_reached_and_one_that_can_be_is_asked() -> None:
    def change(one: Provider) -> Provider:
        return replace(one, hosts=(Host("no-such-name.invalid", 80), *one.hosts, Host("127.0.0.1", 1)))

    checks, asked = check(lambda _: (200, CHAT), change=change)
    assert statuses(checks) == [
        ("p", "fail"), ("p", "ok"), ("p", "fail"), ("p key", "ok"), ("p l-m", "ok"),
    ]  # fmt: skip
    assert asked[0].headers["host"] == "no-such-name.invalid"  # as in traffic: one authority for all


def test_where_nothing_is_reached_nothing_is_asked() -> None:
    checks, asked = check(
        lambda _: (200, CHAT), change=lambda one: replace(one, hosts=(Host("127.0.0.1", 1),))
    )
    assert (statuses(checks), asked) == ([("p", "fail")], [])


def test_a_provider_that_no_model_names_is_only_reached() -> None:
    checks, asked = check(lambda _: (200, CHAT), models=())
    assert (statuses(checks), asked) == ([("p", "ok"), ("p", "warn")], [])


def test_files_of_tls_that_cannot_be_used(tmp_path: Path) -> None:
    tls = Tls(ca_file=str(tmp_path / "none.pem"))
    checks, _ = check(lambda _: (200, CHAT), change=lambda one: replace(one, scheme="https", tls=tls))
    assert statuses(checks) == [("p", "fail")]
    assert "none.pem" in checks[0].found


def test_over_tls(pem: Path) -> None:
    async def scenario() -> list[Check]:
        async with serving(lambda _: (200, CHAT), server_side(pem, "good", clients=True)) as server:
            own = Tls(str(pem / "ca.pem"), str(pem / "client.pem"), str(pem / "client.key"))
            one = provider(server.port, scheme="https", hosts=(Host("localhost", server.port),), tls=own)
            return await PROBE.provider(one, [Endpoint("l", one, "m")])

    checks = asyncio.run(scenario())
    assert statuses(checks) == [("p", "ok"), ("p key", "ok"), ("p l", "ok")]
    assert "TLSv1." in checks[0].found
