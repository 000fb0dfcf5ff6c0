"""The semantic fallback: whatever is found, exactly one category decides, or the one for the rest."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from waypost.decision.engine import SEMANTIC, Rule
from waypost.decision.expr import Is
from waypost.journey import route
from waypost.needs import Encode, Failed
from waypost.policy import Policy
from waypost.signals.base import Encoded, Examples, Likeness
from waypost.signals.category import NAMED, Category, Entry, ranking
from waypost.testing.playbook import drive
from waypost.testing.policies import chat, policy, route_to
from waypost.testing.signals import FakeEncoder

DOMAINS = ("math", "law", "health", "other")
INTENTS = ("analysis", "translation", "general_chat")
TEXTS = ("one", "two", "three")

shares = st.lists(st.floats(0, 1), min_size=4, max_size=4)
chances = st.sampled_from([0.0, 0.2, 0.5, 0.5, 0.8, 1.0]) | st.floats(0, 1)


def softmax(labels: Sequence[str], weights: Sequence[float]) -> dict[str, float]:
    """Weights as probabilities of the labels."""
    used = [weight + 0.01 for weight in weights[: len(labels)]]
    return {label: weight / sum(used) for label, weight in zip(labels, used, strict=True)}


@st.composite
def entries(draw: st.DrawFn, *, names: Sequence[str] = ("a", "b", "c", "d")) -> tuple[Entry, ...]:
    """Categories of one file: each bound to something, in any order."""
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    return tuple(draw(entry(name)) for name in chosen)


@st.composite
def entry(draw: st.DrawFn, name: str) -> Entry:
    domains = draw(st.lists(st.sampled_from(DOMAINS), max_size=2, unique=True).map(tuple))
    intents = draw(st.lists(st.sampled_from(INTENTS), max_size=2, unique=True).map(tuple))
    # Examples are a category's own: the same ones twice would be told apart by nothing.
    examples = (f"{name} {draw(st.sampled_from(TEXTS))}",) if draw(st.booleans()) else ()
    if not (domains or intents or examples):
        domains = ("math",)
    threshold = draw(st.sampled_from([0.3, 0.5, 0.5, 0.9]))
    return Entry(name=name, domains=domains, intents=intents, examples=examples, threshold=threshold)


@st.composite
def finds(draw: st.DrawFn, known: tuple[Entry, ...]) -> Encoded:
    """What an encoder may have found."""
    heads = {"domain": softmax(DOMAINS, draw(shares)), "intent": softmax(INTENTS, draw(shares))}
    likenesses = {Examples(e.examples): Likeness((p := draw(chances),), p) for e in known if e.examples}
    return Encoded(heads, likenesses=likenesses)


def holding(known: tuple[Entry, ...], found: Encoded) -> list[str]:
    names = [*(e.name for e in known), "rest"]
    return [n for n in names if Category(name=n, entries=known).evaluate(chat("x"), found).holds]


@given(st.data())
def test_exactly_one_category_holds_or_the_rest(data: st.DataObject) -> None:
    known = data.draw(entries())
    assert len(holding(known, data.draw(finds(known)))) == 1


@given(st.data())
def test_a_peer_that_is_added_never_makes_two_hold(data: st.DataObject) -> None:
    known = data.draw(entries())
    more = (*known, data.draw(entry("another")))
    found = data.draw(finds(more))
    before, after = holding(known, found), holding(more, found)
    assert len(before) == len(after) == 1
    mixed = any(e.examples and (e.domains or e.intents) for e in more)  # its own examples do not weigh on it
    if not mixed and "another" not in after and after != ["rest"]:
        assert before == after, "a peer that does not win may only stop others"


@given(st.data())
def test_the_winner_is_at_least_as_likely_as_everybody_else(data: st.DataObject) -> None:
    known = data.draw(entries())
    found = data.draw(finds(known))
    scores = {e.name: score for e, score in ranking(known, found)}
    assert all(0 <= score <= 1 for score in scores.values())
    (winner,) = holding(known, found)
    if winner != "rest":
        assert scores[winner] == max(scores.values())
        assert scores[winner] >= next(e.threshold for e in known if e.name == winner)
    else:
        best, _ = ranking(known, found)[0]
        assert scores[best.name] < best.threshold


@given(st.data())
def test_a_category_that_lint_calls_hopeless_never_wins(data: st.DataObject) -> None:
    known = data.draw(entries())
    hopeless = {
        e.name
        for e in known
        for remark in Category(name=e.name, entries=known).lint()
        if "can never win" in remark.message
    }
    assert hopeless.isdisjoint(holding(known, data.draw(finds(known))))


def fallback(known: tuple[Entry, ...]) -> Policy:
    """A policy of categories alone, as the compiler makes it."""
    names = [*(e.name for e in known), "rest"]
    signals = {f"{NAMED}{n}": Category(name=n, entries=known) for n in names}
    rules = [Rule(SEMANTIC, Is(f"{NAMED}{n}"), route_to(n), category=n) for n in names]
    return policy({"default": "external"} | dict.fromkeys(names, "external"), signals, rules)


@given(st.data())
def test_the_journey_asks_once_and_takes_the_category_that_holds(data: st.DataObject) -> None:
    known = data.draw(entries())
    found = data.draw(finds(known))
    needs: list[Encode] = []

    def answer(need: object) -> Encoded:
        assert isinstance(need, Encode)
        needs.append(need)
        return found

    outcome = drive(route(fallback(known), chat("a text")), answer)
    assert [outcome.decision.rule.category] == holding(known, found)
    (need,) = needs
    assert need.heads == Category(name="rest", entries=known).heads
    assert {Examples(e.examples) for e in known if e.examples} == set(need.examples)
    assert need.scan == ()


@given(entries(), st.sampled_from(["no answer", "a named model"]))
def test_without_an_answer_or_with_a_named_model_no_category_decides(
    known: tuple[Entry, ...], why: str
) -> None:
    encoder = FakeEncoder(down="gone")
    made = fallback(known)
    request = chat("a text", model="auto" if why == "no answer" else "default")
    outcome = drive(route(made, request), encoder)
    assert outcome.decision.rule.category == ""
    assert len(encoder.passes) == (1 if why == "no answer" else 0)
    assert isinstance(outcome.encoded, Failed) is (why == "no answer")
