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
        own = r["target"] in {"router", "waypost"}
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
        f"{result['seconds']} s, all targets in turn."
    )


def summary(result: dict[str, Any]) -> str:
    """The figures of a keyword-routed request, as Markdown."""
    rows = {(r["connections"], r["prompt_bytes"], r["target"]): r for r in result["rows"]}
    one, plain, router = (rows[1, 200, name] for name in ("waypost", "envoy", "router"))
    many = rows[32, 200, "waypost"]
    start, idle = result["start"], result["idle_pss_mb"]
    cpu = many["cpu_us"]
    cells = {
        "added at one connection, p50": f"{_ms(one['added_p50_us'])} (plain Envoy {_ms(plain['p50_us'])})",
        "of which the router filter": _ms(router["added_p50_us"]),
        "deciding itself, in process": _ms(result["deciding_us"]["200"]),
        "requests per second at 32 connections": f"{many['requests_per_second']:,.0f}",
        "CPU per request then, worker and Envoy": f"{_ms(cpu['worker'])} and {_ms(cpu['envoy'])}",
        "start to ready": f"{start['ready_seconds']:.1f} s",
        "idle memory, supervisor + worker": f"{idle['supervisor'] + idle['worker']:.0f} MB (PSS)",
    }
    return "\n".join(
        ["| a keyword-routed request | |", "|---|---|", *(f"| {k} | {v} |" for k, v in cells.items())]
    )


def _ms(microseconds: float) -> str:
    return f"{microseconds / 1000:.2f} ms"
