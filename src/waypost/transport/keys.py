"""Which credential is whose turn, who is to be left alone for a while, and who was not there.

What one process remembers of providers: bounded, lost with it. Not for use by several threads.
"""

import logging
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from waypost.mutations.target import Target
from waypost.providers.provider import Endpoint, Provider, Secret
from waypost.providers.refusals import Reason

log: Final = logging.getLogger(__name__)

LIMITED_SECONDS: Final = 5.0
"""How long a key that is over its limit is left alone, where the provider does not say."""

MOST_SECONDS: Final = 60.0
"""How long at most where nothing else is said; and how often a refusal is told."""

ABSENT_SECONDS: Final = 300.0
"""How long a model counts as absent that its provider did not know."""

CHECK_SECONDS: Final = 1.0
"""How often the file of a credential is looked at, at most."""

MAX_SECRET_BYTES: Final = 16 * 1024
_MOST: Final = 4096

Clock = Callable[[], float]
"""Seconds that only grow, such as `time.monotonic`."""

Resting = Callable[[str, float], None]
"""Hears a provider's name, and for how many seconds none of its credentials should be used."""


@dataclass(slots=True)
class _Seen:
    """A file as it was last looked at.

    Attributes:
        checked: when.
        stamp: what changes when the file does, as of `text`.
        text: last good value; empty = there was none yet.
        broken: the file as it is cannot be used.
    """

    checked: float
    stamp: tuple[int, int, int] | None = None
    text: str = ""
    broken: bool = False


class SecretFiles:
    """Credentials in files, each read again when it changes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    def read(self, path: str) -> str:
        """The credential; a file that cannot be used leaves the last good one; empty = there was none."""
        now = self._clock()
        seen = self._seen.get(path)
        if seen is None:
            seen = self._seen[path] = _Seen(now - CHECK_SECONDS)
            if len(self._seen) > _MOST:
                self._seen.popitem(last=False)
        if now - seen.checked >= CHECK_SECONDS:
            seen.checked = now
            self._look(path, seen)
        return seen.text

    def _look(self, path: str, seen: _Seen) -> None:
        try:
            found = Path(path).stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp == seen.stamp and not seen.broken:
                return
            seen.text = _secret(Path(path))
            seen.stamp, seen.broken = stamp, False
        except (OSError, ValueError) as error:
            if not seen.broken:
                wrong = error.strerror if isinstance(error, OSError) else error
                kept = "the last good one stays in use" if seen.text else "there is no other"
                log.error("the credential in %s cannot be used: %s; %s", path, wrong, kept)  # noqa: TRY400
            seen.broken = True


def _secret(file: Path) -> str:
    with file.open("rb") as stream:
        text = stream.read(MAX_SECRET_BYTES + 1).strip()
    if len(text) > MAX_SECRET_BYTES:
        raise ValueError("it is too long")
    if not text or not all(b"!"[0] <= byte <= b"~"[0] for byte in text):
        raise ValueError("it is empty, or holds what a header cannot carry")
    return text.decode("ascii")


class Keys:
    """Whose turn it is among the credentials of each provider.

    A credential is known by its text, so one that was replaced begins anew.
    """

    def __init__(
        self, clock: Clock, resting: Resting | None = None, most_seconds: float = MOST_SECONDS
    ) -> None:
        """Begin knowing nothing.

        Args:
            clock: of this process.
            resting: is told whenever a credential is to be left alone.
            most_seconds: how long one is left alone that is refused or unpaid, and any other at most.
        """
        self._clock = clock
        self._most = most_seconds
        self._resting = resting
        self._files = SecretFiles(clock)
        self._until: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def pick(self, target: Target) -> str | None:
        """The first credential that need not be left alone, in clear text; else the one that is ready first.

        Returns:
            None where the provider has none that could be read.
        """
        provider = target.endpoint.provider
        texts = self._texts(provider)
        return min(texts, key=lambda text: self._rest(provider, target.model, text), default=None)

    def told(
        self,
        target: Target,
        status: int,
        wait: float | None = None,
        *,
        key: str | None = None,
        reason: Reason | None = None,
    ) -> None:
        """Remember how a provider answered.

        Args:
            target: who was asked.
            status: of the answer.
            wait: seconds that the provider wants to be left alone; None = it named none.
            key: what it was asked with; None = its only one, or nobody knows.
            reason: why it refused, as far as its answer was read.
        """
        provider = target.endpoint.provider
        if status == HTTPStatus.NOT_FOUND:
            if self._put((provider.name, _ABSENT, target.model), ABSENT_SECONDS):
                log.warning("provider %r does not know model %r", provider.name, target.model)
            return
        texts = self._texts(provider) or ("",)
        used = key if key is not None else texts[0] if len(texts) == 1 else None
        rest = _rest(status, wait, reason)
        if used is None or rest is None:
            return
        seconds, whole = rest
        self._put((provider.name, _EVERY if whole else target.model, used), min(seconds, self._most))
        if self._resting is not None:
            self._resting(provider.name, self.cooling(target.endpoint))
        is_refused = status in _REFUSED or reason == "credential"
        if is_refused and self._put((provider.name, _ALARM, used), MOST_SECONDS):
            which = f"key {texts.index(used) + 1} of {len(texts)}" if used in texts and used else "requests"
            log.error("provider %r refuses %s (status %d)", provider.name, which, status)

    def cooling(self, endpoint: Endpoint) -> float:
        """Seconds until any key of an endpoint need not be left alone; 0 = one is ready."""
        texts = self._texts(endpoint.provider) or ("",)
        return min(self._rest(endpoint.provider, endpoint.model, text) for text in texts)

    def is_absent(self, endpoint: Endpoint) -> bool:
        """Whether its provider did not know the model lately."""
        return self._left((endpoint.provider.name, _ABSENT, endpoint.model)) > 0

    def _texts(self, provider: Provider) -> tuple[str, ...]:
        read = (
            each.reveal() if isinstance(each, Secret) else self._files.read(each.path)
            for each in provider.account.keys
        )
        return tuple(text for text in read if text)

    def _rest(self, provider: Provider, model: str, text: str) -> float:
        return max(self._left((provider.name, scope, text)) for scope in (model, _EVERY))

    def _left(self, entry: tuple[str, str, str]) -> float:
        return max(0.0, self._until.get(entry, 0.0) - self._clock())

    def _put(self, entry: tuple[str, str, str], seconds: float) -> bool:
        """Whether it is news."""
        is_new = self._left(entry) <= 0
        self._until[entry] = self._clock() + seconds
        self._until.move_to_end(entry)
        if len(self._until) > _MOST:
            self._until.popitem(last=False)
        return is_new


_EVERY: Final = "\0every"
_ABSENT: Final = "\0absent"
_ALARM: Final = "\0alarm"
"""In the place of a model, whose name holds no such character."""

_BUSY: Final = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, 529})
_REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


def _rest(status: int, wait: float | None, reason: Reason | None) -> tuple[float, bool] | None:
    """How long a key is left alone, and whether for every model; None = it is not."""
    if status == HTTPStatus.UNAUTHORIZED or reason == "credential":
        return math.inf, True
    if status == HTTPStatus.PAYMENT_REQUIRED or reason == "quota":
        return math.inf, True
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return LIMITED_SECONDS if wait is None else wait, False
    if status in _BUSY and wait is not None:
        return wait, False
    return None
