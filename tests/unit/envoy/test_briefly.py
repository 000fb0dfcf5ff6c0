"""An Envoy that is run while something is done; a script stands in for it, tests/envoy has the real one."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.envoy.test_supervisor import PROVIDER, told
from waypost.config.settings import Address
from waypost.envoy import briefly
from waypost.envoy.briefly import Brief, with_envoy
from waypost.envoy.child import EndedError
from waypost.envoy.control import Control, accepts
from waypost.envoy.ports import bind, numeric
from waypost.envoy.resources import Resources
from waypost.envoy.supervisor import NotReadyError

SCRIPT = """#!{python}
import json, socketserver, sys, threading
from pathlib import Path
admin = json.loads(Path(sys.argv[sys.argv.index("-c") + 1]).read_text())["admin"]["address"]["pipe"]["path"]
HOSTS = [{{"address": {{"socket_address": {{"address": "127.0.0.1", "port_value": 9}}}}}}]
CLUSTERS = {{"cluster_statuses": [{{"name": "{cluster}", "host_statuses": HOSTS}}]}}
class Admin(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline()
        said = CLUSTERS if b"clusters" in line else {{"stats": []}}
        body = b"LIVE" if b"/ready" in line else json.dumps(said).encode()
        head = b"HTTP/1.1 200 OK\\r\\ntransfer-encoding: chunked\\r\\n\\r\\n"
        self.wfile.write(head + b"%x\\r\\n%s\\r\\n0\\r\\n\\r\\n" % (len(body), body))
class Front(socketserver.StreamRequestHandler):
    def handle(self):
        self.rfile.readline()
        self.wfile.write(b"HTTP/1.1 {status} X\\r\\ncontent-length: 0\\r\\n\\r\\n")
socketserver.TCPServer.allow_reuse_address = True
front = socketserver.TCPServer(("127.0.0.1", {port}), Front)
threading.Thread(target=front.serve_forever, daemon=True).start()
socketserver.UnixStreamServer(admin, Admin).serve_forever()
"""


def brief(folder: Path, script: str = SCRIPT, status: int = 200, cluster: str = PROVIDER.cluster) -> Brief:
    listener = bind(Address("127.0.0.1", 0), "listen")
    listen = numeric(listener)
    listener.close()
    binary = folder / "envoy"
    binary.write_text(script.format(python=sys.executable, port=listen.port, status=status, cluster=cluster))
    binary.chmod(0o700)
    return Brief(binary, folder, Resources({}, (), {"name": "main"}), listen, (PROVIDER,))


def run(one: Brief, act: Callable[[], Any]) -> list[str]:
    """What was told meanwhile."""
    events, tell = told()
    asyncio.run(with_envoy(one, tell, act))
    return events


def test_something_is_done_while_it_runs_and_then_it_is_gone(tmp_path: Path) -> None:
    async def act() -> bool:
        return await Control(tmp_path / "envoy.sock").is_live()

    async def scenario() -> bool:
        return await with_envoy(brief(tmp_path), told()[1], act)

    assert asyncio.run(scenario())
    assert not asyncio.run(accepts(tmp_path / "envoy.sock"))
    bootstrap = json.loads((tmp_path / "bootstrap.json").read_text())
    assert bootstrap["admin"]["address"]["pipe"]["path"] == str(tmp_path / "envoy.sock")
    assert {path.parent.name for path in tmp_path.glob("*/document.json")} == {"cds", "lds", "rds"}


def test_an_envoy_that_ends_at_once_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EndedError, match="before it was ready"):
        run(brief(tmp_path, "#!/bin/sh\nexit 3\n"), lambda: pytest.fail("nothing is done"))


def test_an_envoy_that_lets_nothing_through_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(briefly, "START_SECONDS", 0.5)
    with pytest.raises(NotReadyError):
        run(brief(tmp_path, status=503), lambda: pytest.fail("nothing is done"))


def test_a_name_that_does_not_resolve_is_not_waited_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(briefly, "RESOLVE_SECONDS", 0.2)
    done: list[bool] = []

    async def act() -> None:
        done.append(True)

    run(brief(tmp_path, cluster="another"), act)
    assert done == [True]


def test_an_error_of_what_is_done_comes_out_and_envoy_is_gone(tmp_path: Path) -> None:
    async def act() -> None:
        raise NotReadyError("from inside")

    with pytest.raises(NotReadyError, match="from inside"):
        run(brief(tmp_path), act)
    assert not asyncio.run(accepts(tmp_path / "envoy.sock"))
