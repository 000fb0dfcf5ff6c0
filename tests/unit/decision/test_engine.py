import pytest

from waypost.decision.engine import (
    SEMANTIC,
    Block,
    Decision,
    Respond,
    Route,
    Rule,
    conclude,
)
from waypost.decision.expr import All, Any, Is, Not
from waypost.signals.base import Verdict
from waypost.testing.policies import route_to, rule
from waypost.testing.signals import NO, STRANGER, UNREADABLE, YES

DEFAULT = Rule(SEMANTIC, All(()), Route(("gpt",)))
INSIDE = route_to("onprem", inside="internal")
PLAIN = route_to("gpt")


def decision(rules: list[Rule], **verdicts: Verdict) -> Decision:
    return conclude([*rules, DEFAULT], verdicts)


def test_the_first_rule_that_holds_decides() -> None:
    rules = [rule("one", "a", PLAIN), rule("two", "b", INSIDE), rule("three", "b", PLAIN)]
    assert decision(rules, a=NO, b=YES).rule.name == "two"


def test_no_rule_holds() -> None:
    decided = decision([rule("one", "a", PLAIN)], a=NO)
    assert decided == Decision(DEFAULT, because="", rests_on=())


def test_rules_behind_a_rule_that_holds_need_no_answer() -> None:
    assert decision([rule("one", "a", PLAIN), rule("two", "b", INSIDE)], a=YES).rule.name == "one"


@pytest.mark.parametrize(
    ("action", "decides"),
    [(INSIDE, "one"), (Block(), "one"), (PLAIN, SEMANTIC), (Respond("hello"), SEMANTIC)],
    ids=["a boundary closes", "a block closes", "a plain route opens", "a fixed answer opens"],
)
@pytest.mark.parametrize("when", [Is("a"), Not(Is("a")), Any((Is("b"), Not(Is("a"))))])
def test_what_cannot_be_answered(action: Route | Block | Respond, decides: str, when: Is | Not | Any) -> None:
    decided = decision([rule("one", when, action)], a=UNREADABLE, b=NO)
    assert decided.rule.name == decides
    assert decided.failed_closed is (decides == "one")


def test_a_failed_answer_that_does_not_matter_closes_nothing() -> None:
    assert decision([rule("one", All((Is("a"), Is("b"))), INSIDE)], a=UNREADABLE, b=NO).rule.name == SEMANTIC
    decided = decision([rule("one", Any((Is("a"), Is("b"))), INSIDE)], a=UNREADABLE, b=YES)
    assert decided == Decision(decided.rule, "holds", ("b",), failed_closed=False)


class TestEvidence:
    def test_is_what_holds(self) -> None:
        found = Verdict("x", 1.0, "Contains 'x' keyword")
        decided = decision([rule("one", All((Is("a"), Not(Is("b")))), PLAIN)], a=found, b=NO)
        assert (decided.because, decided.rests_on) == ("Contains 'x' keyword", ("a",))

    def test_of_absences_is_every_answer(self) -> None:
        nothing = Verdict(None, 0.0, "no PII found")
        decided = decision([rule("one", Not(Any((Is("a"), Is("b")))), PLAIN)], a=NO, b=nothing)
        assert (decided.because, decided.rests_on) == ("does not hold; no PII found", ("a", "b"))

    def test_names_only_the_branch_that_holds(self) -> None:
        when = Any((All((Is("a"), Is("b"))), Is("c")))
        decided = decision([rule("one", when, PLAIN)], a=YES, b=NO, c=Verdict("c", 1.0, "c holds"))
        assert (decided.because, decided.rests_on) == ("c holds", ("c",))

    def test_names_an_answer_once(self) -> None:
        decided = decision([rule("one", All((Is("a"), Any((Is("b"), Is("a"))))), PLAIN)], a=YES, b=YES)
        assert (decided.because, decided.rests_on) == ("holds", ("a", "b"))

    def test_of_a_rule_that_failed_closed_is_what_could_not_be_answered(self) -> None:
        when = All((Is("a"), Any((Is("b"), Is("c")))))
        decided = decision([rule("one", when, INSIDE)], a=YES, b=NO, c=STRANGER)
        assert (decided.because, decided.rests_on) == (STRANGER.because, ("c",))

    def test_of_a_rule_without_conditions_is_empty(self) -> None:
        decided = decision([rule("always", All(()), PLAIN)])
        assert (decided.because, decided.rests_on) == ("", ())

    def test_never_counts_an_answer_nobody_gave(self) -> None:
        concluded = conclude([rule("one", All((Is("a"), Is("b"))), INSIDE), DEFAULT], {"b": STRANGER})
        assert (concluded.rests_on, concluded.failed_closed) == (("b",), True)


def test_blocks_and_boundaries_bind_a_named_model() -> None:
    actions = [Block(), INSIDE, PLAIN, Respond("hello")]
    assert [a for a in actions if rule("one", "a", a).binds_explicit] == [Block(), INSIDE]


def test_a_policy_without_a_default_is_a_bug_that_shows() -> None:
    with pytest.raises(AssertionError, match="must always hold"):
        conclude([rule("one", "a", PLAIN)], {"a": NO})


def test_a_category_binds_no_named_model_even_where_it_has_a_boundary() -> None:
    assert not Rule(SEMANTIC, Is("a"), INSIDE, category="law").binds_explicit


def test_a_category_that_cannot_be_told_is_skipped_and_the_default_decides() -> None:
    categories = [Rule(SEMANTIC, Is(name), PLAIN, category=name) for name in ("a", "b")]
    decided = decision(categories, a=UNREADABLE, b=UNREADABLE)
    assert (decided.rule, decided.rests_on) == (DEFAULT, ())
    assert decision(categories, a=NO, b=YES).rule.category == "b"
