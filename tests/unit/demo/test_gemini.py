"""The demo's Gemini, judged by the official SDK."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from google.genai import errors, types

from tests.unit.demo.calls import CLOUD, GEMINI, document, get, post
from waypost.demo.providers import answer
from waypost.demo.wire import Call

PRO, FLASH, OLD, EMBEDDING = GEMINI.models
HI = {"contents": [{"parts": [{"text": "Hi."}]}]}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [
    types.Tool(
        function_declarations=[
            types.FunctionDeclaration(name="weather", parameters_json_schema=SCHEMA),
            types.FunctionDeclaration(name="clock"),
        ]
    )
]


def config(**fields: Any) -> types.GenerateContentConfig:
    off = types.AutomaticFunctionCallingConfig(disable=True)
    return types.GenerateContentConfig(automatic_function_calling=off, **fields)


def test_an_answer_is_a_candidate(sdks: SimpleNamespace) -> None:
    given = sdks.gemini.models.generate_content(model=FLASH, contents="Hi.")
    assert given.text == f"{FLASH} at the demo provider 'gemini' read 3 characters and answers."
    assert given.candidates[0].finish_reason == types.FinishReason.STOP
    usage = given.usage_metadata
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count
    assert (given.model_version, usage.thoughts_token_count) == (FLASH, None)


def test_several_answers_are_several_candidates(sdks: SimpleNamespace) -> None:
    models, wanted = sdks.gemini.models, config(candidate_count=2)
    given = models.generate_content(model=FLASH, contents="Hi.", config=wanted)
    assert [candidate.index for candidate in given.candidates] == [0, 1]
    chunks = list(models.generate_content_stream(model=FLASH, contents="Hi.", config=wanted))
    assert {len(chunk.candidates) for chunk in chunks} == {2}


def test_a_stream_is_the_same_answer(sdks: SimpleNamespace) -> None:
    thinking = types.ThinkingConfig(include_thoughts=True)
    chunks = list(
        sdks.gemini.models.generate_content_stream(
            model=PRO, contents="Hi.", config=config(thinking_config=thinking)
        )
    )
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
    assert "".join(part.text for part in parts if not part.thought).endswith("and answers.")
    assert "".join(part.text for part in parts if part.thought).startswith("First I look")
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert {chunk.response_id for chunk in chunks} == {chunks[0].response_id}


def test_a_stream_has_carriage_returns_and_no_done() -> None:
    given = post(GEMINI, f"/v1beta/models/{PRO}:streamGenerateContent?alt=sse", HI)
    assert all(piece.startswith(b"data: {") and piece.endswith(b"}\r\n\r\n") for piece in given.pieces)
    assert b"DONE" not in b"".join(given.pieces)


def test_without_sse_a_stream_is_a_list() -> None:
    for query in ("", "?alt=json"):
        given = post(GEMINI, f"/v1beta/models/{PRO}:streamGenerateContent{query}", HI)
        documents = document(given)
        assert documents[-1]["candidates"][0]["finishReason"] == "STOP"
        assert len(documents) > 3


def test_tools_are_called_in_parallel_with_a_signature_that_must_come_back(sdks: SimpleNamespace) -> None:
    question = types.Content(role="user", parts=[types.Part(text="Please call weather and clock.")])
    chunks = list(
        sdks.gemini.models.generate_content_stream(model=PRO, contents=[question], config=config(tools=TOOLS))
    )
    content = next(chunk.candidates[0].content for chunk in chunks if chunk.function_calls)
    calls = [part.function_call for part in content.parts]
    assert [(call.name, call.args) for call in calls] == [("weather", {"city": "demo"}), ("clock", {})]
    assert [part.thought_signature is not None for part in content.parts] == [True, False]
    results = [
        types.Part(
            function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": "x"})
        )
        for call in calls
    ]
    contents = [question, content, types.Content(role="user", parts=results)]
    again = sdks.gemini.models.generate_content(model=PRO, contents=contents, config=config(tools=TOOLS))
    assert again.text.endswith("and answers.")
    content.parts[0].thought_signature = None
    with pytest.raises(errors.ClientError, match="missing a thought_signature"):
        sdks.gemini.models.generate_content(model=PRO, contents=contents, config=config(tools=TOOLS))


@pytest.mark.parametrize(
    ("mode", "allowed", "text", "called"),
    [
        ("ANY", None, "Hi.", ["weather"]),
        ("ANY", ["clock"], "Call weather.", ["clock"]),
        ("NONE", None, "Call weather.", None),
        ("AUTO", None, "Call clock.", ["clock"]),
    ],
)
def test_a_choice_of_tools_is_obeyed(
    sdks: SimpleNamespace, mode: Any, allowed: list[str] | None, text: str, called: list[str] | None
) -> None:
    calling = types.FunctionCallingConfig(mode=mode, allowed_function_names=allowed)
    wanted = config(tools=TOOLS, tool_config=types.ToolConfig(function_calling_config=calling))
    given = sdks.gemini.models.generate_content(model=FLASH, contents=text, config=wanted)
    calls = given.function_calls
    assert (calls and [call.name for call in calls]) == called


def test_json_in_both_kinds_of_schema(sdks: SimpleNamespace) -> None:
    for model, wanted in (
        (FLASH, config(response_mime_type="application/json", response_json_schema=SCHEMA)),
        (OLD, config(response_mime_type="application/json", response_schema={**SCHEMA, "type": "OBJECT"})),
    ):
        given = sdks.gemini.models.generate_content(model=model, contents="Hi.", config=wanted)
        assert json.loads(given.text) == {"city": "demo"}


def test_thoughts_count_against_the_limit(sdks: SimpleNamespace) -> None:
    given = sdks.gemini.models.generate_content(model=PRO, contents="Hi.", config=config(max_output_tokens=5))
    assert (given.text, given.candidates[0].finish_reason) == (None, types.FinishReason.MAX_TOKENS)
    assert given.usage_metadata.thoughts_token_count > 5
    thinking = types.ThinkingConfig(thinking_budget=0)
    off = sdks.gemini.models.generate_content(
        model=FLASH, contents="Hi.", config=config(thinking_config=thinking, max_output_tokens=5)
    )
    assert len(off.text) == 20


def test_what_is_blocked_has_no_candidate(sdks: SimpleNamespace) -> None:
    given = sdks.gemini.models.generate_content(model=PRO, contents="[[fault refusal]]")
    assert given.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT
    (chunk,) = sdks.gemini.models.generate_content_stream(model=PRO, contents="[[fault refusal]]")
    assert chunk.candidates is None


def test_embeddings_counts_and_models(sdks: SimpleNamespace) -> None:
    short = types.EmbedContentConfig(output_dimensionality=8)
    given = sdks.gemini.models.embed_content(model=EMBEDDING, contents=["a", "b"], config=short)
    assert [len(found.values) for found in given.embeddings] == [8, 8]
    one = post(GEMINI, f"/v1beta/models/{EMBEDDING}:embedContent", {"content": HI["contents"][0]})
    assert len(document(one)["embedding"]["values"]) == 256
    assert sdks.gemini.models.count_tokens(model=PRO, contents="x" * 40).total_tokens == 10
    assert [model.name for model in sdks.gemini.models.list()] == [f"models/{name}" for name in GEMINI.models]
    assert sdks.gemini.models.get(model=PRO).name == f"models/{PRO}"


def test_each_of_a_batch_names_the_model() -> None:
    batch = {"requests": [{"content": HI["contents"][0]}]}
    assert post(GEMINI, f"/v1beta/models/{EMBEDDING}:batchEmbedContents", batch).status == 400
    batch["requests"][0]["model"] = f"models/{EMBEDDING}"  # type: ignore[assignment]
    assert post(GEMINI, f"/v1beta/models/{EMBEDDING}:batchEmbedContents", batch).status == 200
    marked = {"content": {"parts": [{"text": "[[fault 503]]"}]}}
    assert post(GEMINI, f"/v1beta/models/{EMBEDDING}:embedContent", marked).status == 503


@pytest.mark.parametrize(
    ("mark", "code", "status"),
    [
        ("400", 400, "INVALID_ARGUMENT"),
        ("429", 429, "RESOURCE_EXHAUSTED"),
        ("500", 500, "INTERNAL"),
        ("503", 503, "UNAVAILABLE"),
        ("504", 504, "DEADLINE_EXCEEDED"),
        ("418", 418, "UNKNOWN"),
        ("quota", 429, "RESOURCE_EXHAUSTED"),
        ("context", 400, "INVALID_ARGUMENT"),
        ("nonsense", 400, "INVALID_ARGUMENT"),
    ],
)
def test_errors_are_those_of_the_api(sdks: SimpleNamespace, mark: str, code: int, status: str) -> None:
    with pytest.raises(errors.APIError) as caught:
        sdks.gemini.models.generate_content(model=PRO, contents=f"[[fault {mark}]]")
    assert (caught.value.code, caught.value.status) == (code, status)


def test_when_to_come_back_is_told_in_the_body() -> None:
    asked = {"contents": [{"parts": [{"text": "[[fault 429 retry-after=2]]"}]}]}
    given = post(GEMINI, f"/v1beta/models/{PRO}:generateContent", asked)
    (detail,) = document(given)["error"]["details"]
    assert (detail["@type"], detail["retryDelay"]) == ("type.googleapis.com/google.rpc.RetryInfo", "2s")
    assert "retry-after" not in dict(given.headers)


def test_an_error_in_a_stream_is_told(sdks: SimpleNamespace) -> None:
    with pytest.raises(errors.ServerError) as caught:
        list(sdks.gemini.models.generate_content_stream(model=PRO, contents="[[fault error]]"))
    assert caught.value.code == 503


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 403), ({"x-goog-api-key": "k"}, 400), ({"authorization": f"Bearer {CLOUD.api_key}"}, 400)],
)
def test_who_calls_is_told_in_one_way(headers: dict[str, str], status: int) -> None:
    given = answer(GEMINI, Call("GET", "/v1beta/models", {}, headers, b""))
    assert given.status == status
    reasons = [detail.get("reason") for detail in document(given)["error"].get("details", ())]
    assert ("API_KEY_INVALID" in reasons) is (headers.get("x-goog-api-key") == "k")


def test_a_key_in_the_url_is_refused() -> None:
    assert post(GEMINI, f"/v1beta/models/{PRO}:generateContent?key={GEMINI.api_key}", HI).status == 400


def test_what_there_is_not() -> None:
    for path in (
        f"/v1beta/models/{PRO}:sing",
        "/v1beta/models/other:generateContent",
        "/v1/models",
        "/v1beta/x",
    ):
        assert document(post(GEMINI, path, HI))["error"]["status"] == "NOT_FOUND"
    assert post(GEMINI, f"/v1beta/models/{EMBEDDING}:generateContent", HI).status == 404
    assert post(GEMINI, f"/v1beta/models/{PRO}:embedContent", {"content": HI["contents"][0]}).status == 404
    assert get(GEMINI, "/v1beta/models/other").status == 404
    assert post(GEMINI, f"/v1beta/models/{PRO}:generateContent?alt=proto", HI).status == 400
