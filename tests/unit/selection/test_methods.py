import pytest

from waypost.providers.chain import MAX_CHAIN
from waypost.selection.base import Candidate, Facts, Live, Selection
from waypost.selection.canary import Canary
from waypost.selection.capabilities import Capabilities, Price, Profile
from waypost.selection.cheapest_above import CheapestAbove
from waypost.selection.figures import Limits
from waypost.selection.methods import METHODS, select
from waypost.selection.scored import Scored
from waypost.selection.static import Static
from waypost.selection.sticky import Sticky
from waypost.testing.policies import endpoints

KNOWN = endpoints({"a": "external", "b": "external", "i": "internal"})
INSIDE = frozenset({"internal"})


def candidate(name: str, score: float | None = None, profile: Profile | None = None) -> Candidate:
    return Candidate(KNOWN[name], profile or Profile(), score)


def names(selection: Selection) -> list[str]:
    return [endpoint.name for endpoint in selection.chain]


def eliminated(selection: Selection) -> dict[str, str]:
    return {each.endpoint: each.eliminated for each in selection.considered if each.eliminated}


BLIND = Profile(capabilities=Capabilities(images=False))
SMALL = Profile(context_window=1000)
DEAR = Profile(price=Price(input=100, output=100))


def test_methods_are_found_by_the_type_of_their_block() -> None:
    expected = {"static": Static, "scored": Scored, "cheapest_above": CheapestAbove, "canary": Canary}
    assert expected == METHODS


def test_the_best_is_first_and_the_others_follow_by_score() -> None:
    selection = select(
        Static(), [candidate("a", 0.2), candidate("b", 0.9), candidate("i", 0.5)], Facts(), None
    )
    assert names(selection) == ["b", "i", "a"]
    assert [(each.endpoint, each.score) for each in selection.considered] == [
        ("a", 0.2),
        ("b", 0.9),
        ("i", 0.5),
    ]
    assert selection.because == "scores and order of the rule: 'b'"


def test_without_scores_and_among_equal_ones_the_order_of_the_rule_counts() -> None:
    assert names(select(Static(), [candidate("b"), candidate("a")], Facts(), None)) == ["b", "a"]
    assert names(select(Static(), [candidate("b", 1), candidate("a", 1)], Facts(), None)) == ["b", "a"]


def test_a_boundary_keeps_the_best_out() -> None:
    selection = select(Static(), [candidate("a", 0.9), candidate("i", 0.1)], Facts(), INSIDE)
    assert names(selection) == ["i"]
    assert selection.boundary == INSIDE
    assert eliminated(selection) == {"a": "lies in zone 'external', outside the boundary"}


def test_nobody_inside_is_not_the_fault_of_the_request() -> None:
    selection = select(Static(), [candidate("a"), candidate("b", profile=BLIND)], Facts(), INSIDE)
    assert selection.chain == ()
    assert selection.lacks == ()
    assert selection.because.startswith("no candidate can serve it: 'a' lies in zone")


def test_no_candidates_at_all() -> None:
    assert select(Scored(), [], Facts(), None) == Selection((), None, "no candidate")


def test_who_lacks_something_is_out_and_who_is_unknown_is_not() -> None:
    facts = Facts(needs=frozenset({"images"}))
    selection = select(Static(), [candidate("a", 0.9, BLIND), candidate("b", 0.1)], facts, None)
    assert names(selection) == ["b"]
    assert eliminated(selection) == {"a": "lacks images"}
    assert selection.considered[1].unknown == ("images", "context_window")


def test_where_everybody_lacks_something_it_is_named() -> None:
    facts = Facts(prompt_tokens=5000, needs=frozenset({"images"}))
    selection = select(Static(), [candidate("a", profile=BLIND), candidate("b", profile=SMALL)], facts, None)
    assert selection.lacks == ("images", "context_window")
    assert selection.because == (
        "no candidate can serve it: 'a' lacks images; 'b' takes 1000 tokens, about 5000 are needed"
    )


def test_only_those_inside_say_what_is_lacking() -> None:
    facts = Facts(prompt_tokens=5000, needs=frozenset({"images"}))
    selection = select(
        Static(), [candidate("i", profile=BLIND), candidate("b", profile=SMALL)], facts, INSIDE
    )
    assert selection.lacks == ("images",)


def test_a_limit_of_the_operator_is_not_lacking() -> None:
    method = Scored(limits=Limits(max_price_usd=1))
    facts = Facts(needs=frozenset({"images"}))
    selection = select(method, [candidate("a", 1, DEAR), candidate("b", 1, BLIND)], facts, None)
    assert selection.chain == ()
    assert selection.lacks == ()
    assert eliminated(selection)["a"].startswith("costs 100 USD per million tokens")


def test_limits_on_live_figures_never_leave_nobody() -> None:
    method = Scored(limits=Limits(max_error_rate=0.1))
    down = Live(1.0, 0.9, 50, 300.0)
    both = [candidate("a", 0.9), candidate("b", 0.8)]
    one = select(method, both, Facts(live={"a": down}), None)
    assert names(one) == ["b"]
    assert eliminated(one) == {"a": "fails 90% of attempts, limit 10%"}
    none = select(method, both, Facts(live={"a": down, "b": down}), None)
    assert names(none) == ["a", "b"]
    assert eliminated(none) == {}
    assert none.because.endswith("; limits on live figures would leave nobody and are ignored")


def test_those_back_in_favour_are_none_that_lack_something() -> None:
    method = Scored(limits=Limits(max_error_rate=0.1))
    down = Live(1.0, 0.9, 50, 300.0)
    facts = Facts(needs=frozenset({"images"}), live={"a": down})
    assert names(select(method, [candidate("a"), candidate("b", profile=BLIND)], facts, None)) == ["a"]


def test_an_endpoint_named_twice_stands_in_the_chain_once_where_it_is_better() -> None:
    twice = [candidate("a", 0.3), candidate("b", 0.5), candidate("a", 0.9)]
    selection = select(Static(), twice, Facts(), None)
    assert names(selection) == ["a", "b"]
    assert [each.eliminated for each in selection.considered] == [
        "is listed twice, the other entry is better",
        "",
        "",
    ]


def test_the_chain_is_as_long_as_envoy_walks() -> None:
    many = endpoints({f"e{n}": "external" for n in range(MAX_CHAIN + 2)})
    selection = select(Static(), [Candidate(e) for e in many.values()], Facts(), None)
    assert len(selection.chain) == MAX_CHAIN
    assert set(eliminated(selection).values()) == {f"stands behind the first {MAX_CHAIN}"}


class TestSticky:
    BOTH = (candidate("a", 0.5), candidate("b", 0.58))

    def test_it_stays_within_the_margin(self) -> None:
        selection = select(Static(), self.BOTH, Facts(kept="a"), None, Sticky(margin=0.1))
        assert names(selection) == ["a", "b"]
        assert selection.considered[0].parts == {"kept": 0.1}
        assert selection.because.endswith("; the conversation stays with it")

    def test_it_changes_beyond_the_margin(self) -> None:
        selection = select(Static(), self.BOTH, Facts(kept="a"), None, Sticky(margin=0.05))
        assert names(selection) == ["b", "a"]
        assert selection.because.endswith("; the conversation leaves 'a'")

    def test_a_margin_of_nothing_still_settles_a_tie(self) -> None:
        equal = (candidate("a", 0.5), candidate("b", 0.5))
        assert names(select(Static(), equal, Facts(kept="b"), None, Sticky(margin=0))) == ["b", "a"]

    def test_without_scores_nothing_is_better_so_it_stays(self) -> None:
        plain = (candidate("a"), candidate("b"))
        assert names(select(Static(), plain, Facts(kept="b"), None, Sticky())) == ["b", "a"]

    def test_who_is_not_sticky_remembers_nothing(self) -> None:
        selection = select(Static(), self.BOTH, Facts(kept="a", in_tool_loop=True), None)
        assert names(selection) == ["b", "a"]
        assert "conversation" not in selection.because

    def test_in_a_tool_loop_no_score_and_no_limit_counts(self) -> None:
        method = Scored(limits=Limits(max_price_usd=1, max_error_rate=0.1))
        facts = Facts(kept="a", in_tool_loop=True, live={"a": Live(9.0, 0.9, 50, 300.0)})
        selection = select(method, [candidate("a", 0.0, DEAR), candidate("b", 1.0)], facts, None, Sticky())
        assert names(selection) == ["a", "b"]

    @pytest.mark.parametrize(
        ("kept", "boundary", "told"),
        [
            (candidate("a", 1, BLIND), None, "which lacks images"),
            (candidate("a", 1), INSIDE, "which lies in zone 'external', outside the boundary"),
        ],
    )
    def test_a_tool_loop_never_widens_what_is_allowed(
        self, kept: Candidate, boundary: frozenset[str] | None, told: str
    ) -> None:
        facts = Facts(kept="a", in_tool_loop=True, needs=frozenset({"images"}))
        selection = select(Static(), [kept, candidate("i", 0)], facts, boundary, Sticky())
        assert names(selection) == ["i"]
        assert selection.because.endswith(f"the conversation leaves 'a', {told}")

    def test_a_model_of_another_rule_is_not_brought_along(self) -> None:
        selection = select(Static(), self.BOTH, Facts(kept="i", in_tool_loop=True), None, Sticky())
        assert names(selection) == ["b", "a"]
        assert selection.because.endswith("the conversation leaves 'i', which is no candidate here")
