"""How many CPUs there are: those of the affinity, unless a container may use fewer."""

import os
from pathlib import Path

import pytest

from waypost.encoder.cpus import usable_cpus


@pytest.fixture(autouse=True)
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


def test_without_a_quota_all_of_them(tmp_path: Path) -> None:
    assert usable_cpus(tmp_path, tmp_path / "none") == 8
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert usable_cpus(tmp_path, tmp_path / "none") == 8


@pytest.mark.parametrize(("quota", "expected"), [(300_000, 3), (250_000, 2), (20_000, 1), (10**7, 8)])
def test_a_quota_holds_rounded_down_but_never_to_none(tmp_path: Path, quota: int, expected: int) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota} 100000\n")
    assert usable_cpus(tmp_path, tmp_path / "none") == expected


def test_the_strictest_of_our_group_and_those_above_holds(tmp_path: Path) -> None:
    inner = tmp_path / "system.slice" / "waypost.service"
    inner.mkdir(parents=True)
    (inner / "cpu.max").write_text("400000 100000")
    (inner.parent / "cpu.max").write_text("200000 100000")
    own = tmp_path / "own"
    own.write_text("1:name=x:/other\n0::/system.slice/waypost.service\n")
    assert usable_cpus(tmp_path, own) == 2


def test_groups_of_version_1(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("150000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("50000\n")
    assert usable_cpus(tmp_path, tmp_path / "none") == 3
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    assert usable_cpus(tmp_path, tmp_path / "none") == 8


def test_systems_without_affinity_count_their_cpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cpus(tmp_path, tmp_path / "none") == 1
