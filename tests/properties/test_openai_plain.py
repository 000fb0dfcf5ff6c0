"""What is taken out for a model of OpenAI's own, in the client's bytes: that, and nothing else."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from waypost.dialects.openai_plain import exactly, fitted
from waypost.dialects.spans import top_level

MODELS = ["gpt-4o", "gpt-5", "o3-mini", "gpt-5.2", "our-deployment"]
NAMES = (
    *("temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs"),
    *("top_logprobs", "stop", "reasoning_effort", "top_k", "max_tokens", "max_completion_tokens"),
)
OTHERS = ("model", "messages", "seed", "x", "Temperature", 'a "stop"', "é")

scalars = st.none() | st.booleans() | st.integers(-3, 300) | st.sampled_from([0.5, 1.0, "none", "low", "é\n"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from([*NAMES, "y"]), inner),
    max_leaves=8,
)
documents = st.dictionaries(st.sampled_from([*NAMES, *OTHERS]), values, max_size=10)
spaces = st.text(" \t\n\r", max_size=3)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, dict[str, Any]]:
    """An object with white space of a client's own, and what it says."""
    document = draw(documents)
    ascii_only = draw(st.booleans())

    def text(value: Any) -> str:
        return json.dumps(value, ensure_ascii=ascii_only, indent=draw(st.sampled_from([None, 2])))

    members = [
        f"{draw(spaces)}{json.dumps(name)}{draw(spaces)}:{draw(spaces)}{text(value)}{draw(spaces)}"
        for name, value in document.items()
    ]
    return f"{draw(spaces)}{{{','.join(members)}}}{draw(spaces)}".encode(), document


def members(body: bytes) -> dict[str, bytes]:
    return {name: body[start:end] for name, start, end in top_level(body)}


@given(bodies(), st.sampled_from(MODELS))
def test_a_fitted_body_says_what_the_model_takes(found: tuple[bytes, dict[str, Any]], model: str) -> None:
    body, document = found
    made, notes = fitted(body, model)
    told, same_notes = exactly(document, model)
    assert (json.loads(made), notes) == (told, same_notes)
    assert (made is body) == (told == document)


@given(bodies(), st.sampled_from(MODELS))
def test_what_stays_keeps_its_bytes_and_its_place(found: tuple[bytes, dict[str, Any]], model: str) -> None:
    body, document = found
    made, _ = fitted(body, model)
    before, after = members(body), members(made)
    kept = [name for name in after if name in before and json.loads(after[name]) == document[name]]
    assert all(after[name] == before[name] for name in kept)
    assert [name for name in before if name in kept] == kept
    assert {name for name in (*before, *after) if name not in kept} <= set(NAMES)
    assert fitted(made, model)[0] is made
