from collections import Counter

import pytest

from tests.unit.train.fakes import row
from waypost.train.chat import asked_in_chat
from waypost.train.synth.draw import generator


def asked(text: str, count: int = 60, **labels: object) -> list[str]:
    rng = generator(1, "chat")
    given = row(text, "mmlu", domain="law", intent="knowledge_qa", difficulty=0.5, **labels)
    return [asked_in_chat(rng, given).text for _ in range(count)]


@pytest.mark.parametrize(
    ("stem", "topic"),
    [
        ("Which of the following best describes the doctrine of merger?", "the doctrine of merger"),
        ("Which of the following statements about osmosis is true?", "osmosis"),
        ("Which of the following is not true of the Krebs cycle?", "the Krebs cycle"),
        ("Which one of the following is an example of a public good?", "a public good"),
        ("What is meant by sunk cost?", "sunk cost"),
        ("What does stare decisis mean?", "stare decisis"),
    ],
)
def test_a_topic_is_asked_about(stem: str, topic: str) -> None:
    found = Counter(asked(stem))
    assert len(found) > 10
    assert all(topic in text for text in found)
    about = [text for text in found if stem.lower().rstrip("?")[:12] not in text.lower()]
    assert not any("following" in text for text in about)
    assert f"explain {topic}" in found


def test_the_following_goes_with_the_options() -> None:
    texts = asked(
        "Which of the following acids has the lowest vapour pressure at room temperature?\nA. x\nB. y"
    )
    assert not any("following" in text or "A. x" in text for text in texts)
    assert any("what acids has" in text for text in texts)


def test_labels_that_no_longer_hold_become_unknown() -> None:
    rng = generator(2, "chat")
    sum_ = row("What is the sum of 3 and 4?", "mmlu", domain="math", intent="math_problem", difficulty=0.5)
    seen = {
        (found.intent, found.difficulty, "What is" in found.text or "what is" in found.text)
        for found in (asked_in_chat(rng, sum_) for _ in range(80))
    }
    assert seen == {(None, None, False), ("math_problem", 0.5, True)}
