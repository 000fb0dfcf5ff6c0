import pytest

from waypost.journey import route
from waypost.needs import Ask, Encode
from waypost.signals.base import Encoded
from waypost.testing.playbook import Playbook, answered, drive, forwarded, refused
from waypost.testing.policies import chat, policy, route_to, rule
from waypost.testing.signals import FakeEncoder, Learned

HARD = Learned(head="complexity", label="hard")
MATH = Learned(head="domain", label="math")
POLICY = policy(
    {"gpt": "external", "onprem": "internal"},
    {"hard": HARD, "math": MATH},
    [rule("hard", "hard", route_to("onprem", inside="internal")), rule("math", "math", route_to("gpt"))],
)
BOTH = Encode(frozenset({"complexity", "domain"}))
EASY = Encoded({"complexity": {"hard": 0.1}, "domain": {"math": 0.2}})


def test_a_story_that_goes_as_told() -> None:
    outcome = (
        Playbook(POLICY, chat()).needs(BOTH).told(EASY).ends(forwarded("gpt", by="semantic_classification"))
    )
    assert outcome.decision.rule.name == "semantic_classification"


def test_another_ending_shows_the_story_and_both_lines() -> None:
    book = Playbook(POLICY, chat()).needs(BOTH).told(EASY)
    with pytest.raises(AssertionError) as error:
        book.ends(refused(403, by="hard"))
    lines = str(error.value).splitlines()
    assert lines[0] == "the journey took another road (- expected, + actual)"
    assert lines[1] == "  needs Encode complexity, domain"
    assert lines[2].startswith("  told  Encoded(")
    assert "- ends  refuse 403 blocked, by hard" in lines
    assert "+ ends  forward to gpt, by semantic_classification" in lines


def test_another_need_is_shown_beside_the_one_expected() -> None:
    with pytest.raises(AssertionError) as error:
        Playbook(POLICY, chat()).needs(Encode(frozenset({"pii"})))
    assert "- needs Encode pii" in str(error.value)
    assert "+ needs Encode complexity, domain" in str(error.value)


def test_an_ending_that_comes_too_early_is_shown() -> None:
    with pytest.raises(AssertionError, match="- ends  answer 'hello', by hours"):
        Playbook(POLICY, chat()).ends(answered("hello", by="hours"))


def test_an_answer_nobody_asked_for_is_shown() -> None:
    book = Playbook(POLICY, chat()).told(EASY)
    with pytest.raises(AssertionError, match="- needs an answer"):
        book.told(EASY)


def test_whatever_is_asked_may_be_answered_from_a_table() -> None:
    encoder = FakeEncoder({"complexity": {"hard": 0.9}, "domain": {}})
    Playbook(POLICY, chat()).told_by(encoder).ends(forwarded("onprem", by="hard"))
    assert encoder.passes == [BOTH.heads]


def test_a_journey_that_asks_nothing_is_told_nothing() -> None:
    encoder = FakeEncoder(down="must not be asked")
    Playbook(POLICY, chat(model="gpt")).told_by(FakeEncoder({"complexity": {"hard": 0.1}})).ends(
        forwarded("gpt", by="explicit_model")
    )
    free = policy({"gpt": "external"}, {}, [])
    Playbook(free, chat()).told_by(encoder).ends(forwarded("gpt", by="semantic_classification"))
    assert encoder.passes == []


def test_drive_answers_every_need_on_the_way() -> None:
    encoder = FakeEncoder({"complexity": {"hard": 0.9}, "domain": {"math": 0.0}})
    outcome = drive(route(POLICY, chat()), encoder)
    assert outcome.decision.rule.name == "hard"
    assert encoder.passes == [frozenset({"complexity", "domain"})]


def test_drive_passes_each_need_to_whoever_answers() -> None:
    seen: list[Ask[object]] = []

    def answer(need: Ask[object]) -> Encoded:
        seen.append(need)
        return EASY

    drive(route(POLICY, chat()), answer)
    assert seen == [BOTH]
