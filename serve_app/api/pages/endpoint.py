"""``GET /shots``, the page to look at, label and analyse a shot, and ``GET /docs``, Swagger UI with the routes.

Their files come from this service, so that both work without the internet and under a policy that lets nothing else
run.
"""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from serve_app.api.auth.middleware import PAGE_HEADERS
from serve_app.api.middleware.trailing_slashes import HAD_SLASH
from serve_app.api.preferences import preferred_language
from serve_app.shots.advice import LANGUAGES, Language

FOLDER: Final = Path(__file__).resolve().parent / "static"
VIEWER: Final = Path(__file__).resolve().parent / "swagger_ui"
POLICY: Final = "Content-Security-Policy"
MEDIA_TYPES: Final = {".css": "text/css", ".js": "text/javascript"}
DOCS_WORDS: Final[dict[Language, dict[str, str]]] = {
    "es": {
        "other": "en",
        "other_name": "English",
        "title": "las rutas",
        "lead": "Qué recibe y qué contesta cada ruta. Abre una y pulsa «Execute»: su ejemplo va a este servicio.",
        "keys": "Si el servicio pide una clave, va la que este navegador ya dio; «Authorize» pone otra.",
        "home": "Inicio",
    },
    "en": {
        "other": "es",
        "other_name": "Español",
        "title": "the routes",
        "lead": "What each route takes and answers. Open one and press “Execute”: its example goes to this service.",
        "keys": "Where the service wants a key, the one that this browser gave goes along; “Authorize” sets another.",
        "home": "Home",
    },
}


async def shots(request: Request) -> Response:
    """A page to look at a keypoints file, label it and have it analysed."""
    return page((FOLDER / "shots.html").read_text(encoding="utf-8"), request)


async def docs(request: Request) -> Response:
    """A page of the routes, with examples to send, in Spanish or English."""
    language = choose_language(request)
    return page(fill_template("docs.html", DOCS_WORDS[language] | {"language": language}), request, language)


def choose_language(request: Request) -> Language:
    """The language of ``?lang=``, or else the browser's."""
    asked = request.query_params.get("lang")
    named = next((language for language in LANGUAGES if language == asked), None)
    return named or preferred_language(request.headers.get("accept-language", ""))


def fill_template(name: str, words: Mapping[str, str]) -> str:
    """A page's text with its ``$words`` replaced."""
    template = Template((FOLDER / name).read_text(encoding="utf-8"))
    return template.substitute({word: escape(value) for word, value in words.items()})


def page(text: str, request: Request, language: Language | None = None) -> Response:
    """A page, with what it tells the browser to refuse; ``language`` is the one that it was translated to."""
    headers = dict(PAGE_HEADERS)
    if language is not None:
        headers |= {"Content-Language": language, "Vary": "Accept-Language"}
    if HAD_SLASH in request.scope:  # its addresses are relative, for the sake of any prefix in front of the service
        text = text.replace("<head>", '<head><base href="../">', 1)
        headers[POLICY] = headers[POLICY].replace("base-uri 'none'", "base-uri 'self'")
    return Response(text, media_type="text/html", headers=headers)


async def file(request: Request) -> Response:
    """One of a page's files; a browser keeps those of the viewer, which are large, for a day."""
    name = request.path_params["file"]
    known = (path for folder in (FOLDER, VIEWER) for path in folder.iterdir())  # no stranger's name becomes a path
    path = next((path for path in known if path.name == name), FOLDER)
    if path.suffix not in MEDIA_TYPES:
        raise HTTPException(404)
    headers = PAGE_HEADERS | ({"Cache-Control": "private, max-age=86400"} if path.parent == VIEWER else {})
    return Response(path.read_bytes(), media_type=MEDIA_TYPES[path.suffix], headers=headers)
