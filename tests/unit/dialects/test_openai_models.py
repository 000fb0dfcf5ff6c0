"""What a name tells about a model of OpenAI's."""

import pytest

from waypost.dialects.openai_models import Family, family_of

PLAIN = Family(thinks=False)
THINKING = Family(samples="never", stops=False, old_limit=False)
LATER = Family(samples="unthinking", stops=False, old_limit=False)


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("gpt-3.5-turbo", PLAIN),
        ("gpt-4", PLAIN),
        ("gpt-4o-2024-11-20", PLAIN),
        ("GPT-4.1-mini", PLAIN),
        ("chatgpt-4o-latest", PLAIN),
        ("ft:gpt-4o-mini-2024-07-18:acme::abc", PLAIN),
        ("gpt-5-chat-latest", PLAIN),
        ("o1", THINKING),
        ("o3-mini", THINKING),
        ("o4-mini-2025-04-16", THINKING),
        ("gpt-5", THINKING),
        ("gpt-5-nano-2025-08-07", THINKING),
        ("gpt-5.1", LATER),
        ("gpt-5.2-pro", LATER),
        ("gpt-40", Family()),
        ("gpt-6", Family()),
        ("gpt-oss-120b", Family()),
        ("o3x", Family()),
        ("our-deployment", Family()),
        ("", Family()),
    ],
)
def test_families(model: str, family: Family) -> None:
    assert family_of(model) == family
