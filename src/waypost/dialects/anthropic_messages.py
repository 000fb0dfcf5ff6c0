"""Anthropic's Messages API, in both directions: toward a provider, and from a client."""

from waypost.dialects.anthropic_inbound import read_request
from waypost.dialects.anthropic_request import write_request
from waypost.dialects.anthropic_response import read_error, read_response, write_error, write_response
from waypost.dialects.anthropic_stream import StreamReader, StreamWriter

__all__ = [
    "StreamReader",
    "StreamWriter",
    "read_error",
    "read_request",
    "read_response",
    "write_error",
    "write_request",
    "write_response",
]
