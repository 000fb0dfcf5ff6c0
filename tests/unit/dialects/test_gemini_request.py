"""A request for Gemini, row by row of the mapping table."""

import json
from typing import Any

import pytest

from waypost.dialects.foreign import Written
from waypost.dialects.gemini_request import write_request
from waypost.errors import RequestError

USER = [{"role": "user", "content": "hi"}]
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": ["string", "null"], "enum": ["x", None]}},
    "additionalProperties": False,
}
TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "does", "parameters": SCHEMA, "strict": True},
}
OTHER = {"type": "function", "function": {"name": "g"}}


def write(model: str = "gemini-3-flash", *, strict: bool = True, **fields: Any) -> Written:
    return write_request({"model": "auto", "messages": USER, **fields}, model, strict=strict)


def body(model: str = "gemini-3-flash", *, strict: bool = True, **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(write(model, strict=strict, **fields).body)
    return found


def settings(model: str = "gemini-3-flash", *, strict: bool = True, **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = body(model, strict=strict, **fields).get("generationConfig", {})
    return found


def refused(model: str = "gemini-3-flash", *, strict: bool = False, **fields: Any) -> str | None:
    with pytest.raises(RequestError) as caught:
        write(model, strict=strict, **fields)
    assert caught.value.status == 400
    return caught.value.param


def test_a_whole_request() -> None:
    messages = [{"role": "system", "content": "be kind"}, {"role": "user", "content": "h\u00e9"}]
    assert write(messages=messages, temperature=0.5, stop="END", tools=[OTHER]) == Written(
        '{"contents":[{"role":"user","parts":[{"text":"h\u00e9"}]}],'
        '"systemInstruction":{"parts":[{"text":"be kind"}]},'
        '"tools":[{"functionDeclarations":[{"name":"g"}]}],'
        '"generationConfig":{"temperature":0.5,"stopSequences":["END"]}}'.encode(),
        "/models/gemini-3-flash:generateContent",
        (("content-type", "application/json"), ("accept-encoding", "identity")),
        (),
    )


@pytest.mark.parametrize(
    ("model", "stream", "path"),
    [
        ("gemini-3-flash", False, "/models/gemini-3-flash:generateContent"),
        ("gemini-3-flash", True, "/models/gemini-3-flash:streamGenerateContent?alt=sse"),
        ("models/gemini-3-flash", None, "/models/gemini-3-flash:generateContent"),
        ("tunedModels/mine", None, "/tunedModels/mine:generateContent"),
        ("a b?key=x#y", None, "/models/a%20b%3Fkey%3Dx%23y:generateContent"),
    ],
)
def test_the_model_is_in_the_path_and_nowhere_else(model: str, stream: Any, path: str) -> None:
    written = write(model, stream=stream)
    assert written.path == path
    assert "model" not in json.loads(written.body)


def test_sampling() -> None:
    assert settings(
        max_tokens=5,
        max_completion_tokens=7.0,
        temperature=2,
        top_p=0.9,
        top_k=40,
        n=2,
        seed=3.0,
        presence_penalty=-2,
        frequency_penalty=1.5,
        stop=["a", ""],
    ) == {
        "maxOutputTokens": 7,
        "temperature": 2,
        "topP": 0.9,
        "topK": 40,
        "candidateCount": 2,
        "seed": 3,
        "presencePenalty": -2,
        "frequencyPenalty": 1.5,
        "stopSequences": ["a"],
    }
    assert settings(max_tokens=5) == {"maxOutputTokens": 5}


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 1},
        {"stop": None, "temperature": None},
        {"logprobs": False},
        {"response_format": {"type": "text"}},
        {"stop": []},
    ],
)
def test_what_asks_for_nothing_sends_nothing(fields: dict[str, Any]) -> None:
    assert "generationConfig" not in body(**fields)


@pytest.mark.parametrize(
    ("fields", "sent", "warning"),
    [
        ({"temperature": 2.5}, {"temperature": 2}, "temperature: lowered to 2"),
        ({"top_p": -1}, {"topP": 0}, "top_p: raised to 0"),
        ({"frequency_penalty": -3}, {"frequencyPenalty": -2}, "frequency_penalty: raised to -2"),
        ({"n": 20}, {"candidateCount": 8}, "n: lowered to 8"),
        ({"seed": 2**40 + 5}, {"seed": 5}, "seed: folded into 31 bits"),
        ({"stop": list("abcdef")}, {"stopSequences": list("abcde")}, "stop: only the first 5 are sent"),
        ({"max_tokens": 10**400}, {"maxOutputTokens": 65536}, "max_tokens: lowered to 65536"),
        ({"logprobs": True, "top_logprobs": 99}, {"responseLogprobs": True, "logprobs": 20}, None),
    ],
)
def test_limits_are_kept_with_a_warning_and_refused_where_that_is_wanted(
    fields: dict[str, Any], sent: dict[str, Any], warning: str | None
) -> None:
    written = write(strict=False, **fields)
    assert json.loads(written.body)["generationConfig"] == sent
    assert warning is None or written.warnings == (warning,)
    assert refused(strict=True, **fields) in {*fields}


@pytest.mark.parametrize(
    ("param", "value"),
    [
        *[("temperature", value) for value in ("1", True, [], float("inf"))],
        *[("max_tokens", value) for value in (0, -1, 1.5, "9")],
        *[("stop", value) for value in (3, [3], {})],
        *[("seed", value) for value in ("1", True, float("inf"))],
        *[("n", value) for value in (0, 1.5)],
        *[("reasoning_effort", value) for value in ("much", 3, [])],
        *[("tools", value) for value in ("x", {})],
        ("functions", []),
        ("function_call", "auto"),
    ],
)
def test_values_that_mean_nothing_are_refused(param: str, value: Any) -> None:
    assert refused(**{param: value}) == param


def test_fields_without_an_equivalent_are_named() -> None:
    fields = {
        "logit_bias": {"5": 1},
        "parallel_tool_calls": False,
        "user": "u",
        "x_new": 1,
        "my secret!": 1,
    }
    written = write(strict=False, **fields)
    said = "not sent, this provider does not know it"
    assert written.warnings == tuple(f"{name}: {said}" for name in [*[*fields][:4], "*"])
    assert [refused(strict=True, **{name: value}) for name, value in fields.items()] == [*[*fields][:4], "*"]


def test_defaults_are_not_named() -> None:
    fields = {
        "logit_bias": {},
        "parallel_tool_calls": True,
        "store": False,
        "modalities": ["text"],
        "service_tier": "auto",
        "user": None,
        "stream_options": {"include_usage": True},
    }
    assert write(**fields).warnings == ()


def test_logprobs() -> None:
    assert settings(logprobs=True) == {"responseLogprobs": True}
    assert settings(logprobs=True, top_logprobs=3) == {"responseLogprobs": True, "logprobs": 3}


def test_json_without_a_schema() -> None:
    assert settings(response_format={"type": "json_object"}) == {"responseMimeType": "application/json"}


def test_json_with_a_schema() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}
    assert settings(response_format=wanted) == {
        "responseMimeType": "application/json",
        "responseJsonSchema": SCHEMA,
    }
    assert settings("gemini-2.0-flash", response_format=wanted) == {
        "responseMimeType": "application/json",
        "responseSchema": {
            "type": "OBJECT",
            "properties": {"a": {"type": "STRING", "nullable": True, "enum": ["x"]}},
        },
    }


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-2.5-pro", "gemini-2.0-flash"])
@pytest.mark.parametrize("choice", ["auto", "none"])
def test_beside_tools_older_models_are_asked_for_json_in_words(model: str, choice: str) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    asked: dict[str, Any] = {"tools": [OTHER], "tool_choice": choice, "response_format": wanted}
    written = write(model, strict=False, **asked)
    found = json.loads(written.body)
    assert "generationConfig" not in found
    assert '"city"' in found["systemInstruction"]["parts"][0]["text"]
    assert [note.partition(":")[0] for note in written.warnings] == ["response_format"]
    assert refused(model, strict=True, **asked) == "response_format"
    asked["response_format"] = {"type": "json_object"}
    found = body(model, strict=False, **asked)
    assert "one valid JSON object" in found["systemInstruction"]["parts"][0]["text"]
    assert "generationConfig" not in found


def test_newer_models_take_a_form_of_answers_beside_tools() -> None:
    found = body(tools=[OTHER], response_format={"type": "json_object"})
    assert found["generationConfig"] == {"responseMimeType": "application/json"}
    assert "systemInstruction" not in found


@pytest.mark.parametrize("value", [3, {}, {"type": "xml"}, {"type": "json_schema"}, {"type": []}])
def test_other_formats_are_refused(value: Any) -> None:
    assert (refused(response_format=value) or "").startswith("response_format")


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        ("gemini-3-flash", "none", {"thinkingLevel": "minimal"}),
        ("gemini-3-pro", "none", {"thinkingLevel": "low"}),
        ("gemini-3-pro", "minimal", {"thinkingLevel": "low", "includeThoughts": True}),
        ("gemini-3-flash", "medium", {"thinkingLevel": "medium", "includeThoughts": True}),
        ("gemini-3-pro", "medium", {"thinkingLevel": "high", "includeThoughts": True}),
        ("gemini-3.1-pro", "medium", {"thinkingLevel": "medium", "includeThoughts": True}),
        ("gemini-3.8-flash", "minimal", {"thinkingLevel": "low", "includeThoughts": True}),
        ("gemini-3-flash", "max", {"thinkingLevel": "high", "includeThoughts": True}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}),
        ("gemini-2.5-flash", "low", {"thinkingBudget": 1024, "includeThoughts": True}),
        ("gemini-2.5-flash", "high", {"thinkingBudget": 24576, "includeThoughts": True}),
        ("gemini-2.0-flash", "high", None),
        ("gemini-3-flash", None, None),
    ],
)
def test_effort_is_a_level_or_a_budget_and_never_both(
    model: str, effort: str | None, sent: dict[str, Any] | None
) -> None:
    assert settings(model, strict=False, reasoning_effort=effort).get("thinkingConfig") == sent


def test_a_model_that_cannot_do_as_told_is_named() -> None:
    assert [
        len(write(model, strict=False, reasoning_effort=effort).warnings)
        for model, effort in [
            ("gemini-2.5-pro", "none"),
            ("gemini-2.5-flash", "none"),
            ("gemini-3-pro", "none"),
            ("gemini-2.0-flash", "none"),
            ("gemini-2.0-flash", "low"),
            ("gemini-3-flash", "max"),
            ("gemini-3-flash", "high"),
        ]
    ] == [1, 0, 1, 0, 1, 1, 0]


@pytest.mark.parametrize(
    ("model", "longest", "budget"),
    [
        ("gemini-2.5-flash", 1500, 750),
        ("gemini-2.5-pro", 100, 128),
        ("gemini-2.5-flash", 20000, 8192),
    ],
)
def test_thoughts_leave_room_for_the_answer(model: str, longest: int, budget: int) -> None:
    found = settings(model, strict=False, reasoning_effort="medium", max_tokens=longest)
    assert found["thinkingConfig"]["thinkingBudget"] == budget


@pytest.mark.parametrize(
    ("model", "most", "wanted", "sent"),
    [
        ("gemini-2.0-flash", 1_048_576, 100_000, 100_000),  # the table has 8192
        ("gemini-2.0-flash", 1_048_576, 1_048_577, 1_048_576),
        ("gemini-3-flash", 4_096, 5_000, 4_096),
        ("gemini-3-flash", 4_096, 4_096, 4_096),
        ("our-own", 100, 101, 100),  # nothing is known of it by its name
        ("gemini-3-flash", 4_096, None, None),  # no limit is the model's most there
    ],
)
def test_the_file_knows_better_than_the_table_how_much_a_model_gives(
    model: str, most: int, wanted: int | None, sent: int | None
) -> None:
    document = {"messages": USER} | ({"max_tokens": wanted} if wanted else {})
    written = write_request(document, model, strict=False, most=most)
    assert json.loads(written.body).get("generationConfig", {}).get("maxOutputTokens") == sent
    assert written.warnings == (() if wanted == sent else (f"max_tokens: lowered to {most}",))


@pytest.mark.parametrize(
    ("most", "wanted", "budget"),
    [(4_096, None, 2_048), (4_096, 100_000, 2_048), (4_096, 1_000, 500), (200_000, None, 24_576)],
)
def test_thoughts_stay_below_what_the_file_says(most: int, wanted: int | None, budget: int) -> None:
    document = {"messages": USER, "reasoning_effort": "high", "max_tokens": wanted}
    written = write_request(document, "gemini-2.5-flash", strict=False, most=most)
    found = json.loads(written.body)["generationConfig"]["thinkingConfig"]
    assert found["thinkingBudget"] == budget
    assert any(note.startswith("reasoning_effort: ") for note in written.warnings) == (budget < 24_576)


def test_tools() -> None:
    assert body(tools=[TOOL, OTHER])["tools"] == [
        {
            "functionDeclarations": [
                {"name": "f", "description": "does", "parametersJsonSchema": SCHEMA},
                {"name": "g"},
            ]
        }
    ]
    (tool,) = body("gemini-2.0-flash", tools=[TOOL])["tools"][0]["functionDeclarations"]
    assert tool["parameters"]["properties"] == {"a": {"type": "STRING", "nullable": True, "enum": ["x"]}}


def test_whole_numbers_in_schemas_are_written_as_such() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"minimum": 1.0, "maximum": 1.5}}}
    assert b'{"minimum":1,"maximum":1.5}' in write(tools=[tool]).body


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        ("auto", {"mode": "AUTO"}),
        ("required", {"mode": "ANY"}),
        ("none", {"mode": "NONE"}),
        (
            {"type": "function", "function": {"name": "g"}},
            {"mode": "ANY", "allowedFunctionNames": ["g"]},
        ),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [OTHER]}},
            {"mode": "ANY", "allowedFunctionNames": ["g"]},
        ),
    ],
)
def test_tool_choice(choice: Any, config: dict[str, Any]) -> None:
    found = body(tools=[TOOL, OTHER], tool_choice=choice)
    assert found["toolConfig"] == {"functionCallingConfig": config}
    assert len(found["tools"][0]["functionDeclarations"]) == 2


def test_allowed_tools_that_may_be_used_are_the_only_ones_offered() -> None:
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [OTHER]}}
    found = body(tools=[TOOL, OTHER], tool_choice=choice)
    assert found["tools"] == [{"functionDeclarations": [{"name": "g"}]}]
    assert found["toolConfig"] == {"functionCallingConfig": {"mode": "AUTO"}}


def test_tool_choice_without_tools_is_not_sent() -> None:
    assert "toolConfig" not in body(tool_choice="auto")
    assert "toolConfig" not in body(tool_choice="none", tools=[])
    assert refused(tool_choice="required") == refused(tool_choice="required", tools=[]) == "tool_choice"


@pytest.mark.parametrize(
    "choice",
    [
        *("any", 3, {}, {"type": "function"}, {"type": "function", "function": {"name": "unknown"}}),
        {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}},
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [TOOL, 3]}},
    ],
)
def test_other_choices_are_refused(choice: Any) -> None:
    assert refused(tools=[TOOL], tool_choice=choice) == "tool_choice"


@pytest.mark.parametrize(
    ("tool", "param"),
    [
        (3, "tools[0]"),
        ({"type": "web_search"}, "tools[0]"),
        ({"type": "custom", "custom": {"name": "x"}}, "tools[0]"),
        ({"type": "function", "function": {}}, "tools[0].function.name"),
        ({"type": "function", "function": {"name": "f", "parameters": 3}}, "tools[0].function.parameters"),
        (
            {"type": "function", "function": {"name": "f", "parameters": {"maximum": float("inf")}}},
            "tools[0].function.parameters",
        ),
    ],
)
def test_other_tools_are_refused(tool: Any, param: str) -> None:
    assert refused(tools=[tool]) == param


def test_the_closest_look_at_a_picture_is_that_of_the_request() -> None:
    def picture(detail: str) -> dict[str, Any]:
        return {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": detail}}

    content = [picture("low"), picture("high"), picture("auto")]
    messages = [{"role": "user", "content": content}]
    assert settings(messages=messages) == {"mediaResolution": "MEDIA_RESOLUTION_HIGH"}


@pytest.mark.parametrize("messages", [None, [], "x", {}])
def test_without_messages_there_is_no_request(messages: Any) -> None:
    assert refused(messages=messages) == "messages"


def test_the_same_request_gives_the_same_bytes_and_is_left_as_it_was() -> None:
    document = {"messages": USER, "tools": [TOOL], "reasoning_effort": "low"}
    before = json.dumps(document)
    first = write_request(document, "gemini-2.5-flash", strict=True)
    assert write_request(document, "gemini-2.5-flash", strict=True) == first
    assert json.dumps(document) == before
