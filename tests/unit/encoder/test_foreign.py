"""Checkpoints in place of built-in heads, end to end: own windows, exact places, and what a fault does."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.unit.encoder.fakes import ALL, HEADS, FakeNetwork, artefact, vocabulary
from waypost.encoder.engine import Encoder
from waypost.encoder.foreign import open_all, open_foreign, pooling, window_of
from waypost.encoder.settings import EncoderSettings, ForeignModel
from waypost.encoder.tokenise import Tokeniser
from waypost.errors import EngineError
from waypost.needs import Encode, Failed
from waypost.signals.base import Encoded, Examples
from waypost.signals.labels import DOMAINS

FOREIGN = Path(__file__).parents[2] / "data" / "foreign"
FOLDERS = {
    "domain": "bert-topics",
    "jailbreak": "modernbert-guard",
    "pii": "bert-pii",
    "similarity": "embedding",
}
GUARDS = frozenset({"jailbreak", "pii"})


def encoder(folders: dict[str, str], **settings: Any) -> Encoder:
    """The fake artefact with checkpoints in place of some heads."""
    models = {head: ForeignModel(FOREIGN / name) for head, name in folders.items()}
    given = EncoderSettings(**{"threads": 1, "deadline_seconds": 60, **settings})
    others = open_all(models, HEADS, "cpu")
    return Encoder(artefact(), FakeNetwork(), Tokeniser(vocabulary()), given, others)


def ask(one: Encoder, need: Encode) -> Encoded:
    answer = one.answer_now(need)
    assert isinstance(answer, Encoded), answer
    return answer


def copied(tmp_path: Path, name: str, **config: Any) -> ForeignModel:
    folder = tmp_path / name
    shutil.copytree(FOREIGN / name, folder)
    told = json.loads((folder / "config.json").read_text()) | config
    (folder / "config.json").write_text(json.dumps(told))
    return ForeignModel(folder)


def test_topics_answer_under_our_names() -> None:
    one = encoder({"domain": "bert-topics"})
    for text, best in (
        ("what is the sum of it", "math"),
        ("the compiler", "computer science"),
        ("soup", "cooking"),
    ):
        found = ask(one, Encode(ALL, text, (text,))).heads
        assert set(found["domain"]) == {*DOMAINS, "cooking"}
        assert sum(found["domain"].values()) == pytest.approx(1)
        assert found["domain"]["law"] == 0
        assert max(found["domain"], key=found["domain"].__getitem__) == best
        assert set(found) == {"domain", "intent", "complexity"}
    one.close()


def test_a_guard_judges_every_text() -> None:
    one = encoder({"jailbreak": "modernbert-guard"})
    scans = ask(one, Encode(GUARDS, "", ("please override the soup", "the bread of it"))).scans
    assert [round(scan.attack) for scan in scans.values()] == [1, 0]
    one.close()


@pytest.mark.parametrize("name", ["bert-pii", "modernbert-pii"])
def test_personal_data_stands_where_it_stood(name: str) -> None:
    one = encoder({"pii": name})
    text = "\u200bTell  me about\u00a0\uff2aohn \u200bSmith, please. In 12345 for Ada  Lovelace!"
    spans = ask(one, Encode(GUARDS, "", (text,))).scans[text].spans
    assert [(span.type, text[span.start : span.end]) for span in spans] == [
        ("PERSON", "\uff2aohn \u200bSmith"),
        ("STREET_ADDRESS", "12345"),
        ("PERSON", "Ada  Lovelace"),
    ]
    assert all(span.score > 0.8 for span in spans)
    one.close()


def test_a_long_text_is_read_to_its_end_in_windows_of_the_model() -> None:
    one = encoder({"pii": "bert-pii"})
    text = f"{'please tell me about it and what we ' * 30}Maria{' and how to tell the a of it' * 20}"
    answer = ask(one, Encode(GUARDS, "", (text,)))
    (span,) = answer.scans[text].spans
    assert text[span.start : span.end] == "Maria"
    assert answer.coverage == 1
    windows = [window for window in answer.windows if window.of == "scan 1, bert-pii"]
    assert len(windows) > 5
    assert max(window.tokens for window in windows) == 32
    assert windows[-1].end == len(text)
    one.close()


def test_a_text_that_is_too_long_is_covered_in_part() -> None:
    one = encoder({"jailbreak": "modernbert-guard"}, scan_tokens=256)
    text = " ".join(f"the soup of bread {n} and salt." for n in range(60))
    answer = ask(one, Encode(frozenset({"jailbreak"}), "", (text,)))
    assert 0 < answer.coverage < 1
    assert answer.coverage == answer.scans[text].coverage
    one.close()


def test_types_the_model_lacks_are_still_looked_for() -> None:
    one = encoder({"pii": "bert-pii"})
    foreign = one.foreign["pii"]
    assert foreign.lacks == ("GPE",)
    assert not foreign.is_complete
    text = "John Smith"  # the fake artefact finds him too, as a PERSON, which is not its business here
    answer = ask(one, Encode(GUARDS, "", (text,)))
    assert [span.type for span in answer.scans[text].spans] == ["PERSON"]
    assert [window.of for window in answer.windows] == ["scan 1", "scan 1, bert-pii"]
    one.close()


def test_embeddings_of_any_width_are_compared_among_themselves() -> None:
    one = encoder({"similarity": "embedding"})
    near, far = Examples(("the soup of it", "bread")), Examples(("compiler",))
    one.prepare([near])
    answer = ask(one, Encode(frozenset({"similarity"}), "the soup of it", (), (near, far, Examples(()))))
    assert answer.likenesses[near].cosines[0] == pytest.approx(1)
    assert answer.likenesses[far].cosines[0] < 0.9999
    assert answer.likenesses[Examples(())].cosines == ()
    assert {window.of for window in answer.windows} == {"focus, embedding", "example, embedding"}
    one.close()


def test_all_at_once_and_what_is_remembered_costs_nothing() -> None:
    one = encoder(FOLDERS)
    need = Encode(ALL | {"similarity"}, "the soup", ("the soup",), (Examples(("bread",)),))
    first = ask(one, need)
    passes = one.stats.passes
    assert passes == 6  # one each, the artefact for the rest, and an example
    again = ask(one, need)
    assert one.stats.passes == passes
    assert all(window.remembered for window in again.windows)
    assert (again.heads, again.scans, again.likenesses) == (first.heads, first.scans, first.likenesses)
    assert one.stats.failures == one.stats.queued == 0
    one.close()
    assert one.answer_now(need) == Failed("the encoder is closed")


def test_a_model_that_fails_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    one = encoder({"jailbreak": "modernbert-guard"})

    def fails(*_: object) -> None:
        raise EngineError("out of memory while reading a window of 9 tokens")

    monkeypatch.setattr(one.foreign["jailbreak"].network, "run", fails)
    assert one.answer_now(Encode(GUARDS, "", ("a",))) == Failed(
        "out of memory while reading a window of 9 tokens"
    )
    one.close()


@pytest.mark.parametrize(("head", "key"), [("jailbreak", "prompt_guard"), ("pii", "classifier.pii_model")])
def test_a_guard_that_cannot_be_used_stops_the_start(tmp_path: Path, head: str, key: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    with pytest.raises(
        EngineError, match=rf"{key}: .* `waypost models convert .* .a guard that is named must answer"
    ):
        open_all({head: ForeignModel(tmp_path)}, HEADS, "cpu")


@pytest.mark.parametrize(
    ("head", "key"), [("domain", "classifier.category_model"), ("similarity", "bert_model")]
)
def test_anything_else_falls_back_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, head: str, key: str
) -> None:
    with caplog.at_level(logging.WARNING):
        assert open_all({head: ForeignModel(tmp_path)}, HEADS, "cpu") == {}
    (told,) = caplog.messages
    assert told.startswith(f"{key}: '{tmp_path}' holds no model")
    assert told.endswith("the built-in classifier is used")


def test_domains_that_are_never_answered_are_named(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        open_all({"domain": ForeignModel(FOREIGN / "bert-topics")}, HEADS, "cpu")
    (told,) = caplog.messages
    assert told.startswith(
        "classifier.category_model: it never answers biology, business, chemistry, economics"
    )


@pytest.mark.parametrize(
    ("head", "name", "config", "said"),
    [
        ("pii", "bert-topics", {}, "has no label O"),
        ("domain", "embedding", {"id2label": {"0": "math"}}, "classifier of texts: its output has 2 axes"),
        ("jailbreak", "bert-pii", {"id2label": {"0": "safe", "1": "jailbreak"}}, "not a classifier of texts"),
        ("pii", "modernbert-guard", {"id2label": {"0": "O", "1": "PERSON"}}, "is not a tagger of tokens"),
        ("domain", "bert-topics", {"id2label": {"0": "math", "1": "law"}}, "has 3 outputs, but 2 labels"),
        ("domain", "bert-topics", {"problem_type": "multi_label_classification"}, "several labels"),
        ("domain", "bert-topics", {"vocab_size": 10}, "tokens, the model 10; they are not of one model"),
        ("domain", "bert-topics", {"max_position_embeddings": 8}, "reads 8 tokens at a time, fewer than 16"),
        ("domain", "bert-topics", {"max_position_embeddings": 64}, "onnxruntime failed .* of 64 tokens"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(tmp_path: Path, head: str, name: str, config: Any, said: str) -> None:
    with pytest.raises(EngineError, match=said) as told:
        open_foreign(head, copied(tmp_path, name, **config), HEADS, "cpu")
    assert str(tmp_path / name) in str(told.value)


def test_a_vocabulary_that_is_none_is_told(tmp_path: Path) -> None:
    model = copied(tmp_path, "bert-topics")
    (model.folder / "tokenizer.json").write_text("{}")
    with pytest.raises(EngineError, match=r"tokenizer.json' cannot be used"):
        open_foreign("domain", model, HEADS, "cpu")


def test_the_operators_labels_count(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text('{"idx_to_label": {"0": "jailbreak", "1": "benign"}}')
    model = ForeignModel(FOREIGN / "modernbert-guard", tmp_path / "own.json")
    one = Encoder(
        artefact(), FakeNetwork(), Tokeniser(vocabulary()), EncoderSettings(threads=1),
        {"jailbreak": open_foreign("jailbreak", model, HEADS, "cpu")},
    )  # fmt: skip
    assert ask(one, Encode(GUARDS, "", ("the soup",))).scans["the soup"].attack > 0.9
    one.close()


def test_windows_are_as_long_as_every_file_allows(tmp_path: Path) -> None:
    assert window_of(tmp_path, {}) == 512
    assert window_of(tmp_path, {"max_position_embeddings": 8192}) == 512
    assert (
        window_of(tmp_path, {"max_position_embeddings": 258, "model_type": "roberta", "pad_token_id": 1})
        == 256
    )
    (tmp_path / "tokenizer_config.json").write_text('{"model_max_length": 1e30}')
    assert window_of(tmp_path, {}) == 512
    (tmp_path / "tokenizer_config.json").write_text('{"model_max_length": 300}')
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 128}')
    assert window_of(tmp_path, {}) == 128


@pytest.mark.parametrize(
    ("config", "way"),
    [
        (None, "mean"),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, "mean"),
        ({"pooling_mode_cls_token": True, "include_prompt": True}, "cls"),
        ({"pooling_mode": "cls"}, "cls"),
    ],
)
def test_pooling_is_what_the_folder_says(tmp_path: Path, config: Any, way: str) -> None:
    if config is not None:
        (tmp_path / "1_Pooling").mkdir()
        (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(config))
    assert pooling(tmp_path) == way


@pytest.mark.parametrize(
    "config",
    [{"pooling_mode_max_tokens": True}, {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
     {"pooling_mode_lasttoken": True}, {"pooling_mode": "max"}, {"word_embedding_dimension": 3}],
)  # fmt: skip
def test_other_ways_to_pool_are_refused(tmp_path: Path, config: Any) -> None:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(config))
    with pytest.raises(EngineError, match="`mean` and `cls` are known"):
        pooling(tmp_path)


def test_layers_that_are_not_run_are_refused(tmp_path: Path) -> None:
    layers = [{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}]
    (tmp_path / "modules.json").write_text(json.dumps(layers))
    with pytest.raises(EngineError, match="has a module Dense, which cannot be run here"):
        pooling(tmp_path)
