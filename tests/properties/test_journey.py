"""The journey over random policies: one encoder pass at most, no needless question, one right decision."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.properties.strategies import BROKEN, GUARDS, guarded_policies, random_policies, requests
from waypost.decision.engine import GUARD, PII, Route, Rule, conclude
from waypost.decision.expr import evaluate, missing, signals_of
from waypost.guards.judge import Check
from waypost.journey import Forward, Outcome, Refuse, considered, route
from waypost.needs import Ask, Encode, Failed, Recall, Remembered
from waypost.policy import Policy
from waypost.providers.provider import Endpoint
from waypost.request.chat import ChatRequest
from waypost.signals.base import Encoded, Verdict
from waypost.testing.playbook import drive, ending
from waypost.testing.signals import NO, Fixed

HEADS: Mapping[str, Mapping[str, float]] = {"domain": {"math": 1.0}, "complexity": {"hard": 1.0}}


class Encoder:
    """Counts passes; gives what was asked for and nothing else, or is down."""

    def __init__(self, *, down: bool = False) -> None:
        self.down = down
        self.passes: list[frozenset[str]] = []

    def __call__(self, need: Ask[object]) -> Encoded | Failed | Remembered:
        if isinstance(need, Recall):
            return Remembered()
        assert isinstance(need, Encode)
        self.passes.append(need.heads)
        return Failed("down") if self.down else Encoded({name: HEADS[name] for name in need.heads})


encoders = st.builds(Encoder, down=st.booleans())


def fixed(policy: Policy) -> dict[str, Fixed]:
    return {name: signal for name, signal in policy.signals.items() if isinstance(signal, Fixed)}


def is_free(signal: Fixed) -> bool:
    """Whether its answer needs no encoder: it reads no head, or knows the answer early."""
    return not signal.reads or signal.hasty


def everything(policy: Policy, *, down: bool) -> dict[str, Verdict]:
    return {name: s.verdict if is_free(s) or not down else BROKEN for name, s in fixed(policy).items()}


@given(random_policies(), requests, encoders)
def test_at_most_one_encoder_pass_and_never_an_empty_one(
    policy: Policy, request: ChatRequest, encoder: Encoder
) -> None:
    drive(route(policy, request), encoder)
    assert len(encoder.passes) <= 1
    assert all(encoder.passes)


@given(random_policies(), requests, encoders)
def test_no_question_is_asked_twice(policy: Policy, request: ChatRequest, encoder: Encoder) -> None:
    drive(route(policy, request), encoder)
    assert all(len(signal.asked) <= 1 for signal in fixed(policy).values())


@given(random_policies(), requests)
def test_learned_signals_get_every_head_they_read_and_free_ones_get_none(
    policy: Policy, request: ChatRequest
) -> None:
    drive(route(policy, request), Encoder())
    for signal in fixed(policy).values():
        for encoded in signal.asked:
            if is_free(signal):
                assert encoded is None
            else:
                assert encoded is not None
                assert signal.reads <= encoded.heads.keys()


@given(random_policies(), requests, encoders)
def test_the_decision_is_the_one_that_full_knowledge_gives(
    policy: Policy, request: ChatRequest, encoder: Encoder
) -> None:
    outcome = drive(route(policy, request), encoder)
    full = conclude(considered(policy, request), everything(policy, down=encoder.down))
    assert outcome.decision.rule == full.rule
    assert outcome.decision.failed_closed is full.failed_closed


@given(random_policies(), requests)
def test_an_encoder_pass_is_made_while_the_decision_is_open(policy: Policy, request: ChatRequest) -> None:
    """With every free answer known, learned answers that could still change the rule are asked for."""
    encoder = Encoder()
    drive(route(policy, request), encoder)
    free = {name: s.verdict for name, s in fixed(policy).items() if is_free(s)}
    rules = considered(policy, request)
    roads: set[str] = set()
    learned = [name for name, s in fixed(policy).items() if not is_free(s)]
    for mask in range(2 ** len(learned)):
        told = {name: _answer(holds=bool(mask >> n & 1)) for n, name in enumerate(learned)}
        decision = conclude(rules, free | told)
        roads.add(decision.rule.name)
    if len(roads) > 1:
        assert encoder.passes


def _answer(*, holds: bool) -> Verdict:
    return Verdict("yes" if holds else None, float(holds), "told")


@given(random_policies(), requests)
def test_rules_of_free_questions_in_front_of_the_decision_need_no_encoder(
    policy: Policy, request: ChatRequest
) -> None:
    encoder = Encoder()
    outcome = drive(route(policy, request), encoder)
    if encoder.passes:
        heads: set[str] = set()
        for rule in considered(policy, request):
            names = [name for name in signals_of(rule.when) if not is_free(fixed(policy)[name])]
            heads |= {head for name in names for head in policy.signals[name].heads}
            if rule.name == outcome.decision.rule.name:
                break
        assert heads, "a pass was made although no rule up to the decision reads the encoder"


@given(random_policies(), requests)
def test_the_encoder_is_asked_only_for_what_stays_open_without_it(
    policy: Policy, request: ChatRequest
) -> None:
    encoder = Encoder()
    drive(route(policy, request), encoder)
    needed = {head for s in fixed(policy).values() if not is_free(s) for head in s.reads}
    assert all(heads <= needed for heads in encoder.passes)


@given(random_policies(), requests)
def test_verdicts_in_the_outcome_are_what_the_signals_said(policy: Policy, request: ChatRequest) -> None:
    outcome = drive(route(policy, request), Encoder())
    for name, signal in fixed(policy).items():
        if name in outcome.verdicts:
            assert outcome.verdicts[name] == signal.verdict
        else:
            assert not signal.asked


@given(random_policies(), requests, encoders)
def test_nothing_is_asked_behind_the_rule_that_settles_it(
    policy: Policy, request: ChatRequest, encoder: Encoder
) -> None:
    outcome = drive(route(policy, request), encoder)
    rules = considered(policy, request)
    free = {name: s.verdict for name, s in fixed(policy).items() if is_free(s)}
    known_by_then = names_up_to(conclude_free(rules, free), rules)
    decided = names_up_to(outcome.decision.rule, rules)
    for name, signal in fixed(policy).items():
        if signal.asked:
            assert name in (known_by_then if is_free(signal) else decided)


def conclude_free(rules: Sequence[Rule], free: Mapping[str, Verdict]) -> Rule:
    """The first rule that surely holds, or is bound to fail closed, whatever the encoder says."""
    return next(
        rule
        for rule in rules
        if (value := evaluate(rule.when, free))
        or (value is None and rule.on_error == "closed" and not list(missing(rule.when, free)))
    )


def names_up_to(last: Rule, rules: Sequence[Rule]) -> set[str]:
    upto = rules[: rules.index(last) + 1]
    return {name for rule in upto for name in signals_of(rule.when)}


# --- guards, choices and shapes beside the rules ----------------------------------------------------------


def decided(policy: Policy, request: ChatRequest, *, down: bool) -> Rule:
    """The rule that decides, whatever guards make of it."""
    return conclude(considered(policy, request), everything(policy, down=down)).rule


def may_leave(policy: Policy, check: Check, endpoint: Endpoint, *, down: bool) -> bool:
    """Whether one guard lets an endpoint have the request, told from the answers alone."""
    verdict = everything(policy, down=down)[check.signal]
    unscannable = policy.unscannable
    if (
        verdict.failed == "unscannable"
        and unscannable.action == "reroute"
        and endpoint.zone == unscannable.zone
    ):
        return True
    if check.action in {"block", "reroute"}:
        return verdict.holds is False
    return check.action == "annotate" or verdict.holds is not None


@given(guarded_policies(), requests, encoders)
def test_rules_guards_choice_and_shape_together_make_one_pass_at_most(
    policy: Policy, request: ChatRequest, encoder: Encoder
) -> None:
    drive(route(policy, request), encoder)
    assert len(encoder.passes) <= 1
    assert all(encoder.passes)


@given(guarded_policies(), requests, encoders)
def test_no_guard_is_skipped(policy: Policy, request: ChatRequest, encoder: Encoder) -> None:
    outcome = drive(route(policy, request), encoder)
    if not isinstance(outcome, Forward):
        return
    rule = decided(policy, request, down=encoder.down)
    assert outcome.decision.rule == rule
    heard = {(found.endpoint, found.guard, found.signal) for found in outcome.findings}
    for endpoint in outcome.selection.chain:
        for check in policy.checks(rule, endpoint):
            assert (endpoint.name, check.guard, check.signal) in heard
            assert may_leave(policy, check, endpoint, down=encoder.down)


@given(guarded_policies(), requests, encoders)
def test_what_a_guard_of_the_chain_wants_masked_or_told_is(
    policy: Policy, request: ChatRequest, encoder: Encoder
) -> None:
    outcome = drive(route(policy, request), encoder)
    if not isinstance(outcome, Forward):
        return
    asked = [c for e in outcome.selection.chain for c in policy.checks(outcome.decision.rule, e)]
    hits = {c.signal for c in asked if c.action == "annotate" and outcome.verdicts[c.signal].holds}
    assert hits <= set(outcome.risks)
    if any(c.action == "mask" and outcome.verdicts[c.signal].holds for c in asked):
        assert outcome.masked is not None


@given(guarded_policies(), requests, encoders)
def test_a_guard_refuses_only_for_what_it_did_not_answer_with_no(
    policy: Policy, request: ChatRequest, encoder: Encoder
) -> None:
    outcome = drive(route(policy, request), encoder)
    if isinstance(outcome, Refuse) and outcome.decision.rule.name in {PII, GUARD}:
        (name,) = outcome.decision.rests_on
        assert outcome.verdicts[name].holds is not False
        assert outcome.findings


@given(guarded_policies(), requests)
def test_guards_that_find_nothing_change_nothing(policy: Policy, request: ChatRequest) -> None:
    calm = {**policy.signals, **{name: Fixed(NO, policy.signals[name].heads) for name in GUARDS}}
    guards = {
        key: {name: tuple(c for c in found if c.signal in GUARDS) for name, found in by.items()}
        for key, by in policy.guards.items()
    }
    guarded = replace(policy, signals=calm, guards=guards)
    assert ends(guarded, request) == ends(replace(guarded, guards={}), request)


def ends(policy: Policy, request: ChatRequest) -> object:
    return ending(drive(route(policy, request), Encoder()))


@given(guarded_policies(), requests, encoders)
def test_nobody_is_asked_unless_a_rule_a_guard_a_choice_or_a_shape_must_know(
    policy: Policy, request: ChatRequest, encoder: Encoder
) -> None:
    """So a rule of keywords without guards asks nobody, whatever stands beside it."""
    drive(route(policy, request), encoder)
    if not encoder.passes:
        return
    rule = decided(policy, request, down=encoder.down)
    names = names_up_to(rule, considered(policy, request))
    choosing = policy.choices.get(rule.key)
    heads = policy.shape(rule).heads | (choosing.method.heads if choosing else frozenset())
    if isinstance(rule.action, Route):
        own = [c for name in rule.action.endpoints for c in policy.checks(rule, policy.endpoints[name])]
        named = policy.endpoints.get(request.model)
        own += policy.checks(rule, named) if named else ()
        # Only where one of the chain has a guard, others are thought of that may stand in for it.
        own += [c for e in policy.endpoints.values() for c in policy.checks(rule, e)] if own else []
        own += unread(policy, rule)
        names |= {check.signal for check in own}
    learned = {name for name in names if fixed(policy)[name].reads}
    assert learned or heads


def unread(policy: Policy, rule: Rule) -> list[Check]:
    """Guards of a zone that gets what nobody can read, in place of the chain of the rule."""
    zone = policy.unscannable.zone if policy.unscannable.action == "reroute" else None
    return [c for e in policy.endpoints.values() if e.zone == zone for c in policy.checks(rule, e)]


@given(guarded_policies(), requests, encoders)
def test_guards_change_no_decision_of_a_rule(policy: Policy, request: ChatRequest, encoder: Encoder) -> None:
    outcome: Outcome = drive(route(policy, request), encoder)
    if outcome.decision.rule.name not in {PII, GUARD}:
        assert outcome.decision.rule == decided(policy, request, down=encoder.down)
