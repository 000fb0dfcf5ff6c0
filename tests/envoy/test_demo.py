"""`waypost serve --demo` prints what to try; every line of it works exactly as printed."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

import waypost.demo
from tests.envoy.gateway import Gateway, free_port, run_serve
from waypost.demo import QUESTIONS
from waypost.demo.providers import PROVIDERS


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder, port, admin = tmp_path_factory.mktemp("demo"), free_port(), free_port()
    ports = {provider.variable: free_port() for provider in PROVIDERS}
    ports |= {"WAYPOST_PORT": port, "WAYPOST_ADMIN_PORT": admin}
    environ = {name: str(value) for name, value in ports.items()} | {"XDG_STATE_HOME": str(folder)}
    with run_serve(["--demo"], folder, port, admin, environ) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def printed(demo: Gateway) -> list[str]:
    """The tour as it stands in the output; it is printed once everything is ready."""
    demo.until(lambda: " route --explain " in demo.log.read_text(), "the tour is printed")
    return demo.log.read_text().splitlines()


def run(command: str, **environ: str) -> str:
    """What a shell makes of a pasted text."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "-euc", command],
        env={**os.environ, "PATH": path, **environ},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return result.stdout


def shorthand(printed: list[str]) -> str:
    """The shell function that the tour defines first."""
    start = next(n for n, line in enumerate(printed) if line.startswith("ask() {"))
    return "\n".join(printed[start : start + 2])


EXPECTED = (
    ("200 OK", "bank-stays-inside", "finance-32b at the demo provider 'onprem'"),
    ("200 OK", "patients-stay-inside", "clinic-27b at the demo provider 'onprem'"),
    ("200 OK", "search-desk", "data: [DONE]"),
    ("403 Forbidden", "no-private-keys", "The request holds a private key."),
    ("200 OK", "opening-hours", "We are open Monday to Friday"),
    ("200 OK", "semantic_classification", "gemini-3-pro at the demo provider 'gemini'"),
)


@pytest.mark.parametrize(("number", "expected"), tuple(enumerate(EXPECTED)))
def test_each_question_works_as_printed(
    printed: list[str], number: int, expected: tuple[str, str, str]
) -> None:
    lines = [line for line in printed if line.startswith('ask "')]
    assert len(lines) == len(EXPECTED)
    output = run(f"{shorthand(printed)}\n{lines[number]}")
    status, decision, text = expected
    assert output.startswith(f"HTTP/1.1 {status}")
    assert f"x-waypost-decision: {decision}" in output
    assert ("x-waypost-category: code" in output) is (decision == "semantic_classification")
    assert text in output


MODELS = {
    "mathematics": "maths",
    "code": "coder",
    "creative writing": "writer",
    "law": "lawyer",
    "health": "external-medical-ai",
    "small talk": "chat",
    "travel": "travel-guide",
}


def test_each_kind_of_question_reaches_a_model_of_its_own_as_printed(printed: list[str]) -> None:
    start = next(n for n, line in enumerate(printed) if line.startswith("for question in"))
    stop = next(n for n in range(start, len(printed)) if printed[n].startswith("do "))
    output = run("\n".join([shorthand(printed), *printed[start : stop + 1]])).splitlines()
    found: dict[str, tuple[str, str]] = {}
    for question, *headers in zip(*[iter(output)] * 3, strict=True):
        told = dict(header.split(": ") for header in headers)
        found[question] = (told["x-waypost-category"], told["x-waypost-model"])
    expected = {QUESTIONS[category]: (category, model) for category, model in MODELS.items()}
    assert found == expected
    assert len({model for _, model in found.values()}) == 7


def test_the_sdk_snippet_works_as_printed(printed: list[str]) -> None:
    start, end = printed.index("python3 - <<'END'"), printed.index("END")
    outside, inside = run("\n".join(printed[start : end + 1])).splitlines()
    assert outside.startswith("explicit_model -> general-large at the demo provider 'cloud'")
    assert inside.startswith("bank-stays-inside -> finance-32b at the demo provider 'onprem'")


def test_the_reason_is_told_as_printed(printed: list[str]) -> None:
    (line,) = (line for line in printed if " route --explain " in line)
    told = run(line)
    assert told.startswith("maths   category mathematics   ")
    assert re.search(r"^ +domain +math 0\.\d+", told, re.MULTILINE)
    assert re.search(r"^ +window +focus, characters 0-", told, re.MULTILINE)
    assert "MATCH    category mathematics: p=0." in told
    assert "bank-stays-inside" in told


def test_a_rule_comes_before_the_classifiers_as_printed(printed: list[str]) -> None:
    (line,) = (line for line in printed if " route -c " in line)
    assert run(line).startswith("internal-financial-ai   rule bank-stays-inside   ")
    assert json.loads(run(line.replace(" route -c ", " route --json -c ")))["encoder"] is None


def test_the_audit_log_is_shown_as_printed(demo: Gateway, printed: list[str]) -> None:
    (line,) = (line for line in printed if " audit show " in line)
    assert "started" in run(line, XDG_STATE_HOME=str(demo.log.parent))


def test_embeddings_and_models_work(demo: Gateway) -> None:
    sdk = demo.sdk()
    assert len(sdk.embeddings.create(model="embedding", input="hello").data[0].embedding) == 256
    assert "search-enabled" in {model.id for model in sdk.models.list()}


@pytest.mark.parametrize("verb", ["check", "test"])
def test_the_configuration_passes_its_own_checks(verb: str) -> None:
    run(shlex.join([sys.executable, "-m", "waypost.cli", verb, "-c", str(waypost.demo.config_path())]))


CODE = "Write a Python function that reverses a linked list."


def ask(demo: Gateway, text: str, **more: Any) -> Any:
    turn: Any = [{"role": "user", "content": text}]
    create = demo.sdk().chat.completions.with_raw_response.create
    return create(model="auto", messages=turn, **more)


@pytest.mark.parametrize("mark", ["500", "529", "html", "reset", "context"])
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_what_fails_before_the_first_word_goes_to_the_next_model(
    demo: Gateway, mark: str, *, stream: bool
) -> None:
    ask(demo, CODE)  # who answers in between does not keep failing, and is asked first
    raw = ask(demo, f"{CODE} [[fault @anthropic {mark}]]", stream=stream)
    assert (raw.headers["x-waypost-attempts"], raw.headers["x-waypost-model"]) == ("2", "maths")
    answer = raw.parse()
    if stream:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)
    else:
        text = answer.choices[0].message.content
    assert text.startswith("gemini-3-pro at the demo provider 'gemini'")


@pytest.mark.parametrize("mark", ["401", "quota", "429 retry-after=1"])
def test_a_key_that_is_refused_rests_and_is_asked_again(demo: Gateway, mark: str) -> None:
    def attempts() -> str:
        return ask(demo, f"{CODE} [[fault @anthropic {mark}]]").headers["x-waypost-attempts"]

    demo.until(lambda: attempts() == "2", "the key has rested")
    raw = ask(demo, CODE)
    assert (raw.headers["x-waypost-attempts"], raw.headers["x-waypost-model"]) == ("1", "maths")
    demo.until(lambda: ask(demo, CODE).headers["x-waypost-model"] == "coder", "it is asked again")


@pytest.mark.parametrize("mark", ["error", "cut", "early", "garbage"])
@pytest.mark.parametrize(
    "text",
    ["Why is the sky blue?", CODE, "Where should we stay for a weekend in Porto?"],
    ids=["openai", "anthropic", "gemini"],
)
def test_what_fails_later_is_told_and_never_looks_whole(demo: Gateway, text: str, mark: str) -> None:
    raw = ask(demo, f"{text} [[fault {mark}]]", stream=True)
    chunks: list[Any] = []
    with pytest.raises((openai.APIError, json.JSONDecodeError)):
        chunks.extend(raw.parse())
    assert raw.headers["x-waypost-attempts"] == "1"
    assert all(choice.finish_reason is None for chunk in chunks for choice in chunk.choices)


@pytest.mark.parametrize("mark", ["split", "gzip", "slow"])
@pytest.mark.parametrize(
    "text", [CODE, "Where should we stay for a weekend in Porto?"], ids=["anthropic", "gemini"]
)
def test_what_is_only_odd_is_read(demo: Gateway, text: str, mark: str) -> None:
    chunks = list(ask(demo, f"{text} [[fault {mark}]]", stream=True, max_completion_tokens=30).parse())
    assert chunks[-1].choices[0].finish_reason in {"stop", "length"}


def test_an_exhausted_chain_is_an_error_of_the_clients_own_form(demo: Gateway) -> None:
    with pytest.raises(openai.InternalServerError):
        ask(demo, f"{CODE} [[fault 529]]")
    with anthropic.Anthropic(base_url=demo.url, api_key="unused", max_retries=0) as sdk:
        turn: Any = [{"role": "user", "content": f"{CODE} [[fault 529]]"}]
        with pytest.raises(anthropic.APIStatusError) as caught:
            sdk.messages.create(model="auto", max_tokens=500, messages=turn)
    assert caught.value.status_code >= 500


@pytest.mark.parametrize("model", ["general", "maths", "travel-guide", "coder", "writer", "chat"])
def test_the_sdk_of_anthropic_streams_calls_of_tools_from_every_provider(demo: Gateway, model: str) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    asked: Any = {
        "model": model,
        "max_tokens": 3000,
        "tools": [
            {"name": "weather", "input_schema": schema},
            {"name": "clock", "input_schema": {"type": "object"}},
        ],
        "messages": [{"role": "user", "content": "Please call weather and clock."}],
    }
    with anthropic.Anthropic(base_url=demo.url, api_key="unused", max_retries=0) as sdk:
        with sdk.messages.stream(**asked) as stream:
            answer = stream.get_final_message()
        calls = [block for block in answer.content if block.type == "tool_use"]
        assert [(call.name, call.input) for call in calls] == [("weather", {"city": "demo"}), ("clock", {})]
        assert answer.stop_reason == "tool_use"
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": "fine"} for call in calls]
        turns = [{"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
        again = sdk.messages.create(**{**asked, "messages": [*asked["messages"], *turns]})
    assert again.content[-1].text.endswith("and answers.")
