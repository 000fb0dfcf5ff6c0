from pathlib import Path

import pytest

from tests.unit.config.world import ENVIRON, errors, loads, problems, remarks, write
from waypost.cases import Case
from waypost.config.load import load
from waypost.config.settings import Address
from waypost.encoder.settings import EncoderSettings
from waypost.errors import ConfigError


def test_settings(tmp_path: Path) -> None:
    text = """\
        listen: 0.0.0.0:80
        admin: '[::1]:9000'
        state_dir: state
        audit: {durability: always}
        timeouts: {connect_seconds: "${SECONDS:-3}"}
        max_body_bytes: 2048
        """
    settings = loads(tmp_path, text).settings
    assert (settings.listen, settings.admin) == (Address("0.0.0.0", 80), Address("::1", 9000))
    assert settings.state_dir == tmp_path / "state"
    assert settings.audit.durability == "always"
    assert settings.timeouts.connect_seconds == 3
    assert settings.max_body_bytes == 2048


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"HOME": "/home/op"}, "/home/op/.local/state/waypost"),
        ({"HOME": "/home/op", "XDG_STATE_HOME": "/var/state"}, "/var/state/waypost"),
    ],
)
def test_state_folder_follows_the_environment(tmp_path: Path, environ: dict[str, str], folder: str) -> None:
    assert loads(tmp_path, "timeouts: {}", {"KEY": "k"} | environ).settings.state_dir == Path(folder)


@pytest.mark.parametrize(
    "address", ["8801", "host", "host:0", "host:65536", "host:x", "::1:80", "'a b:1'", "':80'"]
)
def test_wrong_address(tmp_path: Path, address: str) -> None:
    (found,) = errors(tmp_path, f"listen: {address}\n")
    assert found[:2] == (1, 9)


def test_two_listeners_on_one_address(tmp_path: Path) -> None:
    assert errors(tmp_path, "listen: 127.0.0.1:1\nadmin: 127.0.0.1:1\n") == [
        (2, 8, "'listen' and 'admin' are the same address")
    ]


@pytest.mark.parametrize(
    ("text", "message", "help_"),
    [
        ("routing_ruls: []", "unknown key 'routing_ruls'", "did you mean 'routing_rules'?"),
        ("decisions: []", "unknown key 'decisions'",
         "this is a key of vLLM Semantic Router files, which this version does not load"),
    ],
)  # fmt: skip
def test_unknown_top_level_key(tmp_path: Path, text: str, message: str, help_: str) -> None:
    (problem,) = problems(tmp_path, text)
    assert (problem.line, problem.column, problem.message, problem.help) == (1, 1, message, help_)


def test_all_errors_come_at_once_sorted_by_place(tmp_path: Path) -> None:
    text = """\
        listen: nowhere
        providers: {p: {kind: vlm}}
        models: {m: {provider: q}}
        routing_rules:
          - name: r
            conditions: [{type: keyword_match, lists: [nope]}]
            action: {type: route, endpoint: nope}
        unscannable: {reroute: nowhere}
        trusted_hops: [x]
        test_cases: [{input: 3}]
        lisen: 1
        """
    assert [e[0] for e in errors(tmp_path, text)] == [1, 2, 3, 6, 7, 8, 9, 10, 11]


def test_names_of_blocks_that_failed_are_not_missed_by_test_cases(tmp_path: Path) -> None:
    text = """\
        routing_rules:
          - name: r
            conditions: [{type: keyword_match, keywords: [a1]}]
            action: {type: route, endpoint: insde}
        test_cases: [{input: x, expected_rule: r}]
        """
    (problem,) = problems(tmp_path, text)
    assert problem.help == "did you mean 'inside'?"


def test_file_that_cannot_be_read_is_no_reason_for_other_errors(tmp_path: Path) -> None:
    paths = write(tmp_path, a="default_model: m\n")
    with pytest.raises(ConfigError) as caught:
        load([*paths, tmp_path / "nope.yaml"], {})
    assert [p.message for p in caught.value.problems] == [
        f"{str(tmp_path / 'nope.yaml')!r} cannot be read: No such file or directory"
    ]


def test_test_cases(tmp_path: Path) -> None:
    text = """\
        test_cases:
          - {input: hello, expected_endpoint: semantic_classification, expected_reasoning: x, strict: true}
          - {input: [{role: system, content: s}, {role: user, content: u}], expected_action: route,
             expected_rule: r}
        """
    first, second = loads(tmp_path, text).test_cases
    assert first == Case(({"role": "user", "content": "hello"},), "semantic_classification", "x", strict=True)
    assert [m["role"] for m in second.messages] == ["system", "user"]
    assert (second.rule, second.action) == ("r", "route")


@pytest.mark.parametrize(
    ("case", "severity", "message"),
    [
        ("{input: a}", "error", "the case expects nothing"),
        ("{input: [{content: a}], expected_action: block}", "error", "a message needs a 'role'"),
        ("{input: a, expected_endpoint: insde}", "warning", "'insde' does not exist"),
        ("{input: a, expected_rule: nope}", "warning", "'nope' does not exist"),
        ("{input: a, expected_category: maths}", "warning", "'maths' does not exist"),
        ("{input: a, expected_endpont: inside}", "error", "unknown key 'expected_endpont'"),
    ],
)
def test_odd_test_case(tmp_path: Path, case: str, severity: str, message: str) -> None:
    (problem,) = problems(tmp_path, f"test_cases:\n  - {case}\n")
    assert (problem.line, problem.severity, problem.message) == (2, severity, message)


def test_a_case_may_expect_a_category(tmp_path: Path) -> None:
    text = """\
        categories:
          - {name: math, model_scores: [{model: outside, score: 1}]}
          - {name: other, model_scores: [{model: outside, score: 1}]}
        test_cases:
          - {input: a, expected_category: math}
          - {input: a, expected_category: other, expected_rule: semantic_classification}
        """
    loaded = loads(tmp_path, text)
    assert [case.category for case in loaded.test_cases] == ["math", "other"]
    assert loaded.problems == ()


def test_the_classifiers_have_settings(tmp_path: Path) -> None:
    text = "encoder: {artefact: models/own, threads: 2, deadline_seconds: 1.5}\n"
    settings = loads(tmp_path, text).settings
    assert settings.encoder.artefact == tmp_path / "models/own"
    assert (settings.encoder.threads, settings.encoder.deadline_seconds) == (2, 1.5)
    assert loads(tmp_path, "timeouts: {}").settings.encoder == EncoderSettings()
    assert errors(tmp_path, "encoder: {threads: 0}") == [(1, 20, "threads must be between 1 and 256")]
    assert errors(tmp_path, "encoder: {thread: 1}") == [(1, 11, "unknown key 'thread'")]


def test_nothing_that_is_said_or_shown_holds_a_secret(tmp_path: Path) -> None:
    text = """\
        providers:
          p: {kind: openai, api_key: CANARY-literal-key}
          q: {kind: nope, api_kye: CANARY-typo}
          "${KEY}": {kind: ollama}
        default_model: ${KEY}
        auto_model_names: [auto]
        routing_rules:
          - name: ${KEY}
            conditions: [{type: keyword_match, keywords: [x], lists: ["${KEY}"]}]
            action: {type: "${KEY}", endpoint: CANARY-literal-key}
        """
    environ = ENVIRON | {"KEY": "CANARY-from-env é"}
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, a=text), environ)
    error = caught.value
    said = (
        "\n".join(f"{p.message} {p.help} {p.path}" for p in error.problems) + str(error) + str(error.sources)
    )
    assert "CANARY-typo" not in said
    assert "from-env" not in said
    assert not any("literal-key" in p.message + p.help for p in error.problems)


def test_secret_does_not_print_itself(tmp_path: Path) -> None:
    loaded = loads(tmp_path, "timeouts: {}")
    assert ENVIRON["KEY"] not in repr(loaded)
    key = loaded.policy.providers["cloud"].account.keys[0]
    assert key is not None
    assert key.reveal() == ENVIRON["KEY"]


def test_a_case_may_expect_a_guard_that_there_is(tmp_path: Path) -> None:
    expected = "test_cases:\n  - {{input: a, expected_rule: {}}}\n"
    assert problems(tmp_path, expected.format("pii")) == []  # the default of external zones
    assert problems(tmp_path, "prompt_guard: {enabled: true}\n" + expected.format("prompt_guard")) == []
    (problem,) = problems(tmp_path, expected.format("prompt_guard"))
    assert problem.message == "'prompt_guard' does not exist"


def test_a_deadline_that_envoy_does_not_wait_for_is_remarked(tmp_path: Path) -> None:
    assert remarks(tmp_path, "encoder: {deadline_seconds: 9}\n") == []
    (remark,) = remarks(tmp_path, "encoder: {deadline_seconds: 10}\n")
    assert remark.startswith("warning: Envoy waits 10 s for an answer")


def test_fallbacks_are_models_named_once(tmp_path: Path) -> None:
    assert loads(tmp_path, "fallbacks: [outside-too, inside]").policy.fallbacks == ("outside-too", "inside")
    told = [problem.message for problem in problems(tmp_path, "fallbacks: [inside, nobody, inside]\n")]
    assert told == ["endpoint 'nobody' is not a model", "'inside' is listed twice"]
    revisions = {
        loads(tmp_path, text).policy.revision
        for text in ("costs: {}", "fallbacks: [inside]", "fallbacks: []")
    }
    assert len(revisions) == 2
