# The part of google-re2 that Waypost uses; the package brings no types.
from collections.abc import Iterator

class error(Exception): ...  # noqa: N801, N818 - the package's own name

class Options:
    log_errors: bool
    case_sensitive: bool

class Match:
    def span(self, group: int = 0) -> tuple[int, int]: ...
    def group(self, group: int = 0) -> bytes: ...

class Pattern:
    def search(self, text: bytes) -> Match | None: ...
    def finditer(self, text: bytes) -> Iterator[Match]: ...

def compile(pattern: str, options: Options | None = None) -> Pattern: ...  # noqa: A001 - the package's own name
