"""How many CPUs this process may use: affinity, and the quota of a container."""

import os
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")


def usable_cpus(groups: Path = _GROUPS, own: Path = Path("/proc/self/cgroup")) -> int:
    """At least 1; half a CPU of a quota is not counted, a thread on it would only be held up.

    `groups` is where control groups are mounted, `own` says which are ours (cgroups(7)).
    """
    affine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    count = affine or 1
    return max(1, int(min([count, *_quotas(groups, own)])))


def _quotas(groups: Path, own: Path) -> list[float]:
    """CPU quotas of our control group and those above it, in CPUs; versions 2 and 1."""
    inner = next((line[3:] for line in _lines(own) if line.startswith("0::")), "/")
    folder = groups / inner.strip("/")
    inside = [folder, *folder.parents]
    found = [_share(*_words(level / "cpu.max")) for level in inside if level.is_relative_to(groups)]
    old = groups / "cpu"
    found.append(_share(*_words(old / "cpu.cfs_quota_us"), *_words(old / "cpu.cfs_period_us")))
    return [share for share in found if share is not None]


def _share(quota: str = "", period: str = "", *_: str) -> float | None:
    limited = quota.isdigit() and period.isdigit() and int(period) > 0
    return int(quota) / int(period) if limited else None


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
