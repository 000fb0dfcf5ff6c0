"""Files are replaced whole, in an order in which no route ever names a missing cluster."""

import json
import stat
from pathlib import Path

import pytest

from waypost.envoy import publish
from waypost.envoy.resources import Resources

OLD = Resources({"name": "main"}, ({"name": "router"}, {"name": "a"}), {"name": "main", "to": "a"})
NEW = Resources({"name": "main"}, ({"name": "router"}, {"name": "b"}), {"name": "main", "to": "b"})


def names(documents: object) -> list[str]:
    assert isinstance(documents, tuple)
    return [document["name"] for document in documents]


def test_envoy_finds_clusters_and_routes_before_the_listener_that_needs_them() -> None:
    assert [kind for kind, _ in publish.first(NEW)] == ["cds", "rds", "lds"]


def test_old_clusters_stay_until_no_route_names_them() -> None:
    steps = list(publish.change(OLD, NEW))

    assert [kind for kind, _ in steps] == ["cds", "rds", "cds"]
    assert names(steps[0][1]) == ["router", "b", "a"]
    assert steps[1][1] == (NEW.routes,)
    assert names(steps[2][1]) == ["router", "b"]


def test_nothing_is_removed_when_nothing_is_left_over() -> None:
    assert [kind for kind, _ in publish.change(OLD, OLD)] == ["cds", "rds"]


def test_the_listener_is_written_only_when_it_differs() -> None:
    moved = Resources({"name": "main", "port": 2}, NEW.clusters, NEW.routes)

    assert [kind for kind, _ in publish.change(NEW, moved)] == ["cds", "rds", "lds"]


def test_a_document_is_a_discovery_response_with_a_type_for_each_resource(tmp_path: Path) -> None:
    version = publish.put(tmp_path, "cds", OLD.clusters)

    assert json.loads((tmp_path / "cds/document.json").read_text()) == {
        "version_info": version,
        "resources": [
            {"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "name": "router"},
            {"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "name": "a"},
        ],
    }


def test_the_version_tells_contents_apart(tmp_path: Path) -> None:
    first = publish.put(tmp_path, "cds", OLD.clusters)
    second = publish.put(tmp_path, "cds", NEW.clusters)

    assert first != second
    assert publish.put(tmp_path, "cds", OLD.clusters) == first


def test_only_the_owner_can_read_what_is_written(tmp_path: Path) -> None:
    publish.put(tmp_path, "rds", (OLD.routes,))

    assert stat.S_IMODE((tmp_path / "rds").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "rds/document.json").stat().st_mode) == 0o600


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    publish.put(tmp_path, "rds", (OLD.routes,))
    opened = (tmp_path / "rds/document.json").open()

    publish.put(tmp_path, "rds", (NEW.routes,))

    with opened:
        assert json.load(opened)["resources"][0]["to"] == "a"
    assert sorted(path.name for path in (tmp_path / "rds").iterdir()) == ["document.json"]


def test_a_draft_left_by_a_crash_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".boot.json.new").write_text("half")

    publish.write(tmp_path / "boot.json", {"a": 1})

    assert json.loads((tmp_path / "boot.json").read_text()) == {"a": 1}


def test_what_cannot_be_json_leaves_the_old_document(tmp_path: Path) -> None:
    publish.write(tmp_path / "boot.json", {"a": 1})

    with pytest.raises(TypeError):
        publish.write(tmp_path / "boot.json", {"a": object()})

    assert json.loads((tmp_path / "boot.json").read_text()) == {"a": 1}
