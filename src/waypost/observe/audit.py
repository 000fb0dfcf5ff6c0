"""The audit log."""

from typing import Literal

from waypost.configurable import configurable


@configurable
class AuditSettings:
    """How the audit log is written."""

    durability: Literal["batch", "always"] = "batch"
    """`batch` = records are on disk within `flush_seconds`; `always` = a decision waits until its record is."""
