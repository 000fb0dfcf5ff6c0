"""A bank lets its staff use a cloud model, but what is confidential is answered on its own machines.

The promise is not "usually": whatever fails, whatever model the client names, wherever in the request the
words stand, nothing that a rule with a boundary claims reaches a provider outside its zone.
"""

import pytest

from tests.scenarios.story import embeds, policy, says, sends
from waypost.journey import Forward
from waypost.request.chat import ChatRequest
from waypost.testing.playbook import Playbook, forwarded

BANK = policy("""
providers:
  onprem: {kind: vllm, base_url: "http://10.0.0.5:8000/v1", zone: internal}
  spare: {kind: vllm, base_url: "http://10.0.0.6:8000/v1", zone: internal}
  openai: {kind: openai, api_key: from-the-vault}
models:
  internal-financial-ai: {provider: onprem, name: qwen3-32b}
  internal-spare-ai: {provider: spare, name: qwen3-14b}
  gpt: {provider: openai, name: gpt-4o}
keywords:
  trading: [trading, strategy, portfolio, "wire transfer"]
routing_rules:
  - name: financial-confidential
    owner: compliance-team@example.com
    business_justification: Bank secrecy, policy 12
    conditions:
      - {type: keyword_match, keywords: [internal, confidential, account], lists: [trading]}
    action:
      type: route
      endpoints: [internal-financial-ai, internal-spare-ai]
      boundary: internal
      reasoning: Contains confidential financial terminology - must stay on-premise
default_model: gpt
""")

INSIDE = forwarded("internal-financial-ai", "internal-spare-ai", by="financial-confidential")
OUTSIDE = forwarded("gpt", by="semantic_classification")


def test_a_question_about_accounts_is_answered_inside() -> None:
    outcome = Playbook(BANK, says("How do I access internal account procedures?")).ends(INSIDE)
    assert outcome.decision.because == "Contains 'internal' and 'account' keywords"
    assert outcome.decision.rule.owner == "compliance-team@example.com"


def test_a_question_about_the_weather_may_go_to_the_cloud() -> None:
    Playbook(BANK, says("What's the weather like today?")).ends(OUTSIDE)


def test_when_the_first_machine_is_down_the_second_one_inside_answers_and_then_nobody() -> None:
    outcome = Playbook(BANK, says("our trading strategy")).ends(INSIDE)
    assert isinstance(outcome, Forward)
    assert {endpoint.zone for endpoint in outcome.selection.chain} == {"internal"}
    assert outcome.selection.boundary == {"internal"}


@pytest.mark.parametrize(
    "text",
    [
        "CONFIDENTIAL",
        "Confidential.",
        "(confidential)",
        "con\u200bfidential",
        "con\u00adfidential",
        "".join(chr(ord(c) + 0xFEE0) for c in "confidential"),
        "wire\n\n   transfer",
        "wire\u00a0transfer",
        "the *wire transfer* of today",
    ],
)
def test_spelling_it_differently_does_not_help(text: str) -> None:
    Playbook(BANK, says(text)).ends(INSIDE)


@pytest.mark.parametrize("text", ["accountability", "internalise", "transfer by wire", "unconfidential"])
def test_words_that_only_contain_a_keyword_are_other_words(text: str) -> None:
    Playbook(BANK, says(text)).ends(OUTSIDE)


def test_asking_for_the_cloud_by_name_does_not_help() -> None:
    Playbook(BANK, says("Summarise our trading strategy", model="gpt")).ends(INSIDE)


def test_a_model_inside_may_be_asked_for_by_name() -> None:
    request = says("Summarise our trading strategy", model="internal-spare-ai")
    Playbook(BANK, request).ends(forwarded("internal-spare-ai", by="financial-confidential"))


def test_any_model_may_be_asked_for_by_name_when_nothing_is_confidential() -> None:
    Playbook(BANK, says("Tell me a joke", model="gpt")).ends(forwarded("gpt", by="explicit_model"))


HELLO = {"role": "user", "content": "hello"}


@pytest.mark.parametrize(
    "request_with_a_secret",
    [
        pytest.param(sends({"role": "system", "content": "confidential"}, HELLO), id="system prompt"),
        pytest.param(sends({"role": "developer", "content": "confidential"}, HELLO), id="developer prompt"),
        pytest.param(sends({"role": "assistant", "content": "confidential"}, HELLO), id="earlier answer"),
        pytest.param(
            sends(HELLO, {"role": "tool", "tool_call_id": "c1", "content": "confidential"}), id="tool result"
        ),
        pytest.param(
            sends(
                HELLO,
                {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "f", "arguments": '{"a": "confidential"}'},
                        }
                    ],
                },
            ),
            id="tool arguments",
        ),
        pytest.param(
            sends(
                HELLO,
                {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "f", "arguments": '{"a": "\\u0063onfidential"}'},
                        }
                    ],
                },
            ),
            id="tool arguments with JSON escapes",
        ),
        pytest.param(
            sends(
                HELLO, tools=[{"type": "function", "function": {"name": "f", "description": "confidential"}}]
            ),
            id="tool description",
        ),
        pytest.param(
            sends(
                HELLO,
                tools=[
                    {
                        "type": "function",
                        "function": {
                            "name": "f",
                            "parameters": {"type": "object", "properties": {"confidential": {}}},
                        },
                    }
                ],
            ),
            id="parameter name of a tool",
        ),
        pytest.param(sends(HELLO, metadata={"project": "confidential"}), id="metadata"),
        pytest.param(sends(HELLO, metadata={"confidential": "1"}), id="key of metadata"),
        pytest.param(sends(HELLO, user="confidential"), id="user"),
        pytest.param(sends(HELLO, stop=["confidential"]), id="stop sequence"),
        pytest.param(sends(HELLO, documents=[{"text": "confidential"}]), id="a field nobody knows"),
        pytest.param(
            sends({"role": "user", "content": "hello", "name": "confidential"}), id="name of the speaker"
        ),
        pytest.param(
            says([{"type": "text", "text": "hello"}, {"type": "text", "text": "confidential"}]),
            id="second part",
        ),
        pytest.param(embeds("hello", "confidential"), id="text to embed"),
    ],
)
def test_it_does_not_matter_where_in_the_request_the_word_stands(request_with_a_secret: ChatRequest) -> None:
    Playbook(BANK, request_with_a_secret).ends(INSIDE)
