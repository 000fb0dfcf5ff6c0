"""Anthropic's Messages API, in both directions: toward a provider, and from a client."""

from waypost.dialects.anthropic_about import count_tokens, write_count, write_model, write_models
from waypost.dialects.anthropic_inbound import read_request
from waypost.dialects.anthropic_request import write_request
from waypost.dialects.anthropic_response import read_error, read_response, write_error, write_response
from waypost.dialects.anthropic_stream import StreamReader, StreamWriter

__all__ = [
    "StreamReader",
    "StreamWriter",
    "count_tokens",
    "read_error",
    "read_request",
    "read_response",
    "write_count",
    "write_error",
    "write_model",
    "write_models",
    "write_request",
    "write_response",
]
