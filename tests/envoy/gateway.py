"""Start the whole product as an operator does, on free ports, and stop it whatever happened."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai

from tests.envoy.faulty import PATIENCE

MARK = "WAYPOST_TEST_GATEWAY"
"""Environment variable that all processes of a gateway inherit: orphans are found by it."""


@dataclass(frozen=True, slots=True)
class Response:
    """A raw answer: every header as sent, whole body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error, checked to have the API's shape."""
        assert self.header("content-type") == "application/json", (self.status, self.headers, self.body)
        error = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}, error
        assert isinstance(error["message"], str)
        assert error["message"]
        assert isinstance(error["type"], str)
        assert isinstance(error["code"], str)
        assert error["param"] is None or isinstance(error["param"], str)
        return error


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running `waypost serve`.

    Attributes:
        state: folder of the audit log.
        log: everything the processes wrote to stderr and stdout.
    """

    process: subprocess.Popen[bytes]
    port: int
    admin: int
    state: Path
    log: Path
    clients: list[openai.OpenAI] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def sdk(self, **options: Any) -> openai.OpenAI:
        """The official client; it does not retry, so that a test sees each answer."""
        fixed: dict[str, Any] = {"base_url": f"{self.url}/v1", "api_key": "client-key", "max_retries": 0}
        self.clients.append(openai.OpenAI(**(fixed | options)))
        return self.clients[-1]

    def request(
        self,
        method: str,
        path: str,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    ) -> Response:
        """One request with exactly these headers (and host and content-length)."""
        content = body.encode() if isinstance(body, str) else body
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers.items() if isinstance(headers, Mapping) else headers:
                connection.putheader(name, value)
            if content is not None:
                connection.putheader("content-length", str(len(content)))
            connection.endheaders(content)
            with connection.getresponse() as response:
                return Response(response.status, response.getheaders(), response.read())

    def raw(self, data: bytes) -> Response:
        """Send bytes that need not be HTTP; the first answer."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
            client.sendall(data)
            with http.client.HTTPResponse(client) as response:
                response.begin()
                return Response(response.status, response.getheaders(), response.read())

    def conversation(self, data: bytes) -> bytes:
        """Send bytes whose last request says `connection: close`; everything that comes back."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
            client.sendall(data)
            return b"".join(iter(lambda: client.recv(65536), b""))

    def post(self, payload: Any, path: str = "/v1/chat/completions", **headers: str) -> Response:
        """POST JSON; bytes and text are sent as they are. Underscores in header names become dashes."""
        body = payload if isinstance(payload, bytes | str) else json.dumps(payload)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", path, body, {"content-type": "application/json"} | named)

    def ask(self, text: str, model: str = "auto", **fields: Any) -> Response:
        """One user message."""
        return self.post(question(text, model, **fields))

    def records(self, request_id: str | None, kind: str) -> list[dict[str, Any]]:
        """What the audit log says of a request by now; the last line may still be on its way."""
        text = "".join(file.read_text() for file in sorted(self.state.rglob("audit-*.jsonl")))
        lines = (json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n"))
        return [line for line in lines if line["request_id"] == request_id and line["type"] == kind]

    def ready(self) -> int:
        """Status of `/ready`; 0 when nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=5)
        with contextlib.closing(connection):
            try:
                connection.request("GET", "/ready")
                with connection.getresponse() as response:
                    return response.status
            except (OSError, http.client.HTTPException):
                return 0

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for something outside this process that offers no event to wait on."""

        def met() -> object:
            code = self.process.poll()
            assert code is None, f"waypost serve ended with {code}:\n{self.log.read_text()}"
            return condition()

        try:
            wait_until(met, what)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.log.read_text()[-4000:]}") from None

    def children(self) -> dict[int, list[str]]:
        """Command lines of every process below `waypost serve`, by pid."""
        found: dict[int, list[str]] = {}
        queue = [self.process.pid]
        while queue:
            parent = queue.pop()
            for file in Path(f"/proc/{parent}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    queue += [int(pid) for pid in file.read_text().split()]
            with contextlib.suppress(OSError):
                found[parent] = Path(f"/proc/{parent}/cmdline").read_text().split("\0")[:-1]
        found.pop(self.process.pid, None)
        return {pid: command for pid, command in found.items() if command}

    @property
    def worker(self) -> int:
        """Pid of the ext_proc worker."""
        return next(pid for pid, command in self.children().items() if "extproc" in command)

    def maps(self, pid: int, library: str) -> bool:
        """Whether a process has a library in memory."""
        return library in Path(f"/proc/{pid}/maps").read_text()

    @property
    def envoy(self) -> int:
        """Pid of Envoy."""
        return next(pid for pid, command in self.children().items() if "envoy" in Path(command[0]).name)

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    def envoy_admin(self, path: str) -> str:
        """Ask Envoy's own admin interface, which stands on a unix socket."""
        command = self.children()[self.envoy]
        bootstrap = json.loads(Path(command[command.index("-c") + 1]).read_text())
        connection = http.client.HTTPConnection("envoy", timeout=10)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(10)
        connection.sock.connect(bootstrap["admin"]["address"]["pipe"]["path"])
        with contextlib.closing(connection):
            connection.request("GET", path)
            with connection.getresponse() as response:
                return response.read().decode()

    def stats(self, pattern: str) -> dict[str, int]:
        """Envoy's counters and gauges whose name contains `pattern`."""
        lines = self.envoy_admin("/stats").splitlines()
        pairs = (line.rsplit(": ", 1) for line in lines if pattern in line)
        return {name: int(value) for name, value in pairs if value.isdigit()}


def question(text: str, model: str = "auto", **fields: Any) -> dict[str, Any]:
    """A chat request of one user message."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Poll a condition of the outside world."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {PATIENCE:g} s")
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether the process exists and is not a zombie waiting for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


_given: set[int] = set()


def free_port() -> int:
    """A port nobody has; never one that was given before, because that may not be in use yet."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


@contextlib.contextmanager
def serve(folder: Path, config: Mapping[str, Any]) -> Iterator[Gateway]:
    """Run `waypost serve` with this configuration on free ports until the block ends."""
    port, admin, file = free_port(), free_port(), folder / "waypost.yaml"
    own = {"listen": f"127.0.0.1:{port}", "admin": f"127.0.0.1:{admin}", "state_dir": str(folder)}
    # Tests share gateways: how providers did in one of them must not matter in another.
    timeouts = {"cooldown_seconds": 0} | config.get("timeouts", {})
    file.write_text(json.dumps(own | dict(config) | {"timeouts": timeouts}, indent=1))  # JSON is YAML
    with run_serve(["-c", str(file)], folder, port, admin) as gateway:
        yield gateway


@contextlib.contextmanager
def run_serve(
    options: Sequence[str], folder: Path, port: int, admin: int, environ: Mapping[str, str] | None = None
) -> Iterator[Gateway]:
    """Run the command until the block ends; `folder` gets its log and sockets and must hold its state."""
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "waypost.cli", "serve", *options],
            env={**os.environ, "XDG_RUNTIME_DIR": str(folder), **(environ or {}), MARK: str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    gateway = Gateway(process, port, admin, folder, log)
    try:
        gateway.until(lambda: gateway.ready() == 200, "/ready")
        yield gateway
    finally:
        _stop(gateway)


def _stop(gateway: Gateway) -> None:
    """SIGTERM, then SIGKILL for whatever is left, orphans included; nothing survives a test."""
    for client in gateway.clients:
        client.close()
    gateway.process.terminate()
    try:
        gateway.process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        gateway.process.kill()
        gateway.process.wait()
    for file in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"{MARK}={gateway.state}\0".encode() in file.read_bytes():
                os.kill(int(file.parent.name), signal.SIGKILL)
