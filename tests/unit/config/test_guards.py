"""Guards of every level of a file as checks of every endpoint."""

from pathlib import Path

import pytest

from tests.unit.config.world import errors, loads, remarks
from waypost.guards.judge import Check
from waypost.policy import Policy
from waypost.signals.jailbreak import JailbreakDetection
from waypost.signals.pii import PiiDetection

RULE = """routing_rules:
  - name: refunds
    conditions: [{type: keyword_match, keywords: [refund]}]
    action: {type: route, endpoint: outside}
"""


def made(tmp_path: Path, text: str) -> Policy:
    return loads(tmp_path, text).policy


def check(policy: Policy, endpoint: str, key: str = "", guard: str = "pii") -> Check | None:
    return next((c for c in policy.guards[key][endpoint] if c.guard == guard), None)


def question(policy: Policy, endpoint: str, key: str = "") -> PiiDetection:
    found = check(policy, endpoint, key)
    assert found is not None
    signal = policy.signals[found.signal]
    assert isinstance(signal, PiiDetection)
    return signal


def test_zones_called_external_are_protected_where_nothing_is_said(tmp_path: Path) -> None:
    policy = made(tmp_path, "keywords: {}\n")
    assert check(policy, "outside") == Check("pii", "pii", "mask_restore", is_default=True)
    assert not policy.guards[""]["inside"]
    signal = question(policy, "outside")
    assert not signal.heads
    assert signal.unreadable == "ignore"


@pytest.mark.parametrize("text", ["pii: {enabled: false}\n", "pii: {action: allow}\n"])
def test_the_protection_can_be_switched_off(tmp_path: Path, text: str) -> None:
    policy = made(tmp_path, text)
    assert not any(policy.guards[""].values())
    assert "pii" not in policy.signals


def test_a_guard_of_the_file_stands_in_front_of_every_model_and_reads_everything(tmp_path: Path) -> None:
    policy = made(tmp_path, "pii: {threshold: 0.8}\n")
    assert check(policy, "outside") == check(policy, "inside") == Check("pii", "pii", "block")
    signal = question(policy, "inside")
    assert (signal.threshold, signal.scope, signal.unreadable) == (0.8, "all", "fail")
    assert signal.heads == {"pii"}
    assert policy.learned_guards == ("pii",)


def test_narrower_levels_win_key_by_key(tmp_path: Path) -> None:
    text = (
        "pii: {action: block, threshold: 0.9}\nzones: {internal: {pii: {action: mask}}}\n"
        + RULE
        + "    pii: {threshold: 0.5, types: [IBAN_CODE]}\n"
    )
    policy = made(tmp_path, text)
    assert (check(policy, "inside") or Check("pii", "", "allow")).action == "mask"
    assert question(policy, "inside").threshold == 0.9
    assert (check(policy, "inside", "refunds") or Check("pii", "", "allow")).action == "mask"
    assert (question(policy, "inside", "refunds").threshold, question(policy, "inside", "refunds").types) == (
        0.5,
        ("IBAN_CODE",),
    )


@pytest.mark.parametrize("guard", ["pii", "prompt_guard"])
def test_a_reroute_of_a_rule_or_file_leads_away_from_outside_alone(tmp_path: Path, guard: str) -> None:
    says = f"{guard}: {{action: reroute}}\n"
    for text, key in ((RULE + f"    {says}", "refunds"), (says.replace("{", "{enabled: true, "), "")):
        policy = made(tmp_path, text)
        assert (check(policy, "outside", key, guard) or Check("pii", "", "allow")).action == "reroute"
        assert check(policy, "inside", key, guard) is None


def test_where_a_reroute_leads_the_next_wider_level_still_counts(tmp_path: Path) -> None:
    policy = made(tmp_path, "pii: {action: mask}\n" + RULE + "    pii: {action: reroute, threshold: 0.5}\n")
    inside = check(policy, "inside", "refunds")
    assert inside is not None
    assert inside.action == "mask"
    assert question(policy, "inside", "refunds").threshold == 0.5


def test_a_zone_that_reroutes_means_itself(tmp_path: Path) -> None:
    policy = made(tmp_path, "zones: {internal: {pii: {action: reroute}}}\n")
    assert (check(policy, "inside") or Check("pii", "", "allow")).action == "reroute"


def test_a_model_can_be_exempted_and_an_allowed_type_is_not_looked_for(tmp_path: Path) -> None:
    policy = made(tmp_path, "zones: {external: {pii: {allowed_types: [PERSON], action: block}}}\n")
    types = question(policy, "outside").types
    assert types is not None
    assert "PERSON" not in types
    assert "EMAIL_ADDRESS" in types


def test_equal_settings_share_one_question(tmp_path: Path) -> None:
    text = "zones: {external: {pii: {action: mask}}, internal: {pii: {action: block}}}\n"
    policy = made(tmp_path, text)
    first, second = check(policy, "outside"), check(policy, "inside")
    assert first is not None
    assert second is not None
    assert first.signal == second.signal
    assert (first.action, second.action) == ("mask", "block")


def test_pictures_are_let_through_where_the_file_says_so(tmp_path: Path) -> None:
    assert question(made(tmp_path, "unscannable: allow\npii: {}\n"), "outside").unreadable == "ignore"


def test_the_guard_against_attacks(tmp_path: Path) -> None:
    policy = made(tmp_path, "prompt_guard: {enabled: true, threshold: 0.8, action: annotate}\n" + RULE)
    assert check(policy, "inside", guard="prompt_guard") == Check("prompt_guard", "prompt_guard", "annotate")
    signal = policy.signals["prompt_guard"]
    assert isinstance(signal, JailbreakDetection)
    assert (signal.threshold, signal.scope) == (0.8, "all")


def test_the_guard_can_be_off_for_one_rule_or_on_for_it_alone(tmp_path: Path) -> None:
    off = made(tmp_path, "prompt_guard: {enabled: true}\n" + RULE + "    prompt_guard: {enabled: false}\n")
    assert check(off, "outside", "refunds", "prompt_guard") is None
    assert check(off, "outside", "", "prompt_guard") is not None
    on = made(tmp_path, RULE + "    prompt_guard: {threshold: 0.3}\n")
    assert check(on, "outside", "refunds", "prompt_guard") is not None
    assert check(on, "outside", "", "prompt_guard") is None


def test_how_attacks_are_looked_for_is_said_at_any_level(tmp_path: Path) -> None:
    text = (
        "prompt_guard: {enabled: true, document_threshold: 0.3, patterns: [open sesame]}\n"
        "zones: {internal: {prompt_guard: {method: patterns}}}\n"
        + RULE
        + "    prompt_guard: {document_threshold: 0.9, patterns: []}\n"
    )
    policy = made(tmp_path, text)

    def asked(endpoint: str, key: str = "") -> JailbreakDetection:
        found = check(policy, endpoint, key, "prompt_guard")
        assert found is not None
        signal = policy.signals[found.signal]
        assert isinstance(signal, JailbreakDetection)
        return signal

    wide, inside, own = asked("outside"), asked("inside"), asked("outside", "refunds")
    assert (wide.method, wide.threshold, wide.document_threshold) == ("hybrid", 0.5, 0.3)
    assert (wide.patterns, inside.patterns, own.patterns) == (("open sesame",), ("open sesame",), ())
    assert (inside.method, inside.document_threshold) == ("patterns", 0.3)
    assert own.document_threshold == 0.9
    assert not inside.heads


def test_patterns_that_are_none_are_errors_at_their_place(tmp_path: Path) -> None:
    found = errors(tmp_path, 'prompt_guard: {enabled: true, patterns: [fine, "***"]}\n')
    assert any("no letter or digit" in message for _, _, message in found)
    assert errors(tmp_path, "prompt_guard: {enabled: true, method: magic}\n")


def test_a_zone_without_models_is_remarked(tmp_path: Path) -> None:
    text = "zones: {intrnal: {pii: {action: block}}}\n"
    assert any("no model is in zone 'intrnal'" in remark for remark in remarks(tmp_path, text))


def test_wrong_keys_types_and_thresholds_are_errors_at_their_place(tmp_path: Path) -> None:
    found = errors(tmp_path, "pii: {action: delete, treshold: 1}\n")
    assert any("must be" in message for _, _, message in found)
    assert any("treshold" in message for _, _, message in found)
    assert any("EMAILS" in message for _, _, message in errors(tmp_path, "pii: {types: [EMAILS]}\n"))
    assert errors(tmp_path, "pii: {threshold: 7}\n")
