"""Which classifiers answer, for those who have no need of numpy to say so."""

import json
from importlib.resources import files

from waypost.config.load import Loaded


def named(loaded: Loaded) -> str:
    """Name, version and hash of the artefact that the worker has loaded; empty where nothing asks it."""
    if not any(signal.heads for signal in loaded.policy.signals.values()):
        return ""
    folder = loaded.settings.encoder.artefact or files("waypost.encoder").joinpath("artefact")
    manifest = json.loads(folder.joinpath("manifest.json").read_text("utf-8"))
    sha256 = manifest["files"]["encoder.onnx"]["sha256"]
    return f"{manifest['name']} {manifest['version']}, sha256 {sha256[:12]}"
