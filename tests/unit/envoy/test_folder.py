"""The run folder is ours alone, short enough for sockets, and leaves nothing behind."""

import os
import stat
from pathlib import Path

import pytest

from waypost.envoy.folder import SOCKET_PATH_BYTES, FolderError, run_folder


def test_a_folder_of_our_own_is_private_and_removed(tmp_path: Path) -> None:
    with run_folder(None, {"XDG_RUNTIME_DIR": str(tmp_path)}) as folder:
        assert folder.parent == tmp_path
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "file").write_text("x")

    assert list(tmp_path.iterdir()) == []


def test_after_an_error_the_folder_stays_for_its_log(tmp_path: Path) -> None:
    class StartError(Exception):
        pass

    with pytest.raises(StartError), run_folder(None, {"XDG_RUNTIME_DIR": str(tmp_path)}) as folder:
        raise StartError

    assert folder.is_dir()


@pytest.mark.parametrize("runtime", ["/nowhere", "x" * SOCKET_PATH_BYTES])
def test_a_runtime_folder_that_cannot_be_used_is_passed_over(runtime: str) -> None:
    with run_folder(None, {"XDG_RUNTIME_DIR": runtime}) as folder:
        assert folder.is_dir()
        assert len(os.fsencode(folder / "upstream.sock")) <= SOCKET_PATH_BYTES


def test_a_long_temporary_folder_gives_way_to_a_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))

    with run_folder(None, {}) as folder:
        assert folder.parent == Path("/tmp")


def test_a_given_folder_is_made_private_and_kept(tmp_path: Path) -> None:
    with run_folder(tmp_path / "run", {}) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    assert folder == tmp_path / "run"
    assert folder.is_dir()


def test_a_given_folder_may_be_used_again_but_not_twice_at_once(tmp_path: Path) -> None:
    def enter_again() -> None:
        with run_folder(tmp_path / "run", {}):
            pytest.fail("entered a folder that is in use")

    with run_folder(tmp_path / "run", {}), pytest.raises(FolderError, match="in use by another"):
        enter_again()

    with run_folder(tmp_path / "run", {}) as again:
        assert again.is_dir()


def test_a_folder_others_can_look_into_is_refused_and_not_changed(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)

    with pytest.raises(FolderError, match="chmod 700"), run_folder(shared, {}):
        pytest.fail("entered a folder that others can read")

    assert stat.S_IMODE(shared.stat().st_mode) == 0o755


def test_a_folder_too_long_for_sockets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="too long"), run_folder(tmp_path / ("d" * 100), {}):
        pytest.fail("entered a folder in which no socket can be made")


def test_a_folder_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(FolderError, match="/proc/run"), run_folder(Path("/proc/run"), {}):
        pytest.fail("made a folder in /proc")
