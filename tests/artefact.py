"""The classifiers that tests mean: those that are shipped, or the folder that WAYPOST_TEST_ARTEFACT names."""

import os
import shutil
from pathlib import Path

from waypost.encoder.manifest import BUILT_IN, MODEL

FOLDER = Path(os.environ.get("WAYPOST_TEST_ARTEFACT") or BUILT_IN)


def damaged(folder: Path) -> Path:
    """A copy in which one bit of the model has flipped."""
    shutil.copytree(FOLDER, folder)
    with (folder / MODEL).open("r+b") as model:
        model.seek(-1000, os.SEEK_END)
        byte = model.read(1)[0]
        model.seek(-1, os.SEEK_CUR)
        model.write(bytes([byte ^ 1]))
    return folder
