from waypost.selection.base import Candidate, Facts
from waypost.selection.static import Static
from waypost.testing.policies import endpoints

KNOWN = endpoints({"a": "external", "b": "external"})
SCORED = (Candidate(KNOWN["a"], score=0.5), Candidate(KNOWN["b"], score=0.9))
PLAIN = tuple(Candidate(endpoint) for endpoint in KNOWN.values())


def test_the_score_is_the_one_that_was_written() -> None:
    assert [judged.score for judged in Static().judge(SCORED, Facts(), {})] == [0.5, 0.9]
    assert [judged.score for judged in Static().judge(PLAIN, Facts(), {})] == [None, None]


def test_what_a_conversation_keeps_gets_the_margin_and_shows_it() -> None:
    kept, other = Static().judge(SCORED, Facts(), {"a": 0.25})
    assert (kept.score, dict(kept.parts)) == (0.75, {"kept": 0.25})
    assert (other.score, dict(other.parts)) == (0.9, {})
    assert [judged.score for judged in Static().judge(PLAIN, Facts(), {"b": 0.1})] == [None, 0.1]


def test_it_reads_no_head_and_has_nothing_to_find_fault_with() -> None:
    assert Static().heads == frozenset()
    assert not list(Static().lint(PLAIN))
    assert Static().why(Facts())
