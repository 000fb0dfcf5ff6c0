"""The encoder as others see it: one pass per new window, any thread or loop, never an exception."""

import asyncio
import json
import shutil
from hashlib import sha256
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.encoder.fakes import ALL, GUARDS, FakeNetwork, asked, babble, encoder
from waypost.encoder import engine
from waypost.encoder.engine import Encoder
from waypost.encoder.settings import EncoderSettings
from waypost.errors import EngineError
from waypost.needs import Encode, Failed
from waypost.signals.base import Encoded, Examples

EVERYTHING = ALL | {"similarity"}


def test_an_ordinary_request_is_one_pass() -> None:
    one = encoder()
    answer = asked(one, "math", EVERYTHING, Examples(()))
    assert one.stats.passes == 1
    assert answer.coverage == 1
    assert [window.of for window in answer.windows] == ["focus", "focus", "scan 1"]
    asked(one, "math", EVERYTHING, Examples(()))
    assert one.stats.passes == 1
    assert one.stats.remembered == 1
    one.close()


@given(st.lists(st.text("abc xyz", min_size=1, max_size=60), min_size=1, max_size=5))
def test_a_conversation_costs_its_new_turns(turns: list[str]) -> None:
    one = encoder()
    for count in range(1, len(turns) + 1):
        before = one.stats.passes
        one.answer_now(Encode(ALL, turns[count - 1], tuple(dict.fromkeys(turns[:count]))))
        alone = encoder()
        alone.answer_now(Encode(ALL, turns[count - 1], (turns[count - 1],)))
        assert one.stats.passes - before <= alone.stats.passes
        alone.close()
    one.close()


def test_texts_of_earlier_turns_are_not_even_tokenised(monkeypatch: pytest.MonkeyPatch) -> None:
    one = encoder()
    first, second = babble(40), babble(20, 1)
    before = one.answer_now(Encode(GUARDS, "", (first,)))
    read: list[str] = []
    tokenise = one.tokeniser.read
    monkeypatch.setattr(one.tokeniser, "read", lambda text: read.append(text) or tokenise(text))
    after = one.answer_now(Encode(GUARDS, "", (first, second)))
    assert read == [second]
    assert isinstance(before, Encoded)
    assert isinstance(after, Encoded)
    assert after.scans[first] == before.scans[first]
    one.close()


def test_answers_come_to_an_event_loop() -> None:
    one = encoder(threads=2)

    async def run() -> list[Encoded | Failed]:
        needs = [Encode(ALL, text, (text,)) for text in ("math", "other", "ignore", "math")]
        return await asyncio.gather(*map(one.answer, needs))

    answers = asyncio.run(run())
    first, _, third, last = answers
    assert isinstance(first, Encoded)
    assert isinstance(third, Encoded)
    assert third.scans["ignore"].attack > 0.9
    assert isinstance(last, Encoded)
    assert last.heads == first.heads
    assert one.stats.passes == 3
    one.close()


def test_a_request_that_is_cancelled_is_not_read_on() -> None:
    began, gate = Event(), Event()

    def before(_passes: int) -> None:
        began.set()
        gate.wait(30)

    network = FakeNetwork(before)
    one = encoder(network)
    text = babble(30)

    async def run() -> None:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(one.answer(Encode(GUARDS, "", (text,))))
            await asyncio.to_thread(began.wait, 30)
            task.cancel()
        gate.set()

    asyncio.run(run())
    one.close()
    assert len(network.windows) == 1
    assert one.stats.failures == 0


def test_a_head_nobody_has_is_an_answer() -> None:
    one = encoder()
    assert one.answer_now(Encode(frozenset({"mood"}), "a")) == Failed("the encoder has no head 'mood'")
    assert one.stats.failures == 1
    one.close()


def test_a_closed_encoder_still_answers() -> None:
    one = encoder()
    one.close()
    assert one.answer_now(Encode(ALL, "a")) == Failed("the encoder is closed")


def test_examples_are_read_beforehand_and_kept() -> None:
    one = encoder(memo_bytes=0)
    near, far = Examples(("a b", "c")), Examples(("0",))
    one.prepare([near, far, near])
    assert one.stats.passes == 3
    answer = asked(one, "a b", EVERYTHING, near, far)
    assert one.stats.passes == 4
    assert answer.likenesses[near].cosines[0] == pytest.approx(1)
    one.prepare([near])
    assert one.stats.passes == 4
    asked(one, "a b", EVERYTHING, far)
    assert one.stats.passes == 6
    one.close()


def test_too_many_examples_are_refused_and_the_old_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_EXAMPLES", 2)
    one = encoder(memo_bytes=0)
    kept = Examples(("a", "b"))
    one.prepare([kept])
    with pytest.raises(EngineError, match="3 examples are more than the 2"):
        one.prepare([kept, Examples(("c",))])
    asked(one, "a", EVERYTHING, kept)
    assert one.stats.passes == 3
    one.close()


def test_one_text_can_be_read_past_the_queue() -> None:
    one = encoder()
    assert one.read("math").domain.tolist() == [3, 0]
    one.close()


def test_what_an_encoder_did_is_counted() -> None:
    one = encoder(scan_tokens=256)
    answer = one.answer_now(Encode(GUARDS, "", (babble(500),)))
    assert isinstance(answer, Encoded)
    stats = one.stats
    read = sum(not window.remembered for window in answer.windows)
    assert stats.passes == read
    assert stats.unread > 0
    assert stats.queued == stats.failures == 0
    assert stats.seconds == pytest.approx(sum(window.seconds for window in answer.windows))
    one.close()


def test_the_shipped_model_answers_an_ordinary_request_in_one_pass(real: Encoder) -> None:
    text = "What is the derivative of x squared?"
    answer = real.answer_now(Encode(EVERYTHING, text, (text,), (Examples(()),)))
    assert isinstance(answer, Encoded)
    assert real.stats.passes == 1
    for head in ("domain", "intent"):
        assert sum(answer.heads[head].values()) == pytest.approx(1)
    assert 0 <= answer.heads["complexity"]["hard"] <= 1
    assert 0 <= answer.scans[text].attack <= 1
    assert {window.tokens for window in answer.windows} == {10}


def test_the_shipped_model_reads_a_long_text_to_its_end(real: Encoder) -> None:
    text = "\n".join(f"Line {n}: the pump was checked, and nothing leaked." for n in range(60))
    answer = real.answer_now(Encode(GUARDS, "", (text,)))
    assert isinstance(answer, Encoded)
    assert answer.coverage == 1
    assert len(answer.windows) == real.stats.passes > 2
    assert answer.windows[-1].end == len(text)
    assert max(window.tokens for window in answer.windows) == 256


def test_the_shipped_embedding_is_that_of_the_published_model(real: Encoder) -> None:
    """Cosines of sentences, as all-MiniLM-L6-v2 gives them in 32 bits; eight bits move them by about 0.01."""
    texts = ("A man is eating food.", "A man is eating a piece of bread.", "The girl is carrying a baby.")
    (first, second, third) = (real.read(text).embedding for text in texts)
    assert float(first @ second) == pytest.approx(0.7553, abs=0.04)
    assert float(first @ third) == pytest.approx(-0.0, abs=0.15)


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    for name in ("manifest.json", "encoder.onnx", "tokenizer.json"):
        shutil.copyfile(folder / name, tmp_path / name)
    return tmp_path


def vouch(folder: Path, name: str, data: bytes) -> None:
    """Exchange a file, manifest included: a trainer's mistake, not damage."""
    (folder / name).write_bytes(data)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = {"sha256": sha256(data).hexdigest(), "bytes": len(data)}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("name", ["encoder.onnx", "tokenizer.json"])
def test_a_damaged_file_stops_the_start(copied: Path, name: str) -> None:
    data = (copied / name).read_bytes()
    (copied / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(EngineError, match=rf"{name}' has \d+ bytes, the manifest says"):
        Encoder.open(EncoderSettings(artefact=copied))


def test_a_vocabulary_that_is_none_stops_the_start(copied: Path) -> None:
    vouch(copied, "tokenizer.json", b"{}")
    with pytest.raises(EngineError, match=r"tokenizer.json' cannot be used"):
        Encoder.open(EncoderSettings(artefact=copied))


def test_a_model_that_is_none_stops_the_start(copied: Path) -> None:
    vouch(copied, "encoder.onnx", b"no model")
    with pytest.raises(EngineError, match=r"encoder.onnx' is no model"):
        Encoder.open(EncoderSettings(artefact=copied))


def test_a_model_with_other_labels_than_the_manifest_stops_the_start(copied: Path) -> None:
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["heads"]["domain"]["labels"].append("cooking")
    manifest["check"] = []
    (copied / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(EngineError, match="domain_logits is 14 wide, the manifest says 15"):
        Encoder.open(EncoderSettings(artefact=copied))
