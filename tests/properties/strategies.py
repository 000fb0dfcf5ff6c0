"""Random rules, verdicts and policies. Small on purpose: few names make rules meet."""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import strategies as st

from waypost.decision.engine import Action, Block, Respond, Route, Rule
from waypost.decision.expr import All, Any, Expr, Is, Not
from waypost.guards.judge import Check
from waypost.mutations.shape import Shape
from waypost.mutations.target import Use
from waypost.policy import Policy, Unscannable
from waypost.request.chat import ChatRequest
from waypost.selection.base import Candidate
from waypost.selection.cheapest_above import CheapestAbove
from waypost.selection.choosing import Choosing
from waypost.selection.scored import Scored
from waypost.selection.static import Static
from waypost.selection.sticky import Sticky
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
    made = policies.policy(
        ENDPOINTS, signals, draw(rule_lists()), default=default, unscannable=draw(unscannables)
    )
    fallbacks = draw(st.lists(st.sampled_from(tuple(ENDPOINTS)), unique=True, max_size=2))
    return replace(made, fallbacks=tuple(fallbacks))


requests: st.SearchStrategy[ChatRequest] = st.builds(
    policies.chat, model=st.sampled_from(["auto", "MoM", *ENDPOINTS])
)


GUARDS = ("g", "h", "i")
"""Questions that only guards ask; guards may ask those of rules as well."""

guard_names = st.sampled_from(["pii", "prompt_guard"])
bars = st.sampled_from(["block", "reroute"])
checks = st.builds(
    lambda guard, signal, action: Check(
        guard, signal, action if guard == "pii" or action != "mask" else "annotate"
    ),
    guard_names,
    st.sampled_from([*GUARDS, "a", "b"]),
    bars | st.sampled_from(["mask"]),
)
levels = st.dictionaries(st.sampled_from(tuple(ENDPOINTS)), st.lists(checks, max_size=2).map(tuple))


@st.composite
def guarded_policies(draw: st.DrawFn) -> Policy:
    """Random policies with guards of all rules and of single ones; choices and shapes may ask for more."""
    made = draw(random_policies())
    questions = {
        name: Fixed(
            draw(answers), draw(st.frozensets(st.sampled_from(HEADS), max_size=2)), hasty=draw(st.booleans())
        )
        for name in GUARDS
    }
    signals: Mapping[str, Signal] = {**made.signals, **questions}
    keys = [rule.key for rule in made.rules]
    guards = {"": draw(levels)} | draw(st.dictionaries(st.sampled_from(keys), levels, max_size=2))
    asked = {check.signal for by in guards.values() for found in by.values() for check in found}
    choices = {
        rule.key: Choosing(
            tuple(Candidate(made.endpoints[name]) for name in rule.action.endpoints),
            draw(st.sampled_from([Static(), Scored(), CheapestAbove()])),
            draw(st.sampled_from([None, Sticky()])),
        )
        for rule in made.rules
        if isinstance(rule.action, Route) and draw(st.booleans())
    }
    shapes = {
        key: Shape(uses={"e1": Use("auto")}) for key in keys if draw(st.sampled_from([False, False, True]))
    }
    reads = frozenset().union(
        *(choice.method.heads for choice in choices.values()), *(shape.heads for shape in shapes.values())
    )
    return replace(
        made,
        signals=signals,
        guards=guards,
        default_model=draw(st.sampled_from([None, *ENDPOINTS])),
        learned_guards=tuple(sorted(name for name in asked if signals[name].heads)),
        choices=choices,
        shapes=shapes,
        reads=reads,
    )
