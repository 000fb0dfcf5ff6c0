"""No request of a boundary rule outside its zone: explicit models, failover, failures and images included."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.strategies import random_policies, requests
from tests.properties.test_journey import Encoder, encoders, everything
from waypost.decision.engine import EXPLICIT, Block, Respond, Route
from waypost.decision.expr import evaluate
from waypost.envoy.resources import longest_chain
from waypost.journey import Answer, Forward, Refuse, known_model, route
from waypost.policy import Policy
from waypost.providers.chain import MAX_CHAIN
from waypost.request.chat import ChatRequest
from waypost.testing.playbook import drive

# A hole needs a rule, a failure, a zone and a name to meet: a hundred examples are too few to find it.
often = settings(max_examples=300)


@often
@given(random_policies(), requests, encoders, st.data())
def test_no_walk_along_the_chain_leaves_the_boundary(
    policy: Policy, request: ChatRequest, encoder: Encoder, data: st.DataObject
) -> None:
    outcome = drive(route(policy, request), encoder)
    action = outcome.decision.rule.action
    if isinstance(outcome, Forward):
        assert isinstance(action, Route)
        chain = outcome.selection.chain
        failing = data.draw(st.sets(st.sampled_from(chain)))
        tried = []
        for endpoint in chain:  # Envoy's walk: the next one as long as this one fails
            tried.append(endpoint)
            if endpoint not in failing:
                break
        if action.boundary is not None:
            assert {endpoint.zone for endpoint in tried} <= action.boundary
        if outcome.selection.boundary is not None:
            assert {endpoint.zone for endpoint in chain} <= outcome.selection.boundary


@often
@given(random_policies(), requests, encoders)
def test_the_boundary_on_record_is_never_wider_than_the_rule(
    policy: Policy, request: ChatRequest, encoder: Encoder
) -> None:
    outcome = drive(route(policy, request), encoder)
    action = outcome.decision.rule.action
    if isinstance(outcome, Forward) and isinstance(action, Route) and action.boundary is not None:
        assert outcome.selection.boundary is not None
        assert outcome.selection.boundary <= action.boundary


@often
@given(random_policies(), requests, encoders)
def test_the_first_block_or_boundary_that_may_hold_governs_a_named_model(
    policy: Policy, request: ChatRequest, encoder: Encoder
) -> None:
    named = policy.endpoints.get(request.model)
    if named is None:
        return
    answers = everything(policy, down=encoder.down)
    outcome = drive(route(policy, request), encoder)
    governing = next(
        (r for r in policy.rules[:-1] if r.binds_explicit and evaluate(r.when, answers) is not False), None
    )
    if governing is None:
        assert isinstance(outcome, Forward)
        assert outcome.decision.rule.name == EXPLICIT
        assert outcome.selection.chain == (named,)
        return
    assert outcome.decision.rule == governing
    if isinstance(governing.action, Block):
        assert isinstance(outcome, Refuse)
        return
    assert isinstance(governing.action, Route)
    boundary = governing.action.boundary
    assert boundary is not None
    if isinstance(outcome, Forward):
        assert {endpoint.zone for endpoint in outcome.selection.chain} <= boundary
        assert outcome.selection.boundary is not None
        if named.zone in outcome.selection.boundary:
            assert outcome.selection.chain == (named,)
        else:
            assert governing.action.on_explicit == "reroute"
    elif isinstance(outcome, Refuse):
        own = [name for name in governing.action.endpoints if policy.endpoints[name].zone in boundary]
        is_strict = governing.action.on_explicit == "refuse"
        assert is_strict or not own or outcome.decision.failed_closed


@given(random_policies(), requests, encoders)
def test_a_block_in_front_is_never_softened(policy: Policy, request: ChatRequest, encoder: Encoder) -> None:
    outcome = drive(route(policy, request), encoder)
    if isinstance(outcome.decision.rule.action, Block):
        assert isinstance(outcome, Refuse)


@given(random_policies(), requests, encoders)
def test_a_fixed_answer_reaches_only_requests_that_name_no_model(
    policy: Policy, request: ChatRequest, encoder: Encoder
) -> None:
    outcome = drive(route(policy, request), encoder)
    if isinstance(outcome, Answer):
        assert isinstance(outcome.decision.rule.action, Respond)
        assert request.model in policy.auto_names


@given(random_policies(), requests, encoders)
def test_nobody_inside_means_503_and_not_somebody_outside(
    policy: Policy, request: ChatRequest, encoder: Encoder
) -> None:
    outcome = drive(route(policy, request), encoder)
    if isinstance(outcome, Forward):
        assert 1 <= len(outcome.selection.chain) <= len(outcome.leaving.targets)
        assert len(outcome.leaving.targets) <= longest_chain((policy,)) <= MAX_CHAIN
    elif isinstance(outcome, Refuse) and outcome.code == "no_endpoint_in_boundary":
        assert outcome.status == 503
        action = outcome.decision.rule.action
        assert isinstance(action, Route)
        assert action.boundary is not None


@given(random_policies(), requests)
def test_every_model_a_client_may_name_gets_an_outcome(policy: Policy, request: ChatRequest) -> None:
    assert known_model(policy, request.model)
    assert drive(route(policy, request), Encoder()).decision.rule.name


@often
@given(random_policies(), requests, encoders)
def test_an_unreadable_part_never_opens_a_wider_zone(
    policy: Policy, request: ChatRequest, encoder: Encoder
) -> None:
    """Whatever `unscannable` says, the rule that could not be ruled out keeps its own boundary."""
    outcome = drive(route(policy, request), encoder)
    action = outcome.decision.rule.action
    if outcome.decision.failed_closed and isinstance(outcome, Forward):
        assert isinstance(action, Route)
        assert action.boundary is not None
        assert all(endpoint.zone in action.boundary for endpoint in outcome.selection.chain)
