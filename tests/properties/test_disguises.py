"""Taking disguises off, for any text."""

import base64
import string

from hypothesis import example, given
from hypothesis import strategies as st

from waypost.request.disguises import LOOKED_AT, MOST, disguises
from waypost.request.wordplay import KNOWN

TEXTS = st.text(max_size=400) | st.text("0123456789abcdefABCDEF=%&#x;\\ \n.-_/+ijklmnoprstuy", max_size=400)
PHRASES = st.lists(st.sampled_from(KNOWN), min_size=4, max_size=12).map(" ".join)
LETTERS = string.ascii_lowercase


@given(TEXTS)
@example("&#" * 50)
@example("a." * 40)
def test_any_text_is_taken_and_readings_are_few_new_and_no_longer(text: str) -> None:
    found = disguises(text)
    assert len(found) <= MOST
    assert len({reading.text for reading in found}) == len(found)
    assert all(reading.text.strip() and reading.text != text for reading in found)
    assert all(len(reading.text) <= len(text) * 2 for reading in found)
    assert disguises(text) == found


@given(st.text(string.ascii_letters + "äöüßéàç ,.?!'\n", max_size=300).map(lambda text: text[:LOOKED_AT]))
def test_text_of_letters_and_marks_has_only_readings_with_known_words(text: str) -> None:
    for reading in disguises(text):
        assert reading.how.startswith("base") or any(word in reading.text.lower() for word in KNOWN)


@given(st.text(st.characters(categories=["Ll", "Lu", "Lo", "Nd"]) | st.just(" "), min_size=24, max_size=80))
def test_base64_of_any_text_is_read(text: str) -> None:
    read = [reading.text for reading in disguises(f"> {base64.b64encode(text.encode()).decode()} <")]
    assert text.strip() in read or sum(map(str.isalpha, text)) <= len(text) / 2


@given(PHRASES, st.integers(1, 25))
def test_any_shift_of_known_words_is_read(phrase: str, by: int) -> None:
    if not phrase.isascii() or len(set(phrase.split())) < 3:
        return
    shifted = phrase.translate(str.maketrans(LETTERS, LETTERS[by:] + LETTERS[:by]))
    assert phrase in [reading.text for reading in disguises(shifted)]
