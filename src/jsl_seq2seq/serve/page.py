"""The pages for the browser: files of the package under fixed names, which load nothing from elsewhere.

``/`` is the page, ``/tour/`` the guided tour, chapter by chapter (``tools/build_tour.py`` makes it of
``docs/attention.md``). Their links to each other are relative, so that a site of files can hold them, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files

from fastapi import FastAPI
from starlette.responses import Response

_FILES = {
    "/": ("assets/page/index.html", "text/html; charset=utf-8"),
    "/assets/style.css": ("render/templates/style.css", "text/css; charset=utf-8"),
    "/assets/page.css": ("assets/page/page.css", "text/css; charset=utf-8"),
    "/assets/attention.css": ("assets/page/attention.css", "text/css; charset=utf-8"),
    "/assets/page.js": ("assets/page/page.js", "text/javascript; charset=utf-8"),
    "/assets/attention.js": ("assets/page/attention.js", "text/javascript; charset=utf-8"),
    "/assets/client.js": ("assets/page/client.js", "text/javascript; charset=utf-8"),
    "/assets/tour.css": ("assets/page/tour.css", "text/css; charset=utf-8"),
    "/tour/": ("assets/tour/index.html", "text/html; charset=utf-8"),
    **{
        f"/tour/{number}.html": (f"assets/tour/{number}.html", "text/html; charset=utf-8")
        for number in range(10)
    },
}
"""Path -> file of the package and media type. No other file can be reached, whatever a path contains."""


def add_page(app: FastAPI) -> None:
    """Add a route for each file."""
    for path, (file, media_type) in _FILES.items():
        content = files("jsl_seq2seq").joinpath(file).read_bytes()
        app.add_api_route(path, _answer(content, media_type), include_in_schema=False)


def _answer(content: bytes, media_type: str) -> Callable[[], Awaitable[Response]]:
    async def answer() -> Response:
        # without "no-store", so that the browser's "back" finds the sentence still there, in its memory
        return Response(content, headers={"Content-Type": media_type, "Cache-Control": "no-cache"})

    return answer
