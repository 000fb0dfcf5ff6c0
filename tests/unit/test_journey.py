import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any as Anything

import pytest

from waypost.asking import need_of
from waypost.decision.engine import EXPLICIT, SEMANTIC, Block, Respond, Route, Rule
from waypost.decision.expr import All, Any, Is
from waypost.dialects.openai_chat import parse
from waypost.guards.judge import Check, GuardName
from waypost.journey import Forward, Outcome, Refuse, considered, known_model, route
from waypost.mutations.reasoning import FAMILIES, Lora
from waypost.mutations.shape import Shape
from waypost.mutations.target import Use
from waypost.mutations.tools import Catalogue, Stocked, ToolSettings, describe
from waypost.needs import Ask, Encode, Failed, Recall, Remembered
from waypost.policy import Policy, Unscannable
from waypost.providers.chain import MAX_CHAIN
from waypost.request.chat import ChatRequest, Message, Part
from waypost.selection.base import Candidate, Live
from waypost.selection.capabilities import Capabilities, Price, Profile
from waypost.selection.cheapest_above import CheapestAbove
from waypost.selection.choosing import Choosing
from waypost.selection.figures import Limits
from waypost.selection.scored import Scored
from waypost.selection.sticky import Sticky
from waypost.signals.base import Encoded, Examples, FailureCode, Signal, Verdict
from waypost.signals.jailbreak import JailbreakDetection
from waypost.signals.pii import PiiDetection
from waypost.signals.similarity import Similarity
from waypost.testing.playbook import Playbook, answered, drive, forwarded, refused
from waypost.testing.policies import chat, policy, route_to, rule
from waypost.testing.signals import NO, STRANGER, UNREADABLE, YES, FakeEncoder, Fixed, Learned

ZONES = {"gpt": "external", "claude": "external", "onprem": "internal", "spare": "internal", "safe": "vault"}
INSIDE = route_to("onprem", "spare", inside="internal")
HARD = Learned(head="complexity", label="hard")
MATH = Learned(head="domain", label="math")
PERSONAL = PiiDetection(scope="all")
ANYTHING = chat("hello")


def conversation(*turns: tuple[str, str]) -> ChatRequest:
    messages = tuple(
        Message(role, (Part("text", text, f"messages[{n}].content"),)) for n, (role, text) in enumerate(turns)
    )
    return ChatRequest("openai_chat", b"{}", "auto", messages=messages)


def world(*rules: Rule, unscannable: Unscannable | None = None, **signals: Verdict | Signal) -> Policy:
    questions = {n: Fixed(v) if isinstance(v, Verdict) else v for n, v in signals.items()}
    return policy(ZONES, questions, rules, unscannable=unscannable)


def asked(made: Policy) -> list[str]:
    return [name for name, signal in made.signals.items() if isinstance(signal, Fixed) and signal.asked]


class TestRules:
    def test_a_rule_routes_along_its_endpoints(self) -> None:
        made = world(rule("secret", "a", INSIDE), a=YES)
        outcome = Playbook(made, ANYTHING).ends(forwarded("onprem", "spare", by="secret"))
        assert isinstance(outcome, Forward)
        assert outcome.selection.boundary == {"internal"}
        assert outcome.decision.because == "holds"
        assert outcome.verdicts == {"a": YES}

    def test_a_block_refuses_with_its_own_status_and_message(self) -> None:
        made = world(rule("stop", "a", Block(451, "Not here.")), a=YES)
        outcome = Playbook(made, ANYTHING).ends(refused(451, "blocked", by="stop"))
        assert isinstance(outcome, Refuse)
        assert outcome.message == "Not here."

    def test_a_fixed_answer_is_given_at_once(self) -> None:
        made = world(rule("hours", "a", Respond("We open at nine.")), a=YES)
        Playbook(made, ANYTHING).ends(answered("We open at nine.", by="hours"))

    def test_when_no_rule_matches_the_default_route_is_taken(self) -> None:
        Playbook(world(rule("secret", "a", INSIDE), a=NO), ANYTHING).ends(forwarded("gpt", by=SEMANTIC))

    def test_endpoints_outside_the_boundary_are_left_out_of_the_chain(self) -> None:
        made = world(rule("secret", "a", route_to("gpt", "onprem", "claude", inside="internal")), a=YES)
        Playbook(made, ANYTHING).ends(forwarded("onprem", by="secret"))

    def test_nobody_inside_is_a_503_and_not_somebody_outside(self) -> None:
        made = world(rule("secret", "a", route_to("gpt", inside="internal")), a=YES)
        Playbook(made, ANYTHING).ends(refused(503, "no_endpoint_in_boundary", by="secret"))


class TestQuestions:
    def test_behind_a_rule_that_holds_nothing_is_asked(self) -> None:
        made = world(rule("one", "a", route_to("gpt")), rule("two", "b", INSIDE), a=YES, b=YES)
        Playbook(made, ANYTHING).ends(forwarded("gpt", by="one"))
        assert asked(made) == ["a"]

    def test_behind_a_rule_that_fails_closed_nothing_is_asked(self) -> None:
        made = world(rule("one", "a", INSIDE), rule("two", "b", Block()), a=STRANGER, b=YES)
        Playbook(made, ANYTHING).ends(forwarded("onprem", "spare", by="one"))
        assert asked(made) == ["a"]

    def test_a_branch_that_cannot_matter_is_not_asked(self) -> None:
        made = world(rule("one", All((Is("a"), Is("b"))), INSIDE), a=NO, b=YES)
        Playbook(made, ANYTHING).ends(forwarded("gpt", by=SEMANTIC))
        assert asked(made) == ["a"]

    def test_a_rule_of_keywords_runs_no_encoder_though_one_behind_it_would(self) -> None:
        made = world(rule("words", "a", INSIDE), rule("hard", "h", route_to("claude")), a=YES, h=HARD)
        Playbook(made, ANYTHING).ends(forwarded("onprem", "spare", by="words"))

    def test_a_free_answer_that_settles_a_rule_saves_the_pass(self) -> None:
        made = world(rule("both", All((Is("h"), Is("a"))), INSIDE), a=NO, h=HARD)
        Playbook(made, ANYTHING).ends(forwarded("gpt", by=SEMANTIC))

    def test_one_pass_reads_every_head_that_open_rules_may_need(self) -> None:
        made = world(
            rule("math", "m", route_to("claude")),
            rule("words", "a", INSIDE),
            rule("hard", "h", route_to("onprem")),
            m=MATH,
            h=HARD,
            a=NO,
        )
        found = Encoded({"domain": {"math": 0.1}, "complexity": {"hard": 0.9}})
        book = (
            Playbook(made, ANYTHING).needs(Encode(frozenset({"domain", "complexity"}), "hello")).told(found)
        )
        outcome = book.ends(forwarded("onprem", by="hard"))
        assert outcome.decision.because == "p(hard)=0.90, threshold 0.5"

    def test_heads_of_rules_behind_a_sure_one_are_not_read(self) -> None:
        made = world(
            rule("math", "m", route_to("claude")),
            rule("words", "a", INSIDE),
            rule("hard", "h", route_to("onprem")),
            m=MATH,
            h=HARD,
            a=YES,
        )
        book = Playbook(made, ANYTHING).needs(Encode(frozenset({"domain"}), "hello"))
        book.told(Encoded({"domain": {"math": 0.1}})).ends(forwarded("onprem", "spare", by="words"))

    def test_a_pass_that_fails_closes_boundaries_and_opens_the_rest(self) -> None:
        made = world(rule("math", "m", route_to("claude")), rule("hard", "h", INSIDE), m=MATH, h=HARD)
        book = Playbook(made, ANYTHING).needs(Encode(frozenset({"domain", "complexity"}), "hello"))
        outcome = book.told(Failed("the worker is gone")).ends(forwarded("onprem", "spare", by="hard"))
        assert outcome.decision.failed_closed
        assert outcome.decision.because == "not answered: the worker is gone"
        assert outcome.verdicts["h"].failed == "engine"

    def test_text_that_was_not_scanned_to_its_end_closes_a_boundary(self) -> None:
        made = world(rule("hard", "h", INSIDE), h=HARD)
        outcome = drive(route(made, ANYTHING), FakeEncoder({"complexity": {"hard": 0.1}}, coverage=0.5))
        assert outcome.decision.rule.name == "hard"


class TestLearnedQuestions:
    """What the one need holds, and what is never asked."""

    def test_a_need_holds_every_head_text_and_example_once(self) -> None:
        guard, person = JailbreakDetection(scope="all"), PiiDetection(types=("PERSON",), scope="last_user")
        near, same = Similarity(examples=("a", "b")), Similarity(examples=("a", "b"), threshold=0.9)
        request = conversation(("system", "Be kind."), ("user", "Hello there, all of you."))
        need = need_of(request, [guard, person, near, same, HARD])
        assert need == Encode(
            frozenset({"jailbreak", "pii", "similarity", "complexity"}),
            "Hello there, all of you.",
            ("Be kind.", "Hello there, all of you."),
            (Examples(("a", "b")),),
        )

    def test_guards_alone_have_no_focus(self) -> None:
        need = need_of(chat("hello"), [JailbreakDetection(scope="all")])
        assert need == Encode(frozenset({"jailbreak"}), "", ("hello",))

    def test_what_a_pattern_finds_makes_no_pass(self) -> None:
        made = world(rule("data", "p", INSIDE), rule("hard", "h", route_to("gpt")), h=HARD, p=PERSONAL)
        Playbook(made, chat("ann@example.com")).ends(forwarded("onprem", "spare", by="data"))

    def test_what_a_pattern_does_not_find_is_asked_with_the_rest(self) -> None:
        made = world(rule("hard", "h", route_to("claude")), rule("data", "p", INSIDE), h=HARD, p=PERSONAL)
        encoder = FakeEncoder({"complexity": {"hard": 0.1}}, personal={"Ann Lee": "PERSON"})
        outcome = drive(route(made, chat("Ann Lee")), encoder)
        assert encoder.passes == [frozenset({"complexity", "pii"})]
        assert outcome.decision.rule.name == "data"

    def test_an_early_answer_is_asked_for_once(self) -> None:
        class Counted(Learned):
            def early(self, request: ChatRequest) -> None:
                asked.append(1)

        asked: list[int] = []
        made = world(
            *(rule(f"rule {n}", "q", route_to("gpt")) for n in range(5)),
            q=Counted(head="complexity", label="hard"),
        )
        drive(route(made, ANYTHING), FakeEncoder({"complexity": {"hard": 0.1}}))
        assert len(asked) == 1

    def test_a_named_model_is_asked_only_about_guards(self) -> None:
        made = world(rule("hard", "h", route_to("claude")), rule("data", "p", INSIDE), h=HARD, p=PERSONAL)
        encoder = FakeEncoder()
        outcome = drive(route(made, chat("hello", model="gpt")), encoder)
        assert encoder.passes == [frozenset({"pii"})]
        assert outcome.decision.rule.name == EXPLICIT

    def test_the_outcome_keeps_what_was_found(self) -> None:
        made = world(rule("hard", "h", route_to("claude")), rule("no", "a", Block()), h=HARD, a=NO)
        encoder = FakeEncoder({"complexity": {"hard": 0.9}})
        outcome = drive(route(made, ANYTHING), encoder)
        assert outcome.encoded == encoder(Encode(frozenset({"complexity"}), "hello"))
        assert drive(route(world(), ANYTHING), encoder).encoded is None


class TestNamedModel:
    """What the client asked for by name, and what stands above it."""

    def test_is_honoured_when_nothing_stands_against_it(self) -> None:
        made = world(rule("secret", "a", INSIDE), a=NO)
        Playbook(made, chat(model="claude")).ends(forwarded("claude", by=EXPLICIT))

    def test_is_not_overridden_by_a_plain_rule_or_a_fixed_answer(self) -> None:
        made = world(rule("news", "a", route_to("gpt")), rule("hours", "a", Respond("Nine.")), a=YES)
        Playbook(made, chat(model="claude")).ends(forwarded("claude", by=EXPLICIT))
        assert asked(made) == []

    def test_is_refused_by_a_block_behind_a_plain_rule(self) -> None:
        made = world(rule("news", "a", route_to("gpt")), rule("stop", "b", Block()), a=YES, b=YES)
        Playbook(made, chat(model="claude")).ends(refused(403, by="stop"))

    def test_outside_a_boundary_is_rerouted_inside(self) -> None:
        made = world(rule("news", "a", route_to("gpt")), rule("secret", "b", INSIDE), a=YES, b=YES)
        Playbook(made, chat(model="claude")).ends(forwarded("onprem", "spare", by="secret"))

    def test_outside_a_boundary_is_refused_where_the_rule_says_so(self) -> None:
        strict = Route(("onprem",), frozenset({"internal"}), on_explicit="refuse")
        outcome = Playbook(world(rule("secret", "a", strict), a=YES), chat(model="claude")).ends(
            refused(403, "model_outside_boundary", by="secret")
        )
        assert isinstance(outcome, Refuse)
        assert "'claude'" in outcome.message
        assert "'secret'" in outcome.message

    def test_inside_the_boundary_is_honoured_alone(self) -> None:
        outcome = Playbook(world(rule("secret", "a", INSIDE), a=YES), chat(model="spare")).ends(
            forwarded("spare", by="secret")
        )
        assert isinstance(outcome, Forward)
        assert outcome.selection.boundary == {"internal"}

    def test_is_bound_by_a_boundary_nobody_can_rule_out(self) -> None:
        made = world(rule("team", "a", INSIDE), a=STRANGER)
        Playbook(made, chat(model="claude")).ends(forwarded("onprem", "spare", by="team"))

    def test_is_bound_by_the_first_of_two_boundaries(self) -> None:
        made = world(
            rule("secret", "a", INSIDE), rule("vault", "b", route_to("safe", inside="vault")), a=YES, b=YES
        )
        Playbook(made, chat(model="safe")).ends(forwarded("onprem", "spare", by="secret"))

    def test_is_not_held_to_the_zone_of_the_default_route(self) -> None:
        made = policy(ZONES, {}, [], default=route_to("onprem", inside="internal"))
        Playbook(made, chat(model="claude")).ends(forwarded("claude", by=EXPLICIT))
        Playbook(made, chat(model="auto")).ends(forwarded("onprem", by=SEMANTIC))

    @pytest.mark.parametrize("model", ["auto", "MoM"])
    def test_auto_names_ask_for_routing(self, model: str) -> None:
        made = world(rule("news", "a", route_to("gpt")), a=YES)
        Playbook(made, chat(model=model)).ends(forwarded("gpt", by="news"))
        assert considered(made, chat(model=model)) == made.rules

    def test_an_auto_name_wins_over_an_endpoint_of_the_same_name(self) -> None:
        made = policy({"auto": "external", "gpt": "external"}, {}, [], default=route_to("gpt"))
        Playbook(made, chat(model="auto")).ends(forwarded("gpt", by=SEMANTIC))

    def test_only_auto_names_and_logical_models_are_known(self) -> None:
        made = world()
        assert [name for name in ("auto", "gpt", "GPT", "", "gpt-4o") if known_model(made, name)] == [
            "auto",
            "gpt",
        ]


@pytest.mark.parametrize(
    ("failed", "status", "code"),
    [
        ("unscannable", 403, "unscannable_content"),
        ("too_large", 413, "too_large"),
        ("identity_unknown", 403, "identity_unknown"),
        ("engine", 503, "blocked_unavailable"),
    ],
)
def test_a_block_that_could_not_be_judged_says_so(failed: FailureCode, status: int, code: str) -> None:
    verdict = Verdict(None, 0.0, "not answered", failed=failed)
    made = world(rule("stop", "a", Block(451, "Not this.")), a=verdict)
    outcome = Playbook(made, ANYTHING).ends(refused(status, code, by="stop"))
    assert isinstance(outcome, Refuse)
    assert "Not this" not in outcome.message


class TestUnreadableParts:
    """Images, audio and files where a rule would have to read them."""

    def test_a_boundary_that_cannot_be_ruled_out_holds(self) -> None:
        outcome = Playbook(world(rule("secret", "a", INSIDE), a=UNREADABLE), ANYTHING).ends(
            forwarded("onprem", "spare", by="secret")
        )
        assert outcome.decision.failed_closed

    @pytest.mark.parametrize("action", ["close", "allow", "reroute", "block"])
    def test_a_rule_that_holds_anyway_is_not_touched(self, action: str) -> None:
        made = world(
            rule("secret", Any((Is("a"), Is("b"))), INSIDE),
            a=UNREADABLE,
            b=YES,
            unscannable=Unscannable(action, "vault"),  # type: ignore[arg-type]
        )
        Playbook(made, ANYTHING).ends(forwarded("onprem", "spare", by="secret"))

    def test_block_refuses_what_cannot_be_read(self) -> None:
        made = world(rule("secret", "a", INSIDE), a=UNREADABLE, unscannable=Unscannable("block"))
        Playbook(made, ANYTHING).ends(refused(403, "unscannable_content", by="secret"))

    def test_block_says_nothing_about_other_failures(self) -> None:
        made = world(rule("secret", "a", INSIDE), a=STRANGER, unscannable=Unscannable("block"))
        Playbook(made, ANYTHING).ends(forwarded("onprem", "spare", by="secret"))

    def test_reroute_prefers_the_rules_own_endpoints_in_the_zone(self) -> None:
        both = Route(("safe", "spare"), frozenset({"internal", "vault"}))
        made = world(rule("secret", "a", both), a=UNREADABLE, unscannable=Unscannable("reroute", "internal"))
        outcome = Playbook(made, ANYTHING).ends(forwarded("spare", by="secret"))
        assert isinstance(outcome, Forward)
        assert outcome.selection.boundary == {"internal"}

    def test_reroute_takes_any_endpoint_of_a_zone_where_the_rule_has_none(self) -> None:
        vault = Route(("safe",), frozenset({"internal", "vault"}))
        made = world(rule("secret", "a", vault), a=UNREADABLE, unscannable=Unscannable("reroute", "internal"))
        Playbook(made, ANYTHING).ends(forwarded("onprem", "spare", by="secret"))

    def test_reroute_never_leaves_the_boundary_of_the_rule(self) -> None:
        made = world(rule("secret", "a", INSIDE), a=UNREADABLE, unscannable=Unscannable("reroute", "vault"))
        Playbook(made, ANYTHING).ends(forwarded("onprem", "spare", by="secret"))

    def test_reroute_does_not_soften_a_block(self) -> None:
        made = world(rule("stop", "a", Block()), a=UNREADABLE, unscannable=Unscannable("reroute", "internal"))
        Playbook(made, ANYTHING).ends(refused(403, "unscannable_content", by="stop"))

    def test_reroute_to_a_zone_without_endpoints_is_a_503(self) -> None:
        wide = Route(("gpt",), frozenset({"external", "attic"}))
        made = world(rule("secret", "a", wide), a=UNREADABLE, unscannable=Unscannable("reroute", "attic"))
        Playbook(made, ANYTHING).ends(refused(503, "no_endpoint_in_boundary", by="secret"))

    def test_reroute_makes_no_chain_longer_than_envoy_can_walk(self) -> None:
        many = {f"m{n}": "internal" for n in range(MAX_CHAIN + 2)} | {"gpt": "external"}
        wide = Route(("gpt",), frozenset({"internal", "external"}))
        made = policy(
            many,
            {"a": Fixed(UNREADABLE)},
            [rule("secret", "a", wide)],
            unscannable=Unscannable("reroute", "internal"),
        )
        Playbook(made, ANYTHING).ends(forwarded(*(f"m{n}" for n in range(MAX_CHAIN)), by="secret"))

    def test_reroute_honours_a_named_model_inside_the_zone(self) -> None:
        made = world(
            rule("secret", "a", INSIDE), a=UNREADABLE, unscannable=Unscannable("reroute", "internal")
        )
        Playbook(made, chat(model="spare")).ends(forwarded("spare", by="secret"))

    def test_reroute_refuses_a_named_model_where_the_rule_says_so(self) -> None:
        strict = Route(("onprem",), frozenset({"internal"}), on_explicit="refuse")
        made = world(
            rule("secret", "a", strict), a=UNREADABLE, unscannable=Unscannable("reroute", "internal")
        )
        Playbook(made, chat(model="gpt")).ends(refused(403, "model_outside_boundary", by="secret"))

    def test_a_plain_rule_that_cannot_read_them_is_skipped(self) -> None:
        made = world(rule("news", "a", route_to("claude")), a=UNREADABLE, unscannable=Unscannable("block"))
        Playbook(made, ANYTHING).ends(forwarded("gpt", by=SEMANTIC))


# --- behind the rule: guards, choice and shape ------------------------------------------------------------

CHAIN = route_to("gpt", "claude", "onprem")
MAIL = PiiDetection(scope="all", unreadable="ignore", types=("EMAIL_ADDRESS",), method="patterns")


def sent(text: str = "hello", *, model: str = "auto", **fields: Anything) -> ChatRequest:
    """A request with a body that can be edited."""
    messages = [{"role": "user", "content": text}]
    return parse(json.dumps({"model": model, "messages": messages, **fields}).encode())


def leaves(outcome: Outcome) -> dict[str, Anything]:
    assert isinstance(outcome, Forward)
    assert outcome.shaped.body is not None
    return json.loads(outcome.shaped.body)


def served(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, Forward)
    assert [target.endpoint for target in outcome.targets] == list(outcome.selection.chain)
    return [endpoint.name for endpoint in outcome.selection.chain]


class TestGuards:
    """What may leave, judged for each endpoint after the rule."""

    def guarded(
        self,
        checks: Mapping[str, str],
        *rules: Rule,
        guard: GuardName = "pii",
        unscannable: Unscannable | None = None,
        **signals: Verdict | Signal,
    ) -> Policy:
        """The default route is `CHAIN`; each endpoint has one check `q` with the action given."""
        questions = {n: Fixed(v) if isinstance(v, Verdict) else v for n, v in signals.items()}
        made = policy(ZONES, questions, rules, default=CHAIN, unscannable=unscannable)
        by = {name: (Check(guard, "q", action),) for name, action in checks.items()}  # type: ignore[arg-type]
        return replace(made, guards={"": by}, default_model="gpt")

    def test_a_guard_is_asked_though_no_rule_needs_it(self) -> None:
        made = self.guarded({"gpt": "block"}, rule("words", "a", route_to("gpt")), a=YES, q=NO)
        Playbook(made, ANYTHING).ends(forwarded("gpt", by="words"))
        assert asked(made) == ["a", "q"]

    def test_guards_of_models_that_are_not_thought_of_are_not_asked(self) -> None:
        made = self.guarded({"claude": "block"}, rule("words", "a", route_to("gpt")), a=YES, q=YES)
        Playbook(made, ANYTHING).ends(forwarded("gpt", by="words"))
        assert asked(made) == ["a"]

    def test_a_guard_of_a_rule_replaces_that_of_all(self) -> None:
        made = self.guarded({"gpt": "block"}, rule("words", "a", route_to("gpt")), a=YES, q=YES)
        free = replace(made, guards={**made.guards, "words": {}})
        Playbook(made, ANYTHING).ends(refused(403, "pii_blocked", by="pii"))
        Playbook(free, ANYTHING).ends(forwarded("gpt", by="words"))

    @pytest.mark.parametrize(
        ("guard", "code"), [("pii", "pii_blocked"), ("prompt_guard", "prompt_attack_blocked")]
    )
    def test_a_block_is_a_refusal_in_the_name_of_the_guard(self, guard: GuardName, code: str) -> None:
        made = self.guarded({"gpt": "block"}, guard=guard, q=YES)
        outcome = Playbook(made, ANYTHING).ends(refused(403, code, by=guard))
        assert outcome.decision.rests_on == ("q",)
        assert outcome.decision.because == "holds"
        assert not outcome.decision.failed_closed

    def test_a_named_model_is_guarded_too(self) -> None:
        made = self.guarded({"claude": "block"}, q=YES)
        Playbook(made, chat(model="claude")).ends(refused(403, "pii_blocked", by="pii"))
        Playbook(made, chat(model="onprem")).ends(forwarded("onprem", by=EXPLICIT))

    @pytest.mark.parametrize(
        ("verdict", "status", "code"),
        [
            (UNREADABLE, 403, "unscannable_content"),
            (STRANGER, 403, "identity_unknown"),
            (Verdict(None, 0.0, "too long", failed="too_large"), 413, "too_large"),
            (Verdict(None, 0.0, "gone", failed="engine"), 503, "blocked_unavailable"),
        ],
    )
    @pytest.mark.parametrize("action", ["block", "mask", "mask_restore", "reroute"])
    def test_what_could_not_be_judged_does_not_leave(
        self, verdict: Verdict, status: int, code: str, action: str
    ) -> None:
        made = self.guarded({"gpt": action, "claude": action, "onprem": action}, q=verdict)
        made = replace(made, endpoints={n: made.endpoints[n] for n in ("gpt", "claude", "onprem")})
        outcome = Playbook(made, ANYTHING).ends(refused(status, code, by="pii"))
        assert outcome.decision.failed_closed

    def test_a_reroute_goes_along_the_chain_first(self) -> None:
        made = self.guarded({"gpt": "reroute"}, q=YES)
        Playbook(made, ANYTHING).ends(forwarded("claude", "onprem", by=SEMANTIC))

    def test_behind_the_chain_come_the_default_model_and_those_inside(self) -> None:
        made = self.guarded({"claude": "reroute"}, rule("words", "a", route_to("claude")), a=YES, q=YES)
        outcome = Playbook(made, ANYTHING).ends(forwarded("gpt", "onprem", "spare", "safe", by="words"))
        assert isinstance(outcome, Forward)
        assert [(found.endpoint, found.hit) for found in outcome.findings] == [("claude", True)]

    def test_those_behind_the_chain_have_guards_of_their_own(self) -> None:
        checks = dict.fromkeys(("claude", "gpt", "onprem"), "reroute")
        made = self.guarded(checks, rule("words", "a", route_to("claude")), a=YES, q=YES)
        Playbook(made, ANYTHING).ends(forwarded("spare", "safe", by="words"))

    def test_nobody_behind_the_chain_is_a_refusal_by_the_guard_that_came_first(self) -> None:
        made = self.guarded(dict.fromkeys(ZONES, "reroute"), q=YES)
        outcome = Playbook(made, ANYTHING).ends(refused(403, "pii_blocked", by="pii"))
        assert isinstance(outcome, Refuse)
        assert [found.endpoint for found in outcome.findings] == ["gpt", "claude", "onprem", "spare", "safe"]

    def test_a_reroute_never_leaves_the_boundary(self) -> None:
        inside = route_to("onprem", inside="internal")
        made = self.guarded({"onprem": "reroute"}, rule("secret", "a", inside), a=YES, q=YES)
        Playbook(made, ANYTHING).ends(forwarded("spare", by="secret"))
        both = self.guarded(
            {"onprem": "reroute", "spare": "reroute"}, rule("secret", "a", inside), a=YES, q=YES
        )
        Playbook(both, ANYTHING).ends(refused(403, "pii_blocked", by="pii"))

    def test_a_chain_without_guards_asks_nobody_elses(self) -> None:
        made = self.guarded(
            {"spare": "block"},
            rule("words", "a", route_to("gpt")),
            unscannable=Unscannable("reroute", "internal"),
            a=YES,
            q=HARD,
        )
        Playbook(made, ANYTHING).ends(forwarded("gpt", by="words"))

    def test_what_nobody_can_read_goes_to_the_zone_for_it_whatever_the_action(self) -> None:
        made = self.guarded(
            dict.fromkeys(ZONES, "block"), unscannable=Unscannable("reroute", "vault"), q=UNREADABLE
        )
        Playbook(made, ANYTHING).ends(forwarded("safe", by=SEMANTIC))

    def test_an_annotated_risk_is_told_of_those_that_stay(self) -> None:
        made = self.guarded({"gpt": "annotate"}, guard="prompt_guard", q=YES)
        outcome = Playbook(made, ANYTHING).ends(forwarded("gpt", "claude", "onprem", by=SEMANTIC))
        assert isinstance(outcome, Forward)
        assert outcome.risks == ("q",)

    @pytest.mark.parametrize(("action", "restore"), [("mask", False), ("mask_restore", True)])
    def test_what_is_found_leaves_as_a_placeholder_for_the_whole_chain(
        self, action: str, *, restore: bool
    ) -> None:
        made = self.guarded({"claude": action}, q=MAIL)
        outcome = drive(route(made, sent("to ann@example.com")), FakeEncoder())
        assert leaves(outcome)["messages"][0]["content"] == "to <EMAIL_1>"
        assert isinstance(outcome, Forward)
        assert outcome.restore is restore
        assert served(outcome) == ["gpt", "claude", "onprem"]

    def test_a_mask_of_an_endpoint_that_fell_off_masks_nothing(self) -> None:
        made = self.guarded({"gpt": "mask"}, q=MAIL)
        blocked = {"": {**made.guards[""], "gpt": (Check("pii", "q", "mask"), Check("pii", "p", "reroute"))}}
        made = replace(made, signals={**made.signals, "p": MAIL}, guards=blocked)
        outcome = drive(route(made, sent("to ann@example.com")), FakeEncoder())
        assert isinstance(outcome, Forward)
        assert (served(outcome), outcome.masked, outcome.shaped.body) == (["claude", "onprem"], None, None)

    def test_a_first_find_is_not_enough_to_mask_the_rest(self) -> None:
        both = PiiDetection(scope="all", types=("EMAIL_ADDRESS", "PERSON"))
        made = self.guarded({"gpt": "mask"}, rule("mails", "q", route_to("gpt")), q=both)
        encoder = FakeEncoder(personal={"Ann Lee": "PERSON"})
        outcome = drive(route(made, sent("Ann Lee is ann@example.com")), encoder)
        assert leaves(outcome)["messages"][0]["content"] == "<PERSON_1> is <EMAIL_1>"
        assert encoder.passes == [frozenset({"pii"})]

    def test_data_where_no_placeholder_can_stand_is_refused(self) -> None:
        made = self.guarded({"gpt": "mask"}, q=MAIL)
        request = sent(metadata={"ann@example.com": "x"})
        outcome = drive(route(made, request), FakeEncoder())
        assert isinstance(outcome, Refuse)
        assert (outcome.status, outcome.code, outcome.decision.rule.name) == (403, "pii_blocked", "pii")
        assert "cannot be masked" in outcome.message

    def test_more_data_than_can_be_found_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def more(*_: object) -> None:
            return None

        monkeypatch.setattr(PiiDetection, "finds", more)
        outcome = drive(route(self.guarded({"gpt": "mask"}, q=MAIL), sent("ann@example.com")), FakeEncoder())
        assert isinstance(outcome, Refuse)
        assert outcome.decision.because == "personal data stands where it cannot be masked"


class TestChoice:
    """Who serves what a rule decided."""

    BLIND = Profile(capabilities=Capabilities(images=False, tools=False))

    def chosen(self, choosing: Choosing, default: Route = CHAIN) -> Policy:
        return replace(policy(ZONES, {}, (), default=default), choices={SEMANTIC: choosing})

    def among(self, *names: str, profile: Profile | None = None, **block: Anything) -> Choosing:
        known = policy(ZONES, {}, ()).endpoints
        candidates = (Candidate(known[name], profile or Profile(), 0.5) for name in names)
        return Choosing(tuple(candidates), **block)

    def test_an_order_without_memory_asks_nobody(self) -> None:
        made = self.chosen(self.among("claude", "gpt", "onprem", requires=("tools",)))
        Playbook(made, ANYTHING).ends(forwarded("claude", "gpt", "onprem", by=SEMANTIC))

    def test_who_wants_to_be_left_alone_comes_behind_the_others(self) -> None:
        for made in (
            policy(ZONES, {}, (), default=CHAIN),
            self.chosen(self.among(*CHAIN.endpoints, requires=("tools",))),
        ):
            first, second, third = CHAIN.endpoints
            book = Playbook(made, ANYTHING).needs(Recall(None, CHAIN.endpoints))
            told = Remembered(cooling={first: 9.0, second: 3.0})
            outcome = book.told(told).ends(forwarded(third, second, first, by=SEMANTIC))
            assert isinstance(outcome, Forward)
            assert "wish of their providers" in outcome.selection.because

    def test_a_guard_refuses_nobody_because_a_provider_wants_to_be_left_alone(self) -> None:
        """Of a candidate that would have come later it only says that it is passed over."""
        made = replace(
            policy(ZONES, {"q": MAIL}, (), default=CHAIN),
            guards={"": {"claude": (Check("pii", "q", "block"),)}},
        )
        book = Playbook(made, sent("ann@example.com")).told(Remembered(cooling={"gpt": 9.0}))
        book.ends(forwarded("onprem", "gpt", by=SEMANTIC))

    def test_an_optional_model_that_is_not_there_is_passed_over(self) -> None:
        first, *others = CHAIN.endpoints
        made = policy(ZONES, {}, (), default=replace(CHAIN, optional=frozenset({first})))
        gone = Remembered(absent=frozenset(CHAIN.endpoints))
        Playbook(made, ANYTHING).told(gone).ends(forwarded(*others, by=SEMANTIC))
        Playbook(made, replace(ANYTHING, model=first)).ends(forwarded(first, by=EXPLICIT))

    def test_a_chain_of_one_has_nothing_to_ask(self) -> None:
        made = policy(ZONES, {}, (), default=route_to("gpt"))
        Playbook(made, ANYTHING).ends(forwarded("gpt", by=SEMANTIC))

    def test_fallbacks_come_behind_whatever_the_rule_says(self) -> None:
        made = replace(policy(ZONES, {}, (), default=route_to("gpt")), fallbacks=("onprem", "gpt", "claude"))
        book = Playbook(made, ANYTHING).needs(Recall(None, ("gpt", "onprem", "claude"))).told(Remembered())
        outcome = book.ends(forwarded("gpt", "onprem", "claude", by=SEMANTIC))
        assert isinstance(outcome, Forward)
        assert outcome.selection.because == "order of the rule; then the fallbacks onprem, claude"
        tired = Playbook(made, ANYTHING).told(Remembered(cooling={"gpt": 9.0}))
        tired.ends(forwarded("onprem", "claude", "gpt", by=SEMANTIC))

    def test_fallbacks_never_leave_the_boundary_and_are_none_of_a_named_model(self) -> None:
        inside = policy(ZONES, {}, (), default=route_to("onprem", inside="internal"))
        made = replace(inside, fallbacks=("gpt", "spare", "claude"))
        book = Playbook(made, ANYTHING).told(Remembered())
        book.ends(
            forwarded("onprem", *(n for n in made.fallbacks if ZONES.get(n) == "internal"), by=SEMANTIC)
        )
        Playbook(made, replace(ANYTHING, model="gpt")).ends(forwarded("gpt", by=EXPLICIT))

    def test_live_figures_are_asked_for_and_used(self) -> None:
        made = self.chosen(self.among("gpt", "claude", "onprem", method=Scored()))
        need = Recall(Choosing((), Scored()).facts(ANYTHING, None).key, ("gpt", "claude", "onprem"))
        live = {"gpt": Live(9.0, 1.0, 10, 60.0), "claude": Live(0.1, 0.0, 10, 60.0)}
        outcome = (
            Playbook(made, ANYTHING)
            .needs(need)
            .told(Remembered(live=live))
            .ends(forwarded("claude", "onprem", "gpt", by=SEMANTIC))
        )
        assert isinstance(outcome, Forward)
        assert outcome.conversation is None

    def test_a_conversation_is_told_apart_where_it_keeps_its_model(self) -> None:
        made = self.chosen(self.among("gpt", "claude", "onprem", sticky=Sticky()))
        book = Playbook(made, ANYTHING).told(Remembered("onprem"))
        outcome = book.ends(forwarded("onprem", "gpt", "claude", by=SEMANTIC))
        assert isinstance(outcome, Forward)
        assert outcome.conversation

    def test_difficulty_is_what_the_encoder_found(self) -> None:
        made = self.chosen(self.among("gpt", "claude", "onprem", method=CheapestAbove()))
        book = Playbook(made, ANYTHING).needs(Encode(frozenset({"complexity"}), "hello"))
        outcome = (
            book.told(Encoded({"complexity": {"hard": 0.25}}))
            .told(Remembered())
            .ends(forwarded("gpt", "claude", "onprem", by=SEMANTIC))
        )
        assert isinstance(outcome, Forward)
        assert "difficulty 0.25" in outcome.selection.because

    def test_without_an_answer_difficulty_is_unknown_and_the_request_is_served(self) -> None:
        made = self.chosen(self.among("gpt", "claude", "onprem", method=CheapestAbove()))
        outcome = drive(route(made, ANYTHING), FakeEncoder(down="no memory"))
        assert isinstance(outcome, Forward)
        assert "difficulty unknown" in outcome.selection.because

    def test_nobody_who_can_is_the_clients_to_mend(self) -> None:
        made = self.chosen(self.among("gpt", profile=self.BLIND), route_to("gpt"))
        outcome = Playbook(made, chat("look", images=1)).ends(refused(400, "no_capable_model", by=SEMANTIC))
        assert isinstance(outcome, Refuse)
        assert "images" in outcome.message
        assert outcome.selection is not None
        assert [each.eliminated for each in outcome.selection.considered] == ["lacks images"]

    def test_nobody_within_limits_is_not(self) -> None:
        tight = Scored(limits=Limits(max_price_usd=1))
        dear = Profile(price=Price(input=100, output=100))
        made = self.chosen(self.among("gpt", "claude", "onprem", profile=dear, method=tight))
        outcome = drive(route(made, ANYTHING), FakeEncoder())
        assert isinstance(outcome, Refuse)
        assert (outcome.status, outcome.code) == (503, "no_model_within_limits")
        assert outcome.selection is not None

    def test_nobody_inside_is_told_with_who_was_thought_of(self) -> None:
        outside = route_to("gpt", "claude", inside="internal")
        made = self.chosen(self.among("gpt", "claude", requires=("tools",)), outside)
        outcome = Playbook(made, ANYTHING).ends(refused(503, "no_endpoint_in_boundary", by=SEMANTIC))
        assert isinstance(outcome, Refuse)
        assert outcome.selection is not None
        assert [each.endpoint for each in outcome.selection.considered] == ["gpt", "claude"]

    def test_a_model_that_the_client_named_is_nobodys_choice(self) -> None:
        choosing = self.among("onprem", "spare", sticky=Sticky())
        made = world(rule("secret", "a", INSIDE), a=YES)
        made = replace(made, choices={"secret": choosing})
        Playbook(made, chat(model="spare")).ends(forwarded("spare", by="secret"))

    def test_where_a_zone_is_meant_for_what_nobody_reads_it_is_nobodys_choice(self) -> None:
        both = Route(("safe", "spare"), frozenset({"internal", "vault"}))
        made = world(rule("secret", "a", both), a=UNREADABLE, unscannable=Unscannable("reroute", "internal"))
        made = replace(made, choices={"secret": self.among("safe", "spare", sticky=Sticky())})
        Playbook(made, ANYTHING).ends(forwarded("spare", by="secret"))


class TestShape:
    """What leaves, and how each endpoint is asked."""

    FAMILY = FAMILIES["gpt"]

    def shaped(self, shape: Shape, **more: Anything) -> Policy:
        made = policy(ZONES, {}, (), default=CHAIN)
        return replace(made, shapes={SEMANTIC: shape}, reads=shape.heads, **more)

    def test_a_system_prompt_goes_in_front(self) -> None:
        outcome = drive(route(self.shaped(Shape(prompt="Be kind.")), sent()), FakeEncoder())
        assert [message["content"] for message in leaves(outcome)["messages"]] == ["Be kind.", "hello"]

    def test_a_model_that_the_client_named_is_asked_as_the_client_says(self) -> None:
        uses = {"claude": Use(use_reasoning=True, effort="high")}
        made = self.shaped(Shape(prompt="Be kind.", uses=uses), families={"claude": self.FAMILY})
        outcome = drive(route(made, sent(model="claude")), FakeEncoder())
        assert isinstance(outcome, Forward)
        assert (outcome.shaped.body, outcome.targets[0].reasoning) == (None, None)

    def test_each_endpoint_is_used_in_its_own_way(self) -> None:
        uses = {"gpt": Use(use_reasoning=True, effort="low"), "claude": Use(lora=Lora(name="fine"))}
        made = self.shaped(Shape(uses=uses), families={"gpt": self.FAMILY})
        outcome = drive(route(made, sent()), FakeEncoder())
        assert isinstance(outcome, Forward)
        assert [(t.model, t.says_more) for t in outcome.targets] == [
            ("gpt", True), ("fine", False), ("onprem", False),
        ]  # fmt: skip

    @pytest.mark.parametrize(("p_hard", "on"), [(0.9, True), (0.1, False)])
    def test_auto_asks_how_hard_it_is(self, p_hard: float, *, on: bool) -> None:
        made = self.shaped(Shape(uses={"gpt": Use("auto")}), families={"gpt": self.FAMILY})
        encoder = FakeEncoder({"complexity": {"hard": p_hard}})
        outcome = drive(route(made, sent()), encoder)
        assert encoder.passes == [frozenset({"complexity"})]
        assert isinstance(outcome, Forward)
        reasoning = outcome.targets[0].reasoning
        assert reasoning is not None
        assert reasoning.on is on

    def test_an_adapter_that_the_client_names_is_its_model_under_another_name(self) -> None:
        made = self.shaped(Shape(), adapters={"fine": ("onprem", Lora(name="fine", model="base:fine"))})
        assert known_model(made, "fine")
        outcome = drive(route(made, sent(model="fine")), FakeEncoder())
        assert outcome.decision.rule.name == EXPLICIT
        assert isinstance(outcome, Forward)
        assert [(t.endpoint.name, t.model) for t in outcome.targets] == [("onprem", "base:fine")]

    def test_tools_are_compared_in_the_one_pass(self) -> None:
        stock = Catalogue.of(
            Stocked(name, describe(name, name), json.dumps({"type": "function", "function": {"name": name}}))
            for name in ("weather", "search")
        )
        tools = ToolSettings(mode="add", catalogue=Path("tools.json"), top_k=1, floor=0.5)
        made = self.shaped(Shape(tools=tools, catalogue=stock))
        encoder = FakeEncoder(likenesses={describe("search", "search"): 0.9})
        own = [{"type": "function", "function": {"name": "mine"}}]
        outcome = drive(route(made, sent(tools=own)), encoder)
        assert encoder.passes == [frozenset({"similarity"})]
        assert [tool["function"]["name"] for tool in leaves(outcome)["tools"]] == ["mine", "search"]

    def test_tools_without_an_answer_stay_as_they_are(self) -> None:
        tools = ToolSettings(mode="filter", top_k=1)
        own = [{"type": "function", "function": {"name": name}} for name in "abcdefgh"]
        made = self.shaped(Shape(tools=tools))

        def silent(need: Ask[Anything]) -> object:
            return Encoded({}) if isinstance(need, Encode) else Remembered()

        for answer in (FakeEncoder(down="no memory"), silent):
            outcome = drive(route(made, sent(tools=own)), answer)
            assert isinstance(outcome, Forward)
            assert outcome.shaped.tools is not None

    def test_tools_of_every_rule_are_compared_where_rules_ask_the_encoder(self) -> None:
        tools = ToolSettings(mode="filter", top_k=1)
        made = world(
            rule("hard", "h", route_to("claude")), rule("math", "m", route_to("gpt")), h=HARD, m=MATH
        )
        made = replace(made, shapes={"hard": Shape(tools=tools), "math": Shape(prompt="Add.")})
        own = [{"type": "function", "function": {"name": name}} for name in "abcdefgh"]
        encoder = FakeEncoder({"complexity": {"hard": 0.9}, "domain": {"math": 0.1}})
        outcome = drive(route(made, sent(tools=own)), encoder)
        assert encoder.passes == [frozenset({"complexity", "domain", "similarity"})]
        assert isinstance(outcome, Forward)
        assert outcome.shaped.tools is not None
