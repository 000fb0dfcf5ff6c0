"""How the results of the router benchmark read: the whole table, and what a first reader wants to know."""

from collections.abc import Iterator
from typing import Any

HEAD = ("c", "prompt", "target", "requests/s", "p50 ms", "p99 ms", "added p50 ms", "added p99 ms")


def table(result: dict[str, Any]) -> str:
    """Every row, as Markdown."""
    head = (*HEAD, "CPU µs: Envoy", "CPU µs: worker")
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *_lines(result)))


def _lines(result: dict[str, Any]) -> Iterator[list[str]]:
    for r in result["rows"]:
        own = "worker" in r["cpu_us"]
        yield [
            str(r["connections"]),
            f"{r['prompt_bytes']:,} B",
            f"`{r['target']}`",
            f"{r['requests_per_second']:,.0f}",
            f"{r['p50_us'] / 1000:.2f}",
            f"{r['p99_us'] / 1000:.2f}",
            f"{r['added_p50_us'] / 1000:.2f}" if own else "",
            f"{r['added_p99_us'] / 1000:.2f}" if own else "",
            f"{r['cpu_us']['envoy']:.0f}" if r["cpu_us"] else "",
            f"{r['cpu_us']['worker']:.0f}" if own else "",
        ]


def conditions(result: dict[str, Any]) -> str:
    """Where and how it was measured, in one sentence."""
    return (
        f"{result['machine']}, Python {result['python']}, medians of {result['rounds']} rounds of "
        f"{result['seconds']} s, all targets in every round."
    )


def summary(result: dict[str, Any]) -> str:
    """The figures of a keyword-routed request, as Markdown: one column per front."""
    rows = {(r["connections"], r["prompt_bytes"], r["target"]): r for r in result["rows"]}
    plain = rows[1, 200, "envoy"]
    titles = {"h2": "`waypost serve`", "grpc": "over gRPC, for an Envoy elsewhere"}
    columns = [list(_figures(rows, result["idle_pss_mb"], front)) for front in titles]
    alike = (
        f"Plain Envoy answers in {_ms(plain['p50_us'])} (p50). Deciding itself takes "
        f"{_ms(result['deciding_us']['200'])}; start to ready {result['start']['ready_seconds']:.1f} s."
    )
    head = ["| a keyword-routed request | " + " | ".join(titles.values()) + " |", "|---|---|---|"]
    lines = zip(LABELS, *columns, strict=True)
    return "\n".join([*head, *(f"| {' | '.join(cells)} |" for cells in lines), "", alike])


LABELS = (
    "added at one connection, p50",
    "of which the router filter",
    "requests per second at 32 connections",
    "CPU per request then, worker and Envoy",
    "idle memory, supervisor and worker (PSS)",
)


def _figures(rows: dict[Any, Any], idle: dict[str, Any], front: str) -> Iterator[str]:
    one, router, many = rows[1, 200, front], rows[1, 200, f"{front} router"], rows[32, 200, front]
    yield _ms(one["added_p50_us"])
    yield _ms(router["added_p50_us"])
    yield f"{many['requests_per_second']:,.0f}"
    yield f"{_ms(many['cpu_us']['worker'])}, {_ms(many['cpu_us']['envoy'])}"
    yield f"{idle[front]['supervisor'] + idle[front]['worker']:.0f} MB"


def _ms(microseconds: float) -> str:
    return f"{microseconds / 1000:.2f} ms"


def keywords(result: dict[str, Any]) -> str:
    """The keyword benchmark, as Markdown."""
    size = f"{result['keywords']:,} keywords over {result['text_bytes'] // 1024} KB"
    head = [f"| {size} | characters | hits | CPU ms |", "|---|---|---|---|"]
    cells = (
        (r["case"], f"{r['characters']:,}", str(r["hits"]), f"{r['cpu_us'] / 1000:.2f}")
        for r in result["rows"]
    )
    return "\n".join([*head, *(f"| {' | '.join(each)} |" for each in cells)])


def streams(result: dict[str, Any]) -> str:
    """The benchmark of streamed answers, as Markdown."""
    head = [
        "| an answer, chunk by chunk | CPU µs, median | least | times `json.loads` |",
        "|---|---|---|---|",
    ]
    cells = (
        (r["way"], f"{r['cpu_us']:.1f}", f"{r['least_us']:.1f}", f"{r['to_json']:.1f}")
        for r in result["rows"]
    )
    told = f"{result['machine']}, Python {result['python']}, {result['rounds']} rounds"
    load = f"load {result['load_average']} before"
    return "\n".join(
        [*head, *(f"| {' | '.join(each)} |" for each in cells), "", f"Measured on {told}; {load}."]
    )
