"""Counting tokens and listing models."""

import json
from typing import Any

import pytest
from anthropic.pagination import SyncPage
from anthropic.types import MessageTokensCount, ModelInfo

from waypost.dialects.anthropic_about import (
    FILE_TOKENS,
    IMAGE_TOKENS,
    count_tokens,
    write_count,
    write_model,
    write_models,
)
from waypost.errors import RequestError


def count(*blocks: dict[str, Any], **fields: Any) -> int:
    turn = {"role": "user", "content": list(blocks)}
    return count_tokens(json.dumps({"model": "m", "messages": [turn], **fields}).encode())


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def source(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, **more}


def test_text_counts_by_its_bytes() -> None:
    assert count() == 0
    assert count(text("a")) == 1
    assert count(text("a" * 400)) == 100
    assert count(text("ä" * 400)) == 200
    assert count(text("a" * 400), system="b" * 40) == 110
    assert count(text("\ud800")) == 1


def test_tools_count_as_they_are_written() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = [{"name": "f", "description": "d" * 39, "input_schema": schema}]
    size = 40 + len(json.dumps(schema, separators=(",", ":")))
    assert count(tools=tools) == -(-size // 4)
    used = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": "b" * 100}}
    body = {"model": "m", "messages": [{"role": "assistant", "content": [used]}]}
    assert count_tokens(json.dumps(body).encode()) == -(-(1 + 108) // 4)


@pytest.mark.parametrize(
    ("block", "tokens"),
    [
        (
            {"type": "image", "source": source("base64", media_type="image/png", data="A" * 99_999)},
            IMAGE_TOKENS,
        ),
        ({"type": "image", "source": source("url", url="https://x/y.png")}, IMAGE_TOKENS),
        (
            {"type": "document", "source": source("base64", media_type="application/pdf", data="A" * 99_999)},
            FILE_TOKENS,
        ),
        ({"type": "document", "source": source("text", media_type="text/plain", data="a" * 400)}, 100),
        ({"type": "tool_result", "tool_use_id": "a", "content": [text("a" * 400)]}, 100),
        ({"type": "search_result", "title": "a" * 200, "content": [text("a" * 200)]}, 100),
    ],
)
def test_pictures_files_and_results(block: dict[str, Any], tokens: int) -> None:
    assert count(block) == tokens


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"messages":[]}',
        b'{"messages":[{"role":"x"}]}',
        b'{"messages":[{"role":"user","content":"a"}],"tools":[{"name":"f","input_schema":'
        + b"[" * 40_000
        + b"]" * 40_000
        + b"}]}",
        b'{"messages":[{"role":"user","content":"a"}],"messages":[]}',
    ],
)
def test_what_is_malformed(body: bytes) -> None:
    with pytest.raises(RequestError) as refused:
        count_tokens(body)
    assert refused.value.status == 400


def test_the_count_as_its_client_reads_it() -> None:
    assert MessageTokensCount.model_validate_json(write_count(7), strict=True).input_tokens == 7


def test_models_as_their_client_reads_them() -> None:
    page = SyncPage[ModelInfo].model_validate_json(write_models(["a", "b"], 1_700_000_000))
    assert [model.id for model in page.data] == ["a", "b"]
    assert (page.has_more, page.first_id, page.last_id) == (False, "a", "b")
    assert page.data[0].created_at.isoformat() == "2023-11-14T22:13:20+00:00"
    empty = json.loads(write_models([], 0))
    assert empty == {"data": [], "has_more": False, "first_id": None, "last_id": None}
    assert json.loads(write_model("a", 0)) == json.loads(write_models(["a"], 0))["data"][0]
