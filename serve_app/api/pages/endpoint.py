"""``GET /shots``, the page to look at, label and judge a shot, and ``GET /docs``, the routes for people.

Their files are all our own and come from this service, so that both work without the internet and under a policy that
lets nothing else run.
"""

from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from serve_app.api.auth.middleware import PAGE_HEADERS
from serve_app.api.middleware.trailing_slashes import HAD_SLASH

FOLDER: Final = Path(__file__).resolve().parent / "static"
POLICY: Final = "Content-Security-Policy"
MEDIA_TYPES: Final = {
    "docs.css": "text/css",
    "docs.js": "text/javascript",
    "home.css": "text/css",
    "shots.css": "text/css",
    "shots.js": "text/javascript",
    "shots_draw.js": "text/javascript",
    "shots_words.js": "text/javascript",
}


async def shots(request: Request) -> Response:
    """The page of shots."""
    return page("shots.html", request)


async def docs(request: Request) -> Response:
    """The page of the routes."""
    return page("docs.html", request)


def page(name: str, request: Request) -> Response:
    """A page, with what it tells the browser to refuse."""
    text, headers = (FOLDER / name).read_text(), PAGE_HEADERS
    if HAD_SLASH in request.scope:  # its addresses are relative, for the sake of any prefix in front of the service
        text = text.replace("<head>", '<head><base href="../">', 1)
        headers = headers | {POLICY: headers[POLICY].replace("base-uri 'none'", "base-uri 'self'")}
    return Response(text, media_type="text/html", headers=headers)


async def file(request: Request) -> Response:
    """One of a page's own files."""
    name = request.path_params["file"]
    if name not in MEDIA_TYPES:
        raise HTTPException(404)
    return Response((FOLDER / name).read_bytes(), media_type=MEDIA_TYPES[name], headers=PAGE_HEADERS)
