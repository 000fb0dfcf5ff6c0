"""What a keyword-routed request costs over plain Envoy, in one run on one machine.

    make bench                            # or: python -m bench.router --rounds 5 --seconds 3
    make bench BENCH=--write              # also bench/results/router.json; `make docs` draws tables from it

Every round measures all targets, in another order, so that what the machine does besides hits all alike:

- `direct`        the mock upstream itself: shows that it is not the limit
- `envoy`         plain Envoy, one listener, one cluster, no ext_proc
- `grpc`, `h2`    `waypost serve` with both filters, its worker served by grpc.aio or by the HTTP/2 front
- `grpc router`, `h2 router`    the same worker and Envoy configuration without the upstream filter: what the
  router filter costs

`added` is the median over rounds of the difference to `envoy` in the same round. Nothing here asserts a time.
"""

import argparse
import http.client
import json
import os
import platform
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from bench.report import table
from waypost.config.load import load
from waypost.config.settings import Address
from waypost.dialects.openai_chat import parse
from waypost.envoy.binary import find_envoy
from waypost.envoy.resources import Wiring, static_bootstrap
from waypost.journey import route
from waypost.testing.playbook import drive

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "router.json"
SERVE = (sys.executable, "-m", "waypost.cli", "serve")
FRONTS = ("grpc", "h2")
CASES = ((1, 200), (1, 8000), (32, 200), (32, 8000))
"""Connections, and bytes of prompt."""

CONFIG = """\
listen: 127.0.0.1:{listen}
admin: 127.0.0.1:{admin}
state_dir: {state}
providers:
  onprem: {{kind: vllm, base_url: "http://127.0.0.1:{upstream}/v1", zone: internal, api_key: bench}}
  cloud: {{kind: openai_compatible, base_url: "http://127.0.0.1:{upstream}/v1", api_key: bench}}
models:
  inside: {{provider: onprem, name: model-inside}}
  general: {{provider: cloud, name: model-general}}
routing_rules:
  - name: stays-inside
    conditions:
      - {{type: keyword_match, keywords: [internal, confidential, account, trading, procedures]}}
    action: {{type: route, endpoint: inside, boundary: internal, reasoning: Financial terms}}
default_model: general
"""


@dataclass(frozen=True, slots=True)
class Target:
    """Something wrk is pointed at, and the processes that work for it."""

    name: str
    port: int
    pids: dict[str, int]


@dataclass(frozen=True, slots=True)
class Sample:
    """One wrk run. CPU is user and system time per request, by process, in microseconds."""

    requests_per_second: float
    p50_us: float
    p99_us: float
    errors: int
    cpu_us: dict[str, float]


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def running(command: Sequence[str | Path], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def get(port: int, path: str) -> int:
    """Status, or 0 when nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def post(port: int, body: bytes) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        response = connection.getresponse()
        response.read()
        return response.status, dict(response.getheaders())
    except (OSError, http.client.HTTPException):
        return 0, {}
    finally:
        connection.close()


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"{process.args} did not come up:\n{log.read_text()}")
        time.sleep(0.002)


def children(parent: int) -> Iterator[tuple[int, list[str]]]:
    """Processes below `parent`, with their command lines."""
    for file in Path(f"/proc/{parent}/task").glob("*/children"):
        for pid in map(int, file.read_text().split()):
            yield pid, Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
            yield from children(pid)


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss_mb(pid: int) -> float:
    """Proportional set size: shared pages are divided among those that share them."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def prompt(size: int) -> bytes:
    """A chat body whose user message has about `size` bytes; the keyword stands at the end."""
    end = "Who may change our internal procedures?"
    text = ("The quick brown fox jumps over the lazy dog. " * (size // 45 + 1))[: size - len(end)] + end
    return json.dumps({"model": "auto", "messages": [{"role": "user", "content": text}]}).encode()


def passthrough(listen: int, upstream: int) -> dict[str, Any]:
    """Plain Envoy: one listener, one cluster, defaults."""
    kind = "type.googleapis.com/envoy.extensions.filters."
    route = {"match": {"prefix": "/"}, "route": {"cluster": "provider", "timeout": "0s"}}
    manager = {
        "@type": kind + "network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "plain",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": kind + "http.router.v3.Router", "suppress_envoy_headers": True},
            }
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    endpoint = {"endpoint": {"address": address(upstream)}}
    cluster = {
        "name": "provider",
        "connect_timeout": "5s",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "provider", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    listener = {"name": "main", "address": address(listen), "filter_chains": [{"filters": filters}]}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def router_only(config: Path, listen: int, run_dir: Path) -> dict[str, Any]:
    """What `waypost serve` gives its Envoy, less the upstream filter, with the same worker behind it."""
    loaded = load([config], os.environ)
    settings = replace(loaded.settings, listen=Address("127.0.0.1", listen))
    wiring = Wiring(f"unix:{run_dir}/router.sock", f"unix:{run_dir}/upstream.sock", ca_file="")
    document = static_bootstrap(loaded.policy, settings, wiring)
    names = {provider.cluster for provider in loaded.policy.providers.values()}
    for cluster in document["static_resources"]["clusters"]:
        if cluster["name"] in names:
            protocol = next(iter(cluster["typed_extension_protocol_options"].values()))
            protocol["http_filters"] = [f for f in protocol["http_filters"] if "codec" in f["name"]]
    return document


def wrk(target: Target, connections: int, body: Path, seconds: int) -> Sample:
    before = {name: cpu_seconds(pid) for name, pid in target.pids.items()}
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", HERE / "chat.lua",
         f"http://127.0.0.1:{target.port}/v1/chat/completions"],
        env={**os.environ, "BODY_FILE": str(body)},
        check=True, capture_output=True, text=True, timeout=seconds + 30,
    )  # fmt: skip
    told = json.loads(done.stdout.splitlines()[-1])
    cpu = {name: cpu_seconds(pid) - before[name] for name, pid in target.pids.items()}
    return Sample(
        told["requests"] / told["seconds"],
        told["p50_us"],
        told["p99_us"],
        told["errors"],
        {name: spent / told["requests"] * 1e6 for name, spent in cpu.items()},
    )


def deciding_us(config: Path, body: bytes) -> float:
    """Parse the body and decide, in process, transport apart: best of five."""

    def nothing(need: object) -> NoReturn:
        sys.exit(f"a keyword rule asked for {need}")

    policy = load([config], os.environ).policy
    runs = timeit.repeat(lambda: drive(route(policy, parse(body)), nothing), number=500, repeat=5)
    return min(runs) / 500 * 1e6


def starts(folder: Path, upstream: int, count: int) -> dict[str, float]:
    """Seconds from `exec` to ready, and to the first answer."""
    ready, answered = [], []
    for number in range(count):
        config, listen, admin = write_config(folder / f"start{number}", upstream)
        log, began = folder / f"start{number}.log", time.monotonic()
        with running([*SERVE, "-c", config], log) as process:
            until(lambda admin=admin: get(admin, "/ready") == 200, process, log)
            ready.append(time.monotonic() - began)
            until(lambda listen=listen: post(listen, prompt(200))[0] == 200, process, log)
            answered.append(time.monotonic() - began)
    return {"ready_seconds": statistics.median(ready), "first_answer_seconds": statistics.median(answered)}


def write_config(folder: Path, upstream: int) -> tuple[Path, int, int]:
    folder.mkdir()
    listen, admin = free_ports(2)
    file = folder / "waypost.yaml"
    file.write_text(CONFIG.format(listen=listen, admin=admin, upstream=upstream, state=folder / "state"))
    return file, listen, admin


@dataclass(frozen=True, slots=True)
class Stage:
    """Starts what is measured and knows where its files are."""

    folder: Path
    upstream: int
    stack: ExitStack

    def start(self, command: Sequence[str | Path], name: str, port: int, path: str = "/") -> int:
        """Run it until it answers; its pid."""
        log = self.folder / f"{name}.log"
        process = self.stack.enter_context(running(command, log))
        wanted = {200} if path == "/ready" else {200, 404}
        until(lambda: get(port, path) in wanted, process, log)
        return process.pid

    def envoy(self, document: dict[str, Any], name: str, port: int) -> int:
        """An Envoy with this bootstrap, and as many threads as `waypost serve` gives its own."""
        file = self.folder / f"{name}.json"
        file.write_text(json.dumps(document))
        options = [
            "--concurrency",
            str(min(2, os.cpu_count() or 1)),
            "--use-dynamic-base-id",
            "--log-level",
            "warning",
        ]
        return self.start([find_envoy(), "-c", file, *options], name, port)

    def plain(self) -> Target:
        """Plain Envoy."""
        (port,) = free_ports(1)
        return Target("envoy", port, {"envoy": self.envoy(passthrough(port, self.upstream), "envoy", port)})

    def waypost(self, front: str) -> tuple[Target, Target, int]:
        """Router filter alone, both filters, and the supervisor's pid."""
        config, listen, admin = write_config(self.folder / front, self.upstream)
        run_dir = self.folder / f"{front}-run"
        command = [*SERVE, "-c", config, "--front", front, "--run-dir", run_dir]
        serve = self.start(command, front, admin, "/ready")
        below = dict(children(serve))
        worker = next(pid for pid, words in below.items() if "extproc" in words)
        envoy = next(pid for pid, words in below.items() if "envoy" in Path(words[0]).name)
        (port,) = free_ports(1)
        alone = self.envoy(router_only(config, port, run_dir), f"{front}-router", port)
        return (
            Target(f"{front} router", port, {"envoy": alone, "worker": worker}),
            Target(front, listen, {"envoy": envoy, "worker": worker}),
            serve,
        )


def measure(
    all_targets: list[Target], bodies: dict[int, Path], rounds: int, seconds: int
) -> list[dict[str, Any]]:
    rows = []
    for connections, size in CASES:
        samples: dict[str, list[Sample]] = {target.name: [] for target in all_targets}
        for number in range(rounds):
            for target in random.Random(number).sample(all_targets, len(all_targets)):
                sample = wrk(target, connections, bodies[size], seconds)
                if sample.errors:
                    sys.exit(f"{target.name}: {sample.errors} requests failed")
                samples[target.name].append(sample)
            print(f"c={connections} {size} B: round {number + 1} of {rounds}", file=sys.stderr)
        rows += [row(connections, size, name, of, samples["envoy"]) for name, of in samples.items()]
    return rows


def row(connections: int, size: int, name: str, of: list[Sample], base: list[Sample]) -> dict[str, Any]:
    def middle(values: Iterator[float]) -> float:
        return round(statistics.median(values), 1)

    pairs = list(zip(of, base, strict=True))
    return {
        "connections": connections,
        "prompt_bytes": size,
        "target": name,
        "requests_per_second": middle(s.requests_per_second for s in of),
        "p50_us": middle(s.p50_us for s in of),
        "p99_us": middle(s.p99_us for s in of),
        "added_p50_us": middle(s.p50_us - b.p50_us for s, b in pairs),
        "added_p50_us_range": [
            min(s.p50_us - b.p50_us for s, b in pairs),
            max(s.p50_us - b.p50_us for s, b in pairs),
        ],
        "added_p99_us": middle(s.p99_us - b.p99_us for s, b in pairs),
        "cpu_us": {process: middle(s.cpu_us[process] for s in of) for process in of[0].cpu_us},
    }


def main() -> None:
    """Measure, print the table, keep the numbers if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.relative_to(HERE.parent)}")
    options = parser.parse_args()
    for tool in ("wrk", "cc"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is needed; `make bench` installs it on Debian")
    with tempfile.TemporaryDirectory() as name:
        result = run(Path(name), options)
    print(table(result))
    print(json.dumps({key: value for key, value in result.items() if key != "rows"}, indent=2))
    if options.write:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(result, indent=1) + "\n")


def run(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    mock = folder / "mock_upstream"
    subprocess.run(["cc", "-O2", "-o", mock, HERE / "mock_upstream.c"], check=True)
    bodies = {size: folder / f"{size}.json" for _, size in CASES}
    for size, file in bodies.items():
        file.write_bytes(prompt(size))
    (upstream,) = free_ports(1)
    with ExitStack() as stack:
        stage = Stage(folder, upstream, stack)
        direct = Target("direct", upstream, {})
        stage.start([mock, str(upstream)], "mock", upstream)
        start = starts(folder, upstream, options.starts)
        plain, idle, targets = stage.plain(), {}, []
        for front in FRONTS:
            router, both, supervisor = stage.waypost(front)
            targets += [router, both]
            status, headers = post(both.port, prompt(200))
            if (status, headers.get("x-waypost-decision")) != (200, "stays-inside"):
                sys.exit(f"waypost answered {status} {headers}: not the request that is to be measured")
            time.sleep(2)  # idle means that nothing of the first request is left
            idle[front] = {"supervisor": pss_mb(supervisor)} | {n: pss_mb(p) for n, p in both.pids.items()}
        rows = measure([direct, plain, *targets], bodies, options.rounds, options.seconds)
    return {
        "machine": f"{os.cpu_count()} shared {platform.machine()} cores, Linux",
        "python": platform.python_version(),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "start": {name: round(value, 3) for name, value in start.items()},
        "idle_pss_mb": {f: {n: round(mb, 1) for n, mb in of.items()} for f, of in idle.items()},
        "deciding_us": {
            str(size): round(deciding_us(folder / FRONTS[0] / "waypost.yaml", prompt(size)), 1)
            for size in bodies
        },
        "rows": rows,
    }


if __name__ == "__main__":
    main()
