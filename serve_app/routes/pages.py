"""``GET /shots``: the page to look at, label and judge a shot. It lives here, beside ``/analyze``, which it asks."""

from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

FOLDER: Final = Path(__file__).resolve().parent.parent / "pages"
MEDIA_TYPES: Final = {
    "shots.css": "text/css",
    "shots.js": "text/javascript",
    "shots_draw.js": "text/javascript",
    "shots_words.js": "text/javascript",
}
HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
        " frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
}


async def shots(_: Request) -> Response:
    """The page."""
    return Response((FOLDER / "shots.html").read_bytes(), media_type="text/html", headers=HEADERS)


async def shots_file(request: Request) -> Response:
    """One of the page's own files."""
    name = request.path_params["file"]
    if name not in MEDIA_TYPES:
        raise HTTPException(404)
    return Response((FOLDER / name).read_bytes(), media_type=MEDIA_TYPES[name], headers=HEADERS)
