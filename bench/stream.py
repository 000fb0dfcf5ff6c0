"""CPU of a streamed answer, chunk by chunk: passing in the client's form, and translated into it.

    python -m bench.stream --rounds 15
    python -m bench.stream --write        # also bench/results/stream.json; `make docs` draws a table from it

Each chunk is one event with a few words, as providers send them, and goes through what the router filter puts
together for such an answer: reader, tap and writer. What carries a chunk to the filter and back is not in it
(`bench.fronts`). Every round measures all ways, in another order, beside `json`: reading the words from a
chunk of OpenAI's with `json.loads` and nothing else, which says how fast this machine is at the moment.

Nothing here asserts a time.
"""

import argparse
import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.keywords import machine
from bench.report import streams
from waypost.answering import Answering
from waypost.dialects import sse
from waypost.dialects.foreign import Reply
from waypost.request.chat import ChatRequest, Dialect

RESULTS = Path(__file__).parent / "results" / "stream.json"
CHUNKS = 400
"""Events with text in one answer."""
WORDS = ("The ", "rate ", "of ", "the ", "loan ", "is ", '"fixed" ', "at ", "4.25 % ", "für ", "ten years.\n")
WAYS: Mapping[str, tuple[Dialect, Dialect]] = {
    "OpenAI passes": ("openai_chat", "openai_chat"),
    "Anthropic passes": ("anthropic_messages", "anthropic_messages"),
    "Responses passes": ("openai_responses", "openai_responses"),
    "Anthropic to OpenAI": ("anthropic_messages", "openai_chat"),
    "Gemini to OpenAI": ("gemini", "openai_chat"),
    "OpenAI to Anthropic": ("openai_chat", "anthropic_messages"),
    "OpenAI to Responses": ("openai_chat", "openai_responses"),
    "Gemini to Anthropic": ("gemini", "anthropic_messages"),
    "Anthropic to Responses": ("anthropic_messages", "openai_responses"),
}
"""Form of the provider, form of the client."""
YARDSTICK = "json"


def event(value: object, name: str = "") -> bytes:
    return sse.write(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(), name)


def texts() -> list[str]:
    rng = random.Random(7)
    return ["".join(rng.choices(WORDS, k=rng.randint(1, 3))) for _ in range(CHUNKS)]


def openai() -> list[bytes]:
    def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event({**head, "choices": [choice], "usage": None})

    head = {
        "id": "chatcmpl-CaF4hT2m9QxYw1LZbKpVnR7s",
        "object": "chat.completion.chunk",
        "created": 1790000000,
        "model": "gpt-4o-mini-2024-07-18",
        "service_tier": "default",
        "system_fingerprint": "fp_7fcd609668",
    }
    usage = {"prompt_tokens": 20, "completion_tokens": 900, "total_tokens": 920}
    return [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": text}) for text in texts()),
        chunk({}, "stop"),
        event({**head, "choices": [], "usage": usage}),
        sse.DONE,
    ]


def anthropic() -> list[bytes]:
    def told(kind: str, **more: object) -> bytes:
        return event({"type": kind, **more}, kind)

    message = {"id": "msg_01XFDUDYJgAACzvnptvVoYEL", "type": "message", "role": "assistant", "content": []}
    usage = {"input_tokens": 20, "output_tokens": 1}
    return [
        told("message_start", message={**message, "model": "claude", "stop_reason": None, "usage": usage}),
        told("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *(told("content_block_delta", index=0, delta={"type": "text_delta", "text": t}) for t in texts()),
        told("content_block_stop", index=0),
        told("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 900}),
        told("message_stop"),
    ]


def gemini() -> list[bytes]:
    def chunk(text: str, **more: str) -> bytes:
        counts = {"promptTokenCount": 20, "candidatesTokenCount": 900, "totalTokenCount": 920}
        candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0, **more}
        told = {"candidates": [candidate], "usageMetadata": counts, "modelVersion": "gemini-2.5-flash"}
        return event({**told, "responseId": "aGVsbG8gd29ybGQ"}).replace(b"\n", b"\r\n")

    return [*map(chunk, texts()), chunk("", finishReason="STOP")]


def responses() -> list[bytes]:
    def told(kind: str, **more: object) -> bytes:
        numbers[0] += 1
        return event({"type": kind, "sequence_number": numbers[0], **more}, kind)

    numbers = [-1]
    response = {"id": "resp_68d5", "object": "response", "status": "in_progress", "usage": None, "output": []}
    usage = {"input_tokens": 20, "output_tokens": 900, "total_tokens": 920}
    where = {"item_id": "msg_68d5c5f1b0c48190", "output_index": 0, "content_index": 0}
    return [
        told("response.created", response=response),
        *(told("response.output_text.delta", **where, delta=text, logprobs=[]) for text in texts()),
        told("response.completed", response={**response, "status": "completed", "usage": usage}),
    ]


SPOKEN: Mapping[Dialect, Callable[[], list[bytes]]] = {
    "openai_chat": openai,
    "anthropic_messages": anthropic,
    "gemini": gemini,
    "openai_responses": responses,
}


def answering(spoken: Dialect, asked: Dialect) -> Answering:
    body = json.dumps({"model": "auto", "stream": True, "messages": [], "input": "Hi"}).encode()
    request = ChatRequest(asked, body, "auto", stream=True)
    usage = asked != "openai_chat" or spoken != "openai_chat"
    reply = Reply("auto", "chatcmpl-waypost-1", 1790000000, include_usage=usage)
    return Answering(spoken, request, reply, drops_usage=not usage)


def way(spoken: Dialect, asked: Dialect) -> Callable[[], float]:
    """One answer that goes this way: CPU microseconds a chunk with text."""
    events = SPOKEN[spoken]()
    first = next(n for n, one in enumerate(events) if b"delta" in one or b"parts" in one)

    def run() -> float:
        stream = answering(spoken, asked).stream()
        for one in events[:first]:
            stream.feed(one)
        began = time.thread_time()
        for one in events[first : first + CHUNKS]:
            stream.feed(one)
        spent = time.thread_time() - began
        rest = b"".join([*map(stream.feed, events[first + CHUNKS :]), stream.end()])
        assert stream.tap.outcome == "complete", rest  # noqa: S101  a figure of a failed answer is none
        return spent / CHUNKS * 1e6

    return run


def parsing() -> float:
    """The yardstick, likewise."""
    events = [one[len(b"data: ") :] for one in openai()[1 : CHUNKS + 1]]
    began = time.thread_time()
    for one in events:
        json.loads(one)
    return (time.thread_time() - began) / CHUNKS * 1e6


def measure(rounds: int) -> list[dict[str, Any]]:
    """Medians over rounds; the ratio is that of the same round."""
    runs = {YARDSTICK: parsing} | {name: way(*forms) for name, forms in WAYS.items()}
    samples: dict[str, list[float]] = {name: [] for name in runs}
    rng = random.Random(7)
    for n in range(rounds + 1):
        for name in rng.sample(list(runs), len(runs)):
            sample = runs[name]()
            if n:  # the first round warms up
                samples[name].append(sample)
    return [row(name, samples[name], samples[YARDSTICK]) for name in runs]


def row(name: str, microseconds: list[float], yardstick: list[float]) -> dict[str, Any]:
    """What is told of one way."""
    ratios = [mine / other for mine, other in zip(microseconds, yardstick, strict=True)]
    return {
        "way": name,
        "cpu_us": round(statistics.median(microseconds), 1),
        "least_us": round(min(microseconds), 1),
        "to_json": round(statistics.median(ratios), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--write", action="store_true", help=f"also write {RESULTS.name}")
    options = parser.parse_args()
    result = {
        "benchmark": "stream",
        "chunks": CHUNKS,
        "rounds": options.rounds,
        "machine": machine(),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "rows": measure(options.rounds),
    }
    print(streams(result))
    if options.write:
        RESULTS.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
