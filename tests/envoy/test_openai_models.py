"""A client of OpenAI's form whose request is routed to a model of OpenAI's that takes less than others."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.envoy.gateway import Gateway
from tests.envoy.speaking import fails
from tests.envoy.world import World

WIRE = {
    "thinker": ("openai1", "gpt-5"),
    "older": ("openai2", "gpt-4o"),
    "claude": ("claude1", "claude-3-haiku"),
}
CHAINS = (("thinker",), ("older", "thinker"), ("claude", "thinker"), ("thinker", "older"))
ODD = (
    '{"messages":[{"content" : "%s \\u00e9", "role":"user"}], "temperature":0.70,'
    ' "seed": 1E0,"max_tokens" : 64, "model": %s ,"stop":"END"}'
)
KEPT = '{"messages":[{"content" : "%s \\u00e9", "role":"user"}], "seed": 1E0, "model": "gpt-5",'
TOLD = (
    "temperature (not sent, the model does not take it), stop (not sent, the model does not take it), "
    "max_tokens (sent as max_completion_tokens)"
)


def word(names: tuple[str, ...]) -> str:
    return f"to{''.join(names)}"


SETTINGS: dict[str, Any] = {
    "models": {name: {"provider": provider, "name": wire} for name, (provider, wire) in WIRE.items()},
    "routing_rules": [
        {
            "name": word(names),
            "conditions": [{"type": "keyword_match", "keywords": [word(names)]}],
            "action": {"type": "route", "endpoints": list(names), "boundary": ["external", "eu"]},
        }
        for names in CHAINS
    ],
    "default_model": "older",
}


@pytest.fixture
def front(fresh_mixed: Callable[..., Gateway]) -> Gateway:
    return fresh_mixed(**SETTINGS)


def test_it_is_not_told_what_it_refuses(front: Gateway, mixed_world: World) -> None:
    for names in CHAINS[:3]:
        for name in names[:-1]:
            mixed_world[WIRE[name][0]].behaviour = fails(503)
        response = front.post(ODD % (word(names), '"auto"'))
        assert (response.status, response.header("x-waypost-dropped-params")) == (200, TOLD)
        got = mixed_world["openai1"].requests[-1]
        assert got.body.decode() == KEPT % word(names) + '"max_completion_tokens":64}'
        assert got.header("content-length") == str(len(got.body))
    assert mixed_world.got() == {"openai1": 3, "openai2": 1, "claude1": 1}


def test_who_comes_later_is_told_all_of_it(front: Gateway, mixed_world: World) -> None:
    names = ("thinker", "older")
    mixed_world["openai1"].behaviour = fails(503)
    response = front.post(ODD % (word(names), '"auto"'))
    assert (response.status, response.header("x-waypost-dropped-params")) == (200, None)
    assert mixed_world["openai2"].wait().body.decode() == ODD % (word(names), '"gpt-4o"')


def test_who_names_it_is_passed_on(front: Gateway, mixed_world: World) -> None:
    for text in ("hello", word(("thinker", "older"))):
        response = front.post(ODD % (text, '"thinker"'))
        assert (response.status, response.header("x-waypost-dropped-params")) == (200, None)
        assert mixed_world["openai1"].requests[-1].body.decode() == ODD % (text, '"gpt-5"')


def test_strictly_it_is_left_out(fresh_mixed: Callable[..., Gateway], mixed_world: World) -> None:
    front = fresh_mixed(**SETTINGS, strict_parameters=True)
    assert front.post(ODD % (word(("thinker", "older")), '"auto"')).status == 200
    assert mixed_world.got() == {"openai2": 1}
    refused = front.post(ODD % (word(("thinker",)), '"auto"'))
    assert (refused.status, refused.error["param"]) == (400, "temperature")
    assert mixed_world.got() == {"openai2": 1}
