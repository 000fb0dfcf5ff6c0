import pytest

from waypost.train.synth.draw import generator
from waypost.train.synth.sciences_noise import frame_politely, is_formal, roughen, slip

QUESTION = "Why does Newton's apple fall towards the centre of the Earth?"


def words(text: str) -> list[str]:
    return text.split()


@pytest.mark.parametrize(
    "text", ["def f(x):\n    return x", r"$\frac{1}{2}$", "x_1 and x_2", "f(x) = 2", "`ls` prints", "a\n\tb"]
)
def test_code_and_formulas_are_formal(text: str) -> None:
    assert is_formal(text)


def test_prose_with_paragraphs_is_not_formal() -> None:
    assert not is_formal("Dear all,\n\nI'm stuck (again). It costs 50% more: why?")


@pytest.mark.parametrize("seed", range(20))
def test_a_slip_changes_one_word_of_a_short_text_by_a_letter(seed: int) -> None:
    slipped = slip(generator(seed, "slip"), QUESTION)
    changed = [(a, b) for a, b in zip(words(QUESTION), words(slipped), strict=True) if a != b]
    assert len(changed) <= 1  # two equal letters may have been swapped
    assert all(abs(len(a) - len(b)) <= 1 and a[0] == b[0] for a, b in changed)


def test_slips_differ_and_mostly_show() -> None:
    slipped = [slip(generator(seed, "slip"), QUESTION) for seed in range(50)]
    assert sum(text != QUESTION for text in slipped) > 40
    assert len(set(slipped)) > 30


def test_longer_texts_have_more_slips() -> None:
    long = " ".join([QUESTION] * 8)
    changed = [a != b for a, b in zip(words(long), words(slip(generator(3, "slip"), long)), strict=True)]
    assert 2 <= sum(changed) <= 4


def test_short_words_have_no_slips() -> None:
    assert slip(generator(1, "slip"), "is it so") == "is it so"


def test_haste_leaves_the_words_recognisable() -> None:
    rough = [roughen(generator(seed, "rough"), QUESTION) for seed in range(60)]
    assert QUESTION.upper() in rough
    assert any(text == text.lower() and "newtons" in text for text in rough)
    assert all("fal" in text.lower() or "appl" in text.lower() for text in rough)


def test_nobody_shouts_a_whole_post() -> None:
    post = QUESTION * 3
    assert not any(roughen(generator(seed, "rough"), post).isupper() for seed in range(60))


def test_politeness_keeps_the_question_whole() -> None:
    framed = [frame_politely(generator(seed, "polite"), QUESTION) for seed in range(60)]
    assert all(QUESTION[1:] in text and text != QUESTION for text in framed)
    assert {text.startswith("Why") for text in framed} == {True, False}
    assert {text.endswith("Earth?") for text in framed} == {True, False}


@pytest.mark.parametrize("text", ["I was told so", "DNA is what?", "1 + 1?"])
def test_capitals_with_a_meaning_stay_behind_a_greeting(text: str) -> None:
    assert all(text in frame_politely(generator(seed, "polite"), text) for seed in range(40))
