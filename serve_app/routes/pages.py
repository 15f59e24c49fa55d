"""``GET /shots``, the page to look at, label and judge a shot, and ``GET /docs``, the routes for people.

Their files are all our own and come from this service, so that both work without the internet and under a policy that
lets nothing else run.
"""

from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from serve_app.security import PAGE_HEADERS

FOLDER: Final = Path(__file__).resolve().parent.parent / "pages"
MEDIA_TYPES: Final = {
    "docs.css": "text/css",
    "docs.js": "text/javascript",
    "shots.css": "text/css",
    "shots.js": "text/javascript",
    "shots_draw.js": "text/javascript",
    "shots_words.js": "text/javascript",
}


async def shots(_: Request) -> Response:
    """The page of shots."""
    return page("shots.html")


async def docs(_: Request) -> Response:
    """The page of the routes."""
    return page("docs.html")


def page(name: str) -> Response:
    """A page, with what it tells the browser to refuse."""
    return Response((FOLDER / name).read_bytes(), media_type="text/html", headers=PAGE_HEADERS)


async def file(request: Request) -> Response:
    """One of a page's own files."""
    name = request.path_params["file"]
    if name not in MEDIA_TYPES:
        raise HTTPException(404)
    return Response((FOLDER / name).read_bytes(), media_type=MEDIA_TYPES[name], headers=PAGE_HEADERS)
