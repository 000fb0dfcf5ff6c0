"""What one rule makes of one body: masks, then tools, then the system prompt, then parameters."""

import json
from pathlib import Path
from typing import Any

import pytest

from waypost.dialects.openai_chat import parse
from waypost.dialects.splice import Change, Edit, Swap
from waypost.mutations.parameters import Adjustment, RequestParameters
from waypost.mutations.shape import PLAIN, UNSHAPED, Shape, Shaped, read, shaped
from waypost.mutations.system_prompt import Mode
from waypost.mutations.target import Use
from waypost.mutations.tools import Catalogue, Chosen, Stocked, ToolSettings, choose, describe, wanted

TEXT = '{"model" : "auto", "messages": [{"role": "user", "content": "call Ann at 1E5"}], "n": 1.50}'
BODY = TEXT.encode()
MASK: tuple[Edit, ...] = (Swap(("messages", 0, "content"), (Change(5, 8, "<PERSON_1>"),)),)


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": f"does {name}"}}


def sent(made: Shaped) -> dict[str, Any]:
    assert made.body is not None
    return json.loads(made.body)


def body(*contents: str, **fields: Any) -> bytes:
    messages = [{"role": "user", "content": content} for content in contents]
    return json.dumps({"model": "auto", "messages": messages, **fields}).encode()


def chosen(original: bytes, settings: ToolSettings, catalogue: Catalogue | None = None) -> Chosen:
    found = wanted(settings, parse(original), "hello", catalogue)
    assert found is not None
    return choose(found, None)


def test_where_nothing_is_to_be_done_the_body_stays_the_clients() -> None:
    assert shaped(BODY, (), PLAIN, None) == UNSHAPED
    assert shaped(b"no JSON at all", (), PLAIN, None).body is None


def test_a_mask_leaves_every_other_byte_as_it_was() -> None:
    made = shaped(BODY, MASK, PLAIN, None)
    assert made.body == TEXT.replace("Ann", "<PERSON_1>").encode()
    assert (made.prompted, made.adjustments, made.tools) == (False, (), None)


def test_tools_that_do_not_fit_are_gone() -> None:
    original = body("hello", tools=[tool("weather"), tool("delete_all")])
    tools = chosen(original, ToolSettings(block=("delete_all",)))
    made = shaped(original, (), PLAIN, tools)
    assert [each["function"]["name"] for each in sent(made)["tools"]] == ["weather"]
    assert made.tools is tools


def test_a_choice_that_changes_no_tool_changes_no_byte() -> None:
    tools = Chosen((), (), (), 0, ())
    assert shaped(BODY, (), PLAIN, tools) == Shaped(tools=tools)


def test_what_is_masked_in_a_tool_is_masked_also_when_others_in_front_of_it_go() -> None:
    listed = [tool("delete_all"), tool("weather")]
    listed[1]["function"]["description"] = "for Ann only"
    original = body("hello", tools=listed)
    masks = (Swap(("tools", 1, "function", "description"), (Change(4, 7, "<PERSON_1>"),)),)
    made = shaped(original, masks, PLAIN, chosen(original, ToolSettings(block=("delete_all",))))
    assert [each["function"]["description"] for each in sent(made)["tools"]] == ["for <PERSON_1> only"]


def test_tools_of_a_catalogue_are_added() -> None:
    stock = Catalogue.of([Stocked("search", describe("search", "hello"), json.dumps(tool("search")))])
    settings = ToolSettings(mode="add", catalogue=Path("tools.json"), always=("search",))
    original = body("hello", tools=[tool("weather")])
    made = shaped(original, (), PLAIN, chosen(original, settings, stock))
    assert [each["function"]["name"] for each in sent(made)["tools"]] == ["weather", "search"]


@pytest.mark.parametrize("mode", ["insert", "replace", "append"])
def test_a_system_prompt_stands_in_front(mode: Mode) -> None:
    made = shaped(BODY, (), Shape(prompt="Be kind.", mode=mode), None)
    assert made.prompted
    assert sent(made)["messages"][0] == {"role": "system", "content": "Be kind."}


def test_a_prompt_that_stands_there_already_is_there_and_changes_nothing() -> None:
    first = shaped(BODY, (), Shape(prompt="Be kind."), None)
    assert first.body is not None
    assert shaped(first.body, (), Shape(prompt="Be kind."), None) == Shaped(prompted=True)


def test_embeddings_have_no_system_prompt() -> None:
    original = b'{"model": "auto", "input": "hello"}'
    assert shaped(original, (), Shape(prompt="Be kind."), None) == UNSHAPED


def test_parameters_are_held_and_told() -> None:
    shape = Shape(parameters=RequestParameters(limits={"n": 1.0}, defaults={"seed": 7}, blocked=("user",)))
    made = shaped(body("hello", n=4, user="me"), (), shape, None)
    assert {name: sent(made).get(name) for name in ("n", "seed", "user")} == {"n": 1, "seed": 7, "user": None}
    assert set(made.adjustments) == {
        Adjustment("user", "removed"), Adjustment("n", "lowered", 4, 1), Adjustment("seed", "set", None, 7),
    }  # fmt: skip


def test_parameters_that_are_as_they_should_be_change_nothing() -> None:
    shape = Shape(parameters=RequestParameters(limits={"n": 4.0}))
    assert shaped(body("hello", n=4), (), shape, None) == UNSHAPED


def test_everything_at_once_is_everything() -> None:
    original = body("call Ann", tools=[tool("delete_all"), tool("weather")], n=9)
    shape = Shape("Be kind.", "insert", RequestParameters(limits={"n": 1.0}))
    masks = (Swap(("messages", 0, "content"), (Change(5, 8, "<PERSON_1>"),)),)
    found = sent(shaped(original, masks, shape, chosen(original, ToolSettings(block=("delete_all",)))))
    assert [message["content"] for message in found["messages"]] == ["Be kind.", "call <PERSON_1>"]
    assert [each["function"]["name"] for each in found["tools"]] == ["weather"]
    assert found["n"] == 1


def test_a_mask_inside_the_clients_own_system_prompt_survives_the_operators() -> None:
    original = json.dumps(
        {
            "model": "auto",
            "messages": [{"role": "system", "content": "for Ann"}, {"role": "user", "content": "x"}],
        }
    ).encode()
    masks = (Swap(("messages", 0, "content"), (Change(4, 7, "<PERSON_1>"),)),)
    found = sent(shaped(original, masks, Shape(prompt="Be kind."), None))
    assert found["messages"][0]["content"] == "Be kind.\n\nfor <PERSON_1>"


def test_what_a_shape_reads_of_the_encoder() -> None:
    assert PLAIN.heads == frozenset()
    assert Shape(uses={"a": Use(use_reasoning=True)}).heads == frozenset()
    assert Shape(uses={"a": Use(), "b": Use("auto")}).heads == {"complexity"}


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1.0), ("1.5", 1.5), ("-0", 0.0), ("true", True), ("null", None), ('"1"', "1")]
)
def test_numbers_are_read_as_the_parser_read_them(text: str, value: object) -> None:
    found = read(f'{{"a": {text}}}'.encode())["a"]
    assert found == value
    assert type(found) is type(value)


def test_no_number_is_too_long_to_be_read() -> None:
    assert read(b'{"a": ' + b"9" * 10_000 + b"}")["a"] == float("inf")


def test_no_body_is_shown_where_values_are() -> None:
    assert "Ann" not in repr(Shaped(BODY))
