"""What is kept of a configuration is read again, whatever stands in the files by then."""

import os
from pathlib import Path

from tests.unit.config.world import BESIDE, ENVIRON
from waypost.config.kept import Kept, read_kept
from waypost.config.load import load


def test_what_is_kept_is_read_as_often_as_one_likes() -> None:
    with Kept({"/a": "x: 1"}) as kept:
        assert read_kept(kept.fd) == read_kept(kept.fd) == {"/a": "x: 1"}
        kept.keep({"/b": "é" * 100_000})
        assert read_kept(kept.fd) == {"/b": "é" * 100_000}
        kept.keep({})
        assert read_kept(kept.fd) == {}


def test_it_lies_under_no_path() -> None:
    with Kept({}) as kept:
        assert os.fstat(kept.fd).st_nlink == 0


def test_a_configuration_is_loaded_from_what_was_kept(tmp_path: Path) -> None:
    rules, main = tmp_path / "rules.yaml", tmp_path / "waypost.yaml"
    rules.write_text("keywords: {a: [b]}")
    main.write_text(f"include: [rules.yaml]\n{BESIDE}")
    first = load([main], ENVIRON)
    rules.unlink()
    main.write_text("broken: [")
    again = load([main], ENVIRON, first.texts)
    assert again.policy.revision == first.policy.revision
    assert again.settings == first.settings
    assert again.texts == first.texts
