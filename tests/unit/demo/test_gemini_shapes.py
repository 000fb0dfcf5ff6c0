"""What Gemini's API rejects."""

import base64
from typing import Any

import pytest

from tests.unit.demo.calls import GEMINI, error, post
from waypost.demo.gemini_shapes import TRAITS, sign

PRO, FLASH, OLD = "gemini-3-pro", "gemini-2.5-flash", "gemini-2.0-flash"
HI = {"role": "user", "parts": [{"text": "Hi."}]}
CALL = {"functionCall": {"name": "f", "args": {"a": 1}, "id": "1"}}
SIGNED = {**CALL, "thoughtSignature": sign("f", {"a": 1})}
RESULT = {"functionResponse": {"name": "f", "response": {"output": "x"}, "id": "1"}}
DUMMY = base64.b64encode(b"skip_thought_signature_validator").decode()


def ask(model: str = FLASH, **fields: Any) -> Any:
    return post(GEMINI, f"/v1beta/models/{model}:generateContent", {"contents": [HI], **fields})


def said(*turns: Any) -> dict[str, Any]:
    """Contents by turns, the user's first."""
    roles = ("user", "model")
    return {"contents": [{"role": roles[n % 2], "parts": turn} for n, turn in enumerate(turns)]}


def config(**fields: Any) -> dict[str, Any]:
    return {"generationConfig": fields}


def tools(**fields: Any) -> dict[str, Any]:
    return {"tools": [{"functionDeclarations": [{"name": "f", **fields}]}]}


def parameters(**schema: Any) -> dict[str, Any]:
    return tools(parameters={"type": "OBJECT", **schema})


PARAMETERS = "tools.0.functionDeclarations.0.parameters"
CONFIG = "generationConfig"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"contents": []}, "contents"),
        ({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "contents.0.role"),
        (said([]), "contents.0.parts"),
        (said([{"text": ""}]), "contents[0].parts[0]"),
        (said([{}]), "contents[0].parts[0]"),
        (
            said([{"text": "a", "inlineData": {"mimeType": "image/png", "data": "YQ=="}}]),
            "contents[0].parts[0]",
        ),
        (
            said([{"inlineData": {"mimeType": "image", "data": "YQ=="}}]),
            "contents.0.parts.0.inlineData.mimeType",
        ),
        (said([{"fileData": {"fileUri": "https://example.com/a"}}]), "contents[0].parts[0].fileData.fileUri"),
        (said([{"type": "text", "text": "a"}]), "contents.0.parts.0.type"),
        ({"systemInstruction": {"parts": [RESULT]}}, "systemInstruction"),
        (config(temperature=2.1), f"{CONFIG}.temperature"),
        (config(stopSequences=["a"] * 6), f"{CONFIG}.stopSequences"),
        (config(stopSequences=[""]), f"{CONFIG}.stopSequences.0"),
        (config(maxOutputTokens=0), f"{CONFIG}.maxOutputTokens"),
        (config(max_tokens=5), f"{CONFIG}.max_tokens"),
        (config(max_output_tokens=0), f"{CONFIG}.max_output_tokens"),
        (config(seed=2**31), f"{CONFIG}.seed"),
        (config(candidateCount=9), f"{CONFIG}.candidateCount"),
        (config(logprobs=2), f"{CONFIG}.logprobs"),
        (config(responseMimeType="text/xml"), f"{CONFIG}.responseMimeType"),
        (config(responseJsonSchema={}), f"{CONFIG}.responseMimeType"),
        (
            config(responseMimeType="application/json", responseJsonSchema={}, responseSchema={}),
            f"{CONFIG}.responseJsonSchema",
        ),
        (
            config(responseMimeType="application/json", responseSchema={"type": "ARRAY"}),
            f"{CONFIG}.responseSchema.items",
        ),
        (parameters(additionalProperties=False), f"{PARAMETERS}.additionalProperties"),
        (parameters(properties={"a": {"$ref": "#/$defs/a"}}), f"{PARAMETERS}.properties.a.$ref"),
        (parameters(**{"$defs": {}}), f"{PARAMETERS}.$defs"),
        (parameters(properties={"a": {"type": ["STRING", "NULL"]}}), f"{PARAMETERS}.properties.a.type"),
        (
            parameters(properties={"a": {"type": "STRING", "enum": ["x", ""]}}),
            f"{PARAMETERS}.properties.a.enum.1",
        ),
        (
            parameters(properties={"a": {"type": "INTEGER", "enum": ["1"]}}),
            "tools[0].functionDeclarations[0].parameters.properties[a].enum",
        ),
        (parameters(required=["a"]), "tools[0].functionDeclarations[0].parameters.required"),
        (
            tools(parameters={"properties": {"a": {"type": "STRING"}}}),
            "tools[0].functionDeclarations[0].parameters",
        ),
        (tools(strict=True), "tools.0.functionDeclarations.0.strict"),
        (tools(parameters={"type": "OBJECT"}, parametersJsonSchema={}), "tools[0].functionDeclarations[0]"),
        (tools(name="a b"), "tools.0.functionDeclarations.0.name"),
        ({"tools": [{"functionDeclarations": [{"name": "f"}, {"name": "f"}]}]}, "tools"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}}, "toolConfig.functionCallingConfig"),
        (
            {**tools(), "toolConfig": {"functionCallingConfig": {"mode": "auto"}}},
            "toolConfig.functionCallingConfig.mode",
        ),
        (
            {
                **tools(),
                "toolConfig": {"functionCallingConfig": {"mode": "AUTO", "allowedFunctionNames": ["f"]}},
            },
            "toolConfig.functionCallingConfig.allowedFunctionNames",
        ),
        (
            {
                **tools(),
                "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["g"]}},
            },
            "toolConfig.functionCallingConfig.allowedFunctionNames",
        ),
    ],
)
def test_what_is_rejected(fields: dict[str, Any], param: str) -> None:
    assert error(ask(**fields)) == (400, param)


@pytest.mark.parametrize(
    ("turns", "param"),
    [
        ([[{"text": "a"}], [CALL], [{"text": "b"}]], "contents[2]"),
        ([[{"text": "a"}], [CALL]], "contents"),
        ([[{"text": "a"}], [CALL, CALL], [RESULT]], "contents[2]"),
        ([[{"text": "a"}], [{"text": "b"}], [RESULT]], "contents[2]"),
        ([[CALL], [RESULT]], "contents[0]"),
        ([[{"text": "a"}], [CALL], [{"functionResponse": {"name": "g", "response": {}}}]], "contents[2]"),
        (
            [[{"text": "a"}], [CALL], [{"functionResponse": {"name": "f", "response": {}, "id": "2"}}]],
            "contents[2]",
        ),
        (
            [[{"text": "a"}], [CALL], [{"functionResponse": {"name": "f", "response": "x"}}]],
            "contents.2.parts.0.functionResponse.response",
        ),
        (
            [[{"text": "a"}], [{"functionCall": {"name": "f", "args": "{}"}}], [RESULT]],
            "contents.1.parts.0.functionCall.args",
        ),
    ],
)
def test_conversations_that_are_rejected(turns: list[Any], param: str) -> None:
    assert error(ask(**said(*turns))) == (400, param)


def test_a_body_does_not_name_the_model() -> None:
    body = {"contents": [HI], "model": FLASH}
    assert error(post(GEMINI, f"/v1beta/models/{FLASH}:generateContent", body)) == (400, "model")


def test_calls_and_results_have_their_roles() -> None:
    turns = [HI, {"role": "model", "parts": [CALL]}, {"role": "model", "parts": [RESULT]}]
    assert error(ask(contents=turns)) == (400, "contents[2]")
    turns = [
        HI,
        {"role": "model", "parts": [{"text": "a"}]},
        {"role": "model", "parts": [CALL]},
        {"parts": [RESULT]},
    ]
    assert error(ask(contents=turns)) == (400, "contents[2]")


@pytest.mark.parametrize(
    ("model", "thinking", "param"),
    [
        (PRO, {"thinkingLevel": "low", "thinkingBudget": 5}, ""),
        (PRO, {"thinkingLevel": "medium"}, ".thinkingLevel"),
        (FLASH, {"thinkingLevel": "low"}, ".thinkingLevel"),
        (FLASH, {"thinkingBudget": 24_577}, ".thinkingBudget"),
        (PRO, {"thinkingBudget": 0}, ".thinkingBudget"),
        (OLD, {"thinkingBudget": 0}, ""),
        (OLD, {"includeThoughts": True}, ""),
    ],
)
def test_thinking_that_a_model_does_not_take(model: str, thinking: Any, param: str) -> None:
    assert error(ask(model, **config(thinkingConfig=thinking))) == (400, f"{CONFIG}.thinkingConfig{param}")


@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        (PRO, {"thinkingLevel": "HIGH"}),
        (FLASH, {"thinkingBudget": 0}),
        (FLASH, {"thinkingBudget": -1}),
        (PRO, {}),
    ],
)
def test_thinking_that_a_model_takes(model: str, thinking: Any) -> None:
    assert ask(model, **config(thinkingConfig=thinking)).status == 200


def test_old_models_take_no_json_schema() -> None:
    wanted = config(responseMimeType="application/json", responseJsonSchema={})
    assert error(ask(OLD, **wanted)) == (400, f"{CONFIG}.responseJsonSchema")
    where = "tools[0].functionDeclarations[0].parametersJsonSchema"
    assert error(ask(OLD, **tools(parametersJsonSchema={}))) == (400, where)
    assert ask(FLASH, **wanted).status == ask(FLASH, **tools(parametersJsonSchema={})).status == 200


def test_older_models_take_no_functions_beside_json() -> None:
    wanted = config(responseMimeType="application/json")
    for model in (OLD, FLASH):
        assert error(ask(model, **wanted, **tools())) == (400, f"{CONFIG}.responseMimeType")
    assert ask(PRO, **wanted, **tools()).status == 200


@pytest.mark.parametrize(
    ("turns", "is_taken"),
    [
        ([[{"text": "a"}], [SIGNED], [RESULT]], True),
        ([[{"text": "a"}], [{**CALL, "thoughtSignature": DUMMY}], [RESULT]], True),
        ([[{"text": "a"}], [{**CALL, "thoughtSignature": sign("f", {"a": 1}).rstrip("=")}], [RESULT]], True),
        ([[{"text": "a"}], [{**CALL, "thoughtSignature": "?"}], [RESULT]], False),
        ([[{"text": "a"}], [CALL], [RESULT]], False),
        (
            [
                [{"text": "a"}],
                [SIGNED, {"functionCall": {"name": "g"}}],
                [RESULT, {"functionResponse": {"name": "g", "response": {}}}],
            ],
            True,
        ),
        ([[{"text": "a"}], [{**SIGNED, "thoughtSignature": sign("g", {})}], [RESULT]], False),
        ([[{"text": "a"}], [CALL], [RESULT], [{"text": "b"}], [{"text": "c"}]], True),
    ],
)
def test_signatures_must_come_back_in_the_turn_that_goes_on(turns: list[Any], *, is_taken: bool) -> None:
    answer = ask(PRO, **said(*turns))
    assert (answer.status == 200) is is_taken
    assert is_taken or b"ignature" in answer.pieces[0]


def test_whatever_a_request_can_have_is_taken() -> None:
    schema = {
        "type": "OBJECT",
        "properties": {
            "a": {"type": "STRING", "nullable": True, "enum": ["x"], "format": "enum"},
            "b": {
                "type": "array",
                "items": {"anyOf": [{"type": "NUMBER"}, {"type": "STRING"}]},
                "minItems": 1,
            },
        },
        "required": ["a"],
        "propertyOrdering": ["a", "b"],
    }
    answer = ask(
        PRO,
        **said(
            [
                {"text": "Hi."},
                {"inlineData": {"mimeType": "application/pdf", "data": "YQ=="}},
                {"fileData": {"fileUri": "https://youtu.be/x", "mimeType": "video/mp4"}},
            ]
        ),
        systemInstruction={"parts": [{"text": "Be kind."}]},
        **tools(description="d", parameters=schema),
        toolConfig={"functionCallingConfig": {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}},
        **config(
            temperature=2,
            topP=1,
            topK=40,
            stopSequences=["a"] * 5,
            maxOutputTokens=50,
            candidateCount=1,
            seed=-1,
            responseLogprobs=True,
            logprobs=20,
            responseMimeType="application/json",
            responseSchema=schema,
            media_resolution="MEDIA_RESOLUTION_LOW",
        ),
        safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    )
    assert answer.status == 200, answer.pieces


def test_traits_are_those_of_the_models_that_write() -> None:
    assert set(TRAITS) == {model for model in GEMINI.models if "embedding" not in model}
