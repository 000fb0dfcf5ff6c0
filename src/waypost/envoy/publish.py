"""Files that a running Envoy watches.

Each document lies alone in a folder of its own and is replaced by a rename: Envoy sees the old one or the
new one, never a part.
"""

import json
import os
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

from waypost.envoy.replies import Document
from waypost.envoy.resources import DOCUMENT_NAME, Resources

Kind = Literal["cds", "lds", "rds"]

MESSAGES: Final[dict[Kind, str]] = {
    "cds": "config.cluster.v3.Cluster",
    "lds": "config.listener.v3.Listener",
    "rds": "config.route.v3.RouteConfiguration",
}


def first(new: Resources) -> Iterator[tuple[Kind, Sequence[Document]]]:
    """What must lie there before Envoy starts."""
    yield "cds", new.clusters
    yield "rds", (new.routes,)
    yield "lds", (new.listener,)


def change(old: Resources, new: Resources) -> Iterator[tuple[Kind, Sequence[Document]]]:
    """The steps from one configuration to the next, each to be loaded by Envoy before the following one.

    Routes must never name a cluster that is not there: clusters of both first, then routes, then the old
    clusters go. The listener is touched only when it differs, because that drains its connections.
    """
    names = {cluster["name"] for cluster in new.clusters}
    both = (*new.clusters, *(cluster for cluster in old.clusters if cluster["name"] not in names))
    yield "cds", both
    yield "rds", (new.routes,)
    if both != new.clusters:
        yield "cds", new.clusters
    if old.listener != new.listener:
        yield "lds", (new.listener,)


def put(folder: Path, kind: Kind, documents: Sequence[Document]) -> str:
    """Write one step below `folder`; returns the version that Envoy reports once it has loaded it."""
    message = f"type.googleapis.com/envoy.{MESSAGES[kind]}"
    listed = [{"@type": message, **document} for document in documents]
    version = sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()[:16]
    place = folder / kind
    place.mkdir(mode=0o700, exist_ok=True)
    write(place / DOCUMENT_NAME, {"version_info": version, "resources": listed})
    return version


def write(path: Path, document: Document) -> None:
    """Replace a file at once, readable by its owner only."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(document, file)
    draft.replace(path)
