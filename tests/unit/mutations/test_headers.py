from typing import Any

import pytest

from waypost.configurable import build
from waypost.mutations.headers import (
    MAX_HEADERS,
    MAX_VALUE,
    HeaderChanges,
    HeaderEdits,
    Headers,
    headers_of,
    problems,
)
from waypost.providers.sign import CREDENTIALS


def edits(direction: str = "request", **changes: Any) -> HeaderEdits:
    return build(HeaderEdits, {direction: changes})


def test_names_are_lower_case_and_values_as_written() -> None:
    changes = HeaderChanges(set={"X-Team": "Claims ${A}", "x-cost-centre": "7"}, remove=("Traceparent",))
    assert headers_of(changes) == Headers(
        (("x-team", "Claims ${A}"), ("x-cost-centre", "7")), ("traceparent",)
    )
    assert headers_of(HeaderChanges()) == Headers()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"set": {"x-team": "claims"}, "remove": ["traceparent", "server"]},
        {"set": {"X_Old": "!"}},
        {"set": {"x-long": "a" * MAX_VALUE}},
        {"set": {f"x-{n}": "v" for n in range(MAX_HEADERS)}},
        {"set": {"x-dollar": "${NAME} $$ %"}},
        {"set": {"a" * 64: "v"}},
    ],
)
@pytest.mark.parametrize("direction", ["request", "response"])
def test_blocks_without_problems(direction: str, changes: dict[str, Any]) -> None:
    assert list(problems(edits(direction, **changes))) == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        *((name, "credentials") for name in CREDENTIALS),
        ("Authorization", "credentials"),
        ("api-key", "credentials"),
        ("X-Api-Key", "credentials"),
        ("x-goog-api-key", "credentials"),
        ("cookie", "credentials"),
        ("Set-Cookie", "credentials"),
        ("proxy-authorization", "credentials"),
        ("x-user-openai-key", "credentials"),
        ("connection", "connection or to the body"),
        ("Transfer-Encoding", "connection or to the body"),
        ("te", "connection or to the body"),
        ("upgrade", "connection or to the body"),
        ("host", "connection or to the body"),
        ("content-length", "connection or to the body"),
        ("Content-Type", "connection or to the body"),
        ("x-waypost-hop-1", "gateway's own"),
        ("X-Waypost-Model", "gateway's own"),
        ("x-envoy-max-retries", "gateway's own"),
        ("x-vsr-selected-model", "gateway's own"),
        ("x-request-id", "gateway's own"),
        ("x-gateway-destination-endpoint", "gateway's own"),
        (":path", "pseudo-header"),
        (":authority", "pseudo-header"),
        ("x team", "no name"),
        ("", "no name"),
        ("x-team\r\nx-evil", "no name"),
        ("x-team\n", "no name"),
        ("x-t\u00e9am", "no name"),
        ("x.team", "no name"),
        ("-x", "no name"),
        ("a" * 65, "no name"),
    ],
)
@pytest.mark.parametrize("direction", ["request", "response"])
def test_headers_that_are_not_the_operators(direction: str, name: str, told: str) -> None:
    (set_,) = problems(edits(direction, set={name: "v"}))
    (removed,) = problems(edits(direction, remove=["server", name]))
    for lint in (set_, removed):
        assert told in lint.message
        assert lint.severity == "error"
        assert len(lint.message) < 200
    assert set_.field.startswith(f"{direction}.set")
    assert removed.field == f"{direction}.remove[1]"


@pytest.mark.parametrize(
    "value",
    ["", " ", " Qq7", "Qq7 ", "Qq7\r\nx: y", "Qq7\n", "Qq7\0b", "Qq7\u00e9", "Qq7\tb", "Qq7" * MAX_VALUE],
)
def test_values_that_a_header_cannot_carry(value: str) -> None:
    (lint,) = problems(edits(set={"x-team": value}))
    assert lint.field == "request.set.x-team"
    assert "printable ASCII" in lint.message
    assert "Qq7" not in lint.message + lint.help


def test_a_name_stands_once() -> None:
    (twice,) = problems(edits(set={"x-team": "a", "X-Team": "b"}))
    assert (twice.field, twice.message) == (
        "request.set.X-Team",
        "'X-Team' is there twice; case makes no difference",
    )
    (both,) = problems(edits(set={"x-team": "a"}, remove=["X-TEAM"]))
    assert both.field == "request.set.x-team"
    assert "both set and removed" in both.message


def test_directions_do_not_meet() -> None:
    block = HeaderEdits(
        request=HeaderChanges(set={"x-team": "a"}), response=HeaderChanges(remove=("x-team",))
    )
    assert list(problems(block)) == []


def test_there_are_not_too_many() -> None:
    names = [f"x-{n}" for n in range(MAX_HEADERS + 1)]
    (set_,) = problems(edits(set=dict.fromkeys(names, "v")))
    (removed,) = problems(edits(remove=names))
    assert set_.field == "request.set"
    assert removed.field == "request.remove"


@pytest.mark.parametrize(
    "values",
    [
        {"request": {"add": {}}},
        {"request": {"set": {"x": 3}}},
        {"request": {"remove": "server"}},
        {"set": {}},
    ],
)
def test_what_a_block_cannot_be(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        build(HeaderEdits, values)
