"""What `waypost doctor` looks at. Nothing goes over the network, and nothing is left behind or changed."""

import http.client
import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from waypost.cli.options import DEFAULT, VARIABLE, paths_of
from waypost.cli.words import counted
from waypost.config.load import Loaded, load
from waypost.config.settings import Address, Settings, default_state_dir
from waypost.encoder.settings import EncoderSettings, ForeignModel
from waypost.envoy.binary import EnvoyMissingError, find_envoy
from waypost.envoy.ports import PortTakenError, bind
from waypost.errors import ConfigError, EngineError, Problem
from waypost.observe.chain import log_files, read_tail
from waypost.signals.base import SCANNING

if TYPE_CHECKING:
    from waypost.encoder.engine import Encoder
    from waypost.encoder.selfcheck import SelfCheck

Status = Literal["ok", "warn", "fail"]

ENVOY: Final = "1.40"
"""Made for and tested with."""

RELEASED: Final = datetime(2026, 11, 1, tzinfo=UTC)
"""No clock that is right shows an earlier time."""

SLOW_MS: Final = 50.0
"""CPU time for 128 tokens beyond which a processor is slow: seven times what one with VNNI takes."""

_PACKAGES: Final = ("grpcio", "numpy", "onnxruntime", "tokenizers", "pyyaml")
_LITTLE: Final = 100 * 1024**2
_ENOUGH: Final = 1024**3
_GAP: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one check.

    Attributes:
        found: what is there, or what is wrong with it.
        fix: what to do; empty where all is well.
        figures: what was measured, for scripts.
    """

    name: str
    status: Status
    found: str
    fix: str = ""
    figures: Mapping[str, object] = field(default_factory=dict[str, object])


def examine(config: Sequence[str], envoy: str | None) -> Iterator[Finding]:
    """Every check, in order, as it is made; what one finds wrong does not keep others from being made.

    Args:
        config: files given on the command line.
        envoy: an Envoy given there.
    """
    yield python()
    yield packages()
    yield envoy_binary(envoy)
    settings: Settings | None = Settings(state_dir=default_state_dir(os.environ))
    if not config and not DEFAULT.exists() and not os.environ.get(VARIABLE):
        yield Finding("configuration", "warn", "none here: the defaults are checked", "run `waypost init`")
    else:
        loaded, finding = configuration(config)
        yield finding
        settings = None if loaded is None else loaded.settings
        yield from () if loaded is None else missing_models(loaded.problems)
    if settings is not None:
        runs = is_running(settings.admin)
        yield port("listen", settings.listen, runs=runs)
        yield port("admin", settings.admin, runs=runs)
        yield state(settings.state_dir)
        yield disk(settings.state_dir)
        yield clock(settings.state_dir, datetime.now(UTC))
    settings = settings or Settings()
    yield from classifiers(settings.encoder, settings.foreign)


def python() -> Finding:
    """Which interpreter, where."""
    told = f"{platform.python_version()} ({platform.python_implementation()}), "
    return Finding("python", "ok", told + f"{platform.system()} {platform.machine()}")


def packages() -> Finding:
    """Which versions; whether configurations are read by C code."""
    try:
        versions = {name: version(name) for name in ("waypost", *_PACKAGES)}
    except PackageNotFoundError as error:
        return Finding("packages", "fail", f"{error.name} is not installed", "install waypost again")
    told = ", ".join(f"{name} {number}" for name, number in versions.items())
    if find_spec("yaml._yaml") is None:
        told = "PyYAML lacks its part in C: configurations load ten times slower"
        return Finding("packages", "warn", told, "pip install --force-reinstall pyyaml", versions)
    return Finding("packages", "ok", told, figures=versions)


def envoy_binary(explicit: str | None) -> Finding:
    """Whether there is an Envoy of the right version that starts here."""
    try:
        path = find_envoy(explicit)
        told = subprocess.run(  # noqa: S603 - the Envoy that `waypost serve` would run
            [path, "--version"], capture_output=True, text=True, timeout=30, check=True
        )
    except EnvoyMissingError as error:
        problem, _, remedy = str(error).partition(". ")
        return Finding("envoy", "fail", problem, remedy or "name another one with --envoy-binary")
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("envoy", "fail", f"cannot be run: {error}", "name another one with --envoy-binary")
    found = re.search(r"/(\d+\.\d+\.\d+)/", told.stdout)
    number = found[1] if found else "unknown"
    figures = {"path": str(path), "version": number}
    if not number.startswith(f"{ENVOY}."):
        fix = "leave out --envoy-binary: the right one comes with waypost, or install waypost again"
        return Finding("envoy", "warn", f"{path} is version {number}, not {ENVOY}", fix, figures)
    return Finding("envoy", "ok", f"{number}, {path}", figures=figures)


def configuration(config: Sequence[str]) -> tuple[Loaded | None, Finding]:
    """Whether the files can be used; None = they cannot."""
    paths = paths_of(config)
    names = ", ".join(map(str, paths))
    check = f"waypost check {' '.join(map(str, paths))}"
    try:
        loaded = load(paths, os.environ)
    except ConfigError as error:
        return None, Finding("configuration", "fail", str(error), f"`{check}` shows everything")
    others = [p for p in loaded.problems if p.severity == "warning" and not _is_missing_model(p)]
    if others:
        first = f"{others[0].file}:{others[0].line} {others[0].message}"
        told = f"{counted(len(others), 'warning')}, the first: {first}"
        return loaded, Finding("configuration", "warn", told, f"`{check}` shows all of them")
    rules = counted(sum(not rule.category for rule in loaded.policy.rules[:-1]), "rule")
    told = f"{names}: {rules}, {counted(len(loaded.policy.endpoints), 'model')}"
    return loaded, Finding("configuration", "ok", f"{told}, revision {loaded.policy.revision[:12]}")


def missing_models(problems: Sequence[Problem]) -> Iterator[Finding]:
    """Classifiers of one's own that are named and not there."""
    for problem in problems:
        if _is_missing_model(problem):
            where = problem.path.removesuffix(".model_id")
            yield Finding(where, "warn", problem.message, problem.help)


def _is_missing_model(problem: Problem) -> bool:
    return problem.severity == "warning" and problem.path.endswith(".model_id")


def is_running(admin: Address) -> bool:
    """Whether a Waypost answers where this configuration has its admin address."""
    connection = http.client.HTTPConnection(admin.host, admin.port, timeout=2)
    with (
        closing(connection),
        suppress(OSError, http.client.HTTPException, ValueError, LookupError, TypeError),
    ):
        connection.request("GET", "/health")
        return "worker" in json.loads(connection.getresponse().read(65536))["children"]
    return False


def port(key: str, address: Address, *, runs: bool) -> Finding:
    """Whether `waypost serve` could listen there; a Waypost that runs may."""
    try:
        bind(address, key).close()
    except PortTakenError as error:
        if runs:
            return Finding(key, "ok", f"{address} is in use by the Waypost that runs")
        return _failed(key, str(error).removeprefix(f"{key}: "), f"change `{key}` in the configuration")
    return Finding(key, "ok", f"{address} is free")


def state(folder: Path) -> Finding:
    """Whether the audit log could be written."""
    place = _existing(folder / "audit")
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        fix = f"make {str(folder)!r} a folder this user may write, or set `state_dir`"
        return Finding("state_dir", "fail", f"{str(place)!r} cannot be written: {error.strerror}", fix)
    return Finding("state_dir", "ok", f"{folder}{'' if folder.exists() else ', made at the first start'}")


def disk(folder: Path) -> Finding:
    """Whether there is room for the audit log; without it no request is answered."""
    free = shutil.disk_usage(_existing(folder)).free
    told, figures = f"{free / 1e9:.1f} GB free for the audit log", {"free_bytes": free}
    if free >= _ENOUGH:
        return Finding("disk", "ok", told, figures=figures)
    fix = "make room, or set `state_dir` to another disk: requests are refused when it is full"
    return Finding("disk", "fail" if free < _LITTLE else "warn", told, fix, figures)


def clock(folder: Path, now: datetime) -> Finding:
    """Whether time goes on: certificates and the order of audit records rest on it."""
    shown = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    fix = "set the clock; `timedatectl set-ntp true` keeps it right"
    if now < RELEASED:
        return Finding("clock", "fail", f"{shown} is before this version was made", fix)
    last = _last_record(folder / "audit")
    if last is not None and last > now + _GAP:
        told = f"{shown}, but the audit log has a record of {last:%Y-%m-%d %H:%M:%S} UTC"
        return Finding("clock", "warn", told, fix)
    return Finding("clock", "ok", shown)


def _last_record(folder: Path) -> datetime | None:
    with suppress(OSError, ValueError, KeyError):
        for path in reversed(log_files(folder)):
            if last := read_tail(path).last:
                return datetime.fromisoformat(last["ts"])
    return None


def _existing(folder: Path) -> Path:
    """The folder, or what is there of the way to it."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def classifiers(settings: EncoderSettings, foreign: Mapping[str, ForeignModel]) -> Iterator[Finding]:
    """Whether the artefact is whole and loads, what that takes, and whether it computes what it should.

    Args:
        settings: which artefact, and what it runs on.
        foreign: classifiers of one's own, by the head they answer.
    """
    before, began, worked = _resident(), time.perf_counter(), time.process_time()
    try:
        from waypost.encoder.engine import Encoder  # noqa: PLC0415 - a broken install must be a finding
        from waypost.encoder.selfcheck import check  # noqa: PLC0415

        encoder = Encoder.open(settings)
        took, loaded = (time.perf_counter() - began, time.process_time() - worked), _resident()
        yield _artefact(encoder)
        try:
            found = check(encoder)
        finally:
            encoder.close()
    except ImportError as error:
        told = f"{error.name or 'a package'} cannot be imported: {error}"
        yield Finding("classifiers", "fail", told, "install waypost again")
    except EngineError as error:
        yield _failed("classifiers", str(error), "install waypost again")
    else:
        yield _load(took, loaded - before, _resident() - before)
        yield _arithmetic(found)
        yield _speed(found)
        yield from (checkpoint(head, model, encoder) for head, model in foreign.items())


def checkpoint(head: str, model: ForeignModel, encoder: "Encoder") -> Finding:
    """Whether a classifier of one's own can be used; a guard that cannot keeps Waypost from starting."""
    from waypost.encoder.foreign import KEYS, open_foreign  # noqa: PLC0415 - numpy and onnxruntime

    try:
        opened = open_foreign(head, model, encoder.artefact.heads, encoder.settings.device)
    except EngineError as error:
        failed = _failed(KEYS[head], str(error), "put a Hugging Face checkpoint there, or remove the key")
        if head in SCANNING:
            return failed
        return replace(failed, status="warn", found=f"{failed.found}; the built-in classifier is used")
    artefact = opened.artefact
    told = f"{artefact.folder}, sha256 {artefact.sha256[:12]}, {artefact.window} tokens at a time"
    if opened.lacks:
        told += f"; never answers {', '.join(opened.lacks)}"
    return Finding(KEYS[head], "ok", told, figures={"head": head, "sha256": artefact.sha256})


def _artefact(encoder: "Encoder") -> Finding:
    artefact = encoder.artefact
    figures = {"name": artefact.name, "version": artefact.version, "sha256": artefact.sha256}
    told = f"{artefact.name} {artefact.version}, sha256 {artefact.sha256[:12]}, {artefact.folder}"
    return Finding("classifiers", "ok", told, figures=figures)


def _load(took: tuple[float, float], loaded: int, used: int) -> Finding:
    seconds, cpu = (round(each, 3) for each in took)
    figures = {"seconds": seconds, "cpu_seconds": cpu, "loaded_bytes": loaded, "used_bytes": used}
    told = f"{seconds:.2f} s ({cpu:.2f} s of CPU); memory +{_mb(loaded)}, +{_mb(used)} after use"
    return Finding("load", "ok", told, figures=figures)


def _arithmetic(found: "SelfCheck") -> Finding:
    figures = {"texts": found.texts, "mean": found.mean, "worst": found.worst, "moved": found.moved}
    if not found.texts:
        told = "the artefact brings no results to compare with"
        return Finding("arithmetic", "warn", told, "write it again with `waypost train`", figures)
    told = (
        f"{counted(found.texts, 'text')} read: {found.mean:.3f} from the probabilities in 32 bits on average,"
        f" {found.worst:.3f} at most; {found.moved} with another likeliest label"
    )
    if found.passed:
        return Finding("arithmetic", "ok", told, figures=figures)
    fix = f"install another onnxruntime than {version('onnxruntime')}, or run on another processor"
    return Finding("arithmetic", "fail", told, fix, figures)


def _speed(found: "SelfCheck") -> Finding:
    figures: dict[str, object] = {f"ms_{length}": round(ms, 2) for length, ms in found.milliseconds.items()}
    figures |= {"provider": found.provider, "cpu": _processor()}
    times = ", ".join(f"{length} tokens {ms:.1f} ms" for length, ms in found.milliseconds.items())
    told = f"{times} of CPU ({found.provider}, {_processor()})"
    if max(found.milliseconds.values()) <= SLOW_MS:
        return Finding("speed", "ok", told, figures=figures)
    fix = "expect less throughput: this processor is slow at 8-bit arithmetic, or it is busy now"
    return Finding("speed", "warn", told, fix, figures)


def _processor() -> str:
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "unknown")
    return platform.processor() or "unknown"


def _resident() -> int:
    """Bytes of memory in use; 0 where the system does not tell as Linux does."""
    with suppress(OSError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _mb(size: int) -> str:
    return f"{size / 1024**2:.0f} MB"


def _failed(name: str, message: str, fallback: str) -> Finding:
    """Messages of the engines end in what to do, after the last semicolon."""
    problem, _, remedy = message.rpartition("; ")
    return Finding(name, "fail", problem or message, remedy if problem else fallback)
