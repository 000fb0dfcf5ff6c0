"""The admin app: what operators and orchestrators ask. No model traffic passes here."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from waypost.observe.metrics import CONTENT_TYPE

_FRESH: Final = {"cache-control": "no-store"}

Children = Callable[[], Mapping[str, Mapping[str, int | None]]]
NotReady = Callable[[], Awaitable[Sequence[str]]]
Told = Callable[[], Awaitable[Mapping[str, object]]]
Page = Callable[[], Awaitable[bytes]]


def create(children: Children, not_ready: NotReady, providers: Told, metrics: Page) -> Starlette:
    """The app.

    Args:
        children: process id (None = not running) and restarts of each process.
        not_ready: why traffic would not succeed now; empty = it would.
        providers: how each provider does.
        metrics: all of them, in the text format of Prometheus.
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

    async def how_providers_do(_: Request) -> JSONResponse:
        return JSONResponse(await providers(), headers=_FRESH)

    async def show_metrics(_: Request) -> Response:
        return Response(await metrics(), media_type=CONTENT_TYPE, headers=_FRESH)

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/ready", ready),
            Route("/api/v1/providers", how_providers_do),
            Route("/metrics", show_metrics),
        ]
    )
