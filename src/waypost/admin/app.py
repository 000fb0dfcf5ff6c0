"""The admin app: what operators and orchestrators ask. No model traffic passes here."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

Children = Callable[[], Mapping[str, Mapping[str, int | None]]]
NotReady = Callable[[], Awaitable[Sequence[str]]]


def create(children: Children, not_ready: NotReady) -> Starlette:
    """The app.

    Args:
        children: process id (None = not running) and restarts of each process.
        not_ready: why traffic would not succeed now; empty = it would.
    """

    def health(_: Request) -> JSONResponse:
        """This process answers; a child that is being restarted makes it degraded, not dead."""
        found = children()
        degraded = any(child["pid"] is None for child in found.values())
        return JSONResponse({"status": "degraded" if degraded else "ok", "children": found})

    async def ready(_: Request) -> JSONResponse:
        reasons = list(await not_ready())
        status = "not_ready" if reasons else "ready"
        return JSONResponse({"status": status, "reasons": reasons}, 503 if reasons else 200)

    return Starlette(routes=[Route("/health", health), Route("/ready", ready)])
