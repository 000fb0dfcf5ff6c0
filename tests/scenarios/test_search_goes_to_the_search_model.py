"""Questions about news go to a model that can search the web: a preference, not a promise."""

import pytest

from tests.scenarios.story import policy, says, seen_with_a_picture, sends
from waypost.journey import Forward
from waypost.testing.playbook import Playbook, forwarded

NEWS = policy("""
providers:
  search: {kind: openai_compatible, base_url: "https://search.example.com/v1", api_key: from-the-vault}
  openai: {kind: openai, api_key: from-the-vault}
models:
  search-enabled-provider: {provider: search, name: sonar}
  gpt: {provider: openai, name: gpt-4o}
routing_rules:
  - name: needs-the-web
    conditions:
      - {type: keyword_match, keywords: [search, "look up", latest, news]}
    action: {type: route, endpoints: [search-enabled-provider, gpt], reasoning: Asks for what happened lately}
default_model: gpt
""")

SEARCH = forwarded("search-enabled-provider", "gpt", by="needs-the-web")
DEFAULT = forwarded("gpt", by="semantic_classification")


@pytest.mark.parametrize(
    "text", ["What is the latest on Mars?", "Look up the train to Basel", "news, please"]
)
def test_questions_about_news_go_to_the_search_model_first(text: str) -> None:
    outcome = Playbook(NEWS, says(text)).ends(SEARCH)
    assert isinstance(outcome, Forward)
    assert outcome.selection.boundary is None


def test_a_named_model_is_not_overridden_by_a_preference() -> None:
    Playbook(NEWS, says("the latest news", model="gpt")).ends(forwarded("gpt", by="explicit_model"))


def test_a_picture_does_not_hide_the_words_beside_it() -> None:
    Playbook(NEWS, says(seen_with_a_picture("any news about this?"))).ends(SEARCH)
    Playbook(NEWS, says(seen_with_a_picture("what is this?"))).ends(DEFAULT)


def test_words_of_the_system_prompt_do_not_count_as_the_users() -> None:
    request = sends(
        {"role": "system", "content": "You may search the news."}, {"role": "user", "content": "hello"}
    )
    Playbook(NEWS, request).ends(DEFAULT)
