"""What of a client's request only a provider of the client's own form can serve.

Rule 1: a member that is not read is never passed over in silence, unless it says nothing.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from waypost.dialects.strict import one_case

UNREAD: Final = "native"
"""Type of a part that stands in the neutral form for content left out of it: nobody can read it there."""

_IDENT: Final = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_SEALED: Final = re.compile(r"[A-Za-z0-9+/=_.-]+", re.ASCII)
_PATH_NAME: Final = re.compile(r"[A-Za-z_$][\w$-]{0,63}", re.ASCII)


class Native:
    """Collects it while a request is read.

    Attributes:
        param: JSON path of the first; None = there is none.
        is_mixed: see `forms.Inbound`.
    """

    def __init__(self) -> None:
        self.param: str | None = None
        self.is_mixed = False

    def add(self, where: str) -> None:
        """What stands there is for a provider of the client's own form."""
        self.param = self.param or where

    def beyond(self, value: Mapping[str, Any], read: Collection[str], where: str = "") -> None:
        """Add the members of an object that are not read.

        Args:
            value: the object.
            read: names of those that are.
            where: its JSON path; empty for the request itself.

        Raises:
            RequestError: 400; a key differs from one that is read only in case.
        """
        one_case(value, read)
        for name, item in value.items():
            if name not in read and not is_nothing(item):
                shown = name if _PATH_NAME.fullmatch(name) else "*"
                self.add(f"{where}.{shown}" if where else shown)

    def unless(self, value: object, words: Collection[object], where: str) -> None:
        """Add a value that is none of these words."""
        if not is_nothing(value) and value not in words:
            self.add(where)

    def unless_ident(self, value: object, where: str) -> None:
        """Add a value that is no identifier: one says nothing to a reader, and names nothing elsewhere."""
        if not is_nothing(value) and not (isinstance(value, str) and _IDENT.fullmatch(value)):
            self.add(where)

    def unless_sealed(self, value: object, where: str) -> None:
        """Add a value that is not what a provider sealed, one long word, but may be a text."""
        if not is_nothing(value) and not (isinstance(value, str) and _SEALED.fullmatch(value)):
            self.add(where)


def is_nothing(value: object) -> bool:
    """Whether a member might as well not be there."""
    return value in (None, False, "", [], {})
