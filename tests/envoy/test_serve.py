"""`waypost serve` as an operator meets it: start, messages, conflicts, crashes, stop. Real processes only."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.envoy.faulty import PATIENCE, stream
from tests.envoy.gateway import Gateway, free_port, is_alive, question, wait_until
from tests.envoy.world import World

Fresh = Callable[..., Gateway]
CANARY = "sk-canary-8c21e0"


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "waypost.cli", "serve", *options]


def run(*options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, which must come by itself."""
    return subprocess.run(
        command(*options),
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def config(folder: Path, **settings: Any) -> Path:
    """The smallest configuration that serves, on free ports."""
    file = folder / "waypost.yaml"
    own: dict[str, Any] = {
        "listen": f"127.0.0.1:{free_port()}",
        "admin": f"127.0.0.1:{free_port()}",
        "state_dir": str(folder / "state"),
        "providers": {
            "p": {"kind": "openai_compatible", "base_url": "http://127.0.0.1:9/v1", "api_key": CANARY}
        },
        "models": {"m": {"provider": "p", "name": "n"}},
        "default_model": "m",
    }
    file.write_text(json.dumps(own | settings))
    return file


def events(gateway: Gateway) -> list[dict[str, Any]]:
    """What the supervisor told, line by line."""
    lines = gateway.log.read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith('{"ts"')]


def health(gateway: Gateway) -> Any:
    return json.loads(http_get(gateway.admin, "/health"))


def http_get(port: int, path: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer.partition(b"\r\n\r\n")[2]


def refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


# --- start ------------------------------------------------------------------------------------------------


def test_ready_is_announced_once_traffic_would_succeed(tmp_path: Path) -> None:
    file = config(tmp_path)
    with subprocess.Popen(
        command("-c", str(file), "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        told = json.loads(process.stdout.readline())
        port = int(told["listen"].rpartition(":")[2])
        models = json.loads(http_get(port, "/v1/models"))
        process.terminate()
        said = process.stderr.read()

    assert process.returncode == 0
    assert {"schema", "listen", "admin", "revision", "rules", "pid"} == set(told)
    assert told["schema"] == "waypost/serve.v1"
    assert told["pid"] == process.pid
    assert "m" in {model["id"] for model in models["data"]}
    assert f"ready: http://{told['listen']}/v1" in said
    assert f"admin: http://{told['admin']}/ready" in said


def test_health_tells_each_process(gateway: Gateway) -> None:
    found = health(gateway)

    assert found["status"] == "ok"
    # Other tests of this gateway kill its worker, so how often it was restarted is theirs to count.
    assert {name: child["pid"] for name, child in found["children"].items()} == {
        "envoy": gateway.envoy,
        "worker": gateway.worker,
    }


def test_no_provider_key_is_in_envoys_reach(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    file = config(tmp_path)
    file.write_text(file.read_text().replace(CANARY, "${PROVIDER_KEY}"))
    with subprocess.Popen(
        command("-c", str(file), "--json", "--run-dir", str(folder)),
        stdout=subprocess.PIPE,
        env={**os.environ, "PROVIDER_KEY": CANARY},
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        documents = [path for path in folder.rglob("*") if path.is_file()]
        pid = json.loads(http_get(_admin_port(file), "/health"))["children"]["envoy"]["pid"]
        environ = Path(f"/proc/{pid}/environ").read_text()
        text = "".join(path.read_text() for path in documents)
        process.terminate()

    assert {path.name for path in documents} >= {"bootstrap.json", "document.json", "envoy.log"}
    assert CANARY not in text
    assert CANARY not in environ
    assert all(path.stat().st_mode & 0o077 == 0 for path in documents)


def _admin_port(file: Path) -> int:
    return int(json.loads(file.read_text())["admin"].rpartition(":")[2])


# --- what keeps it from starting --------------------------------------------------------------------------


def test_a_broken_configuration_starts_nothing(tmp_path: Path) -> None:
    told = run("-c", str(config(tmp_path, default_model="nobody")))

    assert told.returncode == 3
    assert "nobody" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("key", ["listen", "admin"])
def test_a_taken_port_is_named_with_its_key_and_holder(tmp_path: Path, key: str) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        told = run("-c", str(config(tmp_path, **{key: f"127.0.0.1:{port}"})))

    assert told.returncode == 4
    assert told.stderr.startswith(f"error: {key}: 127.0.0.1:{port} is already in use by pid {os.getpid()} (")
    assert told.stderr.count("\n") == 1
    assert not (tmp_path / "state").exists(), "the worker was started"


def test_without_envoy_it_says_what_to_do(tmp_path: Path) -> None:
    told = run("-c", str(config(tmp_path)), "--envoy-binary", "/nowhere/envoy")

    assert told.returncode == 4
    assert told.stderr == "error: --envoy-binary '/nowhere/envoy' is not an executable file\n"


def test_an_envoy_that_rejects_its_configuration_is_one_clear_line(tmp_path: Path) -> None:
    fake = tmp_path / "envoy"
    fake.write_text(
        "#!/bin/sh\necho '[critical][main] error initializing configuration' >&2\n"
        "head -c 300000 /dev/zero | tr '\\0' '{' >&2\nexit 1\n"
    )
    fake.chmod(0o755)

    told = run("-c", str(config(tmp_path)), "--envoy-binary", str(fake), XDG_RUNTIME_DIR=str(tmp_path))

    assert told.returncode == 4
    (line,) = [line for line in told.stderr.splitlines() if line.startswith("error: ")]
    assert line.startswith(
        "error: envoy ended with exit code 1 before it was ready: [critical][main] error init"
    )
    log = Path(line.partition("(log: ")[2].rstrip(")"))
    assert "{{{{" in log.read_text()
    assert len(told.stderr) < 3000


def test_a_foreign_run_dir_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o755)

    told = run("-c", str(config(tmp_path)), "--run-dir", str(tmp_path / "run"))

    assert told.returncode == 2
    assert "must belong to this user alone" in told.stderr


def test_demo_and_a_configuration_exclude_each_other() -> None:
    told = run("--demo", "-c", "waypost.yaml")

    assert told.returncode == 2
    assert "--demo brings its own configuration" in told.stderr


def test_a_module_beside_the_configuration_does_not_take_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "waypost").mkdir()
    (tmp_path / "waypost/__init__.py").write_text("raise SystemExit('the wrong module')")
    (tmp_path / "yaml.py").write_text("raise SystemExit('the wrong module')")
    file = config(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "waypost.cli", "serve", "-c", file.name, "--json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    ) as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        process.terminate()

    assert json.loads(told)["schema"] == "waypost/serve.v1"


# --- crashes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("victim", ["envoy", "worker"])
def test_what_is_killed_comes_back_and_is_counted(fresh: Fresh, victim: str) -> None:
    gateway = fresh()
    for time in (1, 2, 3):
        pid = health(gateway)["children"][victim]["pid"]
        gateway.kill(pid)
        gateway.until(
            lambda pid=pid: health(gateway)["children"][victim]["pid"] not in {pid, None}, "a new process"
        )
        gateway.until(lambda: gateway.ready() == 200, "ready again")

        assert health(gateway)["children"][victim]["restarts"] == time
        assert gateway.ask("hello").status == 200

    told = [event for event in events(gateway) if event["event"] == "restart"]
    assert [(event["child"], event["exit"], event["restarts"]) for event in told] == [
        (victim, -9, 1),
        (victim, -9, 2),
        (victim, -9, 3),
    ]
    assert told[0]["delay_seconds"] == 0


def test_a_worker_that_comes_back_to_an_edited_file_is_understood_by_envoy(
    fresh: Fresh, world: World
) -> None:
    gateway = fresh()
    assert gateway.ask("hello").header("x-waypost-model") == "model-out1"
    file = gateway.state / "waypost.yaml"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"default_model": "model-out2"}))

    assert gateway.ask("hello").header("x-waypost-model") == "model-out1"
    gateway.kill(gateway.worker)
    gateway.until(lambda: health(gateway)["children"]["worker"]["restarts"] == 1, "a restart")
    gateway.until(lambda: gateway.ready() == 200, "ready again")

    assert gateway.ask("hello").header("x-waypost-model") == "model-out2"
    assert [event["event"] for event in events(gateway)] == ["restart", "config_changed"]


def test_a_broken_edit_leaves_the_last_good_configuration_in_force(fresh: Fresh, world: World) -> None:
    gateway = fresh()
    file = gateway.state / "waypost.yaml"
    file.write_text("providers: [")

    gateway.kill(gateway.worker)
    gateway.until(lambda: health(gateway)["children"]["worker"]["restarts"] == 1, "a restart")
    gateway.until(lambda: gateway.ready() == 200, "ready again")

    assert gateway.ask("hello").header("x-waypost-model") == "model-out1"
    assert [event["event"] for event in events(gateway)] == ["restart", "config_kept"]
    assert "waypost.yaml:2:" in gateway.log.read_text()


def test_a_hung_worker_is_not_ready(fresh: Fresh) -> None:
    gateway = fresh()
    worker = gateway.worker
    os.kill(worker, signal.SIGSTOP)
    try:
        gateway.until(lambda: gateway.ready() == 503, "not ready")
        assert json.loads(http_get(gateway.admin, "/health"))["status"] == "ok"
    finally:
        os.kill(worker, signal.SIGCONT)
    gateway.until(lambda: gateway.ready() == 200, "ready again")


def test_nobody_outlives_a_killed_supervisor(fresh: Fresh) -> None:
    gateway = fresh()
    family = gateway.children()

    gateway.kill(gateway.process.pid)
    gateway.process.wait(PATIENCE)

    assert len(family) == 2
    wait_until(lambda: not any(map(is_alive, family)), "the end of all children")
    wait_until(lambda: refuses(gateway.port), "a free port")


# --- stop -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_gateway_stops_and_leaves_nothing(
    fresh: Fresh, number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    gateway = fresh()
    family = gateway.children()

    gateway.process.send_signal(number)

    assert gateway.process.wait(PATIENCE) == 0
    assert not any(map(is_alive, family))
    assert list(tmp_path.iterdir()) == []
    assert refuses(gateway.port)
    assert refuses(gateway.admin)


def test_a_stream_ends_cleanly_while_new_connections_are_refused(fresh: Fresh, world: World) -> None:
    gateway = fresh()
    gate = world["out1"].gate()
    world["out1"].behaviour = stream(("one", " two"), gate)
    gate.open()
    chunks = gateway.sdk().chat.completions.create(**question("hello", stream=True))
    first = next(chunks).choices[0].delta.content

    gateway.process.terminate()
    gateway.until(lambda: refuses(gateway.port), "the listener to close")
    assert gateway.ready() == 503
    gate.open()
    rest = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    assert (first, rest) == ("one", " two")
    assert gateway.process.wait(PATIENCE) == 0


def test_a_second_signal_does_not_wait(fresh: Fresh, world: World) -> None:
    gateway = fresh()
    world["out1"].behaviour = stream(("one", "never"), world["out1"].gate())
    answer = threading.Thread(target=_read_to_the_end, args=(gateway,))
    answer.start()
    world["out1"].wait()

    gateway.process.terminate()
    gateway.until(lambda: refuses(gateway.port), "the listener to close")
    gateway.process.terminate()

    assert gateway.process.wait(PATIENCE) == 0
    answer.join(PATIENCE)
    assert not answer.is_alive()


def _read_to_the_end(gateway: Gateway) -> None:
    body = json.dumps(question("hello", stream=True))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE) as connection:
        connection.sendall((head + body).encode())
        while connection.recv(65536):
            pass


# --- what Envoy answers itself ------------------------------------------------------------------------------

BODY = b'{"model":"auto","messages":[{"role":"user","content":"hello"}]}'


def raw(port: int, request: bytes) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON body of the answer to these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer or not _is_whole(answer):
            part = connection.recv(65536)
            assert part, f"the connection was closed after {answer!r}"
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    return int(status.split()[1]), headers, json.loads(body)


def _is_whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return len(body) >= int(length.partition(b":")[2])


def post(*headers: str, body: bytes = BODY) -> bytes:
    lines = ["POST /v1/chat/completions HTTP/1.1", "host: x", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        pytest.param(b"hello world\r\n\r\n", 400, "invalid_request", id="not HTTP"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, "invalid_request", id="no host"),
        pytest.param(b"GET / HTTP/1.0\r\n\r\n", 426, "http_version_not_supported", id="HTTP/1.0"),
        pytest.param(b"GET /%00 HTTP/1.1\r\nhost: x\r\n\r\n", 400, "invalid_request", id="NUL in the path"),
        pytest.param(post("x y: 1"), 400, "invalid_request", id="malformed header"),
        pytest.param(post("transfer-encoding: chunked"), 400, "invalid_request", id="two body lengths"),
        pytest.param(post("transfer-encoding: gopher"), 400, "invalid_request", id="unknown encoding"),
        pytest.param(post(f"x-long: {'a' * 70_000}"), 431, "headers_too_large", id="long header"),
        pytest.param(post(*(f"x-{n}: 1" for n in range(150))), 431, "headers_too_large", id="many headers"),
        pytest.param(
            b"GET /v1/realtime HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
            400,
            "upgrade_not_supported",
            id="WebSocket",
        ),
    ],
)
def test_malformed_requests_are_answered_in_json(
    gateway: Gateway, request_: bytes, status: int, code: str
) -> None:
    found, headers, body = raw(gateway.port, request_)

    assert found == status
    assert headers["content-type"] == "application/json"
    assert headers["x-should-retry"] == "false"
    assert headers["server"] == "waypost"
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["code"] == code
    assert body["error"]["type"] == "invalid_request_error"


def test_a_provider_whose_name_does_not_resolve_is_passed_over(fresh: Fresh, world: World) -> None:
    # A name of more than 255 bytes: the resolver refuses it without asking the network.
    lost = {"kind": "openai_compatible", "base_url": f"http://{'.'.join(['a' * 60] * 5)}/v1"}
    found = {"kind": "openai_compatible", "base_url": f"http://127.0.0.1:{world['out1'].port}/v1"}
    gateway = fresh(
        providers={"lost": lost, "found": found},
        models={"first": {"provider": "lost", "name": "a"}, "second": {"provider": "found", "name": "b"}},
        routing_rules=[
            {
                "name": "both",
                "conditions": [{"type": "keyword_match", "keywords": ["both"]}],
                "action": {"type": "route", "endpoints": ["first", "second"]},
            }
        ],
        default_model="first",
    )

    assert gateway.ask("both").header("x-waypost-model") == "second"
    alone = gateway.ask("hello")
    assert (alone.status, alone.error["code"]) == (503, "provider_unavailable")


def test_the_access_log_holds_neither_query_nor_key(fresh: Fresh, tmp_path: Path) -> None:
    file, log = config(tmp_path), tmp_path / "access.log"
    with subprocess.Popen(
        command("-c", str(file), "--json", "--access-log", str(log)), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = int(json.loads(process.stdout.readline())["listen"].rpartition(":")[2])
        request = (
            f"GET /v1/nothing?key={CANARY} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {CANARY}\r\n\r\n"
        )
        raw(port, request.encode())
        process.terminate()

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert any(line["path"] == "/v1/nothing" and line["status"] == 404 for line in lines)
    assert CANARY not in log.read_text()
