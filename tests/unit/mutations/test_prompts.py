from collections.abc import Sequence

import pytest

from waypost.mutations.prompts import AUTO, LABELS, meant, read
from waypost.signals.labels import DOMAINS, INTENTS


def written(domains: Sequence[str] = DOMAINS, intents: Sequence[str] = INTENTS, text: str = "x") -> str:
    names = [*(("domain", name) for name in domains), *(("intent", name) for name in intents)]
    return "\n".join(f'[{kind}."{name}"]\ntext = """{text}"""' for kind, name in names)


@pytest.mark.parametrize(
    ("builtin", "labels", "label"),
    [
        (AUTO, ("law",), "law"),
        (AUTO, (), None),
        (AUTO, ("law", "math"), None),
        ("math", ("law",), "math"),
        ("computer_science", (), "computer science"),
        ("Code-Debugging", (), "code_debugging"),
        ("poetry", (), None),
        ("", ("law",), None),
    ],
)
def test_what_a_name_means(builtin: str, labels: tuple[str, ...], label: str | None) -> None:
    assert meant(builtin, labels) == label


def test_no_intent_is_called_like_a_domain() -> None:
    assert len(set(LABELS)) == len(DOMAINS) + len(INTENTS)
    assert AUTO not in LABELS


def test_there_is_one_for_every_label() -> None:
    prompts = read(written(text="Show\n  each step."))
    assert tuple(prompts) == LABELS
    assert set(prompts.values()) == {"Show each step."}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (written(domains=DOMAINS[1:]), "domain.*biology"),
        (written(intents=()), "intent.*analysis"),
        (written(domains=[*DOMAINS, "poetry"]), "poetry"),
        (written(domains=[*DOMAINS, "summarization"]), "domain.*summarization"),
        (written(text=" \n"), "biology"),
        ("", "domain"),
        ("[domain", "Expected"),
    ],
)
def test_a_file_that_lacks_something(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        read(text)
