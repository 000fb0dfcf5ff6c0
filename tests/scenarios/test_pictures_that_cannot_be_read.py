"""Nobody can look for words in a picture; `unscannable` says what that means where a rule must read all."""

import pytest

from tests.scenarios.story import policy, says, seen_with_a_picture
from waypost.policy import Policy
from waypost.testing.playbook import Playbook, forwarded, refused

BASE = """
providers:
  onprem: {kind: vllm, base_url: "http://10.0.0.5:8000/v1", zone: internal}
  lab: {kind: vllm, base_url: "http://10.0.1.5:8000/v1", zone: lab}
  openai: {kind: openai, api_key: from-the-vault}
models:
  internal-ai: {provider: onprem, name: qwen3-32b}
  internal-vision: {provider: lab, name: qwen3-vl}
  gpt: {provider: openai, name: gpt-4o}
routing_rules:
  - name: patients-stay-inside
    conditions: [{type: keyword_match, keywords: [patient]}]
    action: {type: route, endpoint: internal-ai, boundary: [internal, lab], on_explicit: ON_EXPLICIT}
default_model: gpt
"""

PHOTO = says(seen_with_a_picture("What is this?"))


def clinic(unscannable: str = "", on_explicit: str = "reroute") -> Policy:
    return policy(f"{BASE.replace('ON_EXPLICIT', on_explicit)}\n{unscannable}")


def test_without_a_setting_the_picture_stays_inside() -> None:
    outcome = Playbook(clinic(), PHOTO).ends(forwarded("internal-ai", by="patients-stay-inside"))
    assert outcome.decision.failed_closed
    assert outcome.decision.because == "1 part could not be read (image)"


def test_reroute_sends_it_to_the_zone_that_may_see_it() -> None:
    made = clinic("unscannable: {reroute: lab}")
    Playbook(made, PHOTO).ends(forwarded("internal-vision", by="patients-stay-inside"))


def test_reroute_to_a_zone_outside_the_boundary_is_not_followed() -> None:
    made = clinic("unscannable: {reroute: external}")
    Playbook(made, PHOTO).ends(forwarded("internal-ai", by="patients-stay-inside"))


def test_block_refuses_it() -> None:
    made = clinic("unscannable: block")
    Playbook(made, PHOTO).ends(refused(403, "unscannable_content", by="patients-stay-inside"))


def test_allow_reads_what_can_be_read_and_lets_the_rest_pass() -> None:
    made = clinic("unscannable: allow")
    Playbook(made, PHOTO).ends(forwarded("gpt", by="semantic_classification"))
    known = says(seen_with_a_picture("My patient has this rash"))
    Playbook(made, known).ends(forwarded("internal-ai", by="patients-stay-inside"))


@pytest.mark.parametrize(
    "setting", ["", "unscannable: block", "unscannable: {reroute: lab}", "unscannable: allow"]
)
def test_words_beside_the_picture_decide_as_always(setting: str) -> None:
    known = says(seen_with_a_picture("My patient has this rash"))
    Playbook(clinic(setting), known).ends(forwarded("internal-ai", by="patients-stay-inside"))


@pytest.mark.parametrize(
    ("on_explicit", "setting"), [("reroute", ""), ("reroute", "unscannable: {reroute: lab}")]
)
def test_a_named_model_outside_does_not_get_the_picture(on_explicit: str, setting: str) -> None:
    photo = says(seen_with_a_picture("What is this?"), model="gpt")
    target = "internal-vision" if setting else "internal-ai"
    Playbook(clinic(setting, on_explicit), photo).ends(forwarded(target, by="patients-stay-inside"))


def test_a_strict_rule_refuses_a_named_model_outside_instead() -> None:
    photo = says(seen_with_a_picture("What is this?"), model="gpt")
    made = clinic("unscannable: {reroute: lab}", on_explicit="refuse")
    Playbook(made, photo).ends(refused(403, "model_outside_boundary", by="patients-stay-inside"))


def test_a_named_model_inside_gets_it() -> None:
    photo = says(seen_with_a_picture("What is this?"), model="internal-ai")
    Playbook(clinic(), photo).ends(forwarded("internal-ai", by="patients-stay-inside"))


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"}},
        {"type": "video_url", "video_url": {"url": "https://example.com/v.mp4"}},
        {"type": "something_new", "something": "else"},
    ],
)
def test_sound_files_and_whatever_comes_next_are_pictures_too(part: dict[str, object]) -> None:
    Playbook(clinic(), says([{"type": "text", "text": "hello"}, part])).ends(
        forwarded("internal-ai", by="patients-stay-inside")
    )
