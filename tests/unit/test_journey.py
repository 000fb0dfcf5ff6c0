import pytest

from waypost.asking import need_of
from waypost.decision.engine import EXPLICIT, SEMANTIC, Block, Respond, Route, Rule
from waypost.decision.expr import All, Any, Is
from waypost.journey import Forward, Refuse, considered, known_model, route
from waypost.needs import Encode, Failed
from waypost.policy import Policy, Unscannable
from waypost.providers.chain import MAX_CHAIN
from waypost.request.chat import ChatRequest, Message, Part
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
