"""Paths, and what is answered without a body."""

import json

import pytest

from waypost.errors import RequestError
from waypost.testing import policies
from waypost.transport.doors import DIALECTS, Door, unknown_model

POLICY = policies.policy({"a": "external", "in/1": "internal"}, {}, ())
ANTHROPIC = {"anthropic-version": "2023-06-01"}


def door(method: str, path: str, **headers: str) -> Door:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Door.of({":method": method, ":path": path} | named)


@pytest.mark.parametrize("path", DIALECTS)
def test_a_post_has_a_body_to_wait_for(path: str) -> None:
    found = door("POST", f"{path}?beta=true")
    assert found.dialect == DIALECTS[path]
    assert found.at_once(POLICY, 7) is None
    with pytest.raises(RequestError) as caught:
        door("GET", path).at_once(POLICY, 7)
    assert (caught.value.status, door("GET", path).allowed) == (405, "POST")


@pytest.mark.parametrize("path", ["/", "", "/v1", "/v1/messages/", "/v1/messages/batches", "/v1beta/models"])
def test_other_paths_name_those_there_are(path: str) -> None:
    with pytest.raises(RequestError, match="POST /v1/messages, ") as caught:
        door("POST", path).at_once(POLICY, 7)
    assert caught.value.status == 404


def test_models_are_listed_in_the_form_of_who_asks() -> None:
    openai = door("GET", "/v1/models").at_once(POLICY, 7)
    assert openai is not None
    assert [m["id"] for m in json.loads(openai.body)["data"]] == ["MoM", "auto", "a", "in/1"]
    claude = door("GET", "/v1/models", anthropic_version="2023-06-01").at_once(POLICY, 7)
    assert claude is not None
    listed = json.loads(claude.body)
    assert [m["id"] for m in listed["data"]] == ["MoM", "auto", "a", "in/1"]
    assert {m["type"] for m in listed["data"]} == {"model"}
    assert listed["has_more"] is False
    one = door("GET", "/v1/models/in%2F1", anthropic_version="2023-06-01").at_once(POLICY, 7)
    assert one is not None
    assert json.loads(one.body)["id"] == "in/1"


def test_errors_of_unknown_paths_have_the_form_of_who_asks() -> None:
    assert door("GET", "/nowhere", anthropic_version="1").dialect == "anthropic_messages"
    assert door("GET", "/nowhere").dialect == "openai_chat"


def test_an_unknown_model_is_not_repeated_at_length() -> None:
    assert len(unknown_model("x" * 5000).message) < 300
