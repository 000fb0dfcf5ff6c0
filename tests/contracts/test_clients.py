"""Official SDKs, unmodified, against a server that answers with what the dialects of clients write."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anthropic
import openai
import pytest
from openai.types.responses import ResponseFunctionToolCall, ResponseReasoningItem
from pydantic import BaseModel

from waypost.dialects.anthropic_messages import count_tokens, write_count, write_model, write_models
from waypost.dialects.clients import CLIENTS
from waypost.dialects.sse import DONE, write
from waypost.request.chat import Dialect

PATHS: dict[str, Dialect] = {
    "/v1/responses": "openai_responses",
    "/v1/completions": "openai_completions",
    "/v1/messages": "anthropic_messages",
}
HEAD = {"id": "chatcmpl-1", "created": 7, "model": "m"}
USAGE = {
    "prompt_tokens": 5,
    "completion_tokens": 3,
    "total_tokens": 8,
    "prompt_tokens_details": {"cached_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
CALLS = [
    {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}},
    {"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": ""}},
]


class Model:
    """Says what the test wants; the requests it got are in the neutral form."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.message: dict[str, Any] = {"content": "Hello there."}
        self.reason = "stop"
        self.error: tuple[int, dict[str, Any]] | None = None
        self.is_cut = False

    def whole(self) -> bytes:
        choice = {"index": 0, "message": {"role": "assistant", **self.message}, "finish_reason": self.reason}
        return json.dumps({**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}).encode()

    def chunks(self) -> Iterator[bytes]:
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        for name, value in self.message.items():
            match value:
                case str():
                    deltas += [{name: letter} for letter in value]
                case _ if name == "tool_calls":
                    deltas += list(self._calls(value))
                case _:
                    deltas.append({name: value})
        for delta in deltas:
            yield chunk({"index": 0, "delta": delta, "finish_reason": None})
        if self.is_cut:
            return
        yield chunk({"index": 0, "delta": {}, "finish_reason": self.reason})
        yield write(json.dumps({**HEAD, "choices": [], "usage": USAGE}).encode())
        yield DONE

    def _calls(self, calls: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for index, call in enumerate(calls):
            function = call["function"]
            yield {"tool_calls": [{**call, "index": index, "function": {**function, "arguments": ""}}]}
            for letter in function["arguments"]:
                yield {"tool_calls": [{"index": index, "function": {"arguments": letter}}]}


def chunk(choice: dict[str, Any]) -> bytes:
    return write(json.dumps({**HEAD, "object": "chat.completion.chunk", "choices": [choice]}).encode())


def handler(model: Model) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.partition("?")[0].removeprefix("/v1/models").strip("/")
            self._send(200, write_model(name, 0) if name else write_models(["auto", "claude"], 0))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path.endswith("/count_tokens"):
                self._send(200, write_count(count_tokens(body)))
                return
            form = CLIENTS[PATHS[self.path.partition("?")[0]]]
            inbound = form.read_request(body)
            assert inbound.native is None
            model.asked.append(json.loads(inbound.neutral))
            if model.error:
                status, error = model.error
                self._send(status, form.write_error(status, json.dumps({"error": error}).encode()))
            elif model.asked[-1].get("stream"):
                part = form.stream(body)
                out = b"".join(map(part.feed, model.chunks())) + part.end()
                self._send(200, out, "text/event-stream")
            else:
                self._send(200, form.write_response(model.whole(), body))

        def _send(self, status: int, body: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is theirs
            pass

    return Handler


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def address(model: Model) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(model)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def theirs(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="k", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(address: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=address, api_key="k", max_retries=0) as client:
        yield client


# --- Responses --------------------------------------------------------------------------------------------

WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "description": "d",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}


def test_responses_in_one_piece(theirs: openai.OpenAI, model: Model) -> None:
    response = theirs.responses.create(model="auto", input="hi", instructions="be kind", metadata={"a": "b"})
    assert response.output_text == "Hello there."
    assert (response.status, response.store) == ("completed", False)
    assert response.metadata == {"a": "b"}
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.input_tokens_details.cached_tokens) == (5, 2)
    assert model.asked[0]["messages"][0] == {"role": "system", "content": "be kind"}


def test_responses_as_a_stream(theirs: openai.OpenAI, model: Model) -> None:
    with theirs.responses.create(model="auto", input="hi", stream=True) as stream:
        events = list(stream)
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == "Hello there."
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].type == "response.completed"
    assert model.asked[0]["stream_options"] == {"include_usage": True}


def test_responses_gathered_by_the_sdk(theirs: openai.OpenAI, model: Model) -> None:
    model.message = {
        "reasoning_content": "hm",
        "thinking_blocks": [SIGNED],
        "content": "So.",
        "tool_calls": CALLS,
    }
    model.reason = "tool_calls"
    with theirs.responses.stream(model="auto", input="hi", tools=[WEATHER]) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    assert "response.function_call_arguments.done" in kinds
    assert final.output_text == "So."
    calls = [item for item in final.output if isinstance(item, ResponseFunctionToolCall)]
    assert [(call.call_id, call.arguments) for call in calls] == [
        ("call_1", '{"city":"Rome"}'),
        ("call_2", "{}"),
    ]


def test_a_loop_of_tools_keeps_signed_thoughts(theirs: openai.OpenAI, model: Model) -> None:
    model.message = {"reasoning_content": "hm", "thinking_blocks": [SIGNED], "tool_calls": CALLS}
    model.reason = "tool_calls"
    talk: list[Any] = [{"role": "user", "content": "What is the weather?"}]
    first = theirs.responses.create(model="auto", input=talk, tools=[WEATHER])
    assert any(isinstance(item, ResponseReasoningItem) for item in first.output)
    talk += [item.model_dump(exclude_none=True) for item in first.output]
    talk += [
        {"type": "function_call_output", "call_id": item.call_id, "output": "sunny"}
        for item in first.output
        if isinstance(item, ResponseFunctionToolCall)
    ]
    model.message, model.reason = {"content": "Sunny."}, "stop"
    assert theirs.responses.create(model="auto", input=talk, tools=[WEATHER]).output_text == "Sunny."
    messages = model.asked[1]["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "tool"]
    assert messages[1]["thinking_blocks"] == [SIGNED]
    assert [message["tool_call_id"] for message in messages[2:]] == ["call_1", "call_2"]


class City(BaseModel):
    name: str


def test_an_object_that_was_asked_for(theirs: openai.OpenAI, model: Model) -> None:
    model.message = {"content": '{"name":"Rome"}'}
    parsed = theirs.responses.parse(model="auto", input="hi", text_format=City)
    assert parsed.output_parsed == City(name="Rome")
    assert model.asked[0]["response_format"]["json_schema"]["name"] == "City"


def test_an_incomplete_response(theirs: openai.OpenAI, model: Model) -> None:
    model.reason = "length"
    response = theirs.responses.create(model="auto", input="hi")
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"


def test_a_stream_of_responses_that_ends_early(theirs: openai.OpenAI, model: Model) -> None:
    model.is_cut = True
    with theirs.responses.create(model="auto", input="hi", stream=True) as stream:
        assert [event.type for event in stream][-1] == "error"
    with theirs.responses.stream(model="auto", input="hi") as gathered, pytest.raises(RuntimeError):
        gathered.get_final_response()


def test_errors_of_responses(theirs: openai.OpenAI, model: Model) -> None:
    model.error = 429, {"message": "m", "type": "rate_limit", "param": None, "code": "rate_limit_exceeded"}
    with pytest.raises(openai.RateLimitError) as refused:
        theirs.responses.create(model="auto", input="hi")
    assert refused.value.code == "rate_limit_exceeded"


# --- completions ------------------------------------------------------------------------------------------


def test_completions(theirs: openai.OpenAI, model: Model) -> None:
    completion = theirs.completions.create(model="auto", prompt="hi", max_tokens=9)
    assert (completion.choices[0].text, completion.choices[0].finish_reason) == ("Hello there.", "stop")
    assert completion.usage is not None
    assert completion.usage.total_tokens == 8
    with theirs.completions.create(
        model="auto", prompt="hi", stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == "Hello there."
    assert chunks[-1].usage is not None
    assert model.asked[0]["messages"] == [{"role": "user", "content": "hi"}]


def test_a_stream_of_completions_that_ends_early(theirs: openai.OpenAI, model: Model) -> None:
    model.is_cut = True
    with (
        theirs.completions.create(model="auto", prompt="hi", stream=True) as stream,
        pytest.raises(openai.APIError, match="before it was complete"),
    ):
        list(stream)


# --- Messages ---------------------------------------------------------------------------------------------

ASK: Any = {"role": "user", "content": "hi"}
TOOL: Any = {"name": "weather", "description": "d", "input_schema": WEATHER["parameters"]}


def test_messages(claude: anthropic.Anthropic, model: Model) -> None:
    message = claude.messages.create(model="auto", max_tokens=99, messages=[ASK], system="be kind")
    assert [block.text for block in message.content if block.type == "text"] == ["Hello there."]
    assert (message.stop_reason, message.usage.input_tokens) == ("end_turn", 3)
    with claude.messages.stream(model="auto", max_tokens=99, messages=[ASK]) as stream:
        assert "".join(stream.text_stream) == "Hello there."
        assert stream.get_final_message().usage.output_tokens == 3
    assert model.asked[0]["messages"][0] == {"role": "system", "content": "be kind"}


def test_a_loop_of_tools_with_messages(claude: anthropic.Anthropic, model: Model) -> None:
    model.message = {"reasoning_content": "hm", "thinking_blocks": [SIGNED], "tool_calls": CALLS}
    model.reason = "tool_calls"
    with claude.messages.stream(model="auto", max_tokens=99, messages=[ASK], tools=[TOOL]) as stream:
        first = stream.get_final_message()
    used = [block for block in first.content if block.type == "tool_use"]
    assert [(block.id, block.input) for block in used] == [("call_1", {"city": "Rome"}), ("call_2", {})]
    results: Any = [{"type": "tool_result", "tool_use_id": block.id, "content": "sunny"} for block in used]
    said: Any = first.content
    talk: Any = [ASK, {"role": "assistant", "content": said}, {"role": "user", "content": results}]
    model.message, model.reason = {"content": "Sunny."}, "stop"
    claude.messages.create(model="auto", max_tokens=99, messages=talk, tools=[TOOL])
    assert model.asked[1]["messages"][1]["thinking_blocks"] == [SIGNED]


def test_a_stream_of_messages_that_ends_early(claude: anthropic.Anthropic, model: Model) -> None:
    model.is_cut = True
    with (
        claude.messages.stream(model="auto", max_tokens=99, messages=[ASK]) as stream,
        pytest.raises(anthropic.APIStatusError),
    ):
        stream.get_final_message()


def test_errors_of_messages(claude: anthropic.Anthropic, model: Model) -> None:
    model.error = 529, {"message": "m", "type": "server_error", "param": None, "code": "overloaded"}
    with pytest.raises(anthropic.APIStatusError) as refused:
        claude.messages.create(model="auto", max_tokens=99, messages=[ASK])
    body: Any = refused.value.body
    assert body["error"]["type"] == "overloaded_error"


def test_counts_and_models(claude: anthropic.Anthropic) -> None:
    counted = claude.messages.count_tokens(model="auto", messages=[ASK], system="x" * 398)
    assert counted.input_tokens == 100
    assert [found.id for found in claude.models.list()] == ["auto", "claude"]
    assert claude.models.retrieve("auto").display_name == "auto"
