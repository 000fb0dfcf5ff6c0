"""A worker from open to closed, and the policies it holds."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from tests.unit.encoder.fakes import encoder
from tests.unit.transport.envoy_says import request_headers
from waypost.config.settings import Settings
from waypost.encoder.engine import Encoder
from waypost.encoder.settings import EncoderSettings, ForeignModel
from waypost.errors import EngineError
from waypost.mutations.shape import Shape
from waypost.mutations.tools import Catalogue, Stocked, ToolSettings
from waypost.needs import Encode, Failed
from waypost.providers.chain import hop_id
from waypost.runtime import REVISIONS, Classifiers, Policies, asks_classifiers, checkpoints, worker
from waypost.signals.base import Encoded, Signal
from waypost.signals.complexity import Complexity
from waypost.signals.domain import Domain
from waypost.signals.jailbreak import JailbreakDetection
from waypost.signals.keyword import KeywordMatch
from waypost.signals.similarity import Similarity
from waypost.testing import policies
from waypost.transport.wire_pb2 import ProcessingResponse

POLICY = policies.policy({"a": "external"}, {}, ())
METHOD = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"


def revision(name: str) -> Policies:
    return Policies(replace(POLICY, revision=name))


def test_the_hops_of_the_last_policies_are_kept() -> None:
    held = revision("0")
    for number in range(1, REVISIONS + 1):
        held.install(replace(POLICY, revision=str(number)))
    assert held.current().revision == str(REVISIONS)
    assert set(held.hops().targets) == {hop_id(str(number), "a") for number in range(1, REVISIONS + 1)}


def test_a_policy_that_comes_back_is_held_once() -> None:
    held = revision("0")
    for name in ("1", "0", "0"):
        held.install(replace(POLICY, revision=name))
    assert held.current().revision == "0"
    assert set(held.hops().targets) == {hop_id("0", "a"), hop_id("1", "a")}


def test_requests_under_way_keep_the_hops_they_have_seen() -> None:
    held = revision("0")
    seen = held.hops()
    held.install(replace(POLICY, revision="1"))
    assert set(seen.targets) == {hop_id("0", "a")}


def addresses(folder: Path) -> tuple[str, str]:
    return f"unix:{folder / 'r'}", f"unix:{folder / 'u'}"


def records(folder: Path) -> list[str]:
    files = sorted((folder / "state" / "audit").glob("*.jsonl"))
    return [json.loads(line)["type"] for file in files for line in file.read_text().splitlines()]


async def models(address: str) -> bytes:
    async with aio.insecure_channel(address) as channel:
        call = channel.stream_stream(METHOD)()
        await call.write(request_headers("GET", "/v1/models", end=True).SerializeToString())
        answer = await call.read()
        assert isinstance(answer, bytes)
        assert await call.code() == grpc.StatusCode.OK
        return ProcessingResponse.FromString(answer).immediate_response.body


def test_a_worker_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    async def act() -> None:
        settings = Settings(state_dir=tmp_path / "state")
        async with worker(POLICY, settings, *addresses(tmp_path)) as held:
            assert held.current() == POLICY
            assert b'"id":"a"' in await models(addresses(tmp_path)[0])

    asyncio.run(act())
    assert records(tmp_path) == ["start"]
    asyncio.run(act())  # everything was let go


def test_a_worker_that_cannot_start_leaves_nothing_behind(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state")

    async def act(router: str) -> None:
        async with worker(POLICY, settings, router, addresses(tmp_path)[1]):
            pass

    with pytest.raises(EngineError):
        asyncio.run(act(f"unix:{tmp_path}/not/there"))
    asyncio.run(act(addresses(tmp_path)[0]))


def test_two_workers_do_not_share_a_log(tmp_path: Path) -> None:
    async def act() -> None:
        settings = Settings(state_dir=tmp_path / "state")
        async with worker(POLICY, settings, *addresses(tmp_path)):
            with pytest.raises(EngineError, match="audit log"):
                async with worker(POLICY, settings, *addresses(tmp_path)):
                    pass

    asyncio.run(act())


# --- the classifiers


class Opened:
    """Stands in for `Encoder.open`: hands out an encoder of a few lines and keeps it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.encoders: list[Encoder] = []
        self.closed: list[Encoder] = []
        self.settings: list[EncoderSettings] = []
        monkeypatch.setattr(Encoder, "open", self._open)

    def _open(self, settings: EncoderSettings, *_: Any) -> Encoder:
        one = encoder()
        close = one.close
        one.close = lambda: (self.closed.append(one), close())
        self.encoders.append(one)
        self.settings.append(settings)
        return one


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    return Opened(monkeypatch)


LEARNED: dict[str, Signal] = {"hard": Complexity(), "like": Similarity(examples=("math one", "math two"))}
ASKING = replace(POLICY, signals=LEARNED)
NEED = Encode(frozenset({"domain"}), "math")


def test_only_a_policy_with_learned_questions_asks_the_classifiers() -> None:
    assert asks_classifiers(ASKING)
    assert not asks_classifiers(replace(POLICY, signals={"k": KeywordMatch(keywords=("a",))}))


CATALOGUE = Catalogue.of([Stocked("add", "add two numbers", "{}"), Stocked("stop", "stop it", "{}")])
ADDING = Shape(tools=ToolSettings(mode="add", catalogue=Path("tools.json")), catalogue=CATALOGUE)


def test_a_choice_and_edits_may_ask_the_classifiers_too() -> None:
    assert asks_classifiers(replace(POLICY, reads=frozenset({"complexity"})))
    assert asks_classifiers(replace(POLICY, shapes={"rule": ADDING}))
    assert asks_classifiers(replace(POLICY, shapes={"": Shape(tools=ToolSettings(mode="filter"))}))
    assert not asks_classifiers(replace(POLICY, shapes={"": Shape(tools=ToolSettings(block=("rm",)))}))


def test_a_catalogue_is_read_beforehand_however_many_rules_share_it(opened: Opened) -> None:
    classifiers = Classifiers(EncoderSettings())
    one = classifiers.load(replace(POLICY, shapes={"": ADDING, "rule": ADDING}))
    assert one.stats.passes == 2
    need = Encode(frozenset({"similarity"}), "add two numbers", (), (CATALOGUE.examples,))
    assert isinstance(asyncio.run(classifiers.answer(need)), Encoded)
    assert one.stats.passes == 2, "the focus is a tool's text, and none of them was read again"
    classifiers.close()


def test_classifiers_are_loaded_by_the_first_question_and_once(opened: Opened) -> None:
    classifiers = Classifiers(EncoderSettings(threads=2))
    assert opened.encoders == []
    for _ in range(2):
        answer = asyncio.run(classifiers.answer(NEED))
        assert isinstance(answer, Encoded)
        assert answer.heads["domain"]["math"] > 0.9
    assert classifiers.load() is opened.encoders[0]
    assert opened.settings == [EncoderSettings(threads=2)]
    classifiers.close()
    assert opened.closed == opened.encoders


def test_the_examples_of_a_policy_are_read_beforehand(opened: Opened) -> None:
    classifiers = Classifiers(EncoderSettings())
    one = classifiers.load(ASKING)
    assert one.stats.passes == 2
    (examples,) = LEARNED["like"].likened
    answer = asyncio.run(classifiers.answer(Encode(frozenset({"similarity"}), "math one", (), (examples,))))
    assert isinstance(answer, Encoded)
    assert one.stats.passes == 2, "the focus is one of the examples, and none of them was read again"
    classifiers.close()


def test_an_artefact_that_cannot_be_used_answers_no_question(tmp_path: Path) -> None:
    classifiers = Classifiers(EncoderSettings(artefact=tmp_path / "nowhere"))
    answer = asyncio.run(classifiers.answer(NEED))
    assert isinstance(answer, Failed)
    assert "manifest.json' is missing" in answer.reason
    classifiers.close()


def test_a_worker_loads_them_before_it_serves_and_closes_them(tmp_path: Path, opened: Opened) -> None:
    async def act() -> None:
        settings = Settings(state_dir=tmp_path / "state", encoder=EncoderSettings(threads=3))
        async with worker(ASKING, settings, *addresses(tmp_path)):
            (one,) = opened.encoders
            assert one.stats.passes == 2
            assert opened.closed == []

    asyncio.run(act())
    assert opened.settings == [EncoderSettings(threads=3)]
    assert opened.closed == opened.encoders


def test_a_worker_whose_policy_asks_nothing_loads_nothing(tmp_path: Path, opened: Opened) -> None:
    async def act() -> None:
        async with worker(POLICY, Settings(state_dir=tmp_path / "state"), *addresses(tmp_path)):
            assert b'"id":"a"' in await models(addresses(tmp_path)[0])

    asyncio.run(act())
    assert opened.encoders == []


def test_a_worker_without_a_usable_artefact_does_not_start(tmp_path: Path) -> None:
    async def act(settings: EncoderSettings) -> None:
        async with worker(
            ASKING, Settings(state_dir=tmp_path / "state", encoder=settings), *addresses(tmp_path)
        ):
            raise AssertionError

    with pytest.raises(EngineError, match=r"manifest\.json' is missing"):
        asyncio.run(act(EncoderSettings(artefact=tmp_path / "nowhere")))
    assert not Path(addresses(tmp_path)[0].removeprefix("unix:")).exists()


def test_checkpoints_that_no_question_is_put_to_are_not_loaded(tmp_path: Path) -> None:
    settings = Settings(foreign={head: ForeignModel(tmp_path) for head in ("domain", "pii")})
    policy = replace(POLICY, signals={"topic": Domain(domains=("math",)), "attack": JailbreakDetection()})
    assert set(checkpoints(policy, settings)) == {"domain"}
    assert checkpoints(POLICY, settings) == {}


def test_a_guard_that_cannot_be_used_stops_the_worker(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state", foreign={"jailbreak": ForeignModel(tmp_path)})
    policy = replace(POLICY, signals={"attack": JailbreakDetection()})

    async def act() -> None:
        async with worker(policy, settings, *addresses(tmp_path)):
            pass

    with pytest.raises(EngineError, match=r"prompt_guard: .* holds no model"):
        asyncio.run(act())
    classifiers = Classifiers(settings.encoder, settings.foreign)
    answer = asyncio.run(classifiers.answer(Encode(frozenset({"jailbreak"}))))
    assert isinstance(answer, Failed)
