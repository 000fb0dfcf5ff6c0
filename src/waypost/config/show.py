"""What took effect, without credentials. Pure."""

from collections.abc import Mapping
from typing import Any

import yaml

from waypost.config.document import Node, plain
from waypost.config.schema import BLOCKS, LIST_SUFFIX, Document
from waypost.config.secrets import MASK
from waypost.config.settings import Settings
from waypost.configurable import adapter


def effective(root: Node, document: Document, settings: Settings) -> dict[str, Any]:
    """The configuration as plain data: files merged, variables put in, defaults of settings filled in."""
    shown: dict[str, Any] = adapter(Document).dump_python(document, mode="json", exclude_none=True)
    shown |= {"state_dir": str(settings.state_dir)}
    for key, node in root.mapping.items():
        if key in BLOCKS or key.endswith(LIST_SUFFIX):
            shown[key] = plain(node)
    providers: dict[str, dict[str, Any]] = shown["providers"]
    for provider in providers.values():
        if provider.get("api_key"):
            provider["api_key"] = MASK
        if provider.get("api_keys"):
            provider["api_keys"] = [MASK] * len(provider["api_keys"])
        if provider.get("headers"):
            provider["headers"] = dict.fromkeys(provider["headers"], MASK)
    return {key: value for key, value in shown.items() if value not in ({}, [], None) and key != "include"}


def as_yaml(document: Mapping[str, Any]) -> str:
    """YAML text in the order of the mapping."""
    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=110)
