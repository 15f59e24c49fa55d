"""The form that asks a browser's user for an API key, and the cookie in which the browser keeps it until it is closed.

A page's scripts and styles can't be fetched with a header of ours, so a browser has to send the key by itself. Whoever
doesn't accept ``text/html`` never meets this: programs send headers. ``middleware.py`` calls it for rejected requests.

HTTP Basic would be less code, but browsers send it with other sites' requests too, and ask for a user name besides.
"""

import base64
import hashlib
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs, quote, unquote_to_bytes

from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response

from serve_app.api.middleware.trailing_slashes import HAD_SLASH
from serve_app.errors import Forbidden, Unauthorized

COOKIE: Final = "helen_key"
FORM_TYPE: Final = "application/x-www-form-urlencoded"
MAX_FORM_BYTES: Final = 4096
STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:24rem;margin:15vh auto;padding:0 1rem;color:#1c2430}"
    "input,button{font:inherit;width:100%;box-sizing:border-box;padding:.6rem;margin-top:.5rem;"
    "border:1px solid #b9c2cf;border-radius:.4rem}button{background:#b4470e;color:#fff;border:0}.bad{color:#b3261e}"
)
PAGE: Final = """<!doctype html>
<html lang="es"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Helen</title><style>{style}</style></head>
<body><h1>Helen</h1><form method="post">
<label for="key">Clave de acceso <span lang="en">(API key)</span></label>
<input id="key" name="key" type="password" autocomplete="current-password" required autofocus>
<button>Entrar <span lang="en">(continue)</span></button>{message}</form></body></html>
"""
WRONG: Final = '<p class="bad" role="alert">Esa clave no vale. <span lang="en">That is not one of the keys.</span></p>'
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}';"
        " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers post the form with the Origin null
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
}


def get_cookie_key(connection: HTTPConnection) -> bytes:
    """The key that a browser was given, or nothing."""
    return unquote_to_bytes(connection.cookies.get(COOKIE, ""))


def is_browser(connection: HTTPConnection) -> bool:
    """Whether somebody looks at a page: programs don't ask for HTML by name."""
    return "text/html" in connection.headers.get("accept", "")


async def respond_with_login(
    request: Request, rejection: Unauthorized | Forbidden, is_key: Callable[[bytes], bool]
) -> Response:
    """The form, with the rejection's status; where the request is the form filled in with a key, the way back with it.

    The cookie is out of reach for scripts and stays away from requests that other sites cause.
    """
    if request.method == "POST" and request.headers.get("content-type", "").partition(";")[0].strip() == FORM_TYPE:
        given = await read_form_key(request)
        if is_key(given):
            cookie = f"{COOKIE}={quote(given, safe='')}; Path=/; HttpOnly; SameSite=Strict"
            if request.scope["scheme"] == "https":  # its url would read the query too, which need be no text
                cookie += "; Secure"
            # A relative address, so that it leads back through any proxy in front.
            back = "." if HAD_SLASH in request.scope else request.scope["path"].rpartition("/")[2] or "."
            return Response(status_code=303, headers={"Location": quote(back, safe=""), "Set-Cookie": cookie})
        rejection = Forbidden("Invalid API key.")
    page = PAGE.format(style=STYLE, message=WRONG if isinstance(rejection, Forbidden) else "")
    return Response(page, status_code=rejection.status, media_type="text/html", headers=HEADERS)


async def read_form_key(request: Request) -> bytes:
    """The field ``key`` of a posted form; nothing where the form is larger than a key can be."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_FORM_BYTES:
                return b""
    except ClientDisconnect:
        return b""
    return parse_qs(body.decode("latin-1")).get("key", [""])[0].strip().encode()
