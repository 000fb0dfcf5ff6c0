"""What rules and categories say about their requests, from the file to the policy."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.config.world import BESIDE, ENVIRON, loads, problems, rule, write
from waypost.config import shapes
from waypost.config.load import load
from waypost.mutations.headers import Headers
from waypost.mutations.parameters import RequestParameters
from waypost.mutations.reasoning import FAMILIES, Lora
from waypost.mutations.shape import Shape
from waypost.mutations.target import Use
from waypost.mutations.tools import ToolSettings
from waypost.policy import Policy
from waypost.selection.canary import Canary
from waypost.selection.capabilities import Capabilities, Price, Profile
from waypost.selection.cheapest_above import CheapestAbove
from waypost.selection.choosing import Choosing
from waypost.selection.scored import Scored, Weights
from waypost.selection.static import Static
from waypost.selection.sticky import Sticky


def made(tmp_path: Path, text: str) -> Policy:
    return loads(tmp_path, text).policy


def a_rule(*lines: str, **action: str) -> str:
    """A rule `r` to `outside` with further lines of its own."""
    return (
        "routing_rules:\n" + rule(**({"endpoint": "outside"} | action)) + "".join(f"    {x}\n" for x in lines)
    )


def shape(tmp_path: Path, *lines: str, more: str = "", **action: str) -> Shape:
    return made(tmp_path, more + a_rule(*lines, **action)).shapes["r"]


def choice(tmp_path: Path, *lines: str, more: str = "", **action: str) -> Choosing:
    return made(tmp_path, more + a_rule(*lines, **action)).choices["r"]


def said(tmp_path: Path, text: str, severity: str = "error") -> list[tuple[str, str]]:
    """Path and message of each problem."""
    return [(p.path, p.message) for p in problems(tmp_path, text) if p.severity == severity]


def category(*fields: str, name: str = "math", models: str = "{model: outside, score: 1}") -> str:
    own = "".join(f", {field}" for field in fields)
    return f"categories:\n  - {{name: {name}, model_scores: [{models}]{own}}}\n"


class TestNothing:
    """What says nothing leaves no trace in the policy."""

    def test_a_rule_that_says_nothing_has_neither_shape_nor_choice(self, tmp_path: Path) -> None:
        policy = made(tmp_path, a_rule() + category())
        assert (policy.shapes, policy.choices, policy.adapters, policy.families) == ({}, {}, {}, {})
        assert list(policy.guards) == [""]

    def test_what_says_what_holds_anyway_is_nothing(self, tmp_path: Path) -> None:
        policy = made(tmp_path, a_rule("select: static", "sticky: false", "requires: []"))
        assert (policy.shapes, policy.choices) == ({}, {})

    @pytest.mark.parametrize("action", [{"type": "block"}, {"type": "respond", "message": "Hi"}])
    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("pii", "{action: mask}"),
            ("prompt_guard", "{enabled: true}"),
            ("system_prompt", "Be kind."),
            ("parameters", "{blocked: [user]}"),
            ("headers", "{response: {set: {x-a: b}}}"),
            ("tools", "{mode: filter}"),
            ("select", "scored"),
            ("sticky", "true"),
            ("requires", "[tools]"),
        ],
    )
    def test_a_rule_that_sends_nothing_is_told_which_keys_are_idle(
        self, tmp_path: Path, action: dict[str, str], key: str, value: str
    ) -> None:
        text = a_rule(f"{key}: {value}", endpoint="", **action)
        message = f"{key!r} has no effect: the rule sends nothing to a model"
        assert said(tmp_path, text, "warning") == [(f"routing_rules[0].{key}", message)]
        policy = made(tmp_path, text)
        assert (policy.shapes, policy.choices, list(policy.guards)) == ({}, {}, [""])

    def test_a_rule_that_sends_nothing_and_shapes_nothing_is_not_remarked(self, tmp_path: Path) -> None:
        assert problems(tmp_path, a_rule("owner: me", "on_error: open", endpoint="", type="block")) == []


class TestReasoning:
    @pytest.fixture
    def beside(self) -> str:
        """A file whose model `thinker` has a family."""
        return "models: {thinker: {provider: onprem, reasoning_family: qwen3}}\n"

    def test_a_built_in_family_needs_no_block(self, tmp_path: Path, beside: str) -> None:
        assert made(tmp_path, beside).families == {"thinker": FAMILIES["qwen3"]}

    def test_a_block_of_the_file_replaces_one(self, tmp_path: Path, beside: str) -> None:
        own = "reasoning_families: {qwen3: {type: chat_template_kwargs, parameter: deep}}\n"
        assert made(tmp_path, own + beside).families["thinker"].parameter == "deep"

    def test_a_vendors_own_address_has_a_switch_of_its_own(self, tmp_path: Path) -> None:
        text = (
            "providers: {vendor: {kind: openai, base_url: 'https://api.deepseek.com/v1'}}\n"
            "models: {deep: {provider: vendor, reasoning_family: deepseek}}\n"
        )
        assert made(tmp_path, text).families["deep"].type == "thinking"

    def test_a_family_nobody_knows_is_an_error_with_the_nearest(self, tmp_path: Path, beside: str) -> None:
        (problem,) = problems(tmp_path, beside.replace("qwen3", "qwen33"))
        assert (problem.path, problem.message) == (
            "models.thinker.reasoning_family", "'qwen33' is no reasoning family",
        )  # fmt: skip
        assert "qwen3" in problem.help

    def test_a_family_that_cannot_work_is_an_error_at_its_key(self, tmp_path: Path) -> None:
        text = "reasoning_families: {mine: {type: gemini_budget, efforts: []}}\n"
        assert said(tmp_path, text) == [
            ("reasoning_families.mine.efforts", "'gemini_budget' needs an effort to send")
        ]

    @pytest.mark.parametrize(
        ("action", "use"),
        [
            ({"use_reasoning": "true"}, Use(use_reasoning=True, effort="medium")),
            ({"use_reasoning": "false"}, Use(use_reasoning=False, effort="medium")),
            ({"use_reasoning": "auto"}, Use("auto", "medium")),
            ({"use_reasoning": "auto", "reasoning_effort": "high"}, Use("auto", "high")),
        ],
    )
    def test_an_action_says_how_its_model_is_used(
        self, tmp_path: Path, beside: str, action: dict[str, str], use: Use
    ) -> None:
        found = shape(tmp_path, more=beside, endpoint="thinker", **action)
        assert found.uses == {"thinker": use}

    def test_the_file_has_a_default_effort(self, tmp_path: Path, beside: str) -> None:
        found = shape(
            tmp_path,
            more=f"default_reasoning_effort: low\n{beside}",
            endpoint="thinker",
            use_reasoning="true",
        )
        assert found.uses["thinker"].effort == "low"

    def test_a_candidate_says_for_itself_what_the_action_says_for_all(self, tmp_path: Path) -> None:
        families = "".join(
            f"  {n}: {{provider: onprem, reasoning_family: qwen3}}\n" for n in ("one", "two", "three")
        )
        own = "{model: two, use_reasoning: false}, {model: three, reasoning_effort: max}"
        found = shape(
            tmp_path,
            more="models:\n" + families,
            endpoint="",
            endpoints=f"[one, {own}]",
            use_reasoning="true",
            reasoning_effort="low",
        )
        assert found.uses == {
            "one": Use(use_reasoning=True, effort="low"),
            "two": Use(use_reasoning=False, effort="low"),
            "three": Use(use_reasoning=True, effort="max"),
        }

    def test_a_model_nobody_can_tell_to_think_is_remarked(self, tmp_path: Path) -> None:
        text = a_rule(use_reasoning="true")
        ((_, message),) = said(tmp_path, text, "warning")
        assert message == "nothing says how 'outside' is told to think"

    def test_an_effort_alone_is_remarked_and_says_nothing(self, tmp_path: Path, beside: str) -> None:
        text = beside + a_rule(endpoint="thinker", reasoning_effort="high")
        ((_, message),) = said(tmp_path, text, "warning")
        assert message == "an effort without use_reasoning has no effect"
        assert made(tmp_path, text).shapes == {}

    def test_auto_reads_the_complexity_head(self, tmp_path: Path, beside: str) -> None:
        assert shape(tmp_path, more=beside, endpoint="thinker", use_reasoning="auto").heads == {"complexity"}
        assert made(tmp_path, beside + a_rule(endpoint="thinker", use_reasoning="true")).reads == frozenset()


class TestAdapters:
    MODEL = "models: {base: {provider: onprem, loras: [{name: fine}, {name: other, model: 'base:other'}]}}\n"

    def test_clients_may_name_them(self, tmp_path: Path) -> None:
        assert made(tmp_path, self.MODEL).adapters == {
            "fine": ("base", Lora(name="fine")),
            "other": ("base", Lora(name="other", model="base:other")),
        }

    def test_a_rule_chooses_one(self, tmp_path: Path) -> None:
        found = shape(tmp_path, more=self.MODEL, endpoint="base", lora="other")
        assert found.uses == {"base": Use(lora=Lora(name="other", model="base:other"))}

    def test_a_category_chooses_one(self, tmp_path: Path) -> None:
        text = self.MODEL + category(models="{model: base, score: 1, lora: fine}")
        assert made(tmp_path, text).shapes["category math"].uses == {"base": Use(lora=Lora(name="fine"))}

    @pytest.mark.parametrize(
        ("action", "remedy"),
        [({"lora": "fin"}, "did you mean 'fine'?"), ({"endpoint": "outside", "lora": "fine"}, "list it in")],
    )
    def test_one_that_its_model_does_not_have_is_an_error(
        self, tmp_path: Path, action: dict[str, str], remedy: str
    ) -> None:
        text = self.MODEL + a_rule(**({"endpoint": "base"} | action))
        (problem,) = [p for p in problems(tmp_path, text) if p.severity == "error"]
        assert "is no adapter of" in problem.message
        assert problem.help.startswith(remedy)

    @pytest.mark.parametrize("name", ["outside", "auto", "MoM", "base"])
    def test_its_name_must_be_free(self, tmp_path: Path, name: str) -> None:
        text = f"models: {{base: {{provider: onprem, loras: [{{name: {name}}}]}}}}\n"
        place, message = "models.base.loras[0].name", f"{name!r} is the name of something else already"
        assert said(tmp_path, text) == [(place, message)]

    def test_two_models_cannot_share_one_name(self, tmp_path: Path) -> None:
        text = (
            "models:\n  base: {provider: onprem, loras: [{name: fine}]}\n"
            "  more: {provider: onprem, loras: [{name: fine}]}\n"
        )
        assert [path for path, _ in said(tmp_path, text)] == ["models.more.loras[0].name"]

    @pytest.mark.parametrize("name", ["''", "' '", '"a\\nb"', '"\\0"'])
    def test_its_name_must_be_printable(self, tmp_path: Path, name: str) -> None:
        text = f"models: {{base: {{provider: onprem, loras: [{{name: {name}}}]}}}}\n"
        assert said(tmp_path, text) == [("models.base.loras[0].name", "an adapter needs a printable name")]


class TestPromptsParametersHeaders:
    def test_a_text_is_put_in_front(self, tmp_path: Path) -> None:
        found = shape(tmp_path, "system_prompt: ' Be kind. '")
        assert (found.prompt, found.mode) == ("Be kind.", "insert")

    def test_the_mode_is_the_files(self, tmp_path: Path) -> None:
        found = shape(tmp_path, "system_prompt: {text: Be kind., mode: replace}")
        assert (found.prompt, found.mode) == ("Be kind.", "replace")

    def test_builtin_is_the_prompt_of_the_category(self, tmp_path: Path) -> None:
        text = category("system_prompt: builtin") + a_rule("system_prompt: {builtin: math}")
        policy = made(tmp_path, text)
        assert len(policy.shapes["category math"].prompt) > 40
        assert policy.shapes["category math"].prompt == policy.shapes["r"].prompt

    def test_a_rule_has_no_prompt_of_its_own_to_be_built_in(self, tmp_path: Path) -> None:
        ((path, message),) = said(tmp_path, a_rule("system_prompt: builtin"))
        assert path == "routing_rules[0].system_prompt.builtin"
        assert message == "what this prompt belongs to stands for no domain or intent"

    def test_parameters_stay_as_written(self, tmp_path: Path) -> None:
        found = shape(
            tmp_path, "parameters: {limits: {max_tokens: 100}, defaults: {seed: 1}, blocked: [user]}"
        )
        assert found.parameters == RequestParameters(
            limits={"max_tokens": 100}, defaults={"seed": 1}, blocked=("user",)
        )

    def test_parameters_that_cannot_be_are_errors(self, tmp_path: Path) -> None:
        found = said(tmp_path, a_rule("parameters: {blocked: [messages]}"))
        assert [path for path, _ in found] == ["routing_rules[0].parameters.blocked[0]"]

    def test_headers_are_those_of_both_directions_in_lower_case(self, tmp_path: Path) -> None:
        found = shape(
            tmp_path,
            "headers: {request: {set: {X-Team: blue}, remove: [X-Old]}, response: {remove: [X-Powered]}}",
        )
        assert found.request == Headers((("x-team", "blue"),), ("x-old",))
        assert found.response == Headers((), ("x-powered",))

    def test_a_header_with_credentials_is_an_error_at_its_key(self, tmp_path: Path) -> None:
        ((path, message),) = said(tmp_path, a_rule("headers: {request: {set: {authorization: x}}}"))
        assert path == "routing_rules[0].headers.request.set.authorization"
        assert "carries credentials" in message


class TestTools:
    def catalogue(self, tmp_path: Path, *names: str, file: str = "tools.json") -> None:
        listed: list[Any] = [
            {"tool": {"type": "function", "function": {"name": n, "description": n}}, "description": n}
            for n in names
        ]
        (tmp_path / file).write_text(json.dumps(listed))

    def test_those_of_the_file_hold_where_a_rule_says_nothing(self, tmp_path: Path) -> None:
        policy = made(tmp_path, "tools: {mode: filter, top_k: 3}\n" + a_rule("system_prompt: Be kind."))
        tools = ToolSettings(mode="filter", top_k=3)
        assert policy.shapes[""] == Shape(tools=tools)
        assert policy.shapes["r"].tools == tools

    def test_a_rule_that_says_nothing_at_all_has_the_shape_of_the_file(self, tmp_path: Path) -> None:
        policy = made(tmp_path, "tools: {mode: filter}\n" + a_rule())
        assert list(policy.shapes) == [""]

    def test_a_rule_may_switch_them_off(self, tmp_path: Path) -> None:
        policy = made(tmp_path, "tools: {mode: filter}\n" + a_rule("tools: {mode: 'off'}"))
        assert policy.shapes["r"].tools == ToolSettings(mode="off")

    def test_a_catalogue_is_read_once_relative_to_the_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read: list[Path] = []

        def counted(file: Path) -> object:
            read.append(file)
            return original(file)

        original = shapes.read_catalogue
        monkeypatch.setattr(shapes, "read_catalogue", counted)
        self.catalogue(tmp_path, "weather", "search")
        add = "{mode: add, catalogue: tools.json}"
        policy = made(tmp_path, f"tools: {add}\n" + a_rule(f"tools: {add}") + category(f"tools: {add}"))
        assert read == [tmp_path / "tools.json"]
        catalogue = policy.shapes[""].catalogue
        assert catalogue is not None
        assert [tool.name for tool in catalogue.tools] == ["weather", "search"]

    def test_one_that_nothing_is_added_from_is_not_read(self, tmp_path: Path) -> None:
        found = shape(tmp_path, "tools: {mode: filter, catalogue: nowhere.json}")
        assert found.catalogue is None

    def test_the_tools_of_a_catalogue_are_part_of_the_revision(self, tmp_path: Path) -> None:
        text = "tools: {mode: add, catalogue: tools.json}\n"
        revisions: list[str] = []
        for names in (("weather",), ("search",), ("weather",)):
            self.catalogue(tmp_path, *names)
            revisions.append(made(tmp_path, text).revision)
        assert revisions[0] == revisions[2] != revisions[1]

    @pytest.mark.parametrize(
        ("content", "message"),
        [(None, "tools.json"), ("[", "tools.json:1:"), ("{}", "tools.json"), ("[]", "no tools")],
    )
    def test_one_that_cannot_be_read_is_an_error_at_the_key_that_names_it(
        self, tmp_path: Path, content: str | None, message: str
    ) -> None:
        if content is not None:
            (tmp_path / "tools.json").write_text(content)
        for text, path in (
            ("tools: {mode: add, catalogue: tools.json}\n", "tools.catalogue"),
            (a_rule("tools: {mode: add, catalogue: tools.json}"), "routing_rules[0].tools.catalogue"),
        ):
            found = said(tmp_path, text)
            assert found
            assert all(where == path and message in told for where, told in found)


class TestChoice:
    @pytest.mark.parametrize(
        ("written", "method"),
        [
            ("scored", Scored()),
            ("{type: scored, weights: {cost: 1}}", Scored(weights=Weights(cost=1))),
            ("cheapest_above", CheapestAbove()),
            ("{type: cheapest_above, quality: 0.5}", CheapestAbove(quality=0.5)),
            ("{type: canary}", Canary()),
        ],
    )
    def test_a_name_alone_is_a_block_with_nothing_in_it(
        self, tmp_path: Path, written: str, method: object
    ) -> None:
        picks = "[{model: outside, percent: 10}, outside-too]"
        found = choice(tmp_path, f"select: {written}", endpoint="", endpoints=picks)
        assert found.method == method

    @pytest.mark.parametrize("written", ["static", "~", "{type: static}"])
    def test_the_order_of_the_rule_is_no_choice(self, tmp_path: Path, written: str) -> None:
        assert made(tmp_path, a_rule(f"select: {written}")).choices == {}

    @pytest.mark.parametrize(
        "written", ["best", "{type: best}", "{weights: {}}", "{type: scored, weight: 1}"]
    )
    def test_a_method_nobody_knows_is_an_error(self, tmp_path: Path, written: str) -> None:
        found = said(tmp_path, a_rule(f"select: {written}"))
        assert found
        assert all(path.startswith("routing_rules[0].select") for path, _ in found)

    @pytest.mark.parametrize("written", ["[scored]", "3"])
    def test_what_is_neither_name_nor_block_is_an_error(self, tmp_path: Path, written: str) -> None:
        assert said(tmp_path, a_rule(f"select: {written}"))

    def test_figures_out_of_range_are_errors_at_their_key(self, tmp_path: Path) -> None:
        text = a_rule("select: {type: scored, weights: {quality: -1}}", "sticky: {margin: 2}")
        assert [path for path, _ in said(tmp_path, text)] == [
            "routing_rules[0].select.weights.quality", "routing_rules[0].sticky.margin",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("written", "sticky"),
        [("true", Sticky()), ("{}", Sticky()), ("{margin: 0.3}", Sticky(margin=0.3))],
    )
    def test_a_conversation_may_keep_its_model(self, tmp_path: Path, written: str, sticky: Sticky) -> None:
        found = choice(tmp_path, f"sticky: {written}")
        assert (found.sticky, found.method, found.remembers) == (sticky, Static(), True)

    def test_what_a_model_must_be_able_to_do_is_a_choice(self, tmp_path: Path) -> None:
        found = choice(tmp_path, "requires: [web_search]")
        assert (found.requires, found.remembers) == (("web_search",), False)

    def test_what_is_known_of_a_model_is_a_choice(self, tmp_path: Path) -> None:
        models = (
            "models: {small: {provider: cloud, context_window: 1000, max_output_tokens: 10,"
            " price: {input: 1, output: 2}, capabilities: {tools: false}}}\n"
        )
        found = choice(tmp_path, more=models, endpoint="small")
        (candidate,) = found.candidates
        assert candidate.profile == Profile(1000, 10, Capabilities(tools=False), Price(input=1, output=2))

    def test_candidates_of_a_rule_keep_its_order_scores_and_shares(self, tmp_path: Path) -> None:
        picks = "[outside, {model: outside-too, score: 0.7, percent: 10}]"
        found = choice(tmp_path, "select: canary", endpoint="", endpoints=picks)
        assert [(c.endpoint.name, c.score, c.percent) for c in found.candidates] == [
            ("outside", None, None), ("outside-too", 0.7, 10),
        ]  # fmt: skip

    def test_candidates_of_a_category_are_its_models_the_best_first(self, tmp_path: Path) -> None:
        text = category("select: scored", models="{model: outside, score: 1}, {model: outside-too, score: 2}")
        found = made(tmp_path, text).choices["category math"]
        assert [(c.endpoint.name, c.score) for c in found.candidates] == [("outside-too", 2), ("outside", 1)]


class TestLevels:
    def test_a_rule_and_a_category_may_have_guards_of_their_own(self, tmp_path: Path) -> None:
        text = a_rule("pii: {action: block}") + category("prompt_guard: {enabled: true}")
        assert list(made(tmp_path, text).guards) == ["", "r", "category math"]

    def test_a_level_that_says_nothing_still_asks_for_the_guard(self, tmp_path: Path) -> None:
        (check,) = made(tmp_path, a_rule("pii: {}")).guards["r"]["inside"]
        assert (check.guard, check.action, check.is_default) == ("pii", "block", False)


def test_a_rule_that_is_wrong_elsewhere_is_still_read_to_the_end(tmp_path: Path) -> None:
    text = a_rule("system_prompt: {builtin: maths}", "headers: {request: {remove: [cookie]}}", "select: best")
    assert [path for path, _ in said(tmp_path, text)] == [
        "routing_rules[0].system_prompt.builtin",
        "routing_rules[0].headers.request.remove[0]",
        "routing_rules[0].select.type",
    ]


def test_paths_are_relative_to_the_first_file(tmp_path: Path) -> None:
    below = tmp_path / "below"
    below.mkdir()
    listed = [{"tool": {"type": "function", "function": {"name": "find"}}, "description": "find"}]
    (tmp_path / "tools.json").write_text(json.dumps(listed))
    text = """\
        providers: {p: {kind: vllm, base_url: "http://10.0.0.5:8000/v1"}}
        models: {m: {provider: p}}
        """
    first = write(tmp_path, first=text)
    second = write(below, second="tools: {mode: add, catalogue: tools.json}\n")
    assert load([*first, *second], {}).policy.shapes[""].catalogue is not None


def test_the_default_model_too_may_lack_what_a_request_needs(tmp_path: Path) -> None:
    text = "models: {plain: {provider: onprem, capabilities: {tools: false}}}\ndefault_model: plain\n"
    beside = BESIDE.replace("default_model: outside\n", "")
    policy = load(write(tmp_path, rules=text, beside=beside), ENVIRON).policy
    (choosing,) = policy.choices.values()
    assert [c.profile.capabilities.tools for c in choosing.candidates] == [False]
    assert not loads(tmp_path, "keywords: {}\n").policy.choices
