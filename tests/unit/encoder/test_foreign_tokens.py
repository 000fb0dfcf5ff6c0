"""Other vocabularies: their special tokens, words by their characters, offsets of the text itself."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Replace
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from tests.unit.encoder.fakes import vocabulary
from waypost.encoder.foreign_tokens import ForeignTokeniser
from waypost.encoder.tokenise import Tokens
from waypost.errors import EngineError

FOREIGN = Path(__file__).parents[2] / "data" / "foreign"
BYTES = ForeignTokeniser((FOREIGN / "modernbert-pii" / "tokenizer.json").read_bytes())
PIECES = ForeignTokeniser((FOREIGN / "bert-pii" / "tokenizer.json").read_bytes())


def words(text: str, tokens: Tokens) -> list[str]:
    found: dict[int, list[int]] = {}
    for word, start, end in zip(tokens.words, tokens.starts, tokens.ends, strict=True):
        found.setdefault(int(word), []).extend((int(start), int(end)))
    return [word for places in found.values() if (word := text[min(places) : max(places)])]


@pytest.mark.parametrize("tokeniser", [BYTES, PIECES], ids=["bytes", "pieces"])
def test_words_are_told_by_their_characters(tokeniser: ForeignTokeniser) -> None:
    text = "Ask John_Smith, 27 (don't)."
    assert words(text, tokeniser.read(text)) == [
        "Ask", "John", "_", "Smith", ",", "27", "(", "don", "'", "t", ")", ".",
    ]  # fmt: skip


def test_characters_of_several_tokens_are_not_torn_apart() -> None:
    text = "Zoë übt हिन्दी 你好"
    assert words(text, BYTES.read(text)) == ["Zoë", "übt", "हिन्दी", "你", "好"]


def test_a_vocabulary_that_takes_a_line_for_a_word() -> None:
    tokenizer = Tokenizer(WordLevel({"a": 0, "b": 1, "▁": 2, "?": 3}, unk_token="?"))
    tokenizer.normalizer = Replace(" ", "▁")
    found = ForeignTokeniser(tokenizer.to_str().encode())
    assert (found.before.tolist(), found.after.tolist()) == ([], [])
    assert len(found.read("a b")) == 1


@given(st.text(st.sampled_from("aB1_ ,.ä\u0301你\n😀"), max_size=40))
def test_tokens_lie_in_the_text_in_order(text: str) -> None:
    for tokeniser in (BYTES, PIECES):
        tokens = tokeniser.read(text)
        assert len(tokens.ids) == len(tokens.starts) == len(tokens.words) == len(tokens.shapes)
        assert all(
            0 <= start <= end <= len(text) for start, end in zip(tokens.starts, tokens.ends, strict=True)
        )
        assert sorted(tokens.words) == tokens.words.tolist()
        for start, end in zip(tokens.starts, tokens.ends, strict=True):
            assert text[start:end] == text[start:end].strip()


def test_special_tokens_of_the_vocabulary_frame_a_window() -> None:
    tokens = BYTES.read("hello")
    ids, shapes = BYTES.framed(tokens.ids, tokens.shapes)
    assert ids.tolist() == [2, *tokens.ids.tolist(), 3]
    assert shapes.tolist() == [0] * len(ids)


@pytest.mark.parametrize("tokeniser", [BYTES, PIECES], ids=["bytes", "pieces"])
def test_special_tokens_in_a_message_are_text(tokeniser: ForeignTokeniser) -> None:
    assert not {0, 2, 3, 4} & set(tokeniser.read("[SEP] [CLS] [MASK] [PAD]").ids.tolist())


def test_a_long_word_is_not_unknown() -> None:
    tokens = PIECES.read("x" * 250)
    assert 1 not in tokens.ids
    assert len(tokens) == 250


def test_the_same_ids_in_other_words_are_another_window() -> None:
    one, other = PIECES.read("你好"), PIECES.read("你 好")
    assert one.ids.tolist() == other.ids.tolist()
    assert one.shapes.tolist() == other.shapes.tolist() == [1, 1]


def test_a_frame_that_is_not_understood_is_refused() -> None:
    tokenizer = Tokenizer(WordLevel({"a": 0, "[X]": 1}, unk_token="a"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.add_special_tokens(["[X]"])
    tokenizer.post_processor = TemplateProcessing(single="[X] [X] $A [X]", special_tokens=[("[X]", 1)])
    with pytest.raises(EngineError, match="more than one token on each side"):
        ForeignTokeniser(tokenizer.to_str().encode())


def test_padding_and_cutting_are_switched_off() -> None:
    assert len(ForeignTokeniser(vocabulary()).read("a b c d e f g h i j")) == 10
