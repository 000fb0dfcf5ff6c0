import pytest

from waypost.configurable import schema
from waypost.signals.registry import BUILT_IN


@pytest.mark.parametrize("kind", BUILT_IN)
def test_a_condition_type_is_called_the_same_everywhere(kind: str) -> None:
    assert BUILT_IN[kind].kind == kind


def test_every_condition_type_has_a_schema_of_its_own() -> None:
    titles = [schema(signal)["title"] for signal in BUILT_IN.values()]
    assert len(set(titles)) == len(BUILT_IN)


def test_what_the_encoder_answers_is_there_as_conditions() -> None:
    learned = {"domain", "intent", "complexity", "jailbreak_detection", "pii_detection", "similarity"}
    assert learned | {"language"} <= BUILT_IN.keys()
    assert "category" not in BUILT_IN, "categories are made of `categories`"


def test_the_types_of_the_rule_format_are_there() -> None:
    assert {
        "keyword_match",
        "regex_match",
        "pii_detection",
        "context_length",
        "conversation",
        "metadata",
    } <= BUILT_IN.keys()
