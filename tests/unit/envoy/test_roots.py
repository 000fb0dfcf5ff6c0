"""The CA bundle: the system's, else certifi's."""

from pathlib import Path
from types import SimpleNamespace

import certifi
import pytest

from waypost.envoy import roots


def told(monkeypatch: pytest.MonkeyPatch, cafile: str | None) -> None:
    monkeypatch.setattr(roots.ssl, "get_default_verify_paths", lambda: SimpleNamespace(cafile=cafile))


def test_what_python_was_told_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "own.pem"
    bundle.write_text("")
    told(monkeypatch, str(bundle))

    assert roots.find_ca_file() == str(bundle)


def test_a_bundle_that_does_not_exist_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = tmp_path / "known.pem"
    known.write_text("")
    told(monkeypatch, str(tmp_path / "gone.pem"))
    monkeypatch.setattr(roots, "KNOWN_BUNDLES", (str(tmp_path / "other.pem"), str(known)))

    assert roots.find_ca_file() == str(known)


def test_certifi_is_the_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, None)
    monkeypatch.setattr(roots, "KNOWN_BUNDLES", ())

    assert roots.find_ca_file() == certifi.where()
