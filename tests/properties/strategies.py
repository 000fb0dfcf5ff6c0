"""Random rules, verdicts and policies. Small on purpose: few names make rules meet."""

from collections.abc import Mapping

from hypothesis import strategies as st

from waypost.decision.engine import Action, Block, Respond, Route, Rule
from waypost.decision.expr import All, Any, Expr, Is, Not
from waypost.policy import Policy, Unscannable
from waypost.request.chat import ChatRequest
from waypost.signals.base import Signal, Verdict
from waypost.testing import policies
from waypost.testing.signals import NO, STRANGER, UNREADABLE, YES, Fixed

SIGNALS = tuple("abcdef")
ZONES = ("internal", "vault", "external")
ENDPOINTS = {"e1": "external", "i1": "internal", "v1": "vault", "e2": "external", "i2": "internal"}
HEADS = ("domain", "complexity")

BROKEN = Verdict(None, 0.0, "the encoder is down", failed="engine")

exprs: st.SearchStrategy[Expr] = st.recursive(
    st.sampled_from(SIGNALS).map(Is),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, max_size=3).map(lambda found: All(tuple(found))),
        st.lists(inner, max_size=3).map(lambda found: Any(tuple(found))),
    ),
    max_leaves=4,
)

answers = st.sampled_from([YES, NO, UNREADABLE, UNREADABLE, STRANGER, BROKEN])
clear_answers = st.sampled_from([YES, NO])

all_answers = st.fixed_dictionaries(dict.fromkeys(SIGNALS, answers))
some_answers = st.dictionaries(st.sampled_from(SIGNALS), answers)

inside = st.frozensets(st.sampled_from(ZONES), min_size=1, max_size=2)
boundaries = st.none() | inside | inside
chains = st.lists(st.sampled_from(tuple(ENDPOINTS)), min_size=1, max_size=4, unique=True).map(tuple)

routes = st.builds(
    Route, endpoints=chains, boundary=boundaries, on_explicit=st.sampled_from(["reroute", "refuse"])
)
actions: st.SearchStrategy[Action] = st.one_of(
    routes, routes, st.just(Block()), st.just(Respond("a fixed answer"))
)


@st.composite
def rule_lists(draw: st.DrawFn, *, max_size: int = 4) -> tuple[Rule, ...]:
    """Rules as the compiler makes them, without the default."""
    count = draw(st.integers(0, max_size))
    return tuple(policies.rule(f"rule {n}", draw(exprs), draw(actions)) for n in range(count))


@st.composite
def signal_tables(draw: st.DrawFn) -> Mapping[str, Fixed]:
    """Every signal with its answer; some read an encoder head, some of these know the answer before."""
    return {
        name: Fixed(
            draw(answers), draw(st.frozensets(st.sampled_from(HEADS), max_size=2)), hasty=draw(st.booleans())
        )
        for name in SIGNALS
    }


unscannables = st.builds(
    Unscannable,
    action=st.sampled_from(["reroute", "reroute", "reroute", "close", "block", "allow"]),
    zone=st.sampled_from([*ZONES, "nowhere"]),
)


@st.composite
def random_policies(draw: st.DrawFn) -> Policy:
    """Any policy the compiler could make, and some it would refuse: endpoints outside their boundary."""
    signals: Mapping[str, Signal] = draw(signal_tables())
    default = draw(routes | st.just(Respond("no rule matched")))
    return policies.policy(
        ENDPOINTS, signals, draw(rule_lists()), default=default, unscannable=draw(unscannables)
    )


requests: st.SearchStrategy[ChatRequest] = st.builds(
    policies.chat, model=st.sampled_from(["auto", "MoM", *ENDPOINTS])
)
