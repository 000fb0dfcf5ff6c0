"""How the results of the encoder benchmark read, as Markdown."""

from collections.abc import Iterable, Sequence
from typing import Any

OURS = ("network", "engine", "remembered")


def tables(result: dict[str, Any]) -> str:
    """Everything: latency, ratios where there is something to compare with, throughput, start, conditions."""
    parts = [latency(result), ratios(result), throughput(result), start(result), conditions(result)]
    return "\n\n".join(part for part in parts if part)


def latency(result: dict[str, Any]) -> str:
    """CPU time of each variant by length, and how often our network runs for one answer."""
    rows = {(row["variant"], row["tokens"]): row for row in result["latency"]}
    others = [name for name in dict.fromkeys(name for name, _ in rows) if name not in OURS]
    head = ["tokens", "passes", *(f"`{name}`" for name in OURS), "`engine`, wall p50", *others]
    lines = (
        [
            str(tokens),
            str(result["passes"][str(tokens)]),
            *(_ms(rows[name, tokens]["cpu_ms"]) for name in OURS),
            _ms(rows["engine", tokens]["wall_ms"]),
            *(_ms(rows[name, tokens]["cpu_ms"]) for name in others),
        ]
        for tokens in sorted({tokens for _, tokens in rows})
    )
    return _table(head, lines)


def ratios(result: dict[str, Any]) -> str:
    """Three passes of another model for one answer of ours; empty if there was none to compare with."""
    rows = {(row["rival"], row["tokens"]): row for row in result["ratios"]}
    names = list(dict.fromkeys(name for name, _ in rows))
    lines = (
        [str(tokens), *(_ratio(rows[name, tokens]) for name in names)]
        for tokens in sorted({tokens for _, tokens in rows})
    )
    return _table(["tokens", *(f"3 x {name} / `engine`" for name in names)], lines) if names else ""


def throughput(result: dict[str, Any]) -> str:
    """Requests of several clients at a time."""
    head = ["clients", "requests/s", "CPU ms per request", "p50 ms", "p95 ms"]
    lines = (
        [
            str(row["clients"]),
            f"{row['requests_per_second']:,.0f}",
            *(_ms(row[name]) for name in ("cpu_ms", "p50_ms", "p95_ms")),
        ]
        for row in result["throughput"]
    )
    return _table(head, lines)


STAGES = {
    "python": "Python",
    "imported": "with the engine imported",
    "open": "open",
    "used": "after 500 tokens",
}


def start(result: dict[str, Any]) -> str:
    """Cold start, and memory at its stages."""
    told = result["start"]
    begun = (
        f"A fresh process imports the engine in {told['import_seconds']:.2f} s and opens it in "
        f"{told['open_seconds']:.2f} s."
    )
    lines = (
        [STAGES[stage], _mb(sizes, "rss"), _mb(sizes, "pss")] for stage, sizes in told["memory_mb"].items()
    )
    return f"{begun}\n\n{_table(['memory', 'resident', 'proportional'], lines)}"


def conditions(result: dict[str, Any]) -> str:
    """Where and how it was measured."""
    prompts, artefact = result["prompts"], result["artefact"]
    instructions = ", ".join(result["instructions"]) or "unknown instructions"
    return (
        f"Measured on {result['machine']}, {result['cores']} cores with {instructions}, one thread of which "
        f"multiplies matrices of 32-bit floats at {result['gflops']:.0f} GFLOP/s. {artefact['name']} "
        f"{artefact['version']}, onnxruntime {result['onnxruntime']}, Python {result['python']}, "
        f"{result['rounds']} rounds, all variants in every round; load {result['load_average']} before. The "
        f"clients' prompts have {prompts['mean_tokens']:.0f} tokens on average, one in twenty more than "
        f"{prompts['p95_tokens']}."
    )


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _mb(sizes: dict[str, float], kind: str) -> str:
    return f"{sizes[kind]:.0f} MB" if kind in sizes else ""


def _ratio(row: dict[str, Any]) -> str:
    low, high = row["range"]
    return f"{row['ratio']:.0f} ({low:.0f} to {high:.0f})"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *lines))
