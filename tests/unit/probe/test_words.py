"""Each finding says what to do, and nothing that a provider said."""

from typing import get_args

import pytest

from tests.unit.probe.servers import KEY, provider
from waypost.probe import words
from waypost.probe.calls import Answer
from waypost.probe.wire import Fault, Line, Patience
from waypost.providers.provider import Endpoint

OPENAI = provider(443, "openai")
MODEL = Endpoint("big", OPENAI, "gpt-big")


@pytest.mark.parametrize("found", get_args(Fault))
@pytest.mark.parametrize("kind", ["ollama", "openai"])
def test_every_fault_has_words_and_a_remedy(found: Fault, kind: str) -> None:
    one = provider(443, kind)
    told, fix = words.fault(Line(one, one.hosts[0], None, Patience(5, 60)), found)
    assert told
    assert fix
    assert KEY not in told + fix


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (Answer(200, understood=True), "ok", "'gpt-big' answers"),
        (Answer(200), "fail", "not as kind 'openai' answers"),
        (Answer(429, code="insufficient_quota"), "fail", "no credit left (429)"),
        (Answer(402), "fail", "no credit left (402)"),
        (Answer(429), "warn", "over its limit"),
        (Answer(529), "fail", "the provider fails (529)"),
        (Answer(302), "fail", "redirect (302)"),
        (Answer(400), "fail", "refuses the smallest request there is (400)"),
    ],
)
def test_what_a_status_means(answer: Answer, status: str, said: str) -> None:
    found, told, fix = words.model(OPENAI, MODEL, answer)
    assert (found, said in told) == (status, True)
    assert bool(fix) == (status != "ok")


def test_a_refused_key_is_named() -> None:
    told, fix = words.key_refused(OPENAI, 401, "OPENAI_API_KEY", "OPENAI_API_KEY")
    assert told == "OPENAI_API_KEY is refused (401)"
    assert fix.endswith("put it into OPENAI_API_KEY")
    assert words.key_refused(OPENAI, 401, "its key", "`providers.p`")[1].endswith("into `providers.p`")
    assert (
        words.key_refused(OPENAI, 403, "key 2 of 3", "`providers.p`")[0] == "key 2 of 3 may not do this (403)"
    )


def test_where_no_key_is_configured_the_usual_variable_is_named() -> None:
    told, fix = words.key_refused(provider(1, "anthropic"), 401, "", "")
    assert told == "wants a key (401)"
    assert fix == 'set `providers.p.api_key`: "${ANTHROPIC_API_KEY}"'


@pytest.mark.parametrize(
    ("listed", "told", "fix"),
    [
        (["gpt-bigger", "gpt-big-2", "other"], "unknown there", "gpt-big"),
        (["gpt-big"], "listed, but not served", "choose another model"),
        (["x", "y"], "unknown there", "none of the 2 models"),
        ([], "unknown there", "none of the 0 models"),
        (None, "the path /v1/chat/completions is unknown (404)", "base_url"),
    ],
)
def test_an_unknown_model_has_neighbours(listed: list[str] | None, told: str, fix: str) -> None:
    said, remedy = words.unknown_model(OPENAI, MODEL, "/v1/chat/completions?x=1", listed)
    assert told in said
    assert fix in remedy
    assert "?" not in said


def test_other_servers_other_remedies() -> None:
    local = provider(11434, "ollama")
    endpoint = Endpoint("big", local, "llama9")
    assert "`ollama pull llama9`" in words.unknown_model(local, endpoint, "/v1/x", ["mistral"])[1]
    azure = provider(1, "azure_openai")
    assert "deployment" in words.unknown_model(azure, endpoint, "/openai/x", None)[1]
