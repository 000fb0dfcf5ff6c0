"""The demo's OpenAI, judged by the official SDK."""

import json
from types import SimpleNamespace
from typing import Any

import openai
import pytest

from tests.unit.demo.calls import CLOUD, GEMINI, ONPREM, document, get, post

ASKED: Any = {"model": "general-large", "messages": [{"role": "user", "content": "Why?"}]}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: Any = [
    {"type": "function", "function": {"name": name, "parameters": PARAMETERS}}
    for name in ("weather", "clock")
]


def wish(text: str) -> Any:
    return {**ASKED, "messages": [{"role": "user", "content": text}]}


def test_an_answer_names_who_answered_and_not_what_was_asked(sdks: SimpleNamespace) -> None:
    answer = sdks.cloud.chat.completions.create(**wish("a secret"))
    assert answer.choices[0].message.content.startswith("general-large at the demo provider 'cloud'")
    assert "secret" not in answer.model_dump_json()
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.id.startswith("chatcmpl-")


@pytest.mark.parametrize(
    ("options", "usage"), [({}, [False, False]), ({"stream_options": {"include_usage": True}}, [False, True])]
)
def test_a_stream_has_role_words_finish_and_usage_only_when_asked(
    sdks: SimpleNamespace, options: Any, usage: list[bool]
) -> None:
    chunks = list(sdks.cloud.chat.completions.create(**ASKED, stream=True, **options))
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert choices[0].delta.role == "assistant"
    assert choices[-1].finish_reason == "stop"
    assert "".join(choice.delta.content or "" for choice in choices).endswith("and answers.")
    assert [chunk.usage is not None for chunk in chunks[-2:]] == usage


def test_a_stream_ends_with_done() -> None:
    given = post(CLOUD, "/v1/chat/completions", {**ASKED, "stream": True})
    assert given.pieces[-1] == b"data: [DONE]\n\n"
    assert all(json.loads(piece.removeprefix(b"data: "))["object"] for piece in given.pieces[:-1])


def test_tools_are_called_in_parallel_and_their_results_read(sdks: SimpleNamespace) -> None:
    asked = {**wish("Please call weather and clock."), "tools": TOOLS}
    message = sdks.cloud.chat.completions.create(**asked).choices[0]
    assert (message.finish_reason, message.message.content) == ("tool_calls", None)
    calls = message.message.tool_calls
    assert [(call.function.name, call.function.arguments) for call in calls] == [
        ("weather", '{"city":"demo"}'),
        ("clock", '{"city":"demo"}'),
    ]
    results = [{"role": "tool", "tool_call_id": call.id, "content": "fine"} for call in calls]
    messages = [*asked["messages"], message.message, *results]
    again = sdks.cloud.chat.completions.create(model="general-large", messages=messages, tools=TOOLS)
    assert again.choices[0].finish_reason == "stop"
    with sdks.cloud.chat.completions.stream(**asked) as stream:
        streamed = stream.get_final_completion().choices[0].message.tool_calls
    assert [call.function for call in streamed] == [
        type(streamed[0].function)(name=call.function.name, arguments=call.function.arguments)
        for call in calls
    ] or [call.function.arguments for call in streamed] == [call.function.arguments for call in calls]
    one = sdks.cloud.chat.completions.create(**asked, parallel_tool_calls=False).choices[0].message.tool_calls
    assert [call.function.name for call in one] == ["weather"]


def test_json_and_choices_and_probabilities(sdks: SimpleNamespace) -> None:
    schema = {**PARAMETERS, "additionalProperties": False}
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema, "strict": True}}
    answer = sdks.cloud.chat.completions.create(**ASKED, response_format=wanted, n=2, logprobs=True)
    assert [json.loads(choice.message.content) for choice in answer.choices] == [{"city": "demo"}] * 2
    assert "".join(token.token for token in answer.choices[0].logprobs.content) == '{"city":"demo"}'


def test_limits_stops_and_refusals_have_their_reasons(sdks: SimpleNamespace) -> None:
    create = sdks.cloud.chat.completions.create
    assert create(**ASKED, max_completion_tokens=2).choices[0].finish_reason == "length"
    assert create(**ASKED, stop=["demo"]).choices[0].message.content == "general-large at the "
    assert create(**wish("[[fault refusal]]")).choices[0].finish_reason == "content_filter"


def test_thoughts_are_counted_and_told_by_servers_of_open_models_only(sdks: SimpleNamespace) -> None:
    answer = sdks.cloud.chat.completions.create(**ASKED, reasoning_effort="low")
    assert answer.usage.completion_tokens_details.reasoning_tokens > 0
    assert not hasattr(answer.choices[0].message, "reasoning_content")
    asked = {**ASKED, "model": "finance-32b", "reasoning_effort": "low"}
    assert sdks.onprem.chat.completions.create(**asked).choices[0].message.reasoning_content
    chunks = list(sdks.onprem.chat.completions.create(**asked, stream=True))
    assert any(getattr(chunk.choices[0].delta, "reasoning_content", None) for chunk in chunks)


def test_long_prompts_are_cached(sdks: SimpleNamespace) -> None:
    usage = sdks.cloud.chat.completions.create(**wish("Why? " * 2000)).usage
    assert (usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens) == (2500, 2432)


def test_embeddings_depend_on_the_input_alone_in_both_encodings(sdks: SimpleNamespace) -> None:
    binary = sdks.cloud.embeddings.create(model="embed-small", input=["a", "b"])
    floats = sdks.cloud.embeddings.create(model="embed-small", input="a", encoding_format="float")
    assert binary.data[0].embedding == pytest.approx(floats.data[0].embedding, abs=1e-6)
    assert binary.data[0].embedding != binary.data[1].embedding
    assert sum(value**2 for value in floats.data[0].embedding) == pytest.approx(1)
    short = sdks.cloud.embeddings.create(model="embed-small", input="a", dimensions=8)
    assert len(short.data[0].embedding) == 8


def test_one_list_of_token_ids_is_one_input(sdks: SimpleNamespace) -> None:
    assert len(sdks.cloud.embeddings.create(model="embed-small", input=[1, 2, 3]).data) == 1
    assert len(sdks.cloud.embeddings.create(model="embed-small", input=[[1, 2], [3]]).data) == 2


def test_plain_completions(sdks: SimpleNamespace) -> None:
    create = sdks.onprem.completions.create
    answer = create(model="finance-32b", prompt="Why?", max_tokens=500)
    assert answer.choices[0].text.endswith("and answers.")
    assert create(model="finance-32b", prompt=["a", "b"]).choices[0].finish_reason == "length"
    options = {"include_usage": True}
    chunks = list(
        create(model="finance-32b", prompt="Why?", max_tokens=500, stream=True, stream_options=options)
    )
    assert "".join(chunk.choices[0].text for chunk in chunks[:-1]) == answer.choices[0].text
    assert chunks[-1].usage.total_tokens == answer.usage.total_tokens


def test_models_are_listed(sdks: SimpleNamespace) -> None:
    assert [model.id for model in sdks.cloud.models.list()] == list(CLOUD.models)
    assert sdks.cloud.models.retrieve("general-large").owned_by == "cloud"
    with pytest.raises(openai.NotFoundError):
        sdks.cloud.models.retrieve("gpt-4o")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {**ASKED, "model": "embed-small"}),
        ("/v1/responses", {"model": "embed-small", "input": "x"}),
        ("/v1/embeddings", {"model": "general-large", "input": "x"}),
    ],
)
def test_models_for_vectors_do_nothing_else_and_others_give_none(path: str, body: Any) -> None:
    given = post(CLOUD, path, body)
    assert (given.status, document(given)["error"]["param"]) == (404, "model")


def test_every_answer_says_what_is_left_and_has_an_id(sdks: SimpleNamespace) -> None:
    raw = sdks.cloud.chat.completions.with_raw_response.create(**ASKED)
    assert raw.headers["x-request-id"].startswith("req_")
    assert int(raw.headers["x-ratelimit-remaining-requests"]) > 0
    with pytest.raises(openai.RateLimitError) as caught:
        sdks.cloud.chat.completions.create(**wish("[[fault 429 retry-after=2]]"))
    assert caught.value.response.headers["retry-after"] == "2"
    assert caught.value.request_id
    assert (caught.value.code, caught.value.type) == ("rate_limit_exceeded", "requests")


@pytest.mark.parametrize(
    ("mark", "kind", "code"),
    [
        ("500", openai.InternalServerError, None),
        ("503", openai.InternalServerError, None),
        ("403", openai.PermissionDeniedError, None),
        ("context", openai.BadRequestError, "context_length_exceeded"),
        ("quota", openai.RateLimitError, "insufficient_quota"),
        ("error", openai.InternalServerError, None),
        ("nonsense", openai.BadRequestError, "unknown_fault"),
    ],
)
def test_errors_are_those_of_the_api(sdks: SimpleNamespace, mark: str, kind: Any, code: str | None) -> None:
    with pytest.raises(kind) as caught:
        sdks.cloud.chat.completions.create(**wish(f"[[fault {mark}]]"))
    assert caught.value.code == code


def test_faults_reach_the_other_operations(sdks: SimpleNamespace) -> None:
    for call in (
        lambda: sdks.cloud.embeddings.create(model="embed-small", input=["[[fault 503]]"]),
        lambda: sdks.cloud.completions.create(model="general-large", prompt="[[fault 503]]"),
    ):
        with pytest.raises(openai.InternalServerError):
            call()


def test_only_the_last_text_of_a_user_is_searched_for_marks() -> None:
    messages = [
        {"role": "user", "content": "[[fault 503]]"},
        {"role": "assistant", "content": "[[fault 503]]"},
        {"role": "user", "content": "Hi."},
    ]
    assert post(CLOUD, "/v1/chat/completions", {**ASKED, "messages": messages}).status == 200


def test_a_model_of_somebody_else_is_not_found(sdks: SimpleNamespace) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        sdks.cloud.chat.completions.create(**{**ASKED, "model": "finance-32b"})
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_a_wrong_key_is_refused_even_for_the_list_of_models(sdks: SimpleNamespace) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        sdks.cloud.with_options(api_key=ONPREM.api_key).models.list()
    assert caught.value.code == "invalid_api_key"


@pytest.mark.parametrize(
    "headers", [{"x-api-key": "a"}, {"x-goog-api-key": GEMINI.api_key}, {"anthropic-version": "2023-06-01"}]
)
def test_credentials_of_others_are_told(headers: dict[str, str]) -> None:
    given = post(CLOUD, "/v1/chat/completions", ASKED, headers)
    assert (given.status, document(given)["error"]["param"]) == (400, next(iter(headers)))


def test_an_unknown_path_is_a_404() -> None:
    assert get(CLOUD, "/v1/chat/completions").status == 404
    assert post(CLOUD, "/chat/completions", ASKED).status == 404
    assert document(post(CLOUD, "/v1/messages", ASKED))["error"]["code"] == "unknown_url"
