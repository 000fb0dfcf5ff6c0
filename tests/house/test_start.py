"""The command line starts fast: `--help` loads none of the heavy libraries."""

import subprocess
import sys

import pytest

HEAVY = {"asyncio", "grpc", "google.protobuf", "phonenumbers", "pydantic", "starlette", "uvicorn", "yaml"}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys; from waypost.cli import main\n"
        f"sys.argv[1:] = {arguments!r}\n"
        "try: main()\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60
    )
    assert HEAVY & set(done.stderr.split()) == set()
