"""The page in the browser: a small server on this machine for one person."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.models.pictures import png_of
from imgedit_gym.play.session import Session, overlay

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

LONGEST_BODY = 4096
"""Longest body of a request in bytes."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "connect-src 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
}
_HOSTS = ["127.0.0.1", "localhost"]
"""Names under which the page may be asked for, so that no other site can reach it through a name of its own."""


def build_app(session: Session) -> Starlette:
    """The application that serves one session.

    Handlers run one after the other on the server's loop: a session has one state.

    Raises:
        ImgEditError: If the extra ``play`` is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.middleware import Middleware
        from starlette.middleware.trustedhost import TrustedHostMiddleware
        from starlette.responses import JSONResponse, Response
        from starlette.routing import Route
    except ImportError as error:
        raise ImgEditError(
            f"the page needs starlette and uvicorn: pip install imgedit-gym[play]; or use --terminal ({error})"
        ) from None

    page = files("imgedit_gym.play").joinpath("page.html").read_text(encoding="utf-8")

    async def show_page(request: Request) -> Response:
        return Response(page, media_type="text/html", headers=_HEADERS)

    async def show_state(request: Request) -> Response:
        return JSONResponse(session.state(), headers=_HEADERS)

    async def show_picture(request: Request) -> Response:
        return Response(png_of(session.picture(request.path_params["which"])), media_type="image/png", headers=_HEADERS)

    async def show_region(request: Request) -> Response:
        mask = session.mask(request.path_params["region"])
        return Response(png_of(overlay(mask)), media_type="image/png", headers=_HEADERS)

    def doing(what: Callable[[dict[str, Any]], str]) -> Callable[[Request], Any]:
        async def handle(request: Request) -> Response:
            said = what(await _read(request))
            return JSONResponse({**session.state(), "said": said}, headers=_HEADERS)

        return handle

    async def refuse(request: Request, error: Exception) -> Response:
        return JSONResponse({"refused": str(error)}, status_code=400, headers=_HEADERS)

    def act(body: dict[str, Any]) -> str:
        session.act(_text(body, "tool"), _whole(body, "region"))
        return ""

    def undo(body: dict[str, Any]) -> str:
        session.undo()
        return "Took one step back."

    def start(body: dict[str, Any]) -> str:
        session.start(_whole(body, "seed") if body.get("seed") is not None else None)
        return ""

    def keep(body: dict[str, Any]) -> str:
        return f"Saved: {session.keep()} in {session.path}."

    return Starlette(
        routes=[
            Route("/", show_page),
            Route("/state", show_state),
            Route("/picture/{which:str}.png", show_picture),
            Route("/region/{region:int}.png", show_region),
            *(Route(f"/{what.__name__}", doing(what), methods=["POST"]) for what in (act, undo, start, keep)),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS)],
        exception_handlers={ImgEditError: refuse},
    )


def serve(session: Session, port: int) -> None:
    """Serve a session on this machine until it is interrupted.

    Args:
        session: What is played.
        port: Port on the loopback address; 0 for any that is free. The address is printed.

    Raises:
        ImgEditError: If the port cannot be had, or the extra ``play`` is not installed.
    """
    import socket

    app = build_app(session)
    import uvicorn

    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        listening.close()
        raise ImgEditError(f"--port: expected a free port; {port}: {error.strerror}") from None
    print(f"Open http://127.0.0.1:{listening.getsockname()[1]} in a browser; Ctrl+C ends it.", flush=True)
    with listening:
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])


async def _read(request: Request) -> dict[str, Any]:
    """The JSON object of a request. Its type is asked for, as pages of other sites cannot send it unasked."""
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise ImgEditError("expected a body of type application/json")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_BODY:
            raise ImgEditError(f"expected a body of at most {LONGEST_BODY} bytes")
    try:
        found = json.loads(bytes(body))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ImgEditError("expected a JSON object")
    return found


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise ImgEditError(f"{name}: expected text; found {value!r}")
    return value


def _whole(body: dict[str, Any], name: str) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ImgEditError(f"{name}: expected a whole number; found {value!r}")
    return value
