"""What the encoder benchmark works out from its samples, and how it is told."""

import json
from typing import Any

import numpy as np
import pytest

from bench.encoder import (
    CLIENTS,
    LENGTHS,
    Load,
    Run,
    Sample,
    latency_rows,
    lifelike,
    ratios,
    throughput_rows,
)
from bench.encoder_report import tables
from waypost.train.synth.draw import generator

RIVAL = "ModernBERT-base fp32"


def run() -> Run:
    """Two rounds in which the engine takes a millisecond a token, and the other model ten and twenty."""
    made = Run(gflops=[100.0, 120.0])
    for tokens in LENGTHS:
        for name, rounds in {
            "network": (1, 1),
            "engine": (1, 1),
            "remembered": (0, 0),
            RIVAL: (10, 20),
        }.items():
            seconds = [tokens * each / 1000 for each in rounds]
            made.latency[name, tokens] = [[Sample(each, 2 * each)] * 4 for each in seconds]
    for clients in CLIENTS:
        made.loads[clients] = [Load(100.0 * clients, 0.004, [0.01, 0.02, 0.03])] * 2
    return made


def result(made: Run, rivals: list[str]) -> dict[str, Any]:
    rows = [row for row in latency_rows(made) if row["variant"] != RIVAL or rivals]
    told = {
        "machine": "a processor",
        "instructions": [],
        "cores": 2,
        "python": "3",
        "onnxruntime": "1",
        "rounds": 2,
        "load_average": 0.1,
        "gflops": 110,
        "artefact": {"name": "waypost-encoder", "version": "1"},
        "passes": {tokens: 4 if tokens > 256 else 1 for tokens in LENGTHS},
        "prompts": {"mean_tokens": 57.2, "p95_tokens": 203},
        "start": {"import_seconds": 0.2, "open_seconds": 0.3, "memory_mb": {"open": {"rss": 140.0}}},
        "latency": rows,
        "ratios": ratios(made, rivals),
        "throughput": throughput_rows(made),
    }
    return json.loads(json.dumps(told))


def test_three_passes_are_compared_with_one_answer_round_by_round() -> None:
    row = next(row for row in ratios(run(), [RIVAL]) if row["tokens"] == 128)
    assert (row["ratio"], row["range"]) == (45.0, [30.0, 60.0])


def test_cpu_time_is_a_lower_quartile_and_wall_time_a_median() -> None:
    made = Run()
    made.latency["engine", 16] = [[Sample(n / 1000, n / 100) for n in (1, 2)], [Sample(0.003, 0.03)] * 3]
    assert latency_rows(made) == [
        {"variant": "engine", "tokens": 16, "calls": 5, "cpu_ms": 2.0, "wall_ms": 30.0}
    ]


def test_throughput_is_told_by_number_of_clients() -> None:
    rows = throughput_rows(run())
    assert [(row["clients"], row["requests_per_second"], row["p50_ms"]) for row in rows] == [
        (1, 100.0, 20.0), (8, 800.0, 20.0), (32, 3200.0, 20.0),
    ]  # fmt: skip


def test_prompts_are_as_long_as_real_ones() -> None:
    lengths = generator(1, "test").integers(4, 600, 20_000).tolist()
    chosen = lifelike(lengths, 400)
    found = [lengths[place] for place in chosen]
    assert len(set(chosen)) == 400
    assert np.mean(found) == pytest.approx(57, rel=0.1)
    assert np.quantile(found, 0.95) == pytest.approx(200, rel=0.1)
    assert np.median(found) < 40


def test_tables_name_passes_ratios_and_conditions() -> None:
    told = tables(result(run(), [RIVAL]))
    assert f"| 512 | 4 | 512 | 512 | 0.00 | 1024 | {512 * 10} |" in told
    assert "| 64 | 45 (30 to 60) |" in told
    assert "| open | 140 MB |  |" in told
    assert "110 GFLOP/s" in told


def test_without_other_models_there_are_no_ratios() -> None:
    told = tables(result(run(), []))
    assert "BERT" not in told
    assert "| 64 | 1 | 64.0 | 64.0 | 0.00 | 128 |\n" in told
